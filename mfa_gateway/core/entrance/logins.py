"""Logins with a password: who it is, whether a second factor is wanted, and the session at the end.

Theory. A login whose first factor was good is in one of three places:

    nothing is wanted   by its site, or the device is one that is remembered: a session (steps.enter)
    a second factor     `Pending`, and a ticket; the second factor is shown beside it, in the ticket's passage (tfa)
    fields are missing  `Incomplete`, and a ticket that says that nothing else is wanted any more

Both tickets come back to `finish_registration`, which looks at everything anew: what the site wants, what the account
has, and whether the ticket's passage was finished. A ticket opens one session. What was proved in its passage is the
session's then, so the gate does not ask for it again.

Nothing is told before the password was right: a lock is one of the name that was typed in, whoever has it (passwords).
What stays out: showing second factors (tfa), and codes as a first factor (codes).
"""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from mfa_gateway.core.account import AccountId, FactorState, Standing
from mfa_gateway.core.entrance.access_words import WasUsed
from mfa_gateway.core.entrance.account_outcomes import Pending, SecondStep, TicketGiven
from mfa_gateway.core.entrance.outcomes import Denial, Entered, Incomplete, Outcome, Turned
from mfa_gateway.core.entrance.passwords import check_password
from mfa_gateway.core.entrance.second_words import BeginPassage, CarryProofs, KnowsDevice, Passage, Recognition
from mfa_gateway.core.entrance.steps import (
    NEW,
    SETTLED,
    Stay,
    Visit,
    device_flaw,
    enter,
    missing_fields,
    opened,
    recalled,
    registration_ticket,
    unverified_addresses,
)
from mfa_gateway.core.entrance.visitors import Owner
from mfa_gateway.core.entrance.words import (
    Asked,
    Command,
    Describe,
    OpenTicket,
    Portrait,
    SealTicket,
    Use,
    UseOnce,
    asked,
    asked_if_any,
)
from mfa_gateway.core.site import PROVIDERS, TfaDemand
from mfa_gateway.core.tickets import Ticket, TicketKind

# Long enough to type a password after a name; nothing is told of it before.
IDENTIFIER_MS: Final = 600_000


class LoginMode(StrEnum):
    """What a login is for."""

    STANDARD = "standard"
    AGAIN = "again"
    """Somebody who is logged in shows that it is still them."""


@dataclass(frozen=True, slots=True)
class LogIn(Command):
    """Log in with a password, by a name or by a ticket that stands for one (`identifier`); the other is ""."""

    login: str = field(repr=False)
    identifier: str = field(repr=False)
    password: str = field(repr=False)
    stay: Stay
    mode: LoginMode = LoginMode.STANDARD


@dataclass(frozen=True, slots=True)
class FinishRegistration(Command):
    """Open the session of a login that something was wanted for."""

    ticket: str = field(repr=False)
    stay: Stay


@dataclass(frozen=True, slots=True)
class NameSomebody(Command):
    """Give a ticket that stands for a name, whether anybody has it or not."""

    name: str = field(repr=False)


# --- Passwords --------------------------------------------------------------------------------


def log_in(command: LogIn, visit: Visit) -> Asked[Outcome]:
    """Log in; with a second factor to come where one is wanted."""
    name = yield from _named(command, visit)
    if isinstance(name, Turned):
        return name
    if command.mode is LoginMode.AGAIN and not isinstance(visit.visitor, Owner):
        return Turned(Denial.NOBODY, "session")
    known = yield from check_password(visit, name, command.password)
    if isinstance(known, Turned):
        return known
    if command.mode is LoginMode.AGAIN and not _is_again(known.account, visit):
        return Turned(Denial.FORBIDDEN)
    standing = yield from recalled(known.account)
    step = yield from second_step(known.account, standing, visit)
    if step is None:
        return (yield from enter(known.account, visit, command.stay, epoch=standing.epoch))
    ticket = yield from registration_ticket(known.account, visit, facts={})
    return Pending(ticket, known.account, step)


def _is_again(account: AccountId, visit: Visit) -> bool:
    return isinstance(visit.visitor, Owner) and visit.visitor.session.account == account


def _named(command: LogIn, visit: Visit) -> Asked[str | Turned]:
    if not command.identifier:
        return command.login
    ticket = yield from opened(command.identifier, TicketKind.IDENTIFIER, visit, about="aToken")
    return ticket if isinstance(ticket, Turned) else ticket.address


def name_somebody(command: NameSomebody, visit: Visit) -> Asked[Outcome]:
    """Seal a name. Nobody is looked up."""
    ticket = Ticket(
        *(TicketKind.IDENTIFIER, visit.site.name, "", visit.now_ms, IDENTIFIER_MS),
        device=visit.device,
        address=command.name,
    )
    return TicketGiven((yield from asked(SealTicket(ticket), str)))


def second_step(account: AccountId, standing: Standing, visit: Visit) -> Asked[SecondStep | None]:
    """What a login of this account, on this device, takes after its first factor; None: nothing."""
    tfa = visit.site.tfa
    if tfa.demand is TfaDemand.OFF:
        return None
    # Whether this gateway offers them now or not: what is switched off must not leave the password alone.
    factors = [PROVIDERS[name] for name in tfa.providers]
    is_registered = any(standing.state(factor) is FactorState.ACTIVE for factor in factors)
    if not is_registered and tfa.demand is TfaDemand.IF_REGISTERED:
        return None
    if visit.device:
        known = yield from asked(KnowsDevice(account, visit.site.name, visit.device), Recognition)
        if known is Recognition.KNOWN:
            return None
    return SecondStep.VERIFY if is_registered else SecondStep.REGISTER


# --- Coming back with a ticket ----------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Resumed:
    """A login that goes on: its ticket, whose it is, and what was shown in it meanwhile.

    Its passage is called like the ticket.
    """

    ticket: Ticket
    account: AccountId
    passage: Passage

    @property
    def is_settled(self) -> bool:
        """Whether every factor that the login takes was shown in it."""
        return SETTLED in self.ticket.facts or self.passage.second is not None


def resumed(text: str, visit: Visit) -> Asked[Resumed | Turned]:
    """The login of a registration ticket, still good at this site, at this time, and on this device.

    It outlives the change of a factor that was made in it, and no other.
    """
    ticket = yield from asked_if_any(OpenTicket(TicketKind.REGISTRATION, visit.site.name, text), Ticket)
    bad = Turned(Denial.TICKET_BAD, "regToken")
    if ticket is None or ticket.account is None or not ticket.is_alive(visit.now_ms):
        return bad
    if flaw := device_flaw(ticket, visit, about="regToken"):
        return flaw
    begin = BeginPassage(ticket.account, ticket.id, ticket.epoch, ticket.life_ms)
    passage = yield from asked_if_any(begin, Passage)
    if passage is None or (yield from asked(WasUsed(_spending(ticket)), Use)) is Use.REPEATED:
        return bad
    return Resumed(ticket, ticket.account, passage)


def _spending(ticket: Ticket) -> tuple[str, ...]:
    """What is remembered of a ticket that opened its session: from then on it leads nowhere, log-out or not."""
    return ("registration", ticket.site, ticket.id)


def pending(login: Resumed, visit: Visit) -> Asked[SecondStep | None]:
    """What is still wanted of a login that goes on; None: no other factor."""
    if login.is_settled:
        return None
    standing = yield from recalled(login.account)
    return (yield from second_step(login.account, standing, visit))


def spoken_for(text: str, visit: Visit) -> Asked[AccountId | Turned | Pending]:
    """Whose account the ticket of a login speaks for: nobody's while a second factor is wanted.

    What a password alone led to must not see or change anything, least of all where codes that log in are sent.
    """
    login = yield from resumed(text, visit)
    if isinstance(login, Turned):
        return login
    step = yield from pending(login, visit)
    return login.account if step is None else Pending(text, login.account, step)


def finish_registration(command: FinishRegistration, visit: Visit) -> Asked[Outcome]:
    """Open the session of a ticket, if nothing is wanted any more. It opens one."""
    login = yield from resumed(command.ticket, visit)
    if isinstance(login, Turned):
        return login
    if step := (yield from pending(login, visit)):
        return Pending(command.ticket, login.account, step)
    portrait = (yield from asked_if_any(Describe(login.account), Portrait)) or Portrait(login.account)
    missing, unverified = missing_fields(visit.site, portrait), unverified_addresses(visit.site, portrait)
    is_new = NEW in login.ticket.facts
    if missing or unverified:
        return Incomplete(command.ticket, portrait, missing, is_new, unverified)
    use = UseOnce(_spending(login.ticket), login.ticket.life_ms)
    if (yield from asked(use, Use)) is Use.REPEATED:
        return Turned(Denial.TICKET_BAD, "regToken")
    outcome = yield from enter(login.account, visit, command.stay, is_new=is_new, epoch=login.passage.epoch)
    if isinstance(outcome, Entered) and login.passage.second is not None:
        yield CarryProofs(login.account, login.ticket.id, outcome.session.session.id)
    return outcome
