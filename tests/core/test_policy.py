"""The policy against an oracle: every rule is the set of calls it matches, in a universe small enough to count out."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import combinations, permutations, product
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mfa_gateway.core.account import Factor
from mfa_gateway.core.call import CanonicalPath, Reading, canonical_path
from mfa_gateway.core.pattern import Pattern, Wild, read_pattern
from mfa_gateway.core.policy import (
    NO_RULE,
    Access,
    Candidates,
    Enforcement,
    Policy,
    Requirement,
    Rule,
    _path_contains,
    conflicts,
)

OPEN: Final = Requirement(Access.OPEN)
MFA: Final = Requirement(Access.MFA)
STRONG: Final = Requirement(Access.MFA, factors=frozenset({Factor.TOTP}))
DENY: Final = Requirement(Access.DENY)

tried = settings(deadline=None, max_examples=80)


def rule(
    *paths: str,
    requirement: Requirement = MFA,
    name: str = "",
    methods: Iterable[str] = (),
    hosts: Iterable[str] = (),
    realms: Iterable[str] = (),
) -> Rule:
    patterns = tuple(pattern for text in paths if isinstance(pattern := read_pattern(text), Pattern))
    assert len(patterns) == len(paths)
    return Rule(
        name or paths[0],
        patterns,
        requirement,
        methods=frozenset(methods),
        hosts=frozenset(hosts),
        realms=frozenset(realms),
    )


def path_of(target: str) -> CanonicalPath:
    path = canonical_path(target.encode("ascii"))
    assert isinstance(path, CanonicalPath)
    return path


def winner(policy: Policy, target: str, *, method: str = "GET", host: str = "", realm: str = "shop") -> str:
    return policy.rules_for(method, path_of(target), host).for_realm(realm).name


def policy_of(*rules: Rule, default: Requirement = OPEN) -> Policy:
    return Policy(rules, default=default)


# --- The oracle -------------------------------------------------------------------------------
# Each dimension holds one value that no rule can name, so that "every" is never the same as "all that are named".

HOSTS: Final = ("a.test", "b.test", "")
METHODS: Final = ("GET", "HEAD", "PATCH", "QUERY")
REALMS: Final = ("shop", "admin", "other")
PATHS: Final = tuple(segments for depth in range(4) for segments in product(("p", "q", "z"), repeat=depth))


@dataclass(frozen=True)
class Trial:
    """One call of the universe."""

    host: str
    method: str
    realm: str
    segments: tuple[str, ...]

    @property
    def path(self) -> CanonicalPath:
        return path_of("/" + "/".join(self.segments))


UNIVERSE: Final = tuple(Trial(*values) for values in product(HOSTS, METHODS, REALMS, PATHS))
Calls = frozenset[int]


def is_on_path(parts: Sequence[object], segments: Sequence[str]) -> bool:
    if not parts:
        return not segments
    if parts[0] is Wild.REST:
        return True
    if not segments:
        return False
    return (parts[0] is Wild.SEGMENT or parts[0] == segments[0]) and is_on_path(parts[1:], segments[1:])


def is_matched(trial: Trial, one: Rule, pattern: Pattern) -> bool:
    method = "GET" if trial.method == "HEAD" and "GET" in one.methods else trial.method
    return (
        (not one.hosts or trial.host in one.hosts)
        and (not one.methods or method in one.methods)
        and (not one.realms or trial.realm in one.realms)
        and is_on_path(pattern.parts, trial.segments)
    )


def calls_of(one: Rule, pattern: Pattern) -> Calls:
    return frozenset(at for at, trial in enumerate(UNIVERSE) if is_matched(trial, one, pattern))


def has_contest(one: Rule, other: Rule) -> bool:
    """Whether they share a call, neither set of calls lying strictly within the other, and ask for different things."""
    sets = product((calls_of(one, p) for p in one.paths), [calls_of(other, p) for p in other.paths])
    return one.requirement != other.requirement and any(a & b and not a < b and not b < a for a, b in sets)


def oracle(rules: Sequence[Rule], default: Rule) -> Callable[[int], set[str]]:
    """The names of the rules that may judge a call: those matching ones that contain no other matching one."""
    entries = [(one.name, calls_of(one, pattern)) for one in rules for pattern in one.paths]

    def judges(at: int) -> set[str]:
        matching = [(name, calls) for name, calls in entries if at in calls]
        return {name for name, calls in matching if not any(other < calls for _, other in matching)} or {default.name}

    return judges


parts = st.lists(st.sampled_from(["p", "q", Wild.SEGMENT]), max_size=2)
patterns = st.builds(lambda fixed, rest: Pattern((*fixed, *rest)), parts, st.sampled_from([(), (Wild.REST,)]))
some_rules = st.builds(
    Rule,
    name=st.just("rule"),
    paths=st.lists(patterns, min_size=1, max_size=2).map(tuple),
    requirement=st.sampled_from([OPEN, MFA, STRONG, DENY]),
    methods=st.sets(st.sampled_from(["GET", "HEAD", "PATCH"]), max_size=2).map(frozenset),
    hosts=st.sets(st.sampled_from(["a.test", "b.test"])).map(frozenset),
    realms=st.sets(st.sampled_from(["shop", "admin"])).map(frozenset),
)


def named(rules: Iterable[Rule]) -> list[Rule]:
    return [replace(one, name=f"rule-{at}") for at, one in enumerate(rules)]


def without_contests(rules: Iterable[Rule]) -> list[Rule]:
    kept: list[Rule] = []
    for one in rules:
        if not any(has_contest(one, other) for other in kept):
            kept.append(one)
    return kept


rule_sets = st.lists(some_rules, max_size=5).map(named)
peaceful_sets = rule_sets.map(without_contests)


@tried
@given(peaceful_sets)
def test_the_rule_contained_in_all_others_wins(rules: list[Rule]) -> None:
    policy = Policy(rules, default=OPEN)
    judges = oracle(rules, policy.default)
    for at, trial in enumerate(UNIVERSE):
        candidates = policy.rules_for(trial.method, trial.path, trial.host)
        assert candidates.for_realm(trial.realm).name in judges(at), trial


@tried
@given(peaceful_sets)
def test_rules_that_may_judge_the_same_call_ask_for_the_same(rules: list[Rule]) -> None:
    judges = oracle(rules, Rule(NO_RULE, (), OPEN))
    asked = {one.name: one.requirement for one in rules}
    for at, trial in enumerate(UNIVERSE):
        assert len({asked.get(name, OPEN) for name in judges(at)}) == 1, trial


@tried
@given(peaceful_sets.flatmap(lambda rules: st.tuples(st.just(rules), st.permutations(rules))))
def test_the_order_in_the_file_changes_nothing(orders: tuple[list[Rule], list[Rule]]) -> None:
    one, other = (Policy(rules, default=OPEN) for rules in orders)
    for host, method, segments in product(HOSTS, METHODS, PATHS):
        path = path_of("/" + "/".join(segments))
        here, there = one.rules_for(method, path, host), other.rules_for(method, path, host)
        assert (here, here.strictest()) == (there, there.strictest())


@tried
@given(rule_sets)
def test_every_conflict_is_found_and_none_is_invented(rules: list[Rule]) -> None:
    found = {(conflict.first, conflict.second) for conflict in conflicts(rules)}
    contested = {(a, b) for (a, one), (b, other) in combinations(enumerate(rules), 2) if has_contest(one, other)}
    assert found == contested


@tried
@given(rule_sets)
def test_the_example_of_a_conflict_is_a_call_that_both_rules_match(rules: list[Rule]) -> None:
    for conflict in conflicts(rules):
        trial = _read_example(conflict.example)
        for one in (rules[conflict.first], rules[conflict.second]):
            assert any(is_matched(trial, one, pattern) for pattern in one.paths), conflict.example


def _read_example(text: str) -> Trial:
    call, _, realm = text.partition(" by a caller of realm ")
    call, _, host = call.partition(" on host ")
    method, _, path = call.partition(" ")
    return Trial(host, method, realm, tuple(segment for segment in path.split("/") if segment))


@tried
@given(rule_sets)
def test_a_policy_with_a_conflict_cannot_be_made(rules: list[Rule]) -> None:
    if conflicts(rules):
        with pytest.raises(ValueError, match=r"rules \d and \d conflict on"):
            Policy(rules, default=OPEN)


@tried
@given(patterns, patterns)
def test_a_pattern_contains_another_when_it_matches_all_of_its_paths(outer: Pattern, inner: Pattern) -> None:
    everywhere = tuple(
        {segments for segments in PATHS if is_on_path(pattern.parts, segments)} for pattern in (outer, inner)
    )
    assert _path_contains(outer, inner) == (everywhere[0] >= everywhere[1])


@tried
@given(peaceful_sets)
def test_callers_who_cannot_be_told_apart_get_in_only_where_every_caller_does(rules: list[Rule]) -> None:
    policy = Policy(rules, default=OPEN)
    for host, method, segments in product(HOSTS, METHODS, PATHS):
        candidates = policy.rules_for(method, path_of("/" + "/".join(segments)), host)
        asked = [candidates.for_realm(realm).requirement.access for realm in REALMS]
        assert (candidates.strictest().requirement.access is Access.OPEN) == (set(asked) == {Access.OPEN})


# --- Which rule, by example -------------------------------------------------------------------


def test_without_a_rule_the_default_policy_decides() -> None:
    assert winner(policy_of(default=DENY), "/x") == NO_RULE


def test_the_default_policy_covers_the_root_and_every_method() -> None:
    policy = policy_of(rule("/p"), default=DENY)
    assert [winner(policy, target, method="FOO") for target in ("/", "/x/y")] == [NO_RULE, NO_RULE]


@pytest.mark.parametrize(
    ("target", "name"),
    [
        ("/a/b", "/a/b"),
        ("/a/c", "/a/{x}"),
        ("/a", "/a"),
        ("/a/b/c", "/a/b/**"),
        ("/a/c/d", "/a/**"),
        ("/z", "/{x}"),
        ("/z/z", "/**"),
        ("/", "/**"),
    ],
)
def test_the_most_specific_path_wins(target: str, name: str) -> None:
    texts = ["/**", "/{x}", "/a/**", "/a", "/a/{x}", "/a/b/**", "/a/b"]
    requirements = [OPEN, MFA, MFA, STRONG, DENY, DENY, STRONG]
    rules = [rule(text, requirement=one) for text, one in zip(texts, requirements, strict=True)]
    for order in (rules, rules[::-1]):
        assert winner(policy_of(*order), target) == name


def test_a_literal_further_left_is_more_specific() -> None:
    left, right = rule("/a/{x}", requirement=MFA), rule("/{x}/b", requirement=MFA)
    assert winner(policy_of(right, left), "/a/b") == "/a/{x}"


def test_the_walk_returns_from_a_literal_that_leads_nowhere() -> None:
    assert winner(policy_of(rule("/a/b/c"), rule("/{x}/b/d")), "/a/b/d") == "/{x}/b/d"


def test_a_named_host_comes_before_a_more_specific_path() -> None:
    policy = policy_of(rule("/p/q", requirement=MFA), rule("/p/q", requirement=DENY, hosts=["a.test"], name="here"))
    assert winner(policy, "/p/q", host="a.test") == "here"
    assert winner(policy, "/p/q", host="b.test") == "/p/q"


def test_a_policy_knows_the_hosts_that_its_rules_name() -> None:
    policy = policy_of(rule("/p", hosts=["a.test", "b.test"]), rule("/q", hosts=["b.test"]), rule("/r"))
    assert policy.hosts == {"a.test", "b.test"}


def test_a_policy_knows_the_hosts_that_are_served_besides() -> None:
    policy = Policy([rule("/p", hosts=["a.test"])], default=OPEN, hosts=frozenset({"b.test"}))
    assert policy.hosts == {"a.test", "b.test"}
    assert winner(policy, "/p", host="b.test") == NO_RULE


def test_a_placeholder_stands_for_no_empty_segment() -> None:
    policy = policy_of(rule("/p/{x}"), rule("/p/**", requirement=DENY))
    assert policy.rules_for("GET", Reading(("p", "")), "").other.name == "/p/**"


def test_fewer_methods_are_more_specific() -> None:
    policy = policy_of(
        rule("/p", name="all"),
        rule("/p", methods=["PATCH", "PUT"], requirement=DENY, name="two"),
        rule("/p", methods=["PUT"], requirement=OPEN, name="one"),
    )
    assert [winner(policy, "/p", method=method) for method in ("PUT", "PATCH", "DELETE")] == ["one", "two", "all"]


def test_methods_are_compared_before_realms() -> None:
    one, other = rule("/p", realms=["shop"], name="by-realm"), rule("/p", methods=["GET"], name="by-method")
    assert winner(policy_of(one, other), "/p", realm="shop") == "by-method"


def test_a_rule_on_get_covers_head() -> None:
    policy = policy_of(rule("/p", methods=["GET"]))
    assert [winner(policy, "/p", method=method) for method in ("GET", "HEAD", "POST")] == ["/p", "/p", NO_RULE]


def test_a_rule_on_head_alone_does_not_cover_get() -> None:
    policy = policy_of(rule("/p", methods=["HEAD"]))
    assert [winner(policy, "/p", method=method) for method in ("GET", "HEAD")] == [NO_RULE, "/p"]


def test_a_rule_without_methods_covers_unknown_verbs() -> None:
    assert winner(policy_of(rule("/p")), "/p", method="FOO") == "/p"


@pytest.mark.parametrize("written", ["/p", "/p/"])
@pytest.mark.parametrize("asked", ["/p", "/p/"])
def test_a_final_slash_makes_no_difference(written: str, asked: str) -> None:
    assert winner(policy_of(rule(written, name="p")), asked) == "p"


@pytest.mark.parametrize("target", ["/P", "/%50", "/pX", "/p.."])
def test_case_and_tails_make_another_path(target: str) -> None:
    assert winner(policy_of(rule("/p/**", "/p")), target) == NO_RULE


@pytest.mark.parametrize(
    ("target", "name"),
    [
        ("/public", "/public/**"),
        ("/public/", "/public/**"),
        ("/public/x/y", "/public/**"),
        ("/publicX", NO_RULE),
        ("/public..", NO_RULE),
        ("/public../protected", NO_RULE),
        ("/protected", "/protected/**"),
        ("/protected/x", "/protected/**"),
        ("/protectedX", NO_RULE),
    ],
)
def test_p07_the_rest_begins_at_a_segment_boundary(target: str, name: str) -> None:
    policy = policy_of(rule("/public/**", requirement=OPEN), rule("/protected/**"), default=DENY)
    assert winner(policy, target) == name


def test_p18_a_placeholder_never_crosses_a_slash() -> None:
    policy = policy_of(rule("/customers/{id}", requirement=OPEN), rule("/customers/{id}/password"), default=DENY)
    assert winner(policy, "/customers/1/password") == "/customers/{id}/password"
    assert winner(policy, "/customers/1") == "/customers/{id}"
    assert winner(policy, "/customers/1/2") == NO_RULE
    assert winner(policy, "/customers") == NO_RULE


def test_a_rule_may_hold_several_paths() -> None:
    policy = policy_of(rule("/a", "/b/**", name="both"))
    assert [winner(policy, target) for target in ("/a", "/b/x", "/c")] == ["both", "both", NO_RULE]


def test_a_rule_with_the_same_requirement_may_overlap() -> None:
    assert conflicts([rule("/a/{x}"), rule("/{x}/b")]) == ()


@pytest.mark.parametrize(
    ("one", "other", "example"),
    [
        (rule("/a/{x}"), rule("/{x}/b", requirement=DENY), "GET /a/b"),
        (rule("/{x}"), rule("/{y}", requirement=DENY), "GET /x"),
        (rule("/{x}"), rule("/a/**", requirement=DENY), "GET /a"),
        (rule("/{x}/**"), rule("/**", requirement=DENY, methods=["PUT"]), "PUT /x"),
        (rule("/p", methods=["GET", "PUT"]), rule("/p", methods=["PUT", "POST"], requirement=DENY), "PUT /p"),
        (rule("/p", methods=["GET"]), rule("/p", methods=["HEAD", "PUT"], requirement=DENY), "HEAD /p"),
        (rule("/p", hosts=["a", "b"]), rule("/p", hosts=["b", "c"], requirement=DENY), "GET /p on host b"),
        (
            rule("/p", realms=["shop", "staff"]),
            rule("/p", realms=["shop"], methods=["PUT"], requirement=DENY),
            None,
        ),
        (
            rule("/p", realms=["shop"]),
            rule("/p", methods=["PUT"], requirement=DENY),
            "PUT /p by a caller of realm shop",
        ),
        (rule("/p", hosts=["a"]), rule("/p", hosts=["b"], requirement=DENY), None),
        (rule("/p", realms=["a"]), rule("/p", realms=["b"], requirement=DENY), None),
        (rule("/p", methods=["GET"]), rule("/p", methods=["PUT"], requirement=DENY), None),
        (rule("/p/**"), rule("/p", requirement=DENY), None),
        (rule("/p/**"), rule("/q/**", requirement=DENY), None),
    ],
)
def test_two_rules_conflict_where_neither_is_more_specific(one: Rule, other: Rule, example: str | None) -> None:
    assert [conflict.example for conflict in conflicts([one, other])] == ([example] if example else [])


def test_the_first_conflict_is_what_stops_a_policy() -> None:
    with pytest.raises(ValueError, match=r"^rules 0 and 1 conflict on GET /a/b$"):
        policy_of(rule("/a/{x}"), rule("/{x}/b", requirement=DENY))


@pytest.mark.parametrize(
    ("outer", "inner", "contains"),
    [
        ("/p", "/p/q", False),
        ("/p/q", "/p", False),
        ("/p", "/p/**", False),
        ("/p/**", "/p", True),
        ("/p/**", "/p/q/**", True),
        ("/{x}", "/p", True),
        ("/p", "/{x}", False),
    ],
)
def test_a_pattern_contains_another_or_not(outer: str, inner: str, *, contains: bool) -> None:
    (one,), (other,) = rule(outer).paths, rule(inner).paths
    assert _path_contains(one, other) == contains


def test_a_conflict_names_the_positions_of_the_rules() -> None:
    rules = [rule("/other"), rule("/a/{x}"), rule("/else"), rule("/{x}/b", requirement=DENY)]
    assert [(conflict.first, conflict.second) for conflict in conflicts(rules)] == [(1, 3)]


# --- Realms -----------------------------------------------------------------------------------


def realm_candidates() -> Candidates:
    policy = policy_of(
        rule("/p", requirement=OPEN, name="other"),
        rule("/p", realms=["shop"], name="shop"),
        rule("/p", realms=["shop", "staff"], requirement=DENY, name="both"),
    )
    return policy.rules_for("GET", path_of("/p"), "")


@pytest.mark.parametrize(("realm", "name"), [("shop", "shop"), ("staff", "both"), ("guest", "other"), ("", "other")])
def test_the_realm_of_the_caller_chooses_among_the_candidates(realm: str, name: str) -> None:
    assert realm_candidates().for_realm(realm).name == name


def test_a_realm_falls_through_to_the_next_rule_that_covers_it() -> None:
    policy = policy_of(rule("/p/q", realms=["staff"]), rule("/p/**", realms=["shop"], requirement=DENY))
    candidates = policy.rules_for("GET", path_of("/p/q"), "")
    assert [candidates.for_realm(realm).name for realm in ("staff", "shop", "x")] == ["/p/q", "/p/**", NO_RULE]


def test_naming_no_realm_is_no_way_around_the_strictest_rule() -> None:
    assert realm_candidates().strictest().name == "both"


def test_without_realms_the_strictest_rule_is_the_only_one() -> None:
    policy = policy_of(rule("/p", name="only"))
    assert policy.rules_for("GET", path_of("/p"), "").strictest().name == "only"


@pytest.mark.parametrize("order", list(permutations(range(3))))
@pytest.mark.parametrize("shadowed", [Access.MFA, Access.DENY])
def test_a_rule_in_shadow_is_less_strict_than_any_enforced_refusal(shadowed: Access, order: tuple[int, ...]) -> None:
    rules = [
        rule("/p", requirement=Requirement(shadowed, enforcement=Enforcement.SHADOW), name="shadow"),
        rule("/p", realms=["shop"], name="enforced"),
        rule("/p", realms=["staff"], requirement=OPEN, name="open"),
    ]
    candidates = policy_of(*(rules[at] for at in order)).rules_for("GET", path_of("/p"), "")
    assert candidates.strictest().name == "enforced"


# --- How patterns are written -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("/", ()),
        ("/**", (Wild.REST,)),
        ("/p", ("p",)),
        ("/p/", ("p",)),
        ("/p/{id}/x", ("p", Wild.SEGMENT, "x")),
        ("/p/{user_id}/{order-id}/**", ("p", Wild.SEGMENT, Wild.SEGMENT, Wild.REST)),
        ("/%70", ("p",)),
        ("/caf%C3%A9", ("café",)),
        ("/café", ("café",)),
        ("/a b", ("a b",)),
        ("/a%20b", ("a b",)),
        ("/a%23b", ("a#b",)),
        ("/%2A%2A", ("**",)),
        ("/%7Bid%7D", ("{id}",)),
    ],
)
def test_a_pattern_is_read_segment_by_segment(text: str, parts: tuple[object, ...]) -> None:
    assert read_pattern(text) == Pattern(parts)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "a path begins with a slash"),
        ("p/q", "a path begins with a slash"),
        ("/**/p", "'**' stands for the rest of the path, so nothing can follow it"),
        ("/p*", "'p*' is neither a literal segment nor '{name}' (one segment) nor '**' (the rest)"),
        ("/*", "'*' is neither a literal segment nor '{name}' (one segment) nor '**' (the rest)"),
        ("/{}", "'{}' is neither a literal segment nor '{name}' (one segment) nor '**' (the rest)"),
        ("/a{id}", "'a{id}' is neither a literal segment nor '{name}' (one segment) nor '**' (the rest)"),
        ("/{id", "'{id' is neither a literal segment nor '{name}' (one segment) nor '**' (the rest)"),
        ("/{a.*}", "'{a.*}' is neither a literal segment nor '{name}' (one segment) nor '**' (the rest)"),
        ("//p", "the segment '' can never match: it is not one segment"),
        ("/p//", "the segment '' can never match: it is not one segment"),
        ("/p/../q", "the segment '..' can never match: the path holds a dot segment"),
        ("/%2e", "the segment '%2e' can never match: the path holds a dot segment"),
        ("/a;b", "the segment 'a;b' can never match: the path holds ';' parameters"),
        ("/a%2fb", "the segment 'a%2fb' can never match: a separator is percent-encoded"),
        ("/a?x=1", "the segment 'a?x=1' can never match: the target holds a byte that has to be percent-encoded"),
        ("/a#b", "the segment 'a#b' can never match: the target holds a fragment"),
        ("/100%", "the segment '100%' can never match: a percent sign is not followed by two hexadecimal digits"),
        ("/\ud800", "the segment '\ud800' can never match: the decoded path is not UTF-8"),
    ],
)
def test_a_pattern_that_cannot_be_read_is_explained(text: str, sentence: str) -> None:
    assert read_pattern(text) == sentence


@pytest.mark.parametrize("text", ["/", "/p", "/p/{x}", "/p/**", "/{x}/**"])
def test_a_pattern_prints_as_it_is_written(text: str) -> None:
    pattern = read_pattern(text)
    assert isinstance(pattern, Pattern)
    assert str(pattern) == text


def test_a_literal_in_the_configuration_meets_every_spelling_of_a_call() -> None:
    policy = policy_of(rule("/caf%C3%A9/x-y", name="café"))
    assert [winner(policy, target) for target in ("/caf%c3%a9/x-y", "/c%61f%C3%A9/x%2Dy/")] == ["café", "café"]


def test_a_policy_of_a_thousand_rules_is_looked_up_by_its_tree() -> None:
    rules = [rule(f"/s{at}/{{id}}") for at in range(1000)]
    assert winner(policy_of(*rules), "/s999/1") == "/s999/{id}"
