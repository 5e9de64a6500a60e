"""Enrolments: the addresses and authenticators of a factor, as they lie in the store.

    FACTOR:sealed    ID:SEALED ID:SEALED ...     oldest first, each sealed on its own, base64

So the scripts can append one and take one away without reading any. What is sealed is JSON: the value, the name its
owner gave it and, of an authenticator, its parameters. The ID is a keyed digest of the value: the same address comes
back under the same ID, and nothing can be told from it. What stays out: when they were added and used, which lies
beside them in clear (lua), and whether they may be changed (ceremony).
"""

import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from mfa_gateway.core.account import Factor
from mfa_gateway.core.fault import StoreUnavailable
from mfa_gateway.core.otp import LEAST_SECRET, TOTP_DEFAULT, Algorithm, TotpProfile
from mfa_gateway.state.digests import Digests
from mfa_gateway.state.vault import CannotUnseal, Vault

# 96 bits of the digest: an account has a handful of enrolments.
_ID_CHARACTERS: Final = 24


@dataclass(frozen=True, slots=True)
class Kept:
    """One enrolment in clear. `value` is the address, or the bytes of the secret; `profile` is an authenticator's."""

    id: str
    value: bytes = field(repr=False)
    name: str = field(default="", repr=False)
    profile: TotpProfile = TOTP_DEFAULT


def kept(
    digests: Digests, tag: str, factor: Factor, *, value: bytes, name: str = "", profile: TotpProfile = TOTP_DEFAULT
) -> Kept:
    """An enrolment of this value."""
    return Kept(digests.mark(tag, factor, value)[:_ID_CHARACTERS], value, name, profile)


def value_of(factor: Factor, given: str | bytes) -> bytes:
    """What is kept of a factor.

    Raises:
        TypeError: this factor keeps something else.
        ValueError: a secret is shorter than RFC 4226 allows (section 4, R6).
    """
    match factor, given:
        case Factor.TOTP, bytes():
            if len(given) < LEAST_SECRET:
                raise ValueError(f"a TOTP secret has at least {LEAST_SECRET} bytes (RFC 4226), not {len(given)}")
            return given
        case Factor.EMAIL | Factor.SMS, str():
            return given.encode()
        case Factor.BACKUP, _:
            raise TypeError("backup codes are drawn, not given")
        case Factor.PUSH, _:
            raise TypeError("a device opts in by itself, and is not given")
        case _:
            raise TypeError(f"{factor.value} takes {'a secret of bytes' if factor is Factor.TOTP else 'an address'}")


def sealed(vault: Vault, one: Kept, *, tag: str, factor: Factor) -> str:
    """One enrolment as it is kept in a list, behind its ID and a colon."""
    profile = (one.profile.algorithm.value, one.profile.digits, one.profile.period, one.profile.drift)
    value = base64.b64encode(one.value).decode("ascii")
    document = {"value": value, "name": one.name, **({"totp": profile} if factor is Factor.TOTP else {})}
    return base64.b64encode(vault.seal(json.dumps(document).encode(), tag, factor.value, one.id)).decode("ascii")


def listed(vault: Vault, text: bytes, *, tag: str, factor: Factor) -> tuple[Kept, ...]:
    """The enrolments of a list, oldest first.

    Raises:
        StoreUnavailable: one is sealed with a key that is not configured, or belongs to somebody else.
    """
    return tuple(_unsealed(vault, text, tag=tag, factor=factor))


def _unsealed(vault: Vault, text: bytes, *, tag: str, factor: Factor) -> Iterator[Kept]:
    for entry in text.decode("ascii", "replace").split():
        unique, _, data = entry.partition(":")
        try:
            plain = vault.unseal(base64.b64decode(data), tag, factor.value, unique)
        except (CannotUnseal, ValueError) as error:
            raise StoreUnavailable(f"the {factor.value} factor cannot be read: {error}") from error
        document = json.loads(plain)
        yield Kept(unique, base64.b64decode(document["value"]), document["name"], _profile(document.get("totp")))


def _profile(written: list[str | int] | None) -> TotpProfile:
    if written is None:
        return TOTP_DEFAULT
    algorithm, digits, period, drift = written
    return TotpProfile(Algorithm(str(algorithm)), int(digits), int(period), int(drift))
