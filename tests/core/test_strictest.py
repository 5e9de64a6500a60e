"""The strictest rule: nothing passes under it that one of its readings' rules would refuse."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mfa_gateway.core.account import AccountId, Anonymous, Caller, Factor, FactorState, Proof, Standing
from mfa_gateway.core.call import Call, OddPath
from mfa_gateway.core.gate import Terms, admit, appoint, conclude, weigh
from mfa_gateway.core.pattern import Pattern, Wild, read_pattern
from mfa_gateway.core.policy import (
    Access,
    Candidates,
    Enforcement,
    OnStoreError,
    OnSuccess,
    Policy,
    Require,
    Requirement,
    Rule,
)
from mfa_gateway.core.proof import Receipt, Redeemed, Redemption, Rode, Scope
from mfa_gateway.core.readings import odd_path
from mfa_gateway.core.strictest import strictest_candidates, strictest_rule
from mfa_gateway.core.verdict import Pass, Reason, Refuse, Verdict

ANYWHERE: Final = (Pattern((Wild.REST,)),)
CALLER: Final = Caller(AccountId("shop", "jane"), session="session-1", token="token-1")
OPEN: Final = Requirement(Access.OPEN)
MFA: Final = Requirement(Access.MFA)
DENY: Final = Requirement(Access.DENY)

CLOSE: Final = OnSuccess.CLOSE_WINDOW
REVOKE: Final = OnSuccess.REVOKE

tried = settings(deadline=None, max_examples=500)

requirements = st.builds(
    Requirement,
    st.sampled_from([*Access, Access.MFA, Access.MFA]),
    require=st.sampled_from(Require),
    factors=st.sets(st.sampled_from([Factor.EMAIL, Factor.TOTP])).map(frozenset),
    grace_ms=st.sampled_from([0, 60_000, 1_800_000]),
    scope=st.sampled_from(Scope),
    dialect=st.sampled_from(["standard", "glue"]),
    enforcement=st.sampled_from([*Enforcement, Enforcement.ENFORCED]),
    on_store_error=st.sampled_from(OnStoreError),
    on_success=st.sampled_from(OnSuccess),
    tells_grace=st.booleans(),
)
rules = st.lists(requirements, min_size=1, max_size=4).map(
    lambda asked: [Rule(f"rule-{at}", ANYWHERE, requirement) for at, requirement in enumerate(asked)]
)
standings = st.builds(
    Standing,
    recorded=st.just(value=True),
    disabled=st.booleans(),
    factors=st.dictionaries(st.sampled_from([Factor.EMAIL, Factor.TOTP]), st.sampled_from(FactorState)),
    proofs=st.lists(
        st.builds(Proof, st.sampled_from([Factor.EMAIL, Factor.TOTP]), st.sampled_from([0, 59_999, 60_000, 1_700_000])),
        max_size=3,
    ).map(tuple),
)
receipts: st.SearchStrategy[Receipt] = st.one_of(
    st.builds(Redeemed, st.sampled_from(Factor)),
    st.builds(Rode, st.sampled_from(Factor), st.sampled_from([0, 59_999, 60_000, 1_700_000])),
)


def rule(requirement: Requirement, name: str = "rule", path: str = "/**", realms: Iterable[str] = ()) -> Rule:
    pattern = read_pattern(path)
    assert isinstance(pattern, Pattern)
    return Rule(name, (pattern,), requirement, realms=frozenset(realms))


def odd(target: str) -> OddPath:
    path = odd_path(target.encode())
    assert isinstance(path, OddPath)
    return path


def judged(one: Rule, known: Standing, code: str | None, receipt: Receipt) -> Verdict:
    appointed = appoint(Candidates(one), CALLER)
    if isinstance(appointed, Pass | Refuse):
        return appointed
    step = weigh(*appointed, known, code=code, terms=Terms())
    return conclude(*appointed, receipt) if isinstance(step, Redemption) else step


# --- Properties -------------------------------------------------------------------------------


@tried
@given(rules, standings, st.sampled_from([None, "123456"]), receipts)
def test_what_passes_under_the_strictest_passes_under_each(
    every: list[Rule], known: Standing, code: str | None, receipt: Receipt
) -> None:
    if isinstance(judged(strictest_rule(every), known, code, receipt), Pass):
        for one in every:
            assert isinstance(judged(one, known, code, receipt), Pass), one


@tried
@given(rules, st.randoms(use_true_random=False))
def test_the_order_of_readings_changes_nothing(every: list[Rule], chance: object) -> None:
    shuffled = list(every)
    chance.shuffle(shuffled)  # type: ignore[attr-defined]  # Hypothesis' Random
    assert strictest_rule(shuffled) == strictest_rule(every)


@tried
@given(rules)
def test_a_rule_is_its_own_strictest(every: list[Rule]) -> None:
    assert strictest_rule([every[0], every[0]]) is every[0]


@tried
@given(rules)
def test_nobody_without_a_credential_passes_where_one_reading_refuses(every: list[Rule]) -> None:
    turned_away = [
        isinstance(appoint(Candidates(one), Anonymous.NO_CREDENTIAL), Refuse)
        for one in every
    ]  # fmt: skip
    verdict = appoint(Candidates(strictest_rule(every)), Anonymous.NO_CREDENTIAL)
    assert isinstance(verdict, Refuse) is any(turned_away)


@tried
@given(rules)
def test_whatever_any_reading_ends_on_success_ends(every: list[Rule]) -> None:
    joined = strictest_rule(every).requirement
    strength = [*OnSuccess].index
    if joined.access is not Access.DENY:
        for one in every:
            assert strength(joined.on_success) >= strength(one.requirement.on_success)
            is_closing = OnSuccess.CLOSE_WINDOW is joined.on_success is one.requirement.on_success
            assert not is_closing or joined.scope is one.requirement.scope


PATHS: Final = ("/**", "/p", "/p/**", "/p/{x}", "/p/q", "/p/{x}/q", "/{x}/q", "/p/q/**")
TARGETS: Final = ("/p%2Fq", "/p/q;v=1", "/p;v/q", "/p//q", "/p/q//", "/p/x%2Fq", "/p/x;v/q", "/q;/p", "/p/%71;v%2Fx")


@tried
@given(
    st.lists(st.tuples(st.sampled_from(PATHS), requirements, st.sampled_from([(), ("shop",), ("staff",)])), max_size=5),
    requirements,
    st.sampled_from(TARGETS),
    st.sampled_from(["shop", "staff", "other"]),
)
def test_if_any_reading_is_protected_nothing_passes_without_a_proof(
    written: list[tuple[str, Requirement, tuple[str, ...]]], default: Requirement, target: str, realm: str
) -> None:
    try:
        policy = Policy(
            [rule(asked, f"rule-{at}", path, realms) for at, (path, asked, realms) in enumerate(written)],
            default=default,
        )
    except ValueError:
        return
    path = odd(target)
    met = [policy.rules_for("GET", reading, "").for_realm(realm).requirement for reading in path.readings]
    is_protected = any(one.access is not Access.OPEN and one.enforcement is Enforcement.ENFORCED for one in met)
    nobody = Caller(AccountId(realm, "jane"), session="s", token="t")
    enrolled = Standing(factors=dict.fromkeys(Factor, FactorState.ACTIVE))
    step = admit(policy, Call("GET", path))
    appointed = appoint(step, nobody) if isinstance(step, Candidates) else step
    verdict = (
        appointed if isinstance(appointed, Pass | Refuse) else weigh(*appointed, enrolled, code=None, terms=Terms())
    )
    assert isinstance(verdict, Refuse) is is_protected


# --- Cases ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ((OPEN, OPEN), OPEN),
        ((OPEN, MFA), MFA),
        ((MFA, DENY, OPEN), DENY),
        ((MFA, replace(MFA, grace_ms=0)), replace(MFA, grace_ms=0)),
        ((MFA, replace(MFA, require=Require.IF_ENROLLED)), MFA),
        ((MFA, replace(MFA, scope=Scope.ACCOUNT)), MFA),
        ((MFA, replace(MFA, on_store_error=OnStoreError.ALLOW)), MFA),
        ((MFA, replace(MFA, factors=frozenset({Factor.TOTP}))), replace(MFA, factors=frozenset({Factor.TOTP}))),
        (
            (
                replace(MFA, factors=frozenset({Factor.TOTP, Factor.EMAIL}), grace_ms=5),
                replace(MFA, factors=frozenset({Factor.TOTP}), require=Require.IF_ENROLLED),
            ),
            replace(MFA, factors=frozenset({Factor.TOTP}), grace_ms=5),
        ),
        ((OPEN, replace(OPEN, on_success=REVOKE)), replace(OPEN, on_success=REVOKE)),
        ((MFA, replace(OPEN, on_success=REVOKE)), replace(MFA, on_success=REVOKE)),
        ((replace(MFA, on_success=CLOSE), replace(MFA, on_success=REVOKE)), replace(MFA, on_success=REVOKE)),
        ((MFA, replace(MFA, on_success=CLOSE)), replace(MFA, on_success=CLOSE)),
        ((MFA, replace(MFA, scope=Scope.ACCOUNT, on_success=CLOSE)), replace(MFA, on_success=REVOKE)),
        ((replace(DENY, enforcement=Enforcement.SHADOW), MFA), MFA),
        ((replace(MFA, enforcement=Enforcement.SHADOW), OPEN), replace(MFA, enforcement=Enforcement.SHADOW)),
    ],
)
def test_the_strictest_of_several_asks_for_all_of_it(asked: tuple[Requirement, ...], expected: Requirement) -> None:
    for order in (asked, asked[::-1]):
        assert strictest_rule([rule(one, f"rule-{at}") for at, one in enumerate(order)]).requirement == expected


def test_two_rules_that_no_factor_satisfies_are_a_refusal() -> None:
    asked = [replace(MFA, factors=frozenset({factor})) for factor in (Factor.TOTP, Factor.EMAIL)]
    assert strictest_rule([rule(one) for one in asked]).requirement.access is Access.DENY


def test_the_strictest_bears_the_name_and_speaks_the_dialect_of_the_one_that_decides() -> None:
    found = strictest_rule(
        [
            rule(OPEN, "open"),
            rule(replace(MFA, grace_ms=1, dialect="glue"), "short"),
            rule(replace(MFA, grace_ms=9, dialect="standard", factors=frozenset({Factor.TOTP})), "long"),
        ]
    )
    assert (found.name, found.requirement.dialect) == ("short", "glue")


def test_each_realm_has_a_strictest_of_its_own() -> None:
    policy = Policy(
        [rule(MFA, "staff", "/p/q", ["staff"]), rule(DENY, "shop", "/p/{x}", ["shop"]), rule(OPEN, "all", "/p/**")],
        default=OPEN,
    )
    found = strictest_candidates(policy, "GET", odd("/p/q;v"), host="")
    assert {realm: one.name for realm, one in found.by_realm.items()} == {"staff": "staff", "shop": "shop"}
    assert found.other.name == "all"


def test_a_call_with_a_denied_reading_is_refused_without_asking_who_calls() -> None:
    policy = Policy([rule(DENY, "secret", "/p/secret/**")], default=OPEN)
    verdict = admit(policy, Call("GET", odd("/p/secret%2Fx")))
    assert isinstance(verdict, Refuse)
    assert verdict.reason is Reason.DENIED


def test_what_one_rule_tells_of_its_grace_all_tell() -> None:
    silent, telling = Requirement(Access.MFA, grace_ms=60_000), Requirement(Access.MFA, tells_grace=True)
    joined = strictest_rule([rule(silent, "silent"), rule(telling, "telling")]).requirement
    assert (joined.tells_grace, joined.grace_ms) == (True, 60_000)
