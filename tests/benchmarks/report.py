"""The report: medians, spread, and ratios to the first rival that merely forwards."""

import os
import platform
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Final

from tests.benchmarks.load import LEAST_BUSY, Measured

_YARDSTICK: Final = "Traefik, forwarding plainly"


@dataclass(frozen=True, slots=True)
class Report:
    """What was measured, by case, and under which circumstances."""

    measured: Mapping[str, Sequence[Measured]]
    hardware: Mapping[str, str]
    rounds: int
    seconds: float

    @property
    def is_valid(self) -> bool:
        """Whether every case has a round in which the contender's core was busy."""
        return all(any(one.counts for one in runs) for runs in self.measured.values())

    def raw(self) -> dict[str, object]:
        """Everything, for a JSON file."""
        cases = {name: [asdict(one) for one in runs] for name, runs in self.measured.items()}
        return {"hardware": dict(self.hardware), "rounds": self.rounds, "seconds": self.seconds, "cases": cases}

    def table(self) -> str:
        """A table for people, in Markdown."""
        return "\n".join(self._lines()) + "\n"

    def _lines(self) -> Iterator[str]:
        yield f"{self.hardware['cpu']}, Python {self.hardware['python']}, {self.rounds} rounds of {self.seconds:g} s"
        yield ""
        yield "| | requests/s | spread | of Traefik | p99 | CPU a request | core busy |"
        yield "|---|--:|--:|--:|--:|--:|--:|"
        for name, runs in self.measured.items():
            yield self._line(name, [one for one in runs if one.counts], runs)

    def _line(self, name: str, counted: Sequence[Measured], runs: Sequence[Measured]) -> str:
        busy, cpu = median(one.busy for one in runs), median(one.cpu_us for one in runs)
        if not counted:
            return f"| {name} | core less than {LEAST_BUSY:.0%} busy | | | | {cpu:.1f} µs | {busy:.0%} |"
        rate = _rate(counted)
        spread = f"{min(one.rate for one in counted):,.0f} to {max(one.rate for one in counted):,.0f}"
        p99 = median(one.p99_ms for one in counted)
        return f"| {name} | {rate:,.0f} | {spread} | {self._ratio(rate)} | {p99:.1f} ms | {cpu:.1f} µs | {busy:.0%} |"

    def _ratio(self, rate: float) -> str:
        yardstick = [one for one in self.measured.get(_YARDSTICK, ()) if one.counts]
        return f"{rate / _rate(yardstick):.2f}" if yardstick else ""


def _rate(runs: Sequence[Measured]) -> float:
    return median(one.rate for one in runs)


def hardware() -> dict[str, str]:
    """What this ran on."""
    return {"cpu": _cpu(), "cores": str(os.cpu_count()), "python": platform.python_version()}


def _cpu() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown")
