"""Devices that answer by themselves: who may have one asked, and whose answer counts for what."""

from dataclasses import replace
from typing import Any

import pytest

from mfa_gateway.core.account import AccountId, Enrolment, Factor, FactorState
from mfa_gateway.core.ceremony import Change, Enrol, Limited, NotSent, Pending
from mfa_gateway.core.entrance import Attested, Denial, EntranceTerms, Finished, Outcome, Turned, words
from mfa_gateway.core.entrance.assertions import ASSERTION_MS, Mode
from mfa_gateway.core.entrance.pushes import AnswerPush, AskAnswer, OptIn, SendPush
from mfa_gateway.core.entrance.second_changes import DropFactor, ResetFactors
from mfa_gateway.core.entrance.second_codes import TellAddresses
from mfa_gateway.core.entrance.second_outcomes import FactorsTold
from mfa_gateway.core.entrance.tfa import BeginSecond, FinishSecond, TellFactors
from mfa_gateway.core.entrance.visitors import Credential, SessionShown
from mfa_gateway.core.gate import Terms
from mfa_gateway.core.message import Happening
from mfa_gateway.core.proof import Banned, Budget, Effect, Purpose, Redeemed, Rejected, Rejection, Scope
from mfa_gateway.core.push import Device, Platform, new_token
from mfa_gateway.core.site import Tfa
from tests.core.entrance.dwelling import errand
from tests.core.entrance.hall import (
    MAIL,
    OFFERING,
    OWNER,
    SERVER,
    Hall,
    begin,
    denial,
    hall,
    login_ticket,
    play,
    said_in,
    token,
)
from tests.core.entrance.house import ADA, NOW, session

PHONE = Enrolment(Factor.PUSH, "ee", "Example android 15", added_ms=1)
TABLET = Enrolment(Factor.PUSH, "ff", "Example ios 18", added_ms=1)
DEVICE = Device(Platform.ANDROID, "token-of-hers", "Example android 15")
YES = new_token(Purpose.GATE, b"y" * 32)
FIRST = new_token(Purpose.ACTIVATE, b"f" * 32)
PAGE = "gmid.of.the.page"
ON_HER_PHONE = SessionShown("session of her phone")
NOBODY = Turned(Denial.NOBODY, "session")
BAD = Turned(Denial.ASSERTION_BAD, "gigyaAssertion")


def asked(*devices: Enrolment, **more: Any) -> tuple[Hall, str]:
    """A house whose Ada has these devices, and an assertion that a page got to have them asked."""
    house = hall(*(devices or (PHONE,)), **more)
    house.sessions["session of her phone"] = session()
    return house, house.assertion(Factor.PUSH, device=PAGE)


def takes(house: Hall, assertion: str, given: str = YES, receipt: Any = None) -> None:
    """Have the store know this token, for this assertion."""
    house.receipts[f"{given} {said_in(assertion)['jti']}"] = receipt or Redeemed(Factor.PUSH)


def answers(
    house: Hall, assertion: str, given: str = YES, *, credential: Credential | None = ON_HER_PHONE, **more: Any
) -> Outcome:
    return play(house, AnswerPush(assertion, given), credential=credential, **{"device": "gmid.of.hers", **more})


def waits(house: Hall, assertion: str, **more: Any) -> Outcome:
    return play(house, AskAnswer(assertion), **{"device": PAGE, **more})


# --- Opting in --------------------------------------------------------------------------------


def opting_in(**more: Any) -> tuple[Hall, str]:
    """A house in which Ada, with a session, asked for an assertion to opt in."""
    house = hall(**more)
    return house, token(play(house, BeginSecond(Factor.PUSH, Mode.REGISTER), credential=OWNER))


def test_a_device_waits_for_its_first_message() -> None:
    house, assertion = opting_in()
    assert play(house, OptIn(assertion, DEVICE), credential=OWNER) == Finished()
    ((account, need),) = house.delivered
    assert (account, need.factor, need.purpose) == (ADA, Factor.PUSH, Purpose.ACTIVATE)
    assert need.address == "android:token-of-hers"
    assert need.summons is not None
    assert (need.summons.assertion, need.summons.jti) == (assertion, said_in(assertion)["jti"])
    assert need.summons.others == ()


def test_a_device_is_kept_with_the_name_it_gave() -> None:
    house, assertion = opting_in()
    kept: list[Enrol] = []

    def behalf(need: words.OnBehalf) -> Any:
        if isinstance(need.need, Enrol):
            kept.append(need.need)
        return Hall._OnBehalf(house, need)

    house._OnBehalf = behalf  # type: ignore[method-assign]
    play(house, OptIn(assertion, DEVICE), credential=OWNER)
    assert kept == [Enrol(Factor.PUSH, 0, "android:token-of-hers", "Example android 15")]


def test_nobody_opts_in_without_the_session_of_the_assertion() -> None:
    house = hall()
    by_login = token(play(house, begin(Factor.PUSH, Mode.REGISTER)))
    assert play(house, OptIn(by_login, DEVICE)) == NOBODY
    assert play(house, OptIn(by_login, DEVICE), credential=OWNER) == NOBODY
    house, assertion = opting_in()
    assert play(house, OptIn(assertion, DEVICE)) == NOBODY
    assert play(house, OptIn(assertion, DEVICE), credential=SERVER) == NOBODY
    house.sessions["another"] = replace(session(), id="52")
    assert play(house, OptIn(assertion, DEVICE), credential=SessionShown("another")) == NOBODY
    assert house.delivered == []


def test_an_assertion_to_verify_opts_nothing_in() -> None:
    house = hall(PHONE)
    assertion = token(play(house, BeginSecond(Factor.PUSH, Mode.VERIFY), credential=OWNER))
    assert play(house, OptIn(assertion, DEVICE), credential=OWNER) == BAD


@pytest.mark.parametrize(
    ("pending", "turned"),
    [
        (Change.STALE, Turned(Denial.CHANGED)),
        (Change.KNOWN, Turned(Denial.VALUE_WRONG, "deviceInfo")),
        (Change.FULL, Turned(Denial.VALUE_WRONG, "deviceInfo")),
    ],
)
def test_a_device_that_cannot_wait_is_sent_nothing(pending: Change, turned: Turned) -> None:
    house, assertion = opting_in(pending=pending)
    assert play(house, OptIn(assertion, DEVICE), credential=OWNER) == turned
    assert house.delivered == []


def test_the_first_answer_makes_it_a_device_of_the_account_and_the_owner_hears_of_it() -> None:
    house, assertion = opting_in(pending=Pending("ee"))
    play(house, OptIn(assertion, DEVICE), credential=OWNER)
    takes(house, assertion, FIRST)
    answer = token(answers(house, assertion, FIRST, credential=OWNER, device=""))
    (redemption,) = house.redeemed
    assert (redemption.purpose, redemption.effect, redemption.target) == (
        Purpose.ACTIVATE,
        Effect.ACTIVATE,
        Factor.PUSH,
    )
    assert [(one.happening, one.factor) for one in house.told] == [(Happening.ADDED, Factor.PUSH)]
    assert play(house, FinishSecond(assertion, answer), credential=OWNER) == Finished()


# --- Asking -----------------------------------------------------------------------------------


def test_every_device_of_the_account_is_asked_at_a_time() -> None:
    house, assertion = asked(PHONE, TABLET, MAIL)
    assert play(house, SendPush(assertion), device=PAGE) == Finished()
    ((account, need),) = house.delivered
    assert (account, need.factor, need.purpose, need.address) == (ADA, Factor.PUSH, Purpose.GATE, None)
    assert need.summons is not None
    assert (need.enrolment, need.summons.others) == ("ee", ("ff",))
    assert (need.summons.assertion, need.summons.jti) == (assertion, said_in(assertion)["jti"])


def test_somebody_without_a_device_is_asked_nothing() -> None:
    house = hall(MAIL, proved={Factor.EMAIL: 0})
    assertion = token(play(house, begin(Factor.PUSH, Mode.REGISTER)))
    assert denial(play(house, SendPush(assertion))) is Denial.NO_PROVIDER
    house, assertion = asked()
    house.standing = replace(house.standing, factors={Factor.PUSH: FactorState.PENDING})
    assert denial(play(house, SendPush(assertion), device=PAGE)) is Denial.NO_PROVIDER


def test_nobody_is_asked_where_pushes_are_switched_off() -> None:
    house, assertion = asked()
    terms = EntranceTerms(Terms(factors=frozenset({Factor.EMAIL})))
    outcome = house.play(errand(SendPush(assertion), None, OFFERING, device=PAGE), terms)
    assert denial(outcome) is Denial.NO_PROVIDER


@pytest.mark.parametrize(
    ("delivery", "turned"),
    [(Limited(7), Turned(Denial.SENDS_LIMITED, retry_after_ms=7)), (NotSent(), Turned(Denial.SEND_FAILED))],
)
def test_whoever_asks_too_often_or_in_vain_hears_that(delivery: Any, turned: Turned) -> None:
    house, assertion = asked(delivery=delivery)
    assert play(house, SendPush(assertion), device=PAGE) == turned
    house, assertion = opting_in(delivery=delivery)
    assert play(house, OptIn(assertion, DEVICE), credential=OWNER) == turned


# --- Answering --------------------------------------------------------------------------------


def test_an_answer_is_one_for_the_login_that_it_was_asked_for() -> None:
    house, assertion = asked()
    takes(house, assertion)
    token(answers(house, assertion))
    (redemption,) = house.redeemed
    assert (redemption.purpose, redemption.effect, redemption.ride) == (Purpose.GATE, Effect.OPEN, None)
    assert (redemption.factors, redemption.budget) == ((Factor.PUSH,), Budget.STEP_UP)
    # The passage is that of the page, whose login it is: the session of the device proves nothing new.
    assert (redemption.scope, redemption.session) == (Scope.SESSION, "01")
    assert house.told == []


def test_whoever_waits_hears_of_the_answer_and_ends_the_login_with_it() -> None:
    house, assertion = asked()
    takes(house, assertion)
    assert waits(house, assertion) == Finished()
    answers(house, assertion)
    answer = [token(waits(house, assertion)) for _ in range(2)][-1]
    end = FinishSecond(assertion, answer, registration=login_ticket())
    assert play(house, end, device=PAGE) == Finished()
    assert [one.factor for one in house.finished] == [Factor.PUSH]
    assert denial(play(house, end, device=PAGE)) is Denial.ASSERTION_BAD


def test_the_answer_that_a_device_holds_ends_no_login_of_the_page() -> None:
    house, assertion = asked()
    takes(house, assertion)
    answer = token(answers(house, assertion))
    assert play(house, FinishSecond(assertion, answer, registration=login_ticket()), device=PAGE) == BAD
    assert play(house, FinishSecond(assertion, answer, registration=login_ticket()), device="gmid.of.hers") == BAD


def test_an_answer_to_one_assertion_is_none_to_another_of_the_same_login() -> None:
    house, assertion = asked()
    other = house.assertion(Factor.PUSH, device=PAGE)
    takes(house, assertion)
    assert answers(house, other) == Turned(Denial.CODE_WRONG, "code")
    assert isinstance(answers(house, assertion), Attested)
    assert waits(house, other) == Finished()


def test_whoever_waits_is_on_the_device_that_asked() -> None:
    house, assertion = asked()
    takes(house, assertion)
    answers(house, assertion)
    assert waits(house, assertion, device="gmid.of.hers") == BAD
    assert waits(house, assertion, device="") == Turned(Denial.DEVICE_MISSING)


@pytest.mark.parametrize(
    ("receipt", "turned"),
    [
        (Rejected(Rejection.WRONG), Turned(Denial.CODE_WRONG, "code")),
        (Rejected(Rejection.SPENT), Turned(Denial.CODE_WRONG, "code")),
        (Rejected(Rejection.WRONG, 5), Turned(Denial.CODE_WRONG, "code", 5, begins_ban=True)),
        (Rejected(Rejection.STALE), Turned(Denial.TICKET_BAD, "verificationToken")),
        (Banned(9), Turned(Denial.CODES_LIMITED, "code", 9)),
    ],
)
def test_a_token_that_is_not_good_says_no_more_than_that_and_nobody_hears_of_it(receipt: Any, turned: Turned) -> None:
    house, assertion = asked()
    takes(house, assertion, receipt=receipt)
    assert answers(house, assertion) == turned
    assert waits(house, assertion) == Finished()


def test_a_text_that_is_no_token_is_compared_with_nothing_and_counted() -> None:
    house, assertion = asked()
    assert answers(house, assertion, "123456") == Turned(Denial.CODE_WRONG, "code")
    (redemption,) = house.redeemed
    assert (redemption.factors, redemption.effect) == ((), Effect.OPEN)


def test_a_token_to_verify_opts_nothing_in() -> None:
    house, assertion = asked()
    takes(house, assertion)
    answers(house, assertion)
    assert house.redeemed[0].target is None
    takes(house, assertion, FIRST)
    answers(house, assertion, FIRST)
    assert house.redeemed[1].purpose is Purpose.ACTIVATE


def test_nobody_elses_session_answers() -> None:
    house, assertion = asked()
    house.sessions["bob's"] = session(account=AccountId("people", "bob"))
    takes(house, assertion)
    assert answers(house, assertion, credential=SessionShown("bob's")) == BAD
    assert house.redeemed == []


def test_without_a_session_only_a_login_on_the_device_itself_is_answered() -> None:
    house, assertion = asked()
    takes(house, assertion)
    assert answers(house, assertion, credential=None) == NOBODY
    assert answers(house, assertion, credential=None, device="") == NOBODY
    assert house.redeemed == []
    own = house.assertion(Factor.PUSH, device="gmid.of.hers")
    takes(house, own)
    assert isinstance(answers(house, own, credential=None), Attested)


def test_a_device_that_does_not_say_who_it_is_needs_a_session() -> None:
    house = hall(PHONE)
    assertion = house.assertion(Factor.PUSH)
    takes(house, assertion)
    assert answers(house, assertion, credential=None, device="") == NOBODY


def test_a_server_of_the_site_speaks_for_its_devices() -> None:
    house, assertion = asked()
    takes(house, assertion)
    assert isinstance(answers(house, assertion, credential=SERVER), Attested)


def test_an_assertion_of_another_provider_or_of_long_ago_is_not_answered() -> None:
    house = hall(PHONE, MAIL)
    house.sessions["session of her phone"] = session()
    of_mail = house.assertion(Factor.EMAIL, device=PAGE)
    for command in (AnswerPush(of_mail, YES), SendPush(of_mail), AskAnswer(of_mail), OptIn(of_mail, DEVICE)):
        assert play(house, command, credential=ON_HER_PHONE, device=PAGE) == BAD
    of_push = house.assertion(Factor.PUSH, device=PAGE)
    assert play(house, TellAddresses(Factor.EMAIL, of_push), device=PAGE) == BAD
    late = errand(AnswerPush(of_push, YES), ON_HER_PHONE, OFFERING, device="gmid.of.hers")
    assert house.play(replace(late, now_ms=NOW + ASSERTION_MS)) == BAD
    assert house.redeemed == []


def test_an_answer_comes_too_late_for_a_login_that_is_over() -> None:
    house, assertion = asked()
    house.passage = None
    assert answers(house, assertion) == BAD
    assert waits(house, assertion) == BAD


# --- Beside a login ---------------------------------------------------------------------------


def test_a_device_is_told_among_the_factors_where_the_site_offers_it() -> None:
    house = hall(PHONE)
    rest = (Factor.EMAIL, Factor.SMS, Factor.TOTP)
    assert play(house, TellFactors(login_ticket())) == FactorsTold((Factor.PUSH,), rest)
    plain = replace(OFFERING, tfa=Tfa(providers=("gigyaEmail",)))
    assert play(hall(), TellFactors(login_ticket()), site=plain) == FactorsTold((), (Factor.EMAIL,))


def test_devices_are_dropped_by_their_owner_and_reset_by_a_server() -> None:
    house = hall(PHONE, proved={Factor.PUSH: 0})
    assert play(house, DropFactor(Factor.PUSH), credential=OWNER) == Finished()
    assert play(house, ResetFactors("ada", Factor.PUSH), credential=SERVER) == Finished()
    assert play(house, ResetFactors("ada"), credential=SERVER) == Finished()
    assert [one.factor for one in house.withdrawn] == [Factor.PUSH] * 3
    assert {(one.happening, one.factor) for one in house.told} == {(Happening.REMOVED, Factor.PUSH)}


def test_nothing_that_a_device_answers_with_is_shown() -> None:
    assert YES not in repr(AnswerPush("a.b.c", YES))
    assert "a.b.c" not in f"{SendPush('a.b.c')} {AskAnswer('a.b.c')} {OptIn('a.b.c', DEVICE)}"
    assert "token-of-hers" not in repr(OptIn("a.b.c", DEVICE))
