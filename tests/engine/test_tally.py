"""The tally: what is counted under which labels, and that nothing of a stranger becomes one."""

import pytest

from mfa_gateway.core.account import Factor, Proof
from mfa_gateway.core.ceremony import (
    Action,
    Challenged,
    Delivery,
    Done,
    Failed,
    Limited,
    Listed,
    NotSent,
    Outcome,
    Sent,
    Windows,
)
from mfa_gateway.core.credential import OtherCredentials
from mfa_gateway.core.gate import Terms
from mfa_gateway.core.verdict import Pass, Reason, Refuse, Verdict
from mfa_gateway.engine.judge import Judge
from mfa_gateway.engine.tally import BOUNDS, Tally, added
from tests.engine.fakes import ANNA, BearerNames, Lines, MemoryStore, call, policy, rule

RULE = rule()
BAN = Refuse(Reason.CODE_INVALID, RULE, retry_after_ms=900_000, caller=ANNA)


def counted(tally: Tally) -> dict[tuple[str, ...], float]:
    """What was counted, without latencies."""
    return {key: number for key, number in tally.counts().items() if not key[0].startswith("judging")}


@pytest.mark.parametrize(
    ("verdict", "expected"),
    [
        (Pass(RULE, ANNA, Proof(Factor.EMAIL, 5)), {("verdicts", "mfa route", "pass", ""): 1}),
        (Refuse(Reason.BANNED, RULE, caller=ANNA), {("verdicts", "mfa route", "refuse", "banned"): 1}),
        (Refuse(Reason.METHOD_NOT_ALLOWED), {("verdicts", "", "refuse", "method_not_allowed"): 1}),
        (BAN, {("verdicts", "mfa route", "refuse", "code_invalid"): 1, ("bans", "call"): 1}),
        (
            Pass(RULE, ANNA, overruled=Refuse(Reason.CODE_MISSING, RULE, caller=ANNA)),
            {
                ("verdicts", "mfa route", "pass", ""): 1,
                ("shadow_refusals", "mfa route", "code_missing", "shop"): 1,
            },
        ),
        (
            Pass(RULE, overruled=Refuse(Reason.TOKEN_MISSING, RULE)),
            {("verdicts", "mfa route", "pass", ""): 1, ("shadow_refusals", "mfa route", "token_missing", ""): 1},
        ),
        (
            Pass(RULE, ANNA, overruled=BAN),
            {
                ("verdicts", "mfa route", "pass", ""): 1,
                ("shadow_refusals", "mfa route", "code_invalid", "shop"): 1,
                ("bans", "call"): 1,
            },
        ),
    ],
    ids=["pass", "refusal", "no rule", "ban", "shadow", "shadow without caller", "ban under shadow"],
)
def test_a_verdict_is_counted_by_rule_and_reason(verdict: Verdict, expected: dict[tuple[str, ...], float]) -> None:
    tally = Tally()
    tally.judged(verdict, 0.001)
    assert counted(tally) == expected


@pytest.mark.parametrize(
    ("outcome", "expected"),
    [
        (Done(), {("ceremonies", "verify", "done"): 1}),
        (Listed(()), {("ceremonies", "verify", "done"): 1}),
        (Windows(), {("ceremonies", "verify", "done"): 1}),
        (Challenged(Factor.SMS, "i"), {("ceremonies", "verify", "done"): 1}),
        (Failed(Reason.BANNED), {("ceremonies", "verify", "banned"): 1}),
        (
            Failed(Reason.CODE_INVALID, retry_after_ms=1),
            {("ceremonies", "verify", "code_invalid"): 1, ("bans", "ceremony"): 1},
        ),
    ],
)
def test_a_ceremony_is_counted_by_outcome(outcome: Outcome, expected: dict[tuple[str, ...], float]) -> None:
    tally = Tally()
    tally.performed(Action.VERIFY, outcome)
    assert counted(tally) == expected


@pytest.mark.parametrize(("delivery", "fate"), [(Sent(), "sent"), (NotSent(), "failed"), (Limited(1), "limited")])
def test_a_message_is_counted_by_factor_and_fate(delivery: Delivery, fate: str) -> None:
    tally = Tally()
    tally.dispatched(Factor.EMAIL, delivery)
    assert counted(tally) == {("sends", "email", fate): 1}


@pytest.mark.parametrize(
    ("seconds", "place"), [(0.0, 0), (BOUNDS[0], 0), (BOUNDS[0] * 1.01, 1), (BOUNDS[-1], len(BOUNDS) - 1), (9, 14)]
)
def test_a_latency_belongs_to_the_first_bound_that_it_does_not_exceed(seconds: float, place: int) -> None:
    tally = Tally()
    tally.judged(Pass(RULE), seconds)
    assert tally.counts()["judging_bucket", str(place)] == 1
    assert tally.counts()["judging_sum",] == seconds


def test_counts_of_several_workers_add_up() -> None:
    assert added([{("a", "x"): 1, ("b",): 0.5}, {("a", "x"): 2}, {}]) == {("a", "x"): 3, ("b",): 0.5}


def test_counts_are_a_copy() -> None:
    tally = Tally()
    before = tally.counts()
    tally.judged(Pass(RULE), 0.0)
    assert counted(tally) != before


async def test_the_judge_tells_how_long_a_verdict_took(store: MemoryStore, identity: BearerNames, lines: Lines) -> None:
    tally, same = Tally(), Tally()
    times = iter((10.0, 10.25))
    judge = Judge(
        policy=policy(),
        terms=Terms(),
        others=OtherCredentials(),
        identity=identity,
        store=store,
        journal=lines.journal,
        meter=tally,
        clock=lambda: next(times),
    )
    same.judged(await judge.judge(call("/open")), 0.25)
    assert tally.counts() == same.counts()
