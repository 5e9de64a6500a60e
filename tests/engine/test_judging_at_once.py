"""What can be told at once: passes from what is remembered here, and nothing else."""

from collections.abc import Awaitable
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from mfa_gateway.core.account import Factor, Proof, Standing
from mfa_gateway.core.call import Call
from mfa_gateway.core.policy import Access, Enforcement, OnSuccess, Require
from mfa_gateway.core.presence import Presence
from mfa_gateway.core.proof import Scope
from mfa_gateway.core.verdict import Pass, Reason, Refuse, Verdict
from tests.engine.fakes import ANNA, ENROLLED, GOOD_CODE, BearerNames, Lines, MemoryStore, call, policy, rule

if TYPE_CHECKING:
    from tests.engine.conftest import MakeJudge

IN_GRACE = replace(ENROLLED, proofs=(Proof(Factor.EMAIL, age_ms=1_000),))


@pytest.fixture(autouse=True)
def _token_was_verified_before(identity: BearerNames) -> None:
    identity.remembers = True


def remember(store: MemoryStore, standing: Standing, scope: Scope = Scope.SESSION) -> None:
    store.near[ANNA.account, scope, ANNA.session] = standing


async def told(verdict: Verdict | Awaitable[Verdict]) -> Verdict:
    """A verdict that has to be awaited."""
    assert not isinstance(verdict, Pass | Refuse)
    return await verdict


def test_a_window_that_is_remembered_passes_without_a_trip(
    make_judge: "MakeJudge", store: MemoryStore, identity: BearerNames
) -> None:
    remember(store, IN_GRACE)
    verdict = make_judge().begin(call())
    assert isinstance(verdict, Pass)
    assert (verdict.caller, verdict.shown, verdict.epoch) == (ANNA, Proof(Factor.EMAIL, 1_000), IN_GRACE.epoch)
    assert (store.trips, identity.asked) == ([], 0)


def test_an_account_without_a_factor_passes_where_none_is_needed(make_judge: "MakeJudge", store: MemoryStore) -> None:
    remember(store, replace(ENROLLED, factors={}))
    verdict = make_judge(policy(rule(require=Require.IF_ENROLLED))).begin(call())
    assert isinstance(verdict, Pass)
    assert verdict.shown is None


async def test_a_window_that_is_not_remembered_is_asked_for(make_judge: "MakeJudge", store: MemoryStore) -> None:
    store.standing = IN_GRACE
    assert isinstance(await told(make_judge().begin(call())), Pass)
    assert store.trips == ["recall"]


async def test_a_refusal_is_never_told_from_what_is_remembered(make_judge: "MakeJudge", store: MemoryStore) -> None:
    remember(store, ENROLLED)
    store.standing = IN_GRACE
    assert isinstance(await told(make_judge().begin(call())), Pass)
    assert store.trips == ["recall"]


async def test_a_presented_code_is_redeemed_whatever_is_remembered(make_judge: "MakeJudge", store: MemoryStore) -> None:
    remember(store, IN_GRACE)
    verdict = await told(make_judge().begin(call(code="000000")))
    assert isinstance(verdict, Refuse)
    assert verdict.reason is Reason.CODE_INVALID
    assert isinstance(await told(make_judge().begin(call(code=GOOD_CODE))), Pass)


async def test_a_window_of_another_scope_opens_nothing(make_judge: "MakeJudge", store: MemoryStore) -> None:
    remember(store, IN_GRACE, Scope.ACCOUNT)
    assert isinstance(await told(make_judge().begin(call())), Refuse)


async def test_a_window_that_is_too_old_for_the_rule_opens_nothing(make_judge: "MakeJudge", store: MemoryStore) -> None:
    remember(store, IN_GRACE)
    assert isinstance(await told(make_judge(policy(rule(grace_ms=1_000))).begin(call())), Refuse)


async def test_a_disabled_account_is_refused_whatever_it_proved(make_judge: "MakeJudge", store: MemoryStore) -> None:
    remember(store, replace(IN_GRACE, disabled=True))
    store.standing = replace(IN_GRACE, disabled=True)
    assert isinstance(await told(make_judge().begin(call())), Refuse)


async def test_a_token_that_was_not_verified_before_is_verified(
    make_judge: "MakeJudge", store: MemoryStore, identity: BearerNames
) -> None:
    identity.remembers = False
    remember(store, IN_GRACE)
    verdict = await told(make_judge().begin(call(bearer="forged")))
    assert isinstance(verdict, Refuse)
    assert identity.asked == 1


async def test_a_credential_in_the_query_is_refused_inside_a_window(
    make_judge: "MakeJudge", store: MemoryStore
) -> None:
    remember(store, IN_GRACE)
    made: Call = replace(call(), query=b"access_token=x")
    verdict = await told(make_judge().begin(made))
    assert isinstance(verdict, Refuse)
    assert verdict.reason is Reason.CREDENTIAL_IN_QUERY


async def test_a_page_of_a_stranger_is_refused_inside_a_window(make_judge: "MakeJudge", store: MemoryStore) -> None:
    remember(store, IN_GRACE)
    verdict = await told(make_judge().begin(replace(call(), foreign_page="https://evil.test")))
    assert isinstance(verdict, Refuse)


async def test_who_may_have_left_the_directory_is_looked_up_every_time(
    make_judge: "MakeJudge", store: MemoryStore
) -> None:
    class Register:
        async def presence(self, _: object) -> Presence:
            return Presence.DISABLED

    remember(store, IN_GRACE)
    verdict = await told(make_judge(register=Register()).begin(call()))
    assert isinstance(verdict, Refuse)


async def test_a_shadow_rule_says_what_the_store_says(make_judge: "MakeJudge", store: MemoryStore) -> None:
    remember(store, ENROLLED)
    store.standing = IN_GRACE
    verdict = await told(make_judge(policy(rule(enforcement=Enforcement.SHADOW))).begin(call()))
    assert isinstance(verdict, Pass)
    assert verdict.overruled is None


async def test_an_open_route_that_ends_windows_asks_the_store(make_judge: "MakeJudge", store: MemoryStore) -> None:
    remember(store, IN_GRACE)
    verdict = await told(make_judge(policy(rule(Access.OPEN, on_success=OnSuccess.REVOKE))).begin(call()))
    assert isinstance(verdict, Pass)
    assert store.trips == ["recall"]


def test_it_is_written_down_like_any_other(make_judge: "MakeJudge", store: MemoryStore, lines: Lines) -> None:
    remember(store, IN_GRACE)
    make_judge().begin(call())
    assert lines.only["event"] == "passed"
