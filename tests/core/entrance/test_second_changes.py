"""Changes of second factors beside a login: by owners who have just shown one, and by servers that answer for it."""

import pytest

from mfa_gateway.core.account import Factor
from mfa_gateway.core.ceremony import Change
from mfa_gateway.core.entrance import Command, Denial, Finished, Outcome, Turned
from mfa_gateway.core.entrance.second_changes import BringPhones, DropFactor, ForgetDevices, ResetFactors
from mfa_gateway.core.entrance.visitors import SessionShown
from mfa_gateway.core.message import Happening
from tests.core.entrance.hall import (
    MAIL,
    OWNER,
    PHONE,
    SERVER,
    STALE,
    TOTP,
    denial,
    hall,
    play,
)
from tests.core.entrance.house import ADA, SITE


def test_a_factor_is_dropped_by_its_owner_who_has_just_shown_it() -> None:
    house = hall(MAIL, proved={Factor.EMAIL: 0})
    assert play(house, DropFactor(Factor.EMAIL), credential=OWNER) == Finished()
    assert [(one.caller.session, one.factor) for one in house.withdrawn] == [("51", Factor.EMAIL)]
    assert [one.happening for one in house.told] == [Happening.REMOVED]
    assert denial(play(house, DropFactor(Factor.SMS), credential=OWNER)) is Denial.NO_PROVIDER
    assert play(hall(MAIL), DropFactor(Factor.EMAIL), credential=OWNER) == STALE


def test_a_cookie_alone_changes_nothing() -> None:
    house = hall(MAIL, proved={Factor.EMAIL: 0})
    cookie = SessionShown("her token", is_ambient=True)
    for command in (DropFactor(Factor.EMAIL), ForgetDevices()):
        assert denial(play(house, command, credential=cookie)) is Denial.FORBIDDEN
    assert (house.withdrawn, house.forgotten) == ([], [])


def test_a_server_resets_all_but_the_mailbox() -> None:
    house = hall(MAIL, PHONE, TOTP)
    assert play(house, ResetFactors("ada"), credential=SERVER) == Finished()
    assert [one.factor for one in house.withdrawn] == [Factor.SMS, Factor.TOTP]
    assert denial(play(house, ResetFactors("ada", Factor.EMAIL), credential=SERVER)) is Denial.NO_PROVIDER


def test_a_reset_that_meets_a_change_says_so() -> None:
    house = hall(PHONE, change=Change.STALE)
    assert denial(play(house, ResetFactors("ada"), credential=SERVER)) is Denial.CHANGED


@pytest.mark.parametrize(
    ("change", "outcome"),
    [
        (Change.MADE, Finished()),
        (Change.KNOWN, Finished()),
        (Change.FULL, Turned(Denial.VALUE_WRONG, "phones")),
    ],
)
def test_a_server_brings_phones(change: Change, outcome: Outcome) -> None:
    house = hall(change=change)
    assert play(house, BringPhones("ada", ("+491701234567",)), credential=SERVER) == outcome
    assert [one.address for one in house.vouched] == ["+491701234567"]


def test_a_server_brings_all_phones_or_none() -> None:
    house = hall()
    wrong = play(house, BringPhones("ada", ("+491701234567", "@")), credential=SERVER)
    assert wrong == Turned(Denial.VALUE_WRONG, "phones")
    assert denial(play(house, BringPhones("bob", ("+491701234567",)), credential=SERVER)) is Denial.NOBODY
    assert house.vouched == []


def test_devices_are_forgotten_by_their_owner_or_a_server() -> None:
    house = hall()
    assert play(house, ForgetDevices(), credential=OWNER) == Finished()
    assert play(house, ForgetDevices("ada"), credential=SERVER) == Finished()
    assert [(one.account, one.site) for one in house.forgotten] == [(ADA, SITE.name)] * 2


@pytest.mark.parametrize("command", [DropFactor(Factor.EMAIL), ResetFactors("ada"), ForgetDevices()], ids=str)
def test_nobody_changes_nothing(command: Command) -> None:
    house = hall(MAIL, PHONE, proved={Factor.EMAIL: 0})
    assert denial(play(house, command)) is Denial.NOBODY
    assert (house.withdrawn, house.forgotten) == ([], [])


def test_a_factor_of_an_account_that_has_changed_meanwhile_stays() -> None:
    house = hall(MAIL, proved={Factor.EMAIL: 0}, change=Change.STALE)
    assert denial(play(house, DropFactor(Factor.EMAIL), credential=OWNER)) is Denial.CHANGED
    assert house.told == []


def test_a_server_that_comes_while_the_account_changes_hears_that() -> None:
    house = hall(PHONE, passage=None)
    assert denial(play(house, ResetFactors("ada"), credential=SERVER)) is Denial.CHANGED
    assert house.withdrawn == []
