"""The report of a run: its circumstances, a table for each case, which promises held. Raw as JSON, or in Markdown."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from statistics import median
from typing import Any, Final, Self

from tests.benchmarks.cases import QUESTIONS
from tests.benchmarks.figures import Cases, Runs, counted, middle, ratio
from tests.benchmarks.load import LEAST_BUSY, Measured
from tests.benchmarks.ours import GRACE, OURS
from tests.benchmarks.promises import outcomes

# The rest of the core's work is the system's own, on behalf of the proxy: interrupts are nobody's.
_LEAST_OWN: Final = 0.8


@dataclass(frozen=True, slots=True)
class Circumstances:
    """Where, when and with what a run was made. `skipped` says why somebody was not asked."""

    machine: Mapping[str, str]
    versions: Mapping[str, str]
    date: str
    rounds: int
    seconds: int
    skipped: Mapping[str, str] = field(default_factory=dict)
    troubles: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Report:
    """What was measured, by case and whoever was asked, and under which circumstances."""

    cases: Cases
    about: Circumstances

    @property
    def is_valid(self) -> bool:
        """Whether everybody has a round in every case that counts."""
        return all(counted(case, runs) for case, rows in self.cases.items() for runs in rows.values())

    def raw(self) -> dict[str, Any]:
        """Everything, for a JSON file."""
        cases = {
            case: {who: [None if one is None else asdict(one) for one in runs] for who, runs in rows.items()}
            for case, rows in self.cases.items()
        }
        return {**asdict(self.about), "cases": cases}

    @classmethod
    def of_raw(cls, raw: Mapping[str, Any]) -> Self:
        """What `raw` gave."""
        cases = {
            case: {who: [None if one is None else Measured(**one) for one in runs] for who, runs in rows.items()}
            for case, rows in raw["cases"].items()
        }
        return cls(cases, Circumstances(**{name: value for name, value in raw.items() if name != "cases"}))

    def markdown(self) -> str:
        """For people."""
        parts = [[self.circumstances()], self.promises(), *map(self._table, self.cases), self.remarks()]
        return "\n".join("\n".join(part) + "\n" for part in map(list, parts) if part)

    def circumstances(self) -> str:
        """One paragraph."""
        about = self.about
        versions = ", ".join(f"{name} {version}" for name, version in about.versions.items())
        machine = f"{about.machine['cpu']} ({about.machine['cores']} cores), {about.machine['system']}"
        return (
            f"{machine}, {about.date}. Median of {about.rounds} rounds of {about.seconds} s, one core for the proxy, "
            f"another one for load, API and store. {versions}."
        )

    def promises(self) -> Iterator[str]:
        """The lines of a table."""
        yield "| must hold | bar | measured | by processor time | |"
        yield "|---|---|---|---|---|"
        for one in outcomes(self.cases):
            yield f"| {one.title} | {one.bar} | {one.found} | {one.guess} | {one.state} |"

    def _table(self, case: str) -> Iterator[str]:
        question = QUESTIONS[case]
        rows = self.cases[case]
        ours = GRACE if GRACE in rows else OURS
        yield f"**{question.title}**"
        yield ""
        unit = "messages" if case == "websocket" else "requests"
        yield f"| | {unit}/s | spread | of ours | p50 | p99 | CPU each | core busy |"
        yield "|---|--:|--:|--:|--:|--:|--:|--:|"
        for who, runs in sorted(rows.items(), key=lambda row: -(middle(case, row[1]) or 0)):
            yield self._line(case, who, runs, ours=ours)

    def _line(self, case: str, who: str, runs: Runs, *, ours: str) -> str:
        every, good = [one for one in runs if one is not None], counted(case, runs)
        if not every:
            return f"| {who} | met trouble | | | | | | |"
        busy, cpu = median(one.busy for one in every), median(one.cpu_us for one in every)
        if not good:
            return f"| {who} | core less than {LEAST_BUSY:.0%} busy | | | | | {cpu:.1f} µs | {busy:.0%} |"
        spread = f"{min(one.rate for one in good):,.0f} to {max(one.rate for one in good):,.0f}"
        found = ratio(self.cases, case, who, ours)
        waits = [f"{median(waits):.2f} ms" for waits in ([one.p50_ms for one in good], [one.p99_ms for one in good])]
        told = [f"{median(one.rate for one in good):,.0f}", spread, f"{found.value:.2f}" if found else "", *waits]
        return f"| {who} | {' | '.join(told)} | {cpu:.1f} µs | {busy:.0%} |"

    def remarks(self) -> Iterator[str]:
        """The lines of a list: what has to be known to believe the rest."""
        if disturbed := self._disturbed():
            yield (
                f"- Strangers were at work on the proxy's core: in {disturbed} runs the proxy itself had less than "
                f"{_LEAST_OWN:.0%} of it. Rates say little then; CPU each is the proxy's own."
            )
        for who, why in self.about.skipped.items():
            yield f"- {who} was not asked: {why}."
        for trouble in self.about.troubles:
            yield f"- {trouble}"

    def _disturbed(self) -> int:
        return sum(
            one.rate * one.cpu_us / 1e6 < _LEAST_OWN * one.busy
            for case, rows in self.cases.items()
            for runs in rows.values()
            for one in counted(case, runs)
            if one.cpu_us and not QUESTIONS[case].is_waiting
        )
