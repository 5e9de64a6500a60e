"""The tally: how often what happened, as numbers that can be added up over workers.

    tally = Tally()          fits `ports.Meter`
    tally.counts()           {(family, label, label ...): number}, a plain value; `added` makes one of many

Labels are the names of rules, reasons, factors, actions, countries and realms: a configuration or this program knows
them all, so there are only so many, whatever clients do. What stays out: names and texts for those who read the numbers
(doors), and everything about a single caller, which is the journal's.
"""

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from typing import Final, assert_never

from mfa_gateway.core import entrance
from mfa_gateway.core.account import Factor
from mfa_gateway.core.ceremony import (
    Action,
    Begun,
    Challenged,
    Delivery,
    Done,
    Failed,
    Foretold,
    Limited,
    Listed,
    NotSent,
    Outcome,
    Printed,
    Proven,
    Sent,
    Stock,
    Windows,
)
from mfa_gateway.core.verdict import Pass, Refuse, Verdict
from mfa_gateway.engine.journal import is_new_ban

Counts = Mapping[tuple[str, ...], float]

# Seconds. An open route is judged in microseconds, a window in one trip to a store nearby; `store.timeout` is 0.1.
BOUNDS: Final = (0.00001, 0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0)


class Tally:
    """Counts in memory."""

    def __init__(self) -> None:
        self._counts: defaultdict[tuple[str, ...], float] = defaultdict(int)
        self._passes: defaultdict[str, int] = defaultdict(int)
        self._latencies = [0] * (len(BOUNDS) + 1)
        self._seconds = 0.0

    def judged(self, verdict: Verdict, seconds: float) -> None:
        """One call was judged."""
        self._latencies[bisect_left(BOUNDS, seconds)] += 1
        self._seconds += seconds
        if isinstance(verdict, Pass):
            self._passes[verdict.rule.name] += 1
            if verdict.overruled is not None:
                self._overruled(verdict.overruled)
        else:
            self._refused(verdict)

    def _refused(self, refusal: Refuse) -> None:
        self._counts["verdicts", _rule(refusal), "refuse", refusal.reason.value] += 1
        if is_new_ban(refusal.reason, refusal.retry_after_ms):
            self._counts["bans", "call"] += 1

    def _overruled(self, refusal: Refuse) -> None:
        realm = refusal.caller.account.realm if refusal.caller is not None else ""
        self._counts["shadow_refusals", _rule(refusal), refusal.reason.value, realm] += 1
        if is_new_ban(refusal.reason, refusal.retry_after_ms):
            self._counts["bans", "call"] += 1

    def performed(self, action: Action, outcome: Outcome) -> None:
        """One ceremony came to its outcome."""
        match outcome:
            case Done() | Listed() | Stock() | Begun() | Challenged() | Proven() | Windows() | Printed() | Foretold():
                self._counts["ceremonies", action.value, "done"] += 1
            case Failed():
                self._counts["ceremonies", action.value, outcome.reason.value] += 1
                if is_new_ban(outcome.reason, outcome.retry_after_ms):
                    self._counts["bans", "ceremony"] += 1
            case _ as never:
                assert_never(never)

    def received(self, action: str, outcome: entrance.Outcome) -> None:
        """One errand at the entrance came to its outcome."""
        if not isinstance(outcome, entrance.Turned):
            self._counts["entrance", action, "done"] += 1
            return
        self._counts["entrance", action, outcome.denial.value] += 1
        if outcome.begins_ban:
            self._counts["bans", "entrance"] += 1

    def dispatched(self, factor: Factor, delivery: Delivery) -> None:
        """One code was sent, or not."""
        self._counts["sends", factor.value, _fate(delivery)] += 1

    def stopped(self, country: str) -> None:
        """A country is written to no more, for a while."""
        self._counts["sending_stops", country] += 1

    def counts(self) -> dict[tuple[str, ...], float]:
        """Everything counted so far."""
        counts: dict[tuple[str, ...], float] = {**self._counts, ("judging_sum",): self._seconds}
        counts.update((("verdicts", rule, "pass", ""), number) for rule, number in self._passes.items())
        counts.update((("judging_bucket", str(place)), number) for place, number in enumerate(self._latencies))
        return counts


class Uncounted:
    """A meter for those who want no numbers."""

    def judged(self, verdict: Verdict, seconds: float) -> None:
        """Let it go."""

    def performed(self, action: Action, outcome: Outcome) -> None:
        """Let it go."""

    def received(self, action: str, outcome: entrance.Outcome) -> None:
        """Let it go."""

    def dispatched(self, factor: Factor, delivery: Delivery) -> None:
        """Let it go."""

    def stopped(self, country: str) -> None:
        """Let it go."""


UNCOUNTED: Final = Uncounted()


def added(several: Iterable[Counts]) -> dict[tuple[str, ...], float]:
    """The sum of counts, as of several workers."""
    total: Counter[tuple[str, ...]] = Counter()
    for counts in several:
        total.update(counts)
    return dict(total)


def _rule(refusal: Refuse) -> str:
    return refusal.rule.name if refusal.rule is not None else ""


def _fate(delivery: Delivery) -> str:
    match delivery:
        case Sent():
            return "sent"
        case NotSent():
            return "failed"
        case Limited():
            return "limited"
        case _ as never:
            assert_never(never)
