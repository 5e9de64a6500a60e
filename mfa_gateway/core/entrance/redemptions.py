"""Redemptions of second factors at the entrance: a code is shown for an assertion, and spent.

The attempts are those of callers with a credential behind them (step_up): all endpoints that compare codes share them.
Proofs are recorded for the passage, which is a session's or becomes one's. What stays out: where codes come from.
"""

from dataclasses import replace

from mfa_gateway.core.account import Factor, Standing
from mfa_gateway.core.ceremony import Action, Command, Pending, Redeem
from mfa_gateway.core.ceremony.steps import redemption_of
from mfa_gateway.core.entrance.assertions import Held
from mfa_gateway.core.entrance.outcomes import Denial, Turned
from mfa_gateway.core.entrance.passages import standing_of
from mfa_gateway.core.entrance.second_words import TellOwner
from mfa_gateway.core.entrance.steps import Visit
from mfa_gateway.core.entrance.words import Answer, Asked, OnBehalf
from mfa_gateway.core.message import Happening
from mfa_gateway.core.proof import Banned, Effect, Purpose, Redeemed, Redemption, Rejected, Rejection, Scope


def shown_code(
    code: str, known: Held, visit: Visit, *, enrols: str = "", pending: Pending | None = None, about: str = "",
    factor: Factor | None = None,
) -> Asked[Turned | None]:  # fmt: skip
    """Spend a code. None: it was good.

    Args:
        code: as it was typed.
        known: the assertion that it is shown for.
        visit: where and when.
        enrols: the id of what its first code makes an enrolment; "" where it is one.
        pending: an authenticator that waits for it, whose codes count instead of all others.
        about: what the dialect calls the ticket that is over where the account has changed.
        factor: whose code it is, where that is not the factor of the assertion.
    """
    standing = yield from standing_of(known.caller)
    target = factor or known.factor
    redemption = _redemption(code, known, standing, visit=visit, factor=target)
    if enrols:
        redemption = replace(
            redemption, purpose=Purpose.ACTIVATE, effect=Effect.ACTIVATE, target=target, enrolment=enrols
        )
    seen = standing if pending is None else replace(standing, sealed={Factor.TOTP: pending.sealed})
    turned = unredeemed((yield OnBehalf(known.caller, Redeem(redemption, seen))), about)
    if turned is None and enrols:
        yield TellOwner(known.caller, Happening.ADDED, target, standing, visit.languages)
    return turned


def _redemption(code: str, known: Held, standing: Standing, *, visit: Visit, factor: Factor) -> Redemption:
    command = Command(Action.ANSWER, known.caller, code=code, scope=Scope.SESSION)
    return redemption_of(command, standing, visit.terms.gate, factors=(factor,))


def unredeemed(receipt: Answer, about: str) -> Turned | None:
    """Why a code was not good; None: it was. `about`: what the dialect calls what is over where the account changed."""
    match receipt:
        case Redeemed():
            return None
        case Rejected(why=Rejection.STALE):
            return Turned(Denial.TICKET_BAD, about) if about else Turned(Denial.CHANGED)
        case Rejected(ban_left_ms=left_ms):
            return Turned(Denial.CODE_WRONG, "code", left_ms, begins_ban=left_ms > 0)
        case Banned(left_ms=left_ms):
            return Turned(Denial.CODES_LIMITED, "code", left_ms)
        case _:
            raise TypeError(f"Redeem was answered with a {type(receipt).__name__}")
