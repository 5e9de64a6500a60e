"""Words of second factors at the entrance: devices that are remembered, logins that wait for one, factors that change.

Needs of their own, beside those of every errand (words). What stays out: who may ask for any of it (tfa).
"""

from dataclasses import dataclass, field
from enum import StrEnum

from mfa_gateway.core.account import AccountId, Caller, Factor, Standing
from mfa_gateway.core.message import Happening

# --- Answers ----------------------------------------------------------------------------------


class Recognition(StrEnum):
    """Whether a device was seen here with this account, and with a second factor, not too long ago."""

    KNOWN = "known"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Passage:
    """A login, or a session, in which second factors are shown, and which outlives the change of one.

    Attributes:
        epoch: the account's now, which is this one's as well: with another it is over.
        second: the factor that was shown in it and finished; None where none was.
        age_ms: how long ago that was, by the store's clock; 0 where it was not.
    """

    epoch: int
    second: Factor | None = None
    age_ms: int = 0


# --- Needs ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class RememberDevice:
    """Remember that a second factor was shown on a device, unless the epoch moved. Answer: None.

    Every change of a factor or a password forgets it. A device without an id is never remembered.
    """

    account: AccountId
    site: str
    device: str = field(repr=False)
    life_ms: int
    epoch: int


@dataclass(frozen=True, slots=True)
class KnowsDevice:
    """Is a device remembered, in the account's epoch? Answer: `Recognition`."""

    account: AccountId
    site: str
    device: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class ForgetDevices:
    """Forget all devices of an account at a site. Answer: None."""

    account: AccountId
    site: str


@dataclass(frozen=True, slots=True)
class BeginPassage:
    """Begin a passage, or find the one that began. Answer: `Passage`, or None where it is over.

    Attributes:
        account: whose it is.
        name: names it; what is proved in it is proved by the session of this name.
        epoch: the account's, when whoever asks was let in.
        life_ms: how long it lasts from its beginning; 0: only one that began is found. Every session has.
    """

    account: AccountId
    name: str = field(repr=False)
    epoch: int
    life_ms: int


@dataclass(frozen=True, slots=True)
class FinishPassage:
    """A second factor was shown in a passage. Answer: `Passage`, or None where it is over."""

    account: AccountId
    name: str = field(repr=False)
    factor: Factor


@dataclass(frozen=True, slots=True)
class CarryProofs:
    """What was proved in one session counts in another, and for the account, at its true age. Answer: None.

    For a session that a login opened, which showed a second factor before there was a session: its passage is over
    then. With one name for both, what a session proved counts for the account as well.
    """

    account: AccountId
    source: str = field(repr=False)
    target: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Withdraw:
    """Take one enrolment away, or with `enrolment` "" the factor, and begin a new epoch. Answer: `Change`.

    The session of `caller` lives on. STALE where the epoch moved, KNOWN where there is no such thing.
    """

    caller: Caller
    factor: Factor
    epoch: int
    enrolment: str = ""


@dataclass(frozen=True, slots=True)
class Vouch:
    """Make an address active that a server vouches for, and begin a new epoch. Answer: `Change`."""

    account: AccountId
    factor: Factor
    address: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class TellOwner:
    """Tell the owner of an account what was done to a factor. Answer: None, whatever becomes of the message.

    `before`: what was known of the account until then, for the address that it had.
    """

    caller: Caller
    happening: Happening
    factor: Factor
    before: Standing
    languages: tuple[str, ...] = ()


DeviceNeed = RememberDevice | KnowsDevice | ForgetDevices
PassageNeed = BeginPassage | FinishPassage | CarryProofs
ChangeNeed = Withdraw | Vouch | TellOwner
SecondNeed = DeviceNeed | PassageNeed | ChangeNeed
SecondAnswer = Recognition | Passage
