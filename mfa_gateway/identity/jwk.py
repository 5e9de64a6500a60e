"""JSON Web Key sets (RFC 7517): text to keys.

A key that cannot be used here is left out, as section 5 asks. A private or symmetric key is left out too, although it
could be used: a key set is public, so whoever reads it could sign.

What stays out: where the text comes from (jwks).
"""

import json
from collections.abc import Collection, Mapping
from typing import Final

import jwt
from cryptography.exceptions import UnsupportedAlgorithm
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

from mfa_gateway.identity.jws import MAX_KEY_ID, unique_members
from mfa_gateway.identity.keys import KeySet, Material, VerificationKey, bound_key

# RFC 7518 sections 6.2.2, 6.3.2 and 6.4.1, RFC 8037 section 2: what only the signer may have.
_PRIVATE: Final = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})
_READERS: Final = {"RSA": RSAAlgorithm.from_jwk, "EC": ECAlgorithm.from_jwk, "OKP": OKPAlgorithm.from_jwk}
_SHOWN: Final = 40


def read_key_set(document: bytes, algorithms: Collection[str]) -> KeySet:
    """The keys of a set that can be used with the configured algorithms; there may be none.

    Raises:
        ValueError: the document is not a key set, or is an empty one.
    """
    try:
        content = json.loads(document.decode("utf-8"), object_pairs_hook=unique_members)
    except (ValueError, RecursionError):
        raise ValueError("the key set is not JSON") from None
    entries = content.get("keys") if isinstance(content, dict) else None
    if not isinstance(entries, list) or not entries:
        raise ValueError("the key set has no keys")
    read = [_read_key(entry, algorithms) for entry in entries]
    return KeySet(
        keys=tuple(key for key in read if isinstance(key, VerificationKey)),
        refused=tuple(reason for reason in read if isinstance(reason, str)),
    )


def _read_key(entry: object, algorithms: Collection[str]) -> VerificationKey | str:
    """The key, or why it cannot be used."""
    if not isinstance(entry, dict):
        return "an entry is not an object"
    reason = _obstacle(entry)
    if reason is None:
        try:
            key = _bound(entry, algorithms)
        except ValueError as error:
            reason = str(error)
        else:
            if key.algorithms:
                return key
            reason = "no configured algorithm works with it"
    return f"key {str(entry.get('kid'))[:_SHOWN]!r}: {reason}"


def _obstacle(entry: Mapping[str, object]) -> str | None:
    key_id, operations = entry.get("kid", ""), entry.get("key_ops", ["verify"])
    if not _PRIVATE.isdisjoint(entry):
        return "it is private or symmetric, so whoever reads the set can sign: replace it"
    if entry.get("use", "sig") != "sig" or not isinstance(operations, list) or "verify" not in operations:
        return "it is not meant for signatures"
    if not isinstance(key_id, str) or len(key_id) > MAX_KEY_ID:
        return "its name is not a short text"
    return None


def _bound(entry: dict[str, object], algorithms: Collection[str]) -> VerificationKey:
    """A key bound to its own algorithm where it names one (RFC 7517 section 4.4).

    Raises:
        ValueError: it cannot be read or is too short.
    """
    named, key_id = entry.get("alg"), entry.get("kid")
    allowed = [name for name in algorithms if "alg" not in entry or name == named]
    return bound_key(_material(entry), allowed, key_id if isinstance(key_id, str) else None)


def _material(entry: dict[str, object]) -> Material:
    reader = _READERS.get(str(entry.get("kty")))
    if reader is None:
        raise ValueError("its type is not supported")
    try:
        return reader(entry)  # type: ignore[return-value] # private keys were sorted out before
    except (jwt.PyJWTError, ValueError, TypeError, UnsupportedAlgorithm):
        raise ValueError("it cannot be read") from None
