"""Metrics: the numbers of the engine in the text format that Prometheus reads.

One table says what each family is called, what it means and how its labels are named. What stays out: counting
(engine.tally), adding up workers, and the address where this is served (health).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import accumulate
from typing import Final

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from mfa_gateway.engine.tally import BOUNDS, Counts

CONTENT_TYPE: Final = CONTENT_TYPE_LATEST.encode()

_PREFIX: Final = "mfa_gateway"


@dataclass(frozen=True, slots=True)
class Family:
    """What one counted family is for its readers."""

    meaning: str
    labels: tuple[str, ...] = ()


FAMILIES: Final[Mapping[str, Family]] = {
    "verdicts": Family(
        "Judged calls. A rule of none stands for refusals before any rule.", ("rule", "verdict", "reason")
    ),
    "shadow_refusals": Family("Calls that a rule with enforce: false let through.", ("rule", "reason", "realm")),
    "ceremonies": Family("Ceremonies by outcome: done, or the reason why not.", ("action", "outcome")),
    "entrance": Family("What visitors asked for, by outcome: done, or the reason why not.", ("action", "outcome")),
    "sends": Family("Codes to be sent: sent, failed or limited.", ("factor", "outcome")),
    "sending_stops": Family("Times that too few redeemed codes stopped messages to a country.", ("country",)),
    "bans": Family("Bans that a wrong code brought, in a call or in a ceremony.", ("during",)),
    "store_trips": Family("Round trips to the store."),
    "store_commands": Family("Commands on those trips."),
    "store_failures": Family("Trips without an answer. After one, the store is left alone for a second."),
    "near_hits": Family("Calls whose standing was remembered here, so that the store was not asked."),
    "worker_deaths": Family("Workers that ended by themselves and were replaced."),
    "reloads": Family("Reloads of the configuration: done or refused.", ("outcome",)),
}


def exposition(counts: Counts, gauges: Mapping[str, float]) -> bytes:
    """The text of `/metrics`. `gauges` are values that go up and down, by name."""
    registry = CollectorRegistry()
    registry.register(_Collected([*_counters(counts), _latency(counts), *_gauges(gauges)]))
    return generate_latest(registry)


class _Collected(Collector):
    """Families that were collected already."""

    def __init__(self, families: list[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterator[Metric]:
        yield from self._families


def _counters(counts: Counts) -> Iterator[Metric]:
    for name, family in FAMILIES.items():
        metric = CounterMetricFamily(f"{_PREFIX}_{name}", family.meaning, labels=family.labels)
        for (found, *labels), number in sorted(counts.items()):
            if found == name:
                metric.add_metric(labels, number)
        if not metric.samples and not family.labels:
            metric.add_metric((), 0)
        yield metric


def _latency(counts: Counts) -> Metric:
    numbers = [counts.get(("judging_bucket", str(place)), 0) for place in range(len(BOUNDS) + 1)]
    bounds = [*map(str, BOUNDS), "+Inf"]
    metric = HistogramMetricFamily(f"{_PREFIX}_judging_seconds", "How long verdicts took, trips to the store included.")
    metric.add_metric((), list(zip(bounds, accumulate(numbers), strict=True)), counts.get(("judging_sum",), 0))
    return metric


def _gauges(gauges: Mapping[str, float]) -> Iterator[Metric]:
    for name, value in gauges.items():
        yield GaugeMetricFamily(f"{_PREFIX}_{name}", f"{name.replace('_', ' ').capitalize()}.", value=value)
