"""One-time passwords: their parameters and how their secrets are written down, and keyed digests of codes.

What stays out: drawing random codes (engine), the codes of an authenticator, keys and where digests are kept (state),
which step was used last (the store's script).
"""

import base64
import hashlib
import hmac
from dataclasses import dataclass
from enum import StrEnum
from typing import Final
from urllib.parse import quote, urlencode

# RFC 4226 section 4, R6: a shared secret has at least 128 bits.
LEAST_SECRET: Final = 16


class Algorithm(StrEnum):
    """The hash of an HOTP value (RFC 6238 section 1.2)."""

    SHA1 = "sha1"
    SHA256 = "sha256"
    SHA512 = "sha512"

    @property
    def secret_bytes(self) -> int:
        """How long a secret should be: as long as the hash (RFC 6238 section 5.1, RFC 4226 section 4, R6)."""
        return hashlib.new(self.value, usedforsecurity=False).digest_size


@dataclass(frozen=True, slots=True)
class TotpProfile:
    """The parameters of a TOTP factor (RFC 6238 section 4): seconds a step, steps of drift accepted each way."""

    algorithm: Algorithm = Algorithm.SHA1
    digits: int = 6
    period: int = 30
    drift: int = 1


# RFC 6238 section 4.1 and section 5.2: what every authenticator app speaks.
TOTP_DEFAULT = TotpProfile()


def code_text(number: int, digits: int) -> str:
    """A code as it is typed: `digits` ASCII digits."""
    return f"{number:0{digits}d}"


def totp_step(now_ms: int, profile: TotpProfile = TOTP_DEFAULT) -> int:
    """The step that a moment (milliseconds since 1970) lies in (RFC 6238 section 4.2)."""
    return now_ms // (profile.period * 1000)


def otpauth_uri(secret: bytes, profile: TotpProfile = TOTP_DEFAULT, *, issuer: str, account: str) -> str:
    """What an authenticator app scans: the secret, its parameters, and two names to find it by.

    Every parameter is written, the usual ones too: apps differ in what they take for granted. A colon parts the names,
    so that of the issuer loses its own.
    """
    issuer = issuer.replace(":", " ")
    label = f"{quote(issuer, safe='')}:{quote(account, safe='@')}"
    asked = {
        "secret": secret_text(secret),
        "issuer": issuer,
        "algorithm": profile.algorithm.value.upper(),
        "digits": str(profile.digits),
        "period": str(profile.period),
    }
    return f"otpauth://totp/{label}?{urlencode(asked, quote_via=quote)}"


def secret_text(secret: bytes) -> str:
    """A secret as people type it into an app: base32 without padding (RFC 4648 section 6)."""
    return base64.b32encode(secret).decode("ascii").rstrip("=")


def read_secret(text: str) -> bytes:
    """A secret as apps and other systems write it: base32, spaces, hyphens and case free, padding left out.

    Raises:
        ValueError: it is not base32, or shorter than a shared secret may be. The text is not shown.
    """
    compact = text.replace(" ", "").replace("-", "").upper().rstrip("=")
    try:
        secret = base64.b32decode(compact + "=" * (-len(compact) % 8))
    except ValueError:
        raise ValueError("is not base32") from None
    if len(secret) < LEAST_SECRET:
        raise ValueError(f"has {len(secret)} bytes; the least is {LEAST_SECRET} (RFC 4226 section 4, R6)")
    return secret


def code_digest(key: bytes, *parts: str) -> bytes:
    """The keyed digest of a code with all it is bound to. Lengths are hashed too, so no two lists of parts meet."""
    mac = hmac.new(key, digestmod=hashlib.sha256)
    for part in parts:
        encoded = part.encode("utf-8", "surrogatepass")
        mac.update(len(encoded).to_bytes(8, "big"))
        mac.update(encoded)
    return mac.digest()
