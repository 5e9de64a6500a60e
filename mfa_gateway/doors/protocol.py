"""The protocol: one client's connection, HTTP/1.1 read strictly on top of uvicorn's.

Theory. A connection holds one request at a time; what a client sends ahead of its answer waits unread, so a refusal can
never get into another answer, and nothing that waits has been understood in any way. A connection is

    HEAD     waiting for a head, or in the middle of one
    BODY     in the middle of a body, which may be answered already
    WHOLE    done with a request, not yet with its answer
    LEAVING  not reading any more; what still arrives is thrown away

and one deadline at most runs in each: for a head as a whole, for the next piece of a body while we read, for taking the
next piece of an answer, for the next request.

uvicorn closes while bytes of the client are still unread. The kernel makes a reset of that, and the answer may be lost
with it. So leaving means: close our half, throw away for a short while, then close the other half.

What stays out: policy, and everything that an ASGI application can see for itself. What this is built on in uvicorn
(0.54): the state of a connection and the parser of `HttpToolsProtocol`; its own `RequestResponseCycle` is not (cycle).
"""

import asyncio
from contextvars import Context, copy_context
from enum import Enum
from math import inf
from typing import Any, Final

import structlog
from httptools import HttpParserError, HttpParserUpgrade
from structlog.typing import FilteringBoundLogger
from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from mfa_gateway.doors.asgi import LINGER_BYTES, new_request_id
from mfa_gateway.doors.cycle import Cycle
from mfa_gateway.doors.deadline import Deadline
from mfa_gateway.doors.head import EndOfHead, http_scope
from mfa_gateway.doors.outbox import outbox_of
from mfa_gateway.doors.refusal import (
    FRAMING,
    RefusedRequest,
    body_length,
    check_request_line,
    expects_continue,
    plain_refusal,
)
from mfa_gateway.doors.terms import ServerTerms
from mfa_gateway.doors.transport import Exit, Flow

_log: FilteringBoundLogger = structlog.get_logger(__name__)

# How much of what is sent ahead may wait before nothing more is read.
_MOST_AHEAD: Final = 65_536
# What a client sends of a body within `body_idle` at the least. A byte now and then is no body that is coming.
_PIECE: Final = 1_024


class Phase(Enum):
    """What a connection is at."""

    HEAD = "head"
    BODY = "body"
    WHOLE = "whole"
    LEAVING = "leaving"


# Looked up several times a request.
_HEAD, _BODY, _WHOLE, _LEAVING = Phase


class StrictProtocol(HttpToolsProtocol):
    """One connection. Answers what is ambiguous, too large or too slow by itself."""

    terms: ServerTerms = ServerTerms()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._phase = _HEAD
        self._deadline = Deadline(self.loop, self._time_out)
        self._context: Context = copy_context()
        self._wire: asyncio.Transport
        self._exit: Exit
        self.flow: Flow
        self.cycle: Cycle  # type: ignore[assignment] # ours, in its place
        # Of the head that is being read.
        self._framing: list[tuple[bytes, bytes]] = []
        self._is_head_request = False
        self._head_bytes = 0
        self._end = EndOfHead()
        # Of the body that is being read; `_body_left` is None where chunks tell the end.
        self._body_left: int | None = None
        self._since_body = 0
        self._since_piece = 0
        # Outside of the request: sent ahead, thrown away, and of our own not taken yet.
        self._ahead = b""
        self._has_lost_bytes = False
        self._thrown_away = 0
        self._unsent: float = 0

    def _may_read(self) -> bool:
        """Whether more may be sent ahead. If not, we do not hear of a client that leaves before its answer either."""
        return self._phase is not _WHOLE or len(self._ahead) <= _MOST_AHEAD

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn has it
        """Start waiting for a head."""
        super().connection_made(transport)
        self._wire = transport
        self.transport = self._exit = Exit(transport, self.leave, outbox_of(self.loop))
        self.flow = Flow(transport, may_read=self._may_read, on_change=self._wind)
        self._deadline.set(self.terms.head_timeout)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget what waits; uvicorn tells the request that is being answered."""
        self._shut()
        self._deadline.stop()
        super().connection_lost(exc)
        self._let_go()

    def _let_go(self) -> None:
        """Undo the circles in which a connection holds itself: a flood of them must not wait for the collector."""
        self._exit.let_go()
        self.flow.let_go()
        self.cycle = None  # type: ignore[assignment] # what it is before the first request, too

    # --- Time ---

    def pause_writing(self) -> None:
        """The client takes the answer more slowly than it comes."""
        super().pause_writing()
        self._unsent = self._wire.get_write_buffer_size()
        self._wind()

    def resume_writing(self) -> None:
        """There is room again."""
        super().resume_writing()
        self._wind()

    def _wind(self) -> None:
        """Set the deadline that holds from now on."""
        if self._phase is _LEAVING:
            return
        if self.flow.write_paused:
            self._deadline.set(self.terms.body_idle)
        elif self._phase is _HEAD:
            self._deadline.set(self.terms.head_timeout if self._head_bytes else self.terms.keep_alive)
        elif self._phase is _BODY and not self.flow.read_paused:
            self._deadline.set(self.terms.linger if self.cycle.response_complete else self.terms.body_idle)
        else:
            self._deadline.clear()

    def _time_out(self) -> None:
        if self._phase is _LEAVING:
            self._close()
        elif self.flow.write_paused:
            self._check_taking()
        elif self._phase is _HEAD and not self._head_bytes:
            # Nobody asked for anything: an answer would be taken for that of the next request.
            self.leave()
        else:
            self._refuse(408, "it did not arrive in time")

    def _check_taking(self) -> None:
        """End a connection whose client took nothing of what waits for it."""
        waiting = self._wire.get_write_buffer_size()
        if waiting >= self._unsent:
            self._wire.abort()
        else:
            self._unsent = waiting
            self._deadline.set(self.terms.body_idle)

    # --- Reading ---

    def data_received(self, data: bytes) -> None:
        """Read as far as the request goes; what is beyond it waits for its turn."""
        if self._phase is _LEAVING:
            self._throw_away(len(data))
            return
        if self._ahead:
            data, self._ahead = self._ahead + data, b""
        self._read(data)

    def _read(self, data: bytes) -> None:
        while data:
            if self._phase is _HEAD:
                end = self._end.find(data)
                self._feed_head(data[:end])
            elif self._phase is _BODY:
                end = self._body_left or len(data)
                self._feed_body(data[:end])
            else:
                break
            data = data[end:]
        if data and self._phase is _WHOLE:
            self._ahead = data
            self.flow.pause_reading()

    def _read_ahead(self) -> None:
        data, self._ahead = self._ahead, b""
        self._read(data)

    def _feed_head(self, piece: bytes) -> None:
        is_begun = self._head_bytes > 0
        self._head_bytes += len(piece)
        if self._head_bytes > self.terms.head_bytes:
            # Not even parsed: what it is does not matter any more.
            is_target = not is_begun and len(piece.partition(b"\r\n")[0]) > self.terms.target_bytes
            self._refuse(414 if is_target else 431, "its head is too large")
            return
        self._parse(piece)
        if self._phase is _HEAD and not is_begun:
            self._deadline.set(self.terms.head_timeout)

    def _feed_body(self, piece: bytes) -> None:
        self._since_body += len(piece)
        self._since_piece += len(piece)
        if self._body_left is not None:
            self._body_left -= len(piece)
        self._parse(piece)
        if self._phase is _BODY:
            self._check_body()

    def _check_body(self) -> None:
        if self.cycle.response_complete:
            if self._since_piece > LINGER_BYTES:
                self.leave()
        elif self._since_body > self.terms.head_bytes:
            self._refuse(431, "its trailers are too large")
        elif self._since_piece >= _PIECE:
            self._since_piece = 0
            if not self.flow.write_paused:
                self._wind()

    def _parse(self, piece: bytes) -> None:
        try:
            self.parser.feed_data(piece)
        except HttpParserUpgrade:
            # RFC 9110 section 7.8: a server may go on as if the field were not there. Nothing is upgraded to here.
            pass
        except HttpParserError as error:
            self._stop_parsing(error)

    def _stop_parsing(self, error: HttpParserError) -> None:
        if self._phase is _WHOLE:
            # The next request began where only the parser could see it: behind the last chunk. It is lost now. Clients
            # send again what was not answered (RFC 9112 section 9.3.2).
            self.cycle.keep_alive = False
            self._has_lost_bytes = True
        elif isinstance(error.__context__, RefusedRequest):
            self._refuse(error.__context__.status, str(error.__context__))
        else:
            self._refuse(400, str(error))

    # --- What the parser finds ---

    def on_message_begin(self) -> None:
        """A request begins."""
        if self._phase is _WHOLE:
            raise RefusedRequest(400, "it was sent ahead of an answer")
        self.url, self.headers, self._framing = b"", [], []
        self._is_head_request = False

    def on_url(self, url: bytes) -> None:
        """A piece of the target."""
        self.url += url
        if len(self.url) > self.terms.target_bytes:
            raise RefusedRequest(414, "its target is too long")

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header field; after the head it is a trailer, which nobody asked for and nobody gets."""
        if self._phase is not _HEAD:
            return
        name = name.lower()
        self.headers.append((name, value))
        if name in FRAMING:
            self._framing.append((name, value))

    def on_headers_complete(self) -> None:
        """The head is there: refuse it, or let a request begin."""
        method, version = self.parser.get_method(), self.parser.get_http_version()
        self._is_head_request = method == b"HEAD"
        check_request_line(method, self.url, version)
        if len(self.headers) > self.terms.fields:
            raise RefusedRequest(431, "it has too many header fields")
        self._body_left = body_length(self._framing, version)
        if len(self.connections) > self.terms.connections:
            raise RefusedRequest(503, "there are too many connections")
        # RFC 9110 section 10.1.1: a client of HTTP/1.0 would take `100 Continue` for the answer.
        has_body = self._body_left != 0
        self.expect_100_continue = has_body and version != "1.0" and expects_continue(self._framing)
        self._phase = _BODY
        self._since_body = self._since_piece = 0
        self._start(method.decode("ascii"), version)
        if has_body:
            self._wind()

    def _start(self, method: str, version: str) -> None:
        """Have the application answer."""
        ends = {"scheme": self.scheme, "client": self.client, "server": self.server, "state": self.app_state.copy()}
        self.cycle = Cycle(
            http_scope(method, self.url, version, headers=self.headers, framing=self._framing, ends=ends),
            transport=self._exit,
            flow=self.flow,
            keep_alive=version != "1.0" and self.parser.should_keep_alive(),
            expects_continue=self.expect_100_continue,
            on_response=self.on_response_complete,
            running=self.tasks,
            context=self._context,
        )
        self.cycle.begin(self.app)

    def on_body(self, body: bytes) -> None:
        """A piece of the body."""
        self._since_body = 0
        cycle = self.cycle
        if cycle.response_complete:
            return
        cycle.body += body
        if len(cycle.body) > HIGH_WATER_LIMIT:
            self.flow.pause_reading()
        cycle.wake()

    def on_message_complete(self) -> None:
        """The request is whole."""
        if self.cycle.response_complete:
            self._go_on()
            return
        self.cycle.more_body = False
        self.cycle.wake()
        self._phase = _WHOLE
        self._wind()

    def on_response_complete(self) -> None:
        """The answer is whole. Its request may not be: then the rest is read on, as far as that is cheap."""
        self.server_state.total_requests += 1
        if self._exit.is_closing():
            return
        if self._phase is _WHOLE:
            self._go_on()
            self.flow.resume_reading()
        elif self.expect_100_continue:
            # The client need not send the body any more, and then its next request would be taken for it.
            self.leave()
        else:
            self._since_piece = 0
            self.flow.resume_reading()
            self._wind()

    def _go_on(self) -> None:
        self._phase = _HEAD
        self._head_bytes = 0
        self._wind()
        if self._ahead:
            # In the connection's own context: nothing of one request may be seen by the next.
            self.loop.call_soon(self._read_ahead, context=self._context)

    # --- Leaving ---

    def _refuse(self, status: int, why: str) -> None:
        """Answer a request that is none, unless its answer has begun already: then it just ends."""
        request_id = new_request_id()
        _log.info("refused unread", request_id=request_id, status=status, why=why)
        is_running = self._phase is _BODY
        self._exit.flush()
        if not is_running or not self.cycle.response_started:
            self._wire.write(plain_refusal(status, request_id, is_head=self._is_head_request))
        if is_running and not self.cycle.response_complete:
            self.cycle.disconnected = True
            self.cycle.wake()
        self.leave()

    def leave(self) -> None:
        """Close, at once where nothing of the client can be on its way, else by halves."""
        if self._exit.is_closing():
            return
        self._exit.flush()
        is_between = self._phase is _HEAD and not self._head_bytes
        is_over = (is_between or self._phase is _WHOLE) and not self._ahead and not self._has_lost_bytes
        self._shut()
        if is_over:
            self._close()
            return
        if self._wire.can_write_eof():
            self._wire.write_eof()
        self.flow.resume_reading()
        self._deadline.set(self.terms.linger)

    def _shut(self) -> None:
        self._phase = _LEAVING
        self._exit.is_shut = True
        self._ahead = b""

    def _throw_away(self, size: int) -> None:
        self._thrown_away += size
        if self._thrown_away > LINGER_BYTES:
            self.flow.pause_reading()

    def _close(self) -> None:
        if not self._wire.is_closing():
            self._wire.close()
            self._unsent = inf
        self._check_taking()
