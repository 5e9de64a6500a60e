import asyncio
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from hypothesis import given, settings
from hypothesis import strategies as st

from mfa_gateway.core.fault import StoreUnavailable
from mfa_gateway.engine import ports
from mfa_gateway.identity.minting import LEGACY_ALGORITHM, MAX_TOKEN, Minter
from mfa_gateway.identity.own_key import OwnKey, draw_key, kept_key

# What mypy checks: a parameter of the one type that accepts the other.
as_port: Callable[[Minter], ports.Minter] = lambda minter: minter  # noqa: E731 - the annotation is the point

KEY = kept_key(draw_key())
URL = "http://accounts.test/accounts.tfa.getCertificate"
ASSERTION = "assertion+jwt"

JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
CLAIMS = st.dictionaries(st.text(max_size=12), JSON, max_size=6)


async def load() -> OwnKey:
    return KEY


MINTER = Minter(load)


def parts(token: str) -> tuple[dict[str, object], dict[str, object]]:
    head, payload, _ = (urlsafe_b64decode(part + "==") for part in token.split("."))
    return json.loads(head), json.loads(payload)


# --- Minted -----------------------------------------------------------------------------------


async def test_a_token_is_one_that_any_reader_of_jwt_verifies_with_the_published_key() -> None:
    token = await as_port(MINTER).mint({"sub": "anna", "exp": 4_000_000_000})
    published = jwt.PyJWKSet.from_dict({"keys": [dict(key) for key in await MINTER.jwks()]})
    key = published[jwt.get_unverified_header(token)["kid"]]
    assert jwt.decode(token, key.key, algorithms=["RS256"])["sub"] == "anna"


async def test_a_token_says_how_it_is_signed_and_by_which_key() -> None:
    header, _ = parts(await MINTER.mint({}))
    assert list(header.items()) == [("typ", "JWT"), ("alg", "RS256"), ("kid", KEY.key_id)]


@given(CLAIMS)
@settings(deadline=None)
def test_claims_stay_as_they_are_in_their_order(claims: dict[str, object]) -> None:
    _, found = parts(asyncio.run(MINTER.mint(claims)))
    assert list(found.items()) == list(claims.items())


@pytest.mark.parametrize(
    "header", [{}, {"typ": ""}, {"typ": "x", "alg": "none"}, {"kid": "mine"}, {"typ": "x", "x5u": URL}]
)
async def test_a_header_chooses_nothing_but_the_type(header: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="has a typ, and nothing else"):
        await MINTER.mint({}, header=header)


async def test_what_is_no_json_is_not_signed() -> None:
    with pytest.raises(ValueError, match="JSON compliant"):
        await MINTER.mint({"exp": float("inf")})


async def test_the_old_form_has_its_header_in_the_order_of_its_example() -> None:
    header, _ = parts(await as_port(MINTER).mint_legacy({}, certificate_url=URL))
    assert list(header.items()) == [("typ", "JWT"), ("alg", LEGACY_ALGORITHM), ("x5u", URL)]


async def test_the_old_form_keeps_the_order_of_its_claims() -> None:
    names = ["action", "params", "ctx", "iss", "sub", "aud", "iat", "jti"]
    _, found = parts(await MINTER.mint_legacy(dict.fromkeys(names, 1), certificate_url=URL))
    assert list(found) == names


# --- Read again -------------------------------------------------------------------------------


@given(CLAIMS)
@settings(deadline=None)
def test_what_was_minted_is_read_again(claims: dict[str, object]) -> None:
    async def there_and_back() -> None:
        token = await MINTER.mint(claims, header={"typ": ASSERTION})
        assert await MINTER.read(token, purpose=ASSERTION) == claims
        legacy = await MINTER.mint_legacy(claims, certificate_url=URL)
        assert await MINTER.read(legacy, purpose=ASSERTION, certificate_url=URL) == claims

    asyncio.run(there_and_back())


async def test_a_token_of_one_purpose_is_none_of_another() -> None:
    token = await MINTER.mint({}, header={"typ": ASSERTION})
    for purpose in ("JWT", "other+jwt", ASSERTION.upper(), ""):
        assert await MINTER.read(token, purpose=purpose) is None


async def test_a_bearer_token_is_no_assertion() -> None:
    assert await MINTER.read(await MINTER.mint({}), purpose=ASSERTION, certificate_url=URL) is None


async def test_the_old_form_is_read_only_where_it_is_expected_and_with_that_address_alone() -> None:
    token = await MINTER.mint_legacy({}, certificate_url=URL)
    assert await MINTER.read(token, purpose=ASSERTION) is None
    for other in ("", URL + "/", URL.upper(), "http://169.254.169.254/"):
        assert await MINTER.read(token, purpose=ASSERTION, certificate_url=other) is None


async def test_a_token_of_another_key_is_not_ours(rsa_key: rsa.RSAPrivateKey) -> None:
    async def load_another() -> OwnKey:
        return replace(KEY, private=rsa_key)

    forged = await Minter(load_another).mint({}, header={"typ": ASSERTION})
    ours = await MINTER.mint({}, header={"typ": ASSERTION})
    assert forged.rpartition(".")[0] == ours.rpartition(".")[0]
    assert await MINTER.read(forged, purpose=ASSERTION) is None


@pytest.mark.parametrize(
    "change",
    [
        {"alg": "none"},
        {"alg": "HS256"},
        {"alg": "RS512"},
        {"kid": "other"},
        {"x5u": URL},
        {"jku": URL},
        {"crit": ["a"]},
    ],
)
async def test_no_header_but_ours_is_read_whoever_signed_it(change: dict[str, object]) -> None:
    _, payload, signature = (await MINTER.mint({}, header={"typ": ASSERTION})).split(".")
    header = {"typ": ASSERTION, "alg": "RS256", "kid": KEY.key_id, **change}
    head = urlsafe_b64encode(json.dumps(header, separators=(",", ":")).encode()).rstrip(b"=").decode()
    assert await MINTER.read(f"{head}.{payload}.{signature}", purpose=ASSERTION) is None
    signed = jwt.encode({}, KEY.private, algorithm="RS256", headers={**header, "alg": "RS256", "z": "1"})
    assert await MINTER.read(signed, purpose=ASSERTION) is None


@given(st.data())
@settings(deadline=None)
def test_a_token_that_differs_in_one_character_is_not_read(data: st.DataObject) -> None:
    token = asyncio.run(MINTER.mint({"sub": "anna"}, header={"typ": ASSERTION}))
    at = data.draw(st.integers(0, len(token) - 1))
    other = data.draw(st.characters().filter(lambda char: char != token[at]))
    assert asyncio.run(MINTER.read(token[:at] + other + token[at + 1 :], purpose=ASSERTION)) is None


@pytest.mark.parametrize("text", ["", ".", "..", "a.b", "a.b.c.d", "\ud800", "ä.b.c", "x" * (MAX_TOKEN + 1)])
async def test_what_is_no_token_is_not_read(text: str) -> None:
    assert await MINTER.read(text, purpose=ASSERTION) is None


async def test_a_token_with_more_parts_or_padding_is_not_read() -> None:
    token = await MINTER.mint({}, header={"typ": ASSERTION})
    for text in (f"{token}.", f"{token}=", f"{token}.x", f" {token}", f"{token}\n"):
        assert await MINTER.read(text, purpose=ASSERTION) is None


async def test_a_payload_that_readers_could_disagree_about_is_not_read() -> None:
    head = (await MINTER.mint({}, header={"typ": ASSERTION})).partition(".")[0]
    payload = urlsafe_b64encode(b'{"sub":"anna","sub":"bob"}').rstrip(b"=").decode()
    algorithm = MINTER._jws.get_algorithm_by_name("RS256")
    signature = algorithm.sign(f"{head}.{payload}".encode(), KEY.private)
    token = f"{head}.{payload}.{urlsafe_b64encode(signature).rstrip(b'=').decode()}"
    assert await MINTER.read(token, purpose=ASSERTION) is None


# --- Loading the key --------------------------------------------------------------------------


async def test_the_key_is_loaded_once_however_many_need_it() -> None:
    loads = 0

    async def slowly() -> OwnKey:
        nonlocal loads
        loads += 1
        await asyncio.sleep(0)
        return KEY

    minter = Minter(slowly)
    assert loads == 0
    await asyncio.gather(*(minter.mint({}) for _ in range(5)), minter.jwks(), minter.certificate_pem())
    assert loads == 1


async def test_a_key_that_could_not_be_loaded_is_loaded_by_the_next_who_needs_it() -> None:
    answers: list[OwnKey | None] = [None, KEY]

    async def once_away() -> OwnKey:
        key = answers.pop(0)
        if key is None:
            raise StoreUnavailable("away")
        return key

    minter = Minter(once_away)
    with pytest.raises(StoreUnavailable):
        await minter.mint({})
    assert (await minter.key()) is KEY
