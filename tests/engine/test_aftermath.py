"""The aftermath: what a rule says of good answers is done to the caller, or the answer is refused."""

import pytest

from mfa_gateway.core.gate import RETRY_MS
from mfa_gateway.core.policy import Access, OnStoreError, OnSuccess
from mfa_gateway.core.proof import Scope
from mfa_gateway.core.verdict import Pass, Reason, Refuse
from mfa_gateway.engine.aftermath import Aftermath
from tests.engine.conftest import MakeJudge
from tests.engine.fakes import ANNA, ENROLLED, BearerNames, Lines, MemoryStore, call, policy, rule


@pytest.fixture
def aftermath(store: MemoryStore, lines: Lines) -> Aftermath:
    return Aftermath(store=store, journal=lines.journal)


async def test_a_rule_that_says_nothing_does_nothing(aftermath: Aftermath, store: MemoryStore) -> None:
    assert await aftermath.follow(call(), Pass(rule(), ANNA)) is None
    assert store.trips == []


async def test_a_revocation_is_the_accounts(aftermath: Aftermath, store: MemoryStore, lines: Lines) -> None:
    assert await aftermath.follow(call(), Pass(rule(on_success=OnSuccess.REVOKE), ANNA)) is None
    assert (store.trips, store.asked) == (["revoke"], [(ANNA.account,)])
    assert (lines.only["event"], lines.only["on_success"], lines.only["audit"]) == ("ended on success", "revoke", True)


@pytest.mark.parametrize("scope", Scope)
async def test_a_window_is_closed_in_the_scope_of_the_rule(
    aftermath: Aftermath, store: MemoryStore, scope: Scope
) -> None:
    closing = rule(on_success=OnSuccess.CLOSE_WINDOW, scope=scope)
    assert await aftermath.follow(call(), Pass(closing, ANNA)) is None
    assert (store.trips, store.asked) == (["close_window"], [(ANNA.account, scope, ANNA.session)])


async def test_nobody_has_nothing_that_could_end(aftermath: Aftermath, store: MemoryStore) -> None:
    assert await aftermath.follow(call(), Pass(rule(Access.OPEN, on_success=OnSuccess.REVOKE))) is None
    assert store.trips == []


@pytest.mark.parametrize(("on_success", "trip"), [(OnSuccess.REVOKE, "revoke"), (OnSuccess.CLOSE_WINDOW,) * 2])
async def test_what_cannot_be_done_refuses_the_answer_and_is_told_loudly(
    aftermath: Aftermath, store: MemoryStore, lines: Lines, on_success: OnSuccess, trip: str
) -> None:
    store.down = {trip}
    ending = rule(on_success=on_success)
    refusal = await aftermath.follow(call(), Pass(ending, ANNA))
    assert refusal == Refuse(Reason.STORE_UNAVAILABLE, ending, RETRY_MS, caller=ANNA)
    assert [(line["log_level"], line.get("audit", False)) for line in lines.all] == [("error", False), ("error", True)]


# --- Before the application is asked ----------------------------------------------------------

LOG_OUT = policy(rule(Access.OPEN, on_success=OnSuccess.REVOKE))


async def test_a_call_to_an_open_route_that_ends_something_is_its_callers(
    make_judge: MakeJudge, store: MemoryStore
) -> None:
    verdict = await make_judge(LOG_OUT).judge(call())
    assert isinstance(verdict, Pass)
    assert (verdict.caller, verdict.epoch, store.trips) == (ANNA, ENROLLED.epoch, ["recall"])


async def test_nobody_passes_there_without_a_trip(make_judge: MakeJudge, store: MemoryStore) -> None:
    assert isinstance(await make_judge(LOG_OUT).judge(call(bearer=None)), Pass)
    assert store.trips == []


async def test_an_open_route_that_ends_nothing_asks_nobody(
    make_judge: MakeJudge, store: MemoryStore, identity: BearerNames
) -> None:
    assert isinstance(await make_judge(policy(rule(Access.OPEN))).judge(call()), Pass)
    assert (store.trips, identity.asked) == ([], 0)


async def test_what_could_not_be_ended_is_refused_before_the_application_acts(
    make_judge: MakeJudge, store: MemoryStore
) -> None:
    store.down = {"recall"}
    verdict = await make_judge(LOG_OUT).judge(call())
    assert isinstance(verdict, Refuse)
    assert verdict.reason is Reason.STORE_UNAVAILABLE


async def test_a_rule_that_allows_everything_without_a_store_allows_that_too(
    make_judge: MakeJudge, store: MemoryStore
) -> None:
    store.down = {"recall"}
    allowing = rule(Access.OPEN, on_success=OnSuccess.REVOKE, on_store_error=OnStoreError.ALLOW)
    assert isinstance(await make_judge(policy(allowing)).judge(call()), Pass)
