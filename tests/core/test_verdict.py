"""Verdicts: what holds for every reason."""

import re

import pytest

from mfa_gateway.core.verdict import Reason


@pytest.mark.parametrize("reason", Reason)
def test_a_reason_is_spelt_as_logs_and_headers_can_carry_it(reason: Reason) -> None:
    assert re.fullmatch(r"[a-z]+(?:_[a-z]+)*", reason.value)


def test_no_two_reasons_are_spelt_alike() -> None:
    assert len(Reason.__members__) == len(set(Reason))
