"""Trying mutants in forks of one process: what is changed in place is noticed, and what cannot be is said to be so."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.attacks.mutation import bench as benches
from tests.attacks.mutation.bench import Bench, Judgement, bench
from tests.attacks.mutation.scratch import rewritten

pytestmark = pytest.mark.processes

MODULE = """\
LIMIT = 3

def wrapped(function):
    return lambda number: function(number)

@wrapped
def is_few(number):
    return number <= LIMIT

class Box:
    size = 3

    def holds(self, number):
        fits = lambda: number <= self.size
        while not fits():
            number -= 1
        return True
"""
TESTS = """\
from mfa_gateway.core.few import LIMIT, Box, is_few

def test_few():
    assert is_few(3)
    assert not is_few(4)

def test_box():
    assert Box().holds(4)

def test_nothing():
    pass
"""
FEW, BOX, NOTHING = (f"tests/test_few.py::test_{name}" for name in ("few", "box", "nothing"))


@pytest.fixture(scope="module")
def checkout() -> Iterator[tuple[Path, Bench]]:
    """A checkout of one module and its tests: the module, and the bench. Nothing is waited for long."""
    texts = {"mfa_gateway/core/few.py": MODULE, "tests/test_few.py": TESTS}
    packages = dict.fromkeys(("mfa_gateway/__init__.py", "mfa_gateway/core/__init__.py"), "")
    with pytest.MonkeyPatch.context() as patched, tempfile.TemporaryDirectory() as folder:
        patched.setattr(benches, "_LEAST_S", 6.0)
        patched.setattr(benches, "_TIMES", 0.0)
        copy = Path(folder) / "checkout"
        for place, text in (texts | packages).items():
            (copy / place).parent.mkdir(parents=True, exist_ok=True)
            (copy / place).write_text(text)
        with bench(copy, ["-q", "tests"]) as table:
            yield copy / "mfa_gateway" / "core" / "few.py", table


@pytest.mark.parametrize(
    ("was", "now", "tests", "expected"),
    [
        ("number <= LIMIT", "number < LIMIT", [FEW], Judgement.RED),
        ("number <= LIMIT", "number < LIMIT", [NOTHING, FEW], Judgement.RED),
        ("number <= LIMIT", "number < LIMIT", [BOX, NOTHING], Judgement.GREEN),
        ("number <= LIMIT", "number <= LIMIT + 0", [FEW], Judgement.GREEN),
        ("return True", "return None", [BOX], Judgement.RED),
        ("number <= self.size", "number < self.size - 9", [BOX], Judgement.GREEN),
        ("LIMIT = 3", "LIMIT = 4", [FEW], Judgement.NOT_HERE),
        ("size = 3", "size = 4", [BOX], Judgement.NOT_HERE),
        ("function(number)", "not function(number)", [FEW], Judgement.RED),
        ("MODULE", "MODULE", [FEW], Judgement.NOT_HERE),
    ],
)
def test_a_change_of_a_function_is_tried_in_place_and_any_other_is_not(
    checkout: tuple[Path, Bench], was: str, now: str, tests: list[str], expected: Judgement
) -> None:
    path, table = checkout
    with rewritten({path: MODULE.replace(was, now)}):
        assert table.judged(path, dict.fromkeys(tests, 0.1)) is expected


def test_one_mutant_leaves_nothing_behind_for_the_next(checkout: tuple[Path, Bench]) -> None:
    path, table = checkout
    with rewritten({path: MODULE.replace("number <= LIMIT", "number < LIMIT")}):
        assert table.judged(path, {FEW: 0.1}) is Judgement.RED
    assert table.judged(None, {FEW: 0.1}) is Judgement.GREEN


def test_a_mutant_that_runs_on_is_ended(checkout: tuple[Path, Bench]) -> None:
    path, table = checkout
    with rewritten({path: MODULE.replace("number -= 1", "pass")}):
        assert table.judged(path, {BOX: 0.1}) is Judgement.ENDLESS


def test_tests_that_cannot_be_collected_are_no_judges(tmp_path: Path) -> None:
    (tmp_path / "checkout").mkdir()
    with pytest.raises(RuntimeError, match="collected"), bench(tmp_path / "checkout", ["-q", "missing"]):
        pass
