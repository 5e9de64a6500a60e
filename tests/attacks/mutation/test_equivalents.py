"""Mutants that are the same program: each is still there, is left out, and is told; and when too few are killed."""

from pathlib import Path

import pytest

from tests.attacks.mutation import __main__ as command
from tests.attacks.mutation import by_rule
from tests.attacks.mutation.by_rule import Report
from tests.attacks.mutation.equivalents import EQUIVALENTS, Equivalent
from tests.attacks.mutation.scratch import ROOT


@pytest.mark.parametrize("room", ["core", "lua"])
def test_each_that_is_listed_is_a_mutant_that_there_is(room: str) -> None:
    report = Report(room)
    every = list(by_rule._candidates(room, ROOT))
    tried = by_rule._without_equivalents(every, ROOT, report)
    assert report.stale == []
    assert len(every) - len(tried) == len(report.equivalent) > 0


def test_they_are_few_and_each_says_why() -> None:
    assert len(EQUIVALENTS) <= 30
    assert len(set(EQUIVALENTS)) == len(EQUIVALENTS)
    assert all(one.why and one.was != one.becomes for one in EQUIVALENTS)


def test_one_that_is_listed_is_left_out_and_one_that_is_not_there_is_a_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = tmp_path / "mfa_gateway" / "core" / "few.py"
    module.parent.mkdir(parents=True)
    module.write_text("def f(a, b):\n    return a < b\n")
    name = "mfa_gateway/core/few.py"
    same = Equivalent(name, "return a < b", "return a <= b", "it is")
    gone = Equivalent(name, "return a > b", "return a >= b", "it was")
    monkeypatch.setattr(by_rule, "EQUIVALENTS", (same, gone))
    report = Report("core")
    tried = by_rule._without_equivalents(list(by_rule._candidates("core", tmp_path)), tmp_path, report)
    assert [one.change.now for one in tried] == ["None"]
    assert report.equivalent == [f"{name}: `return a < b` as `return a <= b`: it is"]
    assert report.stale == [f"{name}: `return a >= b`"]


@pytest.mark.parametrize(
    ("report", "is_enough"),
    [
        (Report("core", tried=100, killed=95), True),
        (Report("core", tried=100, killed=94), False),
        (Report("core"), False),
        (Report("core", tried=100, killed=100, stale=["gone"]), False),
    ],
)
def test_under_95_of_100_are_not_enough_nor_is_a_list_that_is_not_kept(report: Report, *, is_enough: bool) -> None:
    assert command._enough(report) is is_enough


def test_what_survived_and_what_is_the_same_program_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    command._enough(Report("core", 4, 3, 2, 1, survived=["here"], equivalent=["there"], stale=["nowhere"]))
    *told, told_last = capsys.readouterr().out.splitlines()
    assert told == [
        "  THE SAME  there",
        "  SURVIVED  here",
        "  FAULT     listed as the same program, and not to be found: nowhere",
    ]
    assert told_last.startswith(
        "core: 2 of 3 killed, 66.7% (1 because they ran on), 1 survived; there are 4, and 1 more"
    )
