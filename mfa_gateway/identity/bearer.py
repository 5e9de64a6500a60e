"""Bearer tokens: the Authorization value of a call becomes a caller, or the reason why it names nobody.

    Authorization -- verified before? --> caller
          |
          +-- read (jws) -- choose the issuer by the exact `iss` -- find its key -- check the signature -- read claims

The issuer is chosen by what an unverified token says of itself, and from there on only that issuer's terms and keys
count: a token can choose by whom it is judged, never by which rules.

What stays out: the shape of a token (jws), what claims must say (claims), and where keys come from (jwk, jwks).
"""

import hashlib
import re
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, assert_never

import httpx2
import structlog
from structlog.typing import FilteringBoundLogger

from mfa_gateway.core.account import Anonymous, Caller
from mfa_gateway.core.call import Call
from mfa_gateway.core.logout import Farewell, Hearsay
from mfa_gateway.identity.claims import read_claims
from mfa_gateway.identity.fetching import http_client
from mfa_gateway.identity.flaw import Flaw
from mfa_gateway.identity.jwk import read_key_set
from mfa_gateway.identity.jwks import ACCEPT, FETCH_DEADLINE, MAX_BYTES, FetchedKeys
from mfa_gateway.identity.jws import LOGOUT_TYPES, Jws, read_jws
from mfa_gateway.identity.keys import FixedKeys, Keys, KeySet, public_key, secret_key
from mfa_gateway.identity.logout import read_farewell
from mfa_gateway.identity.own_tokens import OwnTokens
from mfa_gateway.identity.terms import BearerTerms, JwksFile, JwksUrl, PublicKey, SharedSecret
from mfa_gateway.identity.verified import Verified, VerifiedCredentials

# Larger than any header section that servers take by default (8 to 16 KiB).
MAX_CREDENTIAL: Final = 16 * 1024
# RFC 6750 section 2.1: "Bearer" 1*SP b64token. Schemes have no case (RFC 9110 section 11.1).
_BEARER: Final = re.compile(r"(?i:bearer) +(?P<token>[A-Za-z0-9\-._~+/]+=*)", re.ASCII)


@dataclass(frozen=True, slots=True)
class _Issuer:
    terms: BearerTerms
    keys: Keys


class BearerIdentity:
    """Callers who send a signed token (JWT) of a configured issuer.

    Args:
        terms: one per issuer.
        clock: seconds since 1970, for the dates in tokens.
        monotonic: seconds that never jump, for the age of key sets.
        log: where refused tokens and fetched key sets are noted; never a token, a claim or a key.
        fetch_deadline: seconds for fetching one key set, all in all.
        own: judges tokens that the gateway signed itself; None where it signs none.

    Raises:
        ValueError: two terms name one issuer, or one of our own, or a key cannot be used. The text says whose.
    """

    def __init__(
        self,
        terms: Iterable[BearerTerms],
        *,
        clock: Callable[[], float],
        monotonic: Callable[[], float] = time.monotonic,
        log: FilteringBoundLogger | None = None,
        fetch_deadline: float = FETCH_DEADLINE,
        own: OwnTokens | None = None,
    ) -> None:
        self._clock = clock
        self._own = own
        self._monotonic = monotonic
        self._log: FilteringBoundLogger = structlog.get_logger() if log is None else log
        self._fetch_deadline = fetch_deadline
        self._client: httpx2.AsyncClient | None = None
        self._issuers: dict[str, _Issuer] = {}
        self._verified = VerifiedCredentials()
        for issuer in terms:
            self._add(issuer)

    async def identify(self, call: Call) -> Caller | Anonymous:
        """Verify the call's Authorization value.

        Only a missing or empty value is `NO_CREDENTIAL`. A value of another scheme is `BAD_CREDENTIAL`: it would reach
        the upstream, which may know it, although nobody here could tell whose it is.

        Raises:
            IdentityUnavailable: the issuer's keys could not be fetched yet.
        """
        presented = call.authorization
        if not presented:
            return Anonymous.NO_CREDENTIAL
        if (caller := self._verified.recall(presented, self._clock())) is not None:
            return caller
        match await self._verify(presented):
            case Caller() as caller:
                return caller
            case Flaw() as flaw:
                self._log.info("bearer refused", flaw=flaw.value, request_id=call.request_id)
                return Anonymous.BAD_CREDENTIAL
            case _ as never:
                assert_never(never)

    def known(self, call: Call) -> Caller | None:
        """Who a token that was verified before names, while that holds. Never of our own: a session may have ended."""
        presented = call.authorization
        return self._verified.recall(presented, self._clock()) if presented else None

    async def hear_farewell(self, token: str, *, request_id: str = "") -> Farewell | Hearsay:
        """Verify a logout token (OpenID Connect Back-Channel Logout 1.0 section 2.6). It may have come before.

        Raises:
            IdentityUnavailable: the issuer's keys could not be fetched yet.
        """
        farewell = await self._verify_farewell(token)
        if isinstance(farewell, Farewell):
            return farewell
        self._log.info("logout token refused", flaw=farewell.value, request_id=request_id)
        return Hearsay(farewell.value, is_nameless=farewell is Flaw.NAMELESS)

    async def close(self) -> None:
        """Stop fetching keys and close the connections used for it."""
        for issuer in self._issuers.values():
            await issuer.keys.close()
        if self._client is not None:
            await self._client.aclose()

    async def _verify(self, presented: str) -> Caller | Flaw:
        if self._own is not None and (known := self._own.recall(presented)) is not None:
            return await self._own.confirm(known)
        token = bearer_token(presented)
        if token is None:
            return Flaw.NOT_BEARER
        jws = read_jws(token)
        if isinstance(jws, Flaw):
            return jws
        digest = token_digest(token)
        if self._own is not None and self._own.has_issued(jws):
            return await self._own.verify(jws, token=token, digest=digest, presented=presented)
        return await self._verify_foreign(jws, digest=digest, presented=presented)

    async def _verify_foreign(self, jws: Jws, *, digest: str, presented: str) -> Caller | Flaw:
        issuer = self._issuer_of(jws)
        if issuer is None:
            return Flaw.UNKNOWN_ISSUER
        edition = issuer.keys.edition
        if (flaw := await _signature_flaw(jws, issuer)) is not None:
            return flaw
        accepted = read_claims(jws.claims, issuer.terms, now=self._clock(), digest=digest)
        if isinstance(accepted, Flaw):
            return accepted
        self._verified.remember(presented, Verified(accepted.caller, accepted.until, issuer.keys, edition))
        return accepted.caller

    async def _verify_farewell(self, token: str) -> Farewell | Flaw:
        jws = read_jws(token, LOGOUT_TYPES) if len(token) <= MAX_CREDENTIAL else Flaw.NOT_COMPACT
        if isinstance(jws, Flaw):
            return jws
        issuer = self._issuer_of(jws)
        if issuer is None:
            return Flaw.UNKNOWN_ISSUER
        if not issuer.terms.logout_audience:
            return Flaw.NO_LOGOUT
        if (flaw := await _signature_flaw(jws, issuer)) is not None:
            return flaw
        return read_farewell(jws.claims, issuer.terms, now=self._clock())

    def _issuer_of(self, jws: Jws) -> _Issuer | None:
        name = jws.claims.get("iss")
        return self._issuers.get(name) if isinstance(name, str) else None

    def _add(self, terms: BearerTerms) -> None:
        if self._own is not None and terms.issuer in self._own.issuers:
            raise ValueError(f"issuer {terms.issuer!r} is the gateway itself: it knows its own key")
        if terms.issuer in self._issuers:
            raise ValueError(f"issuer {terms.issuer!r} is configured twice: a token must be judged by one set of terms")
        try:
            keys = self._keys(terms)
        except ValueError as error:
            raise ValueError(f"issuer {terms.issuer!r} of realm {terms.realm!r}: {error}") from None
        self._issuers[terms.issuer] = _Issuer(terms, keys)

    def _keys(self, terms: BearerTerms) -> Keys:
        match terms.keys:
            case JwksUrl(url=url):
                return self._fetched_keys(url, terms.algorithms)
            case JwksFile(path=path):
                return FixedKeys(_key_file(path, terms.algorithms))
            case PublicKey(pem=pem):
                return FixedKeys(KeySet((public_key(pem, terms.algorithms),)))
            case SharedSecret(secret=secret):
                return FixedKeys(KeySet((secret_key(secret, terms.algorithms),)))
            case _ as never:
                assert_never(never)

    def _fetched_keys(self, url: str, algorithms: tuple[str, ...]) -> FetchedKeys:
        if self._client is None:
            self._client = http_client(self._fetch_deadline, accept=ACCEPT)
        return FetchedKeys(
            url,
            algorithms,
            client=self._client,
            monotonic=self._monotonic,
            log=self._log,
            deadline=self._fetch_deadline,
        )


def bearer_token(presented: str) -> str | None:
    """The token of an Authorization value that is the Bearer scheme and exactly one token, else None."""
    found = _BEARER.fullmatch(presented) if len(presented) <= MAX_CREDENTIAL else None
    return found["token"] if found else None


async def _signature_flaw(jws: Jws, issuer: _Issuer) -> Flaw | None:
    if jws.algorithm not in issuer.terms.algorithms:
        return Flaw.OTHER_ALGORITHM
    key = await issuer.keys.find(jws.key_id, jws.algorithm)
    if key is None:
        return Flaw.UNKNOWN_KEY
    return None if key.has_signed(jws.signing_input, jws.signature, jws.algorithm) else Flaw.BAD_SIGNATURE


def token_digest(token: str) -> str:
    """Names a token without giving it away: what is hashed holds a part that nobody can guess."""
    return hashlib.sha256(token.encode("ascii")).hexdigest()


def _key_file(path: Path, algorithms: tuple[str, ...]) -> KeySet:
    """The keys of a file.

    Raises:
        ValueError: it cannot be read or holds no key that can be used.
    """
    try:
        with path.open("rb") as file:
            keys = read_key_set(file.read(MAX_BYTES), algorithms)
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror}") from None
    if not keys.keys:
        raise ValueError(f"{path} holds no key that can be used: {'; '.join(keys.refused)}")
    return keys
