"""Logout tokens: what a signed one has to say before it counts (OpenID Connect Back-Channel Logout 1.0, section 2.6).

They are signed with the keys of access tokens, so each kind has to be told from the other: a logout token says which
event it tells of, and has no nonce; an access token tells of no such event. What stays out: signatures, keys, clocks,
and whether a token came before.
"""

from collections.abc import Mapping
from math import ceil
from typing import Final

from mfa_gateway.core.account import AccountId
from mfa_gateway.core.logout import Farewell
from mfa_gateway.identity.claims import end_of_life, is_meant_for, is_plain_name, tells_of_logout
from mfa_gateway.identity.flaw import Flaw
from mfa_gateway.identity.terms import BearerTerms

# Section 2.4 advises two minutes. Ids are remembered for as long as a token lives, and that has to end.
MAX_LIFE: Final = 24 * 3600.0
# Clocks of several workers differ: an id is remembered until the last of them has called its token expired.
_MARGIN: Final = 300.0


def read_farewell(claims: Mapping[str, object], terms: BearerTerms, *, now: float) -> Farewell | Flaw:
    """What verified claims say of a log-out, or the first reason why they do not count.

    `iss` was compared already, when the terms were chosen.
    """
    until = end_of_life(claims, now, terms.leeway)
    if (flaw := _flaw(claims, terms)) is not None:
        return flaw
    if isinstance(until, Flaw):
        return until
    if until - now > MAX_LIFE + terms.leeway:
        return Flaw.LIVES_LONG
    subject, token_id = claims.get(terms.subject_claim), claims.get("jti")
    if not is_plain_name(token_id):
        return Flaw.BAD_ID
    if not is_plain_name(subject):
        return Flaw.NAMELESS if terms.subject_claim not in claims and "sid" in claims else Flaw.BAD_SUBJECT
    life_ms = ceil((until - now + _MARGIN) * 1000)
    return Farewell(AccountId(terms.realm, subject), terms.issuer, token_id, life_ms)


def _flaw(claims: Mapping[str, object], terms: BearerTerms) -> Flaw | None:
    """Why these claims are no log-out told to us, or None."""
    if not is_meant_for(claims.get("aud"), terms.logout_audience):
        return Flaw.OTHER_AUDIENCE
    if not tells_of_logout(claims):
        return Flaw.OTHER_EVENT
    # Section 2.4: so that no ID token is ever taken for a logout token.
    return Flaw.HAS_NONCE if "nonce" in claims else None
