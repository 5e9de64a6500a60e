"""Logins with a password: when a second factor is wanted, what a ticket is worth, and that it opens one session."""

from dataclasses import replace
from typing import Any

import pytest

from mfa_gateway.core.account import AccountId, Factor, FactorState, Standing
from mfa_gateway.core.entrance import Denial, Entered, Incomplete, Outcome, Stay, Turned
from mfa_gateway.core.entrance.account_outcomes import Pending, SecondStep, Seen, TicketGiven
from mfa_gateway.core.entrance.logins import FinishRegistration, LogIn, LoginMode, NameSomebody
from mfa_gateway.core.entrance.profiles import Look
from mfa_gateway.core.entrance.second_words import Passage
from mfa_gateway.core.entrance.steps import missing_fields, unverified_addresses
from mfa_gateway.core.entrance.words import Portrait
from mfa_gateway.core.site import Site, Tfa, TfaDemand
from mfa_gateway.core.tickets import TicketKind
from tests.core.entrance.dwelling import ENROLLED, OWNER, Dwelling, errand, furnished
from tests.core.entrance.house import ADA, SITE, ticket

STAY = Stay(3_600_000)
PROVIDERS = ("gigyaEmail", "gigyaPhone", "gigyaTotp", "gigyaPush")


def site(demand: TfaDemand, **more: Any) -> Site:
    return replace(SITE, tfa=Tfa(demand, PROVIDERS), **more)


LAX, IF_ANY, ALWAYS = site(TfaDemand.OFF), site(TfaDemand.IF_REGISTERED), site(TfaDemand.ALWAYS)


@pytest.fixture
def house() -> Dwelling:
    return furnished()


def login(name: str = "ada@x.test", password: str = "right", **more: Any) -> LogIn:
    return LogIn(name, more.pop("identifier", ""), password, STAY, **more)


def waiting(**more: Any) -> str:
    """A ticket of a login that still takes a second factor."""
    return ticket(TicketKind.REGISTRATION, account=ADA, **more)


def denial(outcome: Outcome) -> Denial:
    assert isinstance(outcome, Turned), outcome
    return outcome.denial


# --- Passwords --------------------------------------------------------------------------------


def test_name_and_password_are_enough_where_nothing_else_is_wanted(house: Dwelling) -> None:
    outcome = house.play(errand(login(), site=LAX, device="phone"))
    assert isinstance(outcome, Entered)
    assert (outcome.portrait.account, outcome.session.session.device) == (ADA, "phone")


def test_a_session_is_as_brief_as_it_is_asked_to_be(house: Dwelling) -> None:
    command = replace(login(), stay=Stay(3_600_000, brief_ms=60_000))
    house.play(errand(command, site=LAX))
    assert [(one.life_ms, one.brief_ms) for one in house.opened] == [(3_600_000, 60_000)]


@pytest.mark.parametrize(
    ("demand", "standing", "step"),
    [
        (TfaDemand.OFF, ENROLLED, None),
        (TfaDemand.IF_REGISTERED, Standing(), None),
        (TfaDemand.IF_REGISTERED, Standing(factors={Factor.EMAIL: FactorState.PENDING}), None),
        (TfaDemand.IF_REGISTERED, ENROLLED, SecondStep.VERIFY),
        (TfaDemand.IF_REGISTERED, Standing(factors={Factor.TOTP: FactorState.ACTIVE}), SecondStep.VERIFY),
        (TfaDemand.ALWAYS, ENROLLED, SecondStep.VERIFY),
        (TfaDemand.ALWAYS, Standing(), SecondStep.REGISTER),
    ],
)
def test_the_site_and_the_account_say_what_a_login_takes(
    house: Dwelling, demand: TfaDemand, standing: Standing, step: SecondStep | None
) -> None:
    house.standing = standing
    outcome = house.play(errand(login(), site=site(demand)))
    assert (outcome.step if isinstance(outcome, Pending) else None) is step
    assert isinstance(outcome, Pending | Entered)


def test_a_factor_that_the_site_has_no_provider_for_is_not_asked_for(house: Dwelling) -> None:
    house.standing = ENROLLED
    by_phone = replace(SITE, tfa=Tfa(TfaDemand.IF_REGISTERED, ("gigyaPhone",)))
    assert isinstance(house.play(errand(login(), site=by_phone)), Entered)


def test_a_device_that_is_remembered_takes_no_second_factor(house: Dwelling) -> None:
    house.standing = ENROLLED
    house.devices.add(("3_KEY", "phone"))
    assert isinstance(house.play(errand(login(), site=ALWAYS, device="phone")), Entered)
    assert isinstance(house.play(errand(login(), site=ALWAYS, device="another")), Pending)


def test_a_login_without_a_device_is_that_of_an_unknown_one(house: Dwelling) -> None:
    house.standing = ENROLLED
    house.devices.add(("3_KEY", ""))
    assert isinstance(house.play(errand(login(), site=ALWAYS)), Pending)


@pytest.mark.parametrize(("name", "password"), [("ada@x.test", "wrong"), ("nobody@x.test", "right")])
def test_a_wrong_password_and_an_unknown_name_are_one_answer(house: Dwelling, name: str, password: str) -> None:
    house.standing = ENROLLED
    assert house.play(errand(login(name, password), site=ALWAYS)) == Turned(Denial.PASSWORD_WRONG)
    assert "KnowsDevice" not in house.trips


def test_a_lock_is_told_before_anybody_is_looked_up(house: Dwelling) -> None:
    house.left_ms = 60_000
    known, unknown = house.play(errand(login())), house.play(errand(login("nobody@x.test")))
    assert known == unknown == Turned(Denial.PASSWORDS_LIMITED, retry_after_ms=60_000)
    assert set(house.trips) == {"Attempt"}


# --- Tickets that stand for a name -------------------------------------------------------------


@pytest.mark.parametrize("name", ["ada@x.test", "nobody@x.test"])
def test_a_name_gets_a_ticket_whoever_has_it(house: Dwelling, name: str) -> None:
    given = house.play(errand(NameSomebody(name)))
    assert isinstance(given, TicketGiven)
    assert house.trips == ["SealTicket"]


def test_such_a_ticket_logs_in_with_the_password(house: Dwelling) -> None:
    given = house.play(errand(NameSomebody("ada@x.test")))
    assert isinstance(given, TicketGiven)
    assert isinstance(house.play(errand(login("", identifier=given.ticket))), Entered)
    assert house.play(errand(login("", identifier=waiting()))) == Turned(Denial.TICKET_BAD, "aToken")


# --- Once more --------------------------------------------------------------------------------


def test_somebody_who_is_logged_in_shows_that_it_is_still_them(house: Dwelling) -> None:
    again = login(mode=LoginMode.AGAIN)
    assert isinstance(house.play(errand(again, OWNER)), Entered)


def test_nobody_shows_it_for_somebody_else(house: Dwelling) -> None:
    house.passwords["bob", "his"] = AccountId("people", "bob")
    again = login("bob", "his", mode=LoginMode.AGAIN)
    assert denial(house.play(errand(again, OWNER))) is Denial.FORBIDDEN
    assert denial(house.play(errand(again))) is Denial.NOBODY
    assert isinstance(house.play(errand(login("bob", "his"), OWNER)), Entered)


# --- Finishing --------------------------------------------------------------------------------


def finish(house: Dwelling, text: str, at: Site = ALWAYS, **more: Any) -> Outcome:
    return house.play(errand(FinishRegistration(text, STAY), site=at, **more))


def test_a_login_whose_second_factor_was_not_shown_still_waits_for_it(house: Dwelling) -> None:
    house.standing = ENROLLED
    text = waiting()
    assert finish(house, text) == Pending(text, ADA, SecondStep.VERIFY)


def test_a_login_whose_second_factor_was_shown_gets_its_session_and_what_was_proved(house: Dwelling) -> None:
    house.standing, house.passage = ENROLLED, Passage(0, Factor.EMAIL, 5)
    outcome = finish(house, waiting())
    assert isinstance(outcome, Entered)
    ((carried),) = house.carried
    assert (carried.account, carried.source, carried.target) == (ADA, "01", outcome.session.session.id)
    ((begun),) = house.begun
    assert (begun.name, begun.life_ms) == ("01", 1000)


def test_a_ticket_opens_one_session(house: Dwelling) -> None:
    house.passage = Passage(0, Factor.EMAIL)
    text = waiting()
    assert isinstance(finish(house, text), Entered)
    assert finish(house, text) == Turned(Denial.TICKET_BAD, "regToken")
    assert [name for name in house.trips if name == "UseOnce"] == ["UseOnce"]


def test_of_two_who_finish_one_login_at_a_time_one_gets_its_session(house: Dwelling) -> None:
    house.passage = Passage(0, Factor.EMAIL)
    text = waiting()
    finish(house, text)
    house.forgets_uses = True
    assert finish(house, text) == Turned(Denial.TICKET_BAD, "regToken")
    assert len(house.opened) == 1


def test_a_ticket_that_opened_its_session_shows_nothing_any_more(house: Dwelling) -> None:
    settled = waiting(facts={"settled": "1"})
    assert isinstance(house.play(errand(Look(registration=settled))), Seen)
    finish(house, settled)
    assert house.play(errand(Look(registration=settled))) == Turned(Denial.TICKET_BAD, "regToken")


def test_what_is_remembered_of_a_ticket_is_its_kind_its_site_and_its_name(house: Dwelling) -> None:
    finish(house, waiting(facts={"settled": "1"}))
    assert ("registration", "3_KEY", "01") in house.used


def test_fields_are_known_by_what_is_on_record() -> None:
    site = replace(LAX, required_fields=("email", "phoneNumber", "profile.name"))
    assert missing_fields(site, Portrait(ADA)) == ("email", "phoneNumber", "profile.name")
    known = Portrait(ADA, email="ada@x.test", phone="+491701234567", profile={"name": "Ada"})
    assert missing_fields(site, known) == ()


def test_a_mailbox_that_nobody_requires_need_not_be_shown_to_be_theirs() -> None:
    portrait = Portrait(ADA, email="ada@x.test")
    assert unverified_addresses(LAX, portrait) == ()
    demanding = replace(LAX, required_fields=("profile.email",))
    assert unverified_addresses(demanding, portrait) == ("ada@x.test",)
    assert unverified_addresses(demanding, replace(portrait, email_verified=True)) == ()
    assert unverified_addresses(demanding, Portrait(ADA)) == ()


def test_a_device_that_is_remembered_meanwhile_ends_the_waiting(house: Dwelling) -> None:
    house.standing = ENROLLED
    house.devices.add(("3_KEY", "phone"))
    assert isinstance(finish(house, waiting(device="phone"), device="phone"), Entered)
    assert house.carried == []


@pytest.mark.parametrize(
    "text",
    [
        "garbage",
        ticket(TicketKind.REGISTRATION),
        ticket(TicketKind.CODE, account=ADA),
        waiting(site="3_OTHER"),
        waiting(life_ms=0),
        waiting(device="another"),
    ],
    ids=["garbage", "of nobody", "another kind", "another site", "over", "another device"],
)
def test_other_tickets_open_nothing(house: Dwelling, text: str) -> None:
    assert finish(house, text, LAX, device="this one") == Turned(Denial.TICKET_BAD, "regToken")


def test_a_ticket_of_an_old_epoch_opens_nothing(house: Dwelling) -> None:
    house.passage = None
    assert finish(house, waiting(), LAX) == Turned(Denial.TICKET_BAD, "regToken")


def test_a_device_that_does_not_say_who_it_is_hears_that(house: Dwelling) -> None:
    assert finish(house, waiting(device="phone"), LAX) == Turned(Denial.DEVICE_MISSING)


def test_fields_that_are_missing_are_told_with_the_same_ticket_until_they_are_there(house: Dwelling) -> None:
    demanding = replace(LAX, required_fields=("profile.firstName",))
    begun = house.play(errand(login(), site=demanding))
    assert isinstance(begun, Incomplete)
    again = finish(house, begun.ticket, demanding)
    assert isinstance(again, Incomplete)
    assert (again.ticket, again.missing) == (begun.ticket, ("profile.firstName",))
    house.known(profile={"firstName": "Ada"})
    assert isinstance(finish(house, begun.ticket, demanding), Entered)


def test_nothing_else_is_wanted_of_a_login_that_only_fields_were_missing_for(house: Dwelling) -> None:
    begun = house.play(errand(login(), site=replace(LAX, required_fields=("profile.firstName",))))
    assert isinstance(begun, Incomplete)
    house.standing = ENROLLED
    assert isinstance(finish(house, begun.ticket, ALWAYS), Entered)


def test_a_required_mailbox_has_to_be_shown_to_be_theirs(house: Dwelling) -> None:
    demanding = replace(LAX, required_fields=("email",))
    house.accounts["ada"] = replace(house.accounts["ada"], email_verified=False)
    begun = house.play(errand(login(), site=demanding))
    assert isinstance(begun, Incomplete)
    assert (begun.missing, begun.unverified) == ((), ("ada@x.test",))
    again = finish(house, begun.ticket, demanding)
    assert isinstance(again, Incomplete)
    assert again.unverified == ("ada@x.test",)


def test_an_account_that_nobody_put_on_record_may_log_in(house: Dwelling) -> None:
    house.passage = Passage(0, Factor.EMAIL)
    del house.accounts["ada"]
    assert isinstance(finish(house, waiting()), Entered)


def test_what_was_decided_in_another_epoch_opens_nothing(house: Dwelling) -> None:
    house.standing, house.passage = replace(ENROLLED, epoch=1), Passage(0, Factor.EMAIL)
    assert denial(finish(house, waiting())) is Denial.CHANGED
    assert house.opened == []


def test_somebody_new_is_still_new_when_the_login_ends(house: Dwelling) -> None:
    outcome = finish(house, waiting(facts={"settled": "1", "new": "1"}))
    assert isinstance(outcome, Entered)
    assert outcome.is_new


def test_an_account_that_was_disabled_meanwhile_gets_no_session(house: Dwelling) -> None:
    house.accounts["ada"] = replace(house.accounts["ada"], is_disabled=True)
    assert denial(finish(house, waiting(facts={"settled": "1"}))) is Denial.DISABLED
    assert house.carried == []
