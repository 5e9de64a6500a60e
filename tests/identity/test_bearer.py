import asyncio
import hashlib
import json
from pathlib import Path

import pytest
import structlog
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from hypothesis import given, settings
from hypothesis import strategies as st
from jwt.algorithms import RSAAlgorithm

from mfa_gateway.core.account import AccountId, Anonymous, Caller
from mfa_gateway.engine.ports import Identity
from mfa_gateway.identity.bearer import MAX_CREDENTIAL, BearerIdentity, bearer_token
from mfa_gateway.identity.flaw import Flaw
from mfa_gateway.identity.terms import BearerTerms, JwksFile
from tests.identity.conftest import (
    HEADER,
    NOW,
    OTHER_SECRET,
    SHOP,
    Clock,
    call,
    claims,
    forge,
    identified,
    is_bad,
    mint,
    public_terms,
)

# --- Callers ----------------------------------------------------------------------------------


def test_it_fits_what_the_engine_asks_for(identity: BearerIdentity) -> None:
    port: Identity = identity
    assert port is identity


async def test_a_good_token_names_a_caller(identity: BearerIdentity) -> None:
    token = mint(sid="s1", email="anna@example.test")
    caller = await identified(identity, token)
    assert isinstance(caller, Caller)
    assert caller.account == AccountId("shop", "anna")
    assert caller.session == "3:sid:s1"
    assert caller.token == hashlib.sha256(token.encode()).hexdigest()
    assert caller.claims["email"] == "anna@example.test"


async def test_equal_subjects_of_two_issuers_are_two_accounts(identity: BearerIdentity) -> None:
    other = mint(OTHER_SECRET, iss="https://desk.test", aud="desk-api")
    callers = [await identified(identity, token) for token in (mint(), other)]
    assert [caller.account for caller in callers if isinstance(caller, Caller)] == [
        AccountId("shop", "anna"),
        AccountId("desk", "anna"),
    ]


async def test_tokens_of_a_key_pair_are_verified(
    clock: Clock, rsa_key: rsa.RSAPrivateKey, ec_key: ec.EllipticCurvePrivateKey
) -> None:
    for key, algorithm in ((rsa_key, "RS256"), (rsa_key, "PS384"), (ec_key, "ES256")):
        identity = BearerIdentity([public_terms(key, algorithm)], clock=clock)
        assert isinstance(await identified(identity, mint(key, algorithm)), Caller)


async def test_tokens_of_a_key_set_in_a_file_are_verified(
    clock: Clock, tmp_path: Path, rsa_key: rsa.RSAPrivateKey
) -> None:
    path = tmp_path / "keys.json"
    entry = {**RSAAlgorithm.to_jwk(rsa_key.public_key(), as_dict=True), "kid": "r1"}
    path.write_text(json.dumps({"keys": [entry]}))
    terms = BearerTerms("shop", "https://shop.test", ("shop-api",), ("RS256",), JwksFile(path))
    identity = BearerIdentity([terms], clock=clock)
    assert isinstance(await identified(identity, mint(rsa_key, "RS256", headers={"kid": "r1"})), Caller)
    unknown = mint(rsa_key, "RS256", headers={"kid": "r2"})
    assert await is_bad(identity, unknown, Flaw.UNKNOWN_KEY)


# --- The Authorization value ------------------------------------------------------------------


@pytest.mark.parametrize("value", [None, ""])
async def test_no_value_is_no_credential(identity: BearerIdentity, value: str | None) -> None:
    assert await identity.identify(call(value)) is Anonymous.NO_CREDENTIAL


@pytest.mark.parametrize("value", ["Basic YW5uYTpz", "Digest username=a", "Bearer", "Bearer ", "bearertoken", " ", "x"])
async def test_a_value_that_is_no_bearer_token_is_a_bad_credential(identity: BearerIdentity, value: str) -> None:
    assert await identity.identify(call(value)) is Anonymous.BAD_CREDENTIAL


@pytest.mark.parametrize("scheme", ["Bearer ", "bearer ", "BEARER ", "bEaReR   "])
async def test_the_scheme_has_no_case(identity: BearerIdentity, scheme: str) -> None:
    assert isinstance(await identity.identify(call(scheme + mint())), Caller)


@pytest.mark.parametrize(
    "value",
    [
        "Bearer {} ",
        "Bearer {0} {0}",
        "Bearer {},x",
        " Bearer {}",
        "Bearer{}",
        "Bearer\t{}",
        "Bearer {}\n",
        "Bearer \u00e9{}",
    ],
)
async def test_there_is_exactly_one_token_and_nothing_around_it(identity: BearerIdentity, value: str) -> None:
    assert await identity.identify(call(value.format(mint()))) is Anonymous.BAD_CREDENTIAL


async def test_a_value_above_16_kib_is_refused_unread(identity: BearerIdentity) -> None:
    assert bearer_token("Bearer " + "a" * (MAX_CREDENTIAL - 7)) == "a" * (MAX_CREDENTIAL - 7)
    assert bearer_token("Bearer " + "a" * (MAX_CREDENTIAL - 6)) is None
    assert await is_bad(identity, mint(padding="x" * MAX_CREDENTIAL), Flaw.NOT_BEARER)


# --- Time -------------------------------------------------------------------------------------


async def test_a_token_expires_at_its_expiry_and_the_leeway(identity: BearerIdentity, clock: Clock) -> None:
    clock.now = NOW + 309.9
    assert isinstance(await identified(identity, mint()), Caller)
    clock.now = NOW + 310
    assert await is_bad(identity, mint(jti="never seen before"), Flaw.EXPIRED)


async def test_a_remembered_token_expires_at_the_same_moment(identity: BearerIdentity, clock: Clock) -> None:
    assert isinstance(await identified(identity, mint()), Caller)
    clock.now = NOW + 310
    assert await is_bad(identity, mint(), Flaw.EXPIRED)


@pytest.mark.parametrize("name", ["iat", "nbf"])
async def test_a_token_of_the_future_is_not_valid_yet(identity: BearerIdentity, name: str) -> None:
    assert isinstance(await identified(identity, mint(**{name: NOW + 10})), Caller)
    assert await is_bad(identity, mint(**{name: NOW + 11}), Flaw.NOT_YET)


# --- Remembering ------------------------------------------------------------------------------


async def test_a_token_that_was_verified_is_not_verified_again(identity: BearerIdentity) -> None:
    token = mint()
    caller = await identified(identity, token)
    # Verifying makes another one, which is equal.
    assert await identified(identity, token) is caller


async def test_a_token_that_was_refused_is_not_remembered(identity: BearerIdentity, clock: Clock) -> None:
    early = mint(nbf=NOW + 100)
    assert await identified(identity, early) is Anonymous.BAD_CREDENTIAL
    clock.now = NOW + 100
    assert isinstance(await identified(identity, early), Caller)


# --- Construction -----------------------------------------------------------------------------


def test_two_terms_of_one_issuer_are_a_mistake(clock: Clock) -> None:
    with pytest.raises(ValueError, match="configured twice"):
        BearerIdentity([SHOP, SHOP], clock=clock)


@pytest.mark.parametrize("content", [None, "", "{}", '{"keys":[{"kty":"oct","k":"c2VjcmV0"}]}'])
def test_a_key_file_without_a_usable_key_stops_the_start(clock: Clock, tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "keys.json"
    if content is not None:
        path.write_text(content)
    terms = BearerTerms("shop", "https://shop.test", ("shop-api",), ("RS256",), JwksFile(path))
    with pytest.raises(ValueError, match=r"issuer 'https://shop\.test' of realm 'shop': "):
        BearerIdentity([terms], clock=clock)


async def test_closing_what_never_fetched_is_nothing(identity: BearerIdentity) -> None:
    await identity.close()


# --- Anything at all --------------------------------------------------------------------------


async def test_a_refusal_is_noted_without_the_token(identity: BearerIdentity) -> None:
    token = mint(exp=NOW - 100)
    with structlog.testing.capture_logs() as logs:
        await identified(identity, token)
    assert logs == [{"event": "bearer refused", "flaw": "the token has expired", "request_id": "", "log_level": "info"}]


FUZZED = BearerIdentity([SHOP], clock=lambda: NOW, log=structlog.wrap_logger(structlog.testing.ReturnLogger(), []))


@settings(deadline=None)
@given(st.text(max_size=400) | st.text(alphabet="abcXYZ019-_.=+/~ ", max_size=400).map("Bearer {}".format))
def test_no_text_is_more_than_a_bad_credential(value: str) -> None:
    answer = asyncio.run(FUZZED.identify(call(value)))
    assert answer is (Anonymous.BAD_CREDENTIAL if value else Anonymous.NO_CREDENTIAL)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
_CLAIM = _JSON | st.sampled_from(["https://shop.test", "shop-api", "anna", NOW, NOW + 100])
_NAMES = st.sampled_from(["iss", "aud", "sub", "exp", "iat", "nbf", "sid", "jti"])


@settings(deadline=None)
@given(st.dictionaries(_NAMES, _CLAIM))
def test_no_well_signed_claims_break_the_reader(written: dict[str, object]) -> None:
    token = forge(HEADER, json.dumps(claims(**written)).encode())
    answer = asyncio.run(FUZZED.identify(call(f"Bearer {token}")))
    assert isinstance(answer, Caller) or answer is Anonymous.BAD_CREDENTIAL


# --- Known at once ----------------------------------------------------------------------------


async def test_a_token_that_was_verified_before_is_known_without_waiting(identity: BearerIdentity) -> None:
    token = mint()
    assert identity.known(call(f"Bearer {token}")) is None
    caller = await identified(identity, token)
    assert identity.known(call(f"Bearer {token}")) == caller


async def test_a_token_that_has_expired_is_known_no_more(identity: BearerIdentity, clock: Clock) -> None:
    token = mint()
    await identified(identity, token)
    clock.now += 100_000
    assert identity.known(call(f"Bearer {token}")) is None


@pytest.mark.parametrize("presented", [None, "", "Bearer", "Basic eDp5"])
def test_whatever_was_not_verified_is_not_known(identity: BearerIdentity, presented: str | None) -> None:
    assert identity.known(call(presented)) is None
