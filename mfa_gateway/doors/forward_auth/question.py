"""The question: what a proxy sends, what it asks about, and what it can do with an answer.

What stays out: how each proxy puts it (one module each), and the answer (door).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, NamedTuple
from urllib.parse import parse_qs

Names = tuple[bytes, ...]

# In the place of a field that is there more than once.
_SEVERAL: Final = -1


def places_of(names: Names) -> dict[bytes, int]:
    """At which place each field is."""
    places: dict[bytes, int] = {}
    for at, name in enumerate(names):
        places[name] = _SEVERAL if name in places else at
    return places


class Question(NamedTuple):
    """A request to the endpoint of a proxy. A tuple, because one is made per request: see `core.call.Call`.

    Attributes:
        method: its own.
        rest: what its path has behind the name of the endpoint, as received.
        query: its own, as received.
        fields: its header, names in lower case.
        places: the `places_of` the names in it.
    """

    method: str
    rest: bytes
    query: bytes
    fields: Sequence[tuple[bytes, bytes]]
    places: Mapping[bytes, int]

    def only(self, name: bytes) -> bytes | None:
        """The one value of a field. Several are no value, since nobody knows which of them the proxy wrote."""
        at = self.places.get(name, _SEVERAL)
        return None if at == _SEVERAL else self.fields[at][1] or None

    def has(self, name: bytes) -> bool:
        """Whether there is such a field at all."""
        return name in self.places


class Original(NamedTuple):
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


# The same is asked again and again. What strangers have us remember is bounded: at most some 2 MB, and no query, which
# could hold a secret.
MOST_KNOWN: Final = 1024
LONGEST_KNOWN: Final = 512
_known = lru_cache(maxsize=MOST_KNOWN)(original)


def known_original(
    method: bytes | None, *, scheme: bytes | None, host: bytes | None, target: bytes | None
) -> Original | str:
    """The same as `original`, which is not done twice where it is likely to be asked for again."""
    path, _, query = (target or b"").partition(b"?")
    if len(path) + len(method or b"") + len(scheme or b"") + len(host or b"") > LONGEST_KNOWN:
        return original(method, scheme=scheme, host=host, target=target)
    return with_query(_known(method, scheme=scheme, host=host, target=path), query)


def with_query(asked: Original | str, query: bytes) -> Original | str:
    """The same with a query, where it had none."""
    if not query or isinstance(asked, str):
        return asked
    return Original(asked.method, asked.scheme, asked.host, asked.path, query)


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
