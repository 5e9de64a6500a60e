"""Held answers: what a good answer ends has ended before anybody sees the answer.

Only the beginning of an answer waits; what follows streams as before. Where ending fails, a refusal goes out in place
of the answer, and the rest of the answer goes nowhere. An application that ends without beginning an answer may have
acted all the same (a browser that asks for a log-out seldom waits for the answer), so what would have ended ends then
too.

What stays out: what ends (engine), and WebSockets: a handshake is no answer that says whether anything was done.
"""

from collections.abc import Awaitable, Callable
from enum import Enum

from mfa_gateway.doors.asgi import ASGIApp, Message, Receive, Scope, Send

# Sends another answer in place of the application's.
Replacement = Callable[[], Awaitable[None]]

# RFC 9110 section 15.3.
_GOOD = range(200, 300)


class _Stage(Enum):
    """How far an answer is."""

    AWAITED = "nothing of it was seen"
    RELEASED = "it goes out as it comes"
    REPLACED = "another one went out in its place"


class HeldAnswer:
    """One answer of an application, whose beginning waits where it is a good one.

    Args:
        send: of the server.
        ending: ends what a good answer ends: None where that is done, else what goes out in its place.
    """

    def __init__(self, send: Send, ending: Callable[[], Awaitable[Replacement | None]]) -> None:
        self._send = send
        self._ending = ending
        self._stage = _Stage.AWAITED

    async def run(self, app: ASGIApp, scope: Scope, receive: Receive) -> None:
        """Let an application answer one `http` scope."""
        try:
            await app(scope, receive, self._pass_on)
        finally:
            if self._stage is _Stage.AWAITED:
                await self._ending()

    async def _pass_on(self, message: Message) -> None:
        if self._stage is _Stage.AWAITED and message["type"] == "http.response.start":
            await self._begin(message["status"])
        if self._stage is not _Stage.REPLACED:
            await self._send(message)

    async def _begin(self, status: int) -> None:
        instead = await self._ending() if status in _GOOD else None
        self._stage = _Stage.RELEASED if instead is None else _Stage.REPLACED
        if instead is not None:
            await instead()
