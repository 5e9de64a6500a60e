"""The strictest: what an odd path asks for when each of its readings falls under a rule of its own.

Theory. Nobody here can know which reading the server behind will make its own, so a call may go on only if it might
under every one of them. Of several rules that ask for a second factor one is made that implies each: the factors that
all of them accept, the shortest grace, no exception that one of them does not make. Where no factor would do for all,
the call is refused. A rule in shadow is no rule here, unless nothing but shadows is left. What a good answer does is
another matter: any reading may have been the one that logged somebody out, so the most of what any rule says is done,
the open ones among them.

What stays out: which readings there are (readings), and which rule a single one falls under (policy).
"""

from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from mfa_gateway.core.account import Factor
from mfa_gateway.core.call import OddPath
from mfa_gateway.core.policy import (
    Access,
    Candidates,
    OnStoreError,
    OnSuccess,
    Policy,
    Require,
    Requirement,
    Rule,
    strictness,
)
from mfa_gateway.core.proof import Scope


def strictest_candidates(policy: Policy, method: str, path: OddPath, *, host: str) -> Candidates:
    """The rules of which one applies to the call, depending on the caller's realm alone: each implies all readings'."""
    readings = [policy.rules_for(method, reading, host) for reading in path.readings]
    realms = {realm for candidates in readings for realm in candidates.by_realm}
    return Candidates(
        strictest_rule([candidates.other for candidates in readings]),
        {realm: strictest_rule([candidates.for_realm(realm) for candidates in readings]) for realm in realms},
    )


def strictest_rule(rules: Iterable[Rule]) -> Rule:
    """A rule under which nothing passes that any of these would refuse. At least one has to be given.

    It bears the name and the dialect of the one among them that decides.
    """
    every = sorted(rules, key=lambda rule: rule.name)
    most = max(map(strictness, every))
    # Of the strictest kind; a weaker enforced one is implied, and one in shadow binds nobody where another is enforced.
    binding = [rule for rule in every if strictness(rule) == most]
    first = min(binding, key=lambda rule: rule.requirement.grace_ms)
    joined = first.requirement
    if joined.access is Access.DENY:
        return first
    if joined.access is Access.MFA:
        joined = _joined(joined, [rule.requirement for rule in binding])
    joined = replace(joined, on_success=_ending([rule.requirement for rule in every], joined.scope))
    return first if joined == first.requirement else replace(first, requirement=joined)


_ENDS: Final = {OnSuccess.NONE: 0, OnSuccess.CLOSE_WINDOW: 1, OnSuccess.REVOKE: 2}


def _ending(every: list[Requirement], scope: Scope) -> OnSuccess:
    """The most of what any of these does. Windows of another scope than `scope` end with a revocation."""
    most = max((one.on_success for one in every), key=_ENDS.__getitem__)
    is_elsewhere = any(one.on_success is most and one.scope is not scope for one in every)
    return OnSuccess.REVOKE if most is OnSuccess.CLOSE_WINDOW and is_elsewhere else most


def _joined(base: Requirement, every: list[Requirement]) -> Requirement:
    """What satisfies each of these requirements for a second factor; `base` is one of them."""
    choices = [one.factors for one in every if one.factors]
    accepted = frozenset(Factor).intersection(*choices)
    if not accepted:
        return replace(base, access=Access.DENY)
    is_always = any(one.require is Require.ALWAYS for one in every)
    # What this session has shown, the account has shown as well.
    is_session = any(one.scope is Scope.SESSION for one in every)
    is_closed = any(one.on_store_error is OnStoreError.DENY for one in every)
    return replace(
        base,
        require=Require.ALWAYS if is_always else base.require,
        factors=accepted if choices else base.factors,
        scope=Scope.SESSION if is_session else base.scope,
        on_store_error=OnStoreError.DENY if is_closed else base.on_store_error,
        tells_grace=any(one.tells_grace for one in every),
    )
