"""Authenticators and codes on paper: who is given one, and what its first code does."""

import pytest

from mfa_gateway.core.account import Factor, Inventory
from mfa_gateway.core.ceremony import Change, Pending
from mfa_gateway.core.entrance import Command, Denial, EntranceTerms, Turned
from mfa_gateway.core.entrance.assertions import Mode
from mfa_gateway.core.entrance.authenticators import (
    CountCodes,
    DrawSecret,
    PrintCodes,
    ShowAuthenticator,
    ShowBackupCode,
    TellAuthenticators,
)
from mfa_gateway.core.entrance.second_outcomes import CodesLeft, CodesPrinted, EnrolmentsTold, SecretShown
from mfa_gateway.core.gate import Terms
from mfa_gateway.core.proof import Redeemed
from tests.core.entrance.dwelling import errand
from tests.core.entrance.hall import MAIL, OFFERING, TOTP, begin, denial, hall, play, token
from tests.core.entrance.house import GOOD


def test_a_secret_is_drawn_for_whoever_may_have_one() -> None:
    house = hall()
    assertion = token(play(house, begin(Factor.TOTP, Mode.REGISTER)))
    shown = play(house, DrawSecret(assertion))
    assert isinstance(shown, SecretShown)
    assert ":ada@x.test?" in shown.uri
    token(play(house, ShowAuthenticator(assertion, GOOD, shown.ticket, "Tablet")))
    assert house.redeemed[0].enrolment == "dd"
    assert [one.name for one in house.renamed] == ["Tablet"]


def test_a_secret_that_is_not_pending_any_more_has_no_first_code() -> None:
    house = hall()
    assertion = token(play(house, begin(Factor.TOTP, Mode.REGISTER)))
    shown = play(house, DrawSecret(assertion))
    assert isinstance(shown, SecretShown)
    house.pending = Pending("ee", b"", b"")
    outcome = play(house, ShowAuthenticator(assertion, GOOD, shown.ticket))
    assert outcome == Turned(Denial.TICKET_BAD, "sctToken")


@pytest.mark.parametrize("name", ["x" * 65, "two\nlines"])
def test_a_name_that_cannot_be_shown_is_refused_before_the_code_is_spent(name: str) -> None:
    house = hall()
    assertion = token(play(house, begin(Factor.TOTP, Mode.REGISTER)))
    outcome = play(house, ShowAuthenticator(assertion, GOOD, "ticket", name))
    assert outcome == Turned(Denial.VALUE_WRONG, "name")
    assert house.redeemed == []


def test_a_name_may_have_64_characters() -> None:
    house = hall()
    assertion = token(play(house, begin(Factor.TOTP, Mode.REGISTER)))
    outcome = play(house, ShowAuthenticator(assertion, GOOD, "ticket", "x" * 64))
    assert outcome == Turned(Denial.TICKET_BAD, "sctToken")


def test_codes_are_printed_by_whoever_may_edit_an_authenticator() -> None:
    house = hall(TOTP, proved={Factor.TOTP: 0})
    editing = token(play(house, begin(Factor.TOTP, Mode.EDIT)))
    assert play(house, PrintCodes(editing)) == CodesPrinted(("CODE",) * 9)
    assert [one.factor for one in house.told] == [Factor.BACKUP]
    verifying = token(play(house, begin(Factor.TOTP)))
    for command in (PrintCodes(verifying), CountCodes(verifying)):
        assert denial(play(house, command)) is Denial.ASSERTION_BAD
    house.is_printable = False
    assert denial(play(house, PrintCodes(editing))) is Denial.CHANGED


def test_codes_that_are_switched_off_are_not_printed() -> None:
    house = hall(TOTP, proved={Factor.TOTP: 0})
    editing = token(play(house, begin(Factor.TOTP, Mode.EDIT)))
    terms = EntranceTerms(Terms(factors=frozenset({Factor.TOTP})))
    assert denial(house.play(errand(PrintCodes(editing), site=OFFERING), terms)) is Denial.SWITCHED_OFF


def test_an_account_that_has_changed_or_is_full_is_given_no_secret() -> None:
    for change, expected in ((Change.STALE, Denial.CHANGED), (Change.FULL, Denial.VALUE_WRONG)):
        house = hall(pending=change)
        assert denial(play(house, DrawSecret(token(play(house, begin(Factor.TOTP, Mode.REGISTER)))))) is expected


def test_an_authenticator_that_there_is_shows_its_code_without_a_ticket() -> None:
    house = hall(TOTP)
    token(play(house, ShowAuthenticator(token(play(house, begin(Factor.TOTP))), GOOD)))
    assert [one.enrolment for one in house.redeemed] == [""]
    assert (house.renamed, house.told) == ([], [])


def test_a_wrong_first_code_names_nothing() -> None:
    house = hall()
    assertion = token(play(house, begin(Factor.TOTP, Mode.REGISTER)))
    shown = play(house, DrawSecret(assertion))
    assert isinstance(shown, SecretShown)
    assert denial(play(house, ShowAuthenticator(assertion, "000000", shown.ticket, "Tablet"))) is Denial.CODE_WRONG
    assert house.renamed == []


def test_an_authenticator_without_a_name_gets_none() -> None:
    house = hall()
    assertion = token(play(house, begin(Factor.TOTP, Mode.REGISTER)))
    shown = play(house, DrawSecret(assertion))
    assert isinstance(shown, SecretShown)
    token(play(house, ShowAuthenticator(assertion, GOOD, shown.ticket)))
    assert house.renamed == []


def test_authenticators_are_told_and_nothing_else() -> None:
    house = hall(TOTP, MAIL)
    told = play(house, TellAuthenticators(token(play(house, begin(Factor.TOTP)))))
    assert told == EnrolmentsTold((TOTP,))


@pytest.mark.parametrize("left", [None, 0, 7])
def test_whoever_may_edit_learns_how_many_codes_are_left(left: int | None) -> None:
    house = hall(TOTP, proved={Factor.TOTP: 0})
    house.stock = Inventory((TOTP,), backup_left=left)
    assert play(house, CountCodes(token(play(house, begin(Factor.TOTP, Mode.EDIT))))) == CodesLeft(left or 0)


def test_a_backup_code_stands_in_for_an_authenticator_and_nothing_else_does() -> None:
    house = hall(TOTP, receipts={"KLMNOPQRST": Redeemed(Factor.BACKUP)})
    assertion = token(play(house, begin(Factor.TOTP)))
    token(play(house, ShowBackupCode(assertion, "KLMNOPQRST")))
    assert denial(play(house, ShowBackupCode(assertion, GOOD))) is Denial.CODE_WRONG
    assert [one.factors for one in house.redeemed] == [(Factor.BACKUP,), ()]


@pytest.mark.parametrize(
    "command",
    [
        TellAuthenticators("x"),
        DrawSecret("x"),
        ShowAuthenticator("x", GOOD),
        ShowAuthenticator("x", GOOD, "ticket"),
        PrintCodes("x"),
        CountCodes("x"),
        ShowBackupCode("x", GOOD),
    ],
    ids=str,
)
def test_nothing_is_told_or_spent_without_an_assertion(command: Command) -> None:
    house = hall(TOTP)
    assert denial(play(house, command)) is Denial.ASSERTION_BAD
    assert house.redeemed == []


def test_a_ticket_of_nobodys_has_no_first_code() -> None:
    house = hall()
    assertion = token(play(house, begin(Factor.TOTP, Mode.REGISTER)))
    outcome = play(house, ShowAuthenticator(assertion, GOOD, "a ticket of nobody's"))
    assert outcome == Turned(Denial.TICKET_BAD, "sctToken")
    assert house.redeemed == []


def test_a_driver_that_answers_something_else_is_told() -> None:
    house = hall(TOTP, proved={Factor.TOTP: 0})
    editing = token(play(house, begin(Factor.TOTP, Mode.EDIT)))
    house.stock = None  # type: ignore[assignment]
    for command in (CountCodes(editing), TellAuthenticators(editing)):
        with pytest.raises(TypeError, match="TakeStock was answered with a NoneType"):
            play(house, command)
