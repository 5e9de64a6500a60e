"""Second factors at a login: who gets an assertion, and what the end of it does."""

from dataclasses import replace
from typing import Any

import pytest

from mfa_gateway.core.account import Factor
from mfa_gateway.core.entrance import CodeSent, Denial, EntranceTerms, Finished, Turned
from mfa_gateway.core.entrance.assertions import Mode
from mfa_gateway.core.entrance.second_codes import (
    AnswerSecond,
    SendSecond,
)
from mfa_gateway.core.entrance.second_outcomes import (
    CertificateTold,
    FactorsTold,
)
from mfa_gateway.core.entrance.second_words import CarryProofs, Passage
from mfa_gateway.core.entrance.tfa import BeginSecond, FinishSecond, TellCertificate, TellFactors
from mfa_gateway.core.gate import Terms
from mfa_gateway.core.site import Site
from tests.core.entrance.dwelling import errand
from tests.core.entrance.hall import (
    MAIL,
    OFFERING,
    OWNER,
    PHONE,
    SERVER,
    STALE,
    Hall,
    altered,
    begin,
    denial,
    hall,
    login_ticket,
    play,
    said_in,
    token,
)
from tests.core.entrance.house import ADA, GOOD, NOW, SITE, session

# --- Who --------------------------------------------------------------------------------------


def test_factors_are_told_to_a_login_a_session_and_a_server() -> None:
    house = hall(MAIL)
    told = FactorsTold((Factor.EMAIL,), (Factor.SMS, Factor.TOTP, Factor.PUSH))
    assert play(house, TellFactors(login_ticket())) == told
    assert play(house, TellFactors(), credential=OWNER) == told
    assert play(house, TellFactors(subject="ada"), credential=SERVER) == told


def test_nobody_else_is_told_anything() -> None:
    house = hall(MAIL)
    assert denial(play(house, TellFactors())) is Denial.NOBODY
    assert denial(play(house, TellFactors(subject="ada"))) is Denial.NOBODY
    assert denial(play(house, TellFactors(subject="bob"), credential=OWNER)) is Denial.FORBIDDEN
    assert denial(play(house, TellFactors(login_ticket(), "bob"), credential=SERVER)) is Denial.FORBIDDEN
    assert denial(play(house, TellFactors(login_ticket(life_ms=1)))) is Denial.TICKET_BAD


def test_a_server_names_nobody_who_is_not_there() -> None:
    house = Hall()
    assert play(house, TellFactors(subject="bob"), credential=SERVER) == Turned(Denial.NOBODY, "UID")


def test_a_server_names_whoever_is_on_record_here_or_in_the_directory() -> None:
    enrolled = hall(MAIL)
    enrolled.accounts.clear()
    described = hall(MAIL)
    described.standing = replace(described.standing, recorded=False)
    for house in (enrolled, described):
        assert isinstance(play(house, TellFactors(subject="ada"), credential=SERVER), FactorsTold)


def test_somebody_disabled_gets_nothing() -> None:
    house = hall(MAIL)
    house.known(is_disabled=True)
    assert denial(play(house, begin(Factor.EMAIL))) is Denial.DISABLED


# --- Authority --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("proved", "target", "is_enough"),
    [
        ({}, Factor.EMAIL, False),
        ({Factor.EMAIL: 0}, Factor.EMAIL, True),
        ({Factor.EMAIL: 0}, Factor.SMS, False),
        ({Factor.EMAIL: 0}, Factor.TOTP, False),
        ({Factor.SMS: 0}, Factor.SMS, True),
        ({Factor.SMS: 0}, Factor.TOTP, True),
        ({Factor.SMS: 299_999}, Factor.TOTP, True),
        ({Factor.SMS: 300_000}, Factor.TOTP, False),
        ({Factor.SMS: -1}, Factor.TOTP, False),
        ({Factor.TOTP: 0}, Factor.SMS, False),
    ],
)
def test_a_factor_takes_one_of_its_level_that_was_just_shown(
    proved: dict[Factor, int], target: Factor, *, is_enough: bool
) -> None:
    house = hall(MAIL, PHONE, proved=proved)
    outcome = play(house, begin(target, Mode.REGISTER))
    assert (outcome != STALE) is is_enough


@pytest.mark.parametrize(("age_ms", "is_enough"), [(299_999, True), (300_000, False)])
def test_the_first_factor_takes_a_login_of_just_now(age_ms: int, *, is_enough: bool) -> None:
    outcome = play(hall(), begin(Factor.SMS, Mode.REGISTER, ticket=login_ticket(born_ms=NOW - age_ms)))
    assert (outcome != STALE) is is_enough


def test_the_first_factor_takes_a_login_on_this_device() -> None:
    house = hall()
    house.sessions["her token"] = replace(session(), device="gmid-1")
    asked = begin(Factor.SMS, Mode.ADD, ticket="")
    assert play(house, asked, credential=OWNER, device="gmid-2") == STALE
    assert play(house, asked, credential=OWNER, device="gmid-1") != STALE


def test_a_server_answers_for_the_first_factor_and_for_no_other() -> None:
    asked = begin(Factor.SMS, Mode.REGISTER, ticket="", subject="ada")
    assert play(hall(), asked, credential=SERVER) != STALE
    assert play(hall(MAIL), asked, credential=SERVER) == STALE


def test_what_is_not_there_or_not_offered_has_no_assertion() -> None:
    house, wrong = hall(MAIL, proved={Factor.EMAIL: 0}), Turned(Denial.VALUE_WRONG, "provider")
    assert play(house, begin(Factor.SMS)) == wrong
    assert play(house, begin(Factor.SMS, Mode.EDIT)) == wrong
    assert play(house, begin(Factor.TOTP, Mode.ADD), site=Site(SITE.name, SITE.realm)) == wrong


def test_what_the_gateway_does_not_offer_is_not_there() -> None:
    terms = EntranceTerms(Terms(factors=frozenset({Factor.TOTP})))
    house = hall(MAIL)
    assert house.play(errand(TellFactors(login_ticket()), site=OFFERING), terms) == FactorsTold((), (Factor.TOTP,))


# --- The end ----------------------------------------------------------------------------------


def answered(house: Hall, mode: Mode = Mode.VERIFY, **more: Any) -> FinishSecond:
    """What ends it, after the code was right."""
    asked = BeginSecond(Factor.EMAIL, mode, more.get("ticket", login_ticket()))
    where = {key: value for key, value in more.items() if key in ("credential", "device")}
    assertion = token(play(house, asked, **where))
    ticket = play(house, SendSecond(Factor.EMAIL, assertion, "aa"), **where)
    assert isinstance(ticket, CodeSent)
    answer = token(play(house, AnswerSecond(Factor.EMAIL, assertion, ticket.ticket, GOOD), **where))
    return FinishSecond(assertion, answer, more.get("remembers", True), asked.registration)


def test_the_end_is_told_the_passage_once() -> None:
    house = hall(MAIL)
    end = answered(house)
    assert play(house, end) == Finished()
    assert [(one.name, one.factor) for one in house.finished] == [("01", Factor.EMAIL)]
    assert house.carried == []
    assert denial(play(house, end)) is Denial.ASSERTION_BAD
    assert len(house.finished) == 1


def test_what_is_proved_in_a_session_counts_for_the_account_as_well() -> None:
    house = hall(MAIL)
    assert play(house, answered(house, ticket="", credential=OWNER), credential=OWNER) == Finished()
    assert house.carried == [CarryProofs(ADA, "51", "51")]


@pytest.mark.parametrize(
    ("mode", "remembers", "count"),
    [
        (Mode.VERIFY, True, 1),
        (Mode.VERIFY, False, 0),
        (Mode.REGISTER, True, 1),
        (Mode.ADD, True, 0),
        (Mode.EDIT, True, 1),
    ],
)
def test_a_device_is_remembered_unless_it_is_temporary_or_only_added_to(
    mode: Mode, *, remembers: bool, count: int
) -> None:
    house = hall(MAIL, proved={Factor.EMAIL: 0}, passage=Passage(0))
    assert play(house, answered(house, mode, device="gmid", remembers=remembers), device="gmid") == Finished()
    assert [(one.device, one.epoch) for one in house.remembered] == [("gmid", 0)] * count


def test_an_end_is_for_whoever_began() -> None:
    house = hall(MAIL)
    end = answered(house)
    theirs = FinishSecond(end.assertion, end.answer, registration="")
    assert denial(play(house, theirs, credential=OWNER)) is Denial.ASSERTION_BAD
    assert house.finished == []


def test_an_answer_is_to_the_assertion_that_asked() -> None:
    house = hall(MAIL)
    one, other = answered(house), answered(house)
    mixed = FinishSecond(one.assertion, other.answer, registration=one.registration)
    assert play(house, mixed) == Turned(Denial.ASSERTION_BAD, "providerAssertion")
    assert play(house, one) == Finished()


@pytest.mark.parametrize(
    "claims", [{"iss": "gigyaTotp"}, {"sub": "bob"}, {"aud": "m"}, {"iat": NOW // 1000 - 301}, {"jti": "x"}], ids=str
)
def test_an_answer_says_in_clear_what_is_sealed(claims: dict[str, object]) -> None:
    house = hall(MAIL)
    end = answered(house)
    said = replace(end, answer=altered(end.answer, **claims))
    assert play(house, said) == Turned(Denial.ASSERTION_BAD, "providerAssertion")


def test_what_is_sealed_in_another_answer_is_none_to_this_one() -> None:
    house = hall(MAIL)
    one, other = answered(house), answered(house)
    for ctx in (said_in(other.answer)["ctx"], said_in(one.assertion)["ctx"]):
        mixed = replace(one, answer=altered(one.answer, ctx=ctx))
        assert play(house, mixed) == Turned(Denial.ASSERTION_BAD, "providerAssertion")


def test_a_passage_that_is_over_at_the_end_is_not_finished() -> None:
    house = hall(MAIL)
    end = answered(house)
    house.passage = None
    assert denial(play(house, end)) in (Denial.TICKET_BAD, Denial.ASSERTION_BAD)


def test_a_passage_that_ends_at_the_last_moment_is_not_finished(monkeypatch: pytest.MonkeyPatch) -> None:
    house = hall(MAIL)
    end = answered(house)
    monkeypatch.setattr(type(house), "_FinishPassage", lambda *_: None)
    assert play(house, end) == Turned(Denial.ASSERTION_BAD, "gigyaAssertion")
    assert house.remembered == []


def test_a_command_is_called_by_its_own_name_in_logs() -> None:
    assert TellCertificate().action == "TellCertificate"


def test_anybody_is_shown_the_certificate() -> None:
    assert play(hall(), TellCertificate()) == CertificateTold("PEM")
