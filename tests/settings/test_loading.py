import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import ValidationError

from mfa_gateway.settings import ConfigurationError, Settings, load_settings, parse_settings

Load = Callable[..., Settings]
Complain = Callable[..., list[str]]

KEY = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str], Path]:
    def written(text: str) -> Path:
        path = tmp_path / "conf" / "mfa.yaml"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        return path

    return written


RIGHT = f"""
secrets: {{keys: [{KEY}]}}
factors: {{email: {{enabled: false}}}}
access_control: {{default_policy: open}}
"""


def told(path: Path, environ: dict[str, str] | None = None) -> list[str]:
    with pytest.raises(ConfigurationError) as caught:
        load_settings(path, environ=environ or {})
    return [str(problem) for problem in caught.value.problems]


def test_a_file_becomes_settings(write: Callable[[str], Path]) -> None:
    assert load_settings(write(RIGHT), environ={}).access_control.default_policy == "open"


def test_paths_are_meant_from_the_folder_of_the_file(
    write: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = write(RIGHT)
    monkeypatch.chdir(tmp_path)
    assert load_settings(path.relative_to(tmp_path), environ={}).store.data_dir == tmp_path / "conf" / "data"


def test_without_a_file_paths_are_meant_from_here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigurationError) as caught:
        load_settings(None, environ={"MFA_GATEWAY_SECRETS__KEYS_FILE": "none"})
    assert any(str(tmp_path / "none") in problem.text for problem in caught.value.problems)


def test_a_file_that_cannot_be_read_is_the_only_problem(write: Callable[[str], Path]) -> None:
    assert told(write("a: [1, 2\n")) == [
        "line 2, column 1: expected ',' or ']', but got '<stream end>' (while parsing a flow sequence, begun in line 1)"
    ]


def test_a_key_written_twice_does_not_hide_other_problems(write: Callable[[str], Path]) -> None:
    problems = told(write(RIGHT + "codes: {length: 3}\ncodes: {length: 6}\n"))
    assert [problem.partition(":")[0] for problem in problems] == ["codes", "codes.length"]


def test_settings_are_frozen(load: Load) -> None:
    settings = load()
    with pytest.raises(ValidationError, match="frozen"):
        settings.workers = 2  # type: ignore[misc]


def test_settings_are_a_value(load: Load) -> None:
    assert load() == load()


def test_settings_travel_to_workers(load: Load) -> None:
    settings = load()
    assert pickle.loads(pickle.dumps(settings)) == settings


def test_problems_come_in_the_order_of_the_file(complaints: Complain) -> None:
    problems = complaints({"senders.email": 1, "identity.bearer": 2, "upstream": 3, "secrets": ...})
    assert [problem.partition(":")[0] for problem in problems] == [
        "upstream",
        "identity.bearer",
        "senders.email",
        "secrets",
    ]


def test_what_was_handed_in_is_not_changed(tmp_path: Path) -> None:
    tree: dict[str, object] = {"codes": {"length": 4}}
    with pytest.raises(ConfigurationError):
        parse_settings(tree, folder=tmp_path, environ={"MFA_GATEWAY_CODES__TTL": "1m"})
    assert tree == {"codes": {"length": 4}}


def test_importing_settings_pulls_in_neither_server_nor_store() -> None:
    code = "import sys, mfa_gateway.settings; print(sorted({'starlette', 'redis', 'uvicorn'} & {*sys.modules}))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
