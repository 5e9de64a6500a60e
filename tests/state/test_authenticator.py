"""The codes of an authenticator: the vectors of the RFCs, the drift, and what a real program computes."""

import os
import shutil
import subprocess
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mfa_gateway.core.otp import Algorithm, TotpProfile, secret_text, totp_step
from mfa_gateway.state.authenticator import totp_candidates

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
def test_the_values_of_rfc_4226(counter: int, code: str) -> None:
    assert totp_candidates(SEED, counter * 30_000, TotpProfile(drift=0)) == ((counter, code),)


@pytest.mark.parametrize(
    ("seconds", "algorithm", "code"),
    [(row[0], algorithm, code) for row in TOTP_VECTORS for algorithm, code in zip(Algorithm, row[1:], strict=True)],
)
def test_the_values_of_rfc_6238(seconds: int, algorithm: Algorithm, code: str) -> None:
    profile = TotpProfile(algorithm, digits=8, drift=0)
    expected = ((seconds // 30, code),)
    assert totp_candidates(SEEDS[algorithm], seconds * 1000, profile) == expected
    assert totp_candidates(SEEDS[algorithm], seconds * 1000 + 999, profile) == expected


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
    exactly = TotpProfile(drift=0)
    assert candidates == tuple(pair for step in steps for pair in totp_candidates(SEED, step * 30_000, exactly))


@tried
@given(st.binary(min_size=16, max_size=80), st.integers(0, 2**43), st.integers(6, 8), st.sampled_from(Algorithm))
def test_a_code_is_ascii_digits_of_the_length_asked_for(
    secret: bytes, now_ms: int, digits: int, algorithm: Algorithm
) -> None:
    for _, code in totp_candidates(secret, now_ms, TotpProfile(algorithm, digits=digits)):
        assert (len(code), code.isascii(), code.isdigit()) == (digits, True, True)


# --- A real authenticator ----------------------------------------------------------------------


@pytest.fixture(scope="module")
def oathtool() -> str:
    """The program of Debian's package of that name. Missing is a skip that shows, and a failure in CI."""
    found = shutil.which("oathtool")
    if found is None and os.environ.get("CI") == "true":
        pytest.fail("no oathtool on the path")
    if found is None:
        pytest.skip("no oathtool on the path")
    return found


@pytest.mark.processes
@pytest.mark.parametrize("algorithm", Algorithm)
@pytest.mark.parametrize(("digits", "period"), [(6, 30), (7, 30), (8, 60)])
def test_a_real_authenticator_shows_the_same_code(
    oathtool: str, algorithm: Algorithm, digits: int, period: int
) -> None:
    secret = (SEED * 4)[: algorithm.secret_bytes]
    profile = TotpProfile(algorithm, digits=digits, period=period)
    for seconds in (1_111_111_109, 1_900_000_000):
        command = [oathtool, f"--totp={algorithm.value}", "--base32", f"--digits={digits}"]
        command += [f"--time-step-size={period}s", f"--now=@{seconds}", secret_text(secret)]
        shown = subprocess.run(command, capture_output=True, text=True, check=True, timeout=20).stdout.strip()
        assert dict(totp_candidates(secret, seconds * 1000, profile))[totp_step(seconds * 1000, profile)] == shown
