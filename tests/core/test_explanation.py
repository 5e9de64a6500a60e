"""Explanations say what the policy does, rule by rule."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mfa_gateway.core.account import Factor
from mfa_gateway.core.call import CanonicalPath, OddPath, Reading, canonical_path
from mfa_gateway.core.explanation import Finding, explain, needs, pattern_matches, rules_by_reading
from mfa_gateway.core.pattern import Pattern, Wild, read_pattern
from mfa_gateway.core.policy import NO_RULE, Access, OnSuccess, Policy, Require, Requirement, Rule
from mfa_gateway.core.proof import Scope
from mfa_gateway.core.readings import odd_path

MFA = Requirement(Access.MFA)
REFUSED = "Accounts without an active factor are refused."
LET_THROUGH = "Accounts without an active factor pass."


def pattern(text: str) -> Pattern:
    read = read_pattern(text)
    assert isinstance(read, Pattern)
    return read


def path_of(target: str) -> CanonicalPath:
    path = canonical_path(target.encode("ascii"))
    assert isinstance(path, CanonicalPath)
    return path


def rule(
    *paths: str,
    name: str = "rule",
    methods: frozenset[str] = frozenset(),
    hosts: frozenset[str] = frozenset(),
    realms: frozenset[str] = frozenset(),
    requirement: Requirement = MFA,
) -> Rule:
    return Rule(name, tuple(map(pattern, paths)), requirement, methods=methods, hosts=hosts, realms=realms)


def explained(*rules: Rule, method: str = "GET", target: str = "/p/q", host: str = "") -> tuple[Finding, ...]:
    policy = Policy(rules, default=Requirement(Access.OPEN))
    return explain(policy, method, path_of(target), host=host)


# --- Each rule's reason -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("one", "why"),
    [
        (rule("/x"), "none of its paths matches"),
        (rule("/p/q", methods=frozenset({"PUT", "PATCH"})), "is for PATCH, PUT"),
        (rule("/p/q", hosts=frozenset({"b.test", "a.test"})), "is for host a.test, b.test"),
        (rule("/x", hosts=frozenset({"a.test"}), methods=frozenset({"PUT"})), "is for host a.test"),
        (rule("/x", methods=frozenset({"PUT"})), "none of its paths matches"),
    ],
)
def test_a_rule_that_does_not_match_says_what_is_in_the_way_first(one: Rule, why: str) -> None:
    assert explained(one)[0] == Finding(one, why)


@pytest.mark.parametrize(
    ("one", "why"),
    [
        (rule("/p/q"), "matches by /p/q; no more specific rule does"),
        (rule("/x", "/p/{id}"), "matches by /p/{x}; no more specific rule does"),
        (rule("/p/**", "/p/q"), "matches by /p/** and /p/q; no more specific rule does"),
    ],
)
def test_the_rule_that_applies_says_by_which_of_its_paths(one: Rule, why: str) -> None:
    assert explained(one)[0] == Finding(one, why, applies=True)


def test_a_rule_on_get_applies_to_head() -> None:
    assert explained(rule("/p/q", methods=frozenset({"GET"})), method="HEAD")[0].applies


def test_a_less_specific_rule_says_so() -> None:
    wide, narrow = rule("/p/**"), rule("/p/q", requirement=Requirement(Access.DENY))
    assert [finding.why for finding in explained(wide, narrow)[:2]] == [
        "matches, but a more specific rule does too",
        "matches by /p/q; no more specific rule does",
    ]


def test_a_rule_on_get_that_loses_says_so_for_head_too() -> None:
    wide = rule("/p/**", methods=frozenset({"GET"}))
    narrow = rule("/p/q", methods=frozenset({"HEAD"}), requirement=Requirement(Access.DENY))
    assert explained(wide, narrow, method="HEAD")[0].why == "matches, but a more specific rule does too"


def test_a_rule_for_realms_applies_to_these_alone() -> None:
    named, other = rule("/p/q", realms=frozenset({"shop", "staff"}), requirement=Requirement(Access.DENY)), rule("/p/q")
    found = explained(other, named)
    assert [(finding.applies, finding.realms) for finding in found[:2]] == [
        (True, frozenset()),
        (True, frozenset({"shop", "staff"})),
    ]


@pytest.mark.parametrize(
    ("target", "why", "applies"), [("/x", "no rule matches", True), ("/p/q", "a rule matches", False)]
)
def test_the_default_policy_comes_last(target: str, why: str, *, applies: bool) -> None:
    last = explained(rule("/p/q"), target=target)[-1]
    assert (last.rule.name, last.why, last.applies) == (NO_RULE, why, applies)


@given(
    st.sampled_from(["/p/q", "/p", "/x/y", "/"]), st.sampled_from(["GET", "HEAD", "PUT"]), st.sampled_from(["", "a"])
)
def test_what_applies_is_what_the_policy_chooses(target: str, method: str, host: str) -> None:
    rules = [
        rule("/p/**", name="wide"),
        rule("/p/q", name="narrow", methods=frozenset({"GET"}), requirement=Requirement(Access.DENY)),
        rule("/p/q", name="here", methods=frozenset({"GET"}), hosts=frozenset({"a"})),
        rule("/p/q", name="mine", methods=frozenset({"GET"}), realms=frozenset({"shop"})),
    ]
    policy = Policy(rules, default=Requirement(Access.OPEN))
    path = path_of(target)
    chosen = policy.rules_for(method, path, host)
    applying = [finding.rule for finding in explain(policy, method, path, host=host) if finding.applies]
    assert {one.name for one in applying} == {chosen.other.name, *(one.name for one in chosen.by_realm.values())}


@given(
    st.lists(st.sampled_from(["p", "q", Wild.SEGMENT]), max_size=3),
    st.sampled_from([(), (Wild.REST,)]),
    st.lists(st.sampled_from(["p", "q", "z"]), max_size=4),
)
def test_a_pattern_matches_what_the_compiled_policy_finds_it_for(
    fixed: list[str | Wild], rest: tuple[Wild, ...], segments: list[str]
) -> None:
    one = Pattern((*fixed, *rest))
    policy = Policy([Rule("rule", (one,), MFA)], default=Requirement(Access.OPEN))
    found = policy.rules_for("GET", path_of("/" + "/".join(segments)), "").other.name
    assert pattern_matches(one, tuple(segments)) == (found == "rule")


# --- Odd paths --------------------------------------------------------------------------------


def test_every_reading_of_an_odd_path_says_what_it_falls_under() -> None:
    one, staff = rule("/p/**", name="p"), rule("/p/q", name="staff", realms=frozenset({"staff"}))
    policy = Policy([one, staff], default=Requirement(Access.OPEN))
    path = odd_path(b"/p%2Fq")
    assert isinstance(path, OddPath)
    assert rules_by_reading(policy, "GET", path, host="") == (
        (Reading(("p/q",)), (policy.default,)),
        (Reading(("p", "q")), (staff, one)),
    )


def test_an_empty_segment_is_none_to_a_pattern() -> None:
    assert not pattern_matches(pattern("/p/{x}"), ("p", ""))
    assert pattern_matches(pattern("/p/**"), ("p", ""))


# --- What a caller needs ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("requirement", "sentence"),
    [
        (Requirement(Access.OPEN), "Nothing: the call goes on as it is."),
        (Requirement(Access.DENY), "Nothing helps: the call is refused."),
        (
            Requirement(Access.OPEN, on_success=OnSuccess.REVOKE),
            (
                "Nothing: the call goes on as it is. "
                "A good answer (2xx) voids everything that the account has proved, in every session."
            ),
        ),
        (
            Requirement(Access.MFA, grace_ms=0, on_success=OnSuccess.CLOSE_WINDOW),
            (
                f"A bearer token and a fresh code of any active factor in X-MFA-Code for every call. {REFUSED} "
                "A good answer (2xx) ends this session's windows."
            ),
        ),
        (
            Requirement(Access.OPEN, scope=Scope.ACCOUNT, on_success=OnSuccess.CLOSE_WINDOW),
            "Nothing: the call goes on as it is. A good answer (2xx) ends the account's windows.",
        ),
        (
            Requirement(Access.MFA, grace_ms=60_000),
            "A bearer token and a proof of any active factor by this session under 60 s old, or a code in X-MFA-Code. "
            + REFUSED,
        ),
        (
            Requirement(
                Access.MFA,
                require=Require.IF_ENROLLED,
                factors=frozenset({Factor.TOTP, Factor.EMAIL}),
                grace_ms=1500,
                scope=Scope.ACCOUNT,
            ),
            "A bearer token and a proof of email or totp by the account under 1.5 s old, or a code in X-MFA-Code. "
            + LET_THROUGH,
        ),
        (
            Requirement(Access.MFA, factors=frozenset({Factor.TOTP}), grace_ms=0),
            "A bearer token and a fresh code of totp in X-MFA-Code for every call. " + REFUSED,
        ),
    ],
)
def test_what_a_caller_needs_is_one_or_two_sentences(requirement: Requirement, sentence: str) -> None:
    assert needs(requirement) == sentence
