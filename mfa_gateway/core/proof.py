"""Proofs: what a caller may present, what is asked of the store with it, and what the store answers.

Policy decides the *numbers* here (attempts, windows, grace); the store's script enforces the *invariants* with them.
What stays out: digests and storage (state), the decision what an answer means (gate, ceremony).
"""

import re
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, assert_never

from mfa_gateway.core.account import AccountId, Factor
from mfa_gateway.core.otp import TOTP_DEFAULT, TotpProfile

# Longer values are refused on length alone, before any work is spent on them. The longest shape has ten characters.
MAX_PRESENTED: Final = 64

_DIGITS: Final = re.compile(r"[0-9]+", re.ASCII)


class Purpose(StrEnum):
    """What a code was issued for. A code never serves another purpose."""

    GATE = "gate"
    ACTIVATE = "activate"


class Scope(StrEnum):
    """Whose proofs count: those of the whole account, or those of this session."""

    ACCOUNT = "account"
    SESSION = "session"


class Budget(StrEnum):
    """Which attempts are counted together: all endpoints that check a code of a caller with a credential share one."""

    STEP_UP = "step_up"


@dataclass(frozen=True, slots=True)
class CodeShapes:
    """How codes look: `sent` digits for codes that travel, the profile's digits for TOTP."""

    sent: int = 6
    totp: TotpProfile = TOTP_DEFAULT

    def fits(self, text: str, factor: Factor) -> bool:
        """Whether `text` can be a code of `factor`. ASCII digits only: `str.isdigit` takes far more."""
        if len(text) > MAX_PRESENTED or _DIGITS.fullmatch(text) is None:
            return False
        match factor:
            case Factor.EMAIL | Factor.SMS:
                return len(text) == self.sent
            case Factor.TOTP:
                return len(text) == self.totp.digits
            case _ as never:
                assert_never(never)


@dataclass(frozen=True, slots=True)
class Regulation:
    """How many attempts a budget has; each ban without a success in between doubles, up to `ban_max_ms`."""

    max_retries: int = 5
    find_time_ms: int = 600_000
    ban_time_ms: int = 900_000
    ban_max_ms: int = 86_400_000


@dataclass(frozen=True, slots=True)
class Ride:
    """When the code of a proof passes again, uncounted: while the proof is younger than this, and of the same token."""

    younger_than_ms: int
    same_token: bool = False


class Effect(StrEnum):
    """What a redeemed code does, in the same step that redeems it."""

    OPEN = "open"
    """Record a proof of the factor whose code it was."""
    ACTIVATE = "activate"
    """Make the pending `target` active, begin a new epoch, record a proof in it."""
    DEACTIVATE = "deactivate"
    """Remove `target` and begin a new epoch."""


@dataclass(frozen=True, slots=True)
class Redemption:
    """One presented code and everything the store needs to redeem it at most once.

    Attributes:
        account: whose attempts are counted, whoever's code it is.
        epoch: the epoch that the decision was made in; another one by now makes the redemption stale.
        purpose: what the code must have been issued for.
        presented: the code as the caller typed it.
        factors: the factors whose code would be accepted and has this shape; none means "count, never compare".
        scope: where the proof is recorded, and whose proofs may be ridden on.
        session: the caller's session, used when the scope is SESSION.
        token: the caller's token, remembered with the proof.
        effect: what a success does.
        target: the factor that ACTIVATE or DEACTIVATE changes.
        ride: None where every code works exactly once.
        keep_ms: how long the longest rule may still ask for this proof.
    """

    account: AccountId
    epoch: int
    purpose: Purpose
    presented: str = field(repr=False)
    factors: tuple[Factor, ...]
    scope: Scope
    session: str = field(repr=False)
    token: str = field(repr=False)
    effect: Effect
    target: Factor | None
    ride: Ride | None
    keep_ms: int
    regulation: Regulation
    budget: Budget = Budget.STEP_UP


@dataclass(frozen=True, slots=True)
class Redeemed:
    """The code was right and is spent now."""

    factor: Factor


@dataclass(frozen=True, slots=True)
class Rode:
    """The code is that of a valid proof of this age."""

    factor: Factor
    age_ms: int


class Rejection(StrEnum):
    """Why a code was not redeemed, apart from a ban."""

    WRONG = "wrong"
    """Compared (or of no possible shape), counted."""
    SPENT = "spent"
    """Once issued, by now spent, superseded or expired. Not counted: honest clients repeat themselves."""
    STALE = "stale"
    """The account changed between recall and redemption. Neither compared nor counted."""


@dataclass(frozen=True, slots=True)
class Rejected:
    """The code was not redeemed. `ban_left_ms` is above 0 when this very attempt brought a ban."""

    why: Rejection
    ban_left_ms: int = 0


@dataclass(frozen=True, slots=True)
class Banned:
    """Too many wrong codes: neither compared nor counted."""

    left_ms: int


Receipt = Redeemed | Rode | Rejected | Banned
