"""Codes of second factors that are sent: where one may go, and what the one that comes back is worth."""

from dataclasses import replace
from typing import Any

import pytest

from mfa_gateway.core.account import AccountId, Factor, Person
from mfa_gateway.core.ceremony import Change, Limited, NotSent
from mfa_gateway.core.entrance import CodeSent, Command, Denial, Finished, Outcome, Turned
from mfa_gateway.core.entrance.assertions import Mode
from mfa_gateway.core.entrance.second_codes import (
    RECORDED,
    AnswerSecond,
    RemoveAddress,
    SendSecond,
    TellAddresses,
)
from mfa_gateway.core.entrance.second_outcomes import (
    EnrolmentsTold,
)
from mfa_gateway.core.entrance.words import OpenTicket, Portrait, SealTicket
from mfa_gateway.core.message import Happening
from mfa_gateway.core.proof import Banned, Budget, Effect, Purpose, Redeemed, Rejected, Rejection, Scope
from mfa_gateway.core.tickets import TicketKind
from tests.core.entrance.hall import MAIL, PHONE, Hall, begin, denial, hall, phv, play, sent, token
from tests.core.entrance.house import ADA, GOOD, SITE


def test_a_code_goes_to_an_enrolment_by_its_id() -> None:
    house = hall(MAIL)
    assert isinstance(sent(house, house.assertion(), enrolment="aa"), CodeSent)
    ((account, need),) = house.delivered
    assert (account, need.purpose, need.enrolment, need.address) == (ADA, Purpose.GATE, "aa", None)


def test_an_address_that_is_written_is_the_enrolment_that_it_is() -> None:
    house = hall(MAIL)
    assert isinstance(sent(house, house.assertion(), written="ADA@x.test"), CodeSent)
    assert house.delivered[0][1].enrolment == "aa"


@pytest.mark.parametrize(("enrolment", "written"), [("zz", ""), ("", "bob@x.test"), (RECORDED, ""), ("", "?")])
def test_an_assertion_to_verify_goes_nowhere_else(enrolment: str, written: str) -> None:
    house = hall(MAIL)
    outcome = sent(house, house.assertion(), enrolment=enrolment, written=written)
    assert outcome == Turned(Denial.VALUE_WRONG, "emailID")
    assert house.delivered == []


def test_an_assertion_to_verify_enrols_no_phone() -> None:
    house = hall(PHONE)
    assertion = token(play(house, begin(Factor.SMS)))
    assert denial(sent(house, assertion, Factor.SMS, written="+491709999999")) is Denial.VALUE_WRONG
    assert house.delivered == []


@pytest.mark.parametrize(("enrolment", "written"), [(RECORDED, ""), ("", "ada@x.test")])
def test_the_mailbox_on_record_becomes_an_enrolment(enrolment: str, written: str) -> None:
    house = hall()
    assertion = token(play(house, begin(Factor.EMAIL, Mode.REGISTER)))
    assert isinstance(sent(house, assertion, enrolment=enrolment, written=written), CodeSent)
    assert (house.delivered[0][1].purpose, house.delivered[0][1].address) == (Purpose.ACTIVATE, "ada@x.test")


def test_no_other_mailbox_does() -> None:
    house = hall()
    assertion = token(play(house, begin(Factor.EMAIL, Mode.REGISTER)))
    assert denial(sent(house, assertion, written="eve@x.test")) is Denial.VALUE_WRONG
    house.accounts["ada"] = Portrait(ADA, email="ada@x.test")
    assert denial(sent(house, assertion, enrolment=RECORDED)) is Denial.VALUE_WRONG


def test_a_directory_may_know_the_mailbox() -> None:
    house = hall(person=Person(email="ada@directory.test"))
    house.accounts.clear()
    assertion = token(play(house, begin(Factor.EMAIL, Mode.REGISTER)))
    told = play(house, TellAddresses(Factor.EMAIL, assertion))
    assert isinstance(told, EnrolmentsTold)
    assert [(one.id, one.address) for one in told.enrolments] == [(RECORDED, "ada@directory.test")]


def addresses_told(house: Hall, mode: Mode) -> EnrolmentsTold:
    outcome = play(house, TellAddresses(Factor.EMAIL, token(play(house, begin(Factor.EMAIL, mode)))))
    assert isinstance(outcome, EnrolmentsTold)
    return outcome


def test_the_mailbox_on_record_is_told_to_whoever_enrols_and_has_it_not_yet() -> None:
    other = replace(MAIL, address="ada@other.test")
    proved = {Factor.EMAIL: 0}
    assert [one.id for one in addresses_told(hall(other, proved=proved), Mode.ADD).enrolments] == ["aa", RECORDED]
    assert [one.id for one in addresses_told(hall(MAIL, proved=proved), Mode.ADD).enrolments] == ["aa"]
    assert [one.id for one in addresses_told(hall(other), Mode.VERIFY).enrolments] == ["aa"]


def test_addresses_are_told_whole_to_whoever_may_change_them_and_to_nobody_else() -> None:
    proved = {Factor.EMAIL: 0}
    assert addresses_told(hall(MAIL, proved=proved), Mode.EDIT).is_plain is True
    assert addresses_told(hall(MAIL, proved=proved), Mode.ADD).is_plain is False
    assert addresses_told(hall(MAIL), Mode.VERIFY).is_plain is False


@pytest.mark.parametrize(
    ("delivery", "turned"),
    [(Limited(7), Turned(Denial.SENDS_LIMITED, retry_after_ms=7)), (NotSent(), Turned(Denial.SEND_FAILED))],
)
def test_whoever_showed_a_first_factor_hears_what_became_of_a_message(delivery: Any, turned: Turned) -> None:
    house = hall(MAIL, delivery=delivery)
    assert sent(house, house.assertion(), enrolment="aa") == turned


@pytest.mark.parametrize(("pending", "expected"), [(Change.STALE, Denial.CHANGED), (Change.FULL, Denial.VALUE_WRONG)])
def test_an_account_that_changed_or_is_full_takes_no_address(pending: Change, expected: Denial) -> None:
    house = hall(pending=pending)
    assertion = token(play(house, begin(Factor.SMS, Mode.REGISTER)))
    assert denial(sent(house, assertion, Factor.SMS, written="+491701234567")) is expected


def test_a_code_is_spent_for_the_passage_and_with_the_attempts_of_everybody() -> None:
    house = hall(MAIL)
    assertion = house.assertion()
    token(play(house, AnswerSecond(Factor.EMAIL, assertion, phv(house, assertion), GOOD)))
    (redemption,) = house.redeemed
    assert (redemption.purpose, redemption.effect, redemption.ride) == (Purpose.GATE, Effect.OPEN, None)
    assert (redemption.budget, redemption.scope, redemption.session) == (Budget.STEP_UP, Scope.SESSION, "01")
    assert house.told == []


@pytest.mark.parametrize(
    ("receipt", "turned"),
    [
        (Rejected(Rejection.WRONG), Turned(Denial.CODE_WRONG, "code")),
        (Rejected(Rejection.SPENT), Turned(Denial.CODE_WRONG, "code")),
        (Rejected(Rejection.WRONG, 1), Turned(Denial.CODE_WRONG, "code", 1, begins_ban=True)),
        (Rejected(Rejection.STALE), Turned(Denial.TICKET_BAD, "phvToken")),
        (Banned(9), Turned(Denial.CODES_LIMITED, "code", 9)),
    ],
)
def test_a_code_that_is_not_good_says_no_more_than_that(receipt: Any, turned: Turned) -> None:
    house = hall(MAIL, receipts={GOOD: receipt})
    assertion = house.assertion()
    assert play(house, AnswerSecond(Factor.EMAIL, assertion, phv(house, assertion), GOOD)) == turned


def test_a_ticket_is_for_the_assertion_that_it_was_given_for() -> None:
    house = hall(MAIL)
    ticket = phv(house, house.assertion())
    outcome = play(house, AnswerSecond(Factor.EMAIL, house.assertion(), ticket, GOOD))
    assert denial(outcome) is Denial.ASSERTION_BAD
    assert house.redeemed == []


@pytest.mark.parametrize("change", [{"factor": Factor.SMS}, {"account": AccountId("people", "bob")}], ids=str)
def test_a_ticket_is_for_its_account_and_its_factor(change: dict[str, Any]) -> None:
    house = hall(MAIL)
    assertion = house.assertion()
    made = house._OpenTicket(OpenTicket(TicketKind.PROVIDER, SITE.name, phv(house, assertion)))
    assert made is not None
    text = house._SealTicket(SealTicket(replace(made, **change)))
    assert denial(play(house, AnswerSecond(Factor.EMAIL, assertion, text, GOOD))) is Denial.ASSERTION_BAD
    assert house.redeemed == []


def test_the_first_code_of_an_address_makes_it_a_factor_and_its_owner_hears_of_it() -> None:
    house = hall(receipts={GOOD: Redeemed(Factor.SMS)})
    assertion = token(play(house, begin(Factor.SMS, Mode.REGISTER)))
    outcome = sent(house, assertion, Factor.SMS, written="+491701234567")
    assert isinstance(outcome, CodeSent)
    token(play(house, AnswerSecond(Factor.SMS, assertion, outcome.ticket, GOOD)))
    (redemption,) = house.redeemed
    assert (redemption.purpose, redemption.effect, redemption.enrolment) == (Purpose.ACTIVATE, Effect.ACTIVATE, "dd")
    assert [(one.happening, one.factor) for one in house.told] == [(Happening.ADDED, Factor.SMS)]


@pytest.mark.parametrize(
    ("change", "outcome"),
    [
        (Change.MADE, Finished()),
        (Change.STALE, Turned(Denial.CHANGED)),
        (Change.KNOWN, Turned(Denial.VALUE_WRONG, "phoneId")),
    ],
)
def test_an_address_is_taken_away_by_whoever_may_edit(change: Change, outcome: Outcome) -> None:
    house = hall(PHONE, proved={Factor.SMS: 0}, change=change)
    assertion = token(play(house, begin(Factor.SMS, Mode.EDIT)))
    assert play(house, RemoveAddress(Factor.SMS, assertion, "bb", "phoneId")) == outcome
    assert bool(house.told) is (change is Change.MADE)


@pytest.mark.parametrize(
    "command",
    [
        TellAddresses(Factor.EMAIL, "x"),
        SendSecond(Factor.EMAIL, "x", "aa", "", "emailID"),
        AnswerSecond(Factor.EMAIL, "x", "ticket", GOOD),
        RemoveAddress(Factor.SMS, "x", "bb", "phoneId"),
    ],
    ids=str,
)
def test_nothing_is_told_or_done_without_an_assertion(command: Command) -> None:
    house = hall(MAIL, PHONE)
    assert denial(play(house, command)) is Denial.ASSERTION_BAD
    assert (house.delivered, house.redeemed, house.withdrawn) == ([], [], [])


def test_a_ticket_of_nobodys_has_no_code() -> None:
    house = hall(MAIL)
    outcome = play(house, AnswerSecond(Factor.EMAIL, house.assertion(), "a ticket of nobody's", GOOD))
    assert outcome == Turned(Denial.TICKET_BAD, "phvToken")
    assert house.redeemed == []


def test_a_driver_that_answers_something_else_is_told() -> None:
    house = hall(MAIL, receipts={GOOD: "nonsense"})
    assertion = house.assertion()
    ticket = phv(house, assertion)
    with pytest.raises(TypeError, match="Redeem was answered with a str"):
        play(house, AnswerSecond(Factor.EMAIL, assertion, ticket, GOOD))
    house.delivery = "nonsense"  # type: ignore[assignment]
    with pytest.raises(TypeError, match="Deliver was answered with a str"):
        sent(house, assertion, enrolment="aa")
