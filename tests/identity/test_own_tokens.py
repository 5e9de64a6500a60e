import asyncio
import hashlib
import json
from base64 import urlsafe_b64encode
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Final

import pytest
import structlog
from cryptography.hazmat.primitives.asymmetric import rsa
from hypothesis import given, settings
from hypothesis import strategies as st

from mfa_gateway.core.account import AccountId, Anonymous, Caller
from mfa_gateway.core.fault import IdentityUnavailable, StoreUnavailable
from mfa_gateway.core.logout import Hearsay
from mfa_gateway.core.session import Session
from mfa_gateway.identity.bearer import BearerIdentity
from mfa_gateway.identity.claims import LOGOUT_EVENT
from mfa_gateway.identity.flaw import Flaw
from mfa_gateway.identity.minting import Minter
from mfa_gateway.identity.own_key import OwnKey, draw_key, kept_key
from mfa_gateway.identity.own_tokens import OwnIssuer, OwnTokens
from mfa_gateway.identity.terms import BearerTerms, SharedSecret
from tests.identity.conftest import NOW, SECRET, SHOP, Clock, call, forge, identified, is_bad
from tests.identity.conftest import mint as mint_foreign

KEY: Final = kept_key(draw_key())
ISSUER: Final = "https://fidm.gigya.com/jwt/3_KEY/"
DESK_ISSUER: Final = "https://gateway.test"
SID: Final = "0123456789abcdef" * 4 + "01234567"
ANNA: Final = AccountId("shop", "anna")
CERTIFICATE_URL: Final = "https://accounts.test/accounts.tfa.getCertificate"


@dataclass
class Desk:
    """Sessions that a test opens and closes."""

    open: dict[str, Session] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    is_away: bool = False

    async def session_by_id(self, sid: str) -> Session | None:
        self.asked.append(sid)
        if self.is_away:
            raise StoreUnavailable("away")
        return self.open.get(sid)

    def enter(self, account: AccountId, sid: str) -> None:
        self.open[sid] = Session(
            id=sid, account=account, site="3_KEY", device="", age_ms=0, left_ms=None, secret=bytes(32)
        )


async def load() -> OwnKey:
    return KEY


MINTER: Final = Minter(load)


@pytest.fixture
def desk() -> Desk:
    """Where Anna has a session."""
    made = Desk()
    made.enter(ANNA, SID)
    return made


def own_tokens(desk: Desk, clock: Callable[[], float], minter: Minter = MINTER) -> OwnTokens:
    issuers = {ISSUER: OwnIssuer("shop"), DESK_ISSUER: OwnIssuer("desk", ("desk-api", "desk-app"))}
    return OwnTokens(issuers, minter=minter, sessions=desk, clock=clock)


@pytest.fixture
def identity(desk: Desk, clock: Clock) -> BearerIdentity:
    return BearerIdentity([SHOP], clock=clock, own=own_tokens(desk, clock))


def claims(**changes: Any) -> dict[str, Any]:
    plain = {"iss": ISSUER, "sub": "anna", "iat": NOW, "exp": NOW + 300, "sid": SID}
    return {name: value for name, value in {**plain, **changes}.items() if value is not ...}


async def mint(**changes: Any) -> str:
    return await MINTER.mint(claims(**changes))


# --- Callers ----------------------------------------------------------------------------------


async def test_a_token_of_an_open_session_names_its_caller(identity: BearerIdentity) -> None:
    token = await mint(email="anna@example.test")
    caller = await identified(identity, token)
    assert isinstance(caller, Caller)
    assert (caller.account, caller.session) == (ANNA, SID)
    assert caller.token == hashlib.sha256(token.encode()).hexdigest()
    assert caller.claims["email"] == "anna@example.test"


async def test_the_issuer_says_in_which_realm_the_subject_is(identity: BearerIdentity, desk: Desk) -> None:
    sid = SID[::-1]
    desk.enter(AccountId("desk", "anna"), sid)
    caller = await identified(identity, await mint(iss=DESK_ISSUER, sid=sid))
    assert isinstance(caller, Caller)
    assert caller.account == AccountId("desk", "anna")


async def test_tokens_of_other_issuers_ask_for_no_session(identity: BearerIdentity, desk: Desk) -> None:
    assert isinstance(await identified(identity, mint_foreign(sid=SID)), Caller)
    assert desk.asked == []


async def test_a_token_is_verified_once_and_its_session_looked_up_for_each_call(
    identity: BearerIdentity, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = await mint()
    first = await identified(identity, token)
    monkeypatch.setattr("mfa_gateway.identity.bearer.read_jws", None)
    assert await identified(identity, token) is first
    assert desk.asked == [SID, SID]


async def test_a_token_that_is_remembered_ends_with_its_date(identity: BearerIdentity, clock: Clock) -> None:
    token = await mint()
    assert isinstance(await identified(identity, token), Caller)
    clock.now = NOW + 310
    assert await is_bad(identity, token, Flaw.EXPIRED)


# --- Sessions that are over -------------------------------------------------------------------


@pytest.mark.parametrize("is_remembered", [False, True])
async def test_a_token_of_a_session_that_was_closed_names_nobody_at_once(
    identity: BearerIdentity, desk: Desk, *, is_remembered: bool
) -> None:
    token = await mint()
    if is_remembered:
        assert isinstance(await identified(identity, token), Caller)
    desk.open.clear()
    assert await is_bad(identity, token, Flaw.NO_SESSION)


@pytest.mark.parametrize("other", [AccountId("shop", "bob"), AccountId("desk", "anna")])
async def test_a_session_of_somebody_else_is_none_of_the_callers(
    identity: BearerIdentity, desk: Desk, other: AccountId
) -> None:
    desk.enter(other, SID)
    assert await is_bad(identity, await mint(), Flaw.NO_SESSION)


@pytest.mark.parametrize("is_remembered", [False, True])
async def test_nothing_is_said_of_a_token_while_the_store_is_away(
    identity: BearerIdentity, desk: Desk, *, is_remembered: bool
) -> None:
    token = await mint()
    if is_remembered:
        assert isinstance(await identified(identity, token), Caller)
    desk.is_away = True
    with pytest.raises(IdentityUnavailable, match="the gateway's own sessions: away"):
        await identified(identity, token)


async def test_nothing_is_said_of_a_token_while_the_key_cannot_be_loaded(desk: Desk, clock: Clock) -> None:
    async def away() -> OwnKey:
        raise StoreUnavailable("away")

    identity = BearerIdentity([SHOP], clock=clock, own=own_tokens(desk, clock, Minter(away)))
    with pytest.raises(IdentityUnavailable, match="the gateway's own key: away"):
        await identified(identity, await mint())
    assert isinstance(await identified(identity, mint_foreign()), Caller)


async def test_only_sessions_that_we_opened_are_known_to_have_ended(desk: Desk, clock: Clock) -> None:
    own = own_tokens(desk, clock)
    ours = Caller(ANNA, SID, token="t", claims={"iss": ISSUER})
    theirs = [replace(ours, claims=said) for said in ({"iss": "https://shop.test"}, {}, {"sub": "anna"})]
    assert await own.is_open(ours)
    desk.open.clear()
    assert not await own.is_open(ours)
    assert [await own.is_open(caller) for caller in theirs] == [True, True, True]


# --- What a token has to be -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "flaw"),
    [
        ({"exp": ...}, Flaw.BAD_TIME),
        ({"iat": ...}, Flaw.BAD_TIME),
        ({"exp": "4000000000"}, Flaw.BAD_TIME),
        ({"exp": NOW - 10}, Flaw.EXPIRED),
        ({"iat": NOW + 11}, Flaw.NOT_YET),
        ({"nbf": NOW + 11}, Flaw.NOT_YET),
        ({"sub": ...}, Flaw.BAD_SUBJECT),
        ({"sub": ""}, Flaw.BAD_SUBJECT),
        ({"sub": 7}, Flaw.BAD_SUBJECT),
        ({"sid": ...}, Flaw.NO_SESSION),
        ({"sid": ""}, Flaw.NO_SESSION),
        ({"sid": [SID]}, Flaw.NO_SESSION),
        ({"sid": SID.upper()}, Flaw.NO_SESSION),
        ({"aud": "desk-api"}, Flaw.OTHER_AUDIENCE),
        ({"aud": []}, Flaw.OTHER_AUDIENCE),
        ({"aud": None}, Flaw.OTHER_AUDIENCE),
        ({"events": {LOGOUT_EVENT: {}}}, Flaw.OTHER_TYPE),
        ({"iss": ISSUER.removesuffix("/")}, Flaw.UNKNOWN_ISSUER),
        ({"iss": [ISSUER]}, Flaw.UNKNOWN_ISSUER),
        ({"iss": ...}, Flaw.UNKNOWN_ISSUER),
    ],
)
async def test_a_token_that_says_too_little_or_too_much_names_nobody(
    identity: BearerIdentity, changes: dict[str, Any], flaw: Flaw
) -> None:
    assert await is_bad(identity, await mint(**changes), flaw)


@pytest.mark.parametrize(
    ("audience", "is_ours"),
    [(..., True), ("desk-api", True), (["desk-app"], True), (["desk-api", "desk-app"], False), ("other", False)],
)
async def test_a_token_that_names_an_audience_is_taken_by_that_audience_alone(
    identity: BearerIdentity, desk: Desk, audience: object, *, is_ours: bool
) -> None:
    desk.enter(AccountId("desk", "anna"), SID)
    answer = await identified(identity, await mint(iss=DESK_ISSUER, aud=audience))
    assert isinstance(answer, Caller) == is_ours


# --- Whose a token is -------------------------------------------------------------------------


async def test_a_token_of_another_key_under_our_name_and_key_id_names_nobody(
    identity: BearerIdentity, rsa_key: rsa.RSAPrivateKey
) -> None:
    async def load_another() -> OwnKey:
        return replace(KEY, private=rsa_key)

    assert await is_bad(identity, await Minter(load_another).mint(claims()), Flaw.BAD_SIGNATURE)


@pytest.mark.parametrize(
    ("header", "flaw"),
    [
        ({"alg": "none"}, Flaw.OTHER_HEADER),
        ({"alg": "nOnE"}, Flaw.OTHER_HEADER),
        ({"alg": "HS256"}, Flaw.OTHER_HEADER),
        ({"alg": "RS512"}, Flaw.OTHER_HEADER),
        ({"alg": "http://www.w3.org/2000/09/xmldsig#rsa-sha1"}, Flaw.OTHER_HEADER),
        ({"kid": "other"}, Flaw.OTHER_HEADER),
        ({"kid": "../../dev/null"}, Flaw.OTHER_HEADER),
        ({"typ": "at+jwt"}, Flaw.OTHER_HEADER),
        ({"typ": "jwt"}, Flaw.OTHER_HEADER),
        ({"typ": "logout+jwt"}, Flaw.OTHER_TYPE),
        ({"x5u": CERTIFICATE_URL}, Flaw.BRINGS_KEY),
        ({"jku": "http://169.254.169.254/"}, Flaw.BRINGS_KEY),
        ({"jwk": dict(KEY.jwk)}, Flaw.BRINGS_KEY),
        ({"crit": ["exp"]}, Flaw.CRITICAL),
        ({"extra": "1"}, Flaw.OTHER_HEADER),
    ],
)
async def test_no_header_but_that_of_our_bearer_tokens_counts_however_it_is_signed(
    identity: BearerIdentity, header: dict[str, object], flaw: Flaw
) -> None:
    written = {"typ": "JWT", "alg": "RS256", "kid": KEY.key_id, **header}
    signed = ".".join(part(json.dumps(one, separators=(",", ":"))) for one in (written, claims()))
    signature = MINTER._jws.get_algorithm_by_name("RS256").sign(signed.encode(), KEY.private)
    assert await is_bad(identity, f"{signed}.{part(signature)}", flaw)


def part(raw: str | bytes) -> str:
    return urlsafe_b64encode(raw.encode() if isinstance(raw, str) else raw).rstrip(b"=").decode()


async def test_the_published_key_is_no_secret_to_sign_with(identity: BearerIdentity) -> None:
    for secret in (KEY.certificate.encode(), json.dumps(dict(KEY.jwk)).encode(), KEY.jwk["n"].encode()):
        for algorithm, flaw in (("HS256", Flaw.OTHER_HEADER), ("RS256", Flaw.BAD_SIGNATURE)):
            header = json.dumps({"typ": "JWT", "alg": algorithm, "kid": KEY.key_id}, separators=(",", ":"))
            assert await is_bad(identity, forge(header.encode(), json.dumps(claims()).encode(), secret), flaw)


async def test_a_token_that_says_it_is_ours_is_judged_by_our_key_alone(desk: Desk, clock: Clock) -> None:
    identity = BearerIdentity([SHOP], clock=clock, own=own_tokens(desk, clock))
    assert await is_bad(identity, mint_foreign(iss=ISSUER, sid=SID), Flaw.OTHER_HEADER)


async def test_our_key_signs_for_no_other_issuer(identity: BearerIdentity) -> None:
    assert await is_bad(identity, await mint(iss="https://shop.test", aud="shop-api"), Flaw.OTHER_ALGORITHM)


def test_an_issuer_that_is_the_gateway_itself_cannot_be_configured(desk: Desk, clock: Clock) -> None:
    terms = BearerTerms("shop", ISSUER, ("shop-api",), ("HS256",), SharedSecret(SECRET))
    with pytest.raises(ValueError, match="is the gateway itself"):
        BearerIdentity([terms], clock=clock, own=own_tokens(desk, clock))


async def test_no_logout_token_is_taken_in_our_own_name(identity: BearerIdentity) -> None:
    token = await mint(events={LOGOUT_EVENT: {}}, jti="1", aud="shop-api")
    with structlog.testing.capture_logs():
        assert isinstance(await identity.hear_farewell(token), Hearsay)


# --- Assertions -------------------------------------------------------------------------------

CLAIMS = st.fixed_dictionaries(
    {},
    optional={
        "iss": st.sampled_from([ISSUER, DESK_ISSUER, "gigya.com"]),
        "sub": st.sampled_from(["anna", "6226611_c8ff65ff181d429d861740d41ba5defa"]),
        "sid": st.just(SID),
        "iat": st.just(NOW),
        "exp": st.just(NOW + 300),
        "aud": st.sampled_from(["gigyaPhone", "desk-api"]),
        "action": st.sampled_from(["verify", "edit", "registerOrVerify"]),
        "typ": st.just("JWT"),
        "purpose": st.just("bearer"),
    },
)


@given(given_claims=CLAIMS, kind=st.sampled_from(["assertion+jwt", "provider+jwt", "logout+jwt", "x", ""]))
@settings(deadline=None)
def test_nothing_that_was_signed_for_a_ceremony_is_ever_a_caller_whatever_it_claims(
    given_claims: dict[str, object], kind: str
) -> None:
    async def ask() -> None:
        desk, clock = Desk(), Clock(NOW)
        desk.enter(ANNA, SID)
        identity = BearerIdentity([SHOP], clock=clock, own=own_tokens(desk, clock))
        for full in (given_claims, {**claims(), **given_claims}):
            token = (
                await MINTER.mint(full, header={"typ": kind})
                if kind
                else await MINTER.mint_legacy(full, certificate_url=CERTIFICATE_URL)
            )
            with structlog.testing.capture_logs():
                assert await identity.identify(call(f"Bearer {token}")) is Anonymous.BAD_CREDENTIAL

    asyncio.run(ask())


@given(given_claims=CLAIMS)
@settings(deadline=None)
def test_a_bearer_token_is_a_caller_only_if_it_names_one_and_a_session(given_claims: dict[str, object]) -> None:
    async def ask() -> None:
        desk, clock = Desk(), Clock(NOW)
        desk.enter(ANNA, SID)
        identity = BearerIdentity([SHOP], clock=clock, own=own_tokens(desk, clock))
        with structlog.testing.capture_logs():
            answer = await identified(identity, await MINTER.mint(given_claims))
        is_whole = {"iss", "sub", "sid", "iat", "exp"} <= given_claims.keys() and "aud" not in given_claims
        is_annas = (given_claims.get("iss"), given_claims.get("sub")) == (ISSUER, "anna")
        assert isinstance(answer, Caller) == (is_whole and is_annas)

    asyncio.run(ask())
