from collections.abc import Callable

import pytest

from mfa_gateway.settings import Settings
from mfa_gateway.settings.store import store_kind

Load = Callable[..., Settings]
Complain = Callable[..., list[str]]


@pytest.mark.parametrize(
    ("url", "kind"),
    [
        ("embedded", "embedded"),
        ("memory://", "memory"),
        ("redis://127.0.0.1:6379/0", "redis"),
        ("redis://:secret@cache", "redis"),
        ("rediss://user:secret@[::1]:6380/1", "rediss"),
        ("unix:///run/valkey.sock?db=1", "unix"),
        ("unix://:secret@/run/valkey.sock", "unix"),
    ],
)
def test_a_store_has_one_of_these_forms(load: Load, url: str, kind: str) -> None:
    assert load({"store": {"url": url}}).store.kind == kind


@pytest.mark.parametrize("url", ["", "Embedded", "redis", "redis:/x", "http://x", "sqlite://x", "://x"])
def test_a_store_has_no_other_form(complaints: Complain, url: str) -> None:
    (problem,) = complaints({"store": {"url": url}})
    assert problem.startswith("store.url: must be one of embedded, redis://host:6379/0, rediss://host:6379/0, unix:///")


@pytest.mark.parametrize("url", ["redis://", "redis:///0", "redis://:secret@:6379", "redis://h:x", "rediss://[::1"])
def test_a_server_is_named(complaints: Complain, url: str) -> None:
    assert complaints({"store": {"url": url}}) == [
        "store.url: must name a host and a port, as in redis://127.0.0.1:6379/0"
    ]


def test_a_url_cannot_bring_retries_along(complaints: Complain) -> None:
    (problem,) = complaints({"store": {"url": "redis://cache/0?retry_on_timeout=true"}})
    assert problem.startswith("store.url: must not hold options after '?'")


@pytest.mark.parametrize("url", ["unix://", "unix://run/valkey.sock", "unix:///"])
def test_a_socket_has_an_absolute_path(complaints: Complain, url: str) -> None:
    (problem,) = complaints({"store": {"url": url}})
    assert problem.startswith("store.url: must name an absolute path, with three slashes")


def test_a_socket_takes_no_options_but_its_database(complaints: Complain) -> None:
    (problem,) = complaints({"store": {"url": "unix:///run/x.sock?socket_timeout=9"}})
    assert problem.startswith("store.url: takes ?db=NUMBER and no other option")


def test_memory_has_nothing_to_say_after_its_slashes(complaints: Complain) -> None:
    assert complaints({"store": {"url": "memory://x"}}) == ["store.url: write memory:// and nothing after it"]


def test_the_password_of_a_store_hides_in_a_repr(load: Load) -> None:
    assert "hunter2" not in repr(load({"store": {"url": "redis://:hunter2@cache:6379/0"}}))


def test_the_password_of_a_store_is_masked_where_settings_are_shown(load: Load) -> None:
    shown = load({"store": {"url": "redis://joe:hunter2@cache:6379/0"}}).model_dump(mode="json")
    assert shown["store"]["url"] == "redis://***@cache:6379/0"


def test_a_kind_that_is_not_there_is_an_error() -> None:
    with pytest.raises(ValueError, match="must be one of embedded"):
        store_kind("http://x")
