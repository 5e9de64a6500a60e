"""Answers: what an introspection endpoint says of an opaque token, and whether that is enough (RFC 7662 section 2.2).

The issuer has checked signature and dates; what is left to us is whether it speaks of an access token, of somebody, and
to us. An answer that cannot be read says nothing about the token: that is the issuer's fault, not the caller's.

What stays out: asking, and remembering.
"""

import math
from collections.abc import Mapping
from typing import Final

from mfa_gateway.core.account import AccountId, Caller
from mfa_gateway.identity.claims import Accepted, is_meant_for, is_moment, is_plain_name, session_of, shared_claims
from mfa_gateway.identity.flaw import Flaw
from mfa_gateway.identity.jws import json_object
from mfa_gateway.identity.terms import IntrospectionTerms

# Endpoints answer for refresh tokens as well (RFC 7662 section 2.1), and those are no way in. What access tokens are
# called: `token_type` as in RFC 6749 section 7.1 (Ory Hydra before version 1: access_token), and `token_use` at Ory
# Hydra (access_token) and Amazon Cognito (access). A token that is bound to a key (DPoP) is more than a bearer's word.
_BEARERS: Final = frozenset({"bearer", "access_token"})
_USES: Final = frozenset({"access_token", "access"})


def read_answer(document: bytes, terms: IntrospectionTerms, *, now: float, digest: str) -> Accepted | Flaw:
    """The caller that an answer names, or the first reason why the token names nobody. `digest` is that of the token.

    Raises:
        ValueError: this is no answer of an introspection endpoint.
    """
    said = json_object(document)
    active = said.get("active") if said is not None else None
    if said is None or not isinstance(active, bool):
        raise ValueError("the answer is not a JSON object that says active: true or false")
    if not active:
        return Flaw.INACTIVE
    return _caller(said, terms, now=now, digest=digest)


def _caller(said: Mapping[str, object], terms: IntrospectionTerms, *, now: float, digest: str) -> Accepted | Flaw:
    if (flaw := _foreign(said, terms)) is not None:
        return flaw
    expires, subject = said.get("exp", math.inf), said.get("sub")
    if expires is not math.inf and not is_moment(expires):
        return Flaw.BAD_TIME
    if now >= expires:
        return Flaw.EXPIRED
    if not is_plain_name(subject):
        return Flaw.BAD_SUBJECT
    session = session_of(said, terms.session_claims) or digest
    caller = Caller(AccountId(terms.realm, subject), session, token=digest, claims=shared_claims(said))
    return Accepted(caller, expires)


def _foreign(said: Mapping[str, object], terms: IntrospectionTerms) -> Flaw | None:
    """Why an active token is not for us, or None."""
    if not _is_access_token(said):
        return Flaw.OTHER_TYPE
    if terms.issuer is not None and said.get("iss") != terms.issuer:
        return Flaw.OTHER_ISSUER
    if terms.audience and not is_meant_for(said.get("aud"), terms.audience):
        return Flaw.OTHER_AUDIENCE
    return None


def _is_access_token(said: Mapping[str, object]) -> bool:
    """Whether nothing that is said of its kind speaks against it; a kind that is no text does."""
    kind, use = said.get("token_type", "bearer"), said.get("token_use", "access")
    return isinstance(kind, str) and kind.lower() in _BEARERS and isinstance(use, str) and use.lower() in _USES
