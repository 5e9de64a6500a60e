"""Steps: what more than one ceremony does on its way.

What stays out: the ceremonies (types, enrolment).
"""

from collections.abc import Set as AbstractSet
from typing import Final, assert_never

from mfa_gateway.core.account import Factor, Person, Standing
from mfa_gateway.core.ceremony.words import (
    Asked,
    Ceremony,
    Change,
    Command,
    Deliver,
    Done,
    Enrol,
    Failed,
    Limited,
    LookUp,
    NotSent,
    Outcome,
    Pending,
    Recall,
    Redeem,
    Sent,
    wrong_answer,
)
from mfa_gateway.core.gate import Terms, account_obstacle
from mfa_gateway.core.proof import (
    Banned,
    Effect,
    Purpose,
    Receipt,
    Redeemed,
    Redemption,
    Rejected,
    Ride,
    Rode,
)
from mfa_gateway.core.verdict import Reason

_DONE: Final = Done()


def known(command: Command, terms: Terms) -> Asked[Standing | Failed]:
    """The account of the caller, or why nothing at all can be done for it."""
    standing = yield Recall(command.scope)
    if not isinstance(standing, Standing):
        raise wrong_answer("Recall", standing)
    obstacle = account_obstacle(standing, terms.known_by)
    return standing if obstacle is None else Failed(obstacle)


def presented(command: Command, terms: Terms, offered: AbstractSet[Factor]) -> Asked[tuple[Standing, Factor] | Failed]:
    """The account and the factor of a step that always takes a code; the code is looked for before the factor."""
    standing = yield from known(command, terms)
    if isinstance(standing, Failed):
        return standing
    if not command.code:
        return Failed(Reason.CODE_MISSING)
    factor = named_factor(command, offered)
    return factor if isinstance(factor, Failed) else (standing, factor)


def named_factor(command: Command, offered: AbstractSet[Factor]) -> Factor | Failed:
    """The factor that the client named, where it is one of those offered here."""
    if not command.factor_name:
        return Failed(Reason.FACTOR_MISSING)
    names = {factor.value: factor for factor in offered}
    return names.get(command.factor_name) or Failed(Reason.FACTOR_NOT_FOUND)


def redemption_of(
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
    """What the store has to be asked about the code of a command."""
    code = command.code or ""
    fitting = tuple(factor for factor in factors if factor in terms.factors and terms.shapes.fits(code, factor))
    return Redemption(
        account=command.caller.account,
        epoch=standing.epoch,
        purpose=purpose,
        presented=code,
        factors=fitting,
        scope=command.scope,
        session=command.caller.session,
        token=command.caller.token,
        effect=effect,
        target=target,
        ride=ride,
        keep_ms=terms.keep_ms,
        regulation=terms.regulation,
        short=terms.shapes.strictness(code, fitting),
    )


def failure_of(receipt: Receipt) -> Failed | None:
    """What a receipt stops the ceremony with; None where the code was good."""
    match receipt:
        case Redeemed() | Rode():
            return None
        case Rejected(why=why, ban_left_ms=left):
            return Failed(Reason.CODE_INVALID, left, why.value)
        case Banned(left_ms=left):
            return Failed(Reason.BANNED, left)
        case _ as never:
            assert_never(never)


def deliver(need: Deliver, outcome: Outcome = _DONE) -> Ceremony:
    """End with a code on its way, and with this `outcome` where it could be sent."""
    match (yield need):
        case Sent():
            return outcome
        case NotSent():
            return Failed(Reason.SEND_FAILED)
        case Limited(left_ms=left):
            return Failed(Reason.SEND_LIMITED, left)
        case answer:
            raise wrong_answer("Deliver", answer)


def redeem(redemption: Redemption, standing: Standing) -> Asked[Receipt]:
    """Redeem the presented code."""
    answer = yield Redeem(redemption, standing)
    if not isinstance(answer, Redeemed | Rode | Rejected | Banned):
        raise wrong_answer("Redeem", answer)
    return answer


def look_up() -> Asked[Person | None]:
    """Where the caller can be reached."""
    answer = yield LookUp()
    if answer is not None and not isinstance(answer, Person):
        raise wrong_answer("LookUp", answer)
    return answer


def make_pending(need: Enrol) -> Asked[Pending | Change]:
    """Make an address pending."""
    answer = yield need
    if not isinstance(answer, Pending | Change) or answer is Change.MADE:
        raise wrong_answer("Enrol", answer)
    return answer
