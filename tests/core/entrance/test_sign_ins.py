"""Logins that take one request: the password first, then the second factor, and a token of the session in the end."""

from dataclasses import replace

import pytest

from mfa_gateway.core.account import Factor, FactorState, Standing
from mfa_gateway.core.entrance import Denial, EntranceTerms, Errand, Outcome, Turned
from mfa_gateway.core.entrance.option_outcomes import CodeNeeded, SignedIn
from mfa_gateway.core.entrance.sign_ins import SignIn
from mfa_gateway.core.gate import Terms
from mfa_gateway.core.login import Renewal
from mfa_gateway.core.proof import (
    Banned,
    Budget,
    Effect,
    Purpose,
    Redeemed,
    Regulation,
    Rejected,
    Rejection,
    Rode,
    Scope,
)
from mfa_gateway.core.site import Tfa
from tests.core.entrance.callers_house import CallersHouse
from tests.core.entrance.house import ADA, GOOD, NOW, SITE

ACTIVE = FactorState.ACTIVE
WHO = SignIn("ada", "right")
WITH_CODE = replace(WHO, option=1, code=GOOD)
RULES = Regulation(max_retries=3)


@pytest.fixture
def house() -> CallersHouse:
    house = CallersHouse(passwords={("ada", "right"): ADA})
    house.known("ada")
    house.standing = Standing(epoch=7, factors={Factor.SMS: ACTIVE, Factor.TOTP: ACTIVE})
    house.receipts = {GOOD: Redeemed(Factor.SMS)}
    return house


def played(house: CallersHouse, command: SignIn) -> Outcome:
    return house.play(Errand(command, SITE, NOW), EntranceTerms(Terms(regulation=RULES)))


def test_without_a_factor_the_password_is_enough(house: CallersHouse) -> None:
    house.standing = Standing(epoch=7)
    assert played(house, replace(WHO, remembers=True)) == SignedIn(ADA, "minted", NOW + 3_600_000)
    assert (house.redeemed, house.carried, house.remembered) == ([], [], [])


def test_the_token_is_of_the_session_and_ends_with_it(house: CallersHouse) -> None:
    played(house, WITH_CODE)
    (minted,) = house.minted
    now = NOW // 1000
    assert (minted.kind, dict(minted.claims)) == (
        "JWT",
        {"iss": SITE.issuer, "sub": "ada", "sid": "5e5510", "iat": now, "exp": now + 3600},
    )


def test_where_a_factor_is_active_a_code_is_needed(house: CallersHouse) -> None:
    assert played(house, WHO) == CodeNeeded()
    assert house.minted == []


def test_a_factor_that_is_only_pending_asks_for_nothing(house: CallersHouse) -> None:
    house.standing = Standing(factors={Factor.SMS: FactorState.PENDING})
    assert isinstance(played(house, WHO), SignedIn)


def test_a_good_code_counts_in_the_session_that_begins(house: CallersHouse) -> None:
    assert isinstance(played(house, WITH_CODE), SignedIn)
    (redemption,), (carried,) = house.redeemed, house.carried
    assert (carried.account, carried.source, carried.target) == (ADA, redemption.session, "5e5510")
    assert (redemption.budget, redemption.purpose, redemption.effect, redemption.scope) == (
        Budget.STEP_UP,
        Purpose.GATE,
        Effect.OPEN,
        Scope.SESSION,
    )
    assert (redemption.account, redemption.epoch, redemption.ride, redemption.regulation) == (ADA, 7, None, RULES)
    assert redemption.factors == (Factor.SMS,)
    assert house.remembered == []


def test_a_code_on_paper_stands_in_for_any_option(house: CallersHouse) -> None:
    house.standing = replace(house.standing, factors={**house.standing.factors, Factor.BACKUP: ACTIVE})
    house.receipts = {"ABCDEFGHIJ": Redeemed(Factor.BACKUP)}
    assert isinstance(played(house, replace(WITH_CODE, code="ABCDEFGHIJ")), SignedIn)
    assert house.redeemed[0].factors == (Factor.BACKUP,)


@pytest.mark.parametrize(
    ("receipt", "ended"),
    [
        (Rejected(Rejection.WRONG), Turned(Denial.CODE_WRONG, "code")),
        (Rejected(Rejection.SPENT), Turned(Denial.CODE_WRONG, "code")),
        (Rejected(Rejection.WRONG, 900_000), Turned(Denial.CODE_WRONG, "code", 900_000, begins_ban=True)),
        (Rejected(Rejection.WRONG, 1), Turned(Denial.CODE_WRONG, "code", 1, begins_ban=True)),
        (Rejected(Rejection.STALE), Turned(Denial.CHANGED)),
        (Banned(60_000), Turned(Denial.CODES_LIMITED, "code", 60_000)),
    ],
)
def test_a_code_that_is_not_good_opens_no_session(
    house: CallersHouse, receipt: Rejected | Banned, ended: Outcome
) -> None:
    house.receipts = {GOOD: receipt}
    assert played(house, WITH_CODE) == ended
    assert "OpenSession" not in house.trips


def test_the_code_of_a_proof_would_do_where_the_store_says_so(house: CallersHouse) -> None:
    house.receipts = {GOOD: Rode(Factor.SMS, 5)}
    assert isinstance(played(house, WITH_CODE), SignedIn)


@pytest.mark.parametrize("option", [None, 2])
def test_a_code_of_no_option_is_not_looked_at(house: CallersHouse, option: int | None) -> None:
    assert played(house, replace(WITH_CODE, option=option)) == Turned(Denial.VALUE_WRONG, "option")
    assert house.redeemed == []


def test_with_a_wrong_password_neither_code_nor_token_is_looked_at(house: CallersHouse) -> None:
    house.devices = {"d0"}
    wrong = replace(WITH_CODE, password="wrong", device="d0")
    assert played(house, wrong) == Turned(Denial.PASSWORD_WRONG)
    assert house.trips == ["Attempt", "CheckPassword", "Settle"]


def test_whoever_wants_it_takes_along_a_secret_for_the_next_login(house: CallersHouse) -> None:
    signed = played(house, replace(WITH_CODE, remembers=True))
    assert isinstance(signed, SignedIn)
    assert signed.device == "d1"
    (remembered,) = house.remembered
    assert (remembered.account, remembered.site, remembered.device, remembered.epoch) == (ADA, SITE.name, "d1", 7)
    assert remembered.life_ms == 30 * 86_400_000


def test_where_nothing_is_remembered_no_secret_is_handed_out(house: CallersHouse) -> None:
    site = replace(SITE, tfa=Tfa(remember_ms=0))
    signed = house.play(Errand(replace(WITH_CODE, remembers=True), site, NOW))
    assert isinstance(signed, SignedIn)
    assert (signed.device, house.remembered) == ("", [])


def test_a_secret_that_is_remembered_stands_in_for_a_code_and_proves_nothing(house: CallersHouse) -> None:
    house.devices = {"d0"}
    signed = played(house, replace(WHO, device="d0", remembers=True))
    assert isinstance(signed, SignedIn)
    assert signed.device == ""
    assert (house.redeemed, house.carried, house.remembered) == ([], [], [])


def test_a_secret_that_is_not_remembered_is_as_good_as_none(house: CallersHouse) -> None:
    assert played(house, replace(WHO, device="d9")) == CodeNeeded()
    assert isinstance(played(house, replace(WITH_CODE, device="d9")), SignedIn)


def test_an_account_that_changes_meanwhile_is_not_logged_in(house: CallersHouse) -> None:
    house.stale_sessions = 1
    assert played(house, WITH_CODE) == Turned(Denial.CHANGED)
    assert house.minted == []


def test_a_driver_that_opens_something_else_is_a_mistake_of_ours(
    house: CallersHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(CallersHouse, "_OpenSession", lambda *_: None)
    with pytest.raises(TypeError, match="OpenSession was answered with a NoneType"):
        played(house, WITH_CODE)


# --- Another password -------------------------------------------------------------------------

ANEW = replace(WITH_CODE, new_password="another")


def test_a_new_password_takes_the_place_of_the_old_before_the_session_begins(house: CallersHouse) -> None:
    assert isinstance(played(house, ANEW), SignedIn)
    assert [(one.account, one.old, one.new) for one in house.renewed] == [(ADA, "right", "another")]
    assert house.trips.index("RenewPassword") < house.trips.index("OpenSession")


@pytest.mark.parametrize(
    ("renewal", "ended"),
    [
        (Renewal.STALE, Turned(Denial.CHANGED)),
        (Renewal.ELSEWHERE, Turned(Denial.SWITCHED_OFF, "new password")),
    ],
)
def test_where_the_password_stays_nobody_is_let_in(house: CallersHouse, renewal: Renewal, ended: Turned) -> None:
    house.renewal = renewal
    assert played(house, ANEW) == ended
    assert house.minted == []


def test_what_is_remembered_does_not_change_a_password(house: CallersHouse) -> None:
    house.devices = {"d0"}
    assert played(house, replace(WHO, device="d0", new_password="another")) == CodeNeeded()
    assert house.renewed == []


def test_a_wrong_code_changes_no_password(house: CallersHouse) -> None:
    assert played(house, replace(ANEW, code="000000")) == Turned(Denial.CODE_WRONG, "code")
    assert house.renewed == []
