"""The judge: how often it asks, whom, in which order, and what it makes of silence."""

from dataclasses import replace
from itertools import product
from typing import TYPE_CHECKING

import pytest

from mfa_gateway.core.account import AccountId, Anonymous, Caller, Factor, Proof, Standing
from mfa_gateway.core.credential import CarrierAction, OtherCredentials
from mfa_gateway.core.fault import IdentityUnavailable
from mfa_gateway.core.gate import RETRY_MS, KnownBy, Terms
from mfa_gateway.core.policy import Access, Enforcement, OnStoreError
from mfa_gateway.core.proof import Banned, Rode, Scope
from mfa_gateway.core.verdict import Pass, Reason, Refuse
from tests.engine.fakes import ANNA, ENROLLED, GOOD_CODE, BearerNames, Lines, MemoryStore, call, policy, rule

if TYPE_CHECKING:
    from tests.engine.conftest import MakeJudge

IN_GRACE = replace(ENROLLED, proofs=(Proof(Factor.EMAIL, age_ms=1_000),))


# --- Trips to the store -----------------------------------------------------------------------


async def test_an_open_route_asks_neither_the_store_nor_for_a_name(
    make_judge: "MakeJudge", store: MemoryStore, identity: BearerNames
) -> None:
    assert isinstance(await make_judge().judge(call("/public")), Pass)
    assert (store.trips, identity.asked) == ([], 0)


async def test_what_was_admitted_once_is_admitted_alike_again_by_method_host_and_path(make_judge: "MakeJudge") -> None:
    rules = policy(
        replace(rule(Access.DENY, "/a"), methods=frozenset({"POST"})),
        replace(rule(Access.MFA, "/a"), methods=frozenset({"GET"}), hosts=frozenset({"one.test"})),
    )
    calls = [
        call(path, method=method, host=host)
        for path, method, host in product(("/a", "/b"), ("GET", "POST", "TRACE"), ("one.test", "two.test"))
    ]
    fresh = [await make_judge(rules).judge(one) for one in calls]
    judge = make_judge(rules)
    for _ in range(2):
        assert [await judge.judge(one) for one in calls] == fresh


async def test_what_is_remembered_of_paths_has_an_end(make_judge: "MakeJudge") -> None:
    judge = make_judge()
    for number in range(4_100):
        await judge.judge(call(f"/public/{number}"))
    await judge.judge(call("/public/" + "long" * 100))
    assert 0 < len(judge._admissions) <= 4_096


async def test_a_call_in_grace_makes_one_trip(make_judge: "MakeJudge", store: MemoryStore) -> None:
    store.standing = IN_GRACE
    verdict = await make_judge().judge(call())
    assert isinstance(verdict, Pass)
    assert verdict.shown == Proof(Factor.EMAIL, 1_000)
    assert store.trips == ["recall"]


async def test_a_call_without_a_code_makes_one_trip_and_is_refused(make_judge: "MakeJudge", store: MemoryStore) -> None:
    verdict = await make_judge().judge(call())
    assert isinstance(verdict, Refuse)
    assert verdict.reason is Reason.CODE_MISSING
    assert store.trips == ["recall"]


async def test_a_presented_code_makes_two_trips(make_judge: "MakeJudge", store: MemoryStore) -> None:
    verdict = await make_judge().judge(call(code=GOOD_CODE))
    assert isinstance(verdict, Pass)
    assert verdict.shown == Proof(Factor.EMAIL, 0)
    assert store.trips == ["recall", "redeem"]


async def test_a_wrong_code_is_redeemed_and_refused_inside_an_open_window_too(
    make_judge: "MakeJudge", store: MemoryStore
) -> None:
    store.standing = IN_GRACE
    verdict = await make_judge().judge(call(code="000000"))
    assert isinstance(verdict, Refuse)
    assert verdict.reason is Reason.CODE_INVALID
    assert store.trips == ["recall", "redeem"]


async def test_a_denied_route_and_a_stranger_make_no_trip(make_judge: "MakeJudge", store: MemoryStore) -> None:
    judge = make_judge(policy(rule(), rule(Access.DENY, "/closed")))
    assert isinstance(await judge.judge(call("/closed")), Refuse)
    assert isinstance(await judge.judge(call(bearer=None)), Refuse)
    assert isinstance(await judge.judge(call(bearer="forged")), Refuse)
    assert store.trips == []


@pytest.mark.parametrize("method", ["TRACE", "CONNECT"])
async def test_what_is_never_a_request_to_an_api_asks_nobody(
    make_judge: "MakeJudge", store: MemoryStore, identity: BearerNames, method: str
) -> None:
    verdict = await make_judge().judge(call("/public", method=method))
    assert verdict == Refuse(Reason.METHOD_NOT_ALLOWED)
    assert (store.trips, identity.asked) == ([], 0)


async def test_the_store_is_asked_for_this_account_in_the_scope_of_the_rule(
    make_judge: "MakeJudge", store: MemoryStore
) -> None:
    await make_judge(policy(rule(scope=Scope.ACCOUNT))).judge(call(code=GOOD_CODE))
    (recalled, redeemed) = store.asked
    assert recalled == (ANNA.account, Scope.ACCOUNT, ANNA.session)
    assert (redeemed[0].account, redeemed[0].scope, redeemed[0].epoch) == (ANNA.account, Scope.ACCOUNT, 3)
    assert redeemed[1] is store.standing


# --- Who is calling ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("bearer", "reason"), [(None, Reason.TOKEN_MISSING), ("forged", Reason.TOKEN_INVALID)], ids=["none", "bad"]
)
async def test_a_caller_without_a_good_token_is_refused(
    make_judge: "MakeJudge", bearer: str | None, reason: Reason
) -> None:
    verdict = await make_judge().judge(call(bearer=bearer))
    assert isinstance(verdict, Refuse)
    assert verdict.reason is reason


async def test_an_undecided_identity_refuses_for_now(
    make_judge: "MakeJudge", store: MemoryStore, identity: BearerNames
) -> None:
    identity.fault = IdentityUnavailable("no key set")
    verdict = await make_judge().judge(call(code=GOOD_CODE))
    assert isinstance(verdict, Refuse)
    assert (verdict.reason, verdict.retry_after_ms) == (Reason.IDENTITY_UNAVAILABLE, RETRY_MS)
    assert store.trips == []


async def test_who_cannot_be_told_is_undecided_for_ceremonies_too(
    make_judge: "MakeJudge", identity: BearerNames, lines: Lines
) -> None:
    identity.fault = IdentityUnavailable("no key set")
    assert await make_judge().identify(call()) is Anonymous.UNDECIDED
    assert (lines.only["event"], lines.only["fault"]) == ("fault", "IdentityUnavailable")


async def test_the_rule_of_the_callers_realm_decides(
    make_judge: "MakeJudge", store: MemoryStore, identity: BearerNames
) -> None:
    staff = Caller(AccountId("staff", "eve"), session="s", token="t")
    identity.callers = {"A": ANNA, "E": staff}
    shop_only = rule(Access.OPEN, "/protected/**", realms=frozenset({"staff"}))
    judge = make_judge(policy(rule(), shop_only))
    assert isinstance(await judge.judge(call(bearer="E")), Pass)
    assert store.trips == []
    assert isinstance(await judge.judge(call(bearer="A")), Refuse)
    assert store.trips == ["recall"]


async def test_naming_no_realm_is_no_way_around_a_realms_rule(make_judge: "MakeJudge") -> None:
    judge = make_judge(policy(rule(Access.MFA, "/protected", realms=frozenset({"shop"}))))
    for bearer in (None, "forged"):
        assert isinstance(await judge.judge(call(bearer=bearer)), Refuse)


async def test_an_account_has_to_be_on_record_where_records_are_kept(
    make_judge: "MakeJudge", store: MemoryStore
) -> None:
    store.standing = Standing(factors=ENROLLED.factors)
    verdict = await make_judge(terms=Terms(known_by=KnownBy.RECORD)).judge(call(code=GOOD_CODE))
    assert isinstance(verdict, Refuse)
    assert verdict.reason is Reason.ACCOUNT_UNKNOWN
    assert store.trips == ["recall"]


# --- Other credentials ------------------------------------------------------------------------


@pytest.mark.parametrize("query", [b"access_token=x", b"a=1&api_key=x", b"a;ACCESS_TOKEN=x", b"access%5Ftoken=x"])
async def test_a_credential_in_the_query_is_refused_before_anything_is_redeemed(
    make_judge: "MakeJudge", store: MemoryStore, query: bytes
) -> None:
    verdict = await make_judge().judge(call(code=GOOD_CODE, query=query))
    assert isinstance(verdict, Refuse)
    assert verdict.reason is Reason.CREDENTIAL_IN_QUERY
    assert store.trips == []


async def test_a_credential_in_the_query_of_an_open_route_is_the_applications_business(make_judge: "MakeJudge") -> None:
    assert isinstance(await make_judge().judge(call("/public", query=b"access_token=x")), Pass)


async def test_another_credential_in_a_header_is_refused_where_that_is_wished(
    make_judge: "MakeJudge", store: MemoryStore
) -> None:
    judge = make_judge(others=OtherCredentials(on_header=CarrierAction.REFUSE))
    verdict = await judge.judge(call(code=GOOD_CODE, headers=((b"x_api_key", b"secret"),)))
    assert isinstance(verdict, Refuse)
    assert (verdict.detail, store.trips) == ("header x-api-key", [])


# --- The store away ---------------------------------------------------------------------------


@pytest.mark.parametrize("at", ["recall", "redeem"])
async def test_a_protected_route_is_refused_while_the_store_is_away(
    make_judge: "MakeJudge", store: MemoryStore, at: str
) -> None:
    store.down = {at}
    verdict = await make_judge().judge(call(code=GOOD_CODE))
    assert isinstance(verdict, Refuse)
    assert (verdict.reason, verdict.retry_after_ms) == (Reason.STORE_UNAVAILABLE, RETRY_MS)
    assert store.trips[-1] == at


@pytest.mark.parametrize("at", ["recall", "redeem"])
async def test_a_rule_may_let_through_while_the_store_is_away(
    make_judge: "MakeJudge", store: MemoryStore, lines: Lines, at: str
) -> None:
    store.down = {at}
    verdict = await make_judge(policy(rule(on_store_error=OnStoreError.ALLOW))).judge(call(code=GOOD_CODE))
    assert isinstance(verdict, Pass)
    assert verdict.shown is None
    assert [line["event"] for line in lines.all] == ["fault", "passed"]


async def test_an_open_route_goes_on_while_the_store_is_away(make_judge: "MakeJudge", store: MemoryStore) -> None:
    store.down = {"recall", "redeem"}
    assert isinstance(await make_judge().judge(call("/public")), Pass)


async def test_a_store_that_is_away_does_not_help_a_stranger(make_judge: "MakeJudge", store: MemoryStore) -> None:
    store.down = {"recall"}
    judge = make_judge(policy(rule(on_store_error=OnStoreError.ALLOW)))
    assert isinstance(await judge.judge(call(bearer=None)), Refuse)


# --- Shadow -----------------------------------------------------------------------------------


async def test_a_shadow_rule_decides_and_lets_through(
    make_judge: "MakeJudge", store: MemoryStore, lines: Lines
) -> None:
    verdict = await make_judge(policy(rule(enforcement=Enforcement.SHADOW))).judge(call())
    assert isinstance(verdict, Pass)
    assert verdict.overruled is not None
    assert verdict.overruled.reason is Reason.CODE_MISSING
    assert store.trips == ["recall"]
    assert (lines.only["event"], lines.only["reason"]) == ("would refuse", "code_missing")


async def test_a_shadow_rule_still_redeems_a_code_once(make_judge: "MakeJudge", store: MemoryStore) -> None:
    verdict = await make_judge(policy(rule(enforcement=Enforcement.SHADOW))).judge(call(code=GOOD_CODE))
    assert isinstance(verdict, Pass)
    assert verdict.shown == Proof(Factor.EMAIL, 0)
    assert store.trips == ["recall", "redeem"]


async def test_a_shadow_rule_lets_through_while_the_store_is_away(make_judge: "MakeJudge", store: MemoryStore) -> None:
    store.down = {"recall"}
    verdict = await make_judge(policy(rule(enforcement=Enforcement.SHADOW))).judge(call())
    assert isinstance(verdict, Pass)
    assert verdict.overruled is not None
    assert verdict.overruled.reason is Reason.STORE_UNAVAILABLE


# --- What became of a code --------------------------------------------------------------------


async def test_a_ban_says_when_to_come_back(make_judge: "MakeJudge", store: MemoryStore) -> None:
    store.receipts = {"000000": Banned(left_ms=90_000)}
    verdict = await make_judge().judge(call(code="000000"))
    assert isinstance(verdict, Refuse)
    assert (verdict.reason, verdict.retry_after_ms) == (Reason.BANNED, 90_000)


async def test_a_receipt_older_than_the_rules_grace_opens_nothing(make_judge: "MakeJudge", store: MemoryStore) -> None:
    store.receipts = {GOOD_CODE: Rode(Factor.EMAIL, age_ms=60_000)}
    judge = make_judge(policy(rule(grace_ms=60_000)))
    assert isinstance(await judge.judge(call(code=GOOD_CODE)), Refuse)


async def test_an_error_of_our_own_lets_nobody_through(make_judge: "MakeJudge", store: MemoryStore) -> None:
    store.receipts = {GOOD_CODE: "nonsense"}  # type: ignore[dict-item]
    # Compiled code looks at types where they enter, and interpreted code where they are told apart.
    with pytest.raises((AssertionError, TypeError)):
        await make_judge().judge(call(code=GOOD_CODE))
