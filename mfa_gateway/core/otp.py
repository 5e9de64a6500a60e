"""One-time passwords: arithmetic on bytes that are handed in.

What stays out: drawing random codes (engine), keys and where digests are kept (state), which step was used last (the
store's script).
"""

import hashlib
import hmac
from dataclasses import dataclass
from enum import StrEnum


class Algorithm(StrEnum):
    """The hash of an HOTP value (RFC 6238 section 1.2)."""

    SHA1 = "sha1"
    SHA256 = "sha256"
    SHA512 = "sha512"


@dataclass(frozen=True, slots=True)
class TotpProfile:
    """The parameters of a TOTP factor (RFC 6238 section 4): seconds a step, steps of drift accepted each way."""

    algorithm: Algorithm = Algorithm.SHA1
    digits: int = 6
    period: int = 30
    drift: int = 1


# RFC 6238 section 4.1 and section 5.2: what every authenticator app speaks.
TOTP_DEFAULT = TotpProfile()


def hotp(secret: bytes, counter: int, *, digits: int = 6, algorithm: Algorithm = Algorithm.SHA1) -> str:
    """The HOTP value of `counter` (0 or more), with leading zeros; `digits` is 1 to 9 (RFC 4226 section 5.3)."""
    digest = hmac.digest(secret, counter.to_bytes(8, "big"), algorithm.value)
    offset = digest[-1] & 0x0F
    number = int.from_bytes(digest[offset : offset + 4], "big") & 0x7FFF_FFFF
    return code_text(number % 10**digits, digits)


def code_text(number: int, digits: int) -> str:
    """A code as it is typed: `digits` ASCII digits."""
    return f"{number:0{digits}d}"


def totp_step(now_ms: int, profile: TotpProfile = TOTP_DEFAULT) -> int:
    """The step that a moment (milliseconds since 1970) lies in (RFC 6238 section 4.2)."""
    return now_ms // (profile.period * 1000)


def totp_candidates(secret: bytes, now_ms: int, profile: TotpProfile = TOTP_DEFAULT) -> tuple[tuple[int, str], ...]:
    """The (step, code) pairs acceptable at a moment, oldest first (RFC 6238 section 5.2 and section 6)."""
    now = totp_step(now_ms, profile)
    steps = range(max(now - profile.drift, 0), now + profile.drift + 1)
    return tuple((step, hotp(secret, step, digits=profile.digits, algorithm=profile.algorithm)) for step in steps)


def code_digest(key: bytes, *parts: str) -> bytes:
    """The keyed digest of a code with all it is bound to. Lengths are hashed too, so no two lists of parts meet."""
    mac = hmac.new(key, digestmod=hashlib.sha256)
    for part in parts:
        encoded = part.encode("utf-8", "surrogatepass")
        mac.update(len(encoded).to_bytes(8, "big"))
        mac.update(encoded)
    return mac.digest()
