import json
import os
import shutil
import subprocess
from base64 import urlsafe_b64decode
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from mfa_gateway.identity.jwk import read_key_set
from mfa_gateway.identity.minting import Minter
from mfa_gateway.identity.own_key import OwnKey, _thumbprint, draw_key, kept_key, written_key


@pytest.fixture(scope="module")
def der() -> bytes:
    return draw_key()


@pytest.fixture(scope="module")
def key(der: bytes) -> OwnKey:
    return kept_key(der)


def pem_of(private: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey, password: bytes | None = None) -> bytes:
    protection = NoEncryption() if password is None else BestAvailableEncryption(password)
    return private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, protection)


def openssl(*arguments: str) -> str:
    """What the program answers. Missing is a skip that shows, and a failure in CI."""
    program = shutil.which("openssl")
    if program is None and os.environ.get("CI") == "true":
        pytest.fail("no openssl on the path")
    if program is None:
        pytest.skip("no openssl on the path")
    return subprocess.run([program, *arguments], check=True, capture_output=True, text=True, timeout=30).stdout


# --- The key ----------------------------------------------------------------------------------


def test_a_drawn_key_is_rsa_of_2048_bits(key: OwnKey) -> None:
    assert (key.private.key_size, key.public.public_numbers().e) == (2048, 65537)


def test_the_same_key_has_the_same_name_and_certificate_wherever_it_is_read(der: bytes, key: OwnKey) -> None:
    again, from_file = kept_key(der), written_key(pem_of(key.private))
    assert again.key_id == from_file.key_id == key.key_id
    assert again.certificate == from_file.certificate == key.certificate


def test_different_keys_have_different_names(key: OwnKey, rsa_key: rsa.RSAPrivateKey) -> None:
    assert written_key(pem_of(rsa_key)).key_id != key.key_id


def test_the_name_is_the_thumbprint_of_the_key() -> None:
    # RFC 7638 section 3.1: the example, whose private half nobody knows; only its digest is compared.
    modulus = (
        "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3"
        "oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdA"
        "ZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-"
        "kEgU8awapJzKnqDKgw"
    )
    assert _thumbprint(modulus, "AQAB") == "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"


def test_nothing_of_the_private_half_is_told(key: OwnKey) -> None:
    numbers = key.private.private_numbers()
    assert set(key.jwk) == {"kty", "alg", "use", "kid", "n", "e"}
    assert str(numbers.d) not in repr(key)
    assert "PRIVATE" not in key.certificate


def test_the_public_half_is_a_key_that_a_reader_of_key_sets_takes(key: OwnKey) -> None:
    read = read_key_set(json.dumps({"keys": [dict(key.jwk)]}).encode(), ("RS256",))
    assert [found.key_id for found in read.keys] == [key.key_id]
    assert read.keys[0].material == key.public


@pytest.mark.parametrize(
    ("pem", "why"),
    [
        (b"", "not a private key in PEM"),
        (b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "not a private key in PEM"),
        (pem_of(rsa.generate_private_key(65537, 1024)), "RSA key of at least 2048 bits"),
        (pem_of(ec.generate_private_key(ec.SECP256R1())), "RSA key of at least 2048 bits"),
        (pem_of(ec.generate_private_key(ec.SECP256R1()), b"secret"), "is encrypted"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_with_a_reason(pem: bytes, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        written_key(pem)


# --- The certificate --------------------------------------------------------------------------


def test_the_certificate_is_of_the_key_and_signed_by_it(key: OwnKey) -> None:
    certificate = x509.load_pem_x509_certificate(key.certificate.encode())
    assert certificate.public_key() == key.public
    assert certificate.issuer == certificate.subject
    key.public.verify(certificate.signature, certificate.tbs_certificate_bytes, PKCS1v15(), SHA256())


def test_the_certificate_is_valid_now_and_has_no_end(key: OwnKey) -> None:
    certificate = x509.load_pem_x509_certificate(key.certificate.encode())
    assert certificate.not_valid_before_utc < datetime.now(UTC)
    assert certificate.not_valid_after_utc.year == 9999


def test_the_number_of_the_certificate_is_one_that_rfc_5280_allows(key: OwnKey) -> None:
    number = x509.load_pem_x509_certificate(key.certificate.encode()).serial_number
    assert 0 < number < 2 ** (8 * 20 - 1)


def test_openssl_reads_the_certificate_and_verifies_it(key: OwnKey, tmp_path: Path) -> None:
    file = tmp_path / "certificate.pem"
    file.write_text(key.certificate)
    shown = openssl("x509", "-in", str(file), "-noout", "-text", "-subject", "-dates")
    assert "Public-Key: (2048 bit)" in shown
    assert "notAfter=Dec 31 23:59:59 9999 GMT" in shown
    assert openssl("verify", "-CAfile", str(file), str(file)).strip() == f"{file}: OK"


@pytest.mark.parametrize("form", ["today", "legacy"])
async def test_openssl_verifies_a_signature_with_the_public_key_of_the_certificate(
    key: OwnKey, tmp_path: Path, form: str
) -> None:
    async def load() -> OwnKey:
        return key

    minter = Minter(load)
    certificate, public = tmp_path / "certificate.pem", tmp_path / "public.pem"
    certificate.write_text(await minter.certificate_pem())
    public.write_text(openssl("x509", "-in", str(certificate), "-noout", "-pubkey"))
    expected = key.public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    assert public.read_text() == expected
    claims = {"sub": "anna"}
    minting = minter.mint(claims) if form == "today" else minter.mint_legacy(claims, certificate_url="https://a.test/c")
    signed, _, signature = (await minting).rpartition(".")
    (tmp_path / "signed").write_text(signed)
    (tmp_path / "signature").write_bytes(urlsafe_b64decode(signature + "=="))
    digest = "-sha256" if form == "today" else "-sha1"
    files = ("-signature", str(tmp_path / "signature"), str(tmp_path / "signed"))
    assert openssl("dgst", digest, "-verify", str(public), *files).strip() == "Verified OK"
