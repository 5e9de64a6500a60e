"""ASGI on both sides of a decision: a scope becomes a `Call`, a `Reply` becomes messages, headers become clean.

A request that two readers could understand differently is refused here, before anything is decided: two of a field that
may be there once, two ways to frame a body, a method in lower case. What stays out: rules, dialects, and the transport
hygiene of forwarding (upstream).
"""

from asyncio import timeout
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from contextlib import suppress
from dataclasses import dataclass, field
from enum import Enum
from functools import lru_cache
from re import compile as pattern
from secrets import token_hex
from typing import Any, Final

from mfa_gateway.core.account import Proof
from mfa_gateway.core.call import Call, CanonicalPath, Oddity, canonical_host, canonical_path, canonical_query
from mfa_gateway.core.credential import folded_name
from mfa_gateway.dialects.wire import Asked, Reply
from mfa_gateway.doors.peers import TrustedProxies

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
ASGIApp = Callable[[Scope, Receive, Send], Awaitable[None]]
HeaderList = list[tuple[bytes, bytes]]
HeaderTuple = tuple[tuple[bytes, bytes], ...]

# RFC 9110 section 9.1: methods are case-sensitive; every registered one is upper case.
_METHOD: Final = pattern(r"[A-Z][A-Z-]{0,31}")
# RFC 9110 section 8.6, bounded so that no server counts over 64 bits.
_LENGTH: Final = pattern(rb"[0-9]{1,18}")
# What may be there once at most: which of two would the application read?
_SINGLE: Final = frozenset({b"authorization", b"x-mfa-code", b"host", b"content-length", b"transfer-encoding"})
_REQUEST_ID: Final = pattern(rb"[A-Za-z0-9._\-]{8,64}")

# Names by which applications are told who calls, or which method or path is meant. Only the gateway, and a proxy that
# it trusts, may say so: a client's copies are removed on every route. Prefixes end in "-".
_OWNED_PREFIXES: Final = (b"x-mfa-", b"x-auth-request-")
_OWNED: Final = frozenset(
    {
        b"x-http-method",
        b"x-http-method-override",
        b"x-method-override",
        b"x-forwarded-user",
        b"x-forwarded-email",
        b"x-forwarded-groups",
        b"x-forwarded-preferred-username",
        b"x-forwarded-access-token",
        b"x-remote-user",
        b"x-user-id",
        b"remote-user",
        b"remote-name",
        b"remote-email",
        b"remote-groups",
    }
)


# How long, in seconds, and how much of a refused body is read on.
_LINGER: Final = 1.0
_LINGER_BYTES: Final = 65_536


class Reading(Enum):
    """Whether a request was read to its end."""

    COMPLETE = "complete"
    UNFINISHED = "unfinished"


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A request that is not a call: what is wrong with it, for the log and the developer at the other end."""

    why: str
    asked: Asked = field(default=Asked("", ""))


@dataclass(slots=True)
class _Fields:
    """The header fields that a call is made of, found in one pass."""

    host: bytes = b""
    authorization: str | None = None
    code: str | None = None
    forwarded_for: list[bytes] = field(default_factory=list)
    forwarded_host: list[bytes] = field(default_factory=list)
    accept: bytes = b""
    request_id: bytes = b""
    content_length: bytes | None = None
    is_chunked: bool = False
    upgrades: bool = False
    repeated: bytes = b""


def read_call(scope: Scope, proxies: TrustedProxies) -> Call | Unreadable:
    """Read an `http` or `websocket` scope. Header fields are copied once: late trailers cannot join them."""
    headers = tuple(scope["headers"])
    fields = _fields(headers)
    peer = scope.get("client") or ("", 0)
    trusted = proxies.trust(peer[0])
    request_id = _request_id(fields.request_id if trusted else b"")
    asked = Asked(_method(scope), _shown_path(scope), fields.accept.decode("latin-1"), request_id)
    target = _target(scope)
    host = canonical_host(_last(fields.forwarded_host) if trusted and fields.forwarded_host else fields.host)
    query = canonical_query(scope.get("query_string", b""))
    problem = _problem(fields, asked.method) or _first_oddity(target, host, query)
    if problem or isinstance(target, Oddity) or isinstance(host, Oddity) or isinstance(query, Oddity):
        return Unreadable(problem, asked)
    return Call(
        method=asked.method,
        path=target,
        host=host,
        query=query,
        client=proxies.client(peer[0], fields.forwarded_for),
        authorization=fields.authorization,
        code=fields.code,
        headers=headers,
        request_id=request_id,
    )


def _fields(headers: Iterable[tuple[bytes, bytes]]) -> _Fields:
    found = _Fields()
    seen: set[bytes] = set()
    for name, value in headers:
        if name in _SINGLE:
            if name in seen:
                found.repeated = name
            seen.add(name)
        reader = _READERS.get(name)
        if reader is not None:
            reader(found, value)
    return found


def _read_host(found: _Fields, value: bytes) -> None:
    found.host = value


def _read_authorization(found: _Fields, value: bytes) -> None:
    found.authorization = value.decode("latin-1")


def _read_code(found: _Fields, value: bytes) -> None:
    found.code = value.decode("latin-1").strip(" \t")


def _read_forwarded_for(found: _Fields, value: bytes) -> None:
    found.forwarded_for.append(value)


def _read_forwarded_host(found: _Fields, value: bytes) -> None:
    found.forwarded_host.append(value)


def _read_accept(found: _Fields, value: bytes) -> None:
    found.accept = found.accept + b"," + value if found.accept else value


def _read_request_id(found: _Fields, value: bytes) -> None:
    found.request_id = value


def _read_content_length(found: _Fields, value: bytes) -> None:
    found.content_length = value


def _read_transfer_encoding(found: _Fields, _value: bytes) -> None:
    found.is_chunked = True


def _read_upgrade(found: _Fields, _value: bytes) -> None:
    found.upgrades = True


_READERS: Final[dict[bytes, Callable[[_Fields, bytes], None]]] = {
    b"host": _read_host,
    b"authorization": _read_authorization,
    b"x-mfa-code": _read_code,
    b"x-forwarded-for": _read_forwarded_for,
    b"x-forwarded-host": _read_forwarded_host,
    b"accept": _read_accept,
    b"x-request-id": _read_request_id,
    b"content-length": _read_content_length,
    b"transfer-encoding": _read_transfer_encoding,
    b"upgrade": _read_upgrade,
}


def _problem(fields: _Fields, method: str) -> str:
    if fields.repeated:
        return f"the {fields.repeated.decode('ascii')} header is there twice"
    if not _METHOD.fullmatch(method):
        return "the method is not one"
    if fields.content_length is not None and not _LENGTH.fullmatch(fields.content_length):
        return "the content-length header is not a number"
    if fields.is_chunked and fields.content_length is not None:
        return "the body is framed in two ways"
    has_body = fields.is_chunked or fields.content_length not in (None, b"0")
    # uvicorn shows such a body as empty, while its bytes would follow as if they were the next request.
    return "an upgrade with a body" if fields.upgrades and has_body else ""


def _first_oddity(*readings: object) -> str:
    return next((reading.value for reading in readings if isinstance(reading, Oddity)), "")


def _method(scope: Scope) -> str:
    return str(scope.get("method", "GET"))


def _target(scope: Scope) -> CanonicalPath | Oddity:
    """The canonical path. A server that shows a path which is not the decoded raw one has read something else."""
    raw: bytes | None = scope.get("raw_path")
    if raw is None:
        return Oddity.NOT_ORIGIN_FORM
    reading = canonical_path(raw.partition(b"?")[0] if scope["type"] == "websocket" else raw)
    if isinstance(reading, CanonicalPath) and not _is_shown_alike(scope["path"], reading):
        return Oddity.NOT_ORIGIN_FORM
    return reading


def _is_shown_alike(shown: str, reading: CanonicalPath) -> bool:
    decoded = "/" + "/".join(reading.segments)
    return shown in (decoded, decoded + "/")


def _shown_path(scope: Scope) -> str:
    raw = scope.get("raw_path") or b""
    return raw.decode("latin-1")


def _last(values: list[bytes]) -> bytes:
    return values[-1].rpartition(b",")[2].strip()


def _request_id(given: bytes) -> str:
    return given.decode("ascii") if _REQUEST_ID.fullmatch(given) else token_hex(8)


# --- On the way to the application ------------------------------------------------------------


@lru_cache(maxsize=2048)
def _is_owned(name: bytes) -> bool:
    folded = folded_name(name)
    return folded in _OWNED or folded.startswith(_OWNED_PREFIXES)


def clean_headers(headers: Iterable[tuple[bytes, bytes]], *, also_drop: frozenset[bytes] = frozenset()) -> HeaderList:
    """The fields that go on: none that only the gateway may set, in whatever spelling, and none of `also_drop`."""
    kept = [pair for pair in headers if not _is_owned(pair[0])]
    if also_drop:
        kept = [pair for pair in kept if folded_name(pair[0]) not in also_drop]
    return kept


def proof_headers(shown: Proof | None) -> HeaderList:
    """What the application is told: nothing, unless a factor was proved for this very rule."""
    if shown is None:
        return []
    return [
        (b"x-mfa-verified", b"true"),
        (b"x-mfa-method", shown.factor.value.encode("ascii")),
        (b"x-mfa-age", b"%d" % (shown.age_ms // 1000)),
    ]


# --- On the way to the client -----------------------------------------------------------------


async def send_reply(send: Send, reply: Reply, *, request_id: str, reading: Reading) -> None:
    """Send a whole answer of ours; a request that was not read to its end is the last on its connection."""
    headers: HeaderList = [*reply.headers, (b"x-request-id", request_id.encode("ascii"))]
    if reply.status not in (204, 304):
        headers.append((b"content-length", b"%d" % len(reply.body)))
    if reading is Reading.UNFINISHED:
        headers.append((b"connection", b"close"))
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    await send({"type": "http.response.body", "body": reply.body})


async def finish_reading(receive: Receive, headers: HeaderTuple) -> Reading:
    """Read a refused request to its end, as far as that is cheap, so that the connection can serve the next one.

    A client that waits for `100 Continue` is not told to go on.
    """
    if not has_body(headers):
        return Reading.COMPLETE
    if any(name == b"expect" for name, _ in headers):
        return Reading.UNFINISHED
    with suppress(TimeoutError):
        async with timeout(_LINGER):
            return await _read_on(receive)
    return Reading.UNFINISHED


async def _read_on(receive: Receive) -> Reading:
    read = 0
    while read <= _LINGER_BYTES:
        message = await receive()
        if message["type"] != "http.request":
            return Reading.UNFINISHED
        if not message.get("more_body", False):
            return Reading.COMPLETE
        read += len(message.get("body", b""))
    return Reading.UNFINISHED


def has_body(headers: Iterable[tuple[bytes, bytes]]) -> bool:
    """Whether a request announces a body."""
    return any(name == b"transfer-encoding" or (name == b"content-length" and value != b"0") for name, value in headers)
