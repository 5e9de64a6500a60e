"""The question: what a proxy sends, what it asks about, and what it can do with an answer.

What stays out: how each proxy puts it (one module each), and the answer (door).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qs

Fields = tuple[tuple[bytes, bytes], ...]


@dataclass(frozen=True, slots=True)
class Question:
    """A request to the endpoint of a proxy.

    Attributes:
        method: its own.
        rest: what its path has behind the name of the endpoint, as received.
        query: its own, as received.
        fields: its header, names in lower case.
    """

    method: str
    rest: bytes
    query: bytes
    fields: Fields

    def only(self, name: bytes) -> bytes | None:
        """The one value of a field. Several are no value, since nobody knows which of them the proxy wrote."""
        values = [value for found, value in self.fields if found == name]
        return values[0] if len(values) == 1 and values[0] else None

    def has(self, name: bytes) -> bool:
        """Whether there is such a field at all."""
        return any(found == name for found, _ in self.fields)


@dataclass(frozen=True, slots=True)
class Original:
    """The request that is asked about, in the proxy's words. Nothing of it is judged yet."""

    method: str
    scheme: str
    host: bytes
    path: bytes
    query: bytes


# Schemes of WebSockets are those of the handshake that opens them (RFC 6455 section 3).
_SCHEMES: Final = {b"http": "http", b"https": "https", b"ws": "http", b"wss": "https"}


def original(method: bytes | None, *, scheme: bytes | None, host: bytes | None, target: bytes | None) -> Original | str:
    """Put together what a proxy said; a sentence for the log where something is missing or is not what it should be.

    `target` is in origin form. Whether it has one reading is found out where every target is read.
    """
    known = _SCHEMES.get(scheme or b"")
    if method is None or known is None or host is None or target is None or not target.startswith(b"/"):
        return "the proxy does not say once, and in so many words, which method, scheme, host and target it was sent"
    path, _, query = target.partition(b"?")
    return Original(method.decode("latin-1"), known, host, path, query)


def keep_status(status: int) -> int:
    """The status of a refusal, for proxies that pass on whatever is no success."""
    return status


# Of the endpoints of proxies that can only overwrite: ?overwrites=cookie,x-api-key
OVERWRITES: Final = "overwrites"


def overwritten(query: bytes) -> frozenset[bytes]:
    """The fields that a proxy says it takes over from our answer, or takes off where our answer has none of that name.

    The address that a proxy asks at is written by whoever configures it, and by no client.
    """
    said = parse_qs(query.decode("ascii", "replace")).get(OVERWRITES, [])
    return frozenset(name.strip().lower().encode() for names in said for name in names.split(",") if name.strip())


@dataclass(frozen=True, slots=True)
class Proxy:
    """A proxy, as far as it differs from the others.

    Attributes:
        name: its endpoint.
        read: finds out what it asks about, or why that cannot be said.
        words: the fields by which it asks. They are its own and never the client's.
        status: what a refusal has to be for this proxy; never below 400.
        removal: the field of our answer that names what it is to take off; None where it can only overwrite.
    """

    name: str
    read: Callable[[Question], Original | str]
    words: frozenset[bytes] = frozenset()
    status: Callable[[int], int] = keep_status
    removal: bytes | None = None
