import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from hypothesis import given, settings
from hypothesis import strategies as st
from jwt.algorithms import ECAlgorithm, HMACAlgorithm, OKPAlgorithm, RSAAlgorithm

from mfa_gateway.identity.jwk import read_key_set
from mfa_gateway.identity.keys import KeySet

ALGORITHMS = ("RS256", "PS256", "ES256", "EdDSA")


def rsa_entry(key: rsa.RSAPrivateKey, **members: object) -> dict[str, Any]:
    return {"kty": "RSA", "kid": "r1", **_without(RSAAlgorithm.to_jwk(key.public_key(), as_dict=True)), **members}


def ec_entry(key: ec.EllipticCurvePrivateKey, **members: object) -> dict[str, Any]:
    return {"kty": "EC", "kid": "e1", **ECAlgorithm.to_jwk(key.public_key(), as_dict=True), **members}


def _without(entry: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in entry.items() if name != "key_ops"}


def read(*entries: object) -> KeySet:
    return read_key_set(json.dumps({"keys": entries}).encode(), ALGORITHMS)


def test_keys_of_every_kind_are_read(rsa_key: rsa.RSAPrivateKey, ec_key: ec.EllipticCurvePrivateKey) -> None:
    edwards = OKPAlgorithm.to_jwk(ed25519.Ed25519PrivateKey.generate().public_key(), as_dict=True)
    keys = read(rsa_entry(rsa_key), ec_entry(ec_key), {**edwards, "kid": "o1"})
    assert {key.key_id: key.algorithms for key in keys.keys} == {
        "r1": frozenset({"RS256", "PS256"}),
        "e1": frozenset({"ES256"}),
        "o1": frozenset({"EdDSA"}),
    }
    assert keys.refused == ()


def test_a_key_that_names_its_algorithm_is_bound_to_that_one(rsa_key: rsa.RSAPrivateKey) -> None:
    assert read(rsa_entry(rsa_key, alg="PS256")).keys[0].algorithms == {"PS256"}


@pytest.mark.parametrize("algorithm", ["RS512", "ES256", "HS256", "none", None, 5, ["RS256"]])
def test_a_key_for_an_algorithm_that_is_not_configured_or_not_its_own_is_left_out(
    rsa_key: rsa.RSAPrivateKey, algorithm: object
) -> None:
    keys = read(rsa_entry(rsa_key, alg=algorithm))
    assert keys.keys == ()
    assert keys.refused == ("key 'r1': no configured algorithm works with it",)


def test_a_private_key_is_refused_loudly(rsa_key: rsa.RSAPrivateKey) -> None:
    entry = RSAAlgorithm.to_jwk(rsa_key, as_dict=True)
    keys = read({**entry, "kid": "leaked", "key_ops": ["verify"]})
    assert keys.keys == ()
    assert keys.refused == ("key 'leaked': it is private or symmetric, so whoever reads the set can sign: replace it",)


@pytest.mark.parametrize("member", ["d", "p", "q", "dp", "dq", "qi", "oth", "k"])
def test_a_single_private_member_is_enough_to_refuse(rsa_key: rsa.RSAPrivateKey, member: str) -> None:
    assert read(rsa_entry(rsa_key, **{member: ""})).keys == ()


def test_a_symmetric_key_is_refused() -> None:
    entry = HMACAlgorithm.to_jwk(b"s" * 32, as_dict=True)
    keys = read_key_set(json.dumps({"keys": [entry]}).encode(), ["HS256", *ALGORITHMS])
    assert keys.keys == ()
    assert "symmetric" in keys.refused[0]


@pytest.mark.parametrize("members", [{"use": "enc"}, {"use": None}, {"key_ops": ["encrypt"]}, {"key_ops": "verify"}])
def test_a_key_for_another_use_is_left_out(rsa_key: rsa.RSAPrivateKey, members: dict[str, object]) -> None:
    keys = read(rsa_entry(rsa_key, **members))
    assert keys.keys == ()
    assert keys.refused == ("key 'r1': it is not meant for signatures",)


@pytest.mark.parametrize("members", [{"use": "sig"}, {"key_ops": ["verify"]}, {"x5t": "abc", "unknown": {"a": 1}}])
def test_a_key_for_signatures_is_read(rsa_key: rsa.RSAPrivateKey, members: dict[str, object]) -> None:
    assert len(read(rsa_entry(rsa_key, **members)).keys) == 1


@pytest.mark.parametrize("key_id", [None, 5, True, ["a"], "k" * 257])
def test_a_key_whose_name_is_no_short_text_is_left_out(rsa_key: rsa.RSAPrivateKey, key_id: object) -> None:
    keys = read(rsa_entry(rsa_key, kid=key_id))
    assert keys.keys == ()
    assert len(keys.refused[0]) < 100


def test_a_key_may_have_no_name(rsa_key: rsa.RSAPrivateKey) -> None:
    entry = rsa_entry(rsa_key)
    del entry["kid"]
    assert read(entry).keys[0].key_id is None


def test_a_short_key_is_left_out(short_rsa_key: rsa.RSAPrivateKey) -> None:
    keys = read(rsa_entry(short_rsa_key))
    assert keys.keys == ()
    assert "1024 bits is too short" in keys.refused[0]


@pytest.mark.parametrize(
    "entry",
    [
        None,
        "text",
        [],
        {},
        {"kty": "AKP"},
        {"kty": 5},
        {"kty": ["RSA"]},
        {"kty": "RSA"},
        {"kty": "RSA", "n": 5, "e": 5},
        {"kty": "RSA", "n": "AQAB", "e": "AQAB"},
        {"kty": "RSA", "n": "!", "e": "\u00e9"},
        {"kty": "RSA", "n": "", "e": ""},
        {"kty": "EC", "crv": "P-256", "x": "AQAB", "y": "AQAB"},
        {"kty": "EC", "crv": "P-256", "x": "A" * 43, "y": "A" * 43},
        {"kty": "EC", "crv": "secp256k1", "x": "A" * 43, "y": "A" * 43},
        {"kty": "EC", "crv": None, "x": None, "y": None},
        {"kty": "OKP", "crv": "X25519", "x": "A" * 43},
        {"kty": "OKP", "crv": "Ed25519", "x": "AQAB"},
        {"kty": "OKP", "crv": "Ed25519", "x": 5},
    ],
)
def test_a_key_that_cannot_be_read_is_left_out_and_the_others_are_read(
    rsa_key: rsa.RSAPrivateKey, entry: object
) -> None:
    keys = read(entry, rsa_entry(rsa_key))
    assert [key.key_id for key in keys.keys] == ["r1"]
    assert len(keys.refused) == 1


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"null",
        b"[]",
        b"{}",
        b'{"keys":{}}',
        b'{"keys":null}',
        b'{"keys":[]}',
        b"<html>we are down</html>",
        b"\xff",
        b'{"keys":' + b"[" * 100_000,
        b'{"keys":[1],"keys":[]}',
    ],
)
def test_what_is_no_key_set_or_an_empty_one_is_refused_as_a_whole(document: bytes) -> None:
    with pytest.raises(ValueError, match="the key set"):
        read_key_set(document, ALGORITHMS)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
_ENTRIES = st.dictionaries(
    st.sampled_from(["kty", "kid", "use", "alg", "key_ops", "n", "e", "x", "y", "crv"]),
    _JSON | st.sampled_from(["RSA", "EC", "OKP", "P-256", "Ed25519", "sig", "RS256", "AQAB", "A" * 43]),
)


@settings(deadline=None)
@given(st.lists(_ENTRIES | _JSON, min_size=1, max_size=4))
def test_no_entries_break_the_reader(entries: list[object]) -> None:
    keys = read(*entries)
    assert len(keys.keys) + len(keys.refused) == len(entries)


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_no_document_breaks_the_reader(document: bytes) -> None:
    with pytest.raises(ValueError, match="the key set"):
        read_key_set(document, ALGORITHMS)
