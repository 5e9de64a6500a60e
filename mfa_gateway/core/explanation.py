"""Explanations: why a call falls under the rule that it falls under, for people who write policies.

The same entries and the same order as in `Policy.rules_for`; nothing here decides. What stays out: how it is printed.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import assert_never

from mfa_gateway.core.call import CanonicalPath, OddPath, Reading
from mfa_gateway.core.pattern import Pattern, Wild
from mfa_gateway.core.policy import Access, OnSuccess, Policy, Require, Requirement, Rule
from mfa_gateway.core.proof import Scope


@dataclass(frozen=True, slots=True)
class Finding:
    """What one rule has to do with a call. Where it applies, it does so to callers of `realms` (none: all others)."""

    rule: Rule
    why: str
    applies: bool = False
    realms: frozenset[str] = frozenset()


def explain(policy: Policy, method: str, path: CanonicalPath | Reading, *, host: str) -> tuple[Finding, ...]:
    """Every rule's reason, in the order of the configuration, and the default policy last."""
    candidates = policy.rules_for(method, path, host)
    chosen = {id(candidates.other): frozenset[str]()}
    for realm, rule in candidates.by_realm.items():
        chosen[id(rule)] = chosen.get(id(rule), frozenset()) | {realm}
    findings = [_finding(rule, method, path, host=host, chosen=chosen) for rule in policy.rules]
    last = policy.default
    why = "no rule matches" if id(last) in chosen else "a rule matches"
    return (*findings, Finding(last, why, applies=id(last) in chosen))


def rules_by_reading(
    policy: Policy, method: str, path: OddPath, *, host: str
) -> tuple[tuple[Reading, tuple[Rule, ...]], ...]:
    """Every reading of an odd path, with the rules that callers of one realm or another meet there."""
    found = ((reading, policy.rules_for(method, reading, host)) for reading in path.readings)
    return tuple(
        (reading, tuple(dict.fromkeys((*candidates.by_realm.values(), candidates.other))))
        for reading, candidates in found
    )


def _finding(
    rule: Rule, method: str, path: CanonicalPath | Reading, *, host: str, chosen: dict[int, frozenset[str]]
) -> Finding:
    if id(rule) in chosen:
        return Finding(rule, _choice(rule, path), applies=True, realms=chosen[id(rule)])
    obstacle = next(_obstacles(rule, method, path, host=host), None)
    return Finding(rule, obstacle or "matches, but a more specific rule does too")


def _choice(rule: Rule, path: CanonicalPath | Reading) -> str:
    patterns = [str(pattern) for pattern in rule.paths if pattern_matches(pattern, path.segments)]
    return f"matches by {' and '.join(patterns)}; no more specific rule does"


def _obstacles(rule: Rule, method: str, path: CanonicalPath | Reading, *, host: str) -> Iterator[str]:
    if rule.hosts and host not in rule.hosts:
        yield f"is for host {', '.join(sorted(rule.hosts))}"
    if not any(pattern_matches(pattern, path.segments) for pattern in rule.paths):
        yield "none of its paths matches"
    if rule.methods and method not in rule.covered_methods():
        yield f"is for {', '.join(sorted(rule.methods))}"


def pattern_matches(pattern: Pattern, segments: tuple[str, ...]) -> bool:
    """Whether a path of these segments matches a pattern."""
    fixed = pattern.fixed
    if len(segments) < len(fixed) or (len(segments) > len(fixed) and not pattern.is_open_ended):
        return False
    # An empty segment, which only an odd path has, is none.
    return all(
        (part is Wild.SEGMENT and segment != "") or part == segment
        for part, segment in zip(fixed, segments, strict=False)
    )


def needs(requirement: Requirement) -> str:
    """What a caller needs under a requirement, in a sentence."""
    match requirement.access:
        case Access.OPEN:
            return f"Nothing: the call goes on as it is.{_ends(requirement)}"
        case Access.DENY:
            return "Nothing helps: the call is refused."
        case Access.MFA:
            return f"{_mfa_needs(requirement)}{_ends(requirement)}"
        case _ as never:
            assert_never(never)


def _ends(requirement: Requirement) -> str:
    """What a good answer ends, as one more sentence; nothing where it ends nothing."""
    whose = "the account's" if requirement.scope is Scope.ACCOUNT else "this session's"
    match requirement.on_success:
        case OnSuccess.NONE:
            return ""
        case OnSuccess.CLOSE_WINDOW:
            return f" A good answer (2xx) ends {whose} windows."
        case OnSuccess.REVOKE:
            return " A good answer (2xx) voids everything that the account has proved, in every session."
        case _ as never:
            assert_never(never)


def _mfa_needs(requirement: Requirement) -> str:
    factors = " or ".join(sorted(factor.value for factor in requirement.factors)) or "any active factor"
    whose = "the account" if requirement.scope.value == "account" else "this session"
    window = (
        f"a proof of {factors} by {whose} under {requirement.grace_ms / 1000:g} s old, or a code in X-MFA-Code"
        if requirement.grace_ms
        else f"a fresh code of {factors} in X-MFA-Code for every call"
    )
    without = {
        Require.ALWAYS: "Accounts without an active factor are refused.",
        Require.IF_ENROLLED: "Accounts without an active factor pass.",
    }
    return f"A bearer token and {window}. {without[requirement.require]}"
