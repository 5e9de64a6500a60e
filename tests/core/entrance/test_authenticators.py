"""Authenticators and codes on paper: who is given one, and what its first code does."""

import pytest

from mfa_gateway.core.account import Factor
from mfa_gateway.core.ceremony import Pending
from mfa_gateway.core.entrance import Denial, EntranceTerms, Turned
from mfa_gateway.core.entrance.assertions import Mode
from mfa_gateway.core.entrance.authenticators import CountCodes, DrawSecret, PrintCodes, ShowAuthenticator
from mfa_gateway.core.entrance.second_outcomes import (
    CodesPrinted,
    SecretShown,
)
from mfa_gateway.core.gate import Terms
from tests.core.entrance.dwelling import errand
from tests.core.entrance.hall import OFFERING, TOTP, begin, denial, hall, play, token
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
