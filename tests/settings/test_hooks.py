"""Systems of the operator's own that are asked: for people and for passwords."""

from collections.abc import Callable
from pathlib import Path

import pytest

from mfa_gateway.settings import Settings

Load = Callable[..., Settings]
Complain = Callable[..., list[str]]

ASKED = pytest.mark.parametrize("name", ["directory", "credentials"])


@pytest.fixture(autouse=True)
def secret(tmp_path: Path) -> None:
    (tmp_path / "hook.secret").write_bytes(b"s" * 31 + b"\xff\n")
    (tmp_path / "short.secret").write_bytes(b"s" * 31 + b"\n")


def asked(name: str, **keys: object) -> dict[str, object]:
    written = {"source": "http", "url": "https://people.internal/mfa?key=1", "secret_file": "hook.secret"}
    return {name: {key: value for key, value in {**written, **keys}.items() if value is not ...}}


@ASKED
def test_a_system_is_asked_with_the_bytes_of_its_file(load: Load, name: str) -> None:
    section = getattr(load(asked(name)), name)
    assert section.secret_file.content.get_secret_value() == b"s" * 31 + b"\xff"
    assert section.url == "https://people.internal/mfa?key=1"


@ASKED
@pytest.mark.parametrize("key", ["url", "secret_file"])
def test_a_system_needs_a_place_and_a_secret(complaints: Complain, name: str, key: str) -> None:
    assert complaints(asked(name, **{key: ...})) == [f"{name}.{key}: must be written, because source is http"]


@pytest.mark.parametrize(
    ("name", "source"), [("directory", "store"), ("directory", "claims"), ("credentials", "local")]
)
def test_a_system_that_would_not_be_asked_is_a_slip(complaints: Complain, name: str, source: str) -> None:
    assert complaints(asked(name, source=source)) == [
        f"{name}.url: is for source: http, and source is {source}: take it out",
        f"{name}.secret_file: is for source: http, and source is {source}: take it out",
    ]


@ASKED
def test_a_secret_is_as_long_as_the_hash(complaints: Complain, name: str) -> None:
    [problem] = complaints(asked(name, secret_file="short.secret"))
    assert problem.startswith(f"{name}.secret_file: holds 31 bytes, and a key that signs needs at least 32")


@ASKED
@pytest.mark.parametrize("url", ["people.internal", "ftp://people.internal", "https://me:word@people.internal/"])
def test_a_url_holds_no_password_and_leads_somewhere(complaints: Complain, name: str, url: str) -> None:
    [problem] = complaints(asked(name, url=url))
    assert problem.startswith(f"{name}.url: ")
    assert "word" not in problem.replace("password", "")


def test_an_answer_has_so_long_and_counts_so_long(load: Load) -> None:
    settings = load(asked("directory", timeout="500ms", max_stale="10s"))
    assert (settings.directory.timeout, settings.directory.max_stale) == (0.5, 10.0)
    assert (load().directory.timeout, load().directory.max_stale, load().credentials.timeout) == (2.0, 60.0, 5.0)


@ASKED
@pytest.mark.parametrize("timeout", ["0s", "49ms", "31s"])
def test_nobody_waits_for_ever_or_not_at_all(complaints: Complain, name: str, timeout: str) -> None:
    assert len(complaints(asked(name, timeout=timeout))) == 1
