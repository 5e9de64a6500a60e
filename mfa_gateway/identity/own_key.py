"""The gateway's own key: what it signs with, and the two forms in which others are told of it.

A certificate says nothing that the key does not say: it is signed by the key itself, for readers that want a public key
in that form. Everything in it follows from the key (number, dates and signature, which PKCS #1 v1.5 makes without
chance), so the same key has the same certificate at every replica and after every restart, and none has to be kept.

What stays out: where the key is kept (state), and tokens (minting).
"""

import hashlib
import json
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_der_private_key,
    load_pem_private_key,
)
from cryptography.x509.oid import NameOID
from jwt.algorithms import RSAAlgorithm

from mfa_gateway.identity.keys import MIN_RSA_BITS

# Readers of tokens know no larger one for certain, and each doubling makes a signature six times as dear.
_BITS: Final = 2048
# RFC 8017 appendix A.1.1 allows others; every library takes this one for granted.
_EXPONENT: Final = 65537
# Before any key that is made here, and the same for all.
_BEGINS: Final = datetime(2020, 1, 1, tzinfo=UTC)
# RFC 5280 section 4.1.2.5: a certificate that has no well-defined end.
_ENDS: Final = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
_NAME: Final = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "mfa_gateway")])
_NUMBER_BYTES: Final = 16


@dataclass(frozen=True, slots=True)
class OwnKey:
    """The key that signs.

    Attributes:
        private: the key itself.
        key_id: the `kid` of what it signs: its thumbprint (RFC 7638).
        jwk: its public half, as in a key set (RFC 7517).
        certificate: its public half as an X.509 certificate, PEM.
    """

    private: rsa.RSAPrivateKey = field(repr=False)
    key_id: str
    jwk: Mapping[str, str] = field(repr=False)
    certificate: str = field(repr=False)

    @property
    def public(self) -> rsa.RSAPublicKey:
        """What its signatures are checked with."""
        return self.private.public_key()


def draw_key() -> bytes:
    """A new key, PKCS #8 in DER. It takes the processor a tenth of a second, or several."""
    private = rsa.generate_private_key(public_exponent=_EXPONENT, key_size=_BITS)
    return private.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())


def kept_key(der: bytes) -> OwnKey:
    """The key that `draw_key` made.

    Raises:
        ValueError: it is none.
    """
    return _own(load_der_private_key(der, password=None))


def written_key(pem: bytes) -> OwnKey:
    """The key of a PEM file.

    Raises:
        ValueError: it cannot be used; the text says why.
    """
    try:
        private = load_pem_private_key(pem, password=None)
    except TypeError:
        raise ValueError("the signing key is encrypted: write it without a password, readable by the gateway") from None
    except (ValueError, UnsupportedAlgorithm):
        raise ValueError("the signing key is not a private key in PEM (-----BEGIN PRIVATE KEY-----)") from None
    return _own(private)


def _own(private: object) -> OwnKey:
    if not isinstance(private, rsa.RSAPrivateKey) or private.key_size < MIN_RSA_BITS:
        raise ValueError(f"the signing key must be an RSA key of at least {MIN_RSA_BITS} bits")
    public = private.public_key()
    jwk = RSAAlgorithm.to_jwk(public, as_dict=True)
    modulus, exponent = str(jwk["n"]), str(jwk["e"])
    key_id = _thumbprint(modulus, exponent)
    told = {"kty": "RSA", "alg": "RS256", "use": "sig", "kid": key_id, "n": modulus, "e": exponent}
    return OwnKey(private, key_id, MappingProxyType(told), _certificate(private))


def _thumbprint(modulus: str, exponent: str) -> str:
    """RFC 7638 section 3: the digest of the required members, in their order, without spaces."""
    required = json.dumps({"e": exponent, "kty": "RSA", "n": modulus}, separators=(",", ":"))
    return urlsafe_b64encode(hashlib.sha256(required.encode()).digest()).rstrip(b"=").decode("ascii")


def _certificate(private: rsa.RSAPrivateKey) -> str:
    public = private.public_key()
    digest = hashlib.sha256(public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).digest()
    builder = (
        x509.CertificateBuilder(issuer_name=_NAME, subject_name=_NAME, public_key=public)
        # RFC 5280 section 4.1.2.2: more than 0, and at most 20 bytes.
        .serial_number(int.from_bytes(digest[:_NUMBER_BYTES], "big") + 1)
        .not_valid_before(_BEGINS)
        .not_valid_after(_ENDS)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
    )
    return builder.sign(private, SHA256()).public_bytes(Encoding.PEM).decode("ascii")
