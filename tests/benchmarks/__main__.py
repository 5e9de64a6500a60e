"""Side by side: the gateway with its gate on, and other proxies that merely forward. `make bench` runs this.

Each round asks every case once, in an order that alternates, so that a machine that slows down slows all of them. What
is told are medians over rounds and their ratio; absolute figures mean nothing on another machine.
"""

import argparse
import json
import sys
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.benchmarks.contenders import CONTENDERS, Case
from tests.benchmarks.cores import Cores, choose_cores
from tests.benchmarks.load import Measured, put_load
from tests.benchmarks.processes import free_port, process
from tests.benchmarks.report import Report, hardware

# The exit code for a case without a run that counts.
_NOTHING_MEASURED = 3
_RESULTS = Path(__file__).with_name("results") / "latest.json"


def main() -> int:
    """Run, print a table, keep the raw figures."""
    asked = _arguments()
    cores = choose_cores()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="bench-")))
        api_port = free_port()
        api = [sys.executable, "-m", "tests.benchmarks.api", str(api_port)]
        stack.enter_context(process(api, core=cores.others, port=api_port, log=folder / "api.log"))
        cases: list[Case] = []
        for name in asked.only or CONTENDERS:
            (place := folder / name).mkdir()
            cases += stack.enter_context(CONTENDERS[name](place, api_port, cores))
        measured = _measure(cases, rounds=asked.rounds, seconds=asked.seconds, cores=cores)
    report = Report(measured, hardware(), rounds=asked.rounds, seconds=asked.seconds)
    asked.results.parent.mkdir(exist_ok=True)
    asked.results.write_text(json.dumps(report.raw(), indent=2) + "\n")
    sys.stdout.write(report.table())
    return 0 if report.is_valid else _NOTHING_MEASURED


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=4, help="of load, per case and round")
    parser.add_argument("--only", action="append", choices=[*CONTENDERS])
    parser.add_argument("--results", type=Path, default=_RESULTS)
    return parser.parse_args()


def _measure(cases: list[Case], *, rounds: int, seconds: int, cores: Cores) -> dict[str, list[Measured]]:
    measured: dict[str, list[Measured]] = {case.name: [] for case in cases}
    for case in cases:
        put_load(case, seconds=1, cores=cores)  # to warm up
    for at in range(rounds):
        for case in cases if at % 2 == 0 else reversed(cases):
            one = put_load(case, seconds=seconds, cores=cores)
            sys.stderr.write(f"round {at + 1}: {case.name}: {one.rate:,.0f}/s, {one.cpu_us:.1f} us each\n")
            measured[case.name].append(one)
    return measured


if __name__ == "__main__":
    raise SystemExit(main())
