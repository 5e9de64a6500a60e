"""Watching: a WebSocket that ends when its caller is revoked, whatever the application does.

The application sees a socket that was closed with 1008, and is given nothing that came before it and waits still.
What stays out: who is revoked, and when (engine).
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final

from mfa_gateway.doors.asgi import ASGIApp, Message, Receive, Scope, Send
from mfa_gateway.doors.websocket.link import POLICY, LinkClosed

_REASON: Final = "revoked"
_ENDED: Final = {"type": "websocket.disconnect", "code": POLICY, "reason": _REASON}


class WatchedSocket:
    """One socket. `revocation` returns when the caller behind it is revoked, and is asked from the acceptance on."""

    def __init__(self, receive: Receive, send: Send, revocation: Callable[[], Awaitable[None]]) -> None:
        self._receive_on = receive
        self._send_on = send
        self._revocation = revocation
        self._watching: asyncio.Task[None] | None = None
        self._revoked = asyncio.Event()

    async def run(self, app: ASGIApp, scope: Scope) -> None:
        """Let an application serve the socket to its end."""
        try:
            await app(scope, self._receive, self._send)
        except LinkClosed:
            # The application wrote to a socket that we closed under it; whatever else it raises is its own.
            if not self._revoked.is_set():
                raise
        finally:
            if self._watching is not None:
                self._watching.cancel()
                await asyncio.wait([self._watching])
                if not self._watching.cancelled():
                    self._watching.result()  # raises what broke in watching

    async def _receive(self) -> Message:
        if self._revoked.is_set():
            return dict(_ENDED)
        message = await self._receive_on()
        return dict(_ENDED) if self._revoked.is_set() else message

    async def _send(self, message: Message) -> None:
        if self._revoked.is_set():
            raise LinkClosed("the caller behind this WebSocket was revoked")
        await self._send_on(message)
        if message["type"] == "websocket.accept":
            self._watching = asyncio.create_task(self._watch())

    async def _watch(self) -> None:
        await self._revocation()
        self._revoked.set()
        # Whoever has closed it already was faster; servers say so in different words.
        with suppress(OSError, RuntimeError):
            await self._send_on({"type": "websocket.close", "code": POLICY, "reason": _REASON})
