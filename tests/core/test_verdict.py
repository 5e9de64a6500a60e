"""Verdicts: what holds for every reason."""

import re

import pytest

from mfa_gateway.core.account import Factor, Proof
from mfa_gateway.core.pattern import Pattern, Wild
from mfa_gateway.core.policy import Access, Enforcement, Requirement, Rule
from mfa_gateway.core.verdict import Pass, Reason


@pytest.mark.parametrize("reason", Reason)
def test_a_reason_is_spelt_as_logs_and_headers_can_carry_it(reason: Reason) -> None:
    assert re.fullmatch(r"[a-z]+(?:_[a-z]+)*", reason.value)


def test_no_two_reasons_are_spelt_alike() -> None:
    assert len(Reason.__members__) == len(set(Reason))


@pytest.mark.parametrize(
    ("access", "enforcement", "is_protected"),
    [
        (Access.MFA, Enforcement.ENFORCED, True),
        (Access.MFA, Enforcement.SHADOW, False),
        (Access.OPEN, Enforcement.ENFORCED, False),
    ],
)
def test_what_a_rule_asks_and_carries_out_is_protected(
    access: Access, enforcement: Enforcement, *, is_protected: bool
) -> None:
    rule = Rule("one", (Pattern((Wild.REST,)),), Requirement(access, enforcement=enforcement))
    assert Pass(rule).is_protected == is_protected


def test_verdicts_that_let_through_alike_are_equal_in_any_epoch() -> None:
    rule = Rule("rule", (Pattern((Wild.REST,)),), Requirement(Access.MFA))
    one, other = Pass(rule, epoch=1), Pass(rule, epoch=2)
    assert one == other
    assert hash(one) == hash(other)
    assert one != Pass(rule, shown=Proof(Factor.TOTP, 1))
    assert one != rule
