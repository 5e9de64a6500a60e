"""Keys: what verifies signatures, and which key may verify what.

Theory. A key is bound to the algorithms it may be used with when it is read: those of its own kind that are configured,
and of a key that names its algorithm, that one alone. What a token's header says only chooses among keys; it never
chooses how a key is used (RFC 8725 section 3.1).

What stays out: where keys come from (jwk, jwks), and tokens.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from functools import cache
from types import MappingProxyType
from typing import Final, Protocol

import jwt
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from jwt.algorithms import Algorithm, get_default_algorithms

# NIST SP 800-131A revision 2, table 2, and RFC 7518 section 3.3.
MIN_RSA_BITS: Final = 2048

Material = bytes | rsa.RSAPublicKey | ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey | ed448.Ed448PublicKey


class Kind(Enum):
    """What a key is, as far as algorithms care."""

    SECRET = "a shared secret"  # noqa: S105 - the name of a kind
    RSA = "an RSA key"
    P256 = "a key on P-256"
    P384 = "a key on P-384"
    P521 = "a key on P-521"
    EDWARDS = "a key on an Edwards curve"
    OTHER = "a key that is not supported"


# RFC 7518 section 3.1, RFC 8037 section 3.1. "none" works with no key, so no list can ever name it.
_WORKS_WITH: Final[Mapping[Kind, frozenset[str]]] = MappingProxyType(
    {
        Kind.SECRET: frozenset({"HS256", "HS384", "HS512"}),
        Kind.RSA: frozenset({"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"}),
        Kind.P256: frozenset({"ES256"}),
        Kind.P384: frozenset({"ES384"}),
        Kind.P521: frozenset({"ES512"}),
        Kind.EDWARDS: frozenset({"EdDSA"}),
        Kind.OTHER: frozenset(),
    }
)
SYMMETRIC: Final = _WORKS_WITH[Kind.SECRET]
ASYMMETRIC: Final = frozenset[str]().union(*_WORKS_WITH.values()) - SYMMETRIC
_CURVES: Final[Mapping[str, Kind]] = MappingProxyType(
    {"secp256r1": Kind.P256, "secp384r1": Kind.P384, "secp521r1": Kind.P521}
)


@dataclass(frozen=True, slots=True)
class VerificationKey:
    """A key and the algorithms it may verify. `key_id` is None for a key without a name."""

    material: Material = field(repr=False)
    algorithms: frozenset[str]
    key_id: str | None = None

    def has_signed(self, signing_input: bytes, signature: bytes, algorithm: str) -> bool:
        """Whether this key made the signature. Never so for an algorithm that it is not bound to."""
        if algorithm not in self.algorithms:
            return False
        return bool(_implementation(algorithm).verify(signing_input, self.material, signature))


@cache
def _implementation(algorithm: str) -> Algorithm:
    return get_default_algorithms()[algorithm]


def bound_key(material: Material, configured: Collection[str], key_id: str | None = None) -> VerificationKey:
    """A key with the configured algorithms of its kind, which may be none.

    Raises:
        ValueError: the key is too short to be trusted.
    """
    fit = _WORKS_WITH[kind_of(material)].intersection(configured)
    if isinstance(material, rsa.RSAPublicKey) and material.key_size < MIN_RSA_BITS:
        raise ValueError(f"an RSA key of {material.key_size} bits is too short: use at least {MIN_RSA_BITS}")
    return VerificationKey(material, fit, key_id)


def kind_of(material: object) -> Kind:
    """What a key is; `OTHER` for everything that no algorithm here works with."""
    match material:
        case bytes():
            return Kind.SECRET
        case rsa.RSAPublicKey():
            return Kind.RSA
        case ec.EllipticCurvePublicKey():
            return _CURVES.get(material.curve.name, Kind.OTHER)
        case ed25519.Ed25519PublicKey() | ed448.Ed448PublicKey():
            return Kind.EDWARDS
        case _:
            return Kind.OTHER


def secret_key(secret: bytes, algorithms: Collection[str]) -> VerificationKey:
    """A shared secret.

    Raises:
        ValueError: it is shorter than the hash of an algorithm (RFC 7518 section 3.2), or it is a public key.
    """
    for name in algorithms:
        implementation = _implementation(name)
        try:
            implementation.prepare_key(secret)
        except jwt.InvalidKeyError:
            raise ValueError("the shared secret is a key of a key pair: a public key is known to everybody") from None
        if implementation.check_key_length(secret) is not None:
            raise ValueError(f"the shared secret of {len(secret)} bytes is too short for {name} (RFC 7518 section 3.2)")
    return bound_key(secret, algorithms)


def public_key(pem: bytes, algorithms: Collection[str]) -> VerificationKey:
    """A public key in PEM.

    Raises:
        ValueError: it cannot be read, is too short, or does not work with an algorithm.
    """
    try:
        material = load_pem_public_key(pem)
    except (ValueError, UnsupportedAlgorithm):
        raise ValueError("not a public key in PEM: it must begin with -----BEGIN PUBLIC KEY-----") from None
    kind = kind_of(material)
    if unfit := sorted(set(algorithms) - _WORKS_WITH[kind]):
        raise ValueError(f"{', '.join(unfit)} cannot be used with this key, which is {kind.value}")
    return bound_key(material, algorithms)  # type: ignore[arg-type] # every other type is of kind OTHER


@dataclass(frozen=True, slots=True)
class KeySet:
    """The keys of an issuer that can be used.

    Attributes:
        keys: in the order of the set.
        refused: why other keys of the set are not here, for the log.
    """

    keys: tuple[VerificationKey, ...]
    refused: tuple[str, ...] = ()

    def find(self, key_id: str | None, algorithm: str) -> VerificationKey | None:
        """The one key that a header means. A token names its key, unless there is only one."""
        usable = [key for key in self._named(key_id) if algorithm in key.algorithms]
        return usable[0] if len(usable) == 1 else None

    def _named(self, key_id: str | None) -> Sequence[VerificationKey]:
        if len(self.keys) == 1 and (key_id is None or self.keys[0].key_id is None):
            return self.keys
        return [key for key in self.keys if key_id is not None and key.key_id == key_id]

    def has(self, key_id: str) -> bool:
        """Whether a key of this name is here, whatever it is good for."""
        return any(key.key_id == key_id for key in self.keys)

    def has_all(self, keys: Iterable[VerificationKey]) -> bool:
        """Whether all of these keys are here, unchanged."""
        return all(key in self.keys for key in keys)


class Keys(Protocol):
    """The keys of one issuer, as they are now."""

    @property
    def edition(self) -> int:
        """Another number than before means that some key does not count any more."""
        ...

    def freshen(self) -> None:
        """See to it that keys which are due are fetched again, without waiting for them."""
        ...

    async def find(self, key_id: str | None, algorithm: str) -> VerificationKey | None:
        """The key that a header means. Raises `IdentityUnavailable` when there are no keys yet."""
        ...

    async def close(self) -> None:
        """Stop what goes on in the background."""
        ...


class FixedKeys:
    """Keys that never change while the gateway runs."""

    edition = 0

    def __init__(self, keys: KeySet) -> None:
        self._keys = keys

    def freshen(self) -> None:
        """Nothing is ever due."""

    async def find(self, key_id: str | None, algorithm: str) -> VerificationKey | None:
        """The key that a header means."""
        return self._keys.find(key_id, algorithm)

    async def close(self) -> None:
        """Nothing goes on in the background."""
