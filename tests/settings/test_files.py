from base64 import b64encode
from pathlib import Path
from typing import Protocol

import pytest

from mfa_gateway.settings import Settings
from mfa_gateway.settings.files import without_final_newline

OLD, NEW = b"o" * 32, b"n" * 32


class Load(Protocol):
    def __call__(self, changes: dict[str, object]) -> Settings: ...


class Complain(Protocol):
    def __call__(self, changes: dict[str, object]) -> list[str]: ...


@pytest.fixture
def keys_file(tmp_path: Path) -> Path:
    file = tmp_path / "keys"
    file.write_text(f"# newest\n{b64encode(NEW).decode()}\n\n{b64encode(OLD).decode()}\n")
    return file


def test_keys_are_read_one_a_line_newest_first(load: Load, keys_file: Path) -> None:
    settings = load({"secrets": {"keys_file": str(keys_file)}})
    assert [key.get_secret_value() for key in settings.secrets.newest_first] == [NEW, OLD]


def test_a_relative_path_is_meant_from_the_folder_of_the_configuration(load: Load, keys_file: Path) -> None:
    settings = load({"secrets": {"keys_file": "./keys"}})
    assert settings.secrets.keys_file is not None
    assert settings.secrets.keys_file.path == keys_file


def test_the_default_of_a_path_is_meant_from_there_too(load: Load, tmp_path: Path) -> None:
    assert load({}).store.data_dir == tmp_path / "data"


def test_an_absolute_path_stays(load: Load) -> None:
    assert load({"store.data_dir": "/var/lib/mfa"}).store.data_dir == Path("/var/lib/mfa")


def test_a_key_never_shows_in_a_repr(load: Load, keys_file: Path) -> None:
    shown = repr(load({"secrets": {"keys_file": str(keys_file)}}))
    assert NEW.decode() not in shown
    assert b64encode(NEW).decode() not in shown


def test_a_bad_line_of_a_keys_file_is_named_and_not_repeated(complaints: Complain, tmp_path: Path) -> None:
    (tmp_path / "keys").write_text(f"{b64encode(NEW).decode()}\ndG9vLXNob3J0\n")
    assert complaints({"secrets": {"keys_file": "keys"}}) == [
        (
            "secrets.keys_file: line 2 holds 9 bytes instead of 32: make a key with `openssl rand -base64 32` "
            f"({tmp_path / 'keys'})"
        )
    ]


def test_a_keys_file_that_is_not_there_tells_how_to_make_it(complaints: Complain, tmp_path: Path) -> None:
    assert complaints({"secrets": {"keys_file": "keys"}}) == [
        f"secrets.keys_file: is not there: make a key with `openssl rand -base64 32 > {tmp_path / 'keys'}`"
    ]


def test_a_keys_file_without_keys_is_refused(complaints: Complain, tmp_path: Path) -> None:
    (tmp_path / "keys").write_text("# none yet\n")
    (problem,) = complaints({"secrets": {"keys_file": "keys"}})
    assert problem.startswith("secrets.keys_file: holds no key: make a key with")


def test_a_key_that_is_not_base64_is_refused_and_not_repeated(complaints: Complain) -> None:
    assert complaints({"secrets.keys": ["not base64!"]}) == [
        "secrets.keys[0]: is not base64: make a key with `openssl rand -base64 32`"
    ]


def test_a_secret_file_is_read_without_its_last_newline(load: Load, tmp_path: Path) -> None:
    (tmp_path / "password").write_bytes(b"pass word\n\n")
    smtp = {"host": "127.0.0.1", "from": "a@b.example", "username": "u", "password_file": "password"}
    email = load({"senders.email": {"smtp": smtp}}).senders.email
    assert email is not None
    assert email.smtp is not None
    assert email.smtp.password_file is not None
    assert email.smtp.password_file.content.get_secret_value() == b"pass word\n"


def test_a_password_is_text(complaints: Complain, tmp_path: Path) -> None:
    (tmp_path / "password").write_bytes(b"\xff\n")
    smtp = {"host": "127.0.0.1", "from": "a@b.example", "username": "u", "password_file": "password"}
    assert complaints({"senders.email": {"smtp": smtp}}) == [
        f"senders.email.smtp.password_file: is not UTF-8 text ({tmp_path / 'password'})"
    ]


@pytest.mark.parametrize(("content", "left"), [(b"x\r\n", b"x"), (b"x\n\n", b"x\n"), (b"x\r", b"x\r"), (b"x", b"x")])
def test_only_one_newline_is_taken_off(content: bytes, left: bytes) -> None:
    assert without_final_newline(content) == left


@pytest.mark.parametrize(
    ("content", "why"),
    [(None, "cannot be read: no such file or directory"), (b"\n", "is empty"), (b"x" * 70_000, "is larger")],
)
def test_an_unusable_secret_file_is_a_problem_at_its_key(
    complaints: Complain, tmp_path: Path, content: bytes | None, why: str
) -> None:
    if content is not None:
        (tmp_path / "secret").write_bytes(content)
    bearer = {"identity.bearer.0.jwks_url": ..., "identity.bearer.0.algorithms": ["HS256"]}
    (problem,) = complaints({**bearer, "identity.bearer.0.secret_file": "secret"})
    assert problem.startswith(f"identity.bearer[0].secret_file: {why}")
    assert str(tmp_path / "secret") in problem


@pytest.mark.parametrize("value", [5, "", ["a"], None])
def test_a_path_is_text(complaints: Complain, value: object) -> None:
    assert complaints({"store.data_dir": value}) == ["store.data_dir: must be the path of a file"]


def test_a_key_is_text(complaints: Complain) -> None:
    assert complaints({"secrets.keys": [5]}) == [
        "secrets.keys[0]: must be text in base64: make a key with `openssl rand -base64 32`"
    ]


def test_a_file_that_others_will_read_is_tried(complaints: Complain, tmp_path: Path) -> None:
    told = complaints({"tls": {"cert": "cert.pem", "key": "key.pem"}})
    assert f"tls.cert: cannot be read: no such file or directory ({tmp_path / 'cert.pem'})" in told
    assert f"tls.key: cannot be read: no such file or directory ({tmp_path / 'key.pem'})" in told


def test_a_folder_is_not_a_secret_file(complaints: Complain) -> None:
    (problem,) = complaints({"identity.bearer.0.jwks_url": ..., "identity.bearer.0.secret_file": "."})
    assert problem.startswith("identity.bearer[0].secret_file: cannot be read: is a directory")
