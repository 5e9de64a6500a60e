"""Enrolments: the ceremonies that speak of one address or one authenticator, and of backup codes.

    ADD       a code of sufficient level or a recent login, then pending: `Challenged` at an address, or `Begun`
    CONFIRM   the first code of what is pending makes it active
    RENAME    like ADD, for the name alone
    REMOVE    a code of sufficient level takes away one enrolment, or the factor
    BACKUP    like ADD, and a new set of codes takes the place of the old

What is pending is kept by the store, for this account and this epoch, so a client brings back nothing but a code. What
stays out: factors as a whole (factors), and who may change them (authority).
"""

import re
from dataclasses import replace
from typing import Final

from mfa_gateway.core.account import (
    LONGEST_NAME,
    UNTYPED,
    Factor,
    FactorState,
    Inventory,
    Standing,
    needed_level,
    sufficient_factors,
)
from mfa_gateway.core.ceremony.authority import authorised
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
    Asked,
    Begun,
    Ceremony,
    Challenged,
    Change,
    Command,
    Deliver,
    Done,
    Draw,
    Enrol,
    Failed,
    Pending,
    Print,
    Printed,
    Rename,
    Resume,
    Stock,
    TakeStock,
    wrong_answer,
)
from mfa_gateway.core.gate import Terms
from mfa_gateway.core.otp import otpauth_uri, secret_text
from mfa_gateway.core.proof import Effect, Purpose, Rejected, Rejection
from mfa_gateway.core.verdict import Reason

# What is begun, and confirmed by its first code. A set on paper is drawn, and a device answers by itself.
_NOT_BEGUN: Final = frozenset({Factor.BACKUP}) | UNTYPED

# What an address has to look like before a message is spent on it. Senders are stricter.
_ADDRESSES: Final = {
    Factor.EMAIL: re.compile(r"[^@\s\x00-\x1f\x7f]{1,64}@[^@\s\x00-\x1f\x7f]{1,253}"),
    # E.164: at most fifteen digits after the plus.
    Factor.SMS: re.compile(r"\+[1-9][0-9]{5,14}", re.ASCII),
}


def inventory(command: Command, terms: Terms) -> Ceremony:
    """Tell what the account can prove with, one by one."""
    standing = yield from known(command, terms)
    if isinstance(standing, Failed):
        return standing
    answer = yield TakeStock()
    if not isinstance(answer, Inventory):
        raise wrong_answer("TakeStock", answer)
    return Stock(answer)


def add(command: Command, terms: Terms) -> Ceremony:
    """Begin one more address or authenticator."""
    standing = yield from known(command, terms)
    if isinstance(standing, Failed):
        return standing
    factor = named_factor(command, terms.factors - _NOT_BEGUN)
    if isinstance(factor, Failed):
        return factor
    if (failure := _unnameable(command) or _unreachable(command, factor)) is not None:
        return failure
    if (failure := (yield from authorised(command, standing, factor, terms=terms))) is not None:
        return failure
    if factor is Factor.TOTP:
        return (yield from _begin_totp(command, standing, terms))
    return (yield from _begin_address(command, standing, factor, terms=terms))


def _unnameable(command: Command) -> Failed | None:
    if len(command.name) <= LONGEST_NAME and (command.name.isprintable() or not command.name):
        return None
    return Failed(Reason.BODY_MALFORMED, detail=f"a name has at most {LONGEST_NAME} printable characters")


def _unreachable(command: Command, factor: Factor) -> Failed | None:
    if command.address is None or is_address(factor, command.address):
        return None
    return Failed(Reason.FACTOR_NOT_FOUND, detail="this is no address that codes of this factor can go to")


def is_address(factor: Factor, text: str) -> bool:
    """Whether codes of `factor` could go to a place of this name, as far as its form tells."""
    shape = _ADDRESSES.get(factor)
    return shape is not None and shape.fullmatch(text) is not None


def _begin_totp(command: Command, standing: Standing, terms: Terms) -> Ceremony:
    answer = yield Draw(standing.epoch, terms.totp, command.name)
    if isinstance(answer, Pending):
        return Begun(answer.id, secret_text(answer.secret), _uri(command, answer.secret, terms))
    return _not_made(answer, "Draw")


def _uri(command: Command, secret: bytes, terms: Terms) -> str:
    email = command.caller.claims.get("email")
    label = email if isinstance(email, str) and email else command.caller.account.subject
    return otpauth_uri(secret, terms.totp, issuer=terms.issuer, account=label)


def _begin_address(command: Command, standing: Standing, factor: Factor, *, terms: Terms) -> Ceremony:
    person = yield from look_up()
    address = command.address or (person.address(factor) if person else None)
    if address is None:
        return Failed(Reason.FACTOR_NOT_FOUND, detail="the directory knows no verified address for this factor")
    languages = (person.locale, *command.languages) if person and person.locale else command.languages
    pending = yield from make_pending(Enrol(factor, standing.epoch, address, command.name))
    if not isinstance(pending, Pending):
        return _not_made(pending, "Enrol")
    challenged = Challenged(factor, pending.id, address, terms.code_life_ms)
    return (yield from deliver(Deliver(factor, Purpose.ACTIVATE, standing, address, languages), challenged))


def _not_made(answer: object, need: str) -> Failed:
    match answer:
        case Change.STALE:
            return Failed(Reason.FACTOR_NOT_FOUND, detail="the account changed meanwhile")
        case Change.KNOWN:
            return Failed(Reason.ALREADY_ACTIVE)
        case Change.FULL:
            return Failed(Reason.ALREADY_ACTIVE, detail="this factor has as many enrolments as it may have")
        case _:
            raise TypeError(f"{need} was answered with a {type(answer).__name__}")


def confirm(command: Command, terms: Terms) -> Ceremony:
    """Make active what is pending, by the first code of it."""
    step = yield from presented(command, terms, terms.factors - _NOT_BEGUN)
    if isinstance(step, Failed):
        return step
    standing, factor = step
    enrolment, seen = command.ticket, standing
    if factor is Factor.TOTP:
        pending = yield from _pending(command)
        if isinstance(pending, Failed):
            return pending
        # The codes of the pending secret count, and those of no other.
        enrolment, seen = pending.id, replace(standing, sealed={Factor.TOTP: pending.sealed})
    redemption = redemption_of(
        command, standing, terms, factors=(factor,), purpose=Purpose.ACTIVATE, effect=Effect.ACTIVATE, target=factor
    )
    return failure_of((yield from redeem(replace(redemption, enrolment=enrolment), seen))) or Done()


def _pending(command: Command) -> Asked[Pending | Failed]:
    answer = yield Resume()
    if answer is not None and not isinstance(answer, Pending):
        raise wrong_answer("Resume", answer)
    if answer is None or answer.id != command.ticket:
        return Failed(Reason.FACTOR_NOT_FOUND, detail="nothing is pending under this ticket: begin again")
    return answer


def rename(command: Command, terms: Terms) -> Ceremony:
    """Call one enrolment something else."""
    standing = yield from known(command, terms)
    if isinstance(standing, Failed):
        return standing
    factor = named_factor(command, terms.factors - {Factor.BACKUP})
    if isinstance(factor, Failed):
        return factor
    if (failure := _unnameable(command)) is not None:
        return failure
    if standing.state(factor) is not FactorState.ACTIVE:
        return Failed(Reason.FACTOR_NOT_FOUND)
    if (failure := (yield from authorised(command, standing, factor, terms=terms))) is not None:
        return failure
    change = yield Rename(factor, command.enrolment, standing, command.name)
    return Done() if change is Change.MADE else _not_made(change, "Rename")


def remove(command: Command, terms: Terms) -> Ceremony:
    """Take away one enrolment, or the factor with all it has."""
    step = yield from presented(command, terms, terms.factors)
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
    )
    match (yield from redeem(replace(redemption, enrolment=command.enrolment), standing)):
        case Rejected(why=Rejection.STALE):
            return Failed(Reason.DEACTIVATION_FAILED, detail="there is no such enrolment, or the account changed")
        case receipt:
            return failure_of(receipt) or Done()


def print_backup(command: Command, terms: Terms) -> Ceremony:
    """Draw a new set of backup codes. It stands in for other factors, so there has to be one."""
    standing = yield from known(command, terms)
    if isinstance(standing, Failed):
        return standing
    if Factor.BACKUP not in terms.factors:
        return Failed(Reason.FACTOR_NOT_FOUND)
    level = needed_level(standing, Factor.BACKUP)
    if level == 0:
        return Failed(Reason.NOT_ENROLLED)
    if (failure := (yield from authorised(command, standing, Factor.BACKUP, terms=terms))) is not None:
        return failure
    answer = yield Print(standing.epoch, level, terms.backup_codes)
    return Printed(answer) if isinstance(answer, tuple) else _not_made(answer, "Print")
