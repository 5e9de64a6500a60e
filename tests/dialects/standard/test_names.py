import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mfa_gateway.core.account import Factor
from mfa_gateway.dialects.standard.names import LISTED, TYPES, read_id, wire_id

STORED = "0123456789abcdef01234567"


@pytest.mark.parametrize("factor", [Factor(name) for name in LISTED])
def test_an_id_is_read_back_as_it_was_written(factor: Factor) -> None:
    name = wire_id(factor, STORED)
    assert re.fullmatch("[0-9a-f]{26}", name)
    assert read_id(name) == (factor, STORED)


def test_no_two_factors_share_a_name() -> None:
    assert len({wire_id(Factor(name), STORED) for name in LISTED}) == len(LISTED)


def test_everything_but_backup_codes_is_listed_and_but_devices_can_be_begun() -> None:
    assert {*LISTED} == {factor.value for factor in Factor if factor is not Factor.BACKUP}
    assert {*TYPES.values()} == {*Factor} - {Factor.BACKUP, Factor.PUSH}


@pytest.mark.parametrize("text", ["", "0", "01", "00" + STORED, "05" + STORED, STORED])
def test_what_cannot_be_an_id_is_none(text: str) -> None:
    assert read_id(text if text != STORED else "ff" + STORED) is None


@given(st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    read = read_id(text)
    assert read is None or wire_id(*read) == text
