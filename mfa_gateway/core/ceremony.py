"""Ceremonies: multi-step exchanges that change what an account can prove with.

Theory. A ceremony is a generator: it yields what it needs from the world (a `Need`) and is sent the answer, until it
returns its `Outcome`. It never waits itself, so each can be played through in a test by a dozen lines, with every
answer there is. The engine's clerk is the one loop that carries out needs for all of them.

    command --> ceremony -- Need --> clerk --> store, directory, sender
                         <- answer -
                         -- Outcome --> dialect

The order of the checks below is the contract of the Glue interface (spec/glue.md, "Order of checks"): the first failure
answers. What stays out: wire forms, and the limits and steps of sending a code (engine).
"""

from collections.abc import Generator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, TypeVar, assert_never

from mfa_gateway.core.account import Caller, Factor, FactorState, Person, Standing, sufficient_factors
from mfa_gateway.core.gate import Terms, account_obstacle
from mfa_gateway.core.proof import (
    Banned,
    Effect,
    Purpose,
    Receipt,
    Redeemed,
    Redemption,
    Rejected,
    Rejection,
    Ride,
    Rode,
    Scope,
)
from mfa_gateway.core.verdict import Reason

# spec/glue.md: a code just used may deactivate once more while its proof is younger than this (public clients do so).
DEACTIVATION_RIDE_MS: Final = 300_000


class Action(StrEnum):
    """What a caller asks for."""

    LIST = "list"
    TRIGGER = "trigger"
    ACTIVATE = "activate"
    VERIFY = "verify"
    DEACTIVATE = "deactivate"


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
    """

    action: Action
    caller: Caller
    factor_name: str | None = None
    code: str | None = field(default=None, repr=False)
    scope: Scope = Scope.ACCOUNT
    languages: tuple[str, ...] = ()


# --- Outcomes ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Listed:
    """The factors of an account: active, then pending, then the others that the gateway offers."""

    factors: tuple[tuple[Factor, FactorState], ...]


@dataclass(frozen=True, slots=True)
class Done:
    """It is done, and there is nothing to tell."""


@dataclass(frozen=True, slots=True)
class Failed:
    """It was not done, and nothing changed but what is counted."""

    reason: Reason
    retry_after_ms: int = 0
    detail: str = ""


Outcome = Listed | Done | Failed


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
    """Make a factor pending, with the address it will be pinned to. Answer: `Change`."""

    factor: Factor
    epoch: int
    address: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Deliver:
    """Issue a code and send it. `address` None means the address pinned in `standing`. Answer: `Delivery`."""

    factor: Factor
    purpose: Purpose
    standing: Standing
    address: str | None = field(default=None, repr=False)
    languages: tuple[str, ...] = ()


class Change(StrEnum):
    """Whether a change of an account took place."""

    MADE = "made"
    STALE = "stale"
    """The account changed since it was recalled; nothing was done."""


@dataclass(frozen=True, slots=True)
class Sent:
    """The message was accepted for delivery."""


@dataclass(frozen=True, slots=True)
class NotSent:
    """The message could not be delivered; its code is void."""


@dataclass(frozen=True, slots=True)
class Limited:
    """Too many messages, or too soon after the last one; nothing was sent."""

    left_ms: int


Delivery = Sent | NotSent | Limited
Need = Recall | LookUp | Redeem | Enrol | Deliver
Answer = Standing | Person | Receipt | Change | Delivery | None
Ceremony = Generator[Need, Answer, Outcome]

_T = TypeVar("_T")
_Asked = Generator[Need, Answer, _T]


def perform(command: Command, terms: Terms) -> Ceremony:
    """Begin the ceremony that a command asks for."""
    match command.action:
        case Action.LIST:
            return _list(command, terms)
        case Action.TRIGGER:
            return _trigger(command, terms)
        case Action.ACTIVATE:
            return _activate(command, terms)
        case Action.VERIFY:
            return _verify(command, terms)
        case Action.DEACTIVATE:
            return _deactivate(command, terms)
        case _ as never:
            assert_never(never)


def _list(command: Command, terms: Terms) -> Ceremony:
    standing = yield from _known(command, terms)
    if isinstance(standing, Failed):
        return standing
    order = {FactorState.ACTIVE: 0, FactorState.PENDING: 1, FactorState.OFF: 2}
    states = [(factor, standing.state(factor)) for factor in Factor if factor in terms.factors]
    return Listed(tuple(sorted(states, key=lambda pair: order[pair[1]])))


def _trigger(command: Command, terms: Terms) -> Ceremony:
    standing = yield from _known(command, terms)
    if isinstance(standing, Failed):
        return standing
    factor = _named_factor(command, terms)
    if isinstance(factor, Failed):
        return factor
    if standing.state(factor) is not FactorState.ACTIVE:
        return Failed(Reason.FACTOR_NOT_FOUND)
    if factor is Factor.TOTP:
        return Done()
    return (yield from _deliver(Deliver(factor, Purpose.GATE, standing, None, command.languages)))


def _activate(command: Command, terms: Terms) -> Ceremony:
    standing = yield from _known(command, terms)
    if isinstance(standing, Failed):
        return standing
    factor = _named_factor(command, terms)
    if isinstance(factor, Failed):
        return factor
    if standing.state(factor) is FactorState.ACTIVE:
        return Failed(Reason.ALREADY_ACTIVE)
    # A bare "done" cannot carry the secret that a TOTP enrolment has to show.
    if factor is Factor.TOTP:
        return Failed(Reason.FACTOR_NOT_FOUND)
    if standing.active() and (failure := (yield from _confirm(command, standing, factor, terms=terms))) is not None:
        return failure
    return (yield from _enrol(command, standing, factor))


def _confirm(command: Command, standing: Standing, target: Factor, *, terms: Terms) -> _Asked[Failed | None]:
    """Adding a factor to an account that has one takes a code of sufficient level."""
    if not command.code:
        return Failed(Reason.CODE_MISSING)
    redemption = _redemption(command, standing, terms, factors=sufficient_factors(standing, target))
    return _failure((yield from _redeem(redemption, standing)))


def _enrol(command: Command, standing: Standing, factor: Factor) -> Ceremony:
    person = yield from _look_up()
    address = person.address(factor) if person else None
    if address is None:
        return Failed(Reason.FACTOR_NOT_FOUND, detail="the directory knows no verified address for this factor")
    languages = (person.locale, *command.languages) if person and person.locale else command.languages
    if (yield from _make_pending(Enrol(factor, standing.epoch, address))) is Change.STALE:
        return Failed(Reason.FACTOR_NOT_FOUND, detail="the account changed meanwhile")
    return (yield from _deliver(Deliver(factor, Purpose.ACTIVATE, standing, address, languages)))


def _verify(command: Command, terms: Terms) -> Ceremony:
    presented = yield from _presented(command, terms)
    if isinstance(presented, Failed):
        return presented
    standing, factor = presented
    if (state := standing.state(factor)) is not FactorState.PENDING:
        return Failed(Reason.ALREADY_ACTIVE if state is FactorState.ACTIVE else Reason.FACTOR_NOT_FOUND)
    redemption = _redemption(
        command, standing, terms, factors=(factor,), purpose=Purpose.ACTIVATE, effect=Effect.ACTIVATE, target=factor
    )
    return _failure((yield from _redeem(redemption, standing))) or Done()


def _deactivate(command: Command, terms: Terms) -> Ceremony:
    presented = yield from _presented(command, terms)
    if isinstance(presented, Failed):
        return presented
    standing, factor = presented
    if standing.state(factor) is not FactorState.ACTIVE:
        return Failed(Reason.FACTOR_NOT_FOUND)
    redemption = _redemption(
        command,
        standing,
        terms,
        factors=sufficient_factors(standing, factor),
        effect=Effect.DEACTIVATE,
        target=factor,
        ride=Ride(DEACTIVATION_RIDE_MS, same_token=True),
    )
    match (yield from _redeem(redemption, standing)):
        case Rejected(why=Rejection.STALE):
            return Failed(Reason.DEACTIVATION_FAILED, detail="the account changed meanwhile")
        case receipt:
            return _failure(receipt) or Done()


# --- Shared steps -----------------------------------------------------------------------------


def _known(command: Command, terms: Terms) -> _Asked[Standing | Failed]:
    standing = yield Recall(command.scope)
    if not isinstance(standing, Standing):
        raise _wrong_answer("Recall", standing)
    obstacle = account_obstacle(standing, terms.known_by)
    return standing if obstacle is None else Failed(obstacle)


def _presented(command: Command, terms: Terms) -> _Asked[tuple[Standing, Factor] | Failed]:
    """The account and the factor of a step that always takes a code; the code is looked for before the factor."""
    standing = yield from _known(command, terms)
    if isinstance(standing, Failed):
        return standing
    if not command.code:
        return Failed(Reason.CODE_MISSING)
    factor = _named_factor(command, terms)
    return factor if isinstance(factor, Failed) else (standing, factor)


def _named_factor(command: Command, terms: Terms) -> Factor | Failed:
    if not command.factor_name:
        return Failed(Reason.FACTOR_MISSING)
    offered = {factor.value: factor for factor in terms.factors}
    return offered.get(command.factor_name) or Failed(Reason.FACTOR_NOT_FOUND)


def _redemption(
    command: Command,
    standing: Standing,
    terms: Terms,
    *,
    factors: tuple[Factor, ...],
    purpose: Purpose = Purpose.GATE,
    effect: Effect = Effect.OPEN,
    target: Factor | None = None,
    ride: Ride | None = None,
) -> Redemption:
    presented = command.code or ""
    return Redemption(
        account=command.caller.account,
        epoch=standing.epoch,
        purpose=purpose,
        presented=presented,
        factors=tuple(factor for factor in factors if factor in terms.factors and terms.shapes.fits(presented, factor)),
        scope=command.scope,
        session=command.caller.session,
        token=command.caller.token,
        effect=effect,
        target=target,
        ride=ride,
        keep_ms=terms.keep_ms,
        regulation=terms.regulation,
    )


def _failure(receipt: Receipt) -> Failed | None:
    match receipt:
        case Redeemed() | Rode():
            return None
        case Rejected(why=why, ban_left_ms=left):
            return Failed(Reason.CODE_INVALID, left, why.value)
        case Banned(left_ms=left):
            return Failed(Reason.BANNED, left)
        case _ as never:
            assert_never(never)


def _deliver(need: Deliver) -> Ceremony:
    match (yield need):
        case Sent():
            return Done()
        case NotSent():
            return Failed(Reason.SEND_FAILED)
        case Limited(left_ms=left):
            return Failed(Reason.SEND_LIMITED, left)
        case answer:
            raise _wrong_answer("Deliver", answer)


def _redeem(redemption: Redemption, standing: Standing) -> _Asked[Receipt]:
    answer = yield Redeem(redemption, standing)
    if not isinstance(answer, Redeemed | Rode | Rejected | Banned):
        raise _wrong_answer("Redeem", answer)
    return answer


def _look_up() -> _Asked[Person | None]:
    answer = yield LookUp()
    if answer is not None and not isinstance(answer, Person):
        raise _wrong_answer("LookUp", answer)
    return answer


def _make_pending(need: Enrol) -> _Asked[Change]:
    answer = yield need
    if not isinstance(answer, Change):
        raise _wrong_answer("Enrol", answer)
    return answer


def _wrong_answer(need: str, answer: Answer) -> TypeError:
    return TypeError(f"{need} was answered with a {type(answer).__name__}")
