"""Words: what callers ask for, how it ends, and what a ceremony needs of the world on the way.

What stays out: every ceremony itself (types, enrolment), and who may change what (authority).
"""

from collections.abc import Generator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, TypeVar

from mfa_gateway.core.account import Caller, Factor, FactorState, Inventory, Person, Proof, Standing
from mfa_gateway.core.foresight import Clear, Foresight, Prospect, Wish
from mfa_gateway.core.otp import TotpProfile
from mfa_gateway.core.policy import Candidates
from mfa_gateway.core.presence import Presence
from mfa_gateway.core.proof import Purpose, Receipt, Redemption, Scope
from mfa_gateway.core.push import Summons
from mfa_gateway.core.quota import Asker
from mfa_gateway.core.verdict import Pass, Reason, Refuse

# How long a drawn secret waits for its first code: people fetch their telephone, they do not sleep over it.
PENDING_TOTP_MS: Final = 600_000


class Action(StrEnum):
    """What a caller asks for.

    Each of the first five speaks of a factor as a whole, the next six of one enrolment, the others of windows.
    """

    LIST = "list"
    TRIGGER = "trigger"
    ACTIVATE = "activate"
    VERIFY = "verify"
    DEACTIVATE = "deactivate"
    INVENTORY = "inventory"
    ADD = "add"
    CONFIRM = "confirm"
    RENAME = "rename"
    REMOVE = "remove"
    BACKUP = "backup"
    CHALLENGE = "challenge"
    ANSWER = "answer"
    GRACE = "grace"
    CLOSE = "close"
    PREFLIGHT = "preflight"


@dataclass(frozen=True, slots=True)
class Command:
    """One request of a ceremony, as a dialect decoded it.

    Attributes:
        action: what is asked for.
        caller: who asks.
        factor_name: the factor as the client named it; None where it named none.
        code: the presented code; empty or None where there is none.
        scope: whose proofs count, by the dialect's custom.
        languages: what the client prefers to read, best first.
        enrolment: which address or authenticator is meant, by its id; "" where the factor as a whole is.
        address: the address to add, in its canonical form; None for the one that the directory knows.
        name: what the owner calls the enrolment.
        ticket: what `Begun` or `Challenged` gave, to say which beginning a CONFIRM is of.
        wish: the call that a PREFLIGHT is about.
    """

    action: Action
    caller: Caller
    factor_name: str | None = None
    code: str | None = field(default=None, repr=False)
    scope: Scope = Scope.ACCOUNT
    languages: tuple[str, ...] = ()
    enrolment: str = ""
    address: str | None = field(default=None, repr=False)
    name: str = field(default="", repr=False)
    ticket: str = field(default="", repr=False)
    wish: Wish | None = None


# --- Outcomes ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Listed:
    """The factors of an account: active, then pending, then the others that the gateway offers."""

    factors: tuple[tuple[Factor, FactorState], ...]


@dataclass(frozen=True, slots=True)
class Done:
    """It is done, and there is nothing to tell."""


@dataclass(frozen=True, slots=True)
class Stock:
    """What the account can prove with, one by one."""

    inventory: Inventory


@dataclass(frozen=True, slots=True)
class Begun:
    """An authenticator waits for its first code, for `PENDING_TOTP_MS`.

    Attributes:
        ticket: names this beginning to the CONFIRM that ends it.
        secret: base32, for people who cannot scan. Shown this once.
        uri: the same for an app, as in a QR code.
    """

    ticket: str = field(repr=False)
    secret: str = field(repr=False)
    uri: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Challenged:
    """A code is on its way, or is to be read off an authenticator.

    Attributes:
        factor: whose code is asked for.
        enrolment: which one of it; for an address that is being added, the ticket of the CONFIRM that ends it.
        address: where the code went; None where nothing was sent.
        life_ms: how long the code can be used; 0 where nothing was sent.
    """

    factor: Factor
    enrolment: str
    address: str | None = field(default=None, repr=False)
    life_ms: int = 0


@dataclass(frozen=True, slots=True)
class Proven:
    """A code was good, so a factor was proved, this long ago where the code was used before and still counts."""

    proof: Proof
    scope: Scope


@dataclass(frozen=True, slots=True)
class Windows:
    """What was proved and still counts somewhere. How long it does is for each rule to say."""

    proofs: tuple[tuple[Scope, Proof], ...] = ()


@dataclass(frozen=True, slots=True)
class Printed:
    """A new set of backup codes, shown this once. Every older set is void."""

    codes: tuple[str, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Foretold:
    """What a call would meet that was not made."""

    foresight: Foresight


@dataclass(frozen=True, slots=True)
class Failed:
    """It was not done, and nothing changed but what is counted.

    Attributes:
        reason: why.
        retry_after_ms: when it makes sense to come back; 0 where time changes nothing.
        detail: for the log and for developers; never a secret, and no text of the client's.
        pointer: the place in the body that is wrong (RFC 6901), where it is one; "" is the body as a whole.
    """

    reason: Reason
    retry_after_ms: int = 0
    detail: str = ""
    pointer: str | None = None


Outcome = Listed | Done | Stock | Begun | Challenged | Proven | Windows | Printed | Foretold | Failed


# --- Needs, and their answers -----------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Recall:
    """What does the store know of this account? Answer: `Standing`."""

    scope: Scope


@dataclass(frozen=True, slots=True)
class LookUp:
    """Where can this caller be reached? Answer: `Person`, or None for nobody the directory knows."""


@dataclass(frozen=True, slots=True)
class Redeem:
    """Redeem a presented code. Answer: `Receipt`."""

    redemption: Redemption
    standing: Standing


@dataclass(frozen=True, slots=True)
class Enrol:
    """Make an address pending, to be pinned once a code sent to it comes back. Answer: `Pending`, or why not."""

    factor: Factor
    epoch: int
    address: str = field(repr=False)
    name: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Draw:
    """Draw the secret of an authenticator and make it pending. Answer: `Pending`, or why not."""

    epoch: int
    profile: TotpProfile
    name: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Resume:
    """Which authenticator is pending? Answer: `Pending`, or None where there is none (any more)."""


@dataclass(frozen=True, slots=True)
class Print:
    """Draw a set of backup codes, worth `level`, in place of the old one. Answer: the codes, or why not."""

    epoch: int
    level: int
    count: int


@dataclass(frozen=True, slots=True)
class Rename:
    """Call one enrolment something else. Answer: `Change`."""

    factor: Factor
    enrolment: str
    standing: Standing
    name: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class TakeStock:
    """What can this account prove with, one by one? Answer: `Inventory`."""


@dataclass(frozen=True, slots=True)
class CloseWindow:
    """Forget what was proved in a scope. Answer: None."""

    scope: Scope


@dataclass(frozen=True, slots=True)
class AskLogin:
    """How long ago did this session log in through this gateway, in the current epoch? Answer: `LoggedIn`."""


@dataclass(frozen=True, slots=True)
class Consult:
    """Which rules does a call fall under that is not made? Answer: as `admit` gives it, or that no rule is about it."""

    wish: Wish


@dataclass(frozen=True, slots=True)
class AskPresence:
    """Is the caller still who the directory says they are? Answer: `Presence`."""


@dataclass(frozen=True, slots=True)
class Foresee:
    """What is known of this account now, and what would a code meet? Answer: `Prospect`."""

    scope: Scope


@dataclass(frozen=True, slots=True)
class Deliver:
    """Issue a code and send it. `address` None means the address pinned in `standing`. Answer: `Delivery`.

    `enrolment` says which of several pinned addresses; "" means the first. `digits`: how long the code is, where it has
    a length of its own. `summons`: what a device answers, with a token in place of a code.
    """

    factor: Factor
    purpose: Purpose
    standing: Standing
    address: str | None = field(default=None, repr=False)
    languages: tuple[str, ...] = ()
    enrolment: str = ""
    digits: int | None = None
    asker: Asker = Asker.OWNER
    summons: Summons | None = None


class Change(StrEnum):
    """Whether a change of an account took place."""

    MADE = "made"
    STALE = "stale"
    """The account changed since it was recalled; nothing was done."""
    KNOWN = "known"
    """The account has this very address or secret already; nothing was done."""
    FULL = "full"
    """The factor has as many addresses or authenticators as it may have; nothing was done."""
    REPEATED = "repeated"
    """The account was sent this short code not long ago; nothing was done."""


@dataclass(frozen=True, slots=True)
class Pending:
    """An address or an authenticator that waits for its first code.

    Attributes:
        id: names it, before and after.
        secret: that of an authenticator in clear, where it was just drawn; b"" for all else.
        sealed: the same, readable by the state room only.
    """

    id: str
    secret: bytes = field(default=b"", repr=False)
    sealed: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class LoggedIn:
    """How long ago a session logged in, in milliseconds; None where it did not, or too long ago to matter."""

    age_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Sent:
    """The message was accepted for delivery. `code` is what it held, for a server that may be told."""

    code: str = field(default="", repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class NotSent:
    """The message could not be delivered; its code is void."""


@dataclass(frozen=True, slots=True)
class Limited:
    """Too many messages, or too soon after the last one; nothing was sent."""

    left_ms: int


Delivery = Sent | NotSent | Limited
Forethought = Consult | AskPresence | Foresee
Need = (
    Recall | LookUp | Redeem | Enrol | Draw | Resume | Print | Rename | TakeStock | CloseWindow | AskLogin | Deliver
    | Forethought
)  # fmt: skip
Answer = (
    Standing | Person | Receipt | Change | Pending | tuple[str, ...] | Inventory | LoggedIn | Delivery
    | Candidates | Pass | Refuse | Clear | Presence | Prospect | None
)  # fmt: skip
Ceremony = Generator[Need, Answer, Outcome]

_T = TypeVar("_T")
Asked = Generator[Need, Answer, _T]


def wrong_answer(need: str, answer: Answer) -> TypeError:
    """The programming error of a driver that answers a need with something else."""
    return TypeError(f"{need} was answered with a {type(answer).__name__}")
