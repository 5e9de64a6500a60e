"""The server: uvicorn with a stricter reading of HTTP/1.1.

uvicorn forgives what a gate must not: a target in several forms, trailer fields among the headers, heads without end,
an upgrade with a body. Whatever has two readings is answered here with 400 and a closed connection, before a scope
exists. What stays out: policy, and everything that an ASGI application can see for itself.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from re import compile as pattern
from socket import socket
from typing import Any, Final

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from mfa_gateway.doors.asgi import ASGIApp

# RFC 9112 section 3.2.1: the origin form; anything else would be read differently by the scopes of different servers.
_ORIGIN_FORM: Final = pattern(rb"/[!-\"$-~]*")
_BODYLESS_LENGTHS: Final = (None, b"0")


@dataclass(frozen=True, slots=True)
class ServerTerms:
    """The numbers of the listening side: bytes, counts and seconds.

    Attributes:
        head_bytes: request line and header section together.
        fields: header fields.
        target_bytes: the request target.
        connections: open connections; more are answered with 503.
        head_timeout: from a connection's first moment, or the end of the last answer's keep-alive, to a whole head.
        body_idle: between two pieces of a request's body, while we are reading.
        keep_alive: an idle connection between two requests.
        drain: requests in flight at a stop.
    """

    head_bytes: int = 32_768
    fields: int = 100
    target_bytes: int = 8_192
    connections: int = 10_000
    head_timeout: float = 10.0
    body_idle: float = 30.0
    keep_alive: float = 15.0
    drain: float = 10.0


class RefusedRequest(Exception):
    """Stops the parser in the middle of a request."""


class StrictProtocol(HttpToolsProtocol):
    """One connection. Reads at most one body ahead and answers what is ambiguous by itself."""

    terms: ServerTerms = ServerTerms()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._head_bytes = 0
        self._head_fields = 0
        self._has_head = True
        self._refusal = 400
        self._section_bytes = 0
        self._deadline: asyncio.TimerHandle | None = None
        # uvicorn forgets a request that is being answered as soon as the next one arrives.
        self._running: RequestResponseCycle | None = None
        self._newest: RequestResponseCycle | None = None

    # --- Deadlines ---

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start waiting for a head."""
        super().connection_made(transport)
        self._has_head = False
        self._expect_within(self.terms.head_timeout)

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell every request that is still being answered, the pipelined included, that nobody listens."""
        self._expect_nothing()
        waiting = [cycle for cycle, _ in self.pipeline]
        self.pipeline.clear()
        for cycle in (*waiting, self._running):
            if cycle is not None and not cycle.response_complete:
                cycle.disconnected = True
                cycle.message_event.set()
        super().connection_lost(exc)

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        self._running = cycle
        super()._start_asgi_task(cycle, app)

    def _expect_within(self, seconds: float) -> None:
        self._expect_nothing()
        self._deadline = self.loop.call_later(seconds, self._time_out)

    def _expect_nothing(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _time_out(self) -> None:
        if self._is_waiting_for_body() and self.flow.read_paused:
            self._expect_within(self.terms.body_idle)
            return
        self._refusal = 408
        self.send_400_response("The request did not arrive in time.")

    def _is_waiting_for_body(self) -> bool:
        cycle = self._newest
        return self._has_head and cycle is not None and cycle.more_body

    # --- Reading ---

    def data_received(self, data: bytes) -> None:
        """Feed the parser, within the bounds of a head and of the time for it."""
        if not self._has_head:
            self._head_bytes += len(data)
        super().data_received(data)
        if self.transport.is_closing():
            self._expect_nothing()
        elif not self._has_head and self._head_bytes > self.terms.head_bytes:
            self._refusal = 431
            self.send_400_response("The header section is too large.")
        elif self._is_waiting_for_body():
            self._expect_within(self.terms.body_idle)

    def on_message_begin(self) -> None:
        """A request begins; its head is counted from here."""
        super().on_message_begin()
        if self._has_head:
            self._head_bytes = 0
            self._expect_within(self.terms.head_timeout)
        self._has_head = False
        self._head_fields = 0
        self._section_bytes = 0

    def on_url(self, url: bytes) -> None:
        """A piece of the target."""
        super().on_url(url)
        if len(self.url) > self.terms.target_bytes:
            self._refuse(414)

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header field; after the head is complete it is a trailer, which nobody asked for and nobody gets."""
        if self._has_head:
            return
        self._head_fields += 1
        self._section_bytes += len(name) + len(value) + 4
        if self._head_fields > self.terms.fields or self._section_bytes > self.terms.head_bytes:
            self._refuse(431)
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """The head is there: refuse it, or let a request begin."""
        self._has_head = True
        self._expect_nothing()
        if not _ORIGIN_FORM.fullmatch(self.url) or self.parser.get_http_version() not in ("1.0", "1.1"):
            self._refuse(400)
        self._check_framing()
        super().on_headers_complete()
        self._newest = self.cycle

    def _check_framing(self) -> None:
        framing: dict[bytes, bytes] = {}
        for name, value in self.headers:
            if name in (b"host", b"content-length", b"transfer-encoding", b"upgrade"):
                if name in framing:
                    self._refuse(400)
                framing[name] = value
        if b"host" not in framing and self.parser.get_http_version() == "1.1":
            self._refuse(400)
        coding = framing.get(b"transfer-encoding")
        if coding is not None and (b"content-length" in framing or coding.lower() != b"chunked"):
            self._refuse(400)
        has_body = coding is not None or framing.get(b"content-length") not in _BODYLESS_LENGTHS
        if b"upgrade" in framing and has_body:
            self._refuse(400)

    def on_message_complete(self) -> None:
        """The request is whole."""
        self._expect_nothing()
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """Between two requests the keep-alive time-out holds, not that of a head."""
        self._expect_nothing()
        super().on_response_complete()

    # --- Refusing ---

    def _refuse(self, status: int) -> None:
        self._refusal = status
        raise RefusedRequest

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - uvicorn names it
        """Refuse what was sent and close. In the middle of another answer nothing can be said: only closed."""
        if self.transport.is_closing():
            return
        running = self._running
        if running is None or running.response_complete:
            self.transport.write(_plain_refusal(self._refusal))
        self.transport.close()


_TITLES: Final = {
    400: "Bad Request",
    408: "Request Timeout",
    414: "URI Too Long",
    431: "Request Header Fields Too Large",
}


def _plain_refusal(status: int) -> bytes:
    title = _TITLES[status]
    body = b'{"type":"about:blank","title":"%s","status":%d}' % (title.encode("ascii"), status)
    head = (
        f"HTTP/1.1 {status} {title}\r\ncontent-type: application/problem+json\r\ncache-control: no-store\r\n"
        f"content-length: {len(body)}\r\nconnection: close\r\n\r\n"
    )
    return head.encode("ascii") + body


class GatewayServer(uvicorn.Server):
    """A server that tells its port as soon as it takes connections."""

    def __init__(self, config: uvicorn.Config, announce: Callable[[int], None]) -> None:
        super().__init__(config)
        self._announce = announce

    async def startup(self, sockets: list[socket] | None = None) -> None:
        """Begin to listen."""
        await super().startup(sockets)
        if self.started:
            self._announce(self.servers[0].sockets[0].getsockname()[1])


def _say_nothing(port: int) -> None:
    """For those who know where they listen."""


def make_server(
    app: ASGIApp, *, host: str, port: int, terms: ServerTerms, announce: Callable[[int], None] = _say_nothing
) -> uvicorn.Server:
    """A server ready to run. Proxy headers are read by the gateway itself, never by uvicorn: it trusts 127.0.0.1."""
    protocol = type("BoundProtocol", (StrictProtocol,), {"terms": terms})
    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        http=protocol,
        ws="none",
        loop="auto",
        lifespan="on",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        date_header=False,
        limit_concurrency=terms.connections,
        timeout_keep_alive=round(terms.keep_alive),
        timeout_graceful_shutdown=round(terms.drain),
    )
    return GatewayServer(config, announce)
