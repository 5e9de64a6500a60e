"""Which header fields stop at the gateway: the tables, and how names are compared with them.

For: one look-up per field, both ways. A field passes, stops here, or is of a kind that the request head (`request`)
or the answer head (`answer`) has to look at. Not here: credentials and `X-MFA-*`, which the door in front has
already settled, and the meaning of any value.

**Aliases.** Servers that hand fields to programs as environment variables read `X_Forwarded_For`, `X.Forwarded.For` and
`X~Forwarded~For` as `X-Forwarded-For`. So names are compared with case and every sign folded, and an alias of any name
in a table stops here, whatever the value.

**Connection.** A sender may list further hop-by-hop fields in `Connection` (RFC 9110 section 7.6.1). A client must
not be able to have the gateway's own fields removed that way (CVE-2024-45410 and its kin), so these stay even when
listed: `X-MFA-*`, `X-Forwarded-*`, `Forwarded`, `Host`, `Authorization`, `Content-Length`, `X-Request-Id`. Everything
else that is listed goes, the upstream's own fields included.
"""

import enum
from collections.abc import Iterable
from typing import Final

from mfa_gateway.core.credential import folded_name

Field = tuple[bytes, bytes]


class Kind(enum.Enum):
    """What is done with a field of this name."""

    PASS = enum.auto()
    STOP = enum.auto()
    CONNECTION = enum.auto()
    LENGTH = enum.auto()
    CODING = enum.auto()
    UPGRADE = enum.auto()
    HOST = enum.auto()
    FORWARDED_FOR = enum.auto()
    FORWARDED_PROTO = enum.auto()
    FORWARDED_HOST = enum.auto()
    DATE = enum.auto()


# A look-up in an enumeration costs twice what one in a dictionary does; the hot path compares with these.
PASS: Final = Kind.PASS
STOP: Final = Kind.STOP
CONNECTION: Final = Kind.CONNECTION
LENGTH: Final = Kind.LENGTH
CODING: Final = Kind.CODING
HOST: Final = Kind.HOST
DATE: Final = Kind.DATE


class Kinds(dict[bytes, Kind]):
    """Kinds by name. Unknown names are judged once and remembered, so the usual look-up is one in a dictionary."""

    # Names come from strangers: what is remembered must have an end. Real traffic has a few dozen names.
    MOST: Final = 2048
    LONGEST: Final = 64

    def __missing__(self, name: bytes) -> Kind:
        """Judge a name not seen before."""
        kind = self.get(name.lower(), Kind.PASS)
        if kind is Kind.PASS and self.get(folded_name(name), Kind.PASS) is not Kind.PASS:
            kind = Kind.STOP
        if len(self) < self.MOST and len(name) <= self.LONGEST:
            self[name] = kind
        return kind


# RFC 9110 section 7.6.1, with the two names of practice (Keep-Alive, Proxy-Connection) and the two of h2c
# (RFC 7540 section 3.2). `TE` is written anew for clients that take trailers.
_HOP_BY_HOP: Final[dict[bytes, Kind]] = {
    b"connection": Kind.CONNECTION,
    b"http2-settings": Kind.STOP,
    b"keep-alive": Kind.STOP,
    b"proxy-authenticate": Kind.STOP,
    b"proxy-authentication-info": Kind.STOP,
    b"proxy-authorization": Kind.STOP,
    b"proxy-connection": Kind.STOP,
    b"te": Kind.STOP,
    b"trailer": Kind.STOP,
    b"transfer-encoding": Kind.CODING,
    b"upgrade": Kind.UPGRADE,
}

# What a client says here, upstreams take for a proxy's word: where the request came from, and for what it was meant.
_SPOKEN_BY_PROXIES: Final[tuple[bytes, ...]] = (
    b"forwarded",
    b"front-end-https",
    b"true-client-ip",
    b"x-client-ip",
    b"x-cluster-client-ip",
    b"x-forwarded",
    b"x-forwarded-by",
    b"x-forwarded-client-cert",
    b"x-forwarded-method",
    b"x-forwarded-path",
    b"x-forwarded-port",
    b"x-forwarded-prefix",
    b"x-forwarded-scheme",
    b"x-forwarded-server",
    b"x-forwarded-ssl",
    b"x-forwarded-uri",
    b"x-original-host",
    b"x-original-method",
    b"x-original-uri",
    b"x-original-url",
    b"x-real-ip",
    b"x-rewrite-url",
    b"x-url-scheme",
)

REQUEST_KINDS: Final = Kinds(
    _HOP_BY_HOP
    | dict.fromkeys(_SPOKEN_BY_PROXIES, Kind.STOP)
    | {
        # A handshake of our own says these anew; on any other request they mean nothing, and one may hold a token.
        b"sec-websocket-accept": Kind.STOP,
        b"sec-websocket-extensions": Kind.STOP,
        b"sec-websocket-key": Kind.STOP,
        b"sec-websocket-protocol": Kind.STOP,
        b"sec-websocket-version": Kind.STOP,
        # Answered by our server when the body is first asked for: `100 Continue` means "allowed" here.
        b"expect": Kind.STOP,
        b"content-length": Kind.LENGTH,
        b"host": Kind.HOST,
        b"x-forwarded-for": Kind.FORWARDED_FOR,
        b"x-forwarded-host": Kind.FORWARDED_HOST,
        b"x-forwarded-proto": Kind.FORWARDED_PROTO,
        # Not ours to judge, but an alias of it would be a second credential.
        b"authorization": Kind.PASS,
    }
)

ANSWER_KINDS: Final = Kinds(_HOP_BY_HOP | {b"content-length": Kind.LENGTH, b"date": Kind.DATE})

# RFC 9110 section 6.5.1: what frames, routes, authenticates or says how a body is to be read comes before it or never.
_NEVER_BEHIND: Final = frozenset(
    {
        b"age",
        b"authorization",
        b"cache-control",
        b"content-encoding",
        b"content-range",
        b"content-type",
        b"date",
        b"expires",
        b"host",
        b"location",
        b"retry-after",
        b"set-cookie",
        b"vary",
        b"www-authenticate",
    }
)


def passing_trailers(fields: Iterable[Field]) -> list[Field]:
    """What of the fields behind an answer's body goes on."""
    return [field for field in fields if ANSWER_KINDS[field[0]] is PASS and field[0] not in _NEVER_BEHIND]


_KEPT_THOUGH_LISTED: Final = frozenset((b"authorization", b"content-length", b"forwarded", b"host", b"x-request-id"))
_KEPT_PREFIXES: Final = (b"x-mfa-", b"x-forwarded-")


def tokens(values: Iterable[bytes]) -> set[bytes]:
    """The names listed in `Connection` fields: lower case, without white space, from every copy of the field."""
    return {token for value in values for part in value.split(b",") if (token := part.strip(b" \t").lower())}


def is_removable(name: bytes) -> bool:
    """Whether listing `name` in a client's `Connection` field takes that field away."""
    folded = folded_name(name)
    return folded not in _KEPT_THOUGH_LISTED and not folded.startswith(_KEPT_PREFIXES)
