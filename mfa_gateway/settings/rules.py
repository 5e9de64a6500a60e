"""Rules: `access_control` becomes the core's policy, and what cannot become one is told with its place.

What stays out: which rule wins and what a rule means (core.policy).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from mfa_gateway.core.account import Factor
from mfa_gateway.core.pattern import Pattern, read_pattern
from mfa_gateway.core.policy import (
    Access,
    Enforcement,
    OnStoreError,
    OnSuccess,
    Policy,
    Require,
    Requirement,
    Rule,
    conflicts,
)
from mfa_gateway.core.proof import Scope
from mfa_gateway.settings import access
from mfa_gateway.settings.decoding import Draft
from mfa_gateway.settings.durations import milliseconds
from mfa_gateway.settings.problems import Place, Problem, closest, listing, problem_at
from mfa_gateway.settings.root import Settings
from mfa_gateway.settings.upstreams import hosts_of

# As many names as fit on a line.
_MAX_NAMED: Final = 3

_RULES: Final[Place] = ("access_control", "rules")

# They say how a second factor is asked for; on a rule that asks for none they would be a promise not kept.
_ONLY_WITH_MFA: Final = ("require", "factors", "grace", "scope", "tell_grace")


def policy_of(settings: Settings) -> Policy:
    """The policy of settings that were loaded without a problem.

    Raises:
        ValueError: a pattern or a pair of rules is wrong, in settings that were not loaded but made.
    """
    rules = (_core_rule(rule, tuple(map(_pattern, rule.paths))) for rule in settings.access_control.rules)
    return Policy(rules, default=_default(settings), hosts=hosts_of(settings))


def _pattern(text: str) -> Pattern:
    pattern = read_pattern(text)
    if isinstance(pattern, str):
        raise ValueError(f"'{text}': {pattern}")  # noqa: TRY004 - the sentence is a value
    return pattern


def _default(settings: Settings) -> Requirement:
    """Calls that no rule matches are refused in the first dialect that is spoken."""
    dialect = "glue" if settings.dialects.glue.enabled else "standard"
    return Requirement(Access(settings.access_control.default_policy), scope=_scope(None, dialect), dialect=dialect)


def _core_rule(rule: access.Rule, paths: tuple[Pattern, ...]) -> Rule:
    return Rule(
        rule.name,
        paths,
        _requirement(rule),
        methods=frozenset(rule.methods),
        hosts=frozenset(rule.hosts),
        realms=frozenset(rule.realms),
    )


def _requirement(rule: access.Rule) -> Requirement:
    return Requirement(
        Access(rule.policy),
        require=Require(rule.require),
        factors=frozenset(map(Factor, rule.factors)),
        grace_ms=milliseconds(rule.grace),
        scope=_scope(rule.scope, rule.dialect),
        dialect=rule.dialect,
        enforcement=Enforcement.ENFORCED if rule.enforce else Enforcement.SHADOW,
        on_store_error=OnStoreError(rule.on_store_error),
        on_success=OnSuccess(rule.on_success) if rule.enforce else OnSuccess.NONE,  # a rule in shadow changes nothing
        tells_grace=rule.tell_grace,
    )


def _scope(written: str | None, dialect: str) -> Scope:
    """Glue's published behaviour is one window per account; everywhere else a window belongs to a session."""
    if written is not None:
        return Scope(written)
    return Scope.ACCOUNT if dialect == "glue" else Scope.SESSION


def rule_problems(draft: Draft) -> Iterator[Problem]:
    """Everything that is wrong with the rules of a draft, one by one and together."""
    settings = draft.settings
    yield from _nobody(draft)
    yield from _names(settings.access_control.rules)
    for index, rule in enumerate(settings.access_control.rules):
        place = (*_RULES, index)
        yield from _unmet(rule, place, draft)
        if draft.is_whole(*place):
            yield from _pointless(rule, place)
            yield from _unkept(rule, place, draft)
    yield from _together(draft)


def _nobody(draft: Draft) -> Iterator[Problem]:
    """A second factor of nobody, or with nothing to show, would refuse every call."""
    asking = _asking(draft)
    if not asking:
        return
    by = listing(asking if len(asking) <= _MAX_NAMED else [*asking[:_MAX_NAMED], "others"], last="and")
    if not _realms(draft) and draft.is_whole("identity") and draft.is_whole("dialects"):
        yield problem_at(
            ("identity",), f"must say who is calling (identity.bearer): a second factor is asked for by {by}"
        )
    if not draft.settings.factors.enabled() and draft.is_whole("factors"):
        yield problem_at(("factors",), f"every factor is off: enable one, because one is asked for by {by}")


def _asking(draft: Draft) -> list[str]:
    """What asks for a second factor, by name."""
    control = draft.settings.access_control
    names = [
        rule.name
        for index, rule in enumerate(control.rules)
        if rule.policy == "mfa" and draft.is_whole(*_RULES, index, "policy")
    ]
    if control.default_policy == "mfa" and draft.is_whole("access_control", "default_policy"):
        names.append("default_policy")
    return names


def _names(rules: tuple[access.Rule, ...]) -> Iterator[Problem]:
    seen: dict[str, int] = {}
    for index, rule in enumerate(rules):
        if rule.name in seen:
            first = seen[rule.name]
            yield problem_at(
                (*_RULES, index, "name"), f"'{rule.name}' is also the name of rules[{first}]: names are unique"
            )
        seen.setdefault(rule.name, index)


@dataclass(frozen=True, slots=True)
class _Offer:
    """What rules may name: the names that exist, how to bring one about, and whether that is known at all."""

    names: frozenset[str]
    remedy: str
    is_whole: bool


def _realms(draft: Draft) -> frozenset[str]:
    """Whose accounts there are: those of other issuers, and those that log in here."""
    return draft.settings.identity.realms() | draft.settings.dialects.realms()


def _offers(draft: Draft) -> Mapping[str, _Offer]:
    settings = draft.settings
    return {
        "realms": _Offer(
            _realms(draft),
            "is a realm of no entry of identity",
            draft.is_whole("identity") and draft.is_whole("dialects"),
        ),
        "factors": _Offer(
            settings.factors.enabled(), "is not enabled: set factors.{name}.enabled: true", draft.is_whole("factors")
        ),
        "dialect": _Offer(
            settings.dialects.enabled(), "is not enabled: set dialects.{name}.enabled: true", draft.is_whole("dialects")
        ),
    }


def _unmet(rule: access.Rule, place: Place, draft: Draft) -> Iterator[Problem]:
    for key, offer in _offers(draft).items():
        if not offer.is_whole or not draft.is_whole(*place, key):
            continue
        value = getattr(rule, key)
        for where, name in (
            [((key,), value)] if isinstance(value, str) else [((key, i), v) for i, v in enumerate(value)]
        ):
            if name not in offer.names:
                near = closest(name, offer.names)
                hint = f"; did you mean {near}?" if near else ""
                yield problem_at((*place, *where), f"'{name}' {offer.remedy.format(name=name)}{hint}")


def _pointless(rule: access.Rule, place: Place) -> Iterator[Problem]:
    if rule.policy == "mfa":
        return
    for key in _ONLY_WITH_MFA:
        # What ends a window has to say whose.
        if key in rule.model_fields_set and not (key == "scope" and rule.on_success == "close_window"):
            yield problem_at(
                (*place, key), f"means nothing on a rule with policy: {rule.policy}; take it out, or write policy: mfa"
            )


def _unkept(rule: access.Rule, place: Place, draft: Draft) -> Iterator[Problem]:
    """What `on_success` would promise and not keep."""
    if rule.on_success == "none":
        return
    here = (*place, "on_success")
    if rule.policy == "deny":
        yield problem_at(here, "means nothing on a rule with policy: deny, where no call goes on; take it out")
    if rule.on_store_error == "allow":
        yield problem_at(
            here, "cannot be kept with on_store_error: allow: a store that is away ends nothing; take one of them out"
        )
    if rule.policy == "open" and not draft.settings.identity.realms() and draft.is_whole("identity"):
        yield problem_at(here, "means nothing while nobody can say who is calling: write identity.bearer")


def _together(draft: Draft) -> Iterator[Problem]:
    """Patterns that cannot be read, then conflicts among the rules that can."""
    positions: list[int] = []
    readable: list[Rule] = []
    for index, rule in enumerate(draft.settings.access_control.rules):
        readings = [read_pattern(text) for text in rule.paths]
        wrong = [(number, found) for number, found in enumerate(readings) if isinstance(found, str)]
        for number, why in wrong:
            yield problem_at((*_RULES, index, "paths", number), f"'{rule.paths[number]}': {why}")
        if not wrong and draft.is_whole(*_RULES, index):
            positions.append(index)
            readable.append(_core_rule(rule, tuple(found for found in readings if not isinstance(found, str))))
    for conflict in conflicts(readable):
        first, second = readable[conflict.first].name, readable[conflict.second].name
        yield problem_at(
            (*_RULES, positions[conflict.second]),
            f"'{second}' and '{first}' both match {conflict.example}, ask for different things, and neither is more "
            "specific: make one narrower, or let them ask for the same",
        )
