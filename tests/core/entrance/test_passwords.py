"""Passwords as a first factor: who is known by one, what counts, and that nothing tells known from unknown before."""

from typing import Any

import pytest

from mfa_gateway.core.account import AccountId, Standing
from mfa_gateway.core.entrance import Denial, EntranceTerms, Turned, Visit
from mfa_gateway.core.entrance.passwords import attempts_at, check_password
from mfa_gateway.core.entrance.steps import stand_in
from mfa_gateway.core.entrance.visitors import Stranger
from mfa_gateway.core.entrance.words import Portrait
from mfa_gateway.core.gate import KnownBy, Terms
from mfa_gateway.core.proof import Budget, Regulation
from tests.core.entrance.house import ADA, NOW, SITE, House

RULES = Regulation(max_retries=3)


def tried(house: House, login: str = "ada", password: str = "right", **more: Any) -> Portrait | Turned:
    visit = Visit(SITE, Stranger(), NOW, terms=EntranceTerms(Terms(regulation=RULES, **more)))
    outcome: Any = house._played(check_password(visit, login, password))
    assert isinstance(outcome, Portrait | Turned)
    return outcome


@pytest.fixture
def house() -> House:
    house = House(passwords={("ada", "right"): ADA})
    house.known("ada")
    return house


def test_name_and_password_tell_who_it_is(house: House) -> None:
    assert tried(house) == house.accounts["ada"]
    assert [(one.account, one.budget, one.was_right) for one in house.settled] == [
        (attempts_at("people", "ada"), Budget.FIRST_FACTOR, True)
    ]


def test_somebody_of_whom_nothing_is_on_record_is_known_by_the_account_alone(house: House) -> None:
    house.accounts.clear()
    assert tried(house) == Portrait(ADA)


@pytest.mark.parametrize(("login", "password"), [("ada", "wrong"), ("nobody", "right"), ("nobody", "wrong"), ("", "")])
def test_unknown_and_wrong_are_one_answer_at_one_cost(house: House, login: str, password: str) -> None:
    assert tried(house, login, password) == Turned(Denial.PASSWORD_WRONG)
    assert house.trips == ["Attempt", "CheckPassword", "Settle"]
    assert [(one.account, one.was_right) for one in house.settled] == [(attempts_at("people", login), False)]


@pytest.mark.parametrize("left_ms", [60_000])
def test_whoever_tried_too_often_is_compared_with_nothing(house: House, left_ms: int) -> None:
    house.left_ms = left_ms
    assert tried(house) == Turned(Denial.PASSWORDS_LIMITED, retry_after_ms=left_ms)
    assert house.trips == ["Attempt"]


@pytest.mark.parametrize("ban_ms", [1, 900_000])
def test_the_attempt_that_brings_a_ban_says_so(house: House, ban_ms: int) -> None:
    house.password_ban_ms = ban_ms
    assert tried(house, password="wrong") == Turned(Denial.PASSWORD_WRONG, retry_after_ms=ban_ms, begins_ban=True)
    assert house.attempts[0].regulation == house.settled[0].regulation == RULES


def test_a_disabled_account_is_a_wrong_password_by_its_standing(house: House) -> None:
    house.standing = Standing(disabled=True)
    assert tried(house) == Turned(Denial.PASSWORD_WRONG)
    assert not house.settled[0].was_right


def test_a_disabled_account_is_a_wrong_password_by_the_directory(house: House) -> None:
    house.accounts["ada"] = Portrait(ADA, is_disabled=True)
    assert tried(house) == Turned(Denial.PASSWORD_WRONG)
    assert not house.settled[0].was_right


def test_an_account_that_is_not_on_record_is_a_wrong_password_where_it_has_to_be(house: House) -> None:
    assert tried(house, known_by=KnownBy.RECORD) == Turned(Denial.PASSWORD_WRONG)


@pytest.mark.parametrize("spelling", ["ADA", " ada ", "\uff41da"])
def test_every_spelling_of_a_name_counts_as_that_name(spelling: str) -> None:
    assert attempts_at("people", spelling) == attempts_at("people", "ada")


def test_attempts_of_realms_accounts_and_newcomers_never_meet() -> None:
    counted = attempts_at("people", "ada")
    assert counted not in {AccountId("people", "ada"), stand_in("people", "ada"), attempts_at("others", "ada")}


def test_all_that_is_no_name_counts_together() -> None:
    assert attempts_at("people", "a\x00b") == attempts_at("people", "x" * 300)
