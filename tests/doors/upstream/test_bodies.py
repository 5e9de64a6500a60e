import pytest
from hypothesis import given
from hypothesis import strategies as st

from mfa_gateway.doors.upstream import Failure, ForwardingError
from mfa_gateway.doors.upstream.bodies import Body, ChunkedBody, SizedBody, UnsizedBody


def has_ended(body: Body) -> bool:
    return body.ended


def test_a_sized_body_ends_after_its_last_byte() -> None:
    body = SizedBody(5)
    assert body.feed(b"abc") == b"abc"
    assert not has_ended(body)
    assert not body.is_whole_at_eof()
    assert body.feed(b"de") == b"de"
    assert has_ended(body)
    assert not body.excess


def test_bytes_beyond_a_sized_body_are_not_given_out() -> None:
    body = SizedBody(2)
    assert body.feed(b"abHTTP/1.1") == b"ab"
    assert has_ended(body)
    assert body.excess


def test_an_empty_body_has_ended_before_it_begins() -> None:
    body = SizedBody(0)
    assert has_ended(body)
    assert body.feed(b"") == b""
    assert not body.excess
    assert body.feed(b"x") == b""
    assert body.excess


def test_chunks_are_put_together() -> None:
    body = ChunkedBody()
    assert body.feed(b"3\r\nabc\r\n2;note=x\r\nde") == b"abcde"
    assert not has_ended(body)
    assert not body.is_whole_at_eof()
    assert body.feed(b"\r\n0\r\n\r\n") == b""
    assert has_ended(body)
    assert not body.excess


def test_trailers_are_no_part_of_the_body() -> None:
    body = ChunkedBody()
    assert body.feed(b"1\r\na\r\n0\r\nServer-Timing: db\r\nETag: x\r\n\r\n") == b"a"
    assert has_ended(body)
    assert not body.excess
    assert body.trailers == [(b"server-timing", b"db"), (b"etag", b"x")]


def test_an_answer_behind_the_last_chunk_brings_no_trailers() -> None:
    body = ChunkedBody()
    body.feed(b"1\r\na\r\n0\r\n\r\nHTTP/1.1 200 OK\r\nX-Other: 1\r\n\r\n")
    assert body.trailers == []


def test_a_body_without_chunks_has_no_trailers() -> None:
    assert list(SizedBody(3).trailers) == list(UnsizedBody().trailers) == []


@pytest.mark.parametrize("more", [b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nfoo", b"garbage", b"3\r\nabc\r\n"])
def test_bytes_beyond_the_last_chunk_are_not_given_out(more: bytes) -> None:
    body = ChunkedBody()
    assert body.feed(b"1\r\na\r\n0\r\n\r\n" + more) == b"a"
    assert has_ended(body)
    assert body.excess


@pytest.mark.parametrize(
    "data", [b"x\r\n", b"3\r\nabcd\r\n", b"3\nabc\n", b"1" * 18 + b"\r\n", b"-1\r\n", b"3\r\nabcXX"]
)
def test_chunks_that_are_not_well_formed_are_refused(data: bytes) -> None:
    with pytest.raises(ForwardingError) as caught:
        ChunkedBody().feed(data)
    assert caught.value.failure is Failure.BAD_ANSWER


@pytest.mark.parametrize("start", [b"0\r\nX: ", b"1;note="])
def test_d04_what_surrounds_chunks_has_an_end(start: bytes) -> None:
    body = ChunkedBody()
    body.feed(start)
    for _ in range(65):
        body.feed(b"x" * 1000)
    with pytest.raises(ForwardingError):
        body.feed(b"x" * 1000)


def test_many_small_chunks_are_no_overhead() -> None:
    body = ChunkedBody()
    assert sum(len(body.feed(b"1\r\nx\r\n")) for _ in range(50_000)) == 50_000


@given(st.lists(st.binary(min_size=1, max_size=50), max_size=8), st.integers(min_value=1, max_value=7))
def test_chunks_mean_the_same_however_they_arrive(chunks: list[bytes], step: int) -> None:
    wire = b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks) + b"0\r\n\r\n"
    body = ChunkedBody()
    received = b"".join(body.feed(wire[at : at + step]) for at in range(0, len(wire), step))
    assert received == b"".join(chunks)
    assert has_ended(body)
    assert not body.excess


def test_an_unsized_body_is_whole_whenever_the_connection_ends() -> None:
    body = UnsizedBody()
    assert body.feed(b"anything") == b"anything"
    assert not has_ended(body)
    assert body.is_whole_at_eof()
