"""Accounts: who calls, what the gateway keeps of them, and how much a factor is worth.

What stays out: how any of it is stored, sealed or looked up.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Final, assert_never


class Factor(StrEnum):
    """One way to prove who one is."""

    EMAIL = "email"
    SMS = "sms"
    TOTP = "totp"


class FactorState(StrEnum):
    """How far a factor of an account is. Pending does not count as enrolled."""

    OFF = "off"
    PENDING = "pending"
    ACTIVE = "active"


# How hard a factor is to take over. Changing one takes a code of at least its own level, or of the highest there is.
LEVELS: Final[Mapping[Factor, int]] = MappingProxyType({Factor.EMAIL: 10, Factor.SMS: 20, Factor.TOTP: 30})


@dataclass(frozen=True, slots=True)
class AccountId:
    """The name of an account: subjects of different realms never meet."""

    realm: str
    subject: str


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
            case Factor.TOTP:
                return None
            case _ as never:
                assert_never(never)


@dataclass(frozen=True, slots=True)
class Proof:
    """A factor was shown by this account, in this scope, this long ago by the store's clock."""

    factor: Factor
    age_ms: int


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
        sealed: what belongs to a factor (its pinned address, its secret), readable by the state room only.
    """

    recorded: bool = False
    disabled: bool = False
    epoch: int = 0
    factors: Mapping[Factor, FactorState] = field(default_factory=dict)
    proofs: tuple[Proof, ...] = ()
    now_ms: int = 0
    sealed: Mapping[Factor, bytes] = field(default_factory=dict, repr=False)

    def state(self, factor: Factor) -> FactorState:
        """The state of one factor."""
        return self.factors.get(factor, FactorState.OFF)

    def active(self) -> tuple[Factor, ...]:
        """The active factors, in the order of `Factor`."""
        return tuple(factor for factor in Factor if self.factors.get(factor) is FactorState.ACTIVE)


def sufficient_factors(standing: Standing, target: Factor) -> tuple[Factor, ...]:
    """The active factors whose code allows adding, changing or removing `target`.

    Their level is at least that of `target`, or the highest that the account has.
    """
    active = standing.active()
    needed = min(LEVELS[target], max((LEVELS[factor] for factor in active), default=0))
    return tuple(factor for factor in active if LEVELS[factor] >= needed)
