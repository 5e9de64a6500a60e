"""Outcomes: how an errand at the entrance ends, in a closed vocabulary that dialects translate.

What stays out: codes and texts of any wire form, and what an errand needs on its way (words).
"""

from dataclasses import dataclass, field
from enum import StrEnum

from mfa_gateway.core.entrance.account_outcomes import AccountOutcome
from mfa_gateway.core.entrance.option_outcomes import OptionOutcome
from mfa_gateway.core.entrance.second_outcomes import SecondOutcome
from mfa_gateway.core.entrance.words import Portrait
from mfa_gateway.core.session import OpenedSession


class Denial(StrEnum):
    """Why an errand came to nothing. What a denial is about is told by `Turned.about`."""

    # Who asks
    FORBIDDEN = "forbidden"
    """Not with this credential, or not with none."""
    NOBODY = "nobody"
    """The credential, or the id of the account, is of nobody here."""
    SIGNATURE_WRONG = "signature_wrong"
    NONCE_REPEATED = "nonce_repeated"
    CALLS_LIMITED = "calls_limited"
    """Too many calls from this address."""
    # What is presented
    VALUE_MISSING = "value_missing"
    VALUE_WRONG = "value_wrong"
    DEVICE_MISSING = "device_missing"
    """What was begun on one device is shown by one that does not say which it is."""
    TICKET_BAD = "ticket_bad"
    """Nobody's, of another kind, site or device, over, or of an old epoch."""
    CODE_WRONG = "code_wrong"
    """Wrong, used, superseded or expired: which of them is not told."""
    CODES_LIMITED = "codes_limited"
    """Too many wrong codes; none is compared for now."""
    PASSWORD_WRONG = "password_wrong"  # noqa: S105 - the name of a denial
    PASSWORDS_LIMITED = "passwords_limited"
    ASSERTION_BAD = "assertion_bad"
    # What is asked for
    TAKEN = "taken"
    """It belongs to somebody else."""
    ADDRESS_UNPROVEN = "address_unproven"
    """Nobody has shown yet that this address is theirs."""
    SWITCHED_OFF = "switched_off"
    NO_PROVIDER = "no_provider"
    DISABLED = "disabled"
    LOGIN_STALE = "login_stale"
    SENDS_LIMITED = "sends_limited"
    SEND_FAILED = "send_failed"
    # Us
    CHANGED = "changed"
    """The account changed while we looked: ask again."""
    UNAVAILABLE = "unavailable"


@dataclass(frozen=True, slots=True)
class Turned:
    """It was not done.

    Attributes:
        denial: why.
        about: the parameter, as the dialect calls it, or another word for the log; never a secret.
        retry_after_ms: when it makes sense to come back; 0 where time changes nothing.
        begins_ban: whether this very try brought the ban.
    """

    denial: Denial
    about: str = ""
    retry_after_ms: int = 0
    begins_ban: bool = False


@dataclass(frozen=True, slots=True)
class Finished:
    """It is done, and there is nothing to tell."""


@dataclass(frozen=True, slots=True)
class CodeSent:
    """A code is on its way, if there is anybody to send it to. `code` is told to servers that may know it."""

    ticket: str = field(repr=False)
    code: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Entered:
    """Somebody is in: their session, opened just now, and who they are."""

    portrait: Portrait
    session: OpenedSession
    is_new: bool = False
    id_token: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Incomplete:
    """The first factor was good, and something has to be known of this person before a session is opened.

    `missing` fields, or addresses that are known and `unverified`.
    """

    ticket: str = field(repr=False)
    portrait: Portrait
    missing: tuple[str, ...]
    is_new: bool = False
    unverified: tuple[str, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class Attested:
    """A signed statement, which is all there is to tell."""

    token: str = field(repr=False)


Outcome = (
    Turned | Finished | CodeSent | Entered | Incomplete | Attested
    | AccountOutcome | OptionOutcome | SecondOutcome
)  # fmt: skip
