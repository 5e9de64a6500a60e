"""Trying a target: so many inputs, in an order that is always the same, or in one that is drawn.

What stays out: for how long (the command, the suite).
"""

from typing import Any

from hypothesis import HealthCheck, given, seed, settings

from tests.attacks.fuzz.target import Target
from tests.attacks.fuzz.watch import watched


def try_target(target: Target, examples: int, drawn: int | None = None) -> int:
    """Try so many inputs; those of `drawn`, where it is given. How many were checked, fewer where there are no more.

    Raises:
        Exception: whatever the check of an input raised, for the smallest input that makes it, which it says.
    """
    checked = 0

    def check(value: Any) -> None:
        nonlocal checked
        checked += 1
        with watched(weighs=target.weighs):
            target.check(value)

    if target.prepare is not None:
        target.prepare()
    # Whether an input takes long is measured here, on the clock of the process; and nothing is left on the disk.
    bounds = settings(
        max_examples=examples,
        derandomize=drawn is None,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    run = bounds(given(target.inputs)(check))
    (run if drawn is None else seed(drawn)(run))()
    return checked
