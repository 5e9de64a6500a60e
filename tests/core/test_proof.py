"""What may be presented: shapes and limits."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mfa_gateway.core.account import AccountId, Factor
from mfa_gateway.core.otp import TotpProfile
from mfa_gateway.core.proof import MAX_PRESENTED, CodeShapes, Effect, Purpose, Redemption, Regulation, Scope

tried = settings(deadline=None)


@pytest.mark.parametrize("factor", Factor)
@pytest.mark.parametrize("text", ["000000", "123456", "999999"])
def test_six_ascii_digits_can_be_a_code_of_any_factor(factor: Factor, text: str) -> None:
    assert CodeShapes().fits(text, factor)


# What a careless verifier takes for digits, or trims, or counts as a number (attack corpus, O03).
@pytest.mark.parametrize(
    "text",
    [
        *("", "12345", "1234567", " 12345", "12345 ", "123456\n", "\t23456", "+23456", "-23456", "1_3456", "12.456"),
        *("\uff11\uff12\uff13\uff14\uff15\uff16", "\u0661\u0662\u0663\u0664\u0665\u0666", "12345\u00b2", "12345\u2460"),
        *("\U0001d7ce" * 6, "1e0000", "0x1234", "12345\u200b", "12345\x00", "abcdef"),
    ],
)
@pytest.mark.parametrize("factor", Factor)
def test_nothing_else_can(factor: Factor, text: str) -> None:
    assert not CodeShapes().fits(text, factor)


@tried
@given(st.text(max_size=12) | st.text("0123456789", max_size=12), st.integers(1, 10), st.sampled_from(Factor))
def test_a_code_fits_exactly_when_it_is_so_many_ascii_digits(text: str, length: int, factor: Factor) -> None:
    shapes = CodeShapes(sent=length, totp=TotpProfile(digits=length))
    assert shapes.fits(text, factor) == (len(text) == length and set(text) <= set("0123456789"))


@pytest.mark.parametrize(("factor", "length"), [(Factor.EMAIL, 4), (Factor.SMS, 4), (Factor.TOTP, 8)])
def test_totp_has_a_length_of_its_own(factor: Factor, length: int) -> None:
    shapes = CodeShapes(sent=4, totp=TotpProfile(digits=8))
    assert [size for size in range(1, 12) if shapes.fits("1" * size, factor)] == [length]


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
