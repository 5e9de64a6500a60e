"""Factors: the ceremonies that speak of a factor as a whole, as the Glue interface has them.

The order of the checks is the contract of that interface (spec/glue.md, "Order of checks"): the first failure answers.
What stays out: single addresses and authenticators (enrolments).
"""

from typing import Final

from mfa_gateway.core.account import UNTYPED, Factor, FactorState, Standing, sufficient_factors
from mfa_gateway.core.ceremony.authority import code_of_level
from mfa_gateway.core.ceremony.steps import (
    deliver,
    failure_of,
    known,
    look_up,
    make_pending,
    named_factor,
    presented,
    redeem,
    redemption_of,
)
from mfa_gateway.core.ceremony.words import (
    Ceremony,
    Command,
    Deliver,
    Done,
    Enrol,
    Failed,
    Listed,
    Pending,
)
from mfa_gateway.core.gate import Terms
from mfa_gateway.core.proof import Effect, Purpose, Rejected, Rejection, Ride
from mfa_gateway.core.verdict import Reason

# spec/glue.md: a code just used may deactivate once more while its proof is younger than this (public clients do so).
DEACTIVATION_RIDE_MS: Final = 300_000

# Backup codes stand in for these, and a device answers by itself: there is nothing to trigger or to activate here.
_NO_TYPE: Final = frozenset({Factor.BACKUP}) | UNTYPED


def list_factors(command: Command, terms: Terms) -> Ceremony:
    """Tell the state of every factor that the gateway offers: active, then pending, then the others."""
    standing = yield from known(command, terms)
    if isinstance(standing, Failed):
        return standing
    order = {FactorState.ACTIVE: 0, FactorState.PENDING: 1, FactorState.OFF: 2}
    states = [(factor, standing.state(factor)) for factor in Factor if factor in terms.factors - _NO_TYPE]
    return Listed(tuple(sorted(states, key=lambda pair: order[pair[1]])))


def trigger(command: Command, terms: Terms) -> Ceremony:
    """Send a code of an active factor, to one of its addresses."""
    standing = yield from known(command, terms)
    if isinstance(standing, Failed):
        return standing
    factor = named_factor(command, terms.factors - _NO_TYPE)
    if isinstance(factor, Failed):
        return factor
    if standing.state(factor) is not FactorState.ACTIVE:
        return Failed(Reason.FACTOR_NOT_FOUND)
    if factor is Factor.TOTP:
        return Done()
    return (yield from deliver(Deliver(factor, Purpose.GATE, standing, None, command.languages, command.enrolment)))


def activate(command: Command, terms: Terms) -> Ceremony:
    """Make the address that the directory knows pending, and send a code to it."""
    standing = yield from known(command, terms)
    if isinstance(standing, Failed):
        return standing
    factor = named_factor(command, terms.factors - _NO_TYPE)
    if isinstance(factor, Failed):
        return factor
    if standing.state(factor) is FactorState.ACTIVE:
        return Failed(Reason.ALREADY_ACTIVE)
    # A bare "done" cannot carry the secret that a TOTP enrolment has to show.
    if factor is Factor.TOTP:
        return Failed(Reason.FACTOR_NOT_FOUND)
    if (
        standing.active()
        and (failure := (yield from code_of_level(command, standing, factor, terms=terms))) is not None
    ):
        return failure
    return (yield from _enrol(command, standing, factor))


def _enrol(command: Command, standing: Standing, factor: Factor) -> Ceremony:
    person = yield from look_up()
    address = person.address(factor) if person else None
    if address is None:
        return Failed(Reason.FACTOR_NOT_FOUND, detail="the directory knows no verified address for this factor")
    languages = (person.locale, *command.languages) if person and person.locale else command.languages
    if not isinstance((yield from make_pending(Enrol(factor, standing.epoch, address))), Pending):
        return Failed(Reason.FACTOR_NOT_FOUND, detail="the account changed meanwhile")
    return (yield from deliver(Deliver(factor, Purpose.ACTIVATE, standing, address, languages)))


def verify(command: Command, terms: Terms) -> Ceremony:
    """Make a pending factor active by the code that was sent."""
    step = yield from presented(command, terms, terms.factors - _NO_TYPE)
    if isinstance(step, Failed):
        return step
    standing, factor = step
    if (state := standing.state(factor)) is not FactorState.PENDING:
        return Failed(Reason.ALREADY_ACTIVE if state is FactorState.ACTIVE else Reason.FACTOR_NOT_FOUND)
    redemption = redemption_of(
        command, standing, terms, factors=(factor,), purpose=Purpose.ACTIVATE, effect=Effect.ACTIVATE, target=factor
    )
    return failure_of((yield from redeem(redemption, standing))) or Done()


def deactivate(command: Command, terms: Terms) -> Ceremony:
    """Remove a factor by a code, which may be one that was just used."""
    step = yield from presented(command, terms, terms.factors - _NO_TYPE)
    if isinstance(step, Failed):
        return step
    standing, factor = step
    if standing.state(factor) is not FactorState.ACTIVE:
        return Failed(Reason.FACTOR_NOT_FOUND)
    redemption = redemption_of(
        command,
        standing,
        terms,
        factors=sufficient_factors(standing, factor),
        effect=Effect.DEACTIVATE,
        target=factor,
        ride=Ride(DEACTIVATION_RIDE_MS, same_token=True),
    )
    match (yield from redeem(redemption, standing)):
        case Rejected(why=Rejection.STALE):
            return Failed(Reason.DEACTIVATION_FAILED, detail="the account changed meanwhile")
        case receipt:
            return failure_of(receipt) or Done()
