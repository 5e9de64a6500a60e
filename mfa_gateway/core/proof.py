"""Proofs: what a caller may present, what is asked of the store with it, and what the store answers.

Policy decides the *numbers* here (attempts, windows, grace); the store's script enforces the *invariants* with them.
What stays out: digests and storage (state), the decision what an answer means (gate, ceremony).
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, assert_never

from mfa_gateway.core.account import AccountId, Factor

# Longer values are refused on length alone, before any work is spent on them. The longest shape has ten characters.
MAX_PRESENTED: Final = 64

_DIGITS: Final = re.compile(r"[0-9]+", re.ASCII)

# Codes that travel. Those of an authenticator and those on paper are never short.
SENT: Final = (Factor.EMAIL, Factor.SMS)
# design, section 4: a code has six digits. With five or four of them the ordinary attempts would be far too many.
_SHORT_BELOW: Final = 6

# RFC 4226 section 5.3 knows no other lengths. Each authenticator keeps to its own.
_TOTP_DIGITS: Final = range(6, 9)

# Ten characters of base32 are 50 bits. One of them is a letter, so no numeric code of any length has this shape.
BACKUP_LENGTH: Final = 10
_BACKUP: Final = re.compile(rf"(?=.*[A-Z])[A-Z2-7]{{{BACKUP_LENGTH}}}", re.ASCII | re.IGNORECASE)


class Purpose(StrEnum):
    """What a code was issued for. A code never serves another purpose."""

    GATE = "gate"
    ACTIVATE = "activate"
    LOGIN = "login"
    """A first factor, at a login: it says nothing about a second one."""


class Scope(StrEnum):
    """Whose proofs count: those of the whole account, or those of this session."""

    ACCOUNT = "account"
    SESSION = "session"

    # That of `Enum` is written in Python, and scopes are looked up on every protected call.
    __hash__ = str.__hash__


class Budget(StrEnum):
    """Which attempts are counted together. The first never locks the second; within each all endpoints share one."""

    FIRST_FACTOR = "first_factor"
    """Of callers who have proved nothing yet: passwords, and codes that log in."""
    STEP_UP = "step_up"
    """Of callers with a credential behind them, wherever they present a code."""


@dataclass(frozen=True, slots=True)
class ShortCodes:
    """What holds for short codes beside the regulation: wrong tries that one of them survives, and those of 24 hours.

    The last of the `tries` voids the code. Those `per_day` belong to the account and its budget, whoever tries, and a
    right code gives none of them back.
    """

    tries: int = 3
    per_day: int = 10


def is_short(code: str) -> bool:
    """Whether a code that travels has so few digits that stricter numbers have to hold for it."""
    return len(code) < _SHORT_BELOW


@dataclass(frozen=True, slots=True)
class CodeShapes:
    """How codes look: `sent` digits for codes that travel, six to eight for an authenticator, letters on paper.

    `short` are the numbers for codes that travel, where those are short.
    """

    sent: int = 6
    short: ShortCodes = field(default_factory=ShortCodes)

    def fits(self, text: str, factor: Factor) -> bool:
        """Whether `text` can be a code of `factor`. ASCII only: `str.isdigit` takes far more."""
        if len(text) > MAX_PRESENTED:
            return False
        match factor:
            case Factor.EMAIL | Factor.SMS:
                return len(text) == self.sent and _DIGITS.fullmatch(text) is not None
            case Factor.TOTP:
                return len(text) in _TOTP_DIGITS and _DIGITS.fullmatch(text) is not None
            case Factor.BACKUP:
                return _BACKUP.fullmatch(text) is not None
            case Factor.PUSH:
                # Its answers come by another way (core.push), and nothing that was typed is ever taken for one.
                return False
            case _ as never:
                assert_never(never)

    def strictness(self, text: str, factors: Iterable[Factor]) -> ShortCodes | None:
        """The stricter numbers for `text`, which fits `factors`; None where it is compared with no short code."""
        return self.short if is_short(text) and any(factor in SENT for factor in factors) else None


def canonical_code(text: str, factor: Factor) -> str:
    """The one form of a code that fits `factor`: people copy letters from paper in either case."""
    return text.upper() if factor is Factor.BACKUP else text


@dataclass(frozen=True, slots=True)
class Regulation:
    """How many attempts a budget has; each ban without a success in between doubles, up to `ban_max_ms`.

    `per_day` wrong ones, counted across bans, bring one until the oldest of them is 24 hours old.
    """

    max_retries: int = 5
    find_time_ms: int = 600_000
    ban_time_ms: int = 900_000
    ban_max_ms: int = 86_400_000
    per_day: int = 100


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
    """Make the pending enrolment of `target` active, begin a new epoch, record a proof in it."""
    DEACTIVATE = "deactivate"
    """Remove `target`, or one enrolment of it, and begin a new epoch."""
    ENTER = "enter"
    """Spend the code, and nothing else: a first factor leaves no proof that a rule could take for a second one."""


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
        enrolment: which one of the target; "" for whichever is pending, or for all that it has.
        short: the stricter numbers where the code is a short one; None where it is not.
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
    enrolment: str = ""
    short: ShortCodes | None = None


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
