"""Figures: what was measured, by case and by whoever was asked, and ratios between two of them.

A ratio is that of the medians; its spread is that of the ratios of single rounds, in which both were asked within
seconds of each other. A round in which somebody's core was not busy does not count for it. What stays out: how figures
look (report, chart) and which ratios are promised (promises).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final

from tests.benchmarks.cases import QUESTIONS
from tests.benchmarks.load import Measured

# None: that round met trouble.
Runs = Sequence[Measured | None]
Cases = Mapping[str, Mapping[str, Runs]]
Figure = Callable[[Measured], float]


def rate(one: Measured) -> float:
    """Requests a second."""
    return one.rate


def cpu(one: Measured) -> float:
    """Processor time of a request, in microseconds."""
    return one.cpu_us


@dataclass(frozen=True, slots=True)
class Ratio:
    """One figure over another, with the least and the greatest of single rounds."""

    value: float
    low: float
    high: float


def counted(case: str, runs: Runs) -> list[Measured]:
    """The rounds that count."""
    is_waiting = QUESTIONS[case].is_waiting
    return [one for one in runs if one is not None and (is_waiting or one.is_busy)]


def middle(case: str, runs: Runs, figure: Figure = rate) -> float | None:
    """The median of the rounds that count."""
    good = counted(case, runs)
    return median(figure(one) for one in good) if good else None


def ratio(cases: Cases, case: str, one: str, other: str, *, figure: Figure = rate) -> Ratio | None:
    """One's figure over another's, or None where either has none."""
    runs, others = cases.get(case, {}).get(one, ()), cases.get(case, {}).get(other, ())
    above, below = middle(case, runs, figure), middle(case, others, figure)
    if above is None or not below:
        return None
    pairs = zip(runs, others, strict=False)
    both = [counted(case, [mine]) + counted(case, [theirs]) for mine, theirs in pairs]
    rounds = [figure(pair[0]) / figure(pair[1]) for pair in both if len(pair) == 2]
    value = above / below
    return Ratio(value, min(rounds, default=value), max(rounds, default=value))


def by_processor_time(cases: Cases, case: str, one: str, other: str) -> float | None:
    """What the ratio of rates would be if both cores had been busy all the time: that of the other's time to one's.

    An estimate, for pairs of which somebody could not be kept busy.
    """
    found = [[run.cpu_us for run in cases.get(case, {}).get(who, ()) if run is not None] for who in (one, other)]
    return median(found[1]) / median(found[0]) if all(found) and median(found[0]) else None


_LEAST_WAIT_MS: Final = 0.001


def added_waits(cases: Cases, *, one: str, other: str, none: str) -> Ratio | None:
    """What one adds to the median wait at one connection over what another adds; `none` is the API without a proxy."""
    runs = [cases.get("one", {}).get(who, ()) for who in (one, other, none)]
    rounds = []
    for row in zip(*runs, strict=False):
        if all(run is not None for run in row):
            mine, theirs, plain = (run.p50_ms for run in row if run is not None)
            rounds.append((mine - plain) / max(theirs - plain, _LEAST_WAIT_MS))
    return Ratio(median(rounds), min(rounds), max(rounds)) if rounds else None


def largest_memory(cases: Cases, case: str, who: str) -> float | None:
    """The most memory that somebody had after any round, in MiB."""
    return max((run.resident_mib for run in cases.get(case, {}).get(who, ()) if run is not None), default=None)
