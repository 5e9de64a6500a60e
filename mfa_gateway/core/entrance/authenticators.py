"""Authenticators and codes on paper as second factors: those whose codes are not sent.

    TellAuthenticators  those that the account has
    DrawSecret          the secret of a new one, and a ticket
    ShowAuthenticator   assertion and code, and the ticket of one that is new: the provider's answer
    PrintCodes          a new set of backup codes
    CountCodes          how many of them are left
    ShowBackupCode      one of them instead: the provider's answer

What is pending is kept by the store; the ticket of a new authenticator only names it. Backup codes belong to the
provider of authenticators here, as a client knows them. What stays out: codes that are sent (second_codes).
"""

from dataclasses import dataclass, field
from typing import Final

from mfa_gateway.core.account import LONGEST_NAME, Factor, Inventory, Standing, needed_level
from mfa_gateway.core.ceremony import Change, Draw, Pending, Print, Rename, Resume, TakeStock
from mfa_gateway.core.entrance.assertions import ENROLS, TO_EDIT, Held, answer_to, held
from mfa_gateway.core.entrance.outcomes import Attested, Denial, Outcome, Turned
from mfa_gateway.core.entrance.passages import standing_of
from mfa_gateway.core.entrance.redemptions import shown_code
from mfa_gateway.core.entrance.second_codes import enrolments_of, ticket_of
from mfa_gateway.core.entrance.second_outcomes import CodesLeft, CodesPrinted, EnrolmentsTold, SecretShown
from mfa_gateway.core.entrance.second_words import TellOwner
from mfa_gateway.core.entrance.steps import Visit
from mfa_gateway.core.entrance.words import (
    Asked,
    Command,
    Describe,
    OnBehalf,
    Portrait,
    SealTicket,
    asked,
    asked_if_any,
)
from mfa_gateway.core.message import Happening
from mfa_gateway.core.otp import otpauth_uri, secret_text
from mfa_gateway.core.tickets import Ticket, TicketKind

# spec/gigya.md section 1.5: clients fill up a shorter list with codes that were used.
BACKUP_CODES: Final = 9
# As long as a drawn secret waits; the assertion ends before.
_TICKET_MS: Final = 600_000


@dataclass(frozen=True, slots=True)
class TellAuthenticators(Command):
    """Tell which authenticators there are."""

    assertion: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class DrawSecret(Command):
    """Begin a new authenticator."""

    assertion: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class ShowAuthenticator(Command):
    """Show a code of an authenticator. `ticket`: that of the new one that it is the first of, called `name`."""

    assertion: str = field(repr=False)
    code: str = field(repr=False)
    ticket: str = field(default="", repr=False)
    name: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class PrintCodes(Command):
    """Make a new set of backup codes in place of the old one."""

    assertion: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class CountCodes(Command):
    """Tell how many backup codes are left."""

    assertion: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class ShowBackupCode(Command):
    """Show a backup code."""

    assertion: str = field(repr=False)
    code: str = field(repr=False)


def tell_authenticators(command: TellAuthenticators, visit: Visit) -> Asked[Outcome]:
    """Tell which there are."""
    known = yield from held(command.assertion, visit, Factor.TOTP)
    if isinstance(known, Turned):
        return known
    return EnrolmentsTold((yield from enrolments_of(known)))


def draw_secret(command: DrawSecret, visit: Visit) -> Asked[Outcome]:
    """Draw a secret, which waits for its first code in place of the one that did."""
    known = yield from held(command.assertion, visit, Factor.TOTP, deeds=ENROLS)
    if isinstance(known, Turned):
        return known
    standing = yield from standing_of(known.caller)
    pending = yield OnBehalf(known.caller, Draw(standing.epoch, visit.terms.gate.totp))
    match pending:
        case Pending(id=name, secret=secret):
            ticket = yield from _ticket(known, standing, name, visit=visit)
            return SecretShown(ticket, secret_text(secret), (yield from _uri(known, secret, visit)))
        case Change.STALE:
            return Turned(Denial.CHANGED)
        case _:
            return Turned(Denial.VALUE_WRONG, "provider")


def _ticket(known: Held, standing: Standing, pending: str, *, visit: Visit) -> Asked[str]:
    ticket = Ticket(
        *(TicketKind.SECRET, visit.site.name, "", visit.now_ms, _TICKET_MS),
        account=known.caller.account,
        epoch=standing.epoch,
        device=visit.device,
        factor=Factor.TOTP,
        facts={"jti": known.jti, "enrols": pending},
    )
    return (yield from asked(SealTicket(ticket), str))


def _uri(known: Held, secret: bytes, visit: Visit) -> Asked[str]:
    portrait = yield from asked_if_any(Describe(known.caller.account), Portrait)
    email = None if portrait is None else portrait.email
    terms, label = visit.terms.gate, email or known.caller.account.subject
    return otpauth_uri(secret, terms.totp, issuer=terms.issuer, account=label)


def show_authenticator(command: ShowAuthenticator, visit: Visit) -> Asked[Outcome]:
    """Spend a code of any authenticator that the account has, or the first one of a new one, which makes it active."""
    known = yield from held(command.assertion, visit, Factor.TOTP)
    if isinstance(known, Turned):
        return known
    if not command.ticket:
        turned = yield from shown_code(command.code, known, visit)
    elif not _is_name(command.name):
        turned = Turned(Denial.VALUE_WRONG, "name")
    else:
        turned = yield from _first_code(command, known, visit)
    return turned or Attested((yield from answer_to(known, Factor.TOTP, visit)))


def _is_name(name: str) -> bool:
    return not name or (len(name) <= LONGEST_NAME and name.isprintable())


def _first_code(command: ShowAuthenticator, known: Held, visit: Visit) -> Asked[Turned | None]:
    ticket = yield from ticket_of(command.ticket, TicketKind.SECRET, known, visit=visit, about="sctToken")
    if isinstance(ticket, Turned):
        return ticket
    pending, name = (yield OnBehalf(known.caller, Resume())), ticket.facts["enrols"]
    if not isinstance(pending, Pending) or pending.id != name:
        return Turned(Denial.TICKET_BAD, "sctToken")
    turned = yield from shown_code(command.code, known, visit, enrols=name, pending=pending, about="sctToken")
    if turned is None and command.name:
        standing = yield from standing_of(known.caller)
        # It is active, whether or not it can be called that.
        yield OnBehalf(known.caller, Rename(Factor.TOTP, name, standing, command.name))
    return turned


# --- On paper ---------------------------------------------------------------------------------


def print_codes(command: PrintCodes, visit: Visit) -> Asked[Outcome]:
    """Make a new set. Whoever may edit an authenticator has shown the highest factor that there is."""
    known = yield from held(command.assertion, visit, Factor.TOTP, deeds=TO_EDIT)
    if isinstance(known, Turned):
        return known
    if Factor.BACKUP not in visit.terms.gate.factors:
        return Turned(Denial.SWITCHED_OFF)
    standing = yield from standing_of(known.caller)
    level = needed_level(standing, Factor.BACKUP)
    answer = yield OnBehalf(known.caller, Print(standing.epoch, level, BACKUP_CODES))
    if not isinstance(answer, tuple):
        return Turned(Denial.CHANGED)
    yield TellOwner(known.caller, Happening.CHANGED, Factor.BACKUP, standing, visit.languages)
    return CodesPrinted(answer)


def count_codes(command: CountCodes, visit: Visit) -> Asked[Outcome]:
    """Tell how many are left."""
    known = yield from held(command.assertion, visit, Factor.TOTP, deeds=TO_EDIT)
    if isinstance(known, Turned):
        return known
    stock = yield OnBehalf(known.caller, TakeStock())
    if not isinstance(stock, Inventory):
        raise TypeError(f"TakeStock was answered with a {type(stock).__name__}")
    return CodesLeft(stock.backup_left or 0)


def show_backup_code(command: ShowBackupCode, visit: Visit) -> Asked[Outcome]:
    """Spend a backup code."""
    known = yield from held(command.assertion, visit, Factor.TOTP)
    if isinstance(known, Turned):
        return known
    turned = yield from shown_code(command.code, known, visit, factor=Factor.BACKUP)
    return turned or Attested((yield from answer_to(known, Factor.BACKUP, visit)))
