"""The wire: the values that a dialect takes and gives, whatever it speaks.

What stays out: HTTP servers (a `Reply` is what a door sends), and anything that one dialect has and another has not.
"""

import json
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, Protocol

from mfa_gateway.core import entrance
from mfa_gateway.core.account import Caller
from mfa_gateway.core.ceremony import Command, Failed, Outcome
from mfa_gateway.core.entrance import Errand
from mfa_gateway.core.policy import Requirement
from mfa_gateway.core.verdict import Reason

Headers = tuple[tuple[bytes, bytes], ...]

# RFC 9111 section 5.2.2.5: no refusal and no answer of a ceremony may be stored by anything on the way.
NO_STORE: Final[Headers] = ((b"cache-control", b"no-store"),)

# Refusals that end by themselves: whoever comes back at once only makes them last.
_PASSING: Final = frozenset(
    {
        *(Reason.BANNED, Reason.SEND_LIMITED),
        *(Reason.STORE_UNAVAILABLE, Reason.IDENTITY_UNAVAILABLE, Reason.DIRECTORY_UNAVAILABLE),
    }
)
_SHORTEST_WAIT_MS: Final = 1000

# Off the endpoints of a dialect only TRACE and CONNECT are never allowed. These are the others that RFC 9110 section 9
# and RFC 5789 define; which of them a resource takes is known to the upstream alone.
_JUDGED_METHODS: Final = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"

# RFC 6750 section 3: the scheme has to be followed by at least one parameter, and a missing token has no error to name.
_REALM: Final = "mfa-gateway"
# RFC 6750 section 3: what `error` and `error_description` may not hold, the quote and the line ends among it.
_NOT_IN_CHALLENGE: Final = re.compile(r"[^\x20\x21\x23-\x5b\x5d-\x7e]")


# What a template of an endpoint may hold besides a path: an id, as the store gives them out, and a whole area.
ID: Final = "{id}"
_AREA: Final = "/**"
_ID_SHAPE: Final = "(?P<id>[0-9a-f]{1,64})"


@dataclass(frozen=True, slots=True)
class Reply:
    """A whole answer. Header names are lower case; `content-length`, `date` and `x-request-id` are left to the door."""

    status: int
    headers: Headers = ()
    body: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class Asked:
    """What of a request shapes the form of an answer.

    Attributes:
        method: as received.
        path: the canonical path (`str(Call.path)`), written like the keys of `Dialect.endpoints`.
        accept: the Accept value, several joined with commas; "" where there is none.
        request_id: names the request in answers and logs; "" where it has no name.
        requirement: what the rule asks that the request fell under; None where it came to no rule.
        query: as received, without the question mark.
        now_ms: milliseconds since 1970 by the host's clock.
    """

    method: str
    path: str
    accept: str = ""
    request_id: str = ""
    requirement: Requirement | None = None
    query: bytes = field(default=b"", repr=False, compare=False)
    now_ms: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Submission:
    """A request to a ceremony endpoint, read whole."""

    asked: Asked
    caller: Caller
    content_type: str = ""
    body: bytes = field(default=b"", repr=False)
    code: str | None = field(default=None, repr=False)
    languages: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Received:
    """A request to a dialect's own area, read whole: everything that its codec may look at.

    Attributes:
        asked: method, path and what shapes an answer.
        urls: how the client may have called it, scheme and host included, without a query; the likeliest first.
        is_secure: whether it came over TLS, as far as this gateway or a trusted proxy saw.
        now_ms: milliseconds since 1970 by the host's clock.
        unique: 128 random bits in lower-case hexadecimal, to name the answer.
        query: as received, without the question mark.
        headers: every field as received, names in lower case.
        languages: what the client prefers to read, best first.
    """

    asked: Asked
    urls: tuple[str, ...]
    is_secure: bool
    now_ms: int
    unique: str
    query: bytes = field(default=b"", repr=False)
    body: bytes = field(default=b"", repr=False)
    headers: Headers = field(default=(), repr=False)
    languages: tuple[str, ...] = ()

    def header(self, name: bytes) -> str:
        """A header field as one value, several lines joined; "" where there is none.

        Fields are lists with commas (RFC 9110 section 5.3), except cookies: proxies that speak HTTP/2 to browsers may
        hand on a line for each (RFC 9113 section 8.2.3).
        """
        sign = b"; " if name == b"cookie" else b","
        return sign.join(value for found, value in self.headers if found == name).decode("latin-1")


@dataclass(frozen=True, slots=True)
class Accepted:
    """A request that an errand comes of. `form` is whatever the same dialect needs to write the answer."""

    errand: Errand
    form: object


class Refusing(Protocol):
    """What writes refusals."""

    @property
    def endpoints(self) -> Mapping[str, str]:
        """Path or template, prefix included, to methods."""
        ...

    def refuse(self, reason: Reason, asked: Asked, *, retry_after_ms: int = 0) -> Reply:
        """Write a refusal of any call. Always a status of 200 or more, always with `Cache-Control: no-store`."""
        ...


class Resident(Refusing, Protocol):
    """A wire form that owns whole areas: everything in them is its own, whatever the method, and so is every caller.

    It says itself who is calling, from what its requests bring along; the gate's bearer tokens mean nothing to it.
    """

    def receive(self, received: Received) -> Accepted | Reply:
        """Read a request to its area: what is to be done, or the answer where that is clear already."""
        ...

    def answer(self, outcome: entrance.Outcome, accepted: Accepted) -> Reply:
        """Write what became of an errand."""
        ...

    def turn_away(self, reason: Reason, received: Received) -> Reply:
        """Write why a request was not read at all."""
        ...


class Dialect(Protocol):
    """A wire form.

    `endpoints` maps paths to the methods they take, written as in `Allow`; it is empty where there are no ceremonies.
    A path is canonical, or a template: `{id}` is one segment of lower-case hexadecimal. One that ends in `/**` takes no
    method: everything below it that is no endpoint is nothing, and is not the application's either.
    """

    @property
    def endpoints(self) -> Mapping[str, str]:
        """Path or template, prefix included, to methods."""
        ...

    def decode(self, submission: Submission) -> Command | Failed:
        """Read a request to one of the endpoints."""
        ...

    def encode(self, outcome: Outcome, asked: Asked) -> Reply:
        """Write what became of a ceremony."""
        ...

    def refuse(self, reason: Reason, asked: Asked, *, retry_after_ms: int = 0) -> Reply:
        """Write a refusal of any call. Always a status of 200 or more, always with `Cache-Control: no-store`."""
        ...


def area_of(template: str) -> str | None:
    """The path that everything of an area begins with, its final slash included; None where it is no area."""
    return template.removesuffix("**") if template.endswith(_AREA) else None


def path_pattern(template: str) -> re.Pattern[str]:
    """What the canonical paths of a template look like, with the id in a group of that name."""
    return re.compile(_ID_SHAPE.join(map(re.escape, template.split(ID))), re.ASCII)


def retry_after(left_ms: int) -> Headers:
    """`Retry-After` in whole seconds, rounded up (RFC 9110 section 10.2.3); nothing where time changes nothing."""
    return ((b"retry-after", b"%d" % -(-left_ms // 1000)),) if left_ms > 0 else ()


def come_back(reason: Reason, left_ms: int) -> Headers:
    """`Retry-After` of a refusal: at least one second for those that pass by themselves, as given for the others."""
    return retry_after(max(left_ms, _SHORTEST_WAIT_MS) if reason in _PASSING else left_ms)


def may_wait(reasons: Iterable[Reason]) -> bool:
    """Whether a refusal for one of these may say when to come back: a wrong code does that brought a ban."""
    return not (_PASSING | {Reason.CODE_INVALID}).isdisjoint(reasons)


def error_code(code: str) -> Headers:
    """`X-MFA-Error-Code`: the reason once more, for those behind a proxy that drops the body of a refusal."""
    return ((b"x-mfa-error-code", code.encode("ascii")),)


def allow(method: str | None) -> Headers:
    """`Allow`, which a 405 must carry (RFC 9110 section 15.5.6): the methods of an endpoint; None is any other path."""
    return ((b"allow", (method or _JUDGED_METHODS).encode("ascii")),)


def bearer_challenge(error: str = "", description: str = "", *, acr_values: str = "", max_age: str = "") -> Headers:
    """`WWW-Authenticate: Bearer` (RFC 6750 section 3). What a parameter may not hold is written as a question mark.

    `acr_values`: what is accepted, most wanted first, and `max_age`: how many seconds ago it may have been shown at
    most (RFC 9470 section 3).
    """
    parameters = {"realm": _REALM, "error": error, "error_description": description}
    parameters |= {"acr_values": acr_values, "max_age": max_age}
    written = (f'{name}="{_NOT_IN_CHALLENGE.sub("?", value)}"' for name, value in parameters.items() if value)
    return ((b"www-authenticate", ("Bearer " + ", ".join(written)).encode("ascii")),)


def parsed_json(body: bytes) -> object:
    """The value of a JSON text, None where it is not one, or one that two readers could take for different things."""
    try:
        return _STRICT.decode(body.decode("utf-8"))
    except (ValueError, RecursionError):
        return None


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) < len(pairs):
        raise ValueError("an object holds a member twice")
    return members


def _refuse_constant(name: str) -> object:
    raise ValueError(f"{name} is not JSON")


def _finite(written: str) -> float:
    number = float(written)
    if math.isinf(number):
        raise ValueError("a number is larger than any that could be written again")
    return number


_STRICT: Final = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_refuse_constant, parse_float=_finite)
