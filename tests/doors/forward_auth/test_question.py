"""Questions: what a proxy says counts where it says it once; what it leaves open is open for nobody."""

import pytest

from mfa_gateway.doors.forward_auth.question import (
    LONGEST_KNOWN,
    Original,
    Question,
    known_original,
    original,
    overwritten,
    places_of,
)


def question(*fields: tuple[bytes, bytes]) -> Question:
    return Question("GET", b"", b"", fields, places_of(tuple(name for name, _ in fields)))


def test_a_field_has_a_value_where_it_is_there_once() -> None:
    assert question((b"a", b"1"), (b"b", b"2")).only(b"b") == b"2"


@pytest.mark.parametrize("fields", [[], [(b"a", b"")], [(b"a", b"1"), (b"a", b"2")], [(b"a", b"1"), (b"a", b"1")]])
def test_a_field_that_is_missing_empty_or_there_twice_has_none(fields: list[tuple[bytes, bytes]]) -> None:
    assert question(*fields).only(b"a") is None
    assert question(*fields).has(b"a") == bool(fields)


@pytest.mark.parametrize(
    "target", [b"/a", b"/a?b=c", b"/a?b=c?d", b"?a", b"a?b", b"", b"/" + b"a" * LONGEST_KNOWN + b"?b"]
)
@pytest.mark.parametrize("method", [b"GET", None])
def test_what_is_known_is_what_would_be_read(target: bytes, method: bytes | None) -> None:
    for _ in range(2):
        known = known_original(method, scheme=b"http", host=b"shop.test", target=target)
        assert known == original(method, scheme=b"http", host=b"shop.test", target=target)


def test_an_original_is_put_together_from_a_target_in_origin_form() -> None:
    read = original(b"PATCH", scheme=b"https", host=b"shop.test", target=b"/a?b=c?d")
    assert read == Original("PATCH", "https", b"shop.test", b"/a", b"b=c?d")


@pytest.mark.parametrize(("scheme", "read"), [(b"ws", "http"), (b"wss", "https"), (b"http", "http")])
def test_the_scheme_of_a_websocket_is_that_of_its_handshake(scheme: bytes, read: str) -> None:
    asked = original(b"GET", scheme=scheme, host=b"shop.test", target=b"/")
    assert isinstance(asked, Original)
    assert asked.scheme == read


@pytest.mark.parametrize(
    "said",
    [
        {"method": None},
        {"scheme": None},
        {"scheme": b"HTTP"},
        {"scheme": b"http,http"},
        {"scheme": b"gopher"},
        {"host": None},
        {"target": None},
        {"target": b"http://shop.test/a"},
        {"target": b"*"},
        {"target": b"a"},
        {"target": b"?a"},
    ],
)
def test_what_is_missing_or_odd_is_a_sentence_for_the_log(said: dict[str, bytes | None]) -> None:
    words = {"method": b"GET", "scheme": b"http", "host": b"shop.test", "target": b"/a", **said}
    method, scheme, host, target = (words[name] for name in ("method", "scheme", "host", "target"))
    assert isinstance(original(method, scheme=scheme, host=host, target=target), str)


@pytest.mark.parametrize(
    ("query", "names"),
    [
        (b"", set()),
        (b"overwrites=", set()),
        (b"overwrites=cookie", {b"cookie"}),
        (b"overwrites=Cookie,%20X-Api-Key,", {b"cookie", b"x-api-key"}),
        (b"overwrites=a&other=b&overwrites=c", {b"a", b"c"}),
        (b"overwrite=cookie", set()),
        (b"cookie", set()),
    ],
)
def test_a_proxy_names_what_it_overwrites_in_the_address_that_it_asks_at(query: bytes, names: set[bytes]) -> None:
    assert overwritten(query) == names
