"""Rows: how a call of the table is written down, and what becomes of it.

A row says what door 2, the reverse proxy, does; every other door does the same, apart from what is written beside it
with its reason. In words like `<bearer>` stands what only a run knows, for the account that a row is about:

    <bearer>   an Authorization field with its token      <token>   the token alone
    <code>     an X-MFA-Code field with a good code       <digits>  the code alone
    <wrong>    an X-MFA-Code field with a wrong one       <other>   the token of somebody else

What stays out: the rows (calls, targets, spoofs), how a door is reached, and who sends (parity).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from tests.e2e.wire import request

HOST = "gw.test"


class Who(StrEnum):
    """The account that a row is about."""

    ENROLLED = "enrolled"
    PROVEN = "proven"
    BARE = "bare"
    DISABLED = "disabled"
    BANNED = "banned"
    STRANGER = "stranger"


@dataclass(frozen=True)
class Outcome:
    """What becomes of a call: it reaches the API with this target, or it does not. `code` is in X-MFA-Error-Code."""

    target: str | None
    code: str = ""
    why: str = ""


@dataclass(frozen=True)
class Row:
    """One call. `given` are fields that the API has to see in so many words, `hidden` some that it must not see."""

    name: str
    sends: bytes
    outcome: Outcome
    who: Who = Who.ENROLLED
    given: Mapping[str, str | None] = field(default_factory=dict)
    differs: Mapping[str, Outcome] = field(default_factory=dict)

    def at(self, door: str) -> Outcome:
        """What becomes of it at this door."""
        return self.differs.get(door, self.outcome)


NGINX, TRAEFIK, CADDY, HAPROXY, ENVOY = "nginx", "traefik", "caddy", "haproxy", "envoy"
EVERY_PROXY = (NGINX, TRAEFIK, CADDY, HAPROXY, ENVOY)
VERIFIED = {"x-mfa-verified": "true", "x-mfa-method": "totp", "x-mfa-code": None}
UNVERIFIED = {"x-mfa-verified": None, "x-mfa-method": None, "x-mfa-age": None, "x-mfa-code": None}


def passes(
    name: str,
    target: str = "/open",
    *fields: str,
    who: Who = Who.ENROLLED,
    given: Mapping[str, str | None] = UNVERIFIED,
    method: str = "GET",
    body: bytes = b"",
    host: str | None = HOST,
) -> Row:
    """A call that goes on. `given` tells it apart from one that a factor was shown for."""
    return Row(name, request(target, *fields, method=method, body=body, host=host), Outcome(target), who, given)


def refused(
    name: str,
    code: str,
    target: str,
    *fields: str,
    who: Who = Who.ENROLLED,
    method: str = "GET",
    body: bytes = b"",
    host: str | None = HOST,
) -> Row:
    """A call that does not."""
    return Row(name, request(target, *fields, method=method, body=body, host=host), Outcome(None, code), who)


def but(row: Row, why: str, code: str = "", target: str | None = None, *, at: tuple[str, ...]) -> Row:
    """The same with another outcome at some doors, and why."""
    return replace(row, differs={**row.differs, **dict.fromkeys(at, Outcome(target, code, why))})
