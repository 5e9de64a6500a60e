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
from time import time_ns
from typing import Any, Final
from urllib.parse import unquote_to_bytes

from mfa_gateway.core.account import Proof
from mfa_gateway.core.call import Call, CanonicalPath, Oddity, OddPath, canonical_host, canonical_path, canonical_query
from mfa_gateway.core.credential import folded_name
from mfa_gateway.core.policy import Rule
from mfa_gateway.core.readings import odd_path
from mfa_gateway.core.routing import ANYWHERE, Route, Routes
from mfa_gateway.dialects.wire import Asked, Reply
from mfa_gateway.doors.date import http_date
from mfa_gateway.doors.peers import TrustedProxies
from mfa_gateway.doors.request_ids import request_id_of

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
ASGIApp = Callable[[Scope, Receive, Send], Awaitable[None]]
HeaderList = list[tuple[bytes, bytes]]
HeaderTuple = tuple[tuple[bytes, bytes], ...]

# What our own server says of itself in `scope["extensions"]`: it leaves the Date field to the application. Servers that
# do not say so add one themselves, and then two would be there.
UNDATED: Final = "mfa_gateway.undated"
# Under this key a scope that was let through carries the name of its call, for answers and logs further on.
REQUEST_ID: Final = "mfa_gateway.request_id"
# And under this one the path and the host that were judged: an upstream is chosen by them, never by a second reading.
JUDGED: Final = "mfa_gateway.judged"

# The ASGI extension by which fields are sent behind a body, where the server and its client can take them.
TRAILERS: Final = "http.response.trailers"

# RFC 9110 section 9.1: methods are case-sensitive; every registered one is upper case.
_METHOD: Final = pattern(r"[A-Z][A-Z-]{0,31}")
# RFC 9110 section 8.6, bounded so that no server counts over 64 bits.
_LENGTH: Final = pattern(rb"[0-9]{1,18}")

# What may be there once at most: which of two would the application read?
_SINGLE: Final = frozenset({b"authorization", b"x-mfa-code", b"host", b"content-length", b"transfer-encoding"})
# Everything that a call is made of. Several of a field that is not single are one list (RFC 9110 section 5.3).
_READ: Final = _SINGLE | {b"x-forwarded-for", b"x-forwarded-host", b"x-request-id", b"accept", b"upgrade"}

# Names by which applications are told who calls, or which method or path is meant. Only the gateway may say so: the
# copies that come with a request are removed on every route. Prefixes end in "-". The names are those of oauth2-proxy,
# Authelia (remote-), authentik, Pomerium, Vouch, Grafana (webauth), Google IAP and Azure App Service, and those that
# rewriting modules of IIS and others use for methods and paths.
_OWNED_PREFIXES: Final = (
    b"x-mfa-",
    b"x-auth-request-",
    b"x-authenticated-",
    b"x-authentik-",
    b"x-goog-authenticated-user-",
    b"x-ms-client-principal-",
    b"x-pomerium-",
    b"x-remote-",
    b"x-vouch-",
    b"x-webauth-",
)
_OWNED: Final = frozenset(
    {
        b"remote-email",
        b"remote-groups",
        b"remote-name",
        b"remote-user",
        b"x-forwarded-access-token",
        b"x-forwarded-email",
        b"x-forwarded-groups",
        b"x-forwarded-method",
        b"x-forwarded-path",
        b"x-forwarded-preferred-username",
        b"x-forwarded-prefix",
        b"x-forwarded-uri",
        b"x-forwarded-user",
        b"x-http-method",
        b"x-http-method-override",
        b"x-method-override",
        b"x-ms-client-principal",
        b"x-original-method",
        b"x-original-uri",
        b"x-original-url",
        b"x-rewrite-url",
        b"x-user-id",
    }
)

# How long, in seconds, and how much of a refused body is read on.
LINGER: Final = 1.0
LINGER_BYTES: Final = 65_536


class CutAnswer(Exception):
    """Raised by an application that cannot finish an answer it has begun, and has said why in its own log."""


class Reading(Enum):
    """Whether a request was read to its end."""

    COMPLETE = "complete"
    UNFINISHED = "unfinished"


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A request that is not a call: what is wrong with it, for the log, and what shapes the answer."""

    why: str
    asked: Asked = field(default=Asked("", ""))


class Blindness(Enum):
    """Why a path cannot be judged behind this server, whatever the client sent."""

    NO_RAW_PATH = (
        "the ASGI server gives no raw_path, so what was asked for cannot be judged: use a server that does, "
        "such as uvicorn, hypercorn or granian"
    )
    OTHER_PATH = "the ASGI server shows another path than the one that was asked for"


def read_call(scope: Scope, proxies: TrustedProxies, routes: Routes = ANYWHERE) -> Call | Unreadable:
    """Read an `http` or `websocket` scope. Header fields are copied once: late trailers cannot join them.

    `routes` says which upstreams take paths with several readings; without them, none does.
    """
    headers: HeaderTuple = tuple(scope["headers"])
    fields, problem = _collect(headers)
    peer: str = (scope.get("client") or ("",))[0]
    is_trusted = proxies.trust(peer)
    request_id = request_id_of(fields.get(b"x-request-id") if is_trusted else None)
    method: str = scope.get("method", "GET")
    host = _host(fields, is_trusted=is_trusted)
    path = _path(scope, host, routes)
    query = canonical_query(scope.get("query_string", b""))
    problem = problem or _problem(method, fields)
    if (
        problem
        or not isinstance(path, (CanonicalPath, OddPath))
        or not isinstance(host, str)
        or not isinstance(query, bytes)
    ):
        return Unreadable(problem or _first_oddity(path, host, query), _asked(scope, fields, request_id))
    authorization, code = fields.get(b"authorization"), fields.get(b"x-mfa-code")
    # In its order and not by name, because that costs half: one is made per request.
    return Call(
        method,
        path,
        host,
        query,
        proxies.client(peer, fields.get(b"x-forwarded-for")),
        peer,
        None if authorization is None else authorization.decode("latin-1"),
        None if code is None else code.decode("latin-1").strip(" \t"),
        headers,
        request_id,
    )


def _collect(headers: Iterable[tuple[bytes, bytes]]) -> tuple[dict[bytes, bytes], str]:
    """The fields that a call is made of, and what is wrong with their number."""
    found: dict[bytes, bytes] = {}
    problem = ""
    for name, value in headers:
        if name in _READ:
            if name not in found:
                found[name] = value
            elif name in _SINGLE:
                problem = f"the {name.decode('ascii')} header is there twice"
            else:
                found[name] += b"," + value
    return found, problem


def _problem(method: str, fields: dict[bytes, bytes]) -> str:
    if not _METHOD.fullmatch(method):
        return "the method is not one"
    length, is_chunked = fields.get(b"content-length"), b"transfer-encoding" in fields
    if length is None and not is_chunked:
        return ""
    if length is not None and not _LENGTH.fullmatch(length):
        return "the content-length header is not a number"
    if length is not None and is_chunked:
        return "the body is framed in two ways"
    # uvicorn shows such a body as empty, while its bytes would follow as if they were the next request.
    return "an upgrade with a body" if b"upgrade" in fields and length != b"0" else ""


def _first_oddity(*readings: object) -> str:
    return next((reading.value for reading in readings if isinstance(reading, Oddity | Blindness)), "")


def _path(scope: Scope, host: str | Oddity, routes: Routes) -> CanonicalPath | OddPath | Oddity | Blindness:
    """The path. A server that shows another one than the decoded raw one has read something else."""
    raw: bytes | None = scope.get("raw_path")
    if raw is None:
        return Blindness.NO_RAW_PATH
    # Some servers leave the query in the raw path of a handshake.
    raw = raw.partition(b"?")[0] if scope["type"] == "websocket" else raw
    reading, shown = _known_path(raw) if len(raw) <= _SHORT_PATH else _read_path(raw)
    if shown is None:
        odd = _wanted_odd_path(raw, host, routes)
        if odd is None:
            return reading
        reading, shown = odd, unquote_to_bytes(raw).decode("utf-8")
    return reading if shown == scope["path"] else Blindness.OTHER_PATH


def _wanted_odd_path(raw: bytes, host: str | Oddity, routes: Routes) -> OddPath | None:
    """A path in all its readings, if they lead to one upstream, whichever of them is right, and that one takes such."""
    if not routes.takes_odd_paths or isinstance(host, Oddity):
        return None
    path = odd_path(raw)
    return path if isinstance(path, OddPath) and isinstance(routes.direct(path, host), Route) else None


def _read_path(raw: bytes) -> tuple[CanonicalPath | OddPath | Oddity, str | None]:
    """A path and how a server has to show it decoded."""
    reading = canonical_path(raw)
    if isinstance(reading, Oddity):
        return reading, None
    decoded = "/" + "/".join(reading.segments)
    return reading, decoded + "/" if reading.segments and reading.wire.endswith(b"/") else decoded


# What strangers have us remember is bounded: at most some 5 MB of paths.
_SHORT_PATH: Final = 256
_known_path = lru_cache(maxsize=1024)(_read_path)
_known_host = lru_cache(maxsize=256)(canonical_host)


def _host(fields: dict[bytes, bytes], *, is_trusted: bool) -> str | Oddity:
    """The host that was asked for; the one that a trusted proxy was asked for, if it says so."""
    host = _known_host(fields.get(b"host", b""))
    if is_trusted and not isinstance(host, Oddity) and (forwarded := fields.get(b"x-forwarded-host")) is not None:
        return _known_host(forwarded.rpartition(b",")[2].strip())
    return host


def asked_of(call: Call, rule: Rule | None = None) -> Asked:
    """What of a call, and of the rule that it fell under, shapes the form of an answer to it."""
    wanted = None if rule is None else rule.requirement
    accept, now_ms = field_of(call, b"accept"), time_ns() // 1_000_000
    return Asked(call.method, str(call.path), accept, call.request_id, wanted, call.query, now_ms)


def field_of(call: Call, name: bytes) -> str:
    """A header field of a call as one value, several lines joined (RFC 9110 section 5.3); "" where there is none."""
    return b",".join(value for found, value in call.headers if found == name).decode("latin-1")


def _asked(scope: Scope, fields: dict[bytes, bytes], request_id: str) -> Asked:
    """What shapes the answer to a request that is not a call. No endpoint has a path like the one here."""
    raw: bytes = scope.get("raw_path") or b""
    accept = fields.get(b"accept", b"").decode("latin-1")
    return Asked(scope.get("method", "GET"), raw.decode("latin-1"), accept, request_id)


# --- On the way to the application ------------------------------------------------------------


class _Names(dict[bytes, bool]):
    """Which fields go on, by name. Names come from strangers: what is remembered of them has an end."""

    _MOST: Final = 2048
    _LONGEST: Final = 64

    def __init__(self, also_drop: frozenset[bytes], kept: bytes | None = None) -> None:
        super().__init__()
        self._also_drop = also_drop
        if kept is not None:
            self[kept] = True

    def __missing__(self, name: bytes) -> bool:
        """Judge a name that was not met before."""
        folded = folded_name(name)
        goes_on = folded not in _OWNED and not folded.startswith(_OWNED_PREFIXES) and folded not in self._also_drop
        if len(self) < self._MOST and len(name) <= self._LONGEST:
            self[name] = goes_on
        return goes_on


_names = lru_cache(maxsize=16)(_Names)


def clean_headers(
    headers: Iterable[tuple[bytes, bytes]], *, also_drop: frozenset[bytes] = frozenset(), kept: bytes | None = None
) -> HeaderList:
    """The fields that go on: none that only the gateway may set, in whatever spelling, and none of `also_drop`.

    `kept` goes on all the same, in exactly this spelling.
    """
    goes_on = _names(also_drop) if kept is None else _names(also_drop, kept)
    return [pair for pair in headers if goes_on[pair[0]]]


def proof_headers(shown: Proof | None) -> HeaderList:
    """What the application is told: nothing, unless a factor was proved for this very rule."""
    if shown is None:
        return []
    return [
        (b"x-mfa-verified", b"true"),
        (b"x-mfa-method", shown.factor.encode("ascii")),
        (b"x-mfa-age", b"%d" % (shown.age_ms // 1000)),
    ]


# --- On the way to the client -----------------------------------------------------------------


def reply_headers(reply: Reply, scope: Scope, *, request_id: str) -> HeaderList:
    """The fields of an answer of ours: the dialect's, and those that are left to the door."""
    headers: HeaderList = [*reply.headers, (b"x-request-id", request_id.encode("ascii"))]
    # RFC 9110 section 8.6: a 204 has no length; that of a 304 would be the length of another answer.
    if reply.status not in (204, 304):
        headers.append((b"content-length", b"%d" % len(reply.body)))
    if UNDATED in scope.get("extensions", ()):
        headers.append((b"date", http_date()))
    return headers


async def send_reply(send: Send, reply: Reply, scope: Scope, *, request_id: str, reading: Reading) -> None:
    """Send a whole answer of ours; a request that was not read to its end is the last on its connection."""
    headers = reply_headers(reply, scope, request_id=request_id)
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
    if any(name == b"expect" or (name == b"content-length" and int(value) > LINGER_BYTES) for name, value in headers):
        return Reading.UNFINISHED
    with suppress(TimeoutError):
        async with timeout(LINGER):
            return await _read_on(receive)
    return Reading.UNFINISHED


async def _read_on(receive: Receive) -> Reading:
    read = 0
    while read <= LINGER_BYTES:
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
