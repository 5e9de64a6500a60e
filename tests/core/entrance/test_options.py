"""Single factors under numbers: who may see, use, add and remove them, and what each of that takes."""

from dataclasses import replace
from typing import Any

import pytest

from mfa_gateway.core.account import AccountId, Anonymous, Awaited, Caller, Enrolment, Factor, Inventory
from mfa_gateway.core.ceremony import Action, Begun, Challenged, Failed, Stock
from mfa_gateway.core.entrance import Command, Denial, Errand, Finished, Outcome, Turned
from mfa_gateway.core.entrance.option_outcomes import (
    ChallengeBegun,
    CodeNeeded,
    OptionAdded,
    OptionsListed,
    SecretDrawn,
)
from mfa_gateway.core.entrance.options import (
    AddAddress,
    AddAuthenticator,
    ByPassword,
    ByToken,
    ChallengeOption,
    ConfirmOption,
    ListOptions,
    RemoveOption,
    challenge_number,
    option_number,
    turned,
)
from mfa_gateway.core.entrance.words import Portrait
from mfa_gateway.core.proof import Scope
from mfa_gateway.core.verdict import Reason
from tests.core.entrance.callers_house import CALLER, SMS, TOTP, CallersHouse
from tests.core.entrance.house import ADA, NOW, SITE

WHO = ByPassword("ada", "right")
OWNER = ByToken("ada")
NUMBER = "+40768248202"
PENDING = Enrolment(Factor.SMS, "abcdefabcdef0123456789ab", "", NUMBER)

COMMANDS: list[Command] = [
    ListOptions(OWNER),
    AddAddress(OWNER, Factor.SMS, NUMBER),
    AddAuthenticator(OWNER),
    ConfirmOption(OWNER, Factor.SMS, 1, "123456"),
    RemoveOption(OWNER, 1, "right", "123456"),
]


@pytest.fixture
def house() -> CallersHouse:
    house = CallersHouse(passwords={("ada", "right"): ADA})
    house.known("ada", login_ids=("ada", "ada@x.test"))
    return house


def played(house: CallersHouse, command: Command) -> Outcome:
    return house.play(Errand(command, SITE, NOW, client="192.0.2.1", languages=("ro",)))


def told(action: Action, factor: Factor | None = None, **more: Any) -> dict[str, Any]:
    return {"action": action, "factor_name": None if factor is None else factor.value, **more}


def asked(house: CallersHouse) -> dict[str, Any]:
    """The last ceremony, as far as a test is about it."""
    command = house.performed[-1]
    said = {"action": command.action, "factor_name": command.factor_name}
    more = {name: getattr(command, name) for name in ("code", "enrolment", "ticket", "address")}
    return said | {name: value for name, value in more.items() if value}


# --- Numbers ----------------------------------------------------------------------------------


def test_the_number_of_an_option_is_of_its_id_and_keeps_to_52_bits() -> None:
    assert (option_number(SMS.id), option_number(TOTP.id)) == (1, 3)
    assert option_number("f" * 24) == 2**52 - 1


def test_a_challenge_is_never_called_like_an_option() -> None:
    assert challenge_number(SMS.id) not in {option_number(SMS.id), challenge_number(TOTP.id)}
    assert 0 <= challenge_number(SMS.id) < 2**52


# --- Who asks ---------------------------------------------------------------------------------


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize(
    ("found", "denied"),
    [
        (Anonymous.NO_CREDENTIAL, Turned(Denial.NOBODY, "token")),
        (Anonymous.BAD_CREDENTIAL, Turned(Denial.NOBODY, "token")),
        (Anonymous.TWO_CREDENTIALS, Turned(Denial.NOBODY, "token")),
        (Anonymous.UNDECIDED, Turned(Denial.UNAVAILABLE, retry_after_ms=1000)),
        (replace(CALLER, account=AccountId("people", "bob")), Turned(Denial.NOBODY, "account")),
        (replace(CALLER, account=AccountId("others", "ada")), Turned(Denial.NOBODY, "account")),
    ],
)
def test_whoever_is_not_the_owner_gets_nowhere(
    house: CallersHouse, command: Command, found: Caller | Anonymous, denied: Turned
) -> None:
    house.identification = found
    assert played(house, command) == denied
    assert house.trips == ["Identify"]


def test_without_a_name_the_credential_says_whose_account_it_is(house: CallersHouse) -> None:
    house.ends = Begun("id", "SECRET", "otpauth://")
    assert played(house, AddAuthenticator(ByToken(""))) == SecretDrawn("SECRET", "otpauth://")


@pytest.mark.parametrize(
    "command", [ListOptions(replace(WHO, password="no")), ChallengeOption(replace(WHO, login="no"), 1)]
)
def test_with_a_wrong_password_nothing_is_looked_at(house: CallersHouse, command: Command) -> None:
    assert played(house, command) == Turned(Denial.PASSWORD_WRONG)
    assert house.trips == ["Attempt", "CheckPassword", "Settle"]


# --- Listing and challenging ------------------------------------------------------------------


def test_the_owner_is_shown_the_whole_list(house: CallersHouse) -> None:
    house.ends = Stock(house.inventory)
    assert played(house, ListOptions(OWNER)) == OptionsListed((SMS, TOTP), is_whole=True)
    assert played(house, ListOptions(WHO)) == OptionsListed((SMS, TOTP), is_whole=False)
    assert [command.caller.session for command in house.performed] == ["5e55", ""]


def test_a_list_that_cannot_be_had_is_told_so(house: CallersHouse) -> None:
    house.ends = Failed(Reason.STORE_UNAVAILABLE, 1000)
    assert played(house, ListOptions(OWNER)) == Turned(Denial.UNAVAILABLE, "account", 1000)


def test_a_code_is_sent_to_the_option_that_was_chosen(house: CallersHouse) -> None:
    assert played(house, ChallengeOption(WHO, 1)) == Finished()
    assert asked(house) == told(Action.TRIGGER, Factor.SMS, enrolment=SMS.id)
    assert house.performed[0].languages == ("ro",)


def test_an_option_of_nobody_is_challenged_for_nothing(house: CallersHouse) -> None:
    assert played(house, ChallengeOption(WHO, 2)) == Turned(Denial.VALUE_WRONG, "option")
    assert house.performed == []


# --- Adding -----------------------------------------------------------------------------------


def test_a_number_becomes_pending_and_is_called_by_its_challenge(house: CallersHouse) -> None:
    house.ends = Challenged(Factor.SMS, PENDING.id, NUMBER, 600_000)
    assert played(house, AddAddress(OWNER, Factor.SMS, NUMBER, "123456")) == ChallengeBegun(
        challenge_number(PENDING.id)
    )
    assert asked(house) == told(Action.ADD, Factor.SMS, code="123456", address=NUMBER)
    assert (house.performed[0].scope, house.performed[0].caller) == (Scope.SESSION, CALLER)


def test_what_is_no_number_begins_nothing(house: CallersHouse) -> None:
    assert played(house, AddAddress(OWNER, Factor.SMS, "a@b")) == Turned(Denial.VALUE_WRONG, "address")
    assert house.performed == []


@pytest.mark.parametrize(
    ("failed", "ended"),
    [
        (Failed(Reason.CODE_MISSING), CodeNeeded()),
        (Failed(Reason.LOGIN_STALE), Turned(Denial.LOGIN_STALE, "address")),
        (Failed(Reason.ALREADY_ACTIVE), Turned(Denial.TAKEN, "address")),
        (Failed(Reason.SEND_LIMITED, 29_000), Turned(Denial.SENDS_LIMITED, "address", 29_000)),
        (Failed(Reason.CODE_INVALID), Turned(Denial.CODE_WRONG, "code")),
        (Failed(Reason.CODE_INVALID, 900_000), Turned(Denial.CODE_WRONG, "code", 900_000, begins_ban=True)),
        (Failed(Reason.CODE_INVALID, 1), Turned(Denial.CODE_WRONG, "code", 1, begins_ban=True)),
        (Failed(Reason.ACCOUNT_DISABLED), Turned(Denial.NOBODY, "account")),
        (Failed(Reason.NOT_FOUND), Turned(Denial.UNAVAILABLE, "address")),
    ],
)
def test_a_ceremony_that_fails_says_why(house: CallersHouse, failed: Failed, ended: Outcome) -> None:
    house.ends = failed
    assert played(house, AddAddress(OWNER, Factor.SMS, NUMBER)) == ended


def test_an_authenticator_takes_a_code_of_what_there_is(house: CallersHouse) -> None:
    house.ends = Failed(Reason.CODE_MISSING)
    assert played(house, AddAuthenticator(OWNER)) == CodeNeeded()
    house.ends = Begun("id", "SECRET", "otpauth://")
    assert played(house, AddAuthenticator(OWNER, "123456")) == SecretDrawn("SECRET", "otpauth://")
    assert asked(house) == told(Action.ADD, Factor.TOTP, code="123456")


def test_the_first_code_makes_a_number_active(house: CallersHouse) -> None:
    house.inventory = Inventory(awaited=(Awaited(PENDING, 1000),))
    confirm = ConfirmOption(OWNER, Factor.SMS, challenge_number(PENDING.id), "123456")
    assert played(house, confirm) == OptionAdded(option_number(PENDING.id))
    assert asked(house) == told(Action.CONFIRM, Factor.SMS, code="123456", ticket=PENDING.id)


def test_an_authenticator_that_waits_needs_no_challenge(house: CallersHouse) -> None:
    house.inventory = Inventory(awaited=(Awaited(PENDING, 1000), Awaited(TOTP, 1000)))
    assert played(house, ConfirmOption(OWNER, Factor.TOTP, None, "123456")) == OptionAdded(3)
    assert asked(house)["ticket"] == TOTP.id


@pytest.mark.parametrize("challenge", [0, option_number(PENDING.id), challenge_number(SMS.id)])
def test_another_challenge_confirms_nothing(house: CallersHouse, challenge: int) -> None:
    house.inventory = Inventory(awaited=(Awaited(PENDING, 1000),))
    ended = played(house, ConfirmOption(OWNER, Factor.SMS, challenge, "123456"))
    assert ended == Turned(Denial.TICKET_BAD, "challenge")
    assert house.performed == []


def test_where_nothing_waits_nothing_is_confirmed(house: CallersHouse) -> None:
    assert played(house, ConfirmOption(OWNER, Factor.TOTP, None, "1")) == Turned(Denial.TICKET_BAD, "secret")


@pytest.mark.parametrize(
    ("factor", "challenge", "about"),
    [(Factor.SMS, challenge_number(PENDING.id), "challenge"), (Factor.TOTP, None, "secret")],
)
def test_a_wrong_first_code_is_about_what_was_begun(
    house: CallersHouse, factor: Factor, challenge: int | None, about: str
) -> None:
    house.inventory = Inventory(awaited=(Awaited(PENDING, 1000), Awaited(TOTP, 1000)))
    for reason, denial in ((Reason.CODE_INVALID, Denial.CODE_WRONG), (Reason.BANNED, Denial.CODES_LIMITED)):
        house.ends = Failed(reason)
        assert played(house, ConfirmOption(OWNER, factor, challenge, "1")) == Turned(denial, about)
    house.ends = Failed(Reason.FACTOR_NOT_FOUND)
    assert played(house, ConfirmOption(OWNER, factor, challenge, "1")) == Turned(Denial.VALUE_WRONG, about)


# --- Removing ---------------------------------------------------------------------------------


def test_a_removal_takes_password_and_code(house: CallersHouse) -> None:
    assert played(house, RemoveOption(OWNER, 1, "right", "123456")) == Finished()
    assert asked(house) == told(Action.REMOVE, Factor.SMS, code="123456", enrolment=SMS.id)


def test_a_removal_with_a_wrong_password_spends_no_code(house: CallersHouse) -> None:
    assert played(house, RemoveOption(OWNER, 1, "wrong", "123456")) == Turned(Denial.PASSWORD_WRONG)
    assert house.performed == []
    assert [one.account.subject for one in house.attempts] == ["ada"]


def test_a_removal_without_a_code_says_that_one_is_needed(house: CallersHouse) -> None:
    house.ends = Failed(Reason.CODE_MISSING)
    assert played(house, RemoveOption(OWNER, 1, "right")) == CodeNeeded()


def test_an_option_of_nobody_is_not_removed(house: CallersHouse) -> None:
    assert played(house, RemoveOption(OWNER, 2, "right", "123456")) == Turned(Denial.VALUE_WRONG, "option")


def test_the_password_of_somebody_else_removes_nothing(house: CallersHouse) -> None:
    house.passwords["ada", "right"] = AccountId("people", "bob")
    assert played(house, RemoveOption(OWNER, 1, "right", "123456")) == Turned(Denial.PASSWORD_WRONG)


@pytest.mark.parametrize("portrait", [None, Portrait(ADA)])
def test_who_has_no_name_on_record_is_known_by_the_subject(house: CallersHouse, portrait: Portrait | None) -> None:
    house.accounts = {} if portrait is None else {"ada": portrait}
    assert played(house, RemoveOption(OWNER, 1, "right", "123456")) == Finished()


def test_every_reason_of_a_ceremony_has_an_end_here() -> None:
    for reason in Reason:
        ended = turned(Failed(reason), "option")
        assert isinstance(ended, CodeNeeded) if reason is Reason.CODE_MISSING else isinstance(ended, Turned)


@pytest.mark.parametrize(
    ("wrong", "need"), [({"identification": None}, "Identify"), ({"inventory": None}, "TakeStock")]
)
def test_a_driver_that_answers_something_else_is_a_mistake_of_ours(
    house: CallersHouse, wrong: dict[str, Any], need: str
) -> None:
    for name, value in wrong.items():
        setattr(house, name, value)
    with pytest.raises(TypeError, match=f"{need} was answered with a NoneType"):
        played(house, RemoveOption(OWNER, 1, "right", "123456"))
