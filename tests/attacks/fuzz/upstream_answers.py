"""Fuzzing what reads the answers of upstreams: the connection, heads and bodies.

Whatever arrives, in whatever pieces: no exception leaves the connection, no more than its bounds is kept, nothing that
ends a line gets into a field, and the pieces change nothing. And a connection that may serve another call has seen one
answer and nothing else, as a second reader (h11) sees it too.
"""

import asyncio
from dataclasses import dataclass, field
from typing import Any, Final

import h11
from hypothesis import strategies as st

from mfa_gateway.doors.upstream import Terms
from mfa_gateway.doors.upstream.connection import Connection
from mfa_gateway.doors.upstream.failures import ForwardingError
from tests.attacks.fuzz.bytestrings import damaged, split
from tests.attacks.fuzz.target import Target

_ASKED: Final = b"GET /x HTTP/1.1\r\nhost: api.test\r\n\r\n"
_BOUND: Final = 65_536
_LOOP: Final = asyncio.new_event_loop()

_VERSIONS = (b"HTTP/1.1", b"HTTP/1.1", b"HTTP/1.1", b"HTTP/1.0", b"HTTP/0.9", b"HTTP/2", b"http/1.1", b"ICY")
_STATUSES = (
    b"200",
    b"200",
    b"204",
    b"304",
    b"404",
    b"500",
    b"100",
    b"103",
    b"101",
    b"199",
    b"600",
    b"099",
    b"20",
    b"2000",
    b"",
)
_FIELDS = (
    b"Content-Length: 0", b"Content-Length: 2", b"content-length: 5", b"Content-Length: 2, 2", b"Content-Length: +2",
    b"Content-Length: -1", b"Content-Length: 0x2", b"Content-Length:", b"Content-Length: 99999999999999999999",
    b"Content-Length : 2", b"Transfer-Encoding: chunked", b"transfer-encoding: CHUNKED",
    b"Transfer-Encoding: gzip, chunked",
    b"Transfer-Encoding: chunked, identity", b"Transfer-Encoding:\tchunked", b"Transfer-Encoding: xchunked",
    b"Connection: close", b"Connection: keep-alive, x-a", b"Connection: content-length", b"Connection: date",
    b"Upgrade: websocket", b"Keep-Alive: timeout=5", b"X-A: b", b"X-A: \xff\xfe", b"X-A: a\rb", b"X-A: a\x00b",
    b" folded", b"X-A", b": empty", b"Date: now", b"Trailer: x-t", b"Server: s", b"X-Long: " + b"a" * 9_000,
)  # fmt: skip
_BODIES = (
    b"", b"ok", b"okay!", b"2\r\nok\r\n0\r\n\r\n", b"2;x=y\r\nok\r\n0\r\nX-T: 1\r\n\r\n", b"2\nok\n0\n\n",
    b"2\r\nokXX0\r\n\r\n",
    b"fffffffffffffffff\r\n", b"-1\r\n", b"0\r\n\r\n", b"0\r\n", b"2\r\nok\r\n", b"0x2\r\nok\r\n0\r\n\r\n",
    b"2\r\nok\r\n0\r\nContent-Length: 9\r\n\r\n", b"2 \r\nok\r\n0\r\n\r\n", b"1;" + b"e" * 70_000,
)  # fmt: skip
_ENDS = (b"\r\n", b"\r\n", b"\r\n", b"\r\n", b"\n", b"\r")


@st.composite
def _answer(draw: st.DrawFn) -> bytes:
    end = draw(st.sampled_from(_ENDS))
    line = b" ".join((draw(st.sampled_from(_VERSIONS)), draw(st.sampled_from(_STATUSES)), b"Fine"))
    fields = draw(st.lists(st.sampled_from(_FIELDS), max_size=4))
    whole = end.join((line, *fields, b"", draw(st.sampled_from(_BODIES))))
    return draw(damaged(whole)) if draw(st.integers(0, 3)) == 0 else whole


@dataclass(frozen=True, slots=True)
class _Arrival:
    """What an upstream sends, in pieces, and whether a HEAD was asked for and the upstream hangs up at the end."""

    pieces: list[bytes]
    to_head: bool
    hangs_up: bool


@st.composite
def _arrivals(draw: st.DrawFn) -> _Arrival:
    whole = b"".join(draw(st.lists(_answer(), min_size=1, max_size=3)))
    return _Arrival(draw(split(whole)), draw(st.booleans()), draw(st.booleans()))


class _Wire(asyncio.Transport):
    """A transport that goes nowhere."""

    is_gone = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        pass

    def get_write_buffer_size(self) -> int:
        return 0

    def is_closing(self) -> bool:
        return self.is_gone

    def abort(self) -> None:
        self.is_gone = True

    def pause_reading(self) -> None:
        pass

    def resume_reading(self) -> None:
        pass


@dataclass(slots=True)
class _Heard:
    """What came of it."""

    status: int = 0
    fields: tuple[tuple[bytes, bytes], ...] = ()
    trailers: tuple[tuple[bytes, bytes], ...] = ()
    body: bytes = b""
    is_whole: bool = False
    stays: bool = False
    _left: list[str] = field(default_factory=list)


def _heard(arrival: _Arrival, pieces: list[bytes]) -> _Heard:
    wire, heard = _Wire(), _Heard()
    connection = Connection(Terms(), _LOOP, lambda _: None)
    connection.connection_made(wire)
    connection.begin(to_head=arrival.to_head, on_linger=lambda: None)
    connection.ask(_ASKED)
    connection.flush()
    connection.mark_sent()
    for piece in pieces:
        if wire.is_gone:
            break
        connection.data_received(piece)
        _take(connection, heard)
    if arrival.hangs_up and not wire.is_gone:
        connection.eof_received()
        _take(connection, heard)
    heard.is_whole = connection.is_done
    heard.stays = connection.finish() and not wire.is_gone
    return heard


def _take(connection: Connection, heard: _Heard) -> None:
    assert len(connection._partial) <= _BOUND
    answer = connection.answer
    if answer is None:
        return
    heard.status = answer.status
    heard.fields = tuple(answer.fields)
    heard.trailers = tuple(answer.body.trailers)
    heard.body += connection.read()


def _check(arrival: _Arrival) -> None:
    heard = _heard(arrival, arrival.pieces)
    whole = b"".join(arrival.pieces)
    for name, value in (*heard.fields, *heard.trailers):
        assert not set(name + value) & set(b"\r\n\x00"), (name, value)
    # The date is of this second, so it may differ.
    at_once = _heard(arrival, [whole])
    if len(whole) < _BOUND:
        same = (heard.status, heard.body, heard.is_whole, heard.stays, heard.trailers)
        assert same == (at_once.status, at_once.body, at_once.is_whole, at_once.stays, at_once.trailers)
    if heard.stays:
        assert heard.is_whole
        assert (heard.status, heard.body) == _as_h11_reads(whole, to_head=arrival.to_head)


def _as_h11_reads(whole: bytes, *, to_head: bool) -> tuple[int, bytes]:
    """Status and body of the only answer there is; what h11 does not read at all is no second opinion."""
    reader = h11.Connection(our_role=h11.CLIENT)
    reader.send(h11.Request(method="HEAD" if to_head else "GET", target="/x", headers=[("host", "api.test")]))
    reader.send(h11.EndOfMessage())
    status, body = 0, b""
    reader.receive_data(whole)
    while not isinstance(event := _next_event(reader), h11.EndOfMessage):
        assert event is not h11.NEED_DATA, "h11 waits for more where the connection serves the next call"
        if isinstance(event, h11.Response):
            status = event.status_code
        elif isinstance(event, h11.Data):
            body += bytes(event.data)
    assert reader.trailing_data[0] == b"", "h11 finds bytes behind the answer"
    return status, body


def _next_event(reader: h11.Connection) -> Any:
    return reader.next_event()


def _checked(arrival: _Arrival) -> None:
    try:
        _check(arrival)
    except h11.RemoteProtocolError:
        return
    except ForwardingError as error:
        raise AssertionError("a failure left the connection") from error


UPSTREAM: Final = Target("upstream", _arrivals(), _checked, examples=900)
