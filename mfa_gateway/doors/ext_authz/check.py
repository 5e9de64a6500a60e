"""One Check: the request goes through the middleware, to an application that only notes what it was given.

    noted       what the application would have seen, compared with the request: what Envoy has to set and to remove
    not noted   the refusal, as it would have been sent; with a status of 400 at least, because here a dialect that says
                no with 200 would be taken for a yes
    preflight   the gateway's own answer, which is no refusal and keeps its status

A rule with `on_success` is carried out before the application has answered: its answer is never seen here, and too many
windows closed are better than one that stays open. What stays out: every decision, and gRPC (server).
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from re import compile as pattern
from typing import Final

from mfa_gateway.core.call import Call
from mfa_gateway.core.verdict import Reason
from mfa_gateway.dialects.wire import Asked
from mfa_gateway.doors.asgi import (
    JUDGED,
    REQUEST_ID,
    HeaderList,
    Message,
    Reading,
    Receive,
    Scope,
    Send,
    Unreadable,
    asked_of,
    send_reply,
)
from mfa_gateway.doors.ceremonies import Ceremonies, Met
from mfa_gateway.doors.ext_authz.reading import scope_of
from mfa_gateway.doors.ext_authz.wire import Denied, Described, Granted
from mfa_gateway.doors.middleware import MFAMiddleware
from mfa_gateway.doors.parts import Parts
from mfa_gateway.doors.websocket.subprotocols import FIELD as SUBPROTOCOL

# Under this key the scope of a request carries the place for what the application was given.
_NOTED: Final = "mfa_gateway.noted"
# The statuses that every proxy takes for a no begin here.
_LEAST: Final = 400
_FORBIDDEN: Final = 403
# Envoy frames its answers itself.
_FRAMING: Final = frozenset({b"connection", b"content-length", b"date"})
# Of our own answers, only the one to a preflight has it.
_OF_PREFLIGHT: Final = b"access-control-allow-methods"
# A UUID in text (RFC 9562 section 4), which Envoy puts in the place of whatever a client sent.
_ENVOYS_NAME: Final = pattern(rb"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
# What belongs to the gateway alone and is served at its own listener.
_OWN: Final = "/_mfa/"


class _Elsewhere(Ceremonies):
    """The same endpoints, of which none is here: Envoy has to route them to the gateway itself."""

    def __init__(self, ceremonies: Ceremonies) -> None:
        self._there = ceremonies

    def endpoint(self, call: Call) -> Met | None:
        """The endpoint that a call is for."""
        return self._there.endpoint(call)

    async def serve(self, endpoint: Met, call: Call, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - unread
        """Say that it is not here; nobody else's endpoint of that name is reached either."""
        reply = endpoint.dialect.refuse(Reason.NOT_FOUND, asked_of(call))
        await send_reply(send, reply, scope, request_id=call.request_id, reading=Reading.COMPLETE)


@dataclass(frozen=True, slots=True)
class _Standing:
    """A gateway whose life is somebody else's."""

    parts: Parts

    async def start(self) -> None:
        """Nothing to open."""

    async def stop(self) -> None:
        """Nothing to close."""


class _Door(MFAMiddleware):
    """The middleware for requests that Envoy has named: its access log and ours call them the same."""

    async def _guard(self, call: Call | Unreadable, scope: Scope, receive: Receive, send: Send) -> None:
        given = next((value for name, value in scope["headers"] if name == b"x-request-id"), b"")
        if _ENVOYS_NAME.fullmatch(given):
            call = _named(call, given.decode("ascii"))
        await super()._guard(call, scope, receive, send)


def _named(call: Call | Unreadable, name: str) -> Call | Unreadable:
    if isinstance(call, Unreadable):
        return replace(call, asked=replace(call.asked, request_id=name))
    return replace(call, request_id=name)


@dataclass(slots=True)
class _Client:
    """The client's end of the exchange: a request without a body, and what is answered to it."""

    status: int = 0
    headers: HeaderList = field(default_factory=list)
    subprotocol: str | None = None
    body: bytes = b""

    async def receive_request(self) -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def receive_handshake(self) -> Message:
        return {"type": "websocket.connect"}

    async def send(self, message: Message) -> None:
        match message["type"]:
            case "http.response.start" | "websocket.http.response.start":
                self.status, self.headers = message["status"], list(message["headers"])
            case "websocket.accept":
                self.status, self.subprotocol = 101, message.get("subprotocol")
            case "websocket.close":
                self.status = _FORBIDDEN
            case _:
                self.body += message.get("body", b"")


class Checker:
    """Answers Checks with the parts of a gateway."""

    def __init__(self, parts: Parts) -> None:
        own = replace(parts, ceremonies=_Elsewhere(parts.ceremonies), backchannel=None, watch=None)
        self._fallback = parts.fallback
        self._app = _Door(self._note, gateway=_Standing(own))

    async def check(self, described: Described) -> Granted | Denied:
        """The answer to one Check. Never raises for anything that a client can send."""
        scope, client, noted = scope_of(described), _Client(), list[Scope]()
        receive = client.receive_request if scope["type"] == "http" else client.receive_handshake
        await self._app({**scope, _NOTED: noted}, receive, client.send)
        if noted and client.status < _LEAST:
            return _granted(scope, noted[0], client)
        return _denied(client)

    async def _note(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Stand where the application would."""
        path, _ = scope[JUDGED]
        if str(path).startswith(_OWN):
            reply = self._fallback.refuse(Reason.NOT_FOUND, Asked(scope.get("method", "GET"), str(path)))
            await send_reply(send, reply, scope, request_id=scope[REQUEST_ID], reading=Reading.COMPLETE)
            return
        scope[_NOTED].append(scope)
        if scope["type"] == "http":
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b""})
        else:
            await receive()
            await send({"type": "websocket.accept"})


def _denied(client: _Client) -> Denied:
    headers = [pair for pair in client.headers if pair[0] not in _FRAMING]
    is_preflight = any(name == _OF_PREFLIGHT for name, _ in headers)
    status = client.status if client.status >= _LEAST or is_preflight else _FORBIDDEN
    return Denied(status, headers, client.body)


def _granted(asked: Scope, noted: Scope, client: _Client) -> Granted:
    """What makes the request that Envoy has into the one that the application would have been given."""
    before, after = _by_name(asked["headers"]), _by_name(noted["headers"])
    target = _target(noted)
    headers = [(name, value) for name, values in after.items() if values != before.get(name) for value in values]
    if target != _target(asked):
        headers.append((b":path", target))
    offered = client.subprotocol.encode("latin-1") if client.subprotocol else None
    return Granted(
        headers=headers,
        removed=[name for name in before if name not in after],
        answered=client.headers,
        offered=[(SUBPROTOCOL, offered)] if offered else (),
    )


def _target(scope: Scope) -> bytes:
    """Path and query as they go on: in the form that was judged."""
    raw: bytes = scope["raw_path"]
    query: bytes = scope["query_string"]
    return raw + b"?" + query if query else raw


def _by_name(headers: Iterable[tuple[bytes, bytes]]) -> dict[bytes, list[bytes]]:
    found: dict[bytes, list[bytes]] = {}
    for name, value in headers:
        found.setdefault(name, []).append(value)
    return found
