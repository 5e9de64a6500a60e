"""`make mutants`: whether anything would be noticed if it were gone.

First the mutants that are kept, one or more for each sentence of the README's security section. Then mutants made by
rule, of `core` and of the scripts of the store: all of them, or as many, drawn with a fixed seed, as there is time for.
"""

import argparse
import sys
from collections.abc import Sequence

from tests.attacks.mutation.by_rule import Report, try_by_rule
from tests.attacks.mutation.defences import unnoticed
from tests.attacks.mutation.patches import mutants

# The share of mutants that has to be noticed.
WANTED = 0.95


def main(arguments: Sequence[str]) -> int:
    """Run it; 1 where something goes unnoticed."""
    asked = _parser().parse_args(arguments)
    is_good = asked.skip_kept or _kept(asked.only)
    if asked.skip_made or asked.only:
        return 0 if is_good else 1
    rooms = asked.room or ["core", "lua"]
    for room in rooms:
        report = try_by_rule(room, seconds=asked.seconds and asked.seconds / len(rooms), seed=asked.seed, say=_say)
        is_good = _enough(report) and is_good
    return 0 if is_good else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make mutants MUTANTS_ARGS='...'", description="Would it be noticed?")
    parser.add_argument("--seconds", type=float, help="for the mutants made by rule (until all are tried)")
    parser.add_argument("--seed", type=int, default=8, help="which of them (8)")
    parser.add_argument("--room", action="append", choices=["core", "lua"], help="of what (both)")
    parser.add_argument("--only", action="append", help="kept mutants whose name begins so, and nothing else")
    parser.add_argument("--skip-kept", action="store_true", help="only those made by rule")
    parser.add_argument("--skip-made", action="store_true", help="only those that are kept")
    return parser


def _kept(only: Sequence[str] | None) -> bool:
    chosen = [mutant for mutant in mutants() if not only or mutant.name.startswith(tuple(only))]
    _say(f"{len(chosen)} mutants that are kept")
    faults = unnoticed(chosen, _say)
    for fault in faults:
        _say(f"  FAULT     {fault}")
    _say("each of them is noticed" if not faults else f"{len(faults)} faults")
    return not faults


def _enough(report: Report) -> bool:
    for place in report.equivalent:
        _say(f"  THE SAME  {place}")
    for place in sorted(report.survived):
        _say(f"  SURVIVED  {place}")
    for place in report.stale:
        _say(f"  FAULT     listed as the same program, and not to be found: {place}")
    _say(
        f"{report.room}: {report.killed} of {report.tried} killed, {report.rate:.1%} ({report.endless} because they ran"
        f" on), {len(report.survived)} survived; there are {report.there_are}, and {len(report.equivalent)} more that"
        " are the same program"
    )
    return report.rate >= WANTED and not report.stale


def _say(text: str) -> None:
    print(text, flush=True)  # noqa: T201 - this is a command


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
