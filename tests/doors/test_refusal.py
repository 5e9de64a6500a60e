"""Refusals before a scope exists: one reading of a first line and of a body's length, or none."""

import pytest

from mfa_gateway.doors.refusal import (
    RefusedRequest,
    body_length,
    check_request_line,
    expects_continue,
    plain_refusal,
    takes_trailers,
)

HOST = (b"host", b"gw.test")
CHUNKED = (b"transfer-encoding", b"chunked")


def length(value: bytes) -> tuple[bytes, bytes]:
    return (b"content-length", value)


@pytest.mark.parametrize("target", [b"/", b"/a/b?c=d&e", b"/%2e%2e/", b"//x", b"/a;b", b'/"~', b"/a?b=/../c"])
def test_a_target_in_origin_form_goes_on_to_be_judged(target: bytes) -> None:
    check_request_line(b"GET", target, "1.1")


@pytest.mark.parametrize(
    "target",
    [b"*", b"", b"x", b"http://gw.test/", b"gw.test:80", b"/a#b", b"/a b", b"/\x7f", b"/\xff", b"/a\n", b"/\x00"],
)
def test_a_target_in_any_other_form_is_refused(target: bytes) -> None:
    with pytest.raises(RefusedRequest) as refused:
        check_request_line(b"GET", target, "1.1")
    assert refused.value.status == 400


@pytest.mark.parametrize("version", ["0.9", "1.2", "2.0", "3.0", ""])
def test_what_is_not_http_1_is_refused(version: str) -> None:
    with pytest.raises(RefusedRequest):
        check_request_line(b"GET", b"/", version)


def test_connect_is_refused_whatever_its_target() -> None:
    with pytest.raises(RefusedRequest) as refused:
        check_request_line(b"CONNECT", b"/", "1.1")
    assert refused.value.status == 405


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ([HOST], 0),
        ([HOST, length(b"0")], 0),
        ([HOST, length(b"17")], 17),
        ([HOST, length(b"017")], 17),
        ([HOST, length(b"9" * 18)], 10**18 - 1),
        ([HOST, CHUNKED], None),
        ([HOST, (b"transfer-encoding", b"Chunked")], None),
        ([HOST, (b"upgrade", b"h2c")], 0),
        ([HOST, (b"upgrade", b"h2c"), length(b"0")], 0),
    ],
)
def test_a_body_is_as_long_as_the_one_field_says(headers: list[tuple[bytes, bytes]], expected: int | None) -> None:
    assert body_length(headers, "1.1") == expected


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [HOST, HOST],
        [HOST, (b"host", b"other.test")],
        [HOST, length(b"1"), length(b"1")],
        [HOST, length(b"1"), length(b"2")],
        [HOST, length(b"")],
        [HOST, length(b"+3")],
        [HOST, length(b"-1")],
        [HOST, length(b"0x3")],
        [HOST, length(b"3, 3")],
        [HOST, length(b"3 ")],
        [HOST, length(b"1_0")],
        [HOST, length("\u0663".encode())],
        [HOST, length(b"9" * 19)],
        [HOST, CHUNKED, CHUNKED],
        [HOST, CHUNKED, length(b"0")],
        [HOST, (b"transfer-encoding", b"gzip, chunked")],
        [HOST, (b"transfer-encoding", b"identity")],
        [HOST, (b"transfer-encoding", b"chunked, identity")],
        [HOST, (b"transfer-encoding", b"\x0bchunked")],
        [HOST, (b"upgrade", b"h2c"), length(b"60")],
        [HOST, (b"upgrade", b"websocket"), CHUNKED],
        [HOST, (b"upgrade", b"h2c"), (b"upgrade", b"websocket")],
    ],
)
def test_s01_s03_framing_with_two_readings_or_none_is_refused(headers: list[tuple[bytes, bytes]]) -> None:
    with pytest.raises(RefusedRequest) as refused:
        body_length(headers, "1.1")
    assert refused.value.status == 400


def test_a_host_of_one_letter_is_there_twice_as_well() -> None:
    # Python keeps one object for each single byte: identity would not tell these apart.
    with pytest.raises(RefusedRequest):
        body_length([(b"host", b"a"), (b"host", b"a")], "1.1")


def test_http_1_0_needs_no_host_and_has_no_chunks() -> None:
    assert body_length([], "1.0") == 0
    with pytest.raises(RefusedRequest):
        body_length([CHUNKED], "1.0")


@pytest.mark.parametrize("status", [400, 405, 408, 414, 431, 503])
def test_an_answer_is_whole_and_the_last_one(status: int) -> None:
    head, _, body = plain_refusal(status, "id-1", is_head=False).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 %d " % status)
    assert b"\r\ncontent-length: %d\r\n" % len(body) in head
    assert b"\r\nx-request-id: id-1\r\n" in head
    assert b"\r\ncache-control: no-store\r\n" in head
    assert b"\r\ndate: " in head
    assert head.endswith(b"\r\nconnection: close")


@pytest.mark.parametrize(("status", "hint"), [(405, b"allow: GET, "), (503, b"retry-after: 1\r\n")])
def test_an_answer_hints_at_what_would_do(status: int, hint: bytes) -> None:
    assert hint in plain_refusal(status, "id-1", is_head=False)
    assert hint not in plain_refusal(400, "id-1", is_head=False)


def test_an_answer_to_head_has_the_length_and_not_the_body() -> None:
    whole, bare = plain_refusal(400, "i", is_head=False), plain_refusal(400, "i", is_head=True)
    assert whole.partition(b"\r\n\r\n")[0].split(b"\r\n")[3:] == bare.partition(b"\r\n\r\n")[0].split(b"\r\n")[3:]
    assert bare.endswith(b"\r\n\r\n")


@pytest.mark.parametrize(("value", "waits"), [(b"100-continue", True), (b"100-Continue", True), (b"something", False)])
def test_a_client_waits_for_word_if_it_says_so(value: bytes, waits: bool) -> None:  # noqa: FBT001 - the expectation
    assert expects_continue([HOST, (b"expect", value)]) is waits


@pytest.mark.parametrize("value", [b"trailers", b"Trailers", b"gzip, trailers", b"gzip;q=0.5,trailers"])
def test_a_client_takes_trailers_if_it_says_so(value: bytes) -> None:
    assert takes_trailers([HOST, (b"te", value)], "1.1")


@pytest.mark.parametrize(
    ("headers", "version"),
    [
        ([HOST], "1.1"),
        ([(b"te", b"gzip")], "1.1"),
        ([(b"te", b"trailers")], "1.0"),
        ([(b"trailer", b"trailers")], "1.1"),
    ],
)
def test_no_other_client_takes_them(headers: list[tuple[bytes, bytes]], version: str) -> None:
    assert not takes_trailers(headers, version)
