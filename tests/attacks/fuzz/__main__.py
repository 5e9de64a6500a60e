"""The long run: `make fuzz`, or `python -m tests.attacks.fuzz --seconds 600 --target paths --target tokens`.

Goes round the targets with inputs drawn anew each time until the time is up, and stops at the first fault of each. With
`--guided` and atheris installed, one target is led by what it covers instead.
"""

import argparse
import importlib
import secrets
import sys
import time
import traceback
from collections.abc import Sequence
from typing import Any, Final

import structlog
from hypothesis import HealthCheck, given, settings

from tests.attacks.fuzz.every import TARGETS
from tests.attacks.fuzz.target import Target
from tests.attacks.fuzz.trying import try_target
from tests.attacks.fuzz.watch import watched

_ROUND: Final = 200


def main(arguments: Sequence[str]) -> int:
    """Run it; 1 where something was found."""
    asked = _parser().parse_args(arguments)
    structlog.configure(processors=[_unwritten])
    targets = [TARGETS[name] for name in asked.target or TARGETS]
    try:
        if asked.guided:
            return _guided(targets[0], asked.seconds)
        return _rounds(targets, asked.seconds, asked.seed)
    finally:
        structlog.reset_defaults()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make fuzz FUZZ_ARGS='...'", description="Write what strangers might write.")
    parser.add_argument("--seconds", type=float, default=300.0, help="for how long, all targets together (300)")
    parser.add_argument("--target", action="append", choices=sorted(TARGETS), help="which ones (all)")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(2**32), help="where to begin (drawn)")
    parser.add_argument("--guided", action="store_true", help="led by coverage: one target, needs atheris")
    return parser


def _unwritten(_logger: Any, _name: str, _line: Any) -> Any:
    raise structlog.DropEvent


def _rounds(targets: Sequence[Target], seconds: float, seed: int) -> int:
    _say(f"{len(targets)} targets for {seconds:g} s, seed {seed}")
    ends, tried, broken = time.monotonic() + seconds, dict.fromkeys((target.name for target in targets), 0), set[str]()
    while time.monotonic() < ends and len(broken) < len(targets):
        for target in targets:
            if target.name in broken or time.monotonic() >= ends:
                continue
            try:
                tried[target.name] += try_target(target, _ROUND, seed)
            except Exception:  # noqa: BLE001 - anything at all is a find
                broken.add(target.name)
                _tell(target, seed)
        seed += 1
    for name, number in tried.items():
        _say(f"  {name:<20} {number:>9} inputs{'  BROKEN' if name in broken else ''}")
    _say("found: " + ", ".join(sorted(broken)) if broken else "nothing found")
    return 1 if broken else 0


def _tell(target: Target, seed: int) -> None:
    _say(f"{target.name}: a fault. Again with --target {target.name} --seed {seed}")
    _say(traceback.format_exc())


def _guided(target: Target, seconds: float) -> int:
    """Hand over to atheris, which ends the process itself when the time is up or something was found."""
    try:
        atheris = importlib.import_module("atheris")
    except ImportError:
        _say("--guided needs atheris: python -m pip install atheris, or leave it out")
        return 2
    if target.prepare is not None:
        target.prepare()

    @settings(deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(target.inputs)
    def check(value: Any) -> None:
        with watched():
            target.check(value)

    atheris.instrument_all()
    atheris.Setup([sys.argv[0], f"-max_total_time={int(seconds)}"], check.hypothesis.fuzz_one_input)  # type: ignore[attr-defined]  # put there by hypothesis
    atheris.Fuzz()
    return 0


def _say(text: str) -> None:
    print(text, flush=True)  # noqa: T201 - this is a command


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
