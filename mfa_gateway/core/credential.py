"""Credentials: what else in a call could name a caller, apart from the one that is judged.

An upstream may open a door for a cookie or an API key that this gateway never looked at: then A's proof would open what
B's cookie names. So on protected routes only the judged credential goes on (design: "One credential").

What stays out: verifying a credential (identity) and removing header fields (doors).
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final
from urllib.parse import unquote_plus

from mfa_gateway.core.call import Call


class CarrierAction(StrEnum):
    """What happens to a call on a protected route that carries another credential."""

    REFUSE = "refuse"
    STRIP = "strip"
    FORWARD = "forward"


@dataclass(frozen=True, slots=True)
class OtherCredentials:
    """The carriers by name, folded by `folded_name` and `folded_parameter`, and what is done where one turns up.

    A query cannot be stripped without changing what was judged, so stripping means refusing there.
    """

    headers: frozenset[bytes] = frozenset({b"cookie", b"x-api-key", b"proxy-authorization"})
    query: frozenset[str] = frozenset({"access_token", "api_key"})
    on_header: CarrierAction = CarrierAction.STRIP
    on_query: CarrierAction = CarrierAction.REFUSE


# RFC 3875 section 4.1.18 says it of "-" alone; lighttpd and older Apaches do it to whatever is no letter and no digit.
_FOLDED: Final = bytes(byte if bytes((byte,)).isalnum() else ord("-") for byte in bytes(range(256)).lower())


def folded_name(name: bytes) -> bytes:
    """A header name as the most careless reader sees it: CGI and WSGI know no case, and read all signs as one."""
    return name.translate(_FOLDED)


def namesakes(headers: Iterable[tuple[bytes, bytes]], name: bytes) -> tuple[tuple[bytes, bytes], ...]:
    """The fields that a careless reader takes for `name`: those of that name and of every alias of it."""
    folded = folded_name(name)
    return tuple(field for field in headers if folded_name(field[0]) == folded)


def folded_parameter(name: str) -> str:
    """A query parameter's name as the most careless reader sees it.

    ASP.NET compares without case; PHP reads ` ` and `.` as `_`, drops leading spaces, and ends a name at `[` or NUL.
    """
    plain = name.partition("\x00")[0].lstrip(" ").partition("[")[0]
    return plain.lower().replace(" ", "_").replace(".", "_")


def refused_carrier(call: Call, others: OtherCredentials) -> str | None:
    """The name of a carrier for which this call has to be refused, or None."""
    if others.on_query is CarrierAction.REFUSE and call.query:
        for name in _query_names(call.query):
            if name in others.query:
                return f"query parameter {name}"
    if others.on_header is CarrierAction.REFUSE:
        for field_name, _ in call.headers:
            if folded_name(field_name) in others.headers:
                return f"header {folded_name(field_name).decode('ascii', 'replace')}"
    return None


def _query_names(query: bytes) -> Iterator[str]:
    """The parameter names of a query, decoded and folded; `;` separates as well, for servers that still think so."""
    for pair in query.decode("ascii", "replace").replace(";", "&").split("&"):
        yield folded_parameter(unquote_plus(pair.partition("=")[0]))
