"""Claims: what a token with a good signature has to say before it counts (RFC 7519 section 4, RFC 9068 section 4).

Types are exact: the library would take "exp": "1e12" or a subject of 10 kB. What stays out: signatures, keys, clocks.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from sys import intern
from types import MappingProxyType
from typing import Final, TypeGuard
from unicodedata import category

from mfa_gateway.core.account import AccountId, Caller
from mfa_gateway.identity.flaw import Flaw
from mfa_gateway.identity.terms import BearerTerms

# OpenID Connect Core section 2: `sub` has at most 255 characters.
MAX_NAME: Final = 255
# OpenID Connect Back-Channel Logout 1.0 section 2.4: the member of `events` that makes a token a logout token.
LOGOUT_EVENT: Final = "http://schemas.openid.net/event/backchannel-logout"
# The year 9999. A date in milliseconds lies far beyond, and would make a token live for ever.
_LAST_MOMENT: Final = 253_402_300_799
# What all tokens of an issuer for one application say alike (RFC 9068 section 2.2, OpenID Connect Core section 2).
_ALIKE: Final = frozenset({"iss", "aud", "azp", "client_id", "scope", "typ"})
# Control characters, lone surrogates, line and paragraph separators: nothing that a log or a key should meet.
_UNFIT: Final = frozenset({"Cc", "Cs", "Zl", "Zp"})


@dataclass(frozen=True, slots=True)
class Accepted:
    """A caller, and the first moment (seconds since 1970) at which the token does not count any more."""

    caller: Caller
    until: float


def read_claims(claims: Mapping[str, object], terms: BearerTerms, *, now: float, digest: str) -> Accepted | Flaw:
    """The caller that verified claims name, or the first reason why they name nobody.

    `digest` is that of the token; `iss` was compared already, when the terms were chosen.
    """
    if not is_meant_for(claims.get("aud"), terms.audience):
        return Flaw.OTHER_AUDIENCE
    # Not every issuer gives its logout tokens the type that says so.
    if tells_of_logout(claims):
        return Flaw.OTHER_TYPE
    until = end_of_life(claims, now, terms.leeway)
    if isinstance(until, Flaw):
        return until
    subject = claims.get(terms.subject_claim)
    if not is_plain_name(subject):
        return Flaw.BAD_SUBJECT
    session = session_of(claims, terms.session_claims) or digest
    account = AccountId(terms.realm, subject)
    return Accepted(Caller(account, session, token=digest, claims=shared_claims(claims)), until)


def is_meant_for(audience: object, accepted: tuple[str, ...]) -> bool:
    """A text, or a list of texts, that names exactly one of the accepted audiences (RFC 7519 section 4.1.3)."""
    named = audience if isinstance(audience, list) else [audience]
    return all(isinstance(name, str) for name in named) and sum(name in accepted for name in named) == 1


def shared_claims(claims: Mapping[str, object]) -> Mapping[str, object]:
    """The same claims, kept for as long as their caller is: what all tokens of an issuer say alike is there once."""
    return MappingProxyType({intern(name): _shared(name, value) for name, value in claims.items()})


def _shared(name: str, value: object) -> object:
    return intern(value) if name in _ALIKE and isinstance(value, str) else value


def tells_of_logout(claims: Mapping[str, object]) -> bool:
    """Whether claims are those of a logout token (OpenID Connect Back-Channel Logout 1.0 section 2.4)."""
    events = claims.get("events")
    return isinstance(events, dict) and isinstance(events.get(LOGOUT_EVENT), dict)


def end_of_life(claims: Mapping[str, object], now: float, leeway: float) -> float | Flaw:
    """A token lives until just before `exp` (RFC 7519 section 4.1.4) and must not come from the future."""
    expires, issued, begins = claims.get("exp"), claims.get("iat"), claims.get("nbf", 0)
    if not (is_moment(expires) and is_moment(issued) and is_moment(begins)):
        return Flaw.BAD_TIME
    if now >= expires + leeway:
        return Flaw.EXPIRED
    return Flaw.NOT_YET if max(issued, begins) > now + leeway else expires + leeway


def session_of(claims: Mapping[str, object], session_claims: tuple[str, ...]) -> str | None:
    """The first session claim with a usable value, told apart from the same value of another claim."""
    for name in session_claims:
        if is_plain_name(value := claims.get(name)):
            return f"{len(name)}:{name}:{value}"
    return None


def is_plain_name(value: object) -> TypeGuard[str]:
    """Whether a value is a text that can name somebody: 1 to `MAX_NAME` characters, none of them invisible control."""
    if not isinstance(value, str) or not 0 < len(value) <= MAX_NAME:
        return False
    return not any(category(char) in _UNFIT for char in value)


def is_moment(value: object) -> TypeGuard[float]:
    """Whether a value is a NumericDate (RFC 7519 section 2) up to the year 9999; true and "1" are none."""
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= _LAST_MOMENT
