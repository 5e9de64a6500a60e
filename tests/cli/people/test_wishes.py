import json

import pytest

from mfa_gateway.cli.people.lines import AccountLine, read_line
from mfa_gateway.cli.people.wishes import wanted_of
from mfa_gateway.core.account import AccountId, Factor, FactorState
from mfa_gateway.state import AccountRecord
from mfa_gateway.state.ledger import Held, Vouched, Wanted
from tests.cli.people.conftest import line

ADA = AccountId("shop", "ada")
NEW = Held(ADA, is_new=True, has_record=False)
THERE = Held(
    ADA,
    is_new=False,
    has_record=True,
    record=AccountRecord(
        "ada@example.test", email_verified=True, phone="+491701234567", phone_verified=True, locale="de"
    ),
    login_ids=("ada",),
    profile={"name": "Ada"},
    disabled=True,
    factors={Factor.EMAIL: FactorState.ACTIVE, Factor.SMS: FactorState.PENDING},
)
SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"


def asked(**keys: object) -> AccountLine:
    found = read_line(json.dumps(line(**keys)).encode(), realms={"shop"})  # type: ignore[arg-type]
    assert isinstance(found, AccountLine), found
    return found


def wanted(held: Held = THERE, **keys: object) -> Wanted:
    found = wanted_of(asked(**keys), held, password=None)
    assert isinstance(found, Wanted), found
    return found


def test_what_a_line_does_not_name_stays() -> None:
    found = wanted()
    assert (found.record, found.login_ids, found.profile) == (THERE.record, THERE.login_ids, THERE.profile)
    assert (found.disabled, found.vouched, found.removed) == (True, {}, frozenset())


def test_null_takes_away() -> None:
    found = wanted(login_ids=None, email=None, phone=None, locale=None, profile=None, factors=None)
    assert found == Wanted(AccountRecord(), disabled=True)


def test_another_address_is_not_verified_because_the_one_before_was() -> None:
    assert not wanted(email="eve@example.test", phone="+491709999999").record.email_verified
    assert not wanted(email="eve@example.test", phone="+491709999999").record.phone_verified
    assert wanted(email="ada@example.test").record.email_verified
    assert wanted(email="eve@example.test", email_verified=True).record.email_verified


def test_a_factor_is_made_active_with_what_proves_it() -> None:
    found = wanted(
        NEW,
        email="a@b.test",
        phone="+491701234567",
        factors=[{"type": "email"}, {"type": "sms"}, {"type": "totp", "secret": SECRET}],
    )
    assert found.vouched == {
        Factor.EMAIL: Vouched("a@b.test"),
        Factor.SMS: Vouched("+491701234567"),
        Factor.TOTP: Vouched(b"Hello!\xde\xad\xbe\xefHello!\xde\xad\xbe\xef"),
    }


def test_a_factor_that_is_active_stays_as_its_owner_has_it() -> None:
    assert wanted(email="new@example.test", factors=[{"type": "email"}]).vouched == {}


def test_a_pending_factor_is_made_active() -> None:
    assert wanted(factors=[{"type": "sms"}]).vouched == {Factor.SMS: Vouched("+491701234567")}


def test_a_factor_that_is_to_be_off_is_taken_away() -> None:
    assert wanted(factors=[{"type": "email", "state": "off"}]).removed == {Factor.EMAIL}


@pytest.mark.parametrize(
    ("factor", "lacks"), [("email", "there is no email"), ("sms", "there is no phone"), ("totp", "there is no secret")]
)
def test_a_factor_without_what_proves_it_is_a_problem(factor: str, lacks: str) -> None:
    found = wanted_of(asked(factors=[{"type": factor}]), NEW, password=None)
    assert found == (f"factors: {factor} is to be active, and {lacks}",)
