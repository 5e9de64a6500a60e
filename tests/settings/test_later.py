from collections.abc import Callable
from typing import Any

import pytest

from mfa_gateway.settings import Settings, later
from mfa_gateway.settings.later import LATER, Later, not_yet
from mfa_gateway.settings.schema import nodes_at

Load = Callable[..., Settings]
Complain = Callable[..., list[str]]

URL = "http://127.0.0.1:1"


ASKED = [
    ("store.url", {"store": {"url": "redis+sentinel://h:26379/main"}}),
    ("store.url", {"store": {"url": "redis+cluster://h"}}),
]


@pytest.fixture(autouse=True)
def some_file(tmp_path: Any) -> None:
    (tmp_path / "conf.yaml").write_text("a secret")


@pytest.mark.parametrize(("key", "changes"), ASKED)
def test_what_comes_later_parses_and_is_refused_at_its_place(
    complaints: Complain, key: str, changes: dict[str, object]
) -> None:
    told = complaints(changes)
    assert any(f": not supported yet: {key}; " in problem for problem in told)
    assert all(": not supported yet: " in problem for problem in told)


def test_every_line_of_the_table_is_tried() -> None:
    assert {entry.key for entry in LATER} == {key for key, _ in ASKED}


@pytest.mark.parametrize("entry", LATER, ids=lambda entry: entry.key)
def test_what_comes_later_is_in_the_schema(entry: Later) -> None:
    steps = entry.key.replace("[]", ".0").split(".")
    assert nodes_at(tuple(0 if step == "0" else step for step in steps))


def test_the_place_of_an_entry_is_told_by_its_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(later, "LATER", (Later("rules[].kind", lambda value: value == "new"),))
    problems = [str(problem) for problem in not_yet({"rules": [{"kind": "old"}, {"kind": "new"}]})]
    assert problems == ["rules[1].kind: not supported yet: rules[].kind; leave it out"]


@pytest.mark.parametrize(
    "changes",
    [
        {"upstream": [{"url": URL, "preserve_host": True, "strip_prefix": False, "odd_targets": "refuse"}]},
        {"cors": {"origins": [], "credentials": True}},
        {"factors": {"sms": {"enabled": False, "countries": ["CH"]}}},
        {"dialects": {"gigya": {"enabled": False}}},
        {"near_cache": {"enabled": False, "entries": 5}},
        {"timeouts": {"head": "1s", "body_idle": "1s"}, "limits": {"connections": 5}},
    ],
)
def test_writing_a_key_without_asking_for_it_is_fine(complaints: Complain, changes: dict[str, object]) -> None:
    assert complaints(changes) == []
