"""Windows: the ceremonies around proving a factor, beside the calls that ask for it.

    CHALLENGE  a code goes to an address of an active factor
    ANSWER     a code is redeemed by itself, and opens the windows that rules leave open after one
    GRACE      what was proved and still counts
    CLOSE      forget it before its time

What stays out: how long a proof counts for a call, which every rule says for itself (gate).
"""

from collections.abc import Iterator
from typing import Final

from mfa_gateway.core.account import UNTYPED, Enrolment, FactorState, Inventory, Proof, Standing
from mfa_gateway.core.ceremony.steps import deliver, failure_of, known, redeem, redemption_of
from mfa_gateway.core.ceremony.words import (
    Asked,
    Ceremony,
    Challenged,
    CloseWindow,
    Command,
    Deliver,
    Done,
    Failed,
    Proven,
    Recall,
    TakeStock,
    Windows,
    wrong_answer,
)
from mfa_gateway.core.gate import Terms
from mfa_gateway.core.proof import Purpose, Redeemed, Ride, Rode, Scope
from mfa_gateway.core.verdict import Reason

# The session's first: it is the window that most rules look at.
_SCOPES: Final = (Scope.SESSION, Scope.ACCOUNT)


def challenge(command: Command, terms: Terms) -> Ceremony:
    """Send a code to the address that was named, or to the first there is. An authenticator is sent nothing."""
    standing = yield from known(command, terms)
    if isinstance(standing, Failed):
        return standing
    stock = yield TakeStock()
    if not isinstance(stock, Inventory):
        raise wrong_answer("TakeStock", stock)
    fitting = list(_fitting(command, standing, stock, terms=terms))
    if not fitting:
        is_named = bool(command.factor_name or command.enrolment)
        return Failed(Reason.FACTOR_NOT_FOUND if is_named else Reason.NOT_ENROLLED)
    one = min(fitting, key=lambda enrolment: enrolment.address is None)
    if one.address is None:
        return Challenged(one.factor, one.id)
    need = Deliver(one.factor, Purpose.GATE, standing, None, command.languages, one.id)
    return (yield from deliver(need, Challenged(one.factor, one.id, one.address, terms.code_life_ms)))


def _fitting(command: Command, standing: Standing, stock: Inventory, *, terms: Terms) -> Iterator[Enrolment]:
    for one in stock.enrolments:
        is_usable = one.factor in terms.factors - UNTYPED and standing.state(one.factor) is FactorState.ACTIVE
        is_meant = command.factor_name in (None, one.factor.value) and command.enrolment in ("", one.id)
        if is_usable and is_meant:
            yield one


def answer(command: Command, terms: Terms) -> Ceremony:
    """Redeem a code of any active factor. One that is sent again, its answer lost, passes while its proof counts."""
    standing = yield from known(command, terms)
    if isinstance(standing, Failed):
        return standing
    if not command.code:
        return Failed(Reason.CODE_MISSING)
    usable = tuple(factor for factor in standing.active() if factor in terms.factors)
    if not usable:
        return Failed(Reason.NOT_ENROLLED)
    redemption = redemption_of(command, standing, terms, factors=usable, ride=Ride(terms.keep_ms))
    match (yield from redeem(redemption, standing)):
        case Redeemed(factor=factor):
            return Proven(Proof(factor, 0), command.scope)
        case Rode(factor=factor, age_ms=age_ms):
            return Proven(Proof(factor, age_ms), command.scope)
        case receipt:
            return failure_of(receipt) or Done()


def show(command: Command, terms: Terms) -> Ceremony:
    """Tell what counts, in either scope, as long as any rule could ask for it."""
    standing = yield from known(command, terms)
    if isinstance(standing, Failed):
        return standing
    found: list[tuple[Scope, Proof]] = []
    for scope in _SCOPES:
        here = standing if scope is command.scope else (yield from _recalled(scope))
        found += [(scope, proof) for proof in _counting(here, terms)]
    return Windows(tuple(found))


def _counting(standing: Standing, terms: Terms) -> Iterator[Proof]:
    usable = [factor for factor in standing.active() if factor in terms.factors]
    for proof in standing.proofs:
        # A negative age means that the store's clock was set back; the gate honours no such proof either.
        if proof.factor in usable and 0 <= proof.age_ms < terms.keep_ms:
            yield proof


def _recalled(scope: Scope) -> Asked[Standing]:
    standing = yield Recall(scope)
    if not isinstance(standing, Standing):
        raise wrong_answer("Recall", standing)
    return standing


def close(command: Command, terms: Terms) -> Ceremony:
    """Forget what was proved by this session and for the account. Codes stay spent."""
    standing = yield from known(command, terms)
    if isinstance(standing, Failed):
        return standing
    for scope in _SCOPES:
        yield CloseWindow(scope)
    return Done()
