"""The handshake: which requests are one, and the bytes that accept it (RFC 6455 section 4.2).

Pure. A request that is not a handshake in every respect is none at all: it goes on as the plain request that it is
without its Upgrade field, and nothing that follows it is ever read as frames. What stays out: sockets, and judging.
"""

from base64 import b64decode, b64encode
from binascii import Error
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha1
from re import compile as pattern
from typing import Final

Fields = Iterable[tuple[bytes, bytes]]

# RFC 6455 sections 1.3 and 4.1.
_GUID: Final = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_VERSION: Final = b"13"
_KEY_BYTES: Final = 16
# What the handshake itself says; an application or an upstream has no say in it.
OWN_FIELDS: Final = frozenset(
    {
        b"connection",
        b"content-length",
        b"keep-alive",
        b"sec-websocket-accept",
        b"sec-websocket-extensions",
        b"sec-websocket-protocol",
        b"transfer-encoding",
        b"upgrade",
    }
)
_LINE_END: Final = pattern(rb"[\x00\r\n]")


@dataclass(frozen=True, slots=True)
class Handshake:
    """A handshake of a client: its key, and the sub-protocols it offers, in its order."""

    key: bytes
    offered: tuple[str, ...]


def read_handshake(method: bytes, version: str, headers: Fields) -> Handshake | None:
    """The handshake that a request is, or None. Names are in lower case."""
    fields: dict[bytes, list[bytes]] = {}
    for name, value in headers:
        fields.setdefault(name, []).append(value.strip(b" \t"))
    keys = fields.get(b"sec-websocket-key", [])
    is_one = (
        method == b"GET"
        and version == "1.1"
        and [value.lower() for value in fields.get(b"upgrade", ())] == [b"websocket"]
        and b"upgrade" in {token.lower() for token in listed(fields.get(b"connection", ()))}
        and fields.get(b"sec-websocket-version") == [_VERSION]
        and len(keys) == 1
        and _is_key(keys[0])
    )
    if not is_one:
        return None
    offers = listed(fields.get(b"sec-websocket-protocol", ()))
    return Handshake(keys[0], tuple(offer.decode("latin-1") for offer in offers))


def listed(values: Iterable[bytes]) -> list[bytes]:
    """The elements of a list that may come in several fields (RFC 9110 section 5.6.1)."""
    return [element for value in values for part in value.split(b",") if (element := part.strip(b" \t"))]


def _is_key(value: bytes) -> bool:
    try:
        return len(b64decode(value, validate=True)) == _KEY_BYTES
    except Error:
        return False


def accept_value(key: bytes) -> bytes:
    """What a server answers to a key (RFC 6455 section 4.2.2). SHA-1 is the protocol's and protects nothing."""
    return b64encode(sha1(key + _GUID, usedforsecurity=False).digest())


def accepting(handshake: Handshake, subprotocol: str | None, headers: Fields) -> bytes:
    """The head that turns a connection into a WebSocket.

    Raises:
        ValueError: a field holds a line end.
    """
    fields = [
        (b"upgrade", b"websocket"),
        (b"connection", b"Upgrade"),
        (b"sec-websocket-accept", accept_value(handshake.key)),
        *((name.lower(), value) for name, value in headers if name.lower() not in OWN_FIELDS),
    ]
    if subprotocol is not None:
        fields.append((b"sec-websocket-protocol", subprotocol.encode("latin-1")))
    if any(_LINE_END.search(name) or _LINE_END.search(value) for name, value in fields):
        raise ValueError("a header field of the accepted handshake holds a line end")
    lines = [b"%s: %s\r\n" % field for field in fields]
    return b"".join((b"HTTP/1.1 101 Switching Protocols\r\n", *lines, b"\r\n"))
