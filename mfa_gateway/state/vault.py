"""The vault: sealing what has to be read again, which is addresses, TOTP secrets, records and the index key.

Theory. `secrets.keys` seal (AES-256-GCM, newest key first); they can be exchanged. Keys of the store and digests of
codes are made with the *index key* instead: 32 random bytes, made once by whichever worker comes first, kept in the
store, sealed, and never exchanged. So new `secrets.keys` void neither codes nor proofs nor bans.

A sealed value is: version, key id, nonce, ciphertext with its tag. Version, key id and what the value belongs to (the
account's tag, the factor) are authenticated with it, so that no value can be moved to another account or factor.

What stays out: where sealed values are kept (store, records) and digests (digests).
"""

import secrets
from collections.abc import Sequence
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from mfa_gateway.core.fault import Fault
from mfa_gateway.state.errors import StoreUnfit

# AES-256 and HMAC-SHA-256 take keys of this many bytes.
KEY_BYTES: Final = 32

_VERSION: Final = b"\x01"
_ID_BYTES: Final = 8
# NIST SP 800-38D section 8.2: 96 random bits are good for 2^32 values under one key.
_NONCE_BYTES: Final = 12


class CannotUnseal(Fault):
    """A sealed value cannot be read: its key is not among `secrets.keys`, or it is not what it is taken for."""


class Vault:
    """Seals and unseals with `secrets.keys`, of 32 bytes each, newest first: the first seals, all of them unseal.

    Raises:
        StoreUnfit: there is no key, or one of them has another length.
    """

    __slots__ = ("_newest", "_seals")

    def __init__(self, keys: Sequence[bytes]) -> None:
        if not keys or any(len(key) != KEY_BYTES for key in keys):
            raise StoreUnfit(f"secrets.keys must hold at least one key, each of {KEY_BYTES} bytes.")
        self._seals = {sub_key(key, "seal id")[:_ID_BYTES]: AESGCM(sub_key(key, "seal")) for key in reversed(keys)}
        self._newest = sub_key(keys[0], "seal id")[:_ID_BYTES]

    def __repr__(self) -> str:
        return f"<Vault with {len(self._seals)} keys>"

    def seal(self, plain: bytes, *belongs_to: str) -> bytes:
        """Seal a value that belongs to what `belongs_to` names."""
        head = _VERSION + self._newest
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return head + nonce + self._seals[self._newest].encrypt(nonce, plain, _bound(head, belongs_to))

    def unseal(self, sealed: bytes, *belongs_to: str) -> bytes:
        """Read a sealed value that belongs to what `belongs_to` names.

        Raises:
            CannotUnseal: none of the keys, or not this value.
        """
        head, rest = sealed[: 1 + _ID_BYTES], sealed[1 + _ID_BYTES :]
        seal = self._seals.get(head[1:])
        if head[:1] != _VERSION or seal is None:
            raise CannotUnseal("sealed with a key that is not among secrets.keys, or by a later version")
        try:
            return seal.decrypt(rest[:_NONCE_BYTES], rest[_NONCE_BYTES:], _bound(head, belongs_to))
        except (InvalidTag, ValueError) as error:
            raise CannotUnseal("the sealed value is damaged or belongs to something else") from error


def new_index_key() -> bytes:
    """The key that keys and digests are made with."""
    return secrets.token_bytes(KEY_BYTES)


def sub_key(key: bytes, use: str) -> bytes:
    """A key for one use, from which neither `key` nor the keys for other uses can be told (RFC 5869)."""
    return HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=f"mfa_gateway {use}".encode()).derive(key)


def _bound(head: bytes, belongs_to: Sequence[str]) -> bytes:
    """What is authenticated with a value. Lengths go in too, so that no two lists of names meet."""
    names = [name.encode("utf-8", "surrogatepass") for name in belongs_to]
    return head + b"".join(len(name).to_bytes(8, "big") + name for name in names)
