"""Whether each defence is missed: every kept mutant turns each of its tests red, which are green without it.

What stays out: mutants that are made by rule (by_rule).
"""

from collections.abc import Callable, Sequence
from typing import Final

from tests.attacks.mutation.patches import DoesNotApply, Mutant, applied
from tests.attacks.mutation.scratch import copied, failed, rewritten

# A test of an attack starts two workers and a store, on a machine that may be busy with others.
_PATIENCE: Final = 300.0


def unnoticed(mutants: Sequence[Mutant], say: Callable[[str], None]) -> list[str]:
    """What is wrong: mutants that do not apply, or that some test of theirs does not notice; tests that always fail."""
    faults: list[str] = []
    with copied() as copy:
        tests = sorted({test for mutant in mutants for test in mutant.red})
        red = failed(copy, tests, seconds=_PATIENCE * 2)
        if red is None:
            return ["pytest could not run the tests that are named"]
        faults += [f"{test} fails without any mutant" for test in sorted(red)]
        for mutant in mutants:
            try:
                with rewritten(applied(mutant, copy)):
                    missed = set(mutant.red) - (failed(copy, mutant.red, seconds=_PATIENCE) or set())
            except DoesNotApply as fault:
                faults.append(str(fault))
                continue
            faults += [f"{mutant.name}: {test} stays green" for test in sorted(missed)]
            say(f"  {'SURVIVED' if missed else 'killed':<9} {mutant.name}: {mutant.lost}")
    return faults
