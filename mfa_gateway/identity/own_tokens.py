"""Tokens of our own as credentials: whoever was logged in here may come back with what was signed then.

Such a token is verified as one of any issuer is, and remembered like it. It has to be a bearer token by its header
(minting) and in its claims: `exp`, `iat`, `sub`, and the `sid` of a session that the gateway opened. What was signed
for a ceremony has none of these headers, whatever it claims.

Unlike other issuers, we know when a session ends. So it is looked up for each call, in one trip to the store; tokens of
others make none. That trip is what makes a log-out hold at once at every worker.

What stays out: opening and closing sessions (state), and tokens of other issuers (bearer).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Protocol

from mfa_gateway.core.account import AccountId, Caller
from mfa_gateway.core.fault import IdentityUnavailable, StoreUnavailable
from mfa_gateway.core.session import Session
from mfa_gateway.identity.claims import end_of_life, is_meant_for, is_plain_name, tells_of_logout
from mfa_gateway.identity.flaw import Flaw
from mfa_gateway.identity.jws import Jws
from mfa_gateway.identity.keys import FixedKeys, KeySet, bound_key
from mfa_gateway.identity.minting import ALGORITHM, Minter, bearer_header
from mfa_gateway.identity.own_key import OwnKey
from mfa_gateway.identity.verified import Verified, VerifiedCredentials

# Seconds by which clocks of replicas may differ.
_LEEWAY: Final = 10.0


class Sessions(Protocol):
    """Which sessions are open."""

    async def session_by_id(self, sid: str) -> Session | None:
        """The session of a `sid`. Raises `StoreUnavailable` when it cannot be sure."""
        ...


@dataclass(frozen=True, slots=True)
class OwnIssuer:
    """One name under which the gateway signs bearer tokens.

    Attributes:
        realm: the accounts that the subjects of these tokens are.
        audience: who such a token may be meant for; one that names no audience is meant for the gate.
    """

    realm: str
    audience: tuple[str, ...] = ()


class OwnTokens:
    """Judges bearer tokens that the gateway signed itself.

    Args:
        issuers: by their exact `iss`.
        minter: has the key.
        sessions: tells which are open.
        clock: seconds since 1970, for the dates in tokens.
    """

    def __init__(
        self, issuers: Mapping[str, OwnIssuer], *, minter: Minter, sessions: Sessions, clock: Callable[[], float]
    ) -> None:
        self.issuers = MappingProxyType(dict(issuers))
        self._minter = minter
        self._sessions = sessions
        self._clock = clock
        self._verified = VerifiedCredentials()

    def recall(self, presented: str) -> Caller | None:
        """The caller of a credential that was verified before. Whether the session is still open is another matter."""
        return self._verified.recall(presented, self._clock())

    def has_issued(self, jws: Jws) -> bool:
        """Whether a token says that it is one of ours. From there on it is judged here alone."""
        name = jws.claims.get("iss")
        return isinstance(name, str) and name in self.issuers

    async def verify(self, jws: Jws, *, token: str, digest: str, presented: str) -> Caller | Flaw:
        """The caller of a token that says it is ours, or the first reason why it names nobody.

        Raises:
            IdentityUnavailable: the store could not be asked.
        """
        try:
            key = await self._minter.key()
        except StoreUnavailable as fault:
            raise IdentityUnavailable(f"the gateway's own key: {fault}") from fault
        accepted = self._accepted(jws, key, token=token, digest=digest)
        if isinstance(accepted, Flaw):
            return accepted
        verdict = await self.confirm(accepted.caller)
        if isinstance(verdict, Caller):
            self._verified.remember(presented, accepted)
        return verdict

    async def confirm(self, caller: Caller) -> Caller | Flaw:
        """The same caller, if the session is open and is the caller's.

        Raises:
            IdentityUnavailable: the store could not be asked.
        """
        try:
            session = await self._sessions.session_by_id(caller.session)
        except StoreUnavailable as fault:
            raise IdentityUnavailable(f"the gateway's own sessions: {fault}") from fault
        return caller if session is not None and session.account == caller.account else Flaw.NO_SESSION

    async def is_open(self, caller: Caller) -> bool:
        """Whether no session that we know of has ended for a caller; of those whom others name, we know none.

        Raises:
            StoreUnavailable: the store could not be asked.
        """
        if caller.claims.get("iss") not in self.issuers:
            return True
        return await self._sessions.session_by_id(caller.session) is not None

    def _accepted(self, jws: Jws, key: OwnKey, *, token: str, digest: str) -> Verified | Flaw:
        if token.partition(".")[0] != bearer_header(key):
            return Flaw.OTHER_HEADER
        verifying = bound_key(key.public, (ALGORITHM,), key.key_id)
        if not verifying.has_signed(jws.signing_input, jws.signature, ALGORITHM):
            return Flaw.BAD_SIGNATURE
        until = end_of_life(jws.claims, self._clock(), _LEEWAY)
        if isinstance(until, Flaw):
            return until
        caller = _caller(jws.claims, self.issuers[str(jws.claims["iss"])], digest=digest)
        return caller if isinstance(caller, Flaw) else Verified(caller, until, FixedKeys(KeySet((verifying,))), 0)


def _caller(claims: Mapping[str, object], issuer: OwnIssuer, *, digest: str) -> Caller | Flaw:
    """Whom claims name, apart from their dates."""
    if "aud" in claims and not is_meant_for(claims["aud"], issuer.audience):
        return Flaw.OTHER_AUDIENCE
    if tells_of_logout(claims):
        return Flaw.OTHER_TYPE
    subject, sid = claims.get("sub"), claims.get("sid")
    if not is_plain_name(subject):
        return Flaw.BAD_SUBJECT
    if not is_plain_name(sid):
        return Flaw.NO_SESSION
    return Caller(AccountId(issuer.realm, subject), sid, token=digest, claims=MappingProxyType(dict(claims)))
