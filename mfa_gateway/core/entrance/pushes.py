"""Push as a second factor: a device that opted in is sent a message, and answers it by itself.

    OptIn       a device of somebody with a session, which becomes one of the account by its first answer
    SendPush    a message to every device of the account; what was sent before is worth nothing then
    AskAnswer   whoever waits asks again and again: the provider's answer, once a device has given its own
    AnswerPush  assertion and token from a device: the provider's answer

Two parties hold the assertion, whoever waits and the device it was sent to. So it proves nothing by itself: the token
does, which travels in the message alone (core.push), and it answers this very assertion once. A device has its own
session of the same account beside it. One that has none, because a change of the account ended it, may answer a login
of its own: on the device that the assertion was asked for on. A server of the site speaks for its devices.

Wrong tokens count like wrong codes. How often somebody is disturbed is limited like every message (dispatch), and
within half a minute there is none but the one that waits for its answer. What stays out: codes that people type.
"""

from dataclasses import dataclass, field, replace
from typing import Final, assert_never

from mfa_gateway.core.account import Enrolment, Factor, FactorState, Standing
from mfa_gateway.core.ceremony import Action, Change, Deliver, Enrol, Pending, Redeem
from mfa_gateway.core.ceremony import Command as CallersCommand
from mfa_gateway.core.ceremony.steps import redemption_of
from mfa_gateway.core.entrance.access_words import WasUsed
from mfa_gateway.core.entrance.assertions import ASSERTION_MS, ENROLS, Held, answer_to, held, held_elsewhere
from mfa_gateway.core.entrance.outcomes import Attested, Denial, Finished, Outcome, Turned
from mfa_gateway.core.entrance.passages import caller_in, standing_of
from mfa_gateway.core.entrance.redemptions import unredeemed
from mfa_gateway.core.entrance.second_codes import enrolments_of, unsent
from mfa_gateway.core.entrance.second_words import TellOwner
from mfa_gateway.core.entrance.steps import Visit
from mfa_gateway.core.entrance.visitors import Owner, Server, Stranger
from mfa_gateway.core.entrance.words import Asked, Command, OnBehalf, Use, UseOnce, asked
from mfa_gateway.core.message import Happening
from mfa_gateway.core.proof import Effect, Purpose, Redemption, Scope
from mfa_gateway.core.push import Device, Summons, purpose_of
from mfa_gateway.core.site import Site

# An assertion of a host whose clock is ahead is good for a little longer.
_REMEMBERED_MS: Final = ASSERTION_MS + 60_000


@dataclass(frozen=True, slots=True)
class OptIn(Command):
    """Make a device one that answers."""

    assertion: str = field(repr=False)
    device: Device


@dataclass(frozen=True, slots=True)
class SendPush(Command):
    """Ask the devices of the account."""

    assertion: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class AskAnswer(Command):
    """Ask whether a device has answered."""

    assertion: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class AnswerPush(Command):
    """Answer, as a device."""

    assertion: str = field(repr=False)
    token: str = field(repr=False)


# --- Sending ----------------------------------------------------------------------------------


def opt_in(command: OptIn, visit: Visit) -> Asked[Outcome]:
    """Have a device wait for its first message. It takes a session: that of the login that the assertion is of."""
    known = yield from held(command.assertion, visit, Factor.PUSH, deeds=ENROLS)
    if isinstance(known, Turned):
        return known
    if not _is_own_session(known, visit):
        return Turned(Denial.NOBODY, "session")
    standing = yield from standing_of(known.caller)
    device = command.device
    pending = yield OnBehalf(known.caller, Enrol(Factor.PUSH, standing.epoch, device.address, device.name))
    match pending:
        case Pending():
            summons = Summons(command.assertion, known.jti)
            need = Deliver(Factor.PUSH, Purpose.ACTIVATE, standing, device.address, visit.languages, summons=summons)
            return unsent((yield OnBehalf(known.caller, need))) or Finished()
        case Change.STALE:
            return Turned(Denial.CHANGED)
        case _:
            return Turned(Denial.VALUE_WRONG, "deviceInfo")


def _is_own_session(known: Held, visit: Visit) -> bool:
    if not isinstance(visit.visitor, Owner):
        return False
    session = visit.visitor.session
    return known.caller == caller_in(session.account, session.id)


def send_push(command: SendPush, visit: Visit) -> Asked[Outcome]:
    """Send a message to every device that has opted in."""
    known = yield from held(command.assertion, visit, Factor.PUSH)
    if isinstance(known, Turned):
        return known
    standing = yield from standing_of(known.caller)
    devices = yield from _devices(known, standing, visit)
    if not devices:
        return Turned(Denial.NO_PROVIDER)
    first, *others = [one.id for one in devices]
    summons = Summons(command.assertion, known.jti, tuple(others))
    need = Deliver(Factor.PUSH, Purpose.GATE, standing, None, visit.languages, first, summons=summons)
    return unsent((yield OnBehalf(known.caller, need))) or Finished()


def _devices(known: Held, standing: Standing, visit: Visit) -> Asked[tuple[Enrolment, ...]]:
    is_usable = standing.state(Factor.PUSH) is FactorState.ACTIVE and Factor.PUSH in visit.terms.gate.factors
    return (yield from enrolments_of(known)) if is_usable else ()


# --- Answering --------------------------------------------------------------------------------


def answer_push(command: AnswerPush, visit: Visit) -> Asked[Outcome]:
    """Spend a token, and remember for whoever waits that it was good."""
    known = yield from held_elsewhere(command.assertion, visit, Factor.PUSH)
    if isinstance(known, Turned):
        return known
    if (turned := _not_a_device(known, visit)) is not None:
        return turned
    standing = yield from standing_of(known.caller)
    redemption = _redemption(command, known, standing, visit=visit)
    turned = unredeemed((yield OnBehalf(known.caller, Redeem(redemption, standing))), "verificationToken")
    if turned is not None:
        return turned
    # Whoever waits is told after the token is spent: should we stop in between, they ask for another message.
    yield UseOnce(_answered(known, visit.site), _REMEMBERED_MS)
    if redemption.effect is Effect.ACTIVATE:
        yield TellOwner(known.caller, Happening.ADDED, Factor.PUSH, standing, visit.languages)
    return Attested((yield from answer_to(known, Factor.PUSH, visit)))


def _not_a_device(known: Held, visit: Visit) -> Turned | None:
    """Why nobody here can be a device of the account. Whether it is one, its token tells."""
    match visit.visitor:
        case Owner(session=session):
            return None if session.account == known.caller.account else Turned(Denial.ASSERTION_BAD, "gigyaAssertion")
        case Server():
            return None
        case Stranger():
            is_there = bool(visit.device) and visit.device == known.device
            return None if is_there else Turned(Denial.NOBODY, "session")
        case _ as never:
            assert_never(never)


def _redemption(command: AnswerPush, known: Held, standing: Standing, *, visit: Visit) -> Redemption:
    """What the store is asked. A text that is no token is compared with nothing, and counted."""
    kept = Summons(command.assertion, known.jti).kept(command.token)
    asked_for = CallersCommand(Action.ANSWER, known.caller, code=kept, scope=Scope.SESSION)
    made = redemption_of(asked_for, standing, visit.terms.gate, factors=())
    match purpose_of(command.token):
        case None:
            return made
        case Purpose.ACTIVATE:
            return replace(
                made,
                factors=(Factor.PUSH,),
                purpose=Purpose.ACTIVATE,
                effect=Effect.ACTIVATE,
                target=Factor.PUSH,
            )
        case _:
            return replace(made, factors=(Factor.PUSH,))


def ask_answer(command: AskAnswer, visit: Visit) -> Asked[Outcome]:
    """Tell whoever waits for an answer to their assertion. One that never was asked for looks like one to come."""
    known = yield from held(command.assertion, visit, Factor.PUSH)
    if isinstance(known, Turned):
        return known
    if (yield from asked(WasUsed(_answered(known, visit.site)), Use)) is Use.FIRST:
        return Finished()
    return Attested((yield from answer_to(known, Factor.PUSH, visit)))


def _answered(known: Held, site: Site) -> tuple[str, ...]:
    return ("push answered", site.name, known.jti)
