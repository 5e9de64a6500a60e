"""Who stands at the entrance, what each may ask for, and how often."""

import hmac
from dataclasses import replace

import pytest

from mfa_gateway.core.account import AccountId, Caller, Factor, Standing
from mfa_gateway.core.ceremony import Action, Listed, Recall, perform
from mfa_gateway.core.ceremony import Command as CallersCommand
from mfa_gateway.core.entrance import CodeSent, Denial, EntranceTerms, Errand, Kind, Turned
from mfa_gateway.core.entrance.codes import ForgetAddress, SendCode
from mfa_gateway.core.entrance.visitors import Credential, Nonce, Nothing, SessionShown, Signed, Vouched
from mfa_gateway.core.entrance.words import OnBehalf, on_behalf
from mfa_gateway.core.gate import Terms
from mfa_gateway.core.quota import QuotaKind, Window
from tests.core.entrance.house import ADA, NOW, SITE, House, session

SEND = SendCode(Factor.EMAIL, "ada@x.test", 600_000)
NONCE = Nonce("key", "n1", 240_000)
TEXTS = (b"POST&https", b"POST&http")


def errand(credential: Credential, welcome: frozenset[Kind] = frozenset(Kind)) -> Errand:
    return Errand(SEND, SITE, NOW, credential=credential, welcome=welcome, client="192.0.2.1")


def signed(text: bytes = TEXTS[1], nonce: str = "n1") -> Signed:
    return Signed(TEXTS, hmac.digest(b"k" * 32, text, "sha1"), Nonce("session", nonce, 240_000))


@pytest.fixture
def house() -> House:
    return House(sessions={"hers": session()})


@pytest.mark.parametrize(
    "credential",
    [Nothing(), Vouched("key"), Vouched("key", NONCE), SessionShown("hers"), SessionShown("hers", signed())],
)
def test_good_credentials_are_taken(house: House, credential: Credential) -> None:
    assert isinstance(house.play(errand(credential)), CodeSent)


@pytest.mark.parametrize("credential", [Vouched("key", NONCE), SessionShown("hers", signed())])
def test_a_nonce_is_good_once(house: House, credential: Credential) -> None:
    assert isinstance(house.play(errand(credential)), CodeSent)
    assert house.play(errand(credential)) == Turned(Denial.NONCE_REPEATED)


def test_the_same_nonce_of_another_signer_is_another(house: House) -> None:
    house.play(errand(Vouched("key", NONCE)))
    assert isinstance(house.play(errand(Vouched("other", Nonce("other", "n1", 1)))), CodeSent)


def test_a_request_that_another_secret_signed_is_refused_and_uses_up_no_nonce(house: House) -> None:
    outcome = house.play(errand(SessionShown("hers", signed(b"something else"))))
    assert outcome == Turned(Denial.SIGNATURE_WRONG)
    assert house.used == set()


@pytest.mark.parametrize(
    "found",
    [None, session(site="3_OTHER"), session(account=AccountId("others", "ada"))],
    ids=["unknown", "of another site", "of another realm"],
)
def test_a_session_that_is_not_of_this_site_is_nobodys(house: House, found: object) -> None:
    house.sessions = {"hers": found} if found else {}  # type: ignore[dict-item]
    assert house.play(errand(SessionShown("hers"))) == Turned(Denial.NOBODY, "session")


@pytest.mark.parametrize(("age_ms", "is_open"), [(59_999, True), (60_000, False)])
def test_a_brief_session_is_open_by_itself_for_a_while(house: House, age_ms: int, is_open: bool) -> None:  # noqa: FBT001
    house.sessions["hers"] = replace(session(), age_ms=age_ms, brief_ms=60_000)
    outcome = house.play(errand(SessionShown("hers")))
    assert (outcome != Turned(Denial.NOBODY, "session")) is is_open


def test_and_then_as_long_as_a_server_says_so(house: House) -> None:
    house.sessions["hers"] = replace(session(), age_ms=60_000, brief_ms=60_000)
    assert isinstance(house.play(errand(SessionShown("hers", is_extended=True))), CodeSent)
    house.sessions["hers"] = replace(session(), site="3_OTHER")
    assert house.play(errand(SessionShown("hers", is_extended=True))) == Turned(Denial.NOBODY, "session")


def test_a_cookie_that_is_over_is_no_mistake(house: House) -> None:
    house.sessions = {}
    assert isinstance(house.play(errand(SessionShown("hers", is_ambient=True))), CodeSent)


@pytest.mark.parametrize("credential", [Nothing(), SessionShown("hers")])
def test_what_is_for_servers_is_for_nobody_else(house: House, credential: Credential) -> None:
    asked = Errand(ForgetAddress("ada"), SITE, NOW, credential=credential, welcome=frozenset({Kind.SERVER}))
    assert house.play(asked) == Turned(Denial.FORBIDDEN)


@pytest.mark.parametrize("credential", [Nothing(), SessionShown("hers"), SessionShown("nobody's")])
def test_calls_without_a_servers_credential_are_limited_by_address(house: House, credential: Credential) -> None:
    house.left_ms = 500
    outcome = house.play(errand(credential), EntranceTerms(calls=(Window(1, 1000),)))
    assert outcome == Turned(Denial.CALLS_LIMITED, retry_after_ms=500)
    assert [(quota.kind, quota.subject) for quota in house.spent] == [(QuotaKind.CALLS, ("entrance", "192.0.2.1"))]


def test_a_driver_that_answers_something_else_is_told() -> None:
    with pytest.raises(TypeError, match="SealTicket was answered with a NoneType"):
        _Wrong().play(errand(Nothing()))


class _Wrong(House):
    def _SealTicket(self, _: object) -> str:  # noqa: N802 - named like the need
        return None  # type: ignore[return-value]


def test_an_exchange_of_callers_can_be_played_on_behalf_of_somebody() -> None:
    caller = Caller(ADA, session="51", token="")
    exchange = on_behalf(caller, perform(CallersCommand(Action.LIST, caller), Terms()))
    need = next(exchange)
    assert isinstance(need, OnBehalf)
    assert need.caller == caller
    assert isinstance(need.need, Recall)
    with pytest.raises(StopIteration) as end:
        exchange.send(Standing())
    assert isinstance(end.value.value, Listed)
