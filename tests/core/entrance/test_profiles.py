"""Profiles: who may see and amend whose, and what is never written."""

import json
from dataclasses import replace
from typing import Any

import pytest

from mfa_gateway.core.entrance import Command, Denial, Finished, Outcome, Turned
from mfa_gateway.core.entrance.account_outcomes import Pending, SecondStep, Seen
from mfa_gateway.core.entrance.profiles import LARGEST_PROFILE, Amend, Look, merged
from mfa_gateway.core.entrance.words import Claim
from mfa_gateway.core.site import Tfa
from mfa_gateway.core.tickets import TicketKind
from tests.core.entrance.dwelling import ENROLLED, OWNER, SERVER, Dwelling, errand, furnished
from tests.core.entrance.house import ADA, NOW, SITE, ticket

WAITING = ticket(TicketKind.REGISTRATION, account=ADA)
SETTLED = ticket(TicketKind.REGISTRATION, account=ADA, facts={"settled": "1"})


@pytest.fixture
def house() -> Dwelling:
    return furnished()


def amended(house: Dwelling, **more: Any) -> Outcome:
    return house.play(errand(Amend(**more), OWNER))


def test_an_owner_sees_what_is_on_record_and_when_they_logged_in() -> None:
    house = furnished()
    house.sessions["her token"] = replace(house.sessions["her token"], age_ms=5000)
    assert house.play(errand(Look(), OWNER)) == Seen(house.accounts["ada"], NOW - 5000)


def test_a_server_sees_whom_it_names_even_if_they_may_do_nothing_any_more(house: Dwelling) -> None:
    house.accounts["ada"] = replace(house.accounts["ada"], is_disabled=True)
    assert house.play(errand(Look("ada"), SERVER)) == Seen(house.accounts["ada"])
    assert house.play(errand(Look(), OWNER)) == Turned(Denial.DISABLED)


@pytest.mark.parametrize("command", [Look, Amend])
@pytest.mark.parametrize(
    ("credential", "subject", "denied"),
    [
        (None, "", Turned(Denial.NOBODY, "session")),
        (None, "ada", Turned(Denial.FORBIDDEN, "UID")),
        (OWNER, "bob", Turned(Denial.FORBIDDEN, "UID")),
        (SERVER, "", Turned(Denial.VALUE_MISSING, "UID")),
        (SERVER, "nobody", Turned(Denial.NOBODY, "UID")),
    ],
)
def test_nobody_else_sees_or_amends_anything(
    house: Dwelling, command: type[Look | Amend], credential: Any, subject: str, denied: Turned
) -> None:
    assert house.play(errand(command(subject=subject), credential)) == denied


@pytest.mark.parametrize("command", [Look(registration=WAITING), Amend({"a": 1}, registration=WAITING)])
def test_a_login_that_takes_a_second_factor_sees_and_amends_nothing(house: Dwelling, command: Command) -> None:
    house.standing = ENROLLED
    site = replace(SITE, tfa=Tfa(providers=("gigyaEmail",)))
    assert house.play(errand(command, site=site)) == Pending(WAITING, ADA, SecondStep.VERIFY)
    assert "Describe" not in house.trips


def test_a_login_that_takes_no_other_factor_sees_and_amends_its_account(house: Dwelling) -> None:
    house.standing = ENROLLED
    assert house.play(errand(Look(registration=SETTLED))) == Seen(house.accounts["ada"])
    assert house.play(errand(Amend({"a": 1}, registration=SETTLED))) == Finished()
    assert house.play(errand(Look(registration="garbage"))) == Turned(Denial.TICKET_BAD, "regToken")


def test_what_is_amended_is_laid_over_what_was_there(house: Dwelling) -> None:
    house.known(profile={"firstName": "Ada", "data": {"a": {"b": 1}, "c": 2}})
    assert amended(house, profile={"lastName": "L"}, data={"a": {"d": 3}, "c": None}) == Finished()
    expected = {"firstName": "Ada", "lastName": "L", "data": {"a": {"b": 1, "d": 3}}, "lastUpdatedTimestamp": NOW}
    assert house.accounts["ada"].profile == expected


def test_data_of_another_kind_is_replaced(house: Dwelling) -> None:
    house.known(profile={"data": 1})
    amended(house, data={"a": 1})
    assert house.accounts["ada"].profile["data"] == {"a": 1}


def test_a_cookie_alone_amends_nothing(house: Dwelling) -> None:
    ambient = replace(OWNER, is_ambient=True)
    assert house.play(errand(Amend({"a": 1}), ambient)) == Turned(Denial.FORBIDDEN, "session")
    assert house.play(errand(Amend({"a": 1}, registration=SETTLED), ambient)) == Finished()
    assert isinstance(house.play(errand(Look(), ambient)), Seen)


def test_nothing_of_the_objects_themselves_is_changed() -> None:
    old = {"a": {"b": 1}}
    assert merged(old, {"a": {"b": None}, "x": None}) == {"a": {}}
    assert old == {"a": {"b": 1}}


def test_an_object_and_what_is_none_take_each_others_place() -> None:
    assert merged({"a": 1}, {"a": {"b": 2}}) == {"a": {"b": 2}}
    assert merged({"a": {"b": 2}}, {"a": 1}) == {"a": 1}


def test_the_mailbox_of_the_account_may_be_named_in_a_profile_and_no_other(house: Dwelling) -> None:
    assert amended(house, profile={"email": "ADA@x.test", "a": 1}) == Finished()
    assert "email" not in house.accounts["ada"].profile
    assert amended(house, profile={"email": "eve@x.test"}) == Turned(Denial.ADDRESS_UNPROVEN, "profile.email")
    assert amended(house, profile={"email": None}) == Turned(Denial.ADDRESS_UNPROVEN, "profile.email")


def test_a_profile_has_an_end(house: Dwelling) -> None:
    large = {"a": "x" * LARGEST_PROFILE}
    assert amended(house, profile=large) == Turned(Denial.VALUE_WRONG, "profile")
    rest = len(json.dumps({"a": "", "lastUpdatedTimestamp": NOW}))
    one_more = {"a": "x" * (LARGEST_PROFILE - rest + 1)}
    assert amended(house, profile=one_more) == Turned(Denial.VALUE_WRONG, "profile")
    assert amended(house, profile={"a": "x" * (LARGEST_PROFILE - rest)}) == Finished()


def test_a_profile_that_somebody_else_amends_meanwhile_is_amended_anew(house: Dwelling) -> None:
    house.profile_claims = [Claim.STALE, Claim.STALE]
    assert amended(house, profile={"a": 1}) == Finished()
    house.profile_claims = [Claim.STALE] * 3
    assert amended(house, profile={"a": 1}) == Turned(Denial.CHANGED)


def test_an_account_that_is_gone_is_nobodys(house: Dwelling) -> None:
    house.profile_claims = [Claim.NOBODY]
    assert amended(house, profile={"a": 1}) == Turned(Denial.NOBODY, "UID")


def test_sites_are_told_apart(house: Dwelling) -> None:
    other = replace(SITE, name="3_OTHER")
    assert house.play(errand(Look(), OWNER, other)) == Turned(Denial.NOBODY, "session")
