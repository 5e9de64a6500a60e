"""Promises: which ratios must hold, and which did in a run.

A ratio counts only if both cores were busy; where one was not, the promise is neither held nor broken. The ratio of the
processor time that a request took is shown beside it: it says what is left where others were at work on the machine.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from tests.benchmarks.figures import Cases, Ratio, added_waits, by_processor_time, largest_memory, ratio
from tests.benchmarks.gates import LUA
from tests.benchmarks.ours import BARE, EMPTY, GRACE, OPEN, OURS
from tests.benchmarks.rivals import CADDY, DIRECT, ENVOY, NGINX, TRAEFIK


class State(StrEnum):
    """What became of a promise."""

    HELD = "held"
    BROKEN = "not held"
    UNCOUNTED = "not counted"
    UNMEASURED = "not measured"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a promise.

    Attributes:
        found: a ratio with its spread; "" where nothing counts.
        guess: what it would be by processor time, which strangers on a core do not change.
    """

    title: str
    bar: str
    found: str
    guess: str
    state: State


@dataclass(frozen=True, slots=True)
class Promise:
    """A ratio, its bar, and on which side of it the ratio has to be. `estimate` is the ratio by processor time."""

    title: str
    bar: float
    find: Callable[[Cases], Ratio | None]
    estimate: Callable[[Cases], float | None] = lambda _: None
    is_most: bool = False

    def outcome(self, cases: Cases) -> Outcome:
        """Look whether it holds."""
        bar = f"at {'most' if self.is_most else 'least'} {self.bar:g}"
        found, estimate = self.find(cases), self.estimate(cases)
        guess = "" if estimate is None else f"{estimate:.2f}"
        if found is None:
            return Outcome(self.title, bar, "", guess, State.UNCOUNTED if guess else State.UNMEASURED)
        holds = found.value <= self.bar if self.is_most else found.value >= self.bar
        spread = f"{found.value:.2f} ({found.low:.2f} to {found.high:.2f})"
        return Outcome(self.title, bar, spread, guess, State.HELD if holds else State.BROKEN)


def _rates(title: str, bar: float, case: str, one: str, other: str) -> Promise:
    return Promise(
        title,
        bar,
        lambda cases: ratio(cases, case, one, other),
        lambda cases: by_processor_time(cases, case, one, other),
    )


def _memory(cases: Cases) -> Ratio | None:
    most = largest_memory(cases, "accounts", OURS)
    return None if most is None else Ratio(most, most, most)


PROMISES: Final[Sequence[Promise]] = (
    _rates("protected route in grace, against Traefik forwarding plainly", 1.0, "small", GRACE, TRAEFIK),
    _rates("the same against Envoy forwarding plainly", 1.0, "small", GRACE, ENVOY),
    _rates("the same against Caddy forwarding plainly", 1.5, "small", GRACE, CADDY),
    _rates("the same against nginx + Lua + Redis as a gate", 0.5, "small", GRACE, LUA),
    _rates("open route against our own forwarding without a gate", 0.95, "small", OPEN, BARE),
    _rates("protected route in grace against open route", 0.85, "small", GRACE, OPEN),
    _rates("forward-auth checks against uvicorn and an empty application", 0.6, "checks", OURS, EMPTY),
    _rates("10 MiB answers, in grace, against nginx", 0.5, "10m", GRACE, NGINX),
    Promise(
        "added median latency at 1 connection, in grace, against nginx's",
        1.5,
        lambda cases: added_waits(cases, one=GRACE, other=NGINX, none=DIRECT),
        is_most=True,
    ),
    Promise("resident memory of a worker, near cache full (MiB)", 150, _memory, is_most=True),
)


def outcomes(cases: Cases) -> list[Outcome]:
    """What became of every promise."""
    return [promise.outcome(cases) for promise in PROMISES]
