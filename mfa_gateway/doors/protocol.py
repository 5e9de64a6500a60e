"""The protocol: HTTP/1.1 read strictly from one client's connection.

Theory. A connection holds one request at a time; what a client sends ahead of its answer waits unread, so a refusal can
never get into another answer, and nothing that waits has been understood in any way.

What stays out: the connection itself, its time and its end (line), policy, and everything that an ASGI application can
see for itself. Of uvicorn (0.54) there is only what its server asks of a protocol: how one is made, `connections` and
`tasks` of its state, and `shutdown`.
"""

import asyncio
from typing import Any, Final, cast

from httptools import HttpParserError, HttpParserUpgrade, HttpRequestParser
from uvicorn import Config
from uvicorn.server import ServerState

from mfa_gateway.doors.asgi import LINGER_BYTES, ASGIApp, HeaderList
from mfa_gateway.doors.cycle import Cycle
from mfa_gateway.doors.head import EndOfHead, http_scope
from mfa_gateway.doors.line import BODY, HEAD, LEAVING, WHOLE, Line
from mfa_gateway.doors.refusal import FRAMING, RefusedRequest, body_length, check_request_line, expects_continue
from mfa_gateway.doors.service import Service
from mfa_gateway.doors.terms import ServerTerms

# How much of a body waits for the application before no more of it is read.
_MOST_UNREAD: Final = 65_536
# What a client sends of a body within `body_idle` at the least. A byte now and then is no body that is coming.
_PIECE: Final = 1_024
# The parser minds these among trailers, too: behind `close` it takes nothing more for a request, and says nothing.
_LAST_WORDS: Final = frozenset({b"connection", b"proxy-connection"})


class StrictProtocol(Line):
    """One connection. Answers what is ambiguous, too large or too slow by itself."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
        *,
        service: Service | None = None,
    ) -> None:
        """As uvicorn makes protocols. `service` is shared by all of a listener; without one, the usual numbers hold."""
        super().__init__(
            _loop if _loop is not None else asyncio.get_event_loop(),
            server_state.connections,
            service if service is not None else Service(ServerTerms()),
        )
        if not config.loaded:
            config.load()
        self.app = cast("ASGIApp", config.loaded_app)
        self.server_state = server_state
        self._app_state = app_state
        # None once the connection has ended: it holds our methods.
        self.parser: Any = HttpRequestParser(self)
        # A request that is sent ahead of an answer with `Connection: close` is no error of that answer's request.
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)
        # Of the head that is being read.
        self.url = b""
        self.headers: HeaderList = []
        self._framing: HeaderList = []
        self._end = EndOfHead()
        # Of the body that is being read; `_body_left` is None where chunks tell the end.
        self._expects_continue = False
        self._body_left: int | None = None
        self._since_body = 0
        self._since_piece = 0

    def _let_go(self) -> None:
        super()._let_go()
        self.parser = None

    # --- Reading ---

    def data_received(self, data: bytes) -> None:
        """Read as far as the request goes; what is beyond it waits for its turn."""
        if self._phase is LEAVING:
            self._throw_away(len(data))
            return
        if self._ahead:
            data, self._ahead = self._ahead + data, b""
        self._read(data)

    def _read(self, data: bytes) -> None:
        while data:
            if self._phase is HEAD:
                end = self._end.find(data)
                self._feed_head(data[:end])
            elif self._phase is BODY:
                end = self._body_left or len(data)
                self._feed_body(data[:end])
            else:
                break
            data = data[end:]
        if data and self._phase is WHOLE:
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
        if self._phase is HEAD and not is_begun:
            self._deadline.set(self.terms.head_timeout)

    def _feed_body(self, piece: bytes) -> None:
        self._since_body += len(piece)
        self._since_piece += len(piece)
        if self._body_left is not None:
            self._body_left -= len(piece)
        self._parse(piece)
        if self._phase is BODY:
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
        if self._phase is WHOLE:
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
        if self._phase is WHOLE:
            raise RefusedRequest(400, "it was sent ahead of an answer")
        self.url, self.headers, self._framing = b"", [], []
        self._is_head_request = False

    def on_url(self, url: bytes) -> None:
        """A piece of the target."""
        self.url = self.url + url
        if len(self.url) > self.terms.target_bytes:
            raise RefusedRequest(414, "its target is too long")

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header field; after the head it is a trailer, which nobody asked for and nobody gets."""
        name = name.lower()
        if self._phase is not HEAD:
            if name in _LAST_WORDS:
                raise RefusedRequest(400, "its trailers say how the connection goes on")
            return
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
        if len(self._connections) > self.terms.connections:
            raise RefusedRequest(503, "there are too many connections")
        # RFC 9110 section 10.1.1: a client of HTTP/1.0 would take `100 Continue` for the answer.
        has_body = self._body_left != 0
        self._expects_continue = has_body and version != "1.0" and expects_continue(self._framing)
        self._phase = BODY
        self._since_body = self._since_piece = 0
        self._start(method.decode("ascii"), version)
        if has_body:
            self._wind()

    def _start(self, method: str, version: str) -> None:
        """Have the application answer."""
        scope = http_scope(method, self.url, version, headers=self.headers, framing=self._framing, ends=self._ends)
        scope["state"] = self._app_state.copy()
        self._cycle = cycle = Cycle(
            scope,
            transport=self._exit,
            flow=self.flow,
            keep_alive=version != "1.0" and self.parser.should_keep_alive(),
            expects_continue=self._expects_continue,
            on_response=self.on_response_complete,
            running=self.server_state.tasks,
            context=self._context,
        )
        cycle.begin(self.app)

    def on_body(self, body: bytes) -> None:
        """A piece of the body."""
        self._since_body = 0
        cycle = self.cycle
        if cycle.response_complete:
            return
        cycle.body += body
        if len(cycle.body) > _MOST_UNREAD:
            self.flow.pause_reading()
        cycle.wake()

    def on_message_complete(self) -> None:
        """The request is whole."""
        if self.cycle.response_complete:
            self._go_on()
            return
        self.cycle.more_body = False
        self.cycle.wake()
        self._phase = WHOLE
        self._wind()

    def on_response_complete(self) -> None:
        """The answer is whole. Its request may not be: then the rest is read on, as far as that is cheap."""
        self.server_state.total_requests += 1
        if self._exit.is_closing():
            return
        if self._phase is WHOLE:
            self._go_on()
            self.flow.resume_reading()
        elif self._expects_continue:
            # The client need not send the body any more, and then its next request would be taken for it.
            self.leave()
        else:
            self._since_piece = 0
            self.flow.resume_reading()
            self._wind()

    def _go_on(self) -> None:
        self._phase = HEAD
        self._head_bytes = 0
        self._wind()
        if self._ahead:
            # In the connection's own context: nothing of one request may be seen by the next.
            self.loop.call_soon(self._read_ahead, context=self._context)
