"""The rows J01 to J07 of the attack corpus: tokens that other verifiers took for good."""

import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import RSAAlgorithm

from mfa_gateway.core.account import Anonymous
from mfa_gateway.identity.bearer import BearerIdentity
from mfa_gateway.identity.flaw import Flaw
from mfa_gateway.identity.terms import BearerTerms, JwksFile, SharedSecret
from tests.identity.conftest import (
    HEADER,
    NOW,
    OTHER_SECRET,
    Clock,
    claims,
    forge,
    identified,
    is_bad,
    mint,
    part,
    pem,
    public_terms,
)

# --- Attacks: algorithm and key (J01, J02, J05, J06) ------------------------------------------


@pytest.mark.parametrize("algorithm", ["none", "None", "nOnE", "NONE", ""])
async def test_j01_unsigned_tokens_are_refused(identity: BearerIdentity, algorithm: str) -> None:
    unsigned = f"{part(json.dumps({'alg': algorithm}).encode())}.{part(json.dumps(claims()).encode())}."
    assert await is_bad(identity, unsigned, Flaw.OTHER_ALGORITHM)


@pytest.mark.parametrize(
    "algorithm", ["hs256", "Hs256", "HS256 ", "HS512", "RS256", "http://www.w3.org/2000/09/xmldsig#rsa-sha1"]
)
async def test_j01_an_algorithm_is_named_exactly_or_not_at_all(identity: BearerIdentity, algorithm: str) -> None:
    token = forge(json.dumps({"alg": algorithm}).encode(), json.dumps(claims()).encode())
    assert await is_bad(identity, token, Flaw.OTHER_ALGORITHM)


async def test_j01_a_public_key_is_never_a_shared_secret(clock: Clock, rsa_key: rsa.RSAPrivateKey) -> None:
    identity = BearerIdentity([public_terms(rsa_key, "RS256")], clock=clock)
    public = rsa_key.public_key()
    forms = [
        pem(rsa_key),
        pem(rsa_key).strip(),
        public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
        public.public_bytes(Encoding.PEM, PublicFormat.PKCS1),
        public.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH),
        RSAAlgorithm.to_jwk(public).encode(),
    ]
    payload = json.dumps(claims()).encode()
    for form in forms:
        assert await is_bad(identity, forge(HEADER, payload, form), Flaw.OTHER_ALGORITHM)
        assert await is_bad(identity, forge(b'{"alg":"RS256"}', payload, form), Flaw.BAD_SIGNATURE)


async def test_j02_a_key_is_used_with_its_own_algorithm_only(
    clock: Clock, tmp_path: Path, rsa_key: rsa.RSAPrivateKey
) -> None:
    path = tmp_path / "keys.json"
    entry = {**RSAAlgorithm.to_jwk(rsa_key.public_key(), as_dict=True), "kid": "r1", "alg": "RS256"}
    path.write_text(json.dumps({"keys": [entry]}))
    terms = BearerTerms("shop", "https://shop.test", ("shop-api",), ("RS256", "PS256"), JwksFile(path))
    identity = BearerIdentity([terms], clock=clock)
    assert await is_bad(identity, mint(rsa_key, "PS256", headers={"kid": "r1"}), Flaw.UNKNOWN_KEY)


async def test_a_token_of_another_key_is_refused(
    clock: Clock, rsa_key: rsa.RSAPrivateKey, other_rsa_key: rsa.RSAPrivateKey
) -> None:
    identity = BearerIdentity([public_terms(rsa_key, "RS256")], clock=clock)
    assert await is_bad(identity, mint(other_rsa_key, "RS256"), Flaw.BAD_SIGNATURE)


@pytest.mark.parametrize("member", ["jku", "x5u", "jwk", "x5c"])
async def test_j05_a_token_that_brings_a_key_is_refused_though_well_signed(
    identity: BearerIdentity, member: str
) -> None:
    assert await is_bad(identity, mint(headers={member: "http://127.0.0.1:9/keys"}), Flaw.BRINGS_KEY)


@pytest.mark.parametrize("key_id", ["../../dev/null", "' OR 1=1", "k" * 10_000, "", "\x00"])
async def test_j06_a_key_id_is_only_looked_up(
    clock: Clock, tmp_path: Path, rsa_key: rsa.RSAPrivateKey, key_id: str
) -> None:
    path = tmp_path / "keys.json"
    path.write_text(json.dumps({"keys": [{**RSAAlgorithm.to_jwk(rsa_key.public_key(), as_dict=True), "kid": "r1"}]}))
    terms = BearerTerms("shop", "https://shop.test", ("shop-api",), ("RS256",), JwksFile(path))
    token = mint(rsa_key, "RS256", headers={"kid": key_id})
    assert await identified(BearerIdentity([terms], clock=clock), token) is Anonymous.BAD_CREDENTIAL


async def test_a_critical_extension_is_refused_though_well_signed(identity: BearerIdentity) -> None:
    token = forge(b'{"alg":"HS256","crit":["exp"]}', json.dumps(claims()).encode())
    assert await is_bad(identity, token, Flaw.CRITICAL)


# --- Attacks: issuer, audience, claims (J04, J07) ---------------------------------------------


@pytest.mark.parametrize(
    "issuer",
    [
        "https://shop.tes",
        "https://shop.test/",
        "HTTPS://shop.test",
        "",
        "https://evil.test",
        None,
        5,
        ["https://shop.test"],
        {},
    ],
)
async def test_j04_an_issuer_is_one_of_ours_exactly(identity: BearerIdentity, issuer: object) -> None:
    token = forge(HEADER, json.dumps(claims(iss=issuer)).encode())
    assert await is_bad(identity, token, Flaw.UNKNOWN_ISSUER)


async def test_j04_a_token_without_an_issuer_is_refused(identity: BearerIdentity) -> None:
    anonymous = claims()
    del anonymous["iss"]
    assert await is_bad(identity, forge(HEADER, json.dumps(anonymous).encode()), Flaw.UNKNOWN_ISSUER)


async def test_j04_an_issuer_cannot_speak_for_another(identity: BearerIdentity) -> None:
    assert await is_bad(identity, mint(OTHER_SECRET), Flaw.BAD_SIGNATURE)
    assert await is_bad(identity, mint(OTHER_SECRET, iss="https://desk.test"), Flaw.OTHER_AUDIENCE)


@pytest.mark.parametrize("audience", ["other", ["other"], [], None, "SHOP-API"])
async def test_j04_another_audience_is_refused(identity: BearerIdentity, audience: object) -> None:
    assert await is_bad(identity, mint(aud=audience), Flaw.OTHER_AUDIENCE)


async def test_j07_of_two_subjects_none_is_taken(identity: BearerIdentity) -> None:
    payload = json.dumps(claims()).encode().replace(b'"sub": "anna"', b'"sub":"anna","sub":"otto"')
    assert payload.count(b'"sub"') == 2
    assert await is_bad(identity, forge(HEADER, payload), Flaw.BAD_JSON)


@pytest.mark.parametrize(("name", "flaw"), [("exp", Flaw.BAD_TIME), ("iat", Flaw.BAD_TIME), ("sub", Flaw.BAD_SUBJECT)])
async def test_j07_required_claims_must_be_there(identity: BearerIdentity, name: str, flaw: Flaw) -> None:
    incomplete = claims()
    del incomplete[name]
    assert await is_bad(identity, forge(HEADER, json.dumps(incomplete).encode()), flaw)


async def test_j07_an_expiry_as_text_is_refused(identity: BearerIdentity) -> None:
    token = forge(HEADER, json.dumps(claims(exp=str(NOW + 300))).encode())
    assert await is_bad(identity, token, Flaw.BAD_TIME)


async def test_j07_a_five_byte_secret_stops_the_start(clock: Clock) -> None:
    terms = BearerTerms("shop", "https://shop.test", ("shop-api",), ("HS256",), SharedSecret(b"short"))
    with pytest.raises(ValueError, match=r"issuer 'https://shop\.test' of realm 'shop': .* 5 bytes is too short"):
        BearerIdentity([terms], clock=clock)


async def test_padding_makes_another_text_of_a_token_and_is_refused(identity: BearerIdentity) -> None:
    token = mint()
    assert await is_bad(identity, token + "=", Flaw.NOT_CANONICAL)
    assert await is_bad(identity, token + "==", Flaw.NOT_CANONICAL)


async def test_a_changed_token_is_refused_wherever_it_was_changed(identity: BearerIdentity) -> None:
    token = mint()
    for position in range(len(token)):
        changed = token[:position] + ("A" if token[position] != "A" else "B") + token[position + 1 :]
        assert await identified(identity, changed) is Anonymous.BAD_CREDENTIAL
