"""The alarm: which codes it hears of, and that it costs nothing where nothing is watched."""

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from mfa_gateway.core.account import Factor, FactorState, Standing
from mfa_gateway.core.ceremony import Action, Command, Done
from mfa_gateway.core.gate import Terms
from mfa_gateway.core.phone import PhoneNumber
from mfa_gateway.core.proof import Banned, Purpose, Receipt, Redeemed, Rejected, Rejection, Rode
from mfa_gateway.core.quota import Conversion, Stop
from mfa_gateway.core.verdict import Pass
from mfa_gateway.engine.alarm import NO_ALARM, Alarm, Watched
from mfa_gateway.engine.clerk import Clerk
from mfa_gateway.engine.dispatch import Dispatcher, DispatchTerms
from tests.engine.fakes import ANNA, ENROLLED, GOOD_CODE, Atlas, Lines, MemoryStore, OneAddress, Outbox, call

if TYPE_CHECKING:
    from tests.engine.conftest import MakeJudge

NUMBER = PhoneNumber("+491701234567", "DE")
CONVERSION = Conversion(window_ms=3_600_000, least_sent=50, least_rate=0.2, stop_ms=1_800_000)
BY_SMS = replace(ENROLLED, factors={Factor.SMS: FactorState.ACTIVE, Factor.EMAIL: FactorState.ACTIVE})


@pytest.fixture
def atlas() -> Atlas:
    return Atlas()


@pytest.fixture
def alarm(atlas: Atlas) -> Alarm:
    return Alarm(Watched(atlas, CONVERSION))


async def test_where_nothing_is_watched_nobody_is_asked() -> None:
    assert await NO_ALARM.stopped_ms(NUMBER) == 0
    assert await NO_ALARM.expect(ANNA.account, NUMBER, purpose=Purpose.GATE, life_ms=1) is None
    await NO_ALARM.was_not_sent(ANNA.account, Purpose.GATE)


async def test_codes_are_counted_for_the_country_of_their_number(alarm: Alarm, atlas: Atlas) -> None:
    atlas.stopped_for_ms, atlas.stop = 7, Stop(1_800_000, sent=50, redeemed=3)
    assert await alarm.stopped_ms(NUMBER) == 7
    assert await alarm.expect(ANNA.account, NUMBER, purpose=Purpose.GATE, life_ms=600_000) == atlas.stop
    await alarm.was_not_sent(ANNA.account, Purpose.ACTIVATE)
    assert atlas.asked == [
        ("DE", CONVERSION),
        (ANNA.account, Purpose.GATE, "DE", CONVERSION, 600_000),
        (ANNA.account, Purpose.ACTIVATE),
    ]


# --- At the gate ------------------------------------------------------------------------------


async def test_a_code_by_sms_that_opens_the_gate_is_heard_of(
    make_judge: "MakeJudge", store: MemoryStore, alarm: Alarm, atlas: Atlas
) -> None:
    store.standing, store.receipts = BY_SMS, {GOOD_CODE: Redeemed(Factor.SMS)}
    assert isinstance(await make_judge(alarm=alarm).judge(call(code=GOOD_CODE)), Pass)
    assert (atlas.events, atlas.asked) == (["redeemed"], [(ANNA.account, Purpose.GATE)])


@pytest.mark.parametrize(
    "receipt",
    [
        Redeemed(Factor.EMAIL),
        Redeemed(Factor.TOTP),
        Rode(Factor.SMS, 1_000),
        Rejected(Rejection.WRONG),
        Rejected(Rejection.SPENT),
        Banned(1_000),
    ],
    ids=str,
)
async def test_nothing_else_counts_as_a_code_that_came_back(
    make_judge: "MakeJudge", store: MemoryStore, alarm: Alarm, atlas: Atlas, receipt: Receipt
) -> None:
    store.standing, store.receipts = BY_SMS, {GOOD_CODE: receipt}
    await make_judge(alarm=alarm).judge(call(code=GOOD_CODE))
    assert atlas.events == []


async def test_a_right_code_opens_the_gate_though_it_cannot_be_counted(
    make_judge: "MakeJudge", store: MemoryStore, alarm: Alarm, atlas: Atlas
) -> None:
    store.standing, store.receipts, atlas.down = BY_SMS, {GOOD_CODE: Redeemed(Factor.SMS)}, True
    assert isinstance(await make_judge(alarm=alarm).judge(call(code=GOOD_CODE)), Pass)
    assert atlas.events == ["redeemed"]


# --- In a ceremony ----------------------------------------------------------------------------


async def test_a_code_by_sms_that_activates_is_heard_of(
    store: MemoryStore, lines: Lines, alarm: Alarm, atlas: Atlas
) -> None:
    store.standing = Standing(recorded=True, epoch=7, factors={Factor.SMS: FactorState.PENDING})
    store.receipts = {GOOD_CODE: Redeemed(Factor.SMS)}
    dispatcher = Dispatcher(terms=DispatchTerms(), draw=str, store=store, sender=Outbox(), journal=lines.journal)
    clerk = Clerk(
        terms=Terms(), store=store, directory=OneAddress(), dispatcher=dispatcher, journal=lines.journal, alarm=alarm
    )
    outcome = await clerk.carry_out(Command(Action.VERIFY, ANNA, factor_name="sms", code=GOOD_CODE), call())
    assert outcome == Done()
    assert (atlas.events, atlas.asked) == (["redeemed"], [(ANNA.account, Purpose.ACTIVATE)])
