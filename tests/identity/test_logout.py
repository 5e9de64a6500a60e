"""Logout tokens: an issuer's word of a log-out counts if it is told to us, and each kind of token serves for itself."""

import json
from dataclasses import replace
from typing import Any

import jwt
import pytest
import structlog

from mfa_gateway.core.account import AccountId, Anonymous
from mfa_gateway.core.logout import Farewell, Hearsay
from mfa_gateway.engine.ports import Issuers
from mfa_gateway.identity.bearer import MAX_CREDENTIAL, BearerIdentity
from mfa_gateway.identity.claims import LOGOUT_EVENT
from mfa_gateway.identity.flaw import Flaw
from mfa_gateway.identity.logout import MAX_LIFE
from mfa_gateway.identity.terms import BearerTerms
from tests.identity.conftest import DESK, NOW, OTHER_SECRET, SECRET, SHOP, Clock, identified, is_bad, mint

OUT = {"events": {LOGOUT_EVENT: {}}, "aud": "shop-web", "jti": "out-1"}
TERMS = replace(SHOP, logout_audience=("shop-web",))


@pytest.fixture
def identity(clock: Clock) -> BearerIdentity:
    return BearerIdentity([TERMS, DESK], clock=clock)


def farewell_token(key: Any = SECRET, algorithm: str = "HS256", /, *, headers: Any = None, **changes: Any) -> str:
    """A logout token of the shop, well signed. `...` takes a claim out."""
    claims = {"iss": "https://shop.test", "sub": "anna", "iat": NOW, "exp": NOW + 120, **OUT, **changes}
    said = {name: value for name, value in claims.items() if value is not ...}
    # Not `jwt.encode`, which has an opinion about claims.
    return jwt.api_jws.encode(json.dumps(said).encode(), key, algorithm, headers=headers or {"typ": "logout+jwt"})


async def heard(identity: BearerIdentity, token: str) -> Farewell | Hearsay:
    return await identity.hear_farewell(token)


async def is_refused(identity: BearerIdentity, token: str, why: Flaw) -> bool:
    with structlog.testing.capture_logs() as logs:
        answer = await heard(identity, token)
    return isinstance(answer, Hearsay) and answer.why == why.value and [line["flaw"] for line in logs] == [why.value]


def test_it_fits_what_the_engine_asks_for(identity: BearerIdentity) -> None:
    port: Issuers = identity
    assert port is identity


async def test_a_good_one_names_an_account_of_the_issuers_realm(identity: BearerIdentity) -> None:
    answer = await heard(identity, farewell_token())
    assert isinstance(answer, Farewell)
    assert (answer.account, answer.issuer, answer.token_id) == (AccountId("shop", "anna"), "https://shop.test", "out-1")


async def test_it_is_remembered_for_longer_than_it_lives(identity: BearerIdentity, clock: Clock) -> None:
    token = farewell_token()
    answer = await heard(identity, token)
    assert isinstance(answer, Farewell)
    clock.now += answer.life_ms / 1000
    assert await is_refused(identity, token, Flaw.EXPIRED)


@pytest.mark.parametrize("kind", ["logout+jwt", "JWT", "application/logout+jwt"])
async def test_issuers_call_it_by_these_types(identity: BearerIdentity, kind: str) -> None:
    assert isinstance(await heard(identity, farewell_token(headers={"typ": kind})), Farewell)


async def test_a_session_beside_the_subject_changes_nothing(identity: BearerIdentity) -> None:
    assert isinstance(await heard(identity, farewell_token(sid="s1")), Farewell)


async def test_the_subject_is_the_claim_that_names_callers(clock: Clock) -> None:
    identity = BearerIdentity([replace(TERMS, subject_claim="customer")], clock=clock)
    answer = await heard(identity, farewell_token(customer="c-7"))
    assert isinstance(answer, Farewell)
    assert answer.account == AccountId("shop", "c-7")
    assert await is_refused(identity, farewell_token(), Flaw.BAD_SUBJECT)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"aud": "shop-api"}, Flaw.OTHER_AUDIENCE),
        ({"aud": ...}, Flaw.OTHER_AUDIENCE),
        ({"iss": "https://evil.test"}, Flaw.UNKNOWN_ISSUER),
        ({"events": ...}, Flaw.OTHER_EVENT),
        ({"events": {}}, Flaw.OTHER_EVENT),
        ({"events": [LOGOUT_EVENT]}, Flaw.OTHER_EVENT),
        ({"events": {LOGOUT_EVENT: True}}, Flaw.OTHER_EVENT),
        ({"nonce": "n"}, Flaw.HAS_NONCE),
        ({"nonce": None}, Flaw.HAS_NONCE),
        ({"jti": ...}, Flaw.BAD_ID),
        ({"jti": 7}, Flaw.BAD_ID),
        ({"jti": "j" * 256}, Flaw.BAD_ID),
        ({"exp": ...}, Flaw.BAD_TIME),
        ({"iat": ...}, Flaw.BAD_TIME),
        ({"exp": NOW - 10}, Flaw.EXPIRED),
        ({"iat": NOW + 11}, Flaw.NOT_YET),
        ({"exp": NOW + MAX_LIFE + 1}, Flaw.LIVES_LONG),
        ({"sub": ...}, Flaw.BAD_SUBJECT),
        ({"sub": ""}, Flaw.BAD_SUBJECT),
        ({"sub": "", "sid": "s1"}, Flaw.BAD_SUBJECT),
        ({"sub": 7}, Flaw.BAD_SUBJECT),
    ],
)
async def test_what_it_says_has_to_be_right(identity: BearerIdentity, changes: dict[str, Any], why: Flaw) -> None:
    assert await is_refused(identity, farewell_token(**changes), why)


async def test_a_session_alone_names_nobody(identity: BearerIdentity) -> None:
    answer = await heard(identity, farewell_token(sub=..., sid="s1"))
    assert answer == Hearsay(Flaw.NAMELESS.value, is_nameless=True)


async def test_a_forged_one_is_refused(identity: BearerIdentity) -> None:
    assert await is_refused(identity, farewell_token(OTHER_SECRET), Flaw.BAD_SIGNATURE)
    assert await is_refused(identity, farewell_token(None, "none"), Flaw.OTHER_ALGORITHM)
    assert await is_refused(identity, farewell_token(SECRET * 2, "HS512"), Flaw.OTHER_ALGORITHM)


async def test_an_issuer_that_may_not_is_refused_whatever_it_signs(identity: BearerIdentity) -> None:
    token = farewell_token(OTHER_SECRET, iss="https://desk.test", aud="desk-api")
    assert await is_refused(identity, token, Flaw.NO_LOGOUT)


@pytest.mark.parametrize("token", ["", "a.b", "ä.ö.ü", "x" * (MAX_CREDENTIAL + 1)])
async def test_what_is_no_token_is_refused(identity: BearerIdentity, token: str) -> None:
    assert isinstance(await heard(identity, token), Hearsay)


# --- Each kind of token alone -----------------------------------------------------------------


async def test_an_access_token_ends_nothing(identity: BearerIdentity) -> None:
    assert await is_refused(identity, mint(aud="shop-web", jti="t", headers={"typ": "at+jwt"}), Flaw.OTHER_TYPE)
    assert await is_refused(identity, mint(aud="shop-web", jti="t"), Flaw.OTHER_EVENT)


@pytest.mark.parametrize("kind", ["logout+jwt", "JWT"])
async def test_a_logout_token_opens_nothing(clock: Clock, kind: str) -> None:
    identity = BearerIdentity([replace(SHOP, logout_audience=("shop-api",))], clock=clock)
    token = farewell_token(aud="shop-api", headers={"typ": kind})
    assert isinstance(await heard(identity, token), Farewell)
    assert await is_bad(identity, token, Flaw.OTHER_TYPE)


async def test_an_access_token_with_events_of_its_own_is_one(clock: Clock) -> None:
    identity = BearerIdentity([SHOP], clock=clock)
    assert not isinstance(await identified(identity, mint(events=["concert"])), Anonymous)


def test_a_bare_text_is_no_list_of_audiences() -> None:
    with pytest.raises(ValueError, match="the audience of logout tokens is a list of names"):
        BearerTerms(**{**{name: getattr(SHOP, name) for name in BearerTerms.__slots__}, "logout_audience": "web"})
