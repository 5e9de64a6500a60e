"""The head of the request to the upstream, written anew from the judged call.

For: one ASGI scope in, the bytes of one request head out, in one pass over the fields; pure but for a cache of peers.
The target is `raw_path` and `query_string`, the bytes that were judged, never the decoded `path`. Framing is ours:
whatever the client said about where its body ends is read once, refused if it has two readings, and written again.
Not here: which fields stop (`fields`), the body's bytes (`upload`), and every judgement about who may call what.
"""

import enum
import functools
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, NamedTuple, final

from mfa_gateway.doors.asgi import TRAILERS, Scope
from mfa_gateway.doors.peers import Network, read_address
from mfa_gateway.doors.upstream.failures import Failure, ForwardingError
from mfa_gateway.doors.upstream.fields import (
    CONNECTION,
    HOST,
    PASS,
    REQUEST_KINDS,
    STOP,
    Field,
    Kind,
    is_removable,
    tokens,
)
from mfa_gateway.doors.upstream.origin import Origin, Terms

# An absolute path and perhaps a query (RFC 9112 section 3.2.1): printable ASCII without space and "#".
_TARGET: Final = re.compile(rb'/[!"$-~]*')
# RFC 9110 section 5.6.2.
_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_METHODS: Final = {name: name.encode() for name in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")}
# CONNECT would be a tunnel; TRACE would show a client the fields that the gateway adds (RFC 9110 section 9.3.8).
_NEVER_FORWARDED: Final = ("CONNECT", "TRACE")
# RFC 9110 section 8.6: with these, no framing at all would leave the upstream guessing.
_BODY_EXPECTED: Final = (b"POST", b"PUT", b"PATCH")
_BODY_UNUSUAL: Final = (b"GET", b"HEAD", b"OPTIONS")
# What nearly every client sends in Connection: nothing is listed in it.
_NOTHING_LISTED: Final = (b"keep-alive", b"Keep-Alive", b"close")
# 18 digits are an exabyte less one byte and fit every counter on the way.
_MOST_DIGITS: Final = 18
_MOST_PEERS: Final = 4096
_CRLF: Final = b"\r\n"
_COLON: Final = b": "
# How a head goes on after method, space and target, with places to fill. Host is first, as RFC 9110 section 7.2 asks.
_START: Final = (
    b" HTTP/1.1\r\nhost: ",
    b"",
    b"\r\nx-forwarded-for: ",
    b"",
    b"\r\nx-forwarded-proto: ",
    b"",
    b"\r\nx-forwarded-host: ",
    b"",
    _CRLF,
)
_AT_HOST, _AT_CHAIN, _AT_PROTO, _AT_ASKED = 4, 6, 8, 10
_STARTING_PARTS: Final = 12
_STARTING_LINES: Final = 5


@dataclass(frozen=True, slots=True)
class Sized:
    """A body of `length` bytes, at least one."""

    length: int


class Unsized(enum.Enum):
    """The framings without a number."""

    NOTHING = "no body"
    CHUNKED = "chunks"


NOTHING: Final = Unsized.NOTHING

Framing = Sized | Unsized


@final
class Request:
    """One head to send and what follows it. Made by hand, because one is made per call on the hot path."""

    __slots__ = ("framing", "head", "is_head")

    def __init__(self, head: bytes, framing: Framing, *, is_head: bool) -> None:
        self.head = head
        self.framing = framing
        self.is_head = is_head


class Peer(NamedTuple):
    """Who connected to us: the address as `X-Forwarded-For` names it, and whether it is believed about other fields."""

    address: bytes
    is_trusted: bool


def read_peer(host: str | None, trusted: Iterable[Network]) -> Peer:
    """Judge an address. IPv4 in IPv6 clothes is IPv4; what is not an address is `unknown` and not trusted."""
    address = read_address(host or "")
    if address is None:
        return Peer(b"unknown", is_trusted=False)
    return Peer(str(address).encode("ascii"), any(address in network for network in trusted))


class _Special:
    """The fields that had to be looked at, by kind, in the order received."""

    __slots__ = ("codings", "forwarded_for", "forwarded_hosts", "forwarded_protos", "hosts", "lengths", "upgrades")

    def __init__(self, fields: Iterable[tuple[Kind, bytes]]) -> None:
        self.hosts: list[bytes] = []
        self.lengths: list[bytes] = []
        self.codings: list[bytes] = []
        self.upgrades: list[bytes] = []
        self.forwarded_for: list[bytes] = []
        self.forwarded_protos: list[bytes] = []
        self.forwarded_hosts: list[bytes] = []
        for kind, value in fields:
            self._bucket(kind).append(value)

    def _bucket(self, kind: Kind) -> list[bytes]:
        if kind is Kind.HOST:
            return self.hosts
        if kind is Kind.LENGTH:
            return self.lengths
        if kind is Kind.CODING:
            return self.codings
        if kind is Kind.UPGRADE:
            return self.upgrades
        if kind is Kind.FORWARDED_FOR:
            return self.forwarded_for
        return self.forwarded_protos if kind is Kind.FORWARDED_PROTO else self.forwarded_hosts


_NOTHING_SPECIAL: Final = _Special(())


class Writer:
    """Writes request heads for one origin."""

    def __init__(self, origin: Origin, terms: Terms) -> None:
        self._prefix = origin.prefix.encode("ascii")
        self._authority = origin.authority
        self._preserve_host = terms.preserve_host
        self._stripped_prefix = terms.stripped_prefix.encode("ascii")
        trusted = terms.trusted_proxies
        self._peer = functools.lru_cache(_MOST_PEERS)(lambda host: read_peer(host, trusted))

    def write(self, scope: Scope) -> Request:
        """Write the head for one call.

        Raises:
            ForwardingError: the method, target, framing or a field has more than one reading; nothing may be sent.
        """
        method = _METHODS.get(scope["method"]) or _method(scope["method"])
        parts = [method, b" ", self._target(scope), *_START]
        special = _sort(scope["headers"], parts)
        if len(special) == 1 and special[0][0] is HOST:  # the usual call: a Host and nothing else to look at
            host, found = special[0][1], _NOTHING_SPECIAL
        else:
            found = _Special(special)
            host = self._single_host(found.hosts)
        parts[_AT_HOST] = host if self._preserve_host else self._authority
        parts[_AT_CHAIN], parts[_AT_PROTO], parts[_AT_ASKED] = self._forwarded(scope, host, found)
        if self._stripped_prefix:
            parts += (b"x-forwarded-prefix", _COLON, self._stripped_prefix, _CRLF)
        if TRAILERS in scope.get("extensions", ()):
            parts += (b"te", _COLON, b"trailers", _CRLF, b"connection", _COLON, b"te", _CRLF)
        framing = _frame(parts, found, method=method, version=scope["http_version"])
        return Request(_join(parts), framing, is_head=method == b"HEAD")

    def _target(self, scope: Scope) -> bytes:
        target: bytes = scope.get("raw_path") or b""
        if query := scope.get("query_string"):
            target = target + b"?" + query
        if not _TARGET.fullmatch(target):
            raise ForwardingError(Failure.BAD_TARGET)
        return self._prefix + target

    def _single_host(self, hosts: list[bytes]) -> bytes:
        """The host that is asked for: without a word about it (HTTP/1.0), the origin's own."""
        if len(hosts) > 1:
            raise ForwardingError(Failure.BAD_FIELD)
        return hosts[0] if hosts else self._authority

    def _forwarded(self, scope: Scope, host: bytes, found: _Special) -> tuple[bytes, bytes, bytes]:
        """Who asked, how, and for what host."""
        client = scope.get("client")
        chain, is_trusted = self._peer(client[0] if client else None)
        proto, asked = b"https" if scope.get("scheme") == "https" else b"http", host
        if is_trusted:
            chain = b", ".join((*found.forwarded_for, chain))
            proto = _one(found.forwarded_protos, proto)
            asked = _one(found.forwarded_hosts, host)
        return chain, proto, asked


def _method(name: str) -> bytes:
    if name in _NEVER_FORWARDED or not _TOKEN.fullmatch(name):
        raise ForwardingError(Failure.BAD_METHOD)
    return name.encode("ascii")


def _sort(fields: Iterable[Field], parts: list[bytes]) -> list[tuple[Kind, bytes]]:
    """Append the passing fields, four parts to a line, and give back those to look at."""
    special: list[tuple[Kind, bytes]] = []
    listing: list[bytes] = []
    for name, value in fields:
        kind = REQUEST_KINDS[name]
        if kind is PASS:
            parts += (name, _COLON, value, _CRLF)
        elif kind is CONNECTION:
            if value not in _NOTHING_LISTED:
                listing.append(value)
        elif kind is not STOP:
            special.append((kind, value))
    if listing:
        _remove_listed(parts, listing)
    return special


def _remove_listed(parts: list[bytes], listing: list[bytes]) -> None:
    listed = {name for name in tokens(listing) if is_removable(name)}
    for at in range(len(parts) - 4, _STARTING_PARTS - 1, -4):
        if parts[at].lower() in listed:
            del parts[at : at + 4]


def _one(values: list[bytes], otherwise: bytes) -> bytes:
    """The value of a field that must come once; several copies say nothing that could be believed."""
    return values[0] if len(values) == 1 else otherwise


def _frame(parts: list[bytes], found: _Special, *, method: bytes, version: str) -> Framing:
    """Decide where the request's body ends and write the field that says so (RFC 9112 section 6.3)."""
    lengths, codings = found.lengths, found.codings
    if not lengths and not codings:
        return _without_framing(parts, method, version)
    # An `Upgrade` with a body is read as a request without one by some servers, ours among them.
    if len(lengths) + len(codings) > 1 or (found.upgrades and lengths != [b"0"]):
        raise ForwardingError(Failure.BAD_FRAMING)
    if lengths:
        return _sized(parts, lengths[0])
    if codings[0].strip(b" \t").lower() != b"chunked" or version == "1.0":
        raise ForwardingError(Failure.BAD_FRAMING)
    return _chunked(parts)


def _sized(parts: list[bytes], value: bytes) -> Framing:
    if not value.isdigit() or len(value) > _MOST_DIGITS:
        raise ForwardingError(Failure.BAD_FRAMING)
    length = int(value)
    parts += (b"content-length", _COLON, b"%d" % length, _CRLF)
    return Sized(length) if length else Unsized.NOTHING


def _without_framing(parts: list[bytes], method: bytes, version: str) -> Framing:
    if version.startswith("1."):
        if method in _BODY_EXPECTED:
            parts += (b"content-length", _COLON, b"0", _CRLF)
        return NOTHING
    # HTTP/2 and later end a body by other means than fields: there may be one all the same.
    return Unsized.NOTHING if method in _BODY_UNUSUAL else _chunked(parts)


def _chunked(parts: list[bytes]) -> Framing:
    parts += (b"transfer-encoding", _COLON, b"chunked", _CRLF)
    return Unsized.CHUNKED


def _join(parts: list[bytes]) -> bytes:
    """Join a head, and refuse to send it if a value brought a line end of its own."""
    expected = _STARTING_LINES + (len(parts) - _STARTING_PARTS) // 4 + 1
    parts.append(_CRLF)
    head = b"".join(parts)
    if head.count(b"\n") != expected or head.count(b"\r") != expected:
        raise ForwardingError(Failure.BAD_FIELD)
    return head
