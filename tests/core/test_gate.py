"""The gate: nothing passes a protected route but by what its rule says. Once as a property, then by cases."""

from dataclasses import replace
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mfa_gateway.core.account import AccountId, Anonymous, Caller, Factor, FactorState, Identification, Proof, Standing
from mfa_gateway.core.call import Call, CanonicalPath
from mfa_gateway.core.gate import (
    RETRY_MS,
    KnownBy,
    Terms,
    account_obstacle,
    admit,
    allowed_factors,
    appoint,
    conclude,
    refuse,
    satisfying_proof,
    weigh,
    without_store,
)
from mfa_gateway.core.pattern import Pattern, Wild
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
from mfa_gateway.core.proof import (
    Banned,
    CodeShapes,
    Effect,
    Purpose,
    Receipt,
    Redeemed,
    Redemption,
    Regulation,
    Rejected,
    Rejection,
    Ride,
    Rode,
    Scope,
    ShortCodes,
)
from mfa_gateway.core.verdict import Pass, Reason, Refuse, Verdict

ANYWHERE: Final = (Pattern((Wild.REST,)),)
HALF_HOUR: Final = 1_800_000
CALLER: Final = Caller(AccountId("shop", "jane"), session="session-1", token="token-1")
EVERYBODY: Final = dict.fromkeys(Factor, FactorState.ACTIVE)

tried = settings(deadline=None, max_examples=400)


def protected(
    *,
    access: Access = Access.MFA,
    require: Require = Require.ALWAYS,
    factors: frozenset[Factor] = frozenset(),
    grace_ms: int = HALF_HOUR,
    scope: Scope = Scope.SESSION,
    enforcement: Enforcement = Enforcement.ENFORCED,
    on_store_error: OnStoreError = OnStoreError.DENY,
    on_success: OnSuccess = OnSuccess.NONE,
    realms: frozenset[str] = frozenset(),
    name: str = "rule",
) -> Rule:
    requirement = Requirement(
        access,
        require=require,
        factors=factors,
        grace_ms=grace_ms,
        scope=scope,
        enforcement=enforcement,
        on_store_error=on_store_error,
        on_success=on_success,
    )
    return Rule(name, ANYWHERE, requirement, realms=realms)


def standing(*proofs: Proof, active: tuple[Factor, ...] = (Factor.EMAIL, Factor.TOTP)) -> Standing:
    return Standing(recorded=True, epoch=7, factors=dict.fromkeys(active, FactorState.ACTIVE), proofs=proofs)


# --- The property -----------------------------------------------------------------------------

ages = st.one_of(
    st.integers(-5, 5),
    st.integers(HALF_HOUR - 2, HALF_HOUR + 2),
    st.sampled_from([59_999, 60_000, 60_001]),
    st.integers(0, 10**9),
)
rules = st.builds(
    protected,
    require=st.sampled_from(Require),
    factors=st.sets(st.sampled_from(Factor)).map(frozenset),
    grace_ms=st.sampled_from([0, 1, 60_000, HALF_HOUR]),
    scope=st.sampled_from(Scope),
    enforcement=st.sampled_from(Enforcement),
)
standings = st.builds(
    Standing,
    recorded=st.booleans(),
    disabled=st.booleans(),
    epoch=st.integers(0, 3),
    factors=st.dictionaries(st.sampled_from(Factor), st.sampled_from(FactorState)),
    proofs=st.lists(st.builds(Proof, st.sampled_from(Factor), ages), max_size=4).map(tuple),
)
codes = st.sampled_from(
    [None, "", " ", "123456", "000000", "12345678", "\uff11\uff12\uff13\uff14\uff15\uff16", "x", "1" * 65]
)
terms_of_a_gateway = st.builds(
    Terms, factors=st.sets(st.sampled_from(Factor)).map(frozenset), known_by=st.sampled_from(KnownBy)
)
receipts: st.SearchStrategy[Receipt] = st.one_of(
    st.builds(Redeemed, st.sampled_from(Factor)),
    st.builds(Rode, st.sampled_from(Factor), ages),
    st.builds(Rejected, st.sampled_from(Rejection), st.sampled_from([0, 900_000])),
    st.builds(Banned, st.integers(1, 900_000)),
)


def is_accepted(rule: Rule, factor: Factor) -> bool:
    return not rule.requirement.factors or factor in rule.requirement.factors


def is_within_grace(rule: Rule, proof: Proof) -> bool:
    return is_accepted(rule, proof.factor) and 0 <= proof.age_ms < rule.requirement.grace_ms


def judge(rule: Rule, known: Standing, code: str | None, terms: Terms, receipt: Receipt) -> Verdict:
    step = weigh(rule, CALLER, known, code=code, terms=terms)
    return conclude(rule, CALLER, receipt) if isinstance(step, Redemption) else step


def has_right_to_pass(rule: Rule, known: Standing, code: str | None, terms: Terms, receipt: Receipt) -> bool:
    """The contract of the gate, said in other words than the gate says it."""
    if known.disabled or (terms.known_by is KnownBy.RECORD and not known.recorded):
        return False
    active = {factor for factor, state in known.factors.items() if state is FactorState.ACTIVE}
    if not active:
        return rule.requirement.require is Require.IF_ENROLLED
    usable = {factor for factor in active if factor in terms.factors and is_accepted(rule, factor)}
    if not code:
        return any(proof.factor in usable and is_within_grace(rule, proof) for proof in known.proofs)
    match receipt:
        case Redeemed(factor):
            return bool(usable) and is_accepted(rule, factor)
        case Rode(factor, age):
            return bool(usable) and is_within_grace(rule, Proof(factor, age))
        case _:
            return False


@tried
@given(rules, standings, codes, terms_of_a_gateway, receipts)
def test_a_call_goes_on_exactly_when_it_has_a_right_to(
    rule: Rule, known: Standing, code: str | None, terms: Terms, receipt: Receipt
) -> None:
    verdict = judge(rule, known, code, terms, receipt)
    has_right = has_right_to_pass(rule, known, code, terms, receipt)
    match verdict:
        case Pass(overruled=None):
            assert has_right
        case Pass(overruled=Refuse(rule=said)):
            assert said == rule
            assert rule.requirement.enforcement is Enforcement.SHADOW
            assert not has_right
        case Refuse(rule=said):
            assert said == rule
            assert rule.requirement.enforcement is Enforcement.ENFORCED
            assert not has_right


@tried
@given(rules, standings, codes, terms_of_a_gateway, receipts)
def test_every_verdict_names_its_rule_and_its_caller(
    rule: Rule, known: Standing, code: str | None, terms: Terms, receipt: Receipt
) -> None:
    verdict = judge(rule, known, code, terms, receipt)
    assert (verdict.rule, verdict.caller) == (rule, CALLER)


@tried
@given(rules, standings, terms_of_a_gateway, receipts)
def test_what_is_shown_to_the_upstream_satisfies_the_rule(
    rule: Rule, known: Standing, terms: Terms, receipt: Receipt
) -> None:
    for code in (None, "123456"):
        verdict = judge(rule, known, code, terms, receipt)
        if isinstance(verdict, Pass) and verdict.shown is not None:
            fresh = code is not None and receipt == Redeemed(verdict.shown.factor)
            assert is_within_grace(rule, verdict.shown) or (fresh and is_accepted(rule, verdict.shown.factor))


@tried
@given(rules, standings, codes, terms_of_a_gateway)
def test_a_redemption_asks_only_for_what_the_rule_accepts(
    rule: Rule, known: Standing, code: str | None, terms: Terms
) -> None:
    asked = weigh(rule, CALLER, known, code=code, terms=terms)
    if isinstance(asked, Redemption):
        usable = [
            f for f in Factor if known.state(f) is FactorState.ACTIVE and f in terms.factors and is_accepted(rule, f)
        ]
        assert asked.factors == tuple(factor for factor in usable if terms.shapes.fits(code or "", factor))
        grace_ms = rule.requirement.grace_ms
        assert asked.ride == (Ride(grace_ms) if grace_ms else None)


@tried
@given(rules, standings, codes, terms_of_a_gateway, st.builds(Rode, st.sampled_from(Factor), ages))
def test_without_a_grace_only_a_code_redeemed_now_passes(
    rule: Rule, known: Standing, code: str | None, terms: Terms, ridden: Rode
) -> None:
    at_once = protected(factors=rule.requirement.factors, grace_ms=0)
    assert isinstance(judge(at_once, known, code, terms, ridden), Refuse)


@tried
@given(standings, st.builds(Proof, st.sampled_from(Factor), ages), terms_of_a_gateway)
def test_another_factors_proof_never_helps(known: Standing, proof: Proof, terms: Terms) -> None:
    strict = protected(factors=frozenset(Factor) - {proof.factor})
    more = replace(known, proofs=(proof, *known.proofs))
    assert weigh(strict, CALLER, more, code=None, terms=terms) == weigh(strict, CALLER, known, code=None, terms=terms)


# --- admit ------------------------------------------------------------------------------------


def call(method: str = "GET", *, host: str = "gw.test") -> Call:
    return Call(method, CanonicalPath(b"/p", ("p",)), host=host)


def policy(*rules_of_it: Rule, default: Access = Access.OPEN) -> Policy:
    return Policy(rules_of_it, default=Requirement(default))


@pytest.mark.parametrize("method", ["TRACE", "CONNECT"])
@pytest.mark.parametrize("default", Access)
def test_trace_and_connect_are_refused_whatever_the_policy_says(method: str, default: Access) -> None:
    assert admit(policy(default=default), call(method)) == Refuse(Reason.METHOD_NOT_ALLOWED)


@pytest.mark.parametrize("host", ["gw.test", "b.test"])
def test_a_named_host_is_judged_by_its_rules(host: str) -> None:
    here, there = (replace(protected(name=name), hosts=frozenset({name})) for name in ("gw.test", "b.test"))
    asked = admit(policy(here, there), call(host=host))
    assert isinstance(asked, Candidates)
    assert asked.other.name == host


@pytest.mark.parametrize("host", ["other.test", "", "gw.test.evil"])
def test_a_host_that_nobody_named_is_no_way_around_the_rules_of_those_that_are(host: str) -> None:
    here = replace(protected(), hosts=frozenset({"gw.test"}))
    everywhere = protected(access=Access.OPEN)
    assert admit(policy(here, everywhere), call(host=host)) == Refuse(Reason.MISDIRECTED)


@pytest.mark.parametrize("host", ["gw.test", "other.test", ""])
def test_where_no_host_is_named_every_host_is_served(host: str) -> None:
    rule = protected()
    assert admit(policy(rule), call(host=host)) == Candidates(rule)


def test_an_open_route_passes_without_asking_who_calls() -> None:
    rule = protected(access=Access.OPEN)
    assert admit(policy(rule, default=Access.DENY), call()) == Pass(rule)


def test_a_denied_route_refuses_without_asking_who_calls() -> None:
    rule = protected(access=Access.DENY)
    assert admit(policy(rule), call()) == Refuse(Reason.DENIED, rule)


def test_a_protected_route_asks_who_calls() -> None:
    rule = protected()
    assert admit(policy(rule), call()) == Candidates(rule)


@pytest.mark.parametrize("default", Access)
@pytest.mark.parametrize("named", Access)
def test_a_rule_for_a_realm_asks_who_calls_even_where_the_others_need_not(default: Access, named: Access) -> None:
    rule = protected(access=named, realms=frozenset({"shop"}))
    protecting = policy(rule, default=default)
    assert admit(protecting, call()) == Candidates(protecting.default, {"shop": rule})


# --- appoint ----------------------------------------------------------------------------------

NOBODIES: Final = [
    (Anonymous.NO_CREDENTIAL, Reason.TOKEN_MISSING, 0),
    (Anonymous.BAD_CREDENTIAL, Reason.TOKEN_INVALID, 0),
    (Anonymous.TWO_CREDENTIALS, Reason.TWO_CREDENTIALS, 0),
    (Anonymous.UNDECIDED, Reason.IDENTITY_UNAVAILABLE, RETRY_MS),
]


def test_every_way_to_be_nobody_is_tried() -> None:
    assert {nobody for nobody, _, _ in NOBODIES} == set(Anonymous)


@pytest.mark.parametrize(("nobody", "reason", "retry_after_ms"), NOBODIES)
def test_nobody_is_turned_away_from_a_protected_route(
    nobody: Identification, reason: Reason, retry_after_ms: int
) -> None:
    rule = protected()
    assert appoint(Candidates(rule), nobody) == Refuse(reason, rule, retry_after_ms)


@pytest.mark.parametrize("nobody", Anonymous)
def test_nobody_is_held_to_the_strictest_rule_of_any_realm(nobody: Anonymous) -> None:
    candidates = Candidates(protected(access=Access.OPEN), {"shop": protected(name="shop")})
    verdict = appoint(candidates, nobody)
    assert isinstance(verdict, Refuse)
    assert verdict.rule == protected(name="shop")


@pytest.mark.parametrize("nobody", Anonymous)
def test_a_rule_in_shadow_is_no_way_around_the_rule_of_a_realm(nobody: Anonymous) -> None:
    shadow = protected(enforcement=Enforcement.SHADOW, name="shadow")
    assert isinstance(appoint(Candidates(shadow, {"shop": protected()}), nobody), Refuse)


@pytest.mark.parametrize("nobody", Anonymous)
def test_nobody_passes_where_every_realm_may(nobody: Anonymous) -> None:
    rule = protected(access=Access.OPEN)
    assert appoint(Candidates(rule, {"shop": rule}), nobody) == Pass(rule)


def test_a_caller_gets_the_rule_of_the_own_realm() -> None:
    other, own = protected(access=Access.DENY, name="other"), protected(name="own")
    assert appoint(Candidates(other, {"shop": own}), CALLER) == (own, CALLER)


def test_a_caller_of_another_realm_gets_the_rule_for_the_others() -> None:
    other = protected(access=Access.DENY, name="other")
    assert appoint(Candidates(other, {"staff": protected()}), CALLER) == Refuse(Reason.DENIED, other, caller=CALLER)


def test_a_caller_passes_where_the_own_realm_is_open() -> None:
    own = protected(access=Access.OPEN)
    assert appoint(Candidates(protected(), {"shop": own}), CALLER) == Pass(own, CALLER)


# --- weigh ------------------------------------------------------------------------------------


def test_a_proof_within_the_grace_passes_and_is_shown() -> None:
    proof = Proof(Factor.EMAIL, 5)
    rule = protected()
    assert weigh(rule, CALLER, standing(proof), code=None, terms=Terms()) == Pass(rule, CALLER, proof)


@pytest.mark.parametrize("grace_ms", [1, 60_000, HALF_HOUR])
def test_the_grace_is_gone_at_exactly_its_length(grace_ms: int) -> None:
    rule = protected(grace_ms=grace_ms)

    def weighed(age_ms: int) -> Verdict | Redemption:
        return weigh(rule, CALLER, standing(Proof(Factor.EMAIL, age_ms)), code=None, terms=Terms())

    assert isinstance(weighed(grace_ms - 1), Pass)
    assert weighed(grace_ms) == Refuse(Reason.CODE_MISSING, rule, caller=CALLER)


def test_a_window_of_a_long_grace_does_not_open_a_rule_of_a_short_one() -> None:
    two_minutes = standing(Proof(Factor.EMAIL, 120_000))
    assert isinstance(weigh(protected(), CALLER, two_minutes, code=None, terms=Terms()), Pass)
    assert isinstance(weigh(protected(grace_ms=60_000), CALLER, two_minutes, code=None, terms=Terms()), Refuse)


def test_a_proof_from_the_future_is_not_honoured() -> None:
    assert satisfying_proof(protected().requirement, Factor, [Proof(Factor.EMAIL, -1)]) is None


@pytest.mark.parametrize(("grace_ms", "ride"), [(0, None), (1, Ride(1))])
def test_no_code_rides_where_there_is_no_grace(grace_ms: int, ride: Ride | None) -> None:
    known = standing(active=(Factor.EMAIL,))
    asked = weigh(protected(grace_ms=grace_ms), CALLER, known, code="123456", terms=Terms())
    assert isinstance(asked, Redemption)
    assert asked.ride == ride


def test_of_two_proofs_of_one_moment_the_first_is_the_one() -> None:
    proofs = [Proof(Factor.EMAIL, 3), Proof(Factor.SMS, 3)]
    assert satisfying_proof(protected().requirement, Factor, proofs) == proofs[0]


def test_a_newer_proof_of_another_factor_does_not_hide_the_one_that_counts() -> None:
    known = standing(Proof(Factor.EMAIL, 1), Proof(Factor.TOTP, 100))
    rule = protected(factors=frozenset({Factor.TOTP}))
    assert weigh(rule, CALLER, known, code=None, terms=Terms()) == Pass(rule, CALLER, Proof(Factor.TOTP, 100))


def test_the_youngest_proof_that_counts_is_shown() -> None:
    proofs = [Proof(Factor.EMAIL, 9), Proof(Factor.TOTP, 3), Proof(Factor.SMS, 6)]
    assert satisfying_proof(protected().requirement, Factor, proofs) == Proof(Factor.TOTP, 3)


def test_an_e_mail_proof_does_not_satisfy_a_rule_on_totp() -> None:
    rule = protected(factors=frozenset({Factor.TOTP}))
    verdict = weigh(rule, CALLER, standing(Proof(Factor.EMAIL, 1)), code=None, terms=Terms())
    assert verdict == Refuse(Reason.CODE_MISSING, rule, caller=CALLER)


@pytest.mark.parametrize("code", [None, ""])
def test_an_empty_code_counts_as_missing(code: str | None) -> None:
    rule = protected()
    assert weigh(rule, CALLER, standing(), code=code, terms=Terms()) == Refuse(Reason.CODE_MISSING, rule, caller=CALLER)


def test_a_presented_code_is_redeemed_inside_an_open_window_too() -> None:
    assert isinstance(
        weigh(protected(), CALLER, standing(Proof(Factor.EMAIL, 1)), code="000000", terms=Terms()), Redemption
    )


def test_a_redemption_carries_everything_the_store_needs() -> None:
    rule = protected(grace_ms=60_000, scope=Scope.ACCOUNT)
    terms = Terms(shapes=CodeShapes(sent=8), regulation=Regulation(max_retries=3), keep_ms=99)
    assert weigh(rule, CALLER, standing(), code="12345678", terms=terms) == Redemption(
        account=CALLER.account,
        epoch=7,
        purpose=Purpose.GATE,
        presented="12345678",
        # Eight digits can be those of an authenticator too.
        factors=(Factor.EMAIL, Factor.TOTP),
        scope=Scope.ACCOUNT,
        session="session-1",
        token="token-1",
        effect=Effect.OPEN,
        target=None,
        ride=Ride(60_000),
        keep_ms=99,
        regulation=Regulation(max_retries=3),
    )


def test_a_short_code_is_redeemed_under_stricter_numbers() -> None:
    short = ShortCodes(tries=2, per_day=7)
    terms = Terms(shapes=CodeShapes(sent=4, short=short))
    asked = [weigh(protected(), CALLER, standing(), code=code, terms=terms) for code in ("1234", "123456", "12345")]
    assert [isinstance(one, Redemption) and one.short for one in asked] == [short, None, None]


@pytest.mark.parametrize("code", ["x", "12345", " 123456", "\u0661\u0662\u0663\u0664\u0665\u0666", "1" * 1_000_000])
def test_a_code_of_no_possible_shape_is_counted_and_never_compared(code: str) -> None:
    redemption = weigh(protected(), CALLER, standing(), code=code, terms=Terms())
    assert isinstance(redemption, Redemption)
    assert redemption.factors == ()


@pytest.mark.parametrize("code", [None, "123456"])
def test_an_account_without_a_factor_is_refused_where_one_is_required(code: str | None) -> None:
    rule = protected()
    verdict = weigh(rule, CALLER, standing(active=()), code=code, terms=Terms())
    assert verdict == Refuse(Reason.NOT_ENROLLED, rule, caller=CALLER)


@pytest.mark.parametrize("code", [None, "123456"])
def test_an_account_without_a_factor_passes_where_only_the_enrolled_are_asked(code: str | None) -> None:
    rule = protected(require=Require.IF_ENROLLED)
    assert weigh(rule, CALLER, standing(active=()), code=code, terms=Terms()) == Pass(rule, CALLER)


@pytest.mark.parametrize("require", Require)
def test_a_pending_factor_does_not_count(require: Require) -> None:
    rule = protected(require=require)
    pending = Standing(factors={Factor.EMAIL: FactorState.PENDING}, proofs=(Proof(Factor.EMAIL, 1),))
    verdict = weigh(rule, CALLER, pending, code=None, terms=Terms())
    assert isinstance(verdict, Pass) == (require is Require.IF_ENROLLED)
    assert not isinstance(verdict, Pass) or verdict.shown is None


@pytest.mark.parametrize("require", Require)
def test_an_enrolled_account_without_the_factor_of_the_rule_is_refused(require: Require) -> None:
    rule = protected(require=require, factors=frozenset({Factor.TOTP}))
    verdict = weigh(rule, CALLER, standing(active=(Factor.EMAIL,)), code="123456", terms=Terms())
    assert verdict == Refuse(Reason.NOT_ENROLLED, rule, caller=CALLER)


@pytest.mark.parametrize("require", Require)
def test_a_factor_that_is_no_longer_offered_opens_nothing(require: Require) -> None:
    known = standing(Proof(Factor.TOTP, 1), active=(Factor.TOTP,))
    verdict = weigh(protected(require=require), CALLER, known, code=None, terms=Terms(frozenset({Factor.EMAIL})))
    assert isinstance(verdict, Refuse)
    assert verdict.reason is Reason.NOT_ENROLLED


def test_factors_are_allowed_in_their_own_order() -> None:
    known = Standing(factors=dict(reversed(EVERYBODY.items())))
    assert allowed_factors(protected().requirement, known, frozenset(Factor)) == tuple(Factor)


@pytest.mark.parametrize("require", Require)
@pytest.mark.parametrize("code", [None, "123456"])
def test_a_disabled_account_is_refused_whatever_it_proved(require: Require, code: str | None) -> None:
    rule = protected(require=require)
    disabled = Standing(recorded=True, disabled=True, factors=EVERYBODY, proofs=(Proof(Factor.EMAIL, 1),))
    verdict = weigh(rule, CALLER, disabled, code=code, terms=Terms())
    assert verdict == Refuse(Reason.ACCOUNT_DISABLED, rule, caller=CALLER)


@pytest.mark.parametrize(
    ("recorded", "disabled", "known_by", "obstacle"),
    [
        (False, False, KnownBy.TOKEN, None),
        (True, False, KnownBy.TOKEN, None),
        (True, False, KnownBy.RECORD, None),
        (False, False, KnownBy.RECORD, Reason.ACCOUNT_UNKNOWN),
        (False, True, KnownBy.RECORD, Reason.ACCOUNT_DISABLED),
        (True, True, KnownBy.RECORD, Reason.ACCOUNT_DISABLED),
        (True, True, KnownBy.TOKEN, Reason.ACCOUNT_DISABLED),
    ],
)
def test_an_account_has_to_be_known_and_enabled(
    *, recorded: bool, disabled: bool, known_by: KnownBy, obstacle: Reason | None
) -> None:
    assert account_obstacle(Standing(recorded=recorded, disabled=disabled), known_by) is obstacle


# --- conclude ---------------------------------------------------------------------------------


def test_a_redeemed_code_passes_as_a_proof_of_this_moment() -> None:
    rule = protected(grace_ms=0)
    assert conclude(rule, CALLER, Redeemed(Factor.SMS)) == Pass(rule, CALLER, Proof(Factor.SMS, 0))


def test_a_ridden_proof_passes_with_its_age() -> None:
    rule = protected()
    assert conclude(rule, CALLER, Rode(Factor.SMS, 1234)) == Pass(rule, CALLER, Proof(Factor.SMS, 1234))


@pytest.mark.parametrize("why", Rejection)
@pytest.mark.parametrize("left", [0, 900_000])
def test_a_rejected_code_is_refused_and_says_when_to_come_back(why: Rejection, left: int) -> None:
    rule = protected()
    expected = Refuse(Reason.CODE_INVALID, rule, left, why.value, CALLER)
    assert conclude(rule, CALLER, Rejected(why, left)) == expected


def test_a_banned_account_is_refused_until_the_ban_is_over() -> None:
    rule = protected()
    assert conclude(rule, CALLER, Banned(77)) == Refuse(Reason.BANNED, rule, 77, caller=CALLER)


@pytest.mark.parametrize(
    "receipt", [Redeemed(Factor.EMAIL), Rode(Factor.EMAIL, 1), Rode(Factor.TOTP, 60_000), Rode(Factor.TOTP, -1)]
)
def test_a_receipt_that_does_not_satisfy_the_rule_opens_nothing(receipt: Receipt) -> None:
    rule = protected(factors=frozenset({Factor.TOTP}), grace_ms=60_000)
    verdict = conclude(rule, CALLER, receipt)
    assert isinstance(verdict, Refuse)
    assert verdict.reason is Reason.CODE_INVALID


# --- The store is away; the rule is in shadow -------------------------------------------------


def test_without_the_store_a_protected_route_refuses_for_a_moment() -> None:
    rule = protected()
    assert without_store(rule, CALLER) == Refuse(Reason.STORE_UNAVAILABLE, rule, RETRY_MS, caller=CALLER)


def test_without_the_store_a_rule_may_say_otherwise_and_shows_no_proof() -> None:
    rule = protected(on_store_error=OnStoreError.ALLOW)
    assert without_store(rule, CALLER) == Pass(rule, CALLER)


def test_a_rule_in_shadow_lets_through_and_remembers_the_refusal() -> None:
    rule = protected(enforcement=Enforcement.SHADOW)
    refusal = Refuse(Reason.BANNED, rule, 5, "why", CALLER)
    said = refuse(rule, Reason.BANNED, caller=CALLER, retry_after_ms=5, detail="why")
    assert said == Pass(rule, CALLER, overruled=refusal)


def test_a_rule_in_shadow_still_shows_a_proof_that_satisfies_it() -> None:
    rule = protected(enforcement=Enforcement.SHADOW)
    proof = Proof(Factor.EMAIL, 1)
    assert weigh(rule, CALLER, standing(proof), code=None, terms=Terms()) == Pass(rule, CALLER, proof)


# --- Open routes whose good answers end something ---------------------------------------------

LOG_OUT: Final = protected(access=Access.OPEN, on_success=OnSuccess.REVOKE)


def test_whose_windows_an_open_route_ends_has_to_be_known() -> None:
    policy = Policy([LOG_OUT], default=Requirement(Access.OPEN))
    assert admit(policy, Call("POST", CanonicalPath(b"/log-out", ("log-out",)))) == Candidates(LOG_OUT)


@pytest.mark.parametrize("nobody", [Anonymous.NO_CREDENTIAL, Anonymous.BAD_CREDENTIAL])
def test_an_open_route_lets_those_through_who_are_nobody(nobody: Anonymous) -> None:
    verdict = appoint(Candidates(LOG_OUT), nobody)
    assert isinstance(verdict, Pass)
    assert verdict.on_success is OnSuccess.NONE


@pytest.mark.parametrize("somebody", [Anonymous.UNDECIDED, Anonymous.TWO_CREDENTIALS])
def test_an_open_route_refuses_somebody_whose_windows_it_could_not_end(somebody: Anonymous) -> None:
    assert isinstance(appoint(Candidates(LOG_OUT), somebody), Refuse)
    assert isinstance(appoint(Candidates(protected(access=Access.OPEN)), somebody), Pass)


def test_a_good_answer_to_a_known_caller_does_what_the_rule_says() -> None:
    verdict = appoint(Candidates(LOG_OUT), CALLER)
    assert isinstance(verdict, Pass)
    assert verdict.on_success is OnSuccess.REVOKE


@given(st.integers(-5, 2_000), st.integers(0, 2_000))
def test_a_proof_known_for_a_while_is_judged_by_its_age_now(age_ms: int, ago_ms: int) -> None:
    requirement = protected(grace_ms=1_000).requirement
    aged = satisfying_proof(requirement, Factor, [Proof(Factor.EMAIL, age_ms)], ago_ms=ago_ms)
    is_good = age_ms >= 0 and age_ms + ago_ms < 1_000
    assert aged == (Proof(Factor.EMAIL, age_ms + ago_ms) if is_good else None)


def test_what_the_store_said_a_while_ago_passes_with_an_older_proof() -> None:
    verdict = weigh(protected(), CALLER, standing(Proof(Factor.EMAIL, 10)), code=None, terms=Terms(), ago_ms=5)
    assert verdict == Pass(protected(), CALLER, Proof(Factor.EMAIL, 15))
