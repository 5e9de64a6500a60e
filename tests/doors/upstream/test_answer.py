from email.utils import parsedate_to_datetime

import pytest

from mfa_gateway.doors.upstream import Failure, ForwardingError
from mfa_gateway.doors.upstream.answer import Answer, read_answer
from mfa_gateway.doors.upstream.bodies import ChunkedBody, SizedBody, UnsizedBody


def read(*lines: bytes, start: bytes = b"HTTP/1.1 200 OK", to_head: bool = False) -> Answer:
    return read_answer(b"\r\n".join((start, *lines, b"", b"")), to_head=to_head)


def fields(answer: Answer) -> dict[bytes, bytes]:
    return dict(answer.fields)


def is_refused(*lines: bytes, start: bytes = b"HTTP/1.1 200 OK") -> bool:
    with pytest.raises(ForwardingError) as caught:
        read(*lines, start=start)
    return caught.value.failure is Failure.BAD_ANSWER


def test_a_plain_answer_goes_on_with_its_fields() -> None:
    answer = read(b"Server: raw", b"Set-Cookie: a=1", b"Set-Cookie: b=2", b"Content-Length: 7")
    assert answer.status == 200
    assert answer.fields[:3] == [(b"server", b"raw"), (b"set-cookie", b"a=1"), (b"set-cookie", b"b=2")]
    assert fields(answer)[b"content-length"] == b"7"
    assert isinstance(answer.body, SizedBody)
    assert answer.body.remaining == 7
    assert answer.is_reusable


def test_an_answer_in_chunks_loses_the_coding_and_keeps_the_connection() -> None:
    answer = read(b"Transfer-Encoding: Chunked")
    assert b"transfer-encoding" not in fields(answer)
    assert isinstance(answer.body, ChunkedBody)
    assert answer.is_reusable


def test_an_answer_without_framing_ends_with_its_connection() -> None:
    answer = read(b"Server: raw")
    assert isinstance(answer.body, UnsizedBody)
    assert not answer.is_reusable


def test_the_upstreams_date_is_kept() -> None:
    answer = read(b"Date: Sat, 21 Nov 2026 20:41:00 GMT", b"Content-Length: 0")
    assert [value for name, value in answer.fields if name == b"date"] == [b"Sat, 21 Nov 2026 20:41:00 GMT"]


def test_an_answer_without_a_date_gets_one() -> None:
    dates = [value for name, value in read(b"Content-Length: 0").fields if name == b"date"]
    assert len(dates) == 1
    assert parsedate_to_datetime(dates[0].decode()).tzname() == "UTC"


@pytest.mark.parametrize(
    "name", [b"Keep-Alive", b"Proxy-Connection", b"TE", b"Trailer", b"Upgrade", b"Proxy-Authenticate"]
)
def test_a_hop_by_hop_field_stops(name: bytes) -> None:
    assert name.lower() not in fields(read(name + b": x", b"Content-Length: 0"))


def test_what_connection_lists_is_removed() -> None:
    answer = read(b"X-One: 1", b"Connection: x-ONE\t, x-two", b"X-Two: 2", b"X-Three: 3", b"Content-Length: 5")
    assert {b"x-one", b"x-two", b"connection"} & set(fields(answer)) == set()
    assert fields(answer)[b"x-three"] == b"3"
    assert answer.is_reusable


def test_a_connection_cannot_list_the_framing_away() -> None:
    answer = read(b"Connection: content-length", b"Content-Length: 5")
    assert fields(answer)[b"content-length"] == b"5"


def test_close_ends_the_connection() -> None:
    assert not read(b"Connection: x, Close", b"Content-Length: 0").is_reusable


def test_http_1_0_is_never_kept() -> None:
    assert not read(b"Connection: keep-alive", b"Content-Length: 0", start=b"HTTP/1.0 200 OK").is_reusable


# --- Answers without a body -------------------------------------------------------------------


@pytest.mark.parametrize("line", [b"Content-Length: 10", b"Transfer-Encoding: chunked", b"Server: raw"])
def test_an_answer_to_head_ends_with_its_head_and_is_never_trusted_to(line: bytes) -> None:
    answer = read(line, to_head=True)
    assert answer.body.ended
    assert not answer.is_reusable


def test_an_answer_to_head_keeps_its_length() -> None:
    assert fields(read(b"Content-Length: 10", to_head=True))[b"content-length"] == b"10"


@pytest.mark.parametrize("status", [b"204", b"304"])
def test_an_answer_that_never_has_a_body_loses_its_length(status: bytes) -> None:
    answer = read(b"Content-Length: 10", start=b"HTTP/1.1 %b X" % status)
    assert answer.body.ended
    assert b"content-length" not in fields(answer)
    assert not answer.is_reusable


@pytest.mark.parametrize("line", [b"Content-Length: 0", b"ETag: x"])
def test_a_304_that_announces_no_body_keeps_the_connection(line: bytes) -> None:
    answer = read(line, start=b"HTTP/1.1 304 Not Modified")
    assert answer.body.ended
    assert answer.is_reusable


def test_an_interim_answer_has_no_body() -> None:
    answer = read(b"Link: </a.css>", start=b"HTTP/1.1 103 Early Hints")
    assert answer.status == 103
    assert answer.body.ended


# --- What is no answer ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "start",
    [
        b"HTTP/1.1 101 Switching Protocols",
        b"HTTP/1.1 600 Odd",
        b"HTTP/1.1 99 Odd",
        b"HTTP/1.1 OK",
        b"HTTP/1.1 2000 OK",
        b"HTTP/2.0 200 OK",
        b"HTTP/0.9 200 OK",
        b"http/1.1 200 OK",
        b"ICY 200 OK",
        b"",
    ],
)
def test_a_status_line_that_is_none(start: bytes) -> None:
    assert is_refused(b"Content-Length: 0", start=start)


def test_a_switch_of_protocols_that_nobody_asked_for() -> None:
    assert is_refused(b"Connection: upgrade", b"Upgrade: websocket", start=b"HTTP/1.1 101 Switching Protocols")


@pytest.mark.parametrize(
    "lines",
    [
        (b"Content-Length: 3", b"Content-Length: 3"),
        (b"Content-Length: 3", b"Content-Length: 4"),
        (b"Content-Length: 3, 3",),
        (b"Content-Length: +3",),
        (b"Content-Length: -3",),
        (b"Content-Length: 0x3",),
        (b"Content-Length:",),
        (b"Content-Length: " + b"9" * 19,),
        (b"Content-Length: 3", b"Transfer-Encoding: chunked"),
        (b"Transfer-Encoding: chunked", b"Content-Length: 3"),
        (b"Transfer-Encoding: chunked", b"Transfer-Encoding: chunked"),
        (b"Transfer-Encoding: gzip, chunked",),
        (b"Transfer-Encoding: gzip",),
        (b"X-Note : 1",),
        (b"X-Note: a\x00b",),
        (b"X-Note: a", b" folded"),
        (b": empty",),
        (b"X-Note: a\nX-Other: b",),
    ],
)
def test_fields_with_two_readings(lines: tuple[bytes, ...]) -> None:
    assert is_refused(*lines)


def test_chunks_in_http_1_0_are_refused() -> None:
    assert is_refused(b"Transfer-Encoding: chunked", start=b"HTTP/1.0 200 OK")
