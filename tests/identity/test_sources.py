"""Several sources: a call has one credential, and a token one judge."""

import json
from base64 import urlsafe_b64encode

import pytest

from mfa_gateway.core.account import AccountId, Anonymous, Caller, Identification
from mfa_gateway.core.call import Call, CanonicalPath
from mfa_gateway.core.fault import IdentityUnavailable
from mfa_gateway.engine.ports import Identity
from mfa_gateway.identity.bearer import BearerIdentity
from mfa_gateway.identity.sources import Sources, begins_like_jwt
from tests.identity.conftest import SHOP, Clock, mint, part

ANNA = Caller(AccountId("shop", "anna"), "s1", "t1")
OTTO = Caller(AccountId("staff", "otto"), "s2", "t2")


class Fixed:
    """A source that says the same of every call."""

    def __init__(self, says: Identification | Exception = ANNA) -> None:
        self.says = says
        self.asked = 0
        self.is_closed = False

    def known(self, _: Call) -> Caller | None:
        return self.says if isinstance(self.says, Caller) else None

    async def identify(self, _: Call) -> Identification:
        self.asked += 1
        if isinstance(self.says, Exception):
            raise self.says
        return self.says

    async def close(self) -> None:
        self.is_closed = True


def call(authorization: str | None = None) -> Call:
    return Call("GET", CanonicalPath(b"/", ()), authorization=authorization)


# --- One credential ---------------------------------------------------------------------------


async def test_a_token_alone_names_the_caller() -> None:
    sources: Identity = Sources(signed=Fixed(ANNA), told=Fixed(Anonymous.NO_CREDENTIAL))
    assert await sources.identify(call("Bearer a")) is ANNA


async def test_a_header_alone_names_the_caller() -> None:
    signed = Fixed()
    assert await Sources(signed=signed, told=Fixed(OTTO)).identify(call()) is OTTO
    assert signed.asked == 0


@pytest.mark.parametrize("told", [OTTO, Anonymous.BAD_CREDENTIAL])
@pytest.mark.parametrize("authorization", ["Bearer a", "Basic Zm9v", "x"])
async def test_a_token_beside_a_header_is_one_credential_too_many(told: Identification, authorization: str) -> None:
    signed = Fixed()
    sources = Sources(signed=signed, told=Fixed(told))
    assert await sources.identify(call(authorization)) is Anonymous.TWO_CREDENTIALS
    assert signed.asked == 0


async def test_a_header_beside_a_token_is_one_too_many_where_no_token_is_expected_too() -> None:
    assert await Sources(told=Fixed(OTTO)).identify(call("Basic Zm9v")) is Anonymous.TWO_CREDENTIALS


async def test_an_empty_authorization_is_no_second_credential() -> None:
    assert await Sources(signed=Fixed(), told=Fixed(OTTO)).identify(call("")) is OTTO


@pytest.mark.parametrize("authorization", [None, ""])
async def test_without_any_credential_nobody_calls(authorization: str | None) -> None:
    signed = Fixed()
    sources = Sources(signed=signed, opaque=signed, told=Fixed(Anonymous.NO_CREDENTIAL))
    assert await sources.identify(call(authorization)) is Anonymous.NO_CREDENTIAL
    assert signed.asked == 0


async def test_a_token_that_nobody_judges_is_a_bad_credential() -> None:
    assert await Sources().identify(call("Bearer a")) is Anonymous.BAD_CREDENTIAL


async def test_a_refused_header_is_a_bad_credential() -> None:
    assert await Sources(told=Fixed(Anonymous.BAD_CREDENTIAL)).identify(call()) is Anonymous.BAD_CREDENTIAL


async def test_a_source_that_cannot_say_is_an_outage() -> None:
    with pytest.raises(IdentityUnavailable):
        await Sources(opaque=Fixed(IdentityUnavailable("away"))).identify(call("Bearer a"))


async def test_every_source_is_closed() -> None:
    every = [Fixed(), Fixed(), Fixed()]
    await Sources(signed=every[0], opaque=every[1], told=every[2]).close()
    assert all(source.is_closed for source in every)
    await Sources().close()


# --- One judge a token ------------------------------------------------------------------------

HEADER = part(b'{"alg":"HS256"}')
JWTS = [
    mint(),
    f"{HEADER}.e30.c2ln",
    f"{HEADER}..",
    f"{HEADER}.",
    f"{HEADER}.a.b.c.d",
    f"{HEADER}==.e30.c2ln",
    f"{HEADER}=.e30.c2ln=",
    part(b' {"alg":"none"}') + ".e30.",
    part(b'{"alg":"a","alg":"b"}') + ".e30.c2ln",
    part(b"{}") + ".e30.c2ln",
    part(json.dumps({"alg": "??>>~~"}).encode()) + ".e30.x",
    urlsafe_b64encode(json.dumps({"alg": "??>>~~"}).encode()).decode().replace("-", "+").replace("_", "/") + ".e30.x",
]
OPAQUE = [
    "opaque-0815",
    "2YotnFZFEjr1zCsicMWpAA",
    HEADER,
    "a.b.c",
    "ory_at_abc.def",
    f"x{HEADER}.e30.c2ln",
    part(b"[]") + ".e30.c2ln",
    part(b"7") + ".e30.c2ln",
    ".e30.c2ln",
    part(b"[" * 10_000) + ".e30.c2ln",
]


@pytest.mark.parametrize("token", JWTS)
async def test_what_begins_like_a_jwt_is_judged_as_one_and_never_looked_up(token: str) -> None:
    signed, opaque = Fixed(Anonymous.BAD_CREDENTIAL), Fixed(ANNA)
    answer = await Sources(signed=signed, opaque=opaque).identify(call(f"Bearer {token}"))
    assert (answer, signed.asked, opaque.asked) == (Anonymous.BAD_CREDENTIAL, 1, 0)


@pytest.mark.parametrize("token", OPAQUE)
async def test_every_other_token_is_looked_up_and_never_judged_as_a_jwt(token: str) -> None:
    signed, opaque = Fixed(ANNA), Fixed(Anonymous.BAD_CREDENTIAL)
    answer = await Sources(signed=signed, opaque=opaque).identify(call(f"Bearer {token}"))
    assert (answer, signed.asked, opaque.asked) == (Anonymous.BAD_CREDENTIAL, 0, 1)


@pytest.mark.parametrize("authorization", ["Basic Zm9v", "Bearer", "Bearer a b", "Bearer \u00e4"])
async def test_what_is_no_bearer_token_is_never_looked_up(authorization: str) -> None:
    signed, opaque = Fixed(Anonymous.BAD_CREDENTIAL), Fixed(ANNA)
    answer = await Sources(signed=signed, opaque=opaque).identify(call(authorization))
    assert (answer, opaque.asked) == (Anonymous.BAD_CREDENTIAL, 0)


@pytest.mark.parametrize("token", [*JWTS, *OPAQUE])
async def test_a_single_source_judges_every_token(token: str) -> None:
    for alone in (Sources(signed=Fixed(ANNA)), Sources(opaque=Fixed(ANNA))):
        assert await alone.identify(call(f"Bearer {token}")) is ANNA


async def test_no_token_that_the_jwt_reader_accepts_is_ever_taken_for_an_opaque_one(clock: Clock) -> None:
    token = mint()
    assert isinstance(await BearerIdentity([SHOP], clock=clock).identify(call(f"Bearer {token}")), Caller)
    assert begins_like_jwt(token)


# --- Known at once ----------------------------------------------------------------------------


def test_a_signed_token_is_known_as_its_judge_knows_it() -> None:
    assert Sources(signed=Fixed(ANNA)).known(call("Bearer a")) is ANNA
    assert Sources(signed=Fixed(Anonymous.BAD_CREDENTIAL)).known(call("Bearer a")) is None


def test_nobody_is_known_at_once_where_a_header_could_name_somebody_else() -> None:
    assert Sources(signed=Fixed(ANNA), told=Fixed(Anonymous.NO_CREDENTIAL)).known(call("Bearer a")) is None


def test_an_opaque_token_is_never_known_at_once() -> None:
    assert Sources(opaque=Fixed(ANNA)).known(call("Bearer a")) is None
    assert Sources(signed=Fixed(ANNA), opaque=Fixed(ANNA)).known(call("Bearer opaque")) is None


def test_nobody_is_known_without_a_credential() -> None:
    assert Sources(signed=Fixed(ANNA)).known(call()) is None
