"""Accounts: who calls, what the gateway keeps of them, and how much a factor is worth.

What stays out: how any of it is stored, sealed or looked up.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Final, assert_never, final


class Factor(StrEnum):
    """One way to prove who one is."""

    EMAIL = "email"
    SMS = "sms"
    TOTP = "totp"
    BACKUP = "backup"
    """A set of codes on paper, each good once, for the day when the other factors are out of reach."""
    PUSH = "push"
    """Devices that are sent a message and answer it by themselves. Nobody types a code of it."""

    # That of `Enum` is written in Python, and factors are looked up several times on every protected call.
    __hash__ = str.__hash__


class FactorState(StrEnum):
    """How far a factor of an account is. Pending does not count as enrolled."""

    OFF = "off"
    PENDING = "pending"
    ACTIVE = "active"


# How hard a factor is to take over. Changing one takes a code of at least its own level, or of the highest there is.
# A set of backup codes is made with a code of the highest level, and from then on worth as much as that (`level_of`).
# A device that answers is worth no more than an authenticator: then either helps whoever lost the other, and somebody
# who touches "yes" once too often has not given away what no other factor could take back.
LEVELS: Final[Mapping[Factor, int]] = MappingProxyType(
    {Factor.EMAIL: 10, Factor.SMS: 20, Factor.TOTP: 30, Factor.BACKUP: 30, Factor.PUSH: 30}
)

# What a device answers by itself, so no step that takes a code can be about it.
UNTYPED: Final = frozenset({Factor.PUSH})

# How many addresses or authenticators one factor of an account may have: each makes a guess at a code easier.
MOST_ENROLMENTS: Final = 5
# Long enough for what people call their telephones.
LONGEST_NAME: Final = 64


@dataclass(frozen=True, slots=True)
class AccountId:
    """The name of an account: subjects of different realms never meet."""

    realm: str
    subject: str

    def __hash__(self) -> int:
        """The usual one, written out: the generated one is never compiled, and accounts are looked up on every call."""
        return hash((self.realm, self.subject))


@dataclass(frozen=True, slots=True)
class Caller:
    """Who the credentials say is calling.

    Attributes:
        account: realm and subject, as the identity room verified them.
        session: names the session: a session claim, else the digest of the token.
        token: digest of the token, to recognise the very same one again.
        claims: the verified claims, read by the directory room.
    """

    account: AccountId
    session: str = field(repr=False)
    token: str = field(repr=False)
    claims: Mapping[str, object] = field(default_factory=dict, repr=False)


class Anonymous(StrEnum):
    """Why a call has no caller."""

    NO_CREDENTIAL = "no credential"
    BAD_CREDENTIAL = "bad credential"
    TWO_CREDENTIALS = "two credentials"
    UNDECIDED = "nothing can be said now"


Identification = Caller | Anonymous


@dataclass(frozen=True, slots=True)
class Person:
    """Where the directory says that somebody can be reached. Unverified addresses are not here."""

    email: str | None = field(default=None, repr=False)
    phone: str | None = field(default=None, repr=False)
    locale: str | None = None

    def address(self, factor: Factor) -> str | None:
        """The address that a code of `factor` goes to; None where the factor sends nothing or nothing is known."""
        match factor:
            case Factor.EMAIL:
                return self.email
            case Factor.SMS:
                return self.phone
            case Factor.TOTP | Factor.BACKUP | Factor.PUSH:
                return None
            case _ as never:
                assert_never(never)


@dataclass(frozen=True, slots=True)
class Enrolment:
    """One address or one authenticator of a factor.

    Attributes:
        factor: what it is.
        id: names it within the account; the same address has the same id whenever it is enrolled.
        name: what its owner calls it; "" where nobody said.
        address: where its codes go; None where they are not sent, and of a device, whose address people never see.
        added_ms: when it became active, in milliseconds since 1970 by the store's clock.
        used_ms: when a code of it was last redeemed; None where none was.
    """

    factor: Factor
    id: str
    name: str = ""
    address: str | None = field(default=None, repr=False)
    added_ms: int | None = None
    used_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Awaited:
    """An enrolment that waits for its first code, and how much longer it does."""

    enrolment: Enrolment
    left_ms: int


@dataclass(frozen=True, slots=True)
class Inventory:
    """What an account can prove with, one by one. `backup_left`: unused backup codes; None where there is no set.

    `awaited` cannot be proved with yet. There is one of a factor at most.
    """

    enrolments: tuple[Enrolment, ...] = ()
    backup_left: int | None = None
    awaited: tuple[Awaited, ...] = ()


@final
@dataclass(slots=True, unsafe_hash=True, init=False)
class Proof:
    """A factor was shown by this account, in this scope, this long ago by the store's clock.

    Final and made by hand for the reason that a `Call` is: there is one for each call in grace.
    """

    factor: Final[Factor]
    age_ms: Final[int]

    def __init__(self, factor: Factor, age_ms: int) -> None:
        self.factor = factor
        self.age_ms = age_ms


_FACTORS: Final = tuple(Factor)
_ACTIVE: Final = FactorState.ACTIVE


@dataclass(frozen=True, slots=True)
class Standing:
    """What the store knows of an account at this moment, in one scope.

    Attributes:
        recorded: somebody put this account on record (`accounts add`, an import), or it has enrolled.
        disabled: nothing is allowed any more.
        epoch: proofs, codes and tickets of an older epoch are void.
        factors: every factor that is pending or active.
        proofs: the last proof of each factor in the current epoch.
        now_ms: the store's clock, for TOTP.
        sealed: what belongs to a factor (its pinned addresses, its secrets), readable by the state room only.
        backup_level: what the set of backup codes is worth: the level that it took to make it.
    """

    recorded: bool = False
    disabled: bool = False
    epoch: int = 0
    factors: Mapping[Factor, FactorState] = field(default_factory=dict)
    proofs: tuple[Proof, ...] = ()
    now_ms: int = 0
    sealed: Mapping[Factor, bytes] = field(default_factory=dict, repr=False)
    backup_level: int = 0

    def state(self, factor: Factor) -> FactorState:
        """The state of one factor."""
        return self.factors.get(factor, FactorState.OFF)

    def active(self) -> tuple[Factor, ...]:
        """The active factors, in the order of `Factor`."""
        # `Factor` itself would be slow to go through, and this runs before every protected call.
        return tuple([factor for factor in _FACTORS if self.factors.get(factor) is _ACTIVE])


def level_of(standing: Standing, factor: Factor) -> int:
    """What a code of `factor` is worth for this account."""
    return standing.backup_level if factor is Factor.BACKUP else LEVELS[factor]


def needed_level(standing: Standing, target: Factor) -> int:
    """The least level that allows adding, changing or removing `target`: its own, or the highest that there is.

    Backup codes do not raise it: they run out, and then nobody could change anything any more.
    """
    highest = max((LEVELS[factor] for factor in standing.active() if factor is not Factor.BACKUP), default=0)
    return min(LEVELS[target], highest)


def sufficient_factors(standing: Standing, target: Factor) -> tuple[Factor, ...]:
    """The active factors whose code allows adding, changing or removing `target`."""
    needed = needed_level(standing, target)
    return tuple(factor for factor in standing.active() if level_of(standing, factor) >= needed)


def masked(address: str) -> str:
    """An address for its owner to recognise, of which nobody else learns where it leads.

    Of a mailbox its first letter and its domain are left, of a number its beginning and its last two digits.
    """
    if "@" in address:
        local, _, domain = address.rpartition("@")
        return f"{local[:1]}***@{domain}"
    return f"{address[:3]}***{address[-2:]}" if len(address) > 6 else "***"  # noqa: PLR2004 - shorter is shown in no part
