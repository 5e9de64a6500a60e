"""Codes of a second factor, sent to an address: which addresses there are, a code to one, and the code that comes back.

    TellAddresses   those that codes of a factor go to
    SendSecond      a code to one of them, or to one that is to become one; and a ticket
    AnswerSecond    assertion, ticket and code: the provider's answer
    RemoveAddress   takes one away

An address is known by the id of its enrolment, or as it is written. A mailbox can be added only if it is on record as
the account's own and verified; it has the id `RECORDED` then. A phone can be any that is written to.

A code that is wrong leaves assertion and ticket as they are, to be tried again until the attempts of the account are
spent, which every endpoint shares (regulation, step_up). One that was right is spent: it answers no second assertion.
What stays out: codes that are not sent (authenticators).
"""

from dataclasses import dataclass, field
from typing import Final

from mfa_gateway.core.account import Enrolment, Factor, Inventory, Standing
from mfa_gateway.core.ceremony import Change, Deliver, Enrol, Limited, LookUp, NotSent, Pending, Sent, TakeStock
from mfa_gateway.core.entrance.assertions import ENROLS, TO_EDIT, Deed, Held, answer_to, held
from mfa_gateway.core.entrance.outcomes import Attested, CodeSent, Denial, Finished, Outcome, Turned
from mfa_gateway.core.entrance.passages import standing_of
from mfa_gateway.core.entrance.redemptions import shown_code
from mfa_gateway.core.entrance.second_outcomes import EnrolmentsTold
from mfa_gateway.core.entrance.second_words import TellOwner, Withdraw
from mfa_gateway.core.entrance.steps import Visit, opened
from mfa_gateway.core.entrance.words import (
    Address,
    Asked,
    Command,
    Describe,
    OnBehalf,
    Portrait,
    ReadAddress,
    SealTicket,
    asked,
    asked_if_any,
)
from mfa_gateway.core.message import Happening
from mfa_gateway.core.proof import Purpose
from mfa_gateway.core.tickets import Ticket, TicketKind

# spec/gigya.md section 6: as long as the assertion that it belongs to.
TICKET_MS: Final = 300_000
# The id of the mailbox that is on record and no enrolment yet. Ids of enrolments are hexadecimal.
RECORDED: Final = "recorded-address"
# The word for a ticket whose code makes its address an enrolment: the id that it will have.
_ENROLS: Final = "enrols"


@dataclass(frozen=True, slots=True)
class TellAddresses(Command):
    """Tell the addresses of a factor."""

    factor: Factor
    assertion: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class SendSecond(Command):
    """Send a code to an address, by its id or else as it is written. `about`: what the dialect calls what was given."""

    factor: Factor
    assertion: str = field(repr=False)
    enrolment: str = ""
    written: str = field(default="", repr=False)
    about: str = ""


@dataclass(frozen=True, slots=True)
class AnswerSecond(Command):
    """Bring a code back."""

    factor: Factor
    assertion: str = field(repr=False)
    ticket: str = field(repr=False)
    code: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class RemoveAddress(Command):
    """Take an enrolment of a factor away. `about`: what the dialect calls its id."""

    factor: Factor
    assertion: str = field(repr=False)
    enrolment: str
    about: str = ""


def tell_addresses(command: TellAddresses, visit: Visit) -> Asked[Outcome]:
    """Tell the addresses of a factor, whole to whoever may change them; masking them is for the dialect."""
    known = yield from held(command.assertion, visit, command.factor)
    if isinstance(known, Turned):
        return known
    enrolments = yield from enrolments_of(known)
    recorded = yield from _recorded_mailbox(known)
    addresses = {one.address for one in enrolments}
    if recorded is not None and known.deed in ENROLS and recorded not in addresses:
        enrolments += (Enrolment(Factor.EMAIL, RECORDED, address=recorded),)
    return EnrolmentsTold(enrolments, is_plain=known.deed is Deed.EDIT)


def enrolments_of(known: Held) -> Asked[tuple[Enrolment, ...]]:
    """The enrolments of the factor that an assertion is for."""
    stock = yield OnBehalf(known.caller, TakeStock())
    if not isinstance(stock, Inventory):
        raise TypeError(f"TakeStock was answered with a {type(stock).__name__}")
    return tuple(one for one in stock.enrolments if one.factor is known.factor)


def _recorded_mailbox(known: Held) -> Asked[str | None]:
    """The verified mailbox that is on record, here or in a directory."""
    if known.factor is not Factor.EMAIL:
        return None
    portrait = yield from asked_if_any(Describe(known.caller.account), Portrait)
    if portrait is not None and portrait.email is not None:
        return portrait.email if portrait.email_verified else None
    person = yield OnBehalf(known.caller, LookUp())
    return getattr(person, "email", None)


# --- Sending ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Target:
    """Where a code goes: an enrolment by its id, or else an address that is to become one."""

    enrolment: str = ""
    address: str | None = field(default=None, repr=False)


def send_second(command: SendSecond, visit: Visit) -> Asked[Outcome]:
    """Send a code, and give a ticket that only this assertion can use."""
    known = yield from held(command.assertion, visit, command.factor)
    if isinstance(known, Turned):
        return known
    target = yield from _target(command, known)
    if target is None:
        return Turned(Denial.VALUE_WRONG, command.about)
    standing = yield from standing_of(known.caller)
    pending = yield from _pended(known, standing, target, about=command.about)
    if isinstance(pending, Turned):
        return pending
    purpose = Purpose.ACTIVATE if pending else Purpose.GATE
    need = Deliver(known.factor, purpose, standing, target.address, visit.languages, target.enrolment)
    turned = unsent((yield OnBehalf(known.caller, need)))
    return turned or CodeSent((yield from _ticket(known, standing, pending, visit=visit)))


def _target(command: SendSecond, known: Held) -> Asked[_Target | None]:
    """Where a code may go that this assertion asks for; None: nowhere."""
    enrolments = yield from enrolments_of(known)
    if any(one.id == command.enrolment for one in enrolments):
        return _Target(command.enrolment)
    recorded = yield from _recorded_mailbox(known)
    if command.enrolment:
        is_recorded = command.enrolment == RECORDED and known.deed in ENROLS
        return _Target(address=recorded) if is_recorded and recorded is not None else None
    address = yield from asked_if_any(ReadAddress(known.factor, command.written), Address)
    if address is None:
        return None
    found = next((one.id for one in enrolments if one.address == address.text), None)
    if found is not None:
        return _Target(found)
    is_anybodys = known.factor is Factor.SMS or address.text == recorded
    return _Target(address=address.text) if is_anybodys and known.deed in ENROLS else None


def _pended(known: Held, standing: Standing, target: _Target, *, about: str) -> Asked[str | Turned]:
    """The id of what waits for its first code; "" where the target is an enrolment already."""
    if target.address is None:
        return ""
    pending = yield OnBehalf(known.caller, Enrol(known.factor, standing.epoch, target.address))
    match pending:
        case Pending(id=name):
            return name
        case Change.STALE:
            return Turned(Denial.CHANGED)
        case _:
            return Turned(Denial.VALUE_WRONG, about)


def unsent(delivery: object) -> Turned | None:
    """Why a message did not go out; None: it did."""
    match delivery:
        case Sent():
            return None
        case Limited(left_ms=left_ms):
            return Turned(Denial.SENDS_LIMITED, retry_after_ms=left_ms)
        case NotSent():
            return Turned(Denial.SEND_FAILED)
        case _:
            raise TypeError(f"Deliver was answered with a {type(delivery).__name__}")


def _ticket(known: Held, standing: Standing, pending: str, *, visit: Visit) -> Asked[str]:
    ticket = Ticket(
        *(TicketKind.PROVIDER, visit.site.name, "", visit.now_ms, TICKET_MS),
        account=known.caller.account,
        epoch=standing.epoch,
        device=visit.device,
        factor=known.factor,
        facts={"jti": known.jti, _ENROLS: pending},
    )
    return (yield from asked(SealTicket(ticket), str))


# --- Bringing it back -------------------------------------------------------------------------


def answer_second(command: AnswerSecond, visit: Visit) -> Asked[Outcome]:
    """Redeem a code; the right one of an address that is to be an enrolment makes it one."""
    known = yield from held(command.assertion, visit, command.factor)
    if isinstance(known, Turned):
        return known
    ticket = yield from ticket_of(command.ticket, TicketKind.PROVIDER, known, visit=visit, about="phvToken")
    if isinstance(ticket, Turned):
        return ticket
    turned = yield from shown_code(command.code, known, visit, enrols=ticket.facts[_ENROLS], about="phvToken")
    return turned or Attested((yield from answer_to(known, known.factor, visit)))


def ticket_of(text: str, kind: TicketKind, known: Held, *, visit: Visit, about: str) -> Asked[Ticket | Turned]:
    """A ticket that was given for this very assertion."""
    ticket = yield from opened(text, kind, visit, about=about)
    if isinstance(ticket, Turned):
        return ticket
    is_its = ticket.account == known.caller.account and ticket.factor is known.factor
    if not is_its or ticket.facts.get("jti") != known.jti:
        return Turned(Denial.ASSERTION_BAD, about)
    return ticket


# --- Taking away ------------------------------------------------------------------------------


def remove_address(command: RemoveAddress, visit: Visit) -> Asked[Outcome]:
    """Take an address, or an authenticator, away. An assertion to edit was given to somebody who may."""
    known = yield from held(command.assertion, visit, command.factor, deeds=TO_EDIT)
    if isinstance(known, Turned):
        return known
    standing = yield from standing_of(known.caller)
    change = yield Withdraw(known.caller, known.factor, standing.epoch, command.enrolment)
    match change:
        case Change.MADE:
            yield TellOwner(known.caller, Happening.REMOVED, known.factor, standing, visit.languages)
            return Finished()
        case Change.STALE:
            return Turned(Denial.CHANGED)
        case _:
            return Turned(Denial.VALUE_WRONG, command.about)
