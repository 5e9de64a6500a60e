"""Serving: a handshake, and the WebSocket that may come of it, as an ASGI application sees them.

Until the application accepts, this is a request like any other: it may be answered with any status, its client may
leave, and what breaks becomes a 500. So uvicorn's cycle of request and answer is kept under it, spoken to in its own
words. An answer that is no WebSocket is the last one on its connection: whatever a client sent ahead was meant to be
frames. What stays out: the connection before (protocol) and after (link).
"""

from collections.abc import Callable
from enum import Enum, auto
from typing import Any, Final

from websockets.protocol import Side

from mfa_gateway.doors.asgi import ASGIApp, HeaderList, Message, Receive, Scope, Send
from mfa_gateway.doors.websocket.handshake import Handshake, accepting
from mfa_gateway.doors.websocket.link import BROKEN, LOST, NORMAL, Closed, Link, LinkClosed
from mfa_gateway.doors.websocket.terms import SocketTerms

# What our own server says of itself in `scope["extensions"]`: an application may close with code 1005, which sends
# none. Elsewhere that is an error.
BARE_CLOSE: Final = "mfa_gateway.bare_close"
_ANSWERING: Final = "websocket.http.response"
# ASGI WebSocket specification 2.4: `websocket.http.response`, and a reason beside the code.
_SPECIFICATION: Final = {"version": "3.0", "spec_version": "2.4"}


class Stage(Enum):
    """How far a handshake is."""

    NEW = auto()
    CONNECTING = auto()
    ANSWERING = auto()
    ANSWERED = auto()
    ACCEPTED = auto()


class Upgrade:
    """An ASGI application of HTTP that offers another one a WebSocket.

    Args:
        app: the application.
        handshake: what the request was found to be.
        terms: the numbers of its link.
        hand_over: takes the connection away from HTTP: writes a head, and opens a link behind it. Raises `LinkClosed`
            where the client has left.
    """

    def __init__(
        self, app: ASGIApp, handshake: Handshake, terms: SocketTerms, *, hand_over: Callable[[bytes, Link], None]
    ) -> None:
        self._app = app
        self._handshake = handshake
        self._terms = terms
        self._hand_over = hand_over
        self._stage = Stage.NEW
        self._link: Link | None = None
        self._receive_http: Receive
        self._send_http: Send

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve the request of the handshake."""
        self._receive_http, self._send_http = receive, send
        try:
            await self._app(self._scope(scope), self._receive, self._send)
        except LinkClosed:
            # The client had left, and the application did not mind what it was told about it.
            self._leave(BROKEN)
        except Exception:
            self._leave(BROKEN)
            raise
        except BaseException:
            # Told to stop at once: nobody waits for a closing handshake.
            if self._link is not None:
                self._link.abort()
            raise
        self._leave(NORMAL)

    def _leave(self, code: int) -> None:
        if self._link is not None:
            self._link.close(code)

    def _scope(self, scope: Scope) -> Scope:
        """The scope of the request as that of a WebSocket, which has no method."""
        socket: dict[str, Any] = {
            **scope,
            "type": "websocket",
            "asgi": _SPECIFICATION,
            "scheme": "wss" if scope["scheme"] == "https" else "ws",
            "subprotocols": list(self._handshake.offered),
            "extensions": {**scope["extensions"], _ANSWERING: {}, BARE_CLOSE: {}},
        }
        del socket["method"]
        return socket

    # --- What the application hears ---

    async def _receive(self) -> Message:
        if self._stage is Stage.NEW:
            self._stage = Stage.CONNECTING
            return {"type": "websocket.connect"}
        while self._link is None:
            if (await self._receive_http())["type"] == "http.disconnect" and self._link is None:
                return {"type": "websocket.disconnect", "code": LOST, "reason": ""}
        match await self._link.receive():
            case str() as text:
                return {"type": "websocket.receive", "text": text}
            case bytes() as data:
                return {"type": "websocket.receive", "bytes": data}
            case Closed() as end:
                return {"type": "websocket.disconnect", "code": end.code, "reason": end.reason}

    # --- What it says ---

    async def _send(self, message: Message) -> None:
        kind = message["type"]
        if self._link is not None:
            await self._say(self._link, kind, message)
        elif self._stage is Stage.ANSWERING and kind == "websocket.http.response.body":
            await self._send_body(message)
        elif self._stage not in (Stage.NEW, Stage.CONNECTING):
            raise RuntimeError(f"ASGI message {kind!r} does not fit to a handshake that is being refused")
        elif kind == "websocket.accept":
            self._accept(message)
        elif kind == "websocket.http.response.start":
            await self._send_head(message["status"], message.get("headers", ()))
        elif kind == "websocket.close":
            # ASGI specification: closing before accepting refuses with 403.
            await self._send_head(403, [(b"content-length", b"0")])
            await self._send_body({"body": b""})
        else:
            raise RuntimeError(f"ASGI message {kind!r} does not fit to a handshake that is not accepted yet")

    def _accept(self, message: Message) -> None:
        head = accepting(self._handshake, message.get("subprotocol"), message.get("headers", ()))
        link = Link(Side.SERVER, self._terms)
        self._hand_over(head, link)
        self._link = link
        self._stage = Stage.ACCEPTED

    async def _send_head(self, status: int, headers: HeaderList) -> None:
        self._stage = Stage.ANSWERING
        fields = [(name, value) for name, value in headers if name.lower() != b"connection"]
        fields.append((b"connection", b"close"))
        await self._send_http({"type": "http.response.start", "status": status, "headers": fields})

    async def _send_body(self, message: Message) -> None:
        more = message.get("more_body", False)
        if not more:
            self._stage = Stage.ANSWERED
        body = message.get("body", b"")
        await self._send_http({"type": "http.response.body", "body": body, "more_body": more})

    async def _say(self, link: Link, kind: str, message: Message) -> None:
        match kind:
            case "websocket.send":
                text = message.get("text")
                await link.send(message["bytes"] if text is None else text)
            case "websocket.close":
                link.close(message.get("code", NORMAL), message.get("reason") or "")
            case other:
                raise RuntimeError(f"ASGI message {other!r} does not fit to a WebSocket that is open")
