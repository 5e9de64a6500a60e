"""Terms: which tokens of which issuer count, and where its keys come from.

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

    def __post_init__(self) -> None:
        if problems := "; ".join(self._problems()):
            raise ValueError(f"issuer {self.issuer!r} of realm {self.realm!r}: {problems}")

    def _problems(self) -> Iterator[str]:
        if not self.realm or not self.issuer or not self.subject_claim:
            yield "realm, issuer and subject claim must be given"
        if not _is_list_of_names(self.audience):
            yield "name an audience, else tokens for anybody would count"
        if not _is_list_of_names(self.algorithms):
            yield "name the algorithms to accept"
        if not (math.isfinite(self.leeway) and self.leeway >= 0):
            yield "the leeway must be 0 seconds or more"
        # A public key taken for a shared secret is known to everybody.
        fit = SYMMETRIC if isinstance(self.keys, SharedSecret) else ASYMMETRIC
        if unfit := ", ".join(name for name in self.algorithms if name not in fit):
            yield f"{unfit} cannot be used with a {type(self.keys).__name__}"


def _is_list_of_names(value: object) -> bool:
    """A bare text would pass for a list of its letters."""
    return isinstance(value, tuple) and bool(value) and all(value)
