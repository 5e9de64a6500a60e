"""Parameters of one-time passwords, how secrets are written down, and digests that no two lists of parts share."""

from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from mfa_gateway.core.otp import (
    LEAST_SECRET,
    TOTP_DEFAULT,
    Algorithm,
    TotpProfile,
    code_digest,
    code_text,
    otpauth_uri,
    read_secret,
    secret_text,
    totp_step,
)

tried = settings(deadline=None)


def test_what_authenticator_apps_speak_is_the_default() -> None:
    assert TotpProfile(Algorithm.SHA1, digits=6, period=30, drift=1) == TOTP_DEFAULT


@pytest.mark.parametrize(("now_ms", "step"), [(0, 0), (29_999, 0), (30_000, 1), (59_999, 1), (60_000, 2)])
def test_a_step_begins_with_its_first_millisecond(now_ms: int, step: int) -> None:
    assert totp_step(now_ms) == step


def test_a_step_is_as_long_as_the_profile_says() -> None:
    assert [totp_step(now_ms, TotpProfile(period=60)) for now_ms in (59_999, 60_000)] == [0, 1]


@pytest.mark.parametrize(("number", "digits", "text"), [(7, 6, "000007"), (0, 4, "0000"), (999_999, 6, "999999")])
def test_a_code_keeps_its_leading_zeros(number: int, digits: int, text: str) -> None:
    assert code_text(number, digits) == text


# --- Secrets, written down ---------------------------------------------------------------------


@pytest.mark.parametrize(("algorithm", "size"), list(zip(Algorithm, (20, 32, 64), strict=True)))
def test_a_secret_is_as_long_as_the_hash(algorithm: Algorithm, size: int) -> None:
    assert algorithm.secret_bytes == size


@tried
@given(st.binary(min_size=LEAST_SECRET, max_size=80))
def test_a_secret_that_was_written_down_is_read_again(secret: bytes) -> None:
    text = secret_text(secret)
    assert "=" not in text
    assert read_secret(text) == secret
    assert read_secret(" ".join(text.lower()[at : at + 4] for at in range(0, len(text), 4))) == secret


@pytest.mark.parametrize("text", ["", "JBSWY3DPEHPK3PXP", "0189" * 8, "JBSWY3DP" * 3 + "=8", "\u0661" * 32])
def test_what_is_no_secret_is_refused_without_being_shown(text: str) -> None:
    with pytest.raises(ValueError, match=r"base32|least is 16") as refusal:
        read_secret(text)
    assert not text or text not in str(refusal.value)


@tried
@given(
    st.binary(min_size=LEAST_SECRET, max_size=64),
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20),
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20),
)
def test_an_app_reads_from_the_uri_what_was_meant(secret: bytes, issuer: str, account: str) -> None:
    profile = TotpProfile(Algorithm.SHA256, digits=8, period=60)
    uri = urlsplit(otpauth_uri(secret, profile, issuer=issuer, account=account))
    assert (uri.scheme, uri.netloc) == ("otpauth", "totp")
    asked = {name: value for name, (value,) in parse_qs(uri.query, strict_parsing=True).items()}
    assert asked == {
        "secret": secret_text(secret),
        "issuer": issuer.replace(":", " "),
        "algorithm": "SHA256",
        "digits": "8",
        "period": "60",
    }
    assert unquote(uri.path[1:]) == f"{issuer.replace(':', ' ')}:{account}"


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


def test_the_digest_of_a_code_is_of_every_part_and_of_the_key() -> None:
    digests = {
        code_digest(key, *parts)
        for key in (b"one", b"two")
        for parts in (("gate", "123456"), ("gate", "123457"), ("pass", "123456"))
    }
    assert len(digests) == 6


def test_a_digest_that_is_in_a_store_is_found_again() -> None:
    """Made once and written down: another one would void every code on paper."""
    digest = "d19e4c5af96fe3815e3265340133188a45be12aab42271a92c72f848f6a06f1b"
    assert code_digest(b"key", "gate", "123456").hex() == digest
