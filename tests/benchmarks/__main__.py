"""Side by side: the gateway with its gate on, other gates, and proxies that merely forward. `make bench` runs this.

Each round asks everybody once, in an order that alternates, so that a machine that slows down slows all of them. What
is told are medians over rounds and their ratios; absolute figures mean nothing on another machine.
"""

import argparse
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from tests.benchmarks.cases import QUESTIONS, Stand
from tests.benchmarks.contenders import CONTENDERS
from tests.benchmarks.cores import Cores, choose_cores
from tests.benchmarks.load import Measured, put_load
from tests.benchmarks.machine import machine, versions
from tests.benchmarks.processes import free_port, process
from tests.benchmarks.publish import RESULTS, publish, write
from tests.benchmarks.report import Circumstances, Report
from tests.benchmarks.rivals import Missing

# The exit code where somebody has no round that counts.
_NOTHING_MEASURED: Final = 3

Found = dict[str, dict[str, list[Measured | None]]]


def main() -> int:
    """Run, print the report, keep the raw figures."""
    asked = _arguments()
    date = time.strftime("%Y-%m-%d", time.gmtime())
    run = Run(asked.rounds, asked.seconds, choose_cores())
    run.measure(frozenset(asked.case or _cases(everything=asked.all)), asked.only or [*CONTENDERS])
    about = Circumstances(
        machine(), versions(), date, asked.rounds, asked.seconds, skipped=run.skipped, troubles=tuple(run.troubles)
    )
    report = Report(run.found, about)
    write(report, asked.results, "latest", picture="latest.svg")
    if asked.publish:
        publish(report)
    sys.stdout.write(report.markdown())
    return 0 if report.is_valid else _NOTHING_MEASURED


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=4, help="of load, per case and round")
    parser.add_argument("--case", action="append", choices=[*QUESTIONS], help="ask this only; can be repeated")
    parser.add_argument("--only", action="append", choices=[*CONTENDERS], help="ask these only; can be repeated")
    parser.add_argument("--all", action="store_true", help="every case, also those that take long")
    parser.add_argument("--results", type=Path, default=RESULTS, help="the folder for latest.json, .md and .svg")
    parser.add_argument("--publish", action="store_true", help="show the results in the README")
    return parser.parse_args()


def _cases(*, everything: bool) -> list[str]:
    return [case for case, question in QUESTIONS.items() if everything or question.is_default]


class Run:
    """One run: who takes part, and what was found."""

    def __init__(self, rounds: int, seconds: int, cores: Cores) -> None:
        self._rounds = rounds
        self._seconds = seconds
        self._cores = cores
        self.found: Found = {}
        self.skipped: dict[str, str] = {}
        self.troubles: list[str] = []

    def measure(self, cases: frozenset[str], names: Sequence[str]) -> None:
        """Start everybody, ask everybody, end everybody."""
        with ExitStack() as stack:
            stands = self._start(stack, cases, names)
            for stand in stands:
                self.found.setdefault(stand.case, {})[stand.who] = []
            for stand in stands:
                self._try(stand, seconds=1)
            for at in range(self._rounds):
                for stand in stands if at % 2 == 0 else reversed(stands):
                    self.found[stand.case][stand.who].append(self._try(stand, seconds=self._seconds, round_=at + 1))

    def _start(self, stack: ExitStack, cases: frozenset[str], names: Sequence[str]) -> list[Stand]:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="bench-")))
        port = free_port()
        api = [sys.executable, "-m", "tests.benchmarks.api", str(port)]
        stack.enter_context(process(api, core=self._cores.others, port=port, log=folder / "api.log"))
        stands: list[Stand] = []
        for name in names:
            contender, takes_part = CONTENDERS[name]
            if not cases & takes_part:
                continue
            (place := folder / name).mkdir()
            try:
                made = stack.enter_context(contender(place, port, self._cores, cases))
            except (Missing, OSError, ValueError) as error:
                self.skipped[name] = " ".join(str(error).split())
                sys.stderr.write(f"{name} is left out: {error}\n")
            else:
                stands += [stand for stand in made if stand.case in cases & takes_part]
        return sorted(stands, key=lambda stand: [*QUESTIONS].index(stand.case))

    def _try(self, stand: Stand, *, seconds: int, round_: int = 0) -> Measured | None:
        name = f"{stand.case}: {stand.who}"
        try:
            one = put_load(stand, seconds=seconds, cores=self._cores)
        except ValueError as error:
            self.troubles.append(f"{name}: {' '.join(str(error).split())[:200]}")
            sys.stderr.write(f"round {round_}: {name}: {error}\n")
            return None
        sys.stderr.write(f"round {round_}: {name}: {one.rate:,.0f}/s, {one.cpu_us:.1f} us each, {one.busy:.0%} busy\n")
        return one


if __name__ == "__main__":
    raise SystemExit(main())
