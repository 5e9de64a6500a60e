"""The request's body on its way up, where there is one: received, counted, framed, written, with back-pressure.

For: `receive()` is called only when there is room, so a slow upstream slows the client down. What really came is
counted against what was announced; too little or too much closes the upstream connection, so no other call can become
the rest of this body. Not here: the head (`request`) and the answer, which may come first (`exchange`).
"""

from typing import Final

from mfa_gateway.doors.asgi import Receive
from mfa_gateway.doors.upstream.connection import Connection
from mfa_gateway.doors.upstream.failures import Failure
from mfa_gateway.doors.upstream.request import Request, Sized

_LAST_CHUNK: Final = b"0\r\n\r\n"


class Upload:
    """One request with a body on one connection. The head goes together with the body's first bytes."""

    __slots__ = ("_connection", "_head", "_receive", "_remaining", "is_complete")

    def __init__(self, request: Request, connection: Connection, receive: Receive) -> None:
        self._head = request.head
        self._remaining = request.framing.length if isinstance(request.framing, Sized) else None
        self._connection = connection
        self._receive = receive
        self.is_complete = False

    async def run(self) -> None:
        """Carry the body up to its end. Failures end the connection; whoever awaits the answer hears of them there."""
        try:
            failure = await self._carry()
        except Exception:
            # The server broke. Without this, the answer would be awaited for ever; `Exchange` passes the error on.
            self._connection.fail(Failure.CLIENT_GONE)
            raise
        if failure is not None:
            self._connection.fail(failure)
            return
        self.is_complete = True
        self._connection.mark_sent()

    def push_head(self) -> None:
        """Send the head alone: its body is long in coming, and the upstream may want to answer without it."""
        if self._head:
            self._write(b"")

    async def _carry(self) -> Failure | None:
        more = True
        while more:
            message = await self._receive()
            if message["type"] != "http.request":
                return Failure.CLIENT_GONE
            data, more = message.get("body", b""), message.get("more_body", False)
            if self._remaining is None:
                self._write(_chunk(data, last=not more))
            else:
                self._remaining -= len(data)
                if self._remaining < 0 or (self._remaining and not more):
                    return Failure.BODY_MISMATCH
                self._write(data)
            await self._connection.drain()
        return None

    def _write(self, data: bytes) -> None:
        head, self._head = self._head, b""
        if head:
            self._connection.ask(head + data)
        else:
            self._connection.write(data)


def _chunk(data: bytes, *, last: bool) -> bytes:
    """Frame one piece (RFC 9112 section 7.1); an empty piece is no chunk, for that would end the body."""
    framed = b"%x\r\n%b\r\n" % (len(data), data) if data else b""
    return framed + _LAST_CHUNK if last else framed
