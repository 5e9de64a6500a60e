"""The cycle: one request and its answer, between a connection and an ASGI application.

The counterpart of uvicorn's `RequestResponseCycle`, for the protocol here. Head and first piece of an answer leave in
one write, a field is looked at once, and trailers are sent to clients that can read them (ASGI extension
`http.response.trailers`, with `te: trailers`). An answer that a client could read in two ways is never sent: it is cut.
What stays out: connections, time and everything that is read (protocol).
"""

import asyncio
from collections.abc import Callable, Iterable
from contextvars import Context
from enum import Enum, auto
from http import HTTPStatus
from re import compile as pattern
from typing import Final

import structlog
from structlog.typing import FilteringBoundLogger

from mfa_gateway.doors.asgi import TRAILERS, ASGIApp, CutAnswer, HeaderList, Message, Scope
from mfa_gateway.doors.promptness import Work, served
from mfa_gateway.doors.transport import Exit, Flow

_log: FilteringBoundLogger = structlog.get_logger(__name__)

_PHRASES: Final = {status.value: status.phrase for status in HTTPStatus}
_STATUS_LINES: Final = {
    status: f"HTTP/1.1 {status} {_PHRASES.get(status, '')}\r\n".encode("ascii") for status in range(100, 600)
}
# RFC 9110 sections 15.3.5 and 15.4.5: no body, so no framing of one.
_WITHOUT_BODY: Final = frozenset({204, 304})
# RFC 9110 section 5.6.2.
_TOKEN: Final = pattern(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_FAILED: Final = b"Internal Server Error"
_FAILED_HEADERS: Final = (
    (b"content-type", b"text/plain"),
    (b"content-length", b"%d" % len(_FAILED)),
    (b"connection", b"close"),
)


class _Kind(Enum):
    """What a field of an answer means to whoever sends it."""

    PLAIN = auto()
    LENGTH = auto()
    CODING = auto()
    CONNECTION = auto()


# A look-up in an enumeration costs twice what one in a dictionary does; the hot path compares with these.
_PLAIN: Final = _Kind.PLAIN
_LENGTH: Final = _Kind.LENGTH
_CONNECTION: Final = _Kind.CONNECTION


class _Kinds(dict[bytes, _Kind]):
    """Kinds by name. Names are the application's, or some stranger's behind it: what is remembered has an end."""

    _MOST: Final = 2048

    def __missing__(self, name: bytes) -> _Kind:
        """Judge a name not met before.

        Raises:
            ValueError: it is none.
        """
        if not _TOKEN.fullmatch(name):
            raise ValueError("the answer has a field whose name is none")
        kind = self.get(name.lower(), _PLAIN)
        if len(self) < self._MOST:
            self[name] = kind
        return kind


_KINDS: Final = _Kinds(
    {b"content-length": _Kind.LENGTH, b"transfer-encoding": _Kind.CODING, b"connection": _Kind.CONNECTION}
)


class Framing(Enum):
    """How the body of an answer ends."""

    SIZED = auto()
    CHUNKED = auto()
    CLOSED = auto()
    NONE = auto()


class Cycle:
    """One request and its answer.

    Have it begin once. `body`, `more_body`, `disconnected` and `keep_alive` are
    the protocol's to write, followed by `wake`; `response_started` and `response_complete` are its to read.
    `on_response` is called when the answer is whole.
    """

    def __init__(
        self,
        scope: Scope,
        *,
        transport: Exit,
        flow: Flow,
        keep_alive: bool,
        expects_continue: bool,
        on_response: Callable[[], None],
        running: set[asyncio.Task[None]],
        context: Context,
    ) -> None:
        """`running` holds the task until it ends. `context` is what every task of this connection begins with."""
        self.scope = scope
        self.body = bytearray()
        self.more_body = True
        self.disconnected = False
        self.keep_alive = keep_alive
        self.response_started = False
        self.response_complete = False
        self._transport = transport
        self._flow = flow
        self._expects_continue = expects_continue
        self._on_response = on_response
        self._running = running
        self._context = context
        self._event: asyncio.Event | None = None
        self._has_news = False
        # Of the answer.
        self._head = b""
        self._framing = Framing.NONE
        self._left = 0
        self._has_trailers = False

    def begin(self, app: ASGIApp) -> None:
        """Have the application serve this request."""
        if (work := served(app, self.scope, self)) is not None:
            self.run(work)

    def run(self, work: Work) -> None:
        """Have the work done that answers this request, by a task; answer for it where it fails."""
        context = self._context.copy()
        self._running.add(asyncio.get_running_loop().create_task(self._see_to(work), context=context))

    async def _see_to(self, work: Work) -> None:
        is_left = False
        try:
            try:
                await work
            except CutAnswer:
                self._transport.close()
            except BaseException as error:  # noqa: BLE001 - the connection must not outlive it, whatever it is
                _log.error("the application failed", exc_info=error)
                is_left = True
            else:
                if not self.response_complete and not self.disconnected:
                    _log.error("the application did not finish its answer")
                    is_left = True
            if is_left:
                await self._end_badly()
        finally:
            # A cycle of references would keep the connection's memory until the next collection.
            self._on_response = _nobody
            self._running.discard(asyncio.current_task())

    async def _end_badly(self) -> None:
        """The client gets an answer if it had nothing yet; else the connection ends, so that nothing looks whole."""
        if self.response_complete:
            return
        if self.response_started and not self._head:
            self._transport.close()
            return
        self.response_started, self._head = False, b""
        await self.send({"type": "http.response.start", "status": 500, "headers": _FAILED_HEADERS})
        await self.send({"type": "http.response.body", "body": _FAILED})

    # --- Reading ---

    def wake(self) -> None:
        """There is something to receive."""
        self._has_news = True
        if self._event is not None:
            self._event.set()

    async def receive(self) -> Message:
        """What has come of the request, or word that the client has left."""
        if self._expects_continue:
            self._expects_continue = False
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        if not self.disconnected and not self.response_complete:
            self._flow.resume_reading()
            if not self._has_news:
                self._event = self._event or asyncio.Event()
                await self._event.wait()
            self._has_news = False
            if self._event is not None:
                self._event.clear()
        if self.disconnected or self.response_complete:
            return {"type": "http.disconnect"}
        body, self.body = bytes(self.body), bytearray()
        return {"type": "http.request", "body": body, "more_body": self.more_body}

    # --- Answering ---

    async def send(self, message: Message) -> None:
        """Send a part of the answer. The head is held back until there is something of the body.

        Raises:
            RuntimeError: the parts come in no order, or are more or less than was announced.
            ValueError: a field has a name or value that would be read as something else.
        """
        if self._flow.write_paused and not self.disconnected:
            await self._flow.drain()
        if self.disconnected:
            return
        kind = message["type"]
        if not self.response_started and kind == "http.response.start":
            self._begin(message["status"], message["headers"], has_trailers=bool(message.get("trailers")))
        elif self.response_started and not self.response_complete and kind == "http.response.body":
            self._go_on(message.get("body", b""), is_last=not message.get("more_body", False))
        elif self._has_trailers and not self.response_complete and kind == TRAILERS:
            self._end_chunks(message["headers"])
        else:
            raise RuntimeError(f"{kind} is not what comes next in an answer")

    @property
    def is_taking(self) -> bool:
        """Whether the client takes a whole answer now."""
        return not self._flow.write_paused

    def answer(self, status: int, headers: HeaderList, body: bytes) -> None:
        """Send a whole answer in one go, in place of every `send`.

        Raises:
            RuntimeError: the body is not as long as announced.
            ValueError: a field has a name or value that would be read as something else.
        """
        if self.disconnected:
            return
        self._begin(status, headers)
        self._go_on(body, is_last=True)
        self._on_response = _nobody

    def answer_empty(self, status: int, lines: bytes) -> None:
        """Send a whole answer without a body, in place of `answer`; what is said of it is in `lines` already."""
        if self.disconnected:
            return
        self.response_started, self._expects_continue = True, False
        end = b"content-length: 0\r\n\r\n" if self.keep_alive else b"content-length: 0\r\nconnection: close\r\n\r\n"
        self._transport.write(_STATUS_LINES[status] + lines + end)
        self._complete()
        self._on_response = _nobody

    def _begin(self, status: int, headers: Iterable[tuple[bytes, bytes]], *, has_trailers: bool = False) -> None:
        parts = [_STATUS_LINES[status]]
        length: bytes | None = None
        for name, value in headers:
            kind = _KINDS[name]
            if kind is _PLAIN:
                parts += (name, b": ", value, b"\r\n")
            elif kind is _LENGTH:
                length = value
            elif kind is _CONNECTION and b"close" in value.lower():
                self.keep_alive = False
        self._frame(parts, status, length)
        if not self.keep_alive:
            parts += (b"connection", b": ", b"close", b"\r\n")
        parts.append(b"\r\n")
        self._head = _checked(parts)
        self._has_trailers = self._framing is Framing.CHUNKED and has_trailers
        self.response_started = True
        self._expects_continue = False

    def _frame(self, parts: list[bytes], status: int, length: bytes | None) -> None:
        """Decide how the body ends and write the field that says so (RFC 9112 section 6.3)."""
        if status in _WITHOUT_BODY:
            return
        if length is not None:
            self._framing, self._left = Framing.SIZED, int(length)
            parts += (b"content-length", b": ", length, b"\r\n")
        elif self.scope["http_version"] == "1.0":
            # RFC 9112 section 6.1: such a client may not know chunks.
            self._framing, self.keep_alive = Framing.CLOSED, False
        elif self.scope["method"] != "HEAD":
            self._framing = Framing.CHUNKED
            parts += (b"transfer-encoding", b": ", b"chunked", b"\r\n")

    def _go_on(self, body: bytes, *, is_last: bool) -> None:
        head, self._head = self._head, b""
        if self.scope["method"] == "HEAD":
            body = b""
        elif self._framing is Framing.SIZED:
            self._left -= len(body)
            if self._left < 0 or (is_last and self._left):
                raise RuntimeError("the body of the answer is not as long as announced")
        elif self._framing is Framing.CHUNKED:
            body = _chunk(body, is_last=is_last and not self._has_trailers)
        elif self._framing is Framing.NONE:
            body = b""
        if head or body:
            self._transport.write(head + body if head else body)
        if is_last and not self._has_trailers:
            self._complete()

    def _end_chunks(self, trailers: Iterable[tuple[bytes, bytes]]) -> None:
        """The last chunk and the trailer section (RFC 9112 section 7.1.2)."""
        parts = [b"0\r\n"]
        for name, value in trailers:
            if _KINDS[name] is _PLAIN:
                parts += (name, b": ", value, b"\r\n")
        parts.append(b"\r\n")
        self._transport.write(self._head + _checked(parts))
        self._head = b""
        self._complete()

    def _complete(self) -> None:
        self.response_complete = True
        self.wake()
        if not self.keep_alive:
            self._transport.close()
        self._on_response()


def _nobody() -> None:
    """For cycles that are over."""


def _chunk(body: bytes, *, is_last: bool) -> bytes:
    """RFC 9112 section 7.1. An empty chunk would be the last one."""
    chunk = b"%x\r\n%b\r\n" % (len(body), body) if body else b""
    return chunk + b"0\r\n\r\n" if is_last else chunk


def _checked(parts: list[bytes]) -> bytes:
    """Join a section: its first line, four parts for each field, its last line.

    Raises:
        ValueError: a value brought a line end of its own.
    """
    section = b"".join(parts)
    lines = (len(parts) - 2) // 4 + 2
    if section.count(b"\n") != lines or section.count(b"\r") != lines or b"\0" in section:
        raise ValueError("the answer has a field whose value is none")
    return section
