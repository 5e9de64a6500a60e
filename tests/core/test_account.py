"""Accounts: states, addresses, and what it takes to change a factor."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mfa_gateway.core.account import (
    LEVELS,
    AccountId,
    Caller,
    Factor,
    FactorState,
    Person,
    Standing,
    sufficient_factors,
)

states = st.dictionaries(st.sampled_from(Factor), st.sampled_from(FactorState))


def standing(*active: Factor) -> Standing:
    return Standing(factors=dict.fromkeys(active, FactorState.ACTIVE))


def test_subjects_of_different_realms_never_meet() -> None:
    assert len({AccountId("a", "b:c"), AccountId("a:b", "c"), AccountId("b", "b:c")}) == 3


def test_a_factor_that_nothing_is_known_of_is_off() -> None:
    assert Standing().state(Factor.SMS) is FactorState.OFF


@given(states)
def test_only_active_factors_count_and_in_their_own_order(factors: dict[Factor, FactorState]) -> None:
    known = Standing(factors=factors)
    assert known.active() == tuple(factor for factor in Factor if known.state(factor) is FactorState.ACTIVE)


@pytest.mark.parametrize(
    ("factor", "address"), [(Factor.EMAIL, "jane@shop.test"), (Factor.SMS, "+4930123456"), (Factor.TOTP, None)]
)
def test_each_factor_has_its_own_address(factor: Factor, address: str | None) -> None:
    assert Person(email="jane@shop.test", phone="+4930123456").address(factor) == address


@pytest.mark.parametrize("factor", Factor)
def test_an_unknown_address_is_none(factor: Factor) -> None:
    assert Person().address(factor) is None


def test_every_factor_has_a_level_and_a_device_that_of_an_authenticator() -> None:
    assert [LEVELS[factor] for factor in (Factor.EMAIL, Factor.SMS, Factor.TOTP, Factor.PUSH)] == [10, 20, 30, 30]
    assert LEVELS.keys() == {*Factor}


@pytest.mark.parametrize(
    ("active", "target", "sufficient"),
    [
        ((), Factor.TOTP, ()),
        ((Factor.EMAIL,), Factor.TOTP, (Factor.EMAIL,)),
        ((Factor.EMAIL, Factor.SMS), Factor.TOTP, (Factor.SMS,)),
        ((Factor.EMAIL, Factor.SMS), Factor.EMAIL, (Factor.EMAIL, Factor.SMS)),
        ((Factor.EMAIL, Factor.TOTP), Factor.TOTP, (Factor.TOTP,)),
        ((Factor.EMAIL, Factor.TOTP), Factor.SMS, (Factor.TOTP,)),
        ((Factor.EMAIL, Factor.SMS, Factor.TOTP), Factor.SMS, (Factor.SMS, Factor.TOTP)),
    ],
)
def test_changing_a_factor_takes_its_level_or_the_highest_there_is(
    active: tuple[Factor, ...], target: Factor, sufficient: tuple[Factor, ...]
) -> None:
    assert sufficient_factors(standing(*active), target) == sufficient


@given(states, st.sampled_from(Factor))
def test_an_account_with_a_factor_can_always_change(factors: dict[Factor, FactorState], target: Factor) -> None:
    known = Standing(factors=factors)
    assert bool(sufficient_factors(known, target)) == bool(known.active())


def test_neither_sessions_nor_claims_nor_addresses_are_shown() -> None:
    caller = Caller(AccountId("shop", "jane"), session="hidden", token="hidden", claims={"email": "hidden"})
    person = Person(email="hidden", phone="hidden")
    known = Standing(sealed={Factor.EMAIL: b"hidden"})
    assert "hidden" not in repr((caller, person, known))
