"""Sessions as their owners use them: what a token says, what a log-out ends, and what devices are called."""

from dataclasses import replace
from typing import Any

import pytest

from mfa_gateway.core.entrance import Command, Denial, Finished, Outcome, Turned
from mfa_gateway.core.entrance.account_outcomes import DeviceNamed, Minted, PublicKeys
from mfa_gateway.core.entrance.own_sessions import (
    Acknowledge,
    ConfirmSession,
    LogOut,
    NameDevice,
    SignToken,
    TellKeys,
)
from tests.core.entrance.dwelling import OWNER, SERVER, Dwelling, errand, furnished
from tests.core.entrance.house import ADA, NOW

BEGUN = NOW // 1000


@pytest.fixture
def house() -> Dwelling:
    return furnished()


def claims(house: Dwelling, command: Command, credential: Any = OWNER) -> dict[str, object]:
    outcome = house.play(errand(command, credential))
    assert isinstance(outcome, Minted), outcome
    ((minted),) = house.minted
    assert minted.kind == "JWT"
    return dict(minted.claims)


# --- Tokens -----------------------------------------------------------------------------------


def test_a_token_names_the_session_and_its_owner(house: Dwelling) -> None:
    assert claims(house, SignToken()) == {
        "iss": "https://issuer.test/3_KEY/",
        "apiKey": "3_KEY",
        "iat": BEGUN,
        "exp": BEGUN + 300,
        "sub": "ada",
        "sid": "51",
    }


def test_a_token_says_whom_it_is_meant_for_and_how_long(house: Dwelling) -> None:
    said = claims(house, SignToken(life_ms=900_000, audience="shop"))
    assert (said["aud"], said["exp"]) == ("shop", BEGUN + 900)


def test_no_token_outlives_its_session() -> None:
    house = furnished()
    house.sessions["her token"] = replace(house.sessions["her token"], left_ms=60_000)
    assert claims(house, SignToken(life_ms=900_000))["exp"] == BEGUN + 60


def test_a_token_of_a_brief_session_is_brief() -> None:
    house = furnished()
    house.sessions["her token"] = replace(house.sessions["her token"], left_ms=10_000_000, brief_ms=60_000)
    assert claims(house, SignToken(life_ms=900_000))["exp"] == BEGUN + 300


def test_a_token_that_a_server_asks_for_names_no_session(house: Dwelling) -> None:
    said = claims(house, SignToken(subject="ada"), SERVER)
    assert said["sub"] == "ada"
    assert "sid" not in said


@pytest.mark.parametrize(
    ("credential", "subject", "denied"),
    [
        (None, "", Turned(Denial.NOBODY, "session")),
        (None, "ada", Turned(Denial.FORBIDDEN, "UID")),
        (OWNER, "bob", Turned(Denial.FORBIDDEN, "UID")),
        (SERVER, "nobody", Turned(Denial.NOBODY, "UID")),
    ],
)
def test_nobody_gets_a_token_for_somebody_else(house: Dwelling, credential: Any, subject: str, denied: Outcome) -> None:
    assert house.play(errand(SignToken(subject=subject), credential)) == denied
    assert house.minted == []


def test_what_is_known_of_a_person_is_said_under_the_name_it_was_asked_for_by(house: Dwelling) -> None:
    house.known(profile={"firstName": "Ada", "work": {"title": "Countess"}, "data": {"personId": "p1"}})
    asked = ("firstName", "profile.work.title", "data.personId", "email", "data.none", "lastName")
    outcome = house.play(errand(SignToken(asked), OWNER))
    assert outcome == Minted("minted", ("data.none", "lastName"))
    ((minted),) = house.minted
    assert {name: minted.claims[name] for name in asked[:4]} == {
        "firstName": "Ada",
        "profile.work.title": "Countess",
        "data.personId": "p1",
        "email": "ada@x.test",
    }
    assert minted.claims["email_verified"] is True


def test_nothing_that_a_person_wrote_passes_for_the_issuers_word(house: Dwelling) -> None:
    written = ("sub", "sid", "exp", "aud", "iss", "phone_number", "email_verified", "roles", "auth_time", "locale")
    house.known(profile=dict.fromkeys(written, "mine") | {"data": {"a": 1}})
    asked = (*written, "profile", "data", "profile.data.a", "", ".", "data.a.b")
    outcome = house.play(errand(SignToken(asked), OWNER))
    assert outcome == Minted("minted", asked)


def test_a_mailbox_comes_with_whether_it_was_verified(house: Dwelling) -> None:
    house.accounts["ada"] = replace(house.accounts["ada"], email_verified=False)
    assert claims(house, SignToken(("profile.email",)))["profile.email_verified"] is False


def test_who_has_no_mailbox_says_none(house: Dwelling) -> None:
    house.accounts["ada"] = replace(house.accounts["ada"], email=None)
    assert house.play(errand(SignToken(("email",)), OWNER)) == Minted("minted", ("email",))


def test_who_may_do_nothing_any_more_gets_no_token(house: Dwelling) -> None:
    house.accounts["ada"] = replace(house.accounts["ada"], is_disabled=True)
    assert house.play(errand(SignToken(), OWNER)) == Turned(Denial.DISABLED)


def test_anybody_is_told_the_keys(house: Dwelling) -> None:
    assert house.play(errand(TellKeys())) == PublicKeys(({"kty": "RSA", "kid": "k1"},))


# --- Their end --------------------------------------------------------------------------------


@pytest.mark.parametrize("subject", ["", "ada"])
def test_a_log_out_ends_the_window_of_the_account_and_then_the_session(house: Dwelling, subject: str) -> None:
    assert house.play(errand(LogOut(subject), OWNER)) == Finished()
    assert house.left == ["account of 51", "session 51"]
    assert house.ended == []


def test_a_server_ends_every_session_of_whom_it_names(house: Dwelling) -> None:
    assert house.play(errand(LogOut("ada"), SERVER)) == Finished()
    assert house.ended == [ADA]


def test_who_has_no_session_has_none_to_end(house: Dwelling) -> None:
    assert house.play(errand(LogOut())) == Finished()
    assert house.left == []


@pytest.mark.parametrize(
    ("credential", "subject", "denied"),
    [
        (None, "ada", Turned(Denial.FORBIDDEN, "UID")),
        (OWNER, "bob", Turned(Denial.FORBIDDEN, "UID")),
        (SERVER, "", Turned(Denial.VALUE_MISSING, "UID")),
    ],
)
def test_nobody_logs_somebody_else_out(house: Dwelling, credential: Any, subject: str, denied: Outcome) -> None:
    assert house.play(errand(LogOut(subject), credential)) == denied
    assert (house.left, house.ended) == ([], [])


def test_a_session_is_confirmed_to_its_owner_alone(house: Dwelling) -> None:
    assert house.play(errand(ConfirmSession(), OWNER)) == Finished()
    assert house.play(errand(ConfirmSession())) == Turned(Denial.NOBODY, "session")


def test_who_is_welcome_is_told_so(house: Dwelling) -> None:
    assert house.play(errand(Acknowledge(), SERVER)) == Finished()


# --- Devices ----------------------------------------------------------------------------------


def test_a_device_without_ids_gets_new_ones(house: Dwelling) -> None:
    named = house.play(errand(NameDevice()))
    assert named == DeviceNamed(f"gmid.ver4.{1:032x}", f"{2:032x}")


def test_a_device_keeps_the_ids_that_its_own_cookies_hold(house: Dwelling) -> None:
    mine = NameDevice("gmid.ver4.0123456789abcdef", "0123456789abcdef")
    assert house.play(errand(mine)) == DeviceNamed(mine.device, mine.user)
    assert house.trips == []


@pytest.mark.parametrize("brought", ["short", "0123456789abcdef; Domain=x", "0123456789\r\nabcdef", "é" * 20])
def test_what_could_not_stand_in_a_cookie_is_not_kept(house: Dwelling, brought: str) -> None:
    named = house.play(errand(NameDevice(brought, brought)))
    assert named == DeviceNamed(f"gmid.ver4.{1:032x}", f"{2:032x}")


def test_a_device_is_not_called_what_a_request_says(house: Dwelling) -> None:
    named = house.play(errand(NameDevice(), device="gmid.ver4.0123456789abcdef"))
    assert isinstance(named, DeviceNamed)
    assert named.device != "gmid.ver4.0123456789abcdef"
