"""Preflight: what it says is what the gate then does. Once as a property over everything there is, then by cases."""

from collections.abc import Callable
from dataclasses import replace
from itertools import product
from typing import Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mfa_gateway.core import foresight
from mfa_gateway.core.account import AccountId, Caller, Enrolment, Factor, FactorState, Proof, Standing
from mfa_gateway.core.call import Call, CanonicalPath, OddPath, canonical_path
from mfa_gateway.core.ceremony import (
    Action,
    Answer,
    AskPresence,
    Command,
    Consult,
    Failed,
    Foresee,
    Foretold,
    Need,
    perform,
)
from mfa_gateway.core.foresight import Asks, Chart, Clear, Closed, Ease, Foresight, Prospect, Way, Wish
from mfa_gateway.core.gate import KnownBy, Terms, admit, appoint, conclude, refuse, weigh
from mfa_gateway.core.pattern import Pattern, read_pattern
from mfa_gateway.core.policy import (
    Access,
    Candidates,
    Enforcement,
    OnSuccess,
    Policy,
    Require,
    Requirement,
    Rule,
    conflicts,
)
from mfa_gateway.core.presence import Presence, absence
from mfa_gateway.core.proof import Banned, CodeShapes, Redeemed, Redemption, Scope, is_short
from mfa_gateway.core.routing import OddTargets, Route, Routes
from mfa_gateway.core.verdict import Pass, Reason, Refuse, Verdict

ADA: Final = Caller(AccountId("shop", "ada"), session="s1", token="t1")
ASKING: Final = Call("POST", CanonicalPath(b"/mfa/preflight", ("mfa", "preflight")), host="shop.test")
NOW: Final = 1_763_769_600_000
HALF_HOUR: Final = 1_800_000
SAMPLES: Final = {Factor.EMAIL: "123456", Factor.SMS: "123456", Factor.TOTP: "654321", Factor.BACKUP: "ABCDEFGHIJ"}


def pattern(text: str) -> Pattern:
    read = read_pattern(text)
    assert isinstance(read, Pattern)
    return read


def enrolled(*factors: Factor) -> tuple[Enrolment, ...]:
    return tuple(Enrolment(factor, f"id-of-{factor.value}") for factor in factors if factor is not Factor.BACKUP)


def prospect(*proofs: Proof, active: tuple[Factor, ...] = (Factor.EMAIL,), ban_ms: int = 0, short: int = 0) -> Prospect:
    standing = Standing(
        recorded=True, epoch=1, factors=dict.fromkeys(active, FactorState.ACTIVE), proofs=proofs, now_ms=NOW
    )
    return Prospect(standing, enrolled(*active), ban_ms, short)


def foretold(
    chart: Chart,
    wish: Wish,
    known: Prospect,
    *,
    terms: Terms | None = None,
    presence: Presence = Presence.KNOWN,
    caller: Caller = ADA,
    needs: list[Need] | None = None,
) -> Foresight:
    """Play the ceremony with the answers that a clerk would give."""
    outcome: object = None
    ceremony = perform(Command(Action.PREFLIGHT, caller, scope=Scope.SESSION, wish=wish), terms or Terms())
    answer: Answer = None
    while True:
        try:
            need = ceremony.send(answer)
        except StopIteration as end:
            outcome = end.value
            break
        if needs is not None:
            needs.append(need)
        match need:
            case Consult(wish=asked):
                answer = chart.consult(asked, ASKING)
            case AskPresence():
                answer = presence
            case Foresee():
                answer = known
            case _:
                raise AssertionError(f"a preflight needs no {need}")
    assert isinstance(outcome, Foretold)
    return outcome.foresight


# --- The property -----------------------------------------------------------------------------


def call_of(wish: Wish) -> Call | None:
    """The call as a door would read it, or None for one that is refused there."""
    path = canonical_path(wish.path.encode())
    if not isinstance(path, CanonicalPath):
        return None
    return Call(wish.method, path, host=ASKING.host if wish.host is None else wish.host)


def judged(
    policy: Policy, call: Call, known: Prospect, *, code: str | None, terms: Terms, presence: Presence
) -> Verdict | tuple[Rule, Redemption]:
    """The way of the judge, up to where a code has to be redeemed."""
    admission = admit(policy, call)
    appointed = appoint(admission, ADA) if isinstance(admission, Candidates) else admission
    if not isinstance(appointed, tuple):
        return appointed
    rule, caller = appointed
    if (reason := absence(presence)) is not None:
        return refuse(rule, reason, caller=caller)
    step = weigh(rule, caller, known.standing, code=code, terms=terms)
    return (rule, step) if isinstance(step, Redemption) else step


def wait_for(factor: Factor, known: Prospect, terms: Terms) -> int:
    """What the store's script makes of a right code of a factor: 0 where it is compared."""
    strict = factor in (Factor.EMAIL, Factor.SMS) and is_short("0" * terms.shapes.sent)
    return max(known.ban_left_ms, known.short_left_ms if strict else 0)


paths = st.sampled_from(["/a", "/a/b", "/a/b/c", "/open", "/a/", "/a//b", "/a/../b", "/%61", "/\u00e9", "a"])
patterns = st.sampled_from(["/a", "/a/{x}", "/a/**", "/a/b", "/**", "/open"])
requirements = st.builds(
    Requirement,
    st.sampled_from([*Access, Access.MFA, Access.MFA]),
    require=st.sampled_from(Require),
    factors=st.sets(st.sampled_from(Factor), max_size=2).map(frozenset),
    grace_ms=st.sampled_from([0, 60_000, HALF_HOUR]),
    scope=st.sampled_from(Scope),
    enforcement=st.sampled_from([*Enforcement, Enforcement.ENFORCED, Enforcement.ENFORCED]),
    on_success=st.sampled_from([*OnSuccess, OnSuccess.NONE]),
)
rules = st.builds(
    lambda text, requirement, methods, hosts, realms: Rule(text, (pattern(text),), requirement, methods, hosts, realms),
    patterns,
    requirements,
    st.sampled_from([frozenset[str](), frozenset({"GET"}), frozenset({"PATCH", "POST"})]),
    st.sampled_from([frozenset[str](), frozenset[str](), frozenset({"shop.test"}), frozenset({"b.test"})]),
    st.sampled_from([frozenset[str](), frozenset({"shop"}), frozenset({"other"})]),
)
policies = st.builds(
    lambda found, default: Policy(found if not conflicts(found) else found[:1], default=default),
    st.lists(rules, max_size=3),
    requirements,
)
states = st.dictionaries(st.sampled_from(Factor), st.sampled_from([*FactorState, FactorState.ACTIVE]))
ages = st.sampled_from([-1, 0, 1, 59_999, 60_000, HALF_HOUR - 1, HALF_HOUR, 10**9])
standings = st.builds(
    Standing,
    recorded=st.booleans(),
    disabled=st.sampled_from([False, False, False, True]),
    epoch=st.integers(0, 2),
    factors=states,
    proofs=st.lists(st.builds(Proof, st.sampled_from(Factor), ages), max_size=3).map(tuple),
    now_ms=st.just(NOW),
)
prospects = st.builds(
    lambda standing, ban, short: Prospect(standing, enrolled(*standing.active()), ban, short),
    standings,
    st.sampled_from([0, 0, 1, 900_000]),
    st.sampled_from([0, 0, 3_600_000]),
)
wishes = st.builds(
    Wish, st.sampled_from(["GET", "HEAD", "PATCH", "TRACE"]), paths, st.sampled_from([None, "shop.test", "b.test"])
)
numbers = st.builds(
    Terms,
    factors=st.sampled_from([frozenset(Factor), frozenset({Factor.EMAIL, Factor.TOTP}), frozenset({Factor.SMS})]),
    known_by=st.sampled_from([KnownBy.TOKEN, KnownBy.TOKEN, KnownBy.RECORD]),
    shapes=st.sampled_from([CodeShapes(6), CodeShapes(6), CodeShapes(4)]),
)


# Five hundred policies, four accounts and five calls each: ten thousand in all.
@settings(deadline=None, max_examples=500, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
@given(
    policies,
    st.lists(prospects, min_size=4, max_size=4),
    st.lists(wishes, min_size=5, max_size=5),
    numbers,
    st.sampled_from([Presence.KNOWN, Presence.KNOWN, *Presence]),
)
def test_what_preflight_says_is_what_the_gate_then_does(
    policy: Policy, accounts: list[Prospect], calls: list[Wish], terms: Terms, presence: Presence
) -> None:
    for known, wish in product(accounts, calls):
        _says_what_is_done(policy, known, wish, terms=terms, presence=presence)


def _says_what_is_done(policy: Policy, known: Prospect, wish: Wish, *, terms: Terms, presence: Presence) -> None:
    said = foretold(Chart(policy), wish, known, terms=terms, presence=presence)
    call = call_of(wish)
    if call is None:
        assert said == Closed(Reason.AMBIGUOUS_REQUEST)
        return
    bare = judged(policy, call, known, code=None, terms=terms, presence=presence)
    match said:
        case Clear():
            _passes_as_said(said, bare)
        case Closed(reason=Reason.BANNED, retry_after_ms=left_ms):
            assert isinstance(bare, Refuse)
            assert bare.reason is Reason.CODE_MISSING
            waits = [wait_for(factor, known, terms) for factor in _redeemable(policy, call, known, terms, presence)]
            assert min(waits) == left_ms > 0
        case Closed(reason=reason, retry_after_ms=left_ms):
            assert isinstance(bare, Refuse)
            assert (bare.reason, bare.retry_after_ms) == (reason, left_ms)
            if reason is Reason.CODE_MISSING:
                assert _redeemable(policy, call, known, terms, presence) == set()
                assert Factor.PUSH in known.standing.active()
        case Asks(ways=ways):
            assert isinstance(bare, Refuse)
            assert bare.reason is Reason.CODE_MISSING
            usable = {way.factor: way.wait_ms for way in ways}
            assert any(wait == 0 for wait in usable.values())
            found = _redeemable(policy, call, known, terms, presence)
            assert usable == {factor: wait_for(factor, known, terms) for factor in found}


def _passes_as_said(said: Clear, bare: Verdict | tuple[Rule, Redemption]) -> None:
    assert isinstance(bare, Pass)
    assert (said.overruled is None) == (bare.overruled is None)
    if bare.overruled is not None:
        assert (said.ease, said.overruled) == (Ease.NOT_ENFORCED, bare.overruled.reason)
        return
    assert said.proof == bare.shown
    assert (said.ease is Ease.PROOF) == (bare.shown is not None)
    if bare.shown is not None:
        assert said.left_ms == bare.rule.requirement.grace_ms - bare.shown.age_ms > 0
        assert said.until_ms == NOW + said.left_ms


def _redeemable(policy: Policy, call: Call, known: Prospect, terms: Terms, presence: Presence) -> set[Factor]:
    """The factors of which a right code lets the call pass, as the gate's own answer to it tells."""
    found = set()
    for factor, sample in SAMPLES.items():
        is_sent = factor in (Factor.EMAIL, Factor.SMS)
        code = "1" * terms.shapes.sent if is_sent else sample
        step = judged(policy, call, known, code=code, terms=terms, presence=presence)
        assert not isinstance(step, Pass)
        if isinstance(step, tuple) and factor in step[1].factors:
            assert isinstance(conclude(step[0], ADA, Redeemed(factor)), Pass)
            assert isinstance(conclude(step[0], ADA, Banned(1)), Refuse)
            found.add(factor)
    return found


# --- Cases ------------------------------------------------------------------------------------


def chart(is_ours: Callable[[Call], bool] | None = None, **asks: object) -> Chart:
    requirement = replace(Requirement(Access.MFA), **asks)  # type: ignore[arg-type]  # fields of a requirement
    policy = Policy([Rule("r", (pattern("/a/**"),), requirement)], default=Requirement(Access.OPEN))
    return Chart(policy) if is_ours is None else Chart(policy, is_ours=is_ours)


A: Final = Wish("GET", "/a")
MFA: Final = Candidates(Rule("r", (), Requirement(Access.MFA)))


def test_an_open_route_passes_and_asks_nobody() -> None:
    needs: list[Need] = []
    wish = Wish("GET", "/open")
    assert foretold(chart(), wish, prospect(), needs=needs) == Clear(Ease.OPEN)
    assert needs == [Consult(wish)]


def test_a_window_has_its_proof_and_its_end() -> None:
    proof = Proof(Factor.EMAIL, 600_000)
    left = HALF_HOUR - 600_000
    assert foretold(chart(), A, prospect(proof)) == Clear(Ease.PROOF, Scope.SESSION, proof, left, NOW + left)


def test_a_code_is_asked_of_every_address_that_counts() -> None:
    active = (Factor.EMAIL, Factor.TOTP, Factor.BACKUP)
    said = foretold(chart(), A, prospect(active=active))
    mail, app = enrolled(*active)
    assert isinstance(said, Asks)
    assert said.ways == (Way(Factor.EMAIL, mail), Way(Factor.TOTP, app), Way(Factor.BACKUP))
    only = foretold(chart(factors=frozenset({Factor.TOTP})), A, prospect(active=active))
    assert isinstance(only, Asks)
    assert only.ways == (Way(Factor.TOTP, app),)


def test_a_device_that_answers_by_itself_is_no_way_to_bring_a_code() -> None:
    assert foretold(chart(), A, prospect(active=(Factor.PUSH,))) == Closed(Reason.CODE_MISSING)
    said = foretold(chart(), A, prospect(active=(Factor.PUSH, Factor.TOTP)))
    assert isinstance(said, Asks)
    assert [way.factor for way in said.ways] == [Factor.TOTP]


def test_an_account_without_a_factor_is_told_which_would_help() -> None:
    wanted = frozenset({Factor.TOTP, Factor.SMS, Factor.BACKUP})
    terms = Terms(factors=frozenset({Factor.EMAIL, Factor.TOTP, Factor.BACKUP}))
    said = foretold(chart(factors=wanted), A, prospect(active=()), terms=terms)
    assert said == Closed(Reason.NOT_ENROLLED, helpful=(Factor.TOTP,))
    assert foretold(chart(require=Require.IF_ENROLLED), A, prospect(active=())) == Clear(Ease.NOT_ENROLLED)


def test_a_ban_closes_what_no_window_opens() -> None:
    assert foretold(chart(), A, prospect(ban_ms=900_000)) == Closed(Reason.BANNED, 900_000)
    proof = Proof(Factor.EMAIL, 0)
    assert isinstance(foretold(chart(), A, prospect(proof, ban_ms=900_000)), Clear)


def test_a_ban_of_short_codes_leaves_the_authenticator() -> None:
    known, short = prospect(active=(Factor.EMAIL, Factor.TOTP), short=3_600_000), Terms(shapes=CodeShapes(4))
    said = foretold(chart(), A, known, terms=short)
    assert isinstance(said, Asks)
    assert [way.wait_ms for way in said.ways] == [3_600_000, 0]
    mail_alone = prospect(short=3_600_000)
    assert foretold(chart(), A, mail_alone, terms=short) == Closed(Reason.BANNED, 3_600_000)
    assert isinstance(foretold(chart(), A, mail_alone), Asks)


def test_whoever_has_left_is_refused_and_the_store_is_not_asked() -> None:
    needs: list[Need] = []
    said = foretold(chart(), A, prospect(), presence=Presence.DISABLED, needs=needs)
    assert said == Closed(Reason.ACCOUNT_DISABLED)
    assert needs == [Consult(A), AskPresence()]


def test_a_rule_that_is_tried_out_tells_what_it_would_say() -> None:
    said = foretold(chart(enforcement=Enforcement.SHADOW), A, prospect())
    assert said == Clear(Ease.NOT_ENFORCED, Scope.SESSION, overruled=Reason.CODE_MISSING)


def test_what_ends_windows_on_an_open_route_needs_the_store() -> None:
    needs: list[Need] = []
    said = foretold(chart(access=Access.OPEN, on_success=OnSuccess.REVOKE), A, prospect(), needs=needs)
    assert said == Clear(Ease.OPEN)
    assert Foresee(Scope.SESSION) in needs


def test_denied_misdirected_and_forbidden_methods_are_refused() -> None:
    assert foretold(chart(access=Access.DENY), A, prospect()) == Closed(Reason.DENIED)
    assert foretold(chart(), Wish("TRACE", "/a"), prospect()) == Closed(Reason.METHOD_NOT_ALLOWED)
    hosts = Chart(Policy((), default=Requirement(Access.OPEN), hosts=frozenset({"b.test"})))
    assert foretold(hosts, A, prospect()) == Closed(Reason.MISDIRECTED)
    assert foretold(hosts, Wish("GET", "/a", "b.test"), prospect()) == Clear(Ease.OPEN)


def test_what_the_gateway_answers_itself_falls_under_no_rule() -> None:
    assert foretold(chart(lambda call: call.path.segments == ("a",)), A, prospect()) == Clear(Ease.OURS)  # type: ignore[union-attr]  # of plain paths


def test_an_odd_path_is_read_as_its_upstream_takes_it() -> None:
    odd = Wish("GET", "/open//a")
    policy = chart().policy
    assert foretold(Chart(policy), odd, prospect()) == Closed(Reason.AMBIGUOUS_REQUEST)
    strictest = Routes([Route("all", odd_targets=OddTargets.STRICTEST)])
    assert foretold(Chart(policy, strictest), odd, prospect()) == Clear(Ease.OPEN)
    theirs = Chart(policy, strictest, lambda call: isinstance(call.path, OddPath))
    assert foretold(theirs, odd, prospect()) == Clear(Ease.OURS)


def test_a_gate_that_wants_to_redeem_no_code_is_our_own_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    redemption = weigh(MFA.other, ADA, prospect().standing, code="123456", terms=Terms())
    assert isinstance(redemption, Redemption)
    monkeypatch.setattr(foresight, "weigh", lambda *_, **__: redemption)
    with pytest.raises(TypeError, match="without a code"):
        foretold(chart(), A, prospect())


def test_a_call_that_is_not_named_cannot_be_foretold() -> None:
    ceremony = perform(Command(Action.PREFLIGHT, ADA), Terms())
    with pytest.raises(StopIteration) as ended:
        next(ceremony)
    assert isinstance(ended.value.value, Failed)


@pytest.mark.parametrize(
    ("need", "answers"), [("Consult", ()), ("AskPresence", (MFA,)), ("Foresee", (MFA, Presence.KNOWN))]
)
def test_a_wrong_answer_is_our_own_fault(need: str, answers: tuple[Answer, ...]) -> None:
    ceremony = perform(Command(Action.PREFLIGHT, ADA, wish=A), Terms())
    next(ceremony)
    for answer in answers:
        ceremony.send(answer)
    with pytest.raises(TypeError, match=f"{need} was answered with a NoneType"):
        ceremony.send(None)
