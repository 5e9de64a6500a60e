"""Minting: signing the gateway's own tokens, and reading them again.

    bearer tokens    typ "JWT"           taken at the gate, as far as their claims allow (own_tokens)
    everything else  a typ of its own    read here again by whoever minted it, for that purpose and no other

The same key signs all of them, so the type tells each kind from the others (RFC 8725 section 3.11), and it is not
looked for in a header: a header has to be, byte for byte, the one that would be written here. So nothing in a header
can choose a key, an algorithm, or where either comes from.

The old form names RSA-SHA1 by a URI and brings the address of a certificate. It is for clients that were written for
it; nobody who reads it here follows that address.

What stays out: claims and what they mean, dates, and where the key comes from.
"""

import asyncio
import json
from base64 import urlsafe_b64encode
from collections.abc import Awaitable, Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Final

from cryptography.hazmat.primitives.hashes import SHA1
from jwt.algorithms import RSAAlgorithm
from jwt.api_jws import PyJWS

from mfa_gateway.identity.jws import decoded, json_object
from mfa_gateway.identity.own_key import OwnKey

# RFC 7519 section 5.1.
BEARER_TYPE: Final = "JWT"
ALGORITHM: Final = "RS256"
# XML Signature Syntax and Processing, section 6.4.2: what the old form calls RSASSA-PKCS1-v1_5 with SHA-1.
LEGACY_ALGORITHM: Final = "http://www.w3.org/2000/09/xmldsig#rsa-sha1"
# As much as a bearer token may have: anything longer is refused before any work is spent on it.
MAX_TOKEN: Final = 16 * 1024

_BEARER_HEADER: Final[Mapping[str, str]] = MappingProxyType({"typ": BEARER_TYPE})


class Minter:
    """Signs and reads the gateway's own tokens.

    Args:
        load: gives the key, asked for when it is needed first, and again until it answers.
    """

    def __init__(self, load: Callable[[], Awaitable[OwnKey]]) -> None:
        self._load = load
        self._key: OwnKey | None = None
        self._loading = asyncio.Lock()
        self._jws = PyJWS()
        self._jws.register_algorithm(LEGACY_ALGORITHM, RSAAlgorithm(SHA1))

    async def mint(self, claims: Mapping[str, object], *, header: Mapping[str, str] = _BEARER_HEADER) -> str:
        """Sign claims as they are, in their order. `iat`, `exp` and `jti` are the caller's.

        The header's `typ` says what the token is for; algorithm and key are added.

        Raises:
            ValueError: the header has no `typ`, or anything else.
        """
        if header.keys() != {"typ"} or not header["typ"]:
            raise ValueError("the header of a token of our own has a typ, and nothing else that could be chosen")
        key = await self.key()
        return self._signed(claims, key, _header(key, header["typ"]))

    async def mint_legacy(self, claims: Mapping[str, object], *, certificate_url: str) -> str:
        """The same in the old form: RSA-SHA1 under the name of its URI, and `x5u` instead of `kid`."""
        return self._signed(claims, await self.key(), _legacy_header(certificate_url))

    async def read(
        self, token: str, *, purpose: str, certificate_url: str | None = None
    ) -> Mapping[str, object] | None:
        """The claims of a token that was minted here for this purpose, which is its `typ`, else None.

        With a `certificate_url`, the old form with just this `x5u` is read as well. Neither is followed, and dates are
        not looked at.
        """
        if len(token) > MAX_TOKEN or not token.isascii():
            return None
        key = await self.key()
        head, _, rest = token.partition(".")
        if head == _segment(_header(key, purpose)):
            algorithm = ALGORITHM
        elif certificate_url is not None and head == _segment(_legacy_header(certificate_url)):
            algorithm = LEGACY_ALGORITHM
        else:
            return None
        payload, _, signature = (decoded(part) for part in rest.partition("."))
        if payload is None or signature is None:
            return None
        signed = token.rpartition(".")[0].encode("ascii")
        is_ours = self._jws.get_algorithm_by_name(algorithm).verify(signed, key.public, signature)
        return json_object(payload) if is_ours else None

    async def certificate_pem(self) -> str:
        """An X.509 certificate of the key, PEM; the same at every replica."""
        return (await self.key()).certificate

    async def jwks(self) -> Sequence[Mapping[str, str]]:
        """The public key as JWKs (RFC 7517)."""
        return ((await self.key()).jwk,)

    async def key(self) -> OwnKey:
        """The key, loaded where it was not."""
        if self._key is None:
            async with self._loading:
                if self._key is None:
                    self._key = await self._load()
        return self._key

    def _signed(self, claims: Mapping[str, object], key: OwnKey, header: Mapping[str, str]) -> str:
        payload = json.dumps(dict(claims), separators=(",", ":"), allow_nan=False).encode()
        return self._jws.encode(payload, key.private, header["alg"], dict(header), sort_headers=False)


def bearer_header(key: OwnKey) -> str:
    """The first part of every bearer token that this key signs."""
    return _segment(_header(key, BEARER_TYPE))


def _header(key: OwnKey, kind: str) -> dict[str, str]:
    return {"typ": kind, "alg": ALGORITHM, "kid": key.key_id}


def _legacy_header(certificate_url: str) -> dict[str, str]:
    return {"typ": BEARER_TYPE, "alg": LEGACY_ALGORITHM, "x5u": certificate_url}


def _segment(header: Mapping[str, str]) -> str:
    written = json.dumps(header, separators=(",", ":")).encode()
    return urlsafe_b64encode(written).rstrip(b"=").decode("ascii")
