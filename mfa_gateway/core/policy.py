"""The policy: which calls, and what they require.

Theory. A policy is a set, not a list: the order in a file must not be a security property. The most specific rule wins,
by host (named before none), then by the path, segment by segment from the left (literal before `{x}` before end before
`**`), then by methods, then by realms (named before none). Two rules that share a call, neither containing the other,
with different requirements, are a conflict: `conflicts` finds every such pair and shows a call that both match. So
among the rules that match a call without conflict, the winner is always the one contained in all the others.

What stays out: how rules are written down (settings) and what a requirement means (gate).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache
from typing import Final

from mfa_gateway.core.account import Factor
from mfa_gateway.core.call import CanonicalPath, Reading
from mfa_gateway.core.meeting import meetings
from mfa_gateway.core.pattern import Part, Pattern, Wild
from mfa_gateway.core.proof import Scope


class Access(StrEnum):
    """What a rule asks of a call."""

    OPEN = "open"
    MFA = "mfa"
    DENY = "deny"


class Require(StrEnum):
    """What happens to accounts without an active factor."""

    ALWAYS = "always"
    IF_ENROLLED = "if_enrolled"


class Enforcement(StrEnum):
    """Whether a refusal is carried out, or only counted and logged."""

    ENFORCED = "enforced"
    SHADOW = "shadow"


class OnStoreError(StrEnum):
    """What a protected route does while the store is away."""

    DENY = "deny"
    ALLOW = "allow"


class OnSuccess(StrEnum):
    """What a good answer of the application does to what its caller has proved, before anybody sees the answer."""

    NONE = "none"
    CLOSE_WINDOW = "close_window"
    REVOKE = "revoke"


@dataclass(frozen=True, slots=True)
class Requirement:
    """Everything that a rule asks, apart from the calls it asks it of. `factors` empty means any active factor.

    `tells_grace`: whoever passed by a proof is told how much longer it satisfies the rule.
    """

    access: Access
    require: Require = Require.ALWAYS
    factors: frozenset[Factor] = frozenset()
    grace_ms: int = 1_800_000
    scope: Scope = Scope.SESSION
    dialect: str = "standard"
    enforcement: Enforcement = Enforcement.ENFORCED
    on_store_error: OnStoreError = OnStoreError.DENY
    on_success: OnSuccess = OnSuccess.NONE
    tells_grace: bool = False


@dataclass(frozen=True, slots=True)
class Rule:
    """One entry of the policy. Empty `methods`, `hosts` or `realms` mean every one."""

    name: str
    paths: tuple[Pattern, ...]
    requirement: Requirement
    methods: frozenset[str] = frozenset()
    hosts: frozenset[str] = frozenset()
    realms: frozenset[str] = frozenset()

    def __hash__(self) -> int:
        """By its name alone, which costs nothing: rules are looked up on every call."""
        return hash(self.name)

    def covered_methods(self) -> frozenset[str]:
        """The methods with what they imply: GET covers HEAD."""
        return self.methods | {"HEAD"} if "GET" in self.methods else self.methods


@dataclass(frozen=True, slots=True)
class Conflict:
    """Two rules, by position, of which neither wins; `example` is a call that both match."""

    first: int
    second: int
    example: str


@dataclass(frozen=True, slots=True)
class _Entry:
    """A rule with one of its patterns: a product of hosts, paths, methods and realms. Empty sets mean every one."""

    rule: Rule
    pattern: Pattern
    methods: frozenset[str]

    def rank(self) -> tuple[tuple[tuple[bool, int], ...], str]:
        """Sorts the entries of one path: the contained before the containing, equals by name (never by position)."""
        sets = (self.rule.hosts, self.methods, self.rule.realms)
        return tuple((not named, len(named)) for named in sets), self.rule.name


def _entries(rule: Rule) -> Iterator[_Entry]:
    methods = rule.covered_methods()
    return (_Entry(rule, pattern, methods) for pattern in rule.paths)


def conflicts(rules: Sequence[Rule]) -> tuple[Conflict, ...]:
    """Every pair of rules that share a call, neither containing the other, with different requirements."""
    found = []
    for first, second in meetings([rule.paths for rule in rules]):
        one, other = rules[first], rules[second]
        if one.requirement == other.requirement:
            continue
        examples = (_contested_call(a, b) for a in _entries(one) for b in _entries(other))
        example = next((call for call in examples if call is not None), None)
        if example is not None:
            found.append(Conflict(first, second, example))
    return tuple(found)


def _contested_call(one: _Entry, other: _Entry) -> str | None:
    path = _shared_path(one.pattern, other.pattern)
    methods, hosts, realms = (
        _shared(one.methods, other.methods),
        _shared(one.rule.hosts, other.rule.hosts),
        _shared(one.rule.realms, other.rule.realms),
    )
    if path is None or methods is None or hosts is None or realms is None:
        return None
    if _contains(one, other) != _contains(other, one):
        return None
    where = f" on host {min(hosts)}" if hosts else ""
    who = f" by a caller of realm {min(realms)}" if realms else ""
    return f"{_example_method(methods)} {path}{where}{who}"


def _example_method(methods: frozenset[str]) -> str:
    return min(methods - {"HEAD"} or methods, default="GET")


def _shared(one: frozenset[str], other: frozenset[str]) -> frozenset[str] | None:
    """What both sets match, the empty set meaning everything; None when they share nothing."""
    if not one or not other:
        return one or other
    return one & other or None


def _contains(outer: _Entry, inner: _Entry) -> bool:
    return (
        _path_contains(outer.pattern, inner.pattern)
        and _set_contains(outer.methods, inner.methods)
        and _set_contains(outer.rule.hosts, inner.rule.hosts)
        and _set_contains(outer.rule.realms, inner.rule.realms)
    )


def _set_contains(outer: frozenset[str], inner: frozenset[str]) -> bool:
    return not outer or (bool(inner) and inner <= outer)


def _path_contains(outer: Pattern, inner: Pattern) -> bool:
    head, rest = outer.fixed, inner.fixed
    if len(rest) < len(head) or (inner.is_open_ended and not outer.is_open_ended):
        return False
    if len(rest) > len(head) and not outer.is_open_ended:
        return False
    return all(part is Wild.SEGMENT or part == other for part, other in zip(head, rest, strict=False))


def _shared_path(one: Pattern, other: Pattern) -> str | None:
    """A path that both patterns match, or None."""
    longer, shorter = sorted((one.fixed, other.fixed), key=len, reverse=True)
    shorter_pattern = one if one.fixed == shorter else other
    if len(longer) > len(shorter) and not shorter_pattern.is_open_ended:
        return None
    segments = []
    for index, part in enumerate(longer):
        partner = shorter[index] if index < len(shorter) else Wild.SEGMENT
        if isinstance(part, str) and isinstance(partner, str) and part != partner:
            return None
        segments.append(part if isinstance(part, str) else partner if isinstance(partner, str) else "x")
    return "/" + "/".join(segments)


@dataclass(slots=True)
class _Node:
    """One segment of the tree that a policy compiles to. Entries are sorted by rank."""

    literals: dict[str, "_Node"] = field(default_factory=dict)
    segment: "_Node | None" = None
    ends: list[_Entry] = field(default_factory=list)
    rests: list[_Entry] = field(default_factory=list)

    def child(self, part: Part) -> "_Node":
        if isinstance(part, str):
            return self.literals.setdefault(part, _Node())
        if self.segment is None:
            self.segment = _Node()
        return self.segment


def _insert(root: _Node, entry: _Entry) -> None:
    node = root
    for part in entry.pattern.fixed:
        node = node.child(part)
    entries = node.rests if entry.pattern.is_open_ended else node.ends
    entries.append(entry)
    entries.sort(key=_Entry.rank)


def _walk(node: _Node, segments: tuple[str, ...], depth: int) -> Iterator[_Entry]:
    """The entries whose pattern matches, most specific first."""
    if depth == len(segments):
        yield from node.ends
    else:
        if (literal := node.literals.get(segments[depth])) is not None:
            yield from _walk(literal, segments, depth + 1)
        # An empty segment is none: see `readings`.
        if node.segment is not None and segments[depth]:
            yield from _walk(node.segment, segments, depth + 1)
    yield from node.rests


_MOST_REMEMBERED: Final = 4096
NO_RULE: Final = "default_policy"


class Policy:
    """A compiled policy. Looking a call up costs its number of segments, not the number of rules.

    Raises:
        ValueError: the rules conflict; `conflicts` tells where, for those who want to know it first.
    """

    __slots__ = ("_alone", "_anywhere", "_by_host", "default", "hosts", "rules")

    def __init__(self, rules: Iterable[Rule], *, default: Requirement, hosts: frozenset[str] = frozenset()) -> None:
        """`hosts`: those that are served besides those that rules name."""
        self.rules = tuple(rules)
        if found := conflicts(self.rules):
            raise ValueError(f"rules {found[0].first} and {found[0].second} conflict on {found[0].example}")
        # Most calls fall under one rule alone.
        self._alone = lru_cache(maxsize=_MOST_REMEMBERED)(Candidates)
        self.default = Rule(NO_RULE, (Pattern((Wild.REST,)),), default)
        named = frozenset(host for rule in self.rules for host in rule.hosts)
        self.hosts = named | hosts
        self._anywhere = _Node()
        self._by_host = {host: _Node() for host in named}
        for rule in self.rules:
            self._add(rule)

    def _add(self, rule: Rule) -> None:
        roots = [self._by_host[host] for host in rule.hosts] or [self._anywhere]
        for root in roots:
            for entry in _entries(rule):
                _insert(root, entry)

    def matches(self, method: str, path: CanonicalPath | Reading, host: str) -> Iterator[Rule]:
        """The rules that match a call of some caller, most specific first. None left means the default policy."""
        for root in (self._by_host.get(host), self._anywhere):
            if root is not None:
                for entry in _walk(root, path.segments, 0):
                    if not entry.methods or method in entry.methods:
                        yield entry.rule

    def rules_for(self, method: str, path: CanonicalPath | Reading, host: str) -> "Candidates":
        """The rules of which one applies to the call, depending on the caller's realm alone."""
        by_realm: dict[str, Rule] = {}
        for rule in self.matches(method, path, host):
            if not rule.realms:
                return Candidates(rule, by_realm) if by_realm else self._alone(rule)
            for realm in rule.realms:
                by_realm.setdefault(realm, rule)
        return Candidates(self.default, by_realm) if by_realm else self._alone(self.default)


_STRICTNESS: Final = {Access.OPEN: 0, Access.MFA: 1, Access.DENY: 2}


@dataclass(frozen=True, slots=True)
class Candidates:
    """The rules that a call falls under: `other` for callers of realms that no more specific rule names."""

    other: Rule
    by_realm: Mapping[str, Rule] = field(default_factory=dict)

    def for_realm(self, realm: str) -> Rule:
        """The rule for a caller of this realm."""
        return self.by_realm.get(realm, self.other)

    def strictest(self) -> Rule:
        """The rule for callers that cannot be told apart: naming no realm must not be a way around a realm's rule."""
        return max((self.other, *self.by_realm.values()), key=strictness)


def strictness(rule: Rule) -> tuple[bool, int]:
    """How strict a rule is, to compare. One in shadow lets everybody through, so any enforced refusal is stricter."""
    access = rule.requirement.access
    refuses = access is not Access.OPEN and rule.requirement.enforcement is Enforcement.ENFORCED
    return refuses, _STRICTNESS[access]
