"""ASGI by hand: scopes as a strict server makes them, and both ends of an exchange without a socket."""

from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import unquote

from mfa_gateway.doors.asgi import ASGIApp, Message, Scope

Fields = tuple[tuple[bytes, bytes], ...]

HOST: Final = (b"host", b"gw.test")
BEARER: Final = (b"authorization", b"Bearer A")


def scope(target: str = "/protected", *fields: tuple[bytes, bytes], **given: Any) -> Scope:
    """A scope as uvicorn makes it for this target; a Host field is added unless one is given."""
    raw, _, query = target.partition("?")
    headers = list(fields) if any(name == b"host" for name, _ in fields) else [HOST, *fields]
    plain = {
        "type": "http",
        "http_version": "1.1",
        "method": "GET",
        "path": unquote(raw),
        "raw_path": raw.encode("latin-1"),
        "query_string": query.encode("latin-1"),
        "root_path": "",
        "scheme": "http",
        "headers": headers,
        "client": ("192.0.2.7", 50_000),
        "server": ("127.0.0.1", 80),
    }
    return {**plain, **given}


def handshake(target: str = "/protected", *fields: tuple[bytes, bytes], **given: Any) -> Scope:
    """A WebSocket scope, which has no method."""
    made = scope(target, *fields, **{"type": "websocket", "subprotocols": [], **given})
    made.pop("method")
    return made


def pieces(*bodies: bytes) -> list[Message]:
    """A request's body in these pieces."""
    last = len(bodies) - 1
    return [{"type": "http.request", "body": body, "more_body": n < last} for n, body in enumerate(bodies)]


@dataclass
class Exchange:
    """One scope served: what the application was handed, and what the client was sent."""

    incoming: list[Message] = field(default_factory=list)
    received: int = 0
    sent: list[Message] = field(default_factory=list)

    async def receive(self) -> Message:
        """The next piece, or the end of the client."""
        self.received += 1
        return self.incoming.pop(0) if self.incoming else {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        self.sent.append(message)

    @property
    def status(self) -> int:
        return int(self.sent[0]["status"])

    @property
    def body(self) -> bytes:
        return b"".join(message.get("body", b"") for message in self.sent)

    def values(self, name: bytes) -> list[bytes]:
        return [value for found, value in self.sent[0]["headers"] if found == name]


async def play(app: ASGIApp, scope_: Scope, *bodies: bytes) -> Exchange:
    """Serve one scope to its end."""
    exchange = Exchange(pieces(*(bodies or (b"",))))
    await app(scope_, exchange.receive, exchange.send)
    return exchange


@dataclass
class Behind:
    """An application that remembers the scopes it was handed and answers with 200."""

    scopes: list[Scope] = field(default_factory=list)

    async def __call__(self, scope_: Scope, receive: Any, send: Any) -> None:
        self.scopes.append(scope_)
        if scope_["type"] == "http":
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b"from the application"})
        elif scope_["type"] == "websocket":
            await receive()
            await send({"type": "websocket.accept"})

    @property
    def headers(self) -> list[tuple[bytes, bytes]]:
        """The fields of the only call that came through."""
        (only,) = self.scopes
        return list(only["headers"])

    def values(self, name: bytes) -> list[bytes]:
        return [value for found, value in self.headers if found == name]
