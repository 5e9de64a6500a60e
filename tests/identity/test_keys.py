import json

import pytest
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa, x25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from jwt.algorithms import RSAAlgorithm, get_default_algorithms

from mfa_gateway.identity.keys import (
    ASYMMETRIC,
    SYMMETRIC,
    FixedKeys,
    Keys,
    KeySet,
    Kind,
    VerificationKey,
    kind_of,
    public_key,
    secret_key,
)

SECRET = b"0123456789abcdef0123456789abcdef"


def pem(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey) -> bytes:
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def named(name: str | None, *algorithms: str) -> VerificationKey:
    return VerificationKey(f"{name}{algorithms}".encode(), frozenset(algorithms), name)


# --- Shared secrets ---------------------------------------------------------------------------


def test_a_shared_secret_verifies_what_it_signed() -> None:
    key = secret_key(SECRET, ["HS256"])
    signature = get_default_algorithms()["HS256"].sign(b"text", SECRET)
    assert key.has_signed(b"text", signature, "HS256")
    assert not key.has_signed(b"other text", signature, "HS256")


def test_a_key_never_verifies_an_algorithm_that_it_is_not_bound_to() -> None:
    signature = get_default_algorithms()["HS384"].sign(b"text", SECRET)
    assert not secret_key(SECRET, ["HS256"]).has_signed(b"text", signature, "HS384")


@pytest.mark.parametrize(("algorithm", "length"), [("HS256", 32), ("HS384", 48), ("HS512", 64)])
def test_a_secret_is_at_least_as_long_as_the_hash(algorithm: str, length: int) -> None:
    assert secret_key(b"s" * length, [algorithm]).algorithms == {algorithm}
    with pytest.raises(ValueError, match=f"{length - 1} bytes is too short for {algorithm}"):
        secret_key(b"s" * (length - 1), [algorithm])


def test_a_secret_is_long_enough_for_every_algorithm() -> None:
    with pytest.raises(ValueError, match="too short for HS512"):
        secret_key(SECRET, ["HS256", "HS512"])


def test_a_public_key_is_no_shared_secret_in_any_of_its_forms(rsa_key: rsa.RSAPrivateKey) -> None:
    public = rsa_key.public_key()
    forms = [
        public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
        public.public_bytes(Encoding.PEM, PublicFormat.PKCS1),
        public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
        public.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH),
        RSAAlgorithm.to_jwk(public).encode(),
        json.dumps({"keys": [RSAAlgorithm.to_jwk(public, as_dict=True)]}).encode(),
    ]
    for form in forms:
        with pytest.raises(ValueError, match="a public key is known to everybody"):
            secret_key(form, ["HS256"])


# --- Public keys ------------------------------------------------------------------------------


def test_a_public_key_is_bound_to_the_configured_algorithms_of_its_kind(rsa_key: rsa.RSAPrivateKey) -> None:
    assert public_key(pem(rsa_key), ["RS256", "PS512"]).algorithms == {"RS256", "PS512"}


@pytest.mark.parametrize("algorithm", ["ES256", "ES384", "EdDSA"])
def test_an_algorithm_of_another_kind_is_a_mistake(rsa_key: rsa.RSAPrivateKey, algorithm: str) -> None:
    with pytest.raises(ValueError, match=f"{algorithm} cannot be used with this key, which is an RSA key"):
        public_key(pem(rsa_key), ["RS256", algorithm])


def test_an_elliptic_key_takes_the_algorithm_of_its_curve_alone(ec_key: ec.EllipticCurvePrivateKey) -> None:
    assert public_key(pem(ec_key), ["ES256"]).algorithms == {"ES256"}
    with pytest.raises(ValueError, match=r"ES384.* a key on P-256"):
        public_key(pem(ec_key), ["ES384"])


def test_a_short_rsa_key_is_refused(short_rsa_key: rsa.RSAPrivateKey) -> None:
    with pytest.raises(ValueError, match="1024 bits is too short"):
        public_key(pem(short_rsa_key), ["RS256"])


def test_a_private_key_is_not_taken_for_a_public_one(rsa_key: rsa.RSAPrivateKey) -> None:
    private = rsa_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    with pytest.raises(ValueError, match="not a public key in PEM"):
        public_key(private, ["RS256"])


@pytest.mark.parametrize("text", [b"", b"garbage", b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"])
def test_garbage_is_no_public_key(text: bytes) -> None:
    with pytest.raises(ValueError, match="not a public key in PEM"):
        public_key(text, ["RS256"])


def test_every_algorithm_works_with_a_kind_of_key() -> None:
    kinds = {
        kind_of(ec.generate_private_key(curve).public_key())
        for curve in (ec.SECP256R1(), ec.SECP384R1(), ec.SECP521R1())
    }
    assert kinds == {Kind.P256, Kind.P384, Kind.P521}
    assert kind_of(ed25519.Ed25519PrivateKey.generate().public_key()) is Kind.EDWARDS
    assert kind_of(ed448.Ed448PrivateKey.generate().public_key()) is Kind.EDWARDS
    assert get_default_algorithms().keys() > SYMMETRIC | ASYMMETRIC
    assert "none" not in SYMMETRIC | ASYMMETRIC


def test_keys_of_other_kinds_work_with_nothing(rsa_key: rsa.RSAPrivateKey) -> None:
    koblitz = ec.generate_private_key(ec.SECP256K1()).public_key()
    for other in (koblitz, x25519.X25519PrivateKey.generate().public_key(), dsa.DSAPublicKey, rsa_key, "text", None):
        assert kind_of(other) is Kind.OTHER


def test_a_signature_of_garbage_is_only_wrong(rsa_key: rsa.RSAPrivateKey, ec_key: ec.EllipticCurvePrivateKey) -> None:
    edwards = public_key(pem(ed25519.Ed25519PrivateKey.generate()), ["EdDSA"])
    pairs = [
        (public_key(pem(rsa_key), ["RS256", "PS256"]), ("RS256", "PS256")),
        (public_key(pem(ec_key), ["ES256"]), ("ES256",)),
        (edwards, ("EdDSA",)),
    ]
    for key, algorithms in pairs:
        for signature in (b"", b"\x00", b"\x00" * 64, b"\xff" * 64, b"x" * 256, b"x" * 5000):
            assert not any(key.has_signed(b"text", signature, algorithm) for algorithm in algorithms)


def test_key_material_does_not_show_in_the_repr() -> None:
    assert SECRET.decode() not in repr(KeySet((secret_key(SECRET, ["HS256"]),)))


# --- Sets -------------------------------------------------------------------------------------


def test_a_header_finds_the_key_that_it_names() -> None:
    keys = KeySet((named("a", "RS256"), named("b", "RS256")))
    assert keys.find("b", "RS256") is keys.keys[1]
    assert keys.find("c", "RS256") is None


def test_a_header_that_names_no_key_is_good_for_a_single_key_only() -> None:
    assert KeySet((named("a", "RS256"),)).find(None, "RS256") is not None
    assert KeySet((named("a", "RS256"), named("b", "RS256"))).find(None, "RS256") is None
    assert KeySet((named("a", "RS256"), named("b", "ES256"))).find(None, "RS256") is None
    assert KeySet(()).find(None, "RS256") is None


def test_a_single_key_with_a_name_is_not_found_by_another_name() -> None:
    assert KeySet((named("a", "RS256"),)).find("b", "RS256") is None


def test_a_single_key_without_a_name_is_found_by_any() -> None:
    assert KeySet((named(None, "RS256"),)).find("b", "RS256") is not None


def test_nameless_keys_among_others_are_not_found() -> None:
    keys = KeySet((named(None, "RS256"), named("a", "RS256")))
    assert keys.find(None, "RS256") is None
    assert keys.find("b", "RS256") is None


def test_a_key_is_found_for_its_algorithms_only() -> None:
    keys = KeySet((named("a", "ES256"),))
    assert keys.find("a", "RS256") is None
    assert keys.find(None, "RS256") is None


def test_two_keys_of_one_name_are_told_apart_by_algorithm() -> None:
    keys = KeySet((named("a", "RS256"), named("a", "ES256")))
    assert keys.find("a", "ES256") is keys.keys[1]


def test_two_keys_of_one_name_and_algorithm_are_not_tried_in_turn() -> None:
    assert KeySet((named("a", "RS256"), named("a", "RS256", "PS256"))).find("a", "RS256") is None


def test_a_set_knows_which_keys_it_holds() -> None:
    keys = KeySet((named("a", "RS256"), named("b", "RS256")))
    assert (keys.has("a"), keys.has("c")) == (True, False)
    assert keys.has_all([named("b", "RS256")])
    assert not keys.has_all([named("b", "RS256"), named("b", "ES256")])


async def test_fixed_keys_are_always_the_same() -> None:
    fixed = FixedKeys(KeySet((named("a", "RS256"),)))
    keys: Keys = fixed
    keys.freshen()
    assert await keys.find("a", "RS256") is not None
    assert await keys.find("b", "RS256") is None
    assert keys.edition == 0
    await keys.close()
