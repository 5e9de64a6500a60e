"""The upstream's side of a WebSocket handshake: our request, its answer, and the link behind it or the refusal.

For: what an upstream has to say to be believed (RFC 6455 section 4.1): 101 with the right key, no extension, and no
sub-protocol but one that was offered to it. Everything else it says is an answer like any other, and goes to the client
as it is, if it is not too long. Until then not a byte of the client's has reached the upstream but its judged request.
Not here: carrying messages (`websocket`), and whose handshake may get here at all.
"""

import asyncio
import re
import secrets
from base64 import b64encode
from dataclasses import dataclass
from typing import Final

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser
from websockets.protocol import Side

from mfa_gateway.doors.asgi import HeaderList, Scope
from mfa_gateway.doors.upstream.answer import Answer, read_answer
from mfa_gateway.doors.upstream.failures import Failure, ForwardingError
from mfa_gateway.doors.upstream.fields import ANSWER_KINDS, PASS, tokens
from mfa_gateway.doors.upstream.origin import Terms
from mfa_gateway.doors.upstream.pool import Pool
from mfa_gateway.doors.upstream.request import NOTHING, Writer
from mfa_gateway.doors.websocket.handshake import OWN_FIELDS, accept_value
from mfa_gateway.doors.websocket.link import Link

# The bound for every head of an answer together, as for any call.
_MOST_HEAD: Final = 65_536
# The bound for the body of a refusal: an error page, not a download.
_MOST_BODY: Final = 65_536
_END_OF_HEAD: Final = b"\r\n\r\n"
_PROTOCOL_NAME: Final = b"HTTP/1."
_STATUS_LINE: Final = re.compile(rb"HTTP/1\.[01] ([1-5][0-9]{2})[ \r]")
_SWITCHING: Final = 101
_FIRST_FINAL: Final = 200
_BODILESS: Final = (204, 304)
_SECURE: Final = frozenset({"https", "wss"})
_KEY_BYTES: Final = 16


@dataclass(frozen=True, slots=True)
class Accepted:
    """The upstream speaks WebSocket: a link to it, the sub-protocol it chose, and the fields it sent along."""

    link: Link
    subprotocol: str | None
    headers: HeaderList


@dataclass(frozen=True, slots=True)
class Refused:
    """The upstream answered with something else."""

    status: int
    headers: HeaderList
    body: bytes


def new_key() -> bytes:
    """A key of our own: that of a client says nothing about this connection."""
    return b64encode(secrets.token_bytes(_KEY_BYTES))


def write_handshake(writer: Writer, scope: Scope, key: bytes) -> bytes:
    """The head of our request.

    Raises:
        ForwardingError: what the client sent has more than one reading.
    """
    scheme = "https" if scope.get("scheme") in _SECURE else "http"
    request = writer.write({**scope, "method": "GET", "scheme": scheme})
    if request.framing is not NOTHING:
        raise ForwardingError(Failure.BAD_FRAMING)
    lines = [b"connection: Upgrade", b"upgrade: websocket", b"sec-websocket-version: 13", b"sec-websocket-key: " + key]
    if offered := ", ".join(scope.get("subprotocols", ())):
        lines.append(b"sec-websocket-protocol: " + offered.encode("latin-1"))
    return b"\r\n".join((request.head.removesuffix(b"\r\n\r\n"), *lines, b"", b""))


async def shake_hands(
    pool: Pool, head: bytes, *, key: bytes, offered: frozenset[str], terms: Terms
) -> Accepted | Refused:
    """Ask the upstream for a WebSocket.

    Raises:
        ForwardingError: it could not be asked, or said nothing that is an answer, in time.
    """
    reception = await pool.dial(Reception)
    try:
        outcome = await _ask(reception, head, key=key, offered=offered, terms=terms)
    except BaseException:
        reception.transport.abort()
        raise
    if isinstance(outcome, Refused):
        reception.transport.abort()
    return outcome


async def _ask(
    reception: "Reception", head: bytes, *, key: bytes, offered: frozenset[str], terms: Terms
) -> Accepted | Refused:
    reception.transport.write(head)
    try:
        async with asyncio.timeout(terms.first_byte):
            status, answer = await reception.answer()
    except TimeoutError:
        raise ForwardingError(Failure.SILENT) from None
    if status == _SWITCHING:
        subprotocol, headers = read_acceptance(answer, key=key, offered=offered)
        return Accepted(reception.become(Link(Side.CLIENT, terms.websocket)), subprotocol, headers)
    try:
        async with asyncio.timeout(terms.body_idle):
            return await reception.refusal(read_answer(answer, to_head=False))
    except TimeoutError:
        raise ForwardingError(Failure.STALLED) from None


class _Fields:
    """Collects what the parser finds."""

    def __init__(self) -> None:
        self.all: HeaderList = []

    def on_header(self, name: bytes, value: bytes) -> None:
        self.all.append((name.lower(), value.strip(b" \t")))


def read_acceptance(head: bytes, *, key: bytes, offered: frozenset[str]) -> tuple[str | None, HeaderList]:
    """The chosen sub-protocol, and the fields for the client, of an answer with 101.

    Raises:
        ForwardingError: it does not accept what was asked (RFC 6455 section 4.1).
    """
    found = _Fields()
    parser = HttpResponseParser(found)
    try:
        parser.feed_data(head)
    except HttpParserUpgrade:
        pass
    except HttpParserError:
        raise ForwardingError(Failure.BAD_ANSWER) from None
    values: dict[bytes, list[bytes]] = {}
    for name, value in found.all:
        values.setdefault(name, []).append(value)
    listing = tokens(values.get(b"connection", ()))
    chosen = [value.decode("latin-1") for value in values.get(b"sec-websocket-protocol", ())]
    is_accepted = (
        head.startswith(b"HTTP/1.1 ")
        and [value.lower() for value in values.get(b"upgrade", ())] == [b"websocket"]
        and b"upgrade" in listing
        and values.get(b"sec-websocket-accept") == [accept_value(key)]
        and b"sec-websocket-extensions" not in values
        and len(chosen) <= 1
        and offered.issuperset(chosen)
    )
    if not is_accepted:
        raise ForwardingError(Failure.BAD_ANSWER)
    goes_on = [
        (name, value)
        for name, value in found.all
        if ANSWER_KINDS[name] is PASS and name not in OWN_FIELDS and name not in listing
    ]
    return next(iter(chosen), None), goes_on


class Reception(asyncio.Protocol):
    """A connection to the upstream while it still speaks HTTP: what it says is kept, up to a bound."""

    transport: asyncio.Transport

    def __init__(self) -> None:
        self._bytes = bytearray()
        self._heard = 0
        self._news = asyncio.Event()
        self._is_paused = False
        self._is_over = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep it."""
        self.transport = transport  # type: ignore[assignment] # asyncio's type is too wide

    def data_received(self, data: bytes) -> None:
        """Keep what comes; nobody sends more than a refusal and its head before it is read."""
        self._bytes += data
        if len(self._bytes) > _MOST_HEAD + _MOST_BODY and not self._is_paused:
            self._is_paused = True
            self.transport.pause_reading()
        self._news.set()

    def connection_lost(self, _exc: Exception | None) -> None:
        """There will be no more."""
        self._is_over = True
        self._news.set()

    async def answer(self) -> tuple[int, bytes]:
        """Status and head of the answer; interim answers are swallowed (RFC 9110 section 15.2).

        Raises:
            ForwardingError: it is none, or the connection ended before it.
        """
        while True:
            head = await self._head()
            line = _STATUS_LINE.match(head)
            if line is None:
                raise ForwardingError(Failure.BAD_ANSWER)
            status = int(line[1])
            if status == _SWITCHING or status >= _FIRST_FINAL:
                return status, head

    async def _head(self) -> bytes:
        while (end := self._bytes.find(_END_OF_HEAD)) < 0:
            if self._heard + len(self._bytes) > _MOST_HEAD or not self._can_be_http():
                raise ForwardingError(Failure.BAD_ANSWER)
            await self._more()
        head = bytes(self._bytes[: end + len(_END_OF_HEAD)])
        del self._bytes[: len(head)]
        self._heard += len(head)
        if self._heard > _MOST_HEAD:
            raise ForwardingError(Failure.BAD_ANSWER)
        return head

    def _can_be_http(self) -> bool:
        size = min(len(self._bytes), len(_PROTOCOL_NAME))
        return self._bytes[:size] == _PROTOCOL_NAME[:size]

    async def _more(self) -> None:
        if self._is_over:
            raise ForwardingError(Failure.BROKEN)
        self._news.clear()
        await self._news.wait()

    async def refusal(self, answer: Answer) -> Refused:
        """The whole answer, with a length where it may have one.

        Raises:
            ForwardingError: its body is cut, not well formed, or too long.
        """
        body = b""
        while not answer.body.ended:
            if self._is_over and not self._bytes and answer.body.is_whole_at_eof():
                break
            if not self._bytes:
                await self._more()
            body += answer.body.feed(bytes(self._bytes))
            self._bytes.clear()
            if len(body) > _MOST_BODY:
                raise ForwardingError(Failure.BAD_ANSWER)
        headers = [field for field in answer.fields if field[0] != b"content-length"]
        if answer.status not in _BODILESS:
            headers.append((b"content-length", b"%d" % len(body)))
        return Refused(answer.status, headers, body)

    def become(self, link: Link) -> Link:
        """Leave the connection to a link, with what was sent behind the answer."""
        if self._is_paused:
            self.transport.resume_reading()
        link.open(self.transport, bytes(self._bytes))
        if self._is_over:
            link.connection_lost(None)
        return link
