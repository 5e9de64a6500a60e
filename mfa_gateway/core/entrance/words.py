"""Words of the entrance: who knocks, how it ends, and what is needed of the world on the way.

Unlike at the ceremonies of callers, nobody is known at the beginning, so every need names the account or the address
that it is about. `OnBehalf` carries any need of those ceremonies for a caller who has become known. What stays out:
each exchange itself, and its commands.
"""

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeVar

from mfa_gateway.core.account import AccountId, Caller, Factor
from mfa_gateway.core.ceremony import Answer as CallersAnswer
from mfa_gateway.core.ceremony import Need as CallersNeed
from mfa_gateway.core.entrance.access_words import AccessNeed
from mfa_gateway.core.entrance.caller_words import CallerAnswer, CallerNeed
from mfa_gateway.core.entrance.second_words import SecondAnswer, SecondNeed
from mfa_gateway.core.login import Known, Renewal, Wrong
from mfa_gateway.core.proof import Budget, Regulation
from mfa_gateway.core.quota import Quota
from mfa_gateway.core.session import OpenedSession, Session
from mfa_gateway.core.tickets import Ticket, TicketKind

# --- Answers ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Address:
    """An address that messages go to, in the one form that is counted, sent to and logged in with."""

    factor: Factor
    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Portrait:
    """What is on record of somebody.

    `login_ids` and addresses are in their canonical form; `profile` is whatever dialects keep of a person.
    """

    account: AccountId
    is_disabled: bool = False
    email: str | None = field(default=None, repr=False)
    email_verified: bool = False
    phone: str | None = field(default=None, repr=False)
    phone_verified: bool = False
    locale: str | None = None
    login_ids: tuple[str, ...] = field(default=(), repr=False)
    profile: Mapping[str, object] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Registered:
    """The account that an address belongs to now; `is_new` where it was made for it."""

    account: AccountId
    is_new: bool


class Claim(StrEnum):
    """Whether an account got what it asked for."""

    MADE = "made"
    TAKEN = "taken"
    """It belongs to somebody else."""
    NOBODY = "nobody"
    """The account is not on record."""
    STALE = "stale"
    """The account was changed meanwhile; nothing was done."""


class Use(StrEnum):
    """Whether something that may be used once was used before."""

    FIRST = "first"
    REPEATED = "repeated"


# --- Needs ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class OnBehalf:
    """A need of the ceremonies, for somebody who is known by now. Answer: that of the need."""

    caller: Caller
    need: CallersNeed


@dataclass(frozen=True, slots=True)
class Spend:
    """Count one call against a quota. Answer: 0, or the milliseconds until it agrees."""

    quota: Quota


@dataclass(frozen=True, slots=True)
class ReadAddress:
    """What address was written? Answer: `Address`, or None where no message goes."""

    factor: Factor
    written: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class FindAccount:
    """Whose login id is this? Answer: `AccountId`, or None; at the same cost either way."""

    realm: str
    login: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Describe:
    """What is on record of an account? Answer: `Portrait`, or None where nobody put it on record."""

    account: AccountId


@dataclass(frozen=True, slots=True)
class Register:
    """Make an account that logs in with an address. Answer: `Registered`; another's, where somebody was faster."""

    realm: str
    address: Address
    profile: Mapping[str, object] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class ClaimAddress:
    """Give an account on record an address, in place of the one of that kind that it had. Answer: `Claim`."""

    account: AccountId
    address: Address


@dataclass(frozen=True, slots=True)
class DropAddress:
    """Take the address of a kind, and its login id, from an account. Answer: `Claim`."""

    account: AccountId
    factor: Factor


@dataclass(frozen=True, slots=True)
class SetProfile:
    """Put another profile in place of the one that was described. Answer: `Claim`, never TAKEN."""

    portrait: Portrait
    profile: Mapping[str, object] = field(repr=False)


@dataclass(frozen=True, slots=True)
class CheckPassword:
    """Do a login id and a password belong together? Answer: `Known` or `Wrong`. Nothing is counted here."""

    realm: str
    login: str = field(repr=False)
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class RenewPassword:
    """Put a password in the place of the one that was just shown. Answer: `Renewal`; MADE began a new epoch."""

    account: AccountId
    old: str = field(repr=False)
    new: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Attempt:
    """Count a try at something that is compared elsewhere. Answer: 0, or the milliseconds until one may be made."""

    account: AccountId
    budget: Budget
    regulation: Regulation


@dataclass(frozen=True, slots=True)
class Settle:
    """Say what became of a try that was counted. Answer: the milliseconds of the ban that it brought, or 0."""

    account: AccountId
    budget: Budget
    regulation: Regulation
    was_right: bool


@dataclass(frozen=True, slots=True)
class SealTicket:
    """Put a ticket into an opaque text; its `id` is drawn then. Answer: the text."""

    ticket: Ticket


@dataclass(frozen=True, slots=True)
class OpenTicket:
    """Read a ticket of this kind and site. Answer: `Ticket`, or None. Whether it is alive is not looked at."""

    kind: TicketKind
    site: str
    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class UseOnce:
    """Remember that something was used. Answer: `Use`.

    Attributes:
        names: what it is, the first of them its kind, such as "nonce" or "ticket".
        keep_ms: how long it could be shown again.
    """

    names: tuple[str, ...] = field(repr=False)
    keep_ms: int


@dataclass(frozen=True, slots=True)
class OpenSession:
    """Open a session, unless the epoch moved. Answer: `OpenedSession` or `Change.STALE`."""

    account: AccountId
    site: str
    device: str = field(repr=False)
    life_ms: int | None
    epoch: int
    brief_ms: int | None = None


@dataclass(frozen=True, slots=True)
class FindSession:
    """Whose session is this? Answer: `Session`, or None."""

    token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class CloseSession:
    """End a session. Answer: None."""

    session: Session


@dataclass(frozen=True, slots=True)
class Mint:
    """Sign claims in the gateway's own name. Answer: the JWT.

    Attributes:
        claims: what is signed, in this order.
        kind: the `typ` of its header. Only "JWT" is ever taken as a bearer token; other uses have words of their own.
        certificate_url: "", or what the old form says in `x5u` (RSA-SHA1, for clients that were written for it).
    """

    claims: Mapping[str, object] = field(repr=False)
    kind: str = "JWT"
    certificate_url: str = ""


@dataclass(frozen=True, slots=True)
class ReadToken:
    """The claims of a token that was minted here for this purpose. Answer: a mapping, or None.

    `certificate_url`: "", or what tokens in the old form say in `x5u`, which are read as well then.
    """

    purpose: str
    token: str = field(repr=False)
    certificate_url: str = ""


@dataclass(frozen=True, slots=True)
class AskCertificate:
    """The certificate of the key that signs. Answer: PEM text."""


@dataclass(frozen=True, slots=True)
class AskKeys:
    """The public keys that verify what is signed. Answer: a tuple of JWKs."""


@dataclass(frozen=True, slots=True)
class DrawId:
    """Something random: 128 bits in lower-case hexadecimal. Answer: the text."""


@dataclass(frozen=True, slots=True)
class Later:
    """Play this after the answer was given, whatever comes of it: nobody learns from the answer what did.

    Answer: None, at once.
    """

    command: "Command"


class Command:
    """What somebody asks for at the entrance: frozen dataclasses beside their exchange, one for each.

    `action` names it in logs and metrics. Which exchange it begins is told by the table in `entrance`.
    """

    __slots__ = ()

    @property
    def action(self) -> str:
        """Its name in logs and metrics: the class's own."""
        return type(self).__name__


AccountNeed = ReadAddress | FindAccount | Describe | Register | ClaimAddress | DropAddress | SetProfile
Need = (
    AccountNeed | OnBehalf | Spend | RenewPassword
    | CheckPassword | Attempt | Settle | SealTicket | OpenTicket | UseOnce | OpenSession | FindSession | CloseSession
    | Mint | ReadToken | AskCertificate | AskKeys | DrawId | Later | SecondNeed | CallerNeed | AccessNeed
)  # fmt: skip
Answer = (
    CallersAnswer | Address | AccountId | Portrait | Registered | Claim | Known | Wrong | Renewal | Ticket | Use
    | OpenedSession | Session | Mapping[str, object] | Sequence[Mapping[str, str]] | SecondAnswer | CallerAnswer | str
    | int | None
)  # fmt: skip

_T = TypeVar("_T")
Asked = Generator[Need, Answer, _T]


def asked(need: Need, kind: type[_T]) -> Asked[_T]:
    """Ask for what is always there, and check that it is.

    Raises:
        TypeError: the driver answered with something else, which is a programming error.
    """
    answer = yield need
    if not isinstance(answer, kind):
        raise _wrong_answer(need, answer)
    return answer


def asked_if_any(need: Need, kind: type[_T]) -> Asked[_T | None]:
    """Ask for what may not be there.

    Raises:
        TypeError: the driver answered with something else, which is a programming error.
    """
    answer = yield need
    if answer is not None and not isinstance(answer, kind):
        raise _wrong_answer(need, answer)
    return answer


def on_behalf(caller: Caller, exchange: Generator[CallersNeed, CallersAnswer, _T]) -> Asked[_T]:
    """Play an exchange, or a step of one, of a caller who is known: every need of it is asked in their name."""
    answer: Answer = None
    while True:
        try:
            need = exchange.send(answer)  # type: ignore[arg-type]  # the exchange checks what it is answered itself
        except StopIteration as end:
            result: _T = end.value
            return result
        answer = yield OnBehalf(caller, need)


def _wrong_answer(need: Need, answer: Answer) -> TypeError:
    return TypeError(f"{type(need).__name__} was answered with a {type(answer).__name__}")
