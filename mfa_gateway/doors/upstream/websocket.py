"""A WebSocket through the gateway: one link to the client, which ASGI speaks for, and one to the upstream.

For: messages both ways, each in its own coroutine that takes the next one when the last one was taken, so that a slow
reader stalls the sender at the other end; and the end of one side becoming that of the other. Pings are of each link.

    ended here                 told there
    a code and a reason        the same
    no code (1005)             no code
    the client is lost (1006)  1001, going away
    the upstream is lost       1011; 1009 where its message was too large for us

Not here: the handshake (`websocket_handshake`), frames and limits (`doors.websocket.link`).
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

from websockets.exceptions import ProtocolError
from websockets.frames import Close

from mfa_gateway.doors.asgi import Message, Receive, Scope, Send
from mfa_gateway.doors.upstream.origin import Terms
from mfa_gateway.doors.upstream.pool import Pool
from mfa_gateway.doors.upstream.request import Writer
from mfa_gateway.doors.upstream.websocket_handshake import Accepted, Refused, new_key, shake_hands, write_handshake
from mfa_gateway.doors.websocket.link import (
    BROKEN,
    GOING_AWAY,
    LOST,
    NO_CODE,
    NORMAL,
    TOO_BIG,
    Closed,
    Link,
    LinkClosed,
)
from mfa_gateway.doors.websocket.serving import BARE_CLOSE

# How long, in seconds, is waited for the code of a client that is gone, while its last message is on its way.
_LAST_WORDS: Final = 1.0


class Tunnel:
    """One WebSocket. `run` it once."""

    def __init__(self, pool: Pool, writer: Writer, terms: Terms, *, on_lost: Callable[[], None]) -> None:
        """`on_lost` is called when the upstream ends an open WebSocket without a word."""
        self._pool = pool
        self._writer = writer
        self._terms = terms
        self._on_lost = on_lost
        self._receive: Receive
        self._send: Send
        self._can_close_bare = False

    async def run(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Ask the upstream, answer the client, and carry messages until one of them ends it.

        Raises:
            ForwardingError: the upstream could not be asked; the client has been told nothing yet.
        """
        self._receive, self._send = receive, send
        self._can_close_bare = BARE_CLOSE in scope.get("extensions", ())
        await receive()  # websocket.connect
        # From here on this tells when the client leaves, or its first message.
        first = asyncio.ensure_future(receive())
        try:
            outcome = await self._shake_hands(scope, first)
            match outcome:
                case Accepted():
                    await self._serve(outcome, first)
                case Refused():
                    await self._refuse(outcome, scope)
                case None:
                    pass
        finally:
            first.cancel()
            await asyncio.wait([first])

    async def _shake_hands(self, scope: Scope, leaving: "asyncio.Future[Message]") -> Accepted | Refused | None:
        """What the upstream says; None where the client did not wait for it."""
        key = new_key()
        head = write_handshake(self._writer, scope, key)
        offered = frozenset(scope.get("subprotocols", ()))
        asking = asyncio.ensure_future(shake_hands(self._pool, head, key=key, offered=offered, terms=self._terms))
        try:
            either: tuple[asyncio.Future[Any], ...] = (asking, leaving)
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            return await asking if asking.done() else None
        finally:
            asking.cancel()
            await asyncio.wait([asking])

    async def _refuse(self, refused: Refused, scope: Scope) -> None:
        if "websocket.http.response" not in scope.get("extensions", ()):
            await self._send({"type": "websocket.close", "code": BROKEN})
            return
        await self._send(
            {"type": "websocket.http.response.start", "status": refused.status, "headers": refused.headers}
        )
        await self._send({"type": "websocket.http.response.body", "body": refused.body})

    async def _serve(self, accepted: Accepted, first: "asyncio.Future[Message]") -> None:
        link = accepted.link
        try:
            with suppress(OSError):  # a client that has left by now is heard of by `first`
                await self._send(
                    {"type": "websocket.accept", "subprotocol": accepted.subprotocol, "headers": accepted.headers}
                )
            await self._carry(link, first)
            await link.wait_closed()
        finally:
            link.abort()

    async def _carry(self, link: Link, first: "asyncio.Future[Message]") -> None:
        down = asyncio.ensure_future(self._carry_down(link))
        up = asyncio.ensure_future(self._carry_up(link, first))
        try:
            done, _ = await asyncio.wait([up, down], return_when=asyncio.FIRST_COMPLETED)
            if up in done and not up.result():
                # The upstream takes no more: what it sent before that is still on its way, and so is why.
                await down
            elif down in done and not down.result():
                # The client takes no more: why is about to be heard, unless the upstream is too slow for that.
                await asyncio.wait([up], timeout=_LAST_WORDS)
            link.close(GOING_AWAY)
        finally:
            for task in (up, down):
                task.cancel()
            await asyncio.wait([up, down])

    async def _carry_up(self, link: Link, first: "asyncio.Future[Message]") -> bool:
        """Messages of the client; whether it was the client that ended it."""
        message = await first
        while message["type"] == "websocket.receive":
            text = message.get("text")
            try:
                await link.send(message["bytes"] if text is None else text)
            except LinkClosed:
                return False
            message = await self._receive()
        link.close(_upwards(message.get("code", NO_CODE)), message.get("reason") or "")
        return True

    async def _carry_down(self, link: Link) -> bool:
        """Messages of the upstream; whether it was the upstream that ended it."""
        try:
            while not isinstance(message := await link.receive(), Closed):
                kind = "text" if isinstance(message, str) else "bytes"
                await self._send({"type": "websocket.send", kind: message})
            await self._send({"type": "websocket.close", "code": self._downwards(message), "reason": message.reason})
        except OSError:
            return False
        return True

    def _downwards(self, end: Closed) -> int:
        """How the client is told of the upstream's end."""
        if end.code == LOST:
            self._on_lost()
            return TOO_BIG if end.fault == TOO_BIG else BROKEN
        return end.code if end.code != NO_CODE or self._can_close_bare else NORMAL


def _upwards(code: int) -> int:
    """How the upstream is told of the client's end."""
    if code in (LOST, NO_CODE):
        return GOING_AWAY if code == LOST else NO_CODE
    try:
        Close(code, "").check()
    except ProtocolError:
        return NORMAL
    return code
