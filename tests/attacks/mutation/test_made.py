"""Mutants made by rule: which there are of a program, and what becomes of them."""

import ast
from pathlib import Path

import pytest

from tests.attacks.mutation import by_rule
from tests.attacks.mutation.bench import Judgement
from tests.attacks.mutation.by_rule import Report, try_by_rule
from tests.attacks.mutation.made import lua_changes, python_changes
from tests.attacks.mutation.scratch import ROOT, rewritten


def python(text: str) -> set[str]:
    return {change.applied(text) for change in python_changes(text)}


def lua(text: str) -> set[str]:
    return {change.applied(text) for change in lua_changes(text)}


OF_SOURCES = pytest.mark.interpreted("mutants are made of sources")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a < b", {"a <= b"}),
        ("a is b", {"a is not b"}),
        ("a not in b", {"a in b"}),
        ("a and b", {"a or b"}),
        ("a = not b", {"a = (b)"}),
        ("a = 1", {"a = 2"}),
        ("a = True", {"a = False"}),
        ("a = b + c", {"a = b - c"}),
        ("a()", {"pass"}),
        ("for x in y:\n    continue", {"for x in y:\n    pass"}),
        ("if a: b = c", {"if not (a): b = c"}),
        ("def f(): return a", {"def f(): return None"}),
        ("é = 'ä' if a < b else c", {"é = 'ä' if a <= b else c", "é = 'ä' if not (a < b) else c"}),
    ],
)
def test_a_program_is_changed_in_one_place(text: str, expected: set[str]) -> None:
    assert python(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        '"""Text with 1 < 2."""',
        "from a import b",
        "raise A(1)",
        "a: B = field(repr=False)",
        "assert_never(x)",
        "a: Literal[1]",
    ],
)
def test_what_only_people_and_types_read_is_left_alone(text: str) -> None:
    assert python(text) == set()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("if a <= b then", {"if a < b then"}),
        ("if a == b then", {"if a ~= b then"}),
        ("x = a and b", {"x = a or b"}),
        ("x = not b", {"x = b"}),
        ("x = a + 1", {"x = a - 1", "x = a + 2"}),
        ("  redis.call('DEL', KEYS[1])", {"  do end"}),
        ("x = '1 < 2' -- 1 < 2", set()),
    ],
)
def test_a_script_is_changed_in_one_place(text: str, expected: set[str]) -> None:
    assert lua(text) == expected


def test_there_are_many_of_ours_and_all_are_programs() -> None:
    text = (ROOT / "mfa_gateway/core/gate.py").read_text(encoding="utf-8")
    changes = python_changes(text)
    assert len(changes) > 40
    for change in changes:
        ast.parse(change.applied(text))
    assert len(lua((ROOT / "mfa_gateway/state/lua/redeem.lua").read_text(encoding="utf-8"))) > 100


def test_a_text_is_as_before_afterwards(tmp_path: Path) -> None:
    path = tmp_path / "x.py"
    path.write_text("a = 1\n")
    with rewritten({path: "a = 2\n"}):
        assert path.read_text() == "a = 2\n"
    assert path.read_text() == "a = 1\n"


def test_a_report_without_a_trial_is_not_good() -> None:
    assert Report("core").rate == 0.0


@pytest.mark.processes
@OF_SOURCES
def test_what_is_not_tested_survives_and_what_is_tested_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    """Mutants of one module with its own tests, and of another one without any of its tests."""
    monkeypatch.setitem(by_rule._JUDGES, "core", ("tests/core/test_quota.py",))
    candidates = by_rule._candidates

    def few(room: str, copy: Path) -> list[by_rule._Candidate]:
        every = list(candidates(room, copy))
        untested, tested = ([one for one in every if one.path.name == name] for name in ("language.py", "quota.py"))
        return [*untested[:2], *tested[-3:]]

    monkeypatch.setattr(by_rule, "_candidates", few)
    report = try_by_rule("core", seconds=60, seed=1, say=lambda _: None)
    assert (report.there_are, report.tried, report.killed, len(report.survived)) == (5, 5, 3, 2)
    assert all("core/language.py" in place for place in report.survived)


@pytest.mark.processes
@OF_SOURCES
def test_trials_that_are_red_anyhow_prove_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(by_rule._JUDGES, "core", ("tests/core/test_quota.py",))
    candidates = by_rule._candidates
    monkeypatch.setattr(
        by_rule,
        "_candidates",
        lambda room, copy: [one for one in candidates(room, copy) if one.path.name == "quota.py"],
    )
    monkeypatch.setattr(by_rule._Court, "judged_quickly", lambda *_: Judgement.RED)
    with pytest.raises(RuntimeError, match="red without a mutant"):
        try_by_rule("core", seconds=1, seed=1, say=lambda _: None)
