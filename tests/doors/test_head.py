"""The head: its end is found wherever packets are cut, and its scope is what was asked for."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mfa_gateway.doors.asgi import TRAILERS, UNDATED
from mfa_gateway.doors.head import EndOfHead, http_scope

HEAD = b"GET / HTTP/1.1\r\nHost: gw.test\r\n\r\n"


@given(cut=st.integers(0, len(HEAD)), body=st.binary(max_size=8))
def test_the_end_of_a_head_is_found_across_any_two_packets(cut: int, body: bytes) -> None:
    end = EndOfHead()
    whole = HEAD + body
    first, second = whole[:cut], whole[cut:]
    taken = end.find(first)
    if taken == len(first) and cut < len(HEAD):
        taken += end.find(second)
    assert taken == len(HEAD)


@given(cuts=st.lists(st.integers(1, 5), min_size=len(HEAD)))
def test_the_end_of_a_head_is_found_across_many_packets(cuts: list[int]) -> None:
    end, taken = EndOfHead(), 0
    for size in cuts:
        piece = (HEAD + b"body")[taken : taken + size]
        found = end.find(piece)
        taken += found
        if found < len(piece) or taken >= len(HEAD):
            break
    assert taken == len(HEAD)


def test_nothing_of_one_head_is_left_for_the_next() -> None:
    end = EndOfHead()
    assert [end.find(HEAD[:-1]), end.find(HEAD[-1:]), end.find(b"\n\r\n" + HEAD)] == [
        len(HEAD) - 1,
        1,
        len(b"\n\r\n" + HEAD),
    ]


def scope(target: bytes, version: str = "1.1", *framing: tuple[bytes, bytes]) -> dict[str, Any]:
    ends: dict[str, Any] = {"scheme": "http", "client": ("127.0.0.1", 5), "server": None, "state": {}}
    return dict(http_scope("GET", target, version, headers=[], framing=list(framing), ends=ends))


@pytest.mark.parametrize(
    ("target", "path", "raw_path", "query"),
    [
        (b"/a/b?c=d?e", "/a/b", b"/a/b", b"c=d?e"),
        (b"/%C3%A4%2Fb", "/ä/b", b"/%C3%A4%2Fb", b""),
        (b"/a?", "/a", b"/a", b""),
        (b"/?/../x", "/", b"/", b"/../x"),
    ],
)
def test_a_target_is_taken_apart_once(target: bytes, path: str, raw_path: bytes, query: bytes) -> None:
    found = scope(target)
    assert (found["path"], found["raw_path"], found["query_string"]) == (path, raw_path, query)


def test_a_scope_says_that_the_date_is_left_to_the_application() -> None:
    assert UNDATED in scope(b"/")["extensions"]


def test_a_scope_offers_trailers_to_those_who_asked() -> None:
    asked = (b"te", b"trailers")
    assert TRAILERS in scope(b"/", "1.1", asked)["extensions"]
    assert TRAILERS not in scope(b"/")["extensions"]


def test_a_scope_has_a_state_of_its_own() -> None:
    assert (scope(b"/")["scheme"], scope(b"/")["state"]) == ("http", {})
