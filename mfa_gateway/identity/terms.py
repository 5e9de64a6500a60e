"""Terms: which tokens of which issuer count, and where its keys come from or its word is asked for.

What stays out: reading and fetching keys, and any token.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from mfa_gateway.identity.keys import ASYMMETRIC, SYMMETRIC


@dataclass(frozen=True, slots=True)
class JwksUrl:
    """A key set that is fetched (RFC 7517 section 5). `url` is http or https, without user name and password."""

    url: str

    def __post_init__(self) -> None:
        split = urlsplit(self.url)
        if split.scheme not in {"http", "https"} or not split.hostname or "@" in split.netloc:
            raise ValueError("the URL of a key set must begin with http:// or https://, name a host and no password")


@dataclass(frozen=True, slots=True)
class JwksFile:
    """A key set in a file, read once."""

    path: Path


@dataclass(frozen=True, slots=True)
class PublicKey:
    """One public key, PEM (RFC 7468 section 13)."""

    pem: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class SharedSecret:
    """A secret that the issuer signs with as well: for development, and for issuers that have nothing better."""

    secret: bytes = field(repr=False)


KeySource = JwksUrl | JwksFile | PublicKey | SharedSecret


@dataclass(frozen=True, slots=True)
class BearerTerms:
    """What a token of one issuer has to be like.

    Attributes:
        realm: the accounts that this issuer's subjects are.
        issuer: the exact `iss`.
        audience: the accepted audiences; a token names exactly one of them.
        algorithms: the accepted algorithms, symmetric with a shared secret and asymmetric with everything else.
        keys: where the keys come from.
        subject_claim: the claim that names the caller.
        session_claims: the first of these that a token has names the session; with none, the token is its own session.
        leeway: seconds by which the issuer's clock may be off, 0 or more.
        logout_audience: the accepted audiences of logout tokens; with none, no logout token of the issuer counts.

    Raises:
        ValueError: a part is missing, or the algorithms do not fit the key source.
    """

    realm: str
    issuer: str
    audience: tuple[str, ...]
    algorithms: tuple[str, ...]
    keys: KeySource
    subject_claim: str = "sub"
    session_claims: tuple[str, ...] = ("sid", "session_state", "jti")
    leeway: float = 10.0
    logout_audience: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if problems := "; ".join(self._problems()):
            raise ValueError(f"issuer {self.issuer!r} of realm {self.realm!r}: {problems}")

    def _problems(self) -> Iterator[str]:
        if not self.realm or not self.issuer or not self.subject_claim:
            yield "realm, issuer and subject claim must be given"
        if not _is_list_of_names(self.audience):
            yield "name an audience, else tokens for anybody would count"
        if self.logout_audience != () and not _is_list_of_names(self.logout_audience):
            yield "the audience of logout tokens is a list of names"
        if not _is_list_of_names(self.algorithms):
            yield "name the algorithms to accept"
        if not (math.isfinite(self.leeway) and self.leeway >= 0):
            yield "the leeway must be 0 seconds or more"
        # A public key taken for a shared secret is known to everybody.
        fit = SYMMETRIC if isinstance(self.keys, SharedSecret) else ASYMMETRIC
        if unfit := ", ".join(name for name in self.algorithms if name not in fit):
            yield f"{unfit} cannot be used with a {type(self.keys).__name__}"


@dataclass(frozen=True, slots=True)
class IntrospectionTerms:
    """Where opaque tokens are looked up (RFC 7662), and what has to be said of one.

    Attributes:
        realm: the accounts that the issuer's subjects are.
        url: the introspection endpoint, http or https, without user name and password.
        client_id: our name there.
        client_secret: our secret there.
        issuer: the exact `iss`, where one is wanted.
        audience: the accepted audiences, of which an answer names exactly one; none given, `aud` is not looked at.
        session_claims: the first of these in an answer names the session; with none, the token is its own session.
        timeout: seconds for one look-up, more than 0.
        cache: seconds for which a good answer counts without asking again, 0 or more.

    Raises:
        ValueError: a part is missing, or the URL is none.
    """

    realm: str
    url: str
    client_id: str
    client_secret: str = field(repr=False)
    issuer: str | None = None
    audience: tuple[str, ...] = ()
    session_claims: tuple[str, ...] = ("sid", "session_state", "jti")
    timeout: float = 5.0
    cache: float = 60.0

    def __post_init__(self) -> None:
        if problems := "; ".join(self._problems()):
            raise ValueError(f"introspection of realm {self.realm!r}: {problems}")

    def _problems(self) -> Iterator[str]:
        split = urlsplit(self.url)
        if split.scheme not in {"http", "https"} or not split.hostname or "@" in split.netloc:
            yield "the URL must begin with http:// or https://, name a host and no password"
        if not self.realm or not self.client_id or not self.client_secret:
            yield "realm, client id and client secret must be given"
        if self.issuer == "" or not (self.audience == () or _is_list_of_names(self.audience)):
            yield "issuer and audience are not empty where they are given"
        if not self.timeout > 0 or not (math.isfinite(self.cache) and self.cache >= 0):
            yield "the time-out must be more than 0 seconds and the cache 0 or more"


def _is_list_of_names(value: object) -> bool:
    """A bare text would pass for a list of its letters."""
    return isinstance(value, tuple) and bool(value) and all(value)
