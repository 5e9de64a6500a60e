"""Tokens of devices that answer by themselves."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mfa_gateway.core.account import Factor
from mfa_gateway.core.proof import CodeShapes, Purpose
from mfa_gateway.core.push import (
    SUMMONS_MS,
    TOKEN_BYTES,
    Device,
    Platform,
    Summons,
    device_at,
    is_device_token,
    new_token,
    purpose_of,
)


@given(st.binary(min_size=TOKEN_BYTES, max_size=TOKEN_BYTES), st.sampled_from([Purpose.GATE, Purpose.ACTIVATE]))
def test_a_token_says_what_it_is_for(drawn: bytes, purpose: Purpose) -> None:
    assert purpose_of(new_token(purpose, drawn)) is purpose


def test_a_token_has_256_bits_and_two_minutes() -> None:
    assert (TOKEN_BYTES * 8, SUMMONS_MS) == (256, 120_000)


@pytest.mark.parametrize(
    "text",
    ["", "gate", "gate.", f"login.{'A' * 43}", f"gate.{'A' * 42}", f"gate.{'A' * 44}", f"gate.{'A' * 43}\n", "123456"],
)
def test_what_is_no_token_is_for_nothing(text: str) -> None:
    assert purpose_of(text) is None


def test_a_token_is_kept_for_one_assertion_and_no_other() -> None:
    token = new_token(Purpose.GATE, bytes(TOKEN_BYTES))
    one, other = Summons("a.b.c", "one"), Summons("a.b.c", "other")
    assert one.kept(token) != other.kept(token)
    assert one.kept(token).startswith(f"{token} ")


@given(st.sampled_from(Platform), st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=8))
def test_a_device_is_found_again_where_it_was_pinned(platform: Platform, token: str) -> None:
    assert device_at(Device(platform, token, "Telephone").address) == Device(platform, token)


def test_a_device_of_nobody_is_none() -> None:
    with pytest.raises(ValueError, match="pager"):
        device_at("pager:12345678")


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        ("x" * 8, True),
        ("x" * 1024, True),
        ("x" * 7, False),
        ("x" * 1025, False),
        ("with blank", False),
        ("é" * 8, False),
    ],
)
def test_a_push_service_calls_a_device_something_printable(text: str, *, is_one: bool) -> None:
    assert is_device_token(text) is is_one


@given(st.binary(min_size=TOKEN_BYTES, max_size=TOKEN_BYTES))
def test_nothing_that_is_typed_is_an_answer_of_a_device(drawn: bytes) -> None:
    for text in (new_token(Purpose.GATE, drawn), "123456", "ABCDEFGHIJ"):
        assert not CodeShapes().fits(text, Factor.PUSH)


def test_neither_assertion_nor_device_is_shown() -> None:
    assert "a.b.c" not in repr(Summons("a.b.c", "jti"))
    assert "secret-of-it" not in repr(Device(Platform.IOS, "secret-of-it"))
