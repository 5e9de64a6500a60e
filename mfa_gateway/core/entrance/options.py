"""Options: the factors of an account, one by one, for wire forms that call each by a number.

    ListOptions       which there are, for whoever has the password, or for the owner with a token
    ChallengeOption   a code to the address of one, for whoever has the password
    AddAddress        a code to an address that is to become one       (owner)
    AddAuthenticator  the secret of an authenticator that is to        (owner)
    ConfirmOption     the first code makes it active                   (owner)
    RemoveOption      password and code take one away                  (owner)

The owner is a caller like any at the gate, and does what callers do: ceremonies, with the authority that these ask for.
Numbers are read off the ids of enrolments. These are keyed digests, of another key for each account: a number stays the
same, tells nobody how many there are, and means nothing in another account. A challenge has a number of another kind,
so none passes for an option. What is pending is kept by the store, and a client brings back no more than its number.

What stays out: wire forms, and logins (sign_ins).
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from mfa_gateway.core.account import UNTYPED, AccountId, Anonymous, Caller, Enrolment, Factor, Inventory
from mfa_gateway.core.ceremony import (
    Action,
    Begun,
    Challenged,
    Failed,
    Stock,
    TakeStock,
)
from mfa_gateway.core.ceremony import Command as CallersCommand
from mfa_gateway.core.ceremony import Outcome as CallersOutcome
from mfa_gateway.core.entrance.caller_words import Identify, Perform
from mfa_gateway.core.entrance.option_outcomes import (
    ChallengeBegun,
    CodeNeeded,
    OptionAdded,
    OptionsListed,
    SecretDrawn,
)
from mfa_gateway.core.entrance.outcomes import Denial, Finished, Outcome, Turned
from mfa_gateway.core.entrance.passwords import check_password
from mfa_gateway.core.entrance.steps import Visit, nobody_yet
from mfa_gateway.core.entrance.words import (
    Address,
    Asked,
    Command,
    Describe,
    OnBehalf,
    Portrait,
    ReadAddress,
    asked_if_any,
)
from mfa_gateway.core.gate import RETRY_MS
from mfa_gateway.core.proof import Scope
from mfa_gateway.core.verdict import Reason

# 52 bits: as many as a client that has nothing but floating-point numbers keeps exactly (RFC 8259 section 6).
_NUMBER_CHARACTERS: Final = 13


@dataclass(frozen=True, slots=True)
class ByPassword:
    """Somebody who shows a name and a password."""

    login: str = field(repr=False)
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class ByToken:
    """Somebody with a credential of the gate, who says whose account it is; "" leaves that to the credential."""

    subject: str


@dataclass(frozen=True, slots=True)
class ListOptions(Command):
    """Tell which options there are."""

    asker: ByPassword | ByToken


@dataclass(frozen=True, slots=True)
class ChallengeOption(Command):
    """Send a code of an option."""

    asker: ByPassword
    option: int


@dataclass(frozen=True, slots=True)
class AddAddress(Command):
    """Begin an option whose codes go to an address. `code`: of a factor that there is already."""

    asker: ByToken
    factor: Factor
    written: str = field(repr=False)
    code: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class AddAuthenticator(Command):
    """Begin an option that is an authenticator. `code`: of a factor that there is already."""

    asker: ByToken
    code: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class ConfirmOption(Command):
    """Make an option active by its first code. `challenge`: which beginning of an address; None: an authenticator."""

    asker: ByToken
    factor: Factor
    challenge: int | None
    code: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class RemoveOption(Command):
    """Take an option away."""

    asker: ByToken
    option: int
    password: str = field(repr=False)
    code: str = field(default="", repr=False)


def option_number(enrolment: str) -> int:
    """The number of an option."""
    return int(enrolment[:_NUMBER_CHARACTERS], 16)


def challenge_number(enrolment: str) -> int:
    """The number of what is to become an option, until it is one."""
    return option_number(hashlib.sha256(f"challenge {enrolment}".encode()).hexdigest())


# --- Who asks ---------------------------------------------------------------------------------


def owner(asker: ByToken, visit: Visit) -> Asked[Caller | Turned]:
    """The caller, if the account is theirs. Whose account another subject is, or whether it is any, is not told."""
    found = yield Identify()
    match found:
        case Caller(account=account) if account.realm == visit.site.realm:
            is_theirs = asker.subject in ("", account.subject)
            return found if is_theirs else Turned(Denial.NOBODY, "account")
        case Caller():
            return Turned(Denial.NOBODY, "account")
        case Anonymous.UNDECIDED:
            return Turned(Denial.UNAVAILABLE, retry_after_ms=RETRY_MS)
        case Anonymous():
            return Turned(Denial.NOBODY, "token")
        case _:
            raise TypeError(f"Identify was answered with a {type(found).__name__}")


def _asking(asker: ByPassword | ByToken, visit: Visit) -> Asked[Caller | Turned]:
    if isinstance(asker, ByToken):
        return (yield from owner(asker, visit))
    portrait = yield from check_password(visit, asker.login, asker.password)
    return portrait if isinstance(portrait, Turned) else nobody_yet(portrait.account)


# --- What is asked for ------------------------------------------------------------------------


def list_options(command: ListOptions, visit: Visit) -> Asked[Outcome]:
    """Tell which options there are."""
    caller = yield from _asking(command.asker, visit)
    if isinstance(caller, Turned):
        return caller
    match (yield from _performed(CallersCommand(Action.INVENTORY, caller))):
        case Stock(inventory=inventory):
            return OptionsListed(_options(inventory), is_whole=isinstance(command.asker, ByToken))
        case ended:
            return turned(ended, "account")


def challenge_option(command: ChallengeOption, visit: Visit) -> Asked[Outcome]:
    """Send a code of an option; of an authenticator, whose codes are read off it, there is nothing to send."""
    caller = yield from _asking(command.asker, visit)
    if isinstance(caller, Turned):
        return caller
    option = yield from option_of(caller.account, command.option)
    if option is None:
        return Turned(Denial.VALUE_WRONG, "option")
    trigger = CallersCommand(
        Action.TRIGGER, caller, option.factor.value, languages=visit.languages, enrolment=option.id
    )
    return turned((yield from _performed(trigger)), "option")


def add_address(command: AddAddress, visit: Visit) -> Asked[Outcome]:
    """Make an address pending and send a code to it."""
    caller = yield from owner(command.asker, visit)
    if isinstance(caller, Turned):
        return caller
    address = yield from asked_if_any(ReadAddress(command.factor, command.written), Address)
    if address is None:
        return Turned(Denial.VALUE_WRONG, "address")
    add = CallersCommand(
        *(Action.ADD, caller, command.factor.value, command.code, Scope.SESSION, visit.languages),
        address=address.text,
    )
    match (yield from _performed(add)):
        case Challenged(enrolment=enrolment):
            return ChallengeBegun(challenge_number(enrolment))
        case ended:
            return turned(ended, "address")


def add_authenticator(command: AddAuthenticator, visit: Visit) -> Asked[Outcome]:
    """Draw a secret, which waits for its first code."""
    caller = yield from owner(command.asker, visit)
    if isinstance(caller, Turned):
        return caller
    add = CallersCommand(Action.ADD, caller, Factor.TOTP.value, command.code, Scope.SESSION)
    match (yield from _performed(add)):
        case Begun(secret=secret, uri=uri):
            return SecretDrawn(secret, uri)
        case ended:
            return turned(ended, "factor")


def confirm_option(command: ConfirmOption, visit: Visit) -> Asked[Outcome]:
    """Make what is pending active."""
    caller = yield from owner(command.asker, visit)
    if isinstance(caller, Turned):
        return caller
    awaited = [one.enrolment for one in (yield from _stock_of(caller.account)).awaited]
    pending = [one.id for one in awaited if one.factor is command.factor]
    about = "secret" if command.challenge is None else "challenge"
    if not pending or command.challenge not in (None, challenge_number(pending[0])):
        return Turned(Denial.TICKET_BAD, about)
    confirm = CallersCommand(
        *(Action.CONFIRM, caller, command.factor.value, command.code, Scope.SESSION), ticket=pending[0]
    )
    match turned((yield from _performed(confirm)), about):
        case Finished():
            return OptionAdded(option_number(pending[0]))
        case Turned(denial=Denial.CODE_WRONG | Denial.CODES_LIMITED) as denied:
            return replace(denied, about=about)
        case ended:
            return ended


def remove_option(command: RemoveOption, visit: Visit) -> Asked[Outcome]:
    """Take an option away: with the password, and with a code that is worth as much. Every window ends with it."""
    caller = yield from owner(command.asker, visit)
    if isinstance(caller, Turned):
        return caller
    if (denied := (yield from _shows_password(caller.account, command.password, visit))) is not None:
        return denied
    option = yield from option_of(caller.account, command.option)
    if option is None:
        return Turned(Denial.VALUE_WRONG, "option")
    remove = CallersCommand(
        *(Action.REMOVE, caller, option.factor.value, command.code, Scope.SESSION), enrolment=option.id
    )
    return turned((yield from _performed(remove)), "option")


def _shows_password(account: AccountId, password: str, visit: Visit) -> Asked[Turned | None]:
    """Whether a password is that of an account, counted under the first name that its owner logs in with."""
    portrait = yield from asked_if_any(Describe(account), Portrait)
    names = portrait.login_ids if portrait is not None else ()
    found = yield from check_password(visit, names[0] if names else account.subject, password)
    if isinstance(found, Turned):
        return found
    return None if found.account == account else Turned(Denial.PASSWORD_WRONG)


# --- Steps ------------------------------------------------------------------------------------


def option_of(account: AccountId, number: int) -> Asked[Enrolment | None]:
    """The option of an account that has this number; no other account's is ever looked at."""
    every = _options((yield from _stock_of(account)))
    return next((one for one in every if option_number(one.id) == number), None)


def _options(inventory: Inventory) -> tuple[Enrolment, ...]:
    """What codes are typed of. A device that answers by itself is no option: no step here could wait for it."""
    return tuple(one for one in inventory.enrolments if one.factor not in UNTYPED)


def _stock_of(account: AccountId) -> Asked[Inventory]:
    answer = yield OnBehalf(nobody_yet(account), TakeStock())
    if not isinstance(answer, Inventory):
        raise TypeError(f"TakeStock was answered with a {type(answer).__name__}")
    return answer


def _performed(command: CallersCommand) -> Asked[CallersOutcome]:
    answer = yield Perform(command)
    return answer  # type: ignore[return-value]  # whoever asked matches it, and refuses what is none


def turned(outcome: CallersOutcome, about: str) -> Finished | CodeNeeded | Turned:
    """How a ceremony that has nothing to tell ends here."""
    if not isinstance(outcome, Failed):
        return Finished()
    if outcome.reason is Reason.CODE_MISSING:
        return CodeNeeded()
    denial, subject = _DENIALS.get(outcome.reason, (Denial.UNAVAILABLE, ""))
    begins_ban = outcome.reason is Reason.CODE_INVALID and outcome.retry_after_ms > 0
    return Turned(denial, subject or about, outcome.retry_after_ms, begins_ban)


_DENIALS: Final[Mapping[Reason, tuple[Denial, str]]] = {
    Reason.ACCOUNT_UNKNOWN: (Denial.NOBODY, "account"),
    Reason.ACCOUNT_DISABLED: (Denial.NOBODY, "account"),
    Reason.CODE_INVALID: (Denial.CODE_WRONG, "code"),
    Reason.BANNED: (Denial.CODES_LIMITED, "code"),
    Reason.LOGIN_STALE: (Denial.LOGIN_STALE, ""),
    Reason.FACTOR_MISSING: (Denial.VALUE_WRONG, ""),
    Reason.FACTOR_NOT_FOUND: (Denial.VALUE_WRONG, ""),
    Reason.BODY_MALFORMED: (Denial.VALUE_WRONG, ""),
    Reason.ALREADY_ACTIVE: (Denial.TAKEN, ""),
    Reason.DEACTIVATION_FAILED: (Denial.CHANGED, ""),
    Reason.SEND_FAILED: (Denial.SEND_FAILED, ""),
    Reason.SEND_LIMITED: (Denial.SENDS_LIMITED, ""),
}
