"""The authenticator: the codes that an app would show, around a moment.

Candidates are made here and compared in the script, which knows the last step that was used and compares, counts and
consumes at once. A presented code has the shape of one before it comes this far. What stays out: secrets at rest
(enrolments) and which step was used last (redeem.lua).
"""

import base64
import hashlib
from collections.abc import Callable, Mapping
from typing import Any, Final

import pyotp

from mfa_gateway.core.otp import TOTP_DEFAULT, Algorithm, TotpProfile, totp_step

_HASHES: Final[Mapping[Algorithm, Callable[..., Any]]] = {
    Algorithm.SHA1: hashlib.sha1,
    Algorithm.SHA256: hashlib.sha256,
    Algorithm.SHA512: hashlib.sha512,
}


def totp_candidates(secret: bytes, now_ms: int, profile: TotpProfile = TOTP_DEFAULT) -> tuple[tuple[int, str], ...]:
    """The (step, code) pairs acceptable at a moment, oldest first (RFC 6238 section 5.2 and section 6)."""
    app = pyotp.TOTP(
        base64.b32encode(secret).decode("ascii"),
        digits=profile.digits,
        digest=_HASHES[profile.algorithm],
        interval=profile.period,
    )
    now = totp_step(now_ms, profile)
    steps = range(max(now - profile.drift, 0), now + profile.drift + 1)
    return tuple((step, app.generate_otp(step)) for step in steps)
