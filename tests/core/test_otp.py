"""One-time passwords against the vectors of their RFCs, and digests that no two lists of parts share."""

from typing import Final

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from mfa_gateway.core.otp import (
    TOTP_DEFAULT,
    Algorithm,
    TotpProfile,
    code_digest,
    code_text,
    hotp,
    totp_candidates,
    totp_step,
)

tried = settings(deadline=None)

# RFC 4226 appendix D, and RFC 6238 appendix B with erratum 2866: each algorithm has a seed of the length of its digest.
SEED: Final = b"12345678901234567890"
SEEDS: Final = {
    Algorithm.SHA1: SEED,
    Algorithm.SHA256: (SEED * 2)[:32],
    Algorithm.SHA512: (SEED * 4)[:64],
}
HOTP_VECTORS: Final = [
    *("755224", "287082", "359152", "969429", "338314"),
    *("254676", "287922", "162583", "399871", "520489"),
]
TOTP_VECTORS: Final = [
    (59, "94287082", "46119246", "90693936"),
    (1111111109, "07081804", "68084774", "25091201"),
    (1111111111, "14050471", "67062674", "99943326"),
    (1234567890, "89005924", "91819424", "93441116"),
    (2000000000, "69279037", "90698825", "38618901"),
    (20000000000, "65353130", "77737706", "47863826"),
]


@pytest.mark.parametrize(("counter", "code"), list(enumerate(HOTP_VECTORS)))
def test_hotp_gives_the_values_of_rfc_4226(counter: int, code: str) -> None:
    assert hotp(SEED, counter) == code


@pytest.mark.parametrize(
    ("seconds", "algorithm", "code"),
    [(row[0], algorithm, code) for row in TOTP_VECTORS for algorithm, code in zip(Algorithm, row[1:], strict=True)],
)
def test_totp_gives_the_values_of_rfc_6238(seconds: int, algorithm: Algorithm, code: str) -> None:
    profile = TotpProfile(algorithm, digits=8, drift=0)
    expected = ((seconds // 30, code),)
    assert totp_candidates(SEEDS[algorithm], seconds * 1000, profile) == expected
    assert totp_candidates(SEEDS[algorithm], seconds * 1000 + 999, profile) == expected


def test_what_authenticator_apps_speak_is_the_default() -> None:
    assert TotpProfile(Algorithm.SHA1, digits=6, period=30, drift=1) == TOTP_DEFAULT


@pytest.mark.parametrize(("now_ms", "step"), [(0, 0), (29_999, 0), (30_000, 1), (59_999, 1), (60_000, 2)])
def test_a_step_begins_with_its_first_millisecond(now_ms: int, step: int) -> None:
    assert totp_step(now_ms) == step


def test_a_step_is_as_long_as_the_profile_says() -> None:
    assert [totp_step(now_ms, TotpProfile(period=60)) for now_ms in (59_999, 60_000)] == [0, 1]


@pytest.mark.parametrize(
    ("now_ms", "drift", "steps"),
    [
        (300_000, 0, [10]),
        (300_000, 1, [9, 10, 11]),
        (329_999, 1, [9, 10, 11]),
        (330_000, 1, [10, 11, 12]),
        (300_000, 2, [8, 9, 10, 11, 12]),
        (0, 1, [0, 1]),
        (30_000, 2, [0, 1, 2, 3]),
    ],
)
def test_the_steps_within_the_drift_are_acceptable_oldest_first(now_ms: int, drift: int, steps: list[int]) -> None:
    candidates = totp_candidates(SEED, now_ms, TotpProfile(drift=drift))
    assert candidates == tuple((step, hotp(SEED, step)) for step in steps)


@pytest.mark.parametrize(("number", "digits", "text"), [(7, 6, "000007"), (0, 4, "0000"), (999_999, 6, "999999")])
def test_a_code_keeps_its_leading_zeros(number: int, digits: int, text: str) -> None:
    assert code_text(number, digits) == text


@tried
@given(st.binary(min_size=1, max_size=80), st.integers(0, 2**64 - 1), st.integers(1, 9), st.sampled_from(Algorithm))
def test_a_code_is_ascii_digits_of_the_length_asked_for(
    secret: bytes, counter: int, digits: int, algorithm: Algorithm
) -> None:
    code = hotp(secret, counter, digits=digits, algorithm=algorithm)
    assert (len(code), code.isascii(), code.isdigit()) == (digits, True, True)


# --- Digests ----------------------------------------------------------------------------------

parts = st.lists(st.text(st.characters(), max_size=6) | st.sampled_from(["", "\x00", "\ud800"]), max_size=4)


@tried
@given(parts, parts)
def test_no_two_lists_of_parts_share_a_digest(one: list[str], other: list[str]) -> None:
    assume(one != other)
    assert code_digest(b"key", *one) != code_digest(b"key", *other)


@tried
@given(st.lists(st.text(max_size=3), min_size=1, max_size=3), st.data())
def test_moving_the_border_between_parts_changes_the_digest(whole: list[str], data: st.DataObject) -> None:
    text = "".join(whole)
    at = data.draw(st.integers(0, len(text)))
    resplit = [text[:at], text[at:]]
    assert (code_digest(b"key", *whole) == code_digest(b"key", *resplit)) == (whole == resplit)


@tried
@given(parts)
def test_the_same_parts_under_another_key_have_another_digest(one: list[str]) -> None:
    assert code_digest(b"key", *one) == code_digest(b"key", *one) != code_digest(b"yek", *one)


def test_a_digest_is_of_the_length_of_sha_256() -> None:
    assert len(code_digest(b"key", "shop", "jane", "email", "gate", "123456")) == 32
