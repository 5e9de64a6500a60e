"""Foresight: what a call would meet now, for its caller to know before it is made.

Theory. Nothing here decides anything: the same `admit`, `appoint` and `weigh` that judge calls are asked about one that
brings no code, and their verdict is told in other words. Beside it stands what a code of each factor would meet: a ban
is part of no verdict on a call without one. What the engine asks on the way (the register, the store) it asks in the
same order as the judge does.

What stays out: what a call brings along besides its caller (other credentials, which are refused or stripped), the
numbers of connections and heads (doors), and whether anything behind the gate answers at all.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final, assert_never

from mfa_gateway.core.account import UNTYPED, Caller, Enrolment, Factor, Proof, Standing
from mfa_gateway.core.call import Call, Oddity
from mfa_gateway.core.gate import Terms, admit, allowed_factors, weigh
from mfa_gateway.core.policy import Access, Candidates, Policy, Requirement, Rule
from mfa_gateway.core.proof import SENT, Redemption, Scope, is_short
from mfa_gateway.core.routing import ANYWHERE, Routes, path_for
from mfa_gateway.core.verdict import Pass, Reason, Refuse, Verdict

_NOT_BEGUN: Final = frozenset({Factor.BACKUP}) | UNTYPED


@dataclass(frozen=True, slots=True)
class Wish:
    """A call that somebody thinks of making. `host` None: the one that they are asking."""

    method: str
    path: str
    host: str | None = None


@dataclass(frozen=True, slots=True)
class Prospect:
    """What the store knows of an account at one moment, and what a code would meet there.

    Attributes:
        standing: as it is recalled for a call.
        enrolments: the addresses and authenticators of the active factors.
        ban_left_ms: how long no code is compared.
        short_left_ms: the same for short codes alone, which have stricter numbers.
    """

    standing: Standing
    enrolments: tuple[Enrolment, ...] = ()
    ban_left_ms: int = 0
    short_left_ms: int = 0


class Ease(StrEnum):
    """Why a call passes without a code."""

    OURS = "ours"
    """It is for an endpoint of the gateway itself, which no rule is about."""
    OPEN = "open"
    """The rule asks for nothing."""
    PROOF = "proof"
    """What was proved lately satisfies the rule."""
    NOT_ENROLLED = "not_enrolled"
    """The rule asks nothing of accounts without an active factor."""
    NOT_ENFORCED = "not_enforced"
    """The rule is tried out: it would refuse, and does not."""


@dataclass(frozen=True, slots=True)
class Clear:
    """The call passes as it is.

    Attributes:
        ease: why.
        scope: whose proofs the rule looks at.
        proof: what satisfies it, with PROOF.
        left_ms: how much longer that does.
        until_ms: until when, by the store's clock.
        overruled: what it would be refused for, with NOT_ENFORCED.
    """

    ease: Ease
    scope: Scope | None = None
    proof: Proof | None = None
    left_ms: int = 0
    until_ms: int = 0
    overruled: Reason | None = None


@dataclass(frozen=True, slots=True)
class Way:
    """One thing to read a code from: an address, an authenticator, or a set on paper, which is no enrolment.

    `wait_ms`: how long its codes are not compared, because too many were wrong.
    """

    factor: Factor
    enrolment: Enrolment | None = None
    wait_ms: int = 0


@dataclass(frozen=True, slots=True)
class Asks:
    """The call passes with a code of any of these, and is refused without one."""

    ways: tuple[Way, ...]
    requirement: Requirement


@dataclass(frozen=True, slots=True)
class Closed:
    """The call is refused, whatever it brings, until something else changes.

    `helpful` are the factors of which an active one would help, where that is what is missing. With CODE_MISSING the
    account has nothing but devices that answer by themselves, where a wire form has them asked.
    """

    reason: Reason
    retry_after_ms: int = 0
    helpful: tuple[Factor, ...] = ()


Foresight = Clear | Asks | Closed
Consulted = Candidates | Pass | Refuse | Clear


def _nobodys(_call: Call) -> bool:
    return False


@dataclass(frozen=True, slots=True)
class Chart:
    """What there is to be called here: the policy, the upstreams, and the endpoints of the gateway's own."""

    policy: Policy = field(default_factory=lambda: Policy((), default=Requirement(Access.DENY)))
    routes: Routes = ANYWHERE
    is_ours: Callable[[Call], bool] = _nobodys

    def consult(self, wish: Wish, asking: Call) -> Consulted:
        """What can be said of a wish without its caller, who asks with the call `asking`."""
        host = asking.host if wish.host is None else wish.host
        path = path_for(wish.path.encode("utf-8", "surrogatepass"), host, self.routes)
        if isinstance(path, Oddity):
            return Refuse(Reason.AMBIGUOUS_REQUEST)
        call = replace(asking, method=wish.method, path=path, host=host, query=b"", code=None, headers=())
        return Clear(Ease.OURS) if self.is_ours(call) else admit(self.policy, call)


def foretell(rule: Rule, caller: Caller, prospect: Prospect, *, terms: Terms) -> Foresight:
    """What a call meets that falls under a rule."""
    verdict = weigh(rule, caller, prospect.standing, code=None, terms=terms)
    if isinstance(verdict, Redemption):
        raise TypeError("a call without a code was to be redeemed")
    return foresight_of(verdict, prospect, terms)


def foresight_of(verdict: Verdict, prospect: Prospect, terms: Terms) -> Foresight:
    """What a verdict on a call without a code means for its caller."""
    match verdict:
        case Pass():
            return _clear(verdict, prospect.standing.now_ms)
        case Refuse(reason=Reason.CODE_MISSING, rule=Rule() as rule):
            return _asks(rule.requirement, prospect, terms)
        case Refuse(reason=Reason.NOT_ENROLLED, rule=Rule() as rule):
            return Closed(Reason.NOT_ENROLLED, helpful=tuple(_helpful(rule.requirement, terms)))
        case Refuse():
            return Closed(verdict.reason, verdict.retry_after_ms)
        case _ as never:
            assert_never(never)


def _clear(verdict: Pass, now_ms: int) -> Clear:
    requirement = verdict.rule.requirement
    if verdict.overruled is not None:
        return Clear(Ease.NOT_ENFORCED, requirement.scope, overruled=verdict.overruled.reason)
    if (proof := verdict.shown) is not None:
        left_ms = requirement.grace_ms - proof.age_ms
        return Clear(Ease.PROOF, requirement.scope, proof, left_ms, now_ms + left_ms)
    return Clear(Ease.OPEN if requirement.access is Access.OPEN else Ease.NOT_ENROLLED)


def _asks(requirement: Requirement, prospect: Prospect, terms: Terms) -> Foresight:
    ways = tuple(_ways(requirement, prospect, terms))
    if not ways:
        return Closed(Reason.CODE_MISSING)
    wait_ms = min(way.wait_ms for way in ways)
    return Closed(Reason.BANNED, wait_ms) if wait_ms > 0 else Asks(ways, requirement)


def _ways(requirement: Requirement, prospect: Prospect, terms: Terms) -> Iterator[Way]:
    for factor in allowed_factors(requirement, prospect.standing, terms.factors - UNTYPED):
        wait_ms = _wait_ms(factor, prospect, terms)
        if factor is Factor.BACKUP:
            yield Way(factor, None, wait_ms)
        for one in prospect.enrolments:
            if one.factor is factor:
                yield Way(factor, one, wait_ms)


def _wait_ms(factor: Factor, prospect: Prospect, terms: Terms) -> int:
    is_strict = factor in SENT and is_short("0" * terms.shapes.sent)
    return max(prospect.ban_left_ms, prospect.short_left_ms if is_strict else 0)


def _helpful(requirement: Requirement, terms: Terms) -> Iterator[Factor]:
    """What could be activated. Backup codes are drawn by those who have another factor; devices opt in elsewhere."""
    for factor in Factor:
        is_accepted = not requirement.factors or factor in requirement.factors
        if is_accepted and factor in terms.factors and factor not in _NOT_BEGUN:
            yield factor
