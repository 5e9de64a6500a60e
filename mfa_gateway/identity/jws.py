"""Compact JWS: reading a token in the one way it can be read.

Theory. The library that checks the signature takes tokens with padding, with members named twice, and with types that
merely convert. Two readers that disagree about a token are a way round the gate, so there is one reader, this one: it
is strict, and the bytes it read are the bytes whose signature is checked. Nothing here is verified yet.

What stays out: keys, signatures and what claims mean.
"""

import binascii
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Never

from mfa_gateway.identity.flaw import Flaw

# A key id is looked up in a map; real ones are digests and names. Longer ones are refused before they are compared.
MAX_KEY_ID: Final = 256

# RFC 7515 section 4.1: ways to hand the verifier a key of the sender's choice.
_OWN_KEY: Final = frozenset({"jku", "jwk", "x5u", "x5c"})
# RFC 7515 section 4.1.11 (crit) and what would change how the rest is read: RFC 7797 (b64), RFC 7516 (enc, zip).
_EXTENSIONS: Final = frozenset({"crit", "b64", "enc", "zip"})
# RFC 7519 section 5.1 and RFC 9068 section 2.1. Other types (logout tokens, events, proofs of possession) are signed
# by the same keys for other purposes: RFC 8725 section 3.11.
ACCESS_TYPES: Final = frozenset({"jwt", "at+jwt"})
# OpenID Connect Back-Channel Logout 1.0 section 2.4 advises the second.
LOGOUT_TYPES: Final = frozenset({"jwt", "logout+jwt"})


@dataclass(frozen=True, slots=True)
class Jws:
    """A token as it was read, not verified.

    Attributes:
        algorithm: the algorithm that the header names.
        key_id: the key that the header names, at most `MAX_KEY_ID` characters.
        claims: the payload.
        signing_input: the bytes that were signed.
        signature: the signature over them.
    """

    algorithm: str
    key_id: str | None
    claims: Mapping[str, object] = field(repr=False)
    signing_input: bytes = field(repr=False)
    signature: bytes = field(repr=False)


def read_jws(token: str, types: frozenset[str] = ACCESS_TYPES) -> Jws | Flaw:
    """Read a compact JWS whose payload is a JSON object (RFC 7515 section 7.1, RFC 7519 section 7.2).

    `types`: what its header may call it; it may say nothing, too.
    """
    segments = token.split(".")
    if len(segments) != 3:  # noqa: PLR2004 - header, payload, signature
        return Flaw.NOT_COMPACT
    parts = [decoded(segment) for segment in segments]
    header_bytes, payload, signature = parts
    if header_bytes is None or payload is None or signature is None:
        return Flaw.NOT_CANONICAL
    header, claims = json_object(header_bytes), json_object(payload)
    if header is None or claims is None:
        return Flaw.BAD_JSON
    if "typ" in header and not _is_among(types, header["typ"]):
        return Flaw.OTHER_TYPE
    signing_input = token.rpartition(".")[0].encode("ascii")
    return _jws(header, claims, signing_input=signing_input, signature=signature)


def _jws(
    header: Mapping[str, object], claims: Mapping[str, object], *, signing_input: bytes, signature: bytes
) -> Jws | Flaw:
    algorithm, key_id = header.get("alg"), header.get("kid")
    if (flaw := _header_flaw(header)) is not None:
        return flaw
    if not isinstance(algorithm, str):
        return Flaw.BAD_ALGORITHM
    if "kid" in header and (not isinstance(key_id, str) or len(key_id) > MAX_KEY_ID):
        return Flaw.BAD_KEY_ID
    named = key_id if isinstance(key_id, str) else None
    return Jws(algorithm, named, claims=claims, signing_input=signing_input, signature=signature)


def _header_flaw(header: Mapping[str, object]) -> Flaw | None:
    if not _EXTENSIONS.isdisjoint(header):
        return Flaw.CRITICAL
    return None if _OWN_KEY.isdisjoint(header) else Flaw.BRINGS_KEY


def _is_among(types: frozenset[str], kind: object) -> bool:
    """Media types have no case, and "application/" may be left out (RFC 7515 section 4.1.9)."""
    return isinstance(kind, str) and kind.lower().removeprefix("application/") in types


def decoded(segment: str) -> bytes | None:
    """Base64url without padding. The decoder skips what it does not know, so only what encodes back is accepted."""
    try:
        raw = urlsafe_b64decode(segment + "=" * (-len(segment) % 4))
    except (binascii.Error, ValueError):
        return None
    return raw if urlsafe_b64encode(raw).rstrip(b"=").decode("ascii") == segment else None


def json_object(raw: bytes) -> dict[str, object] | None:
    """The JSON object (RFC 8259) that these bytes are in every reader's eyes, or None."""
    try:
        value = json.loads(raw.decode("utf-8"), object_pairs_hook=unique_members, parse_constant=_no_number)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def unique_members(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """An `object_pairs_hook`: of two members with one name, readers take either (RFC 8259 section 4).

    Raises:
        ValueError: a name occurs twice.
    """
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a JSON object names a member twice")
    return members


def _no_number(text: str) -> Never:
    raise ValueError(f"{text} is not JSON")
