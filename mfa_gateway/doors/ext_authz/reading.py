"""Reading: what Envoy says of a request becomes the ASGI scope of that request, so that one reader judges all doors.

Envoy joins some fields itself (Authorization always, every one where it is not told to send raw headers), so copies
come as one value with a comma in it; such a value is refused like the copies would be. The host is the authority, which
Envoy routes by, and never X-Forwarded-Host. Pure. What stays out: what the request is allowed to do.
"""

from collections.abc import Iterable
from re import compile as pattern
from typing import Final
from urllib.parse import unquote_to_bytes

from mfa_gateway.doors.asgi import HeaderList, Scope
from mfa_gateway.doors.ext_authz.wire import Described, Fields

# RFC 9110 sections 5.6.4 and 11.4: behind the comma of one credential comes `name=value`, behind that of two a scheme.
_QUOTED: Final = pattern(rb'"(?:[^"\\]|\\.)*"')
_NEXT_CREDENTIAL: Final = pattern(rb",[ \t]*[!#$%&'*+.^_`|~0-9A-Za-z-]+(?:[ \t]+[^ \t=]|[ \t]*(?:,|\Z))")
_PSEUDO: Final = b":"
# What says nothing that Envoy does not say better.
_OVERRULED: Final = b"x-forwarded-host"
# What a handshake is told by, here as in any proxy (RFC 9110 section 7.8).
_SOCKET: Final = b"websocket"
# A refused handshake gets a whole answer (ASGI, WebSocket Denial Response).
_ANSWERING: Final = "websocket.http.response"


def scope_of(described: Described) -> Scope:
    """The scope of a request, `http` or `websocket`. It may be one that cannot be read: `read_call` says so."""
    raw, _, query = described.target.partition(b"?")
    headers = _headers(described)
    scope: Scope = {
        "type": "http",
        "http_version": "1.1",
        "method": described.method.decode("latin-1"),
        "scheme": described.scheme.decode("latin-1"),
        "path": unquote_to_bytes(raw).decode("utf-8", "replace"),
        "raw_path": raw,
        "query_string": query,
        "root_path": "",
        "headers": headers,
        "client": (described.peer, 0),
        "extensions": {},
    }
    if any(name == b"upgrade" and _SOCKET in value.lower() for name, value in headers):
        return {**scope, "type": "websocket", "subprotocols": [], "extensions": {_ANSWERING: {}}}
    return scope


def _headers(described: Described) -> HeaderList:
    host = (b"host", described.host)
    fields = [(name.lower(), value) for name, value in described.headers if not name.startswith(_PSEUDO)]
    fields = [pair for pair in fields if pair != host and pair[0] != _OVERRULED]
    return [host, *_apart(fields, are_joined=described.are_joined)]


def _apart(fields: Fields, *, are_joined: bool) -> Iterable[tuple[bytes, bytes]]:
    """The fields, with those that were two in two pieces again, so that their reader sees that they were."""
    for name, value in fields:
        if name == b"authorization" and (found := _NEXT_CREDENTIAL.search(_without_quoted(value))):
            yield name, value[: found.start()]
            yield name, value[found.start() + 1 :]
        elif are_joined and name == b"x-mfa-code" and b"," in value:
            yield from ((name, part) for part in value.split(b",", 1))
        else:
            yield name, value


def _without_quoted(value: bytes) -> bytes:
    """The same length, with everything in quotes made harmless."""
    return _QUOTED.sub(lambda found: b"-" * len(found.group()), value)
