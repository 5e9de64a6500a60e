"""The short run of every target, and what the bounds on it are worth."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import strategies as st

from tests.attacks.fuzz.__main__ import main
from tests.attacks.fuzz.every import TARGETS
from tests.attacks.fuzz.target import Target
from tests.attacks.fuzz.trying import try_target
from tests.attacks.fuzz.watch import MOST_BYTES, Hang, Swell


@pytest.mark.parametrize("name", TARGETS)
def test_a_reader_withstands_what_strangers_write(name: str) -> None:
    target = TARGETS[name]
    assert try_target(target, target.examples) >= target.examples / 2


def _for_ever(_value: object) -> None:
    while True:
        pass


def _swells(_value: object) -> None:
    assert bytearray(MOST_BYTES + 1)


def _crashes(value: int) -> None:
    if value > 1000:
        raise KeyError(value)


@pytest.mark.parametrize(("check", "fault"), [(_for_ever, Hang), (_swells, Swell), (_crashes, KeyError)])
def test_a_reader_that_does_not_is_found(
    check: Callable[[Any], None], fault: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    inputs = st.integers() if check is _crashes else st.none()
    monkeypatch.setattr("tests.attacks.fuzz.watch.MOST_SECONDS", 0.02)
    with pytest.raises(fault):
        try_target(Target("made up", inputs, check, weighs=check is _swells), 200)


def test_a_long_run_stops_by_itself_and_says_what_it_did(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--seconds", "0.5", "--target", "refusals", "--seed", "7"]) == 0
    said = capsys.readouterr().out
    assert "refusals" in said
    assert "seed 7" in said
    assert "nothing found" in said


def test_a_long_run_that_finds_something_says_how_to_find_it_again(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.attacks.fuzz.__main__.TARGETS", {"bad": Target("bad", st.integers(), _crashes)})
    assert main(["--seconds", "5", "--seed", "3"]) == 1
    said = capsys.readouterr().out
    assert "KeyError" in said
    assert "--target bad --seed" in said


def test_only_what_there_is_can_be_asked_for() -> None:
    with pytest.raises(SystemExit):
        main(["--target", "none"])
