"""What may be presented: shapes and limits."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mfa_gateway.core.account import AccountId, Factor
from mfa_gateway.core.proof import (
    MAX_PRESENTED,
    CodeShapes,
    Effect,
    Purpose,
    Redemption,
    Regulation,
    Scope,
    ShortCodes,
    canonical_code,
    is_short,
)

tried = settings(deadline=None)


DIGITS = [Factor.EMAIL, Factor.SMS, Factor.TOTP]


@pytest.mark.parametrize("factor", DIGITS)
@pytest.mark.parametrize("text", ["000000", "123456", "999999"])
def test_six_ascii_digits_can_be_a_code_of_every_factor_but_one(factor: Factor, text: str) -> None:
    assert CodeShapes().fits(text, factor)


# What a careless verifier takes for digits, or trims, or counts as a number (attack corpus, O03).
@pytest.mark.parametrize(
    "text",
    [
        *("", "12345", "123456789", " 12345", "12345 ", "123456\n", "\t23456", "+23456", "-23456", "1_3456", "12.456"),
        *("\uff11\uff12\uff13\uff14\uff15\uff16", "\u0661\u0662\u0663\u0664\u0665\u0666", "12345\u00b2", "12345\u2460"),
        *("\U0001d7ce" * 6, "1e0000", "0x1234", "12345\u200b", "12345\x00", "abcdef"),
    ],
)
@pytest.mark.parametrize("factor", Factor)
def test_nothing_else_can(factor: Factor, text: str) -> None:
    assert not CodeShapes().fits(text, factor)


@tried
@given(st.text(max_size=12) | st.text("0123456789", max_size=12), st.integers(1, 10), st.sampled_from(DIGITS))
def test_a_code_fits_exactly_when_it_is_so_many_ascii_digits(text: str, length: int, factor: Factor) -> None:
    lengths = range(6, 9) if factor is Factor.TOTP else [length]
    assert CodeShapes(sent=length).fits(text, factor) == (len(text) in lengths and set(text) <= set("0123456789"))


@pytest.mark.parametrize("text", ["ABCDEFGHIJ", "abcdefghij", "A234567234", "23456723aZ"])
def test_a_backup_code_is_ten_characters_of_base32_in_either_case(text: str) -> None:
    assert CodeShapes().fits(text, Factor.BACKUP)
    assert canonical_code(text, Factor.BACKUP) == text.upper()


@pytest.mark.parametrize(
    "text",
    ["ABCDEFGHI", "ABCDEFGHIJK", "ABCDEFGHI1", "ABCDE-FGHI", "ABCDEFGHI\n", "\u212aBCDEFGHIJ", "\u017fBCDEFGHI"],
)
def test_nothing_else_is_a_backup_code(text: str) -> None:
    assert not CodeShapes().fits(text, Factor.BACKUP)


@tried
@given(st.text("0123456789", max_size=20), st.integers(1, 12))
def test_no_code_of_digits_has_the_shape_of_a_backup_code(text: str, length: int) -> None:
    assert not CodeShapes(sent=length).fits(text, Factor.BACKUP)


def test_other_codes_are_taken_as_they_are() -> None:
    assert [canonical_code("123456", factor) for factor in DIGITS] == ["123456"] * 3


def test_a_long_text_is_refused_on_length_alone() -> None:
    shapes = CodeShapes(sent=MAX_PRESENTED + 1)
    assert not shapes.fits("1" * (MAX_PRESENTED + 1), Factor.EMAIL)


def test_a_redemption_does_not_show_secrets() -> None:
    redemption = Redemption(
        account=AccountId("shop", "jane"),
        epoch=0,
        purpose=Purpose.GATE,
        presented="hidden",
        factors=(),
        scope=Scope.SESSION,
        session="hidden",
        token="hidden",
        effect=Effect.OPEN,
        target=None,
        ride=None,
        keep_ms=0,
        regulation=Regulation(),
    )
    assert "hidden" not in repr(redemption)


# --- Short codes ----------------------------------------------------------------------------------


@given(st.text(max_size=12) | st.from_regex(r"[0-9]{1,12}", fullmatch=True), st.integers(4, 10))
def test_stricter_numbers_hold_exactly_for_what_is_compared_with_a_short_code(text: str, length: int) -> None:
    short = ShortCodes(tries=2, per_day=7)
    shapes = CodeShapes(sent=length, short=short)
    fitting = [factor for factor in Factor if shapes.fits(text, factor)]
    is_compared = Factor.EMAIL in fitting
    assert shapes.strictness(text, fitting) == (short if is_compared and length < 6 else None)


@given(st.sampled_from([4, 5]), st.sampled_from(["123456", "12345678", "ABCDEFGHIJ"]))
def test_codes_of_an_authenticator_and_those_on_paper_are_never_short(length: int, code: str) -> None:
    shapes = CodeShapes(sent=length)
    fitting = [factor for factor in Factor if shapes.fits(code, factor)]
    assert fitting
    assert shapes.strictness(code, fitting) is None


def test_a_text_that_is_compared_with_nothing_is_no_short_code() -> None:
    assert CodeShapes(sent=4).strictness("1234", ()) is None


@pytest.mark.parametrize("length", range(1, 11))
def test_a_code_is_short_below_six_digits(length: int) -> None:
    assert is_short("7" * length) == (length < 6)


def test_short_codes_survive_two_wrong_tries_and_a_day_has_ten() -> None:
    assert (ShortCodes().tries, ShortCodes().per_day) == (3, 10)


def test_a_code_may_be_as_long_as_what_may_be_presented() -> None:
    assert CodeShapes(sent=MAX_PRESENTED).fits("1" * MAX_PRESENTED, Factor.EMAIL)
    assert not CodeShapes(sent=MAX_PRESENTED + 1).fits("1" * (MAX_PRESENTED + 1), Factor.EMAIL)
