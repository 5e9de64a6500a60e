"""The contract of the store, on every server: recall, enrol, reserve, issue, void, spend."""

import asyncio
from typing import Any

import pytest

from mfa_gateway.core.account import AccountId, Factor, FactorState, Standing
from mfa_gateway.core.ceremony import Change
from mfa_gateway.core.fault import StoreUnavailable
from mfa_gateway.core.proof import Purpose, Redeemed, Rejected, Rejection, Scope
from mfa_gateway.core.quota import Quota, QuotaKind, Window
from mfa_gateway.state import AccountRecord, Store
from mfa_gateway.state.redemption import receipt
from tests.state.world import ADA, ADDRESS, BOB, GRACE_MS, MINUTE_MS, Guest, World

# --- Recall -----------------------------------------------------------------------------------


async def test_nothing_is_known_of_an_account_that_never_came(ada: Guest) -> None:
    standing = await ada.standing()
    assert standing == Standing(now_ms=standing.now_ms)


async def test_the_clock_of_the_store_comes_with_every_recall(ada: Guest, world: World) -> None:
    before = (await ada.standing()).now_ms
    seconds, microseconds = await world.ask("TIME")
    assert before <= int(seconds) * 1000 + int(microseconds) // 1000
    assert before > 1_700_000_000_000


async def test_a_proof_is_recalled_with_its_age(ada: Guest, world: World) -> None:
    await ada.enrol()
    await ada.issue("123456")
    assert await ada.present("123456") == Redeemed(Factor.EMAIL)
    await world.pass_time(MINUTE_MS)
    (proof,) = (await ada.standing()).proofs
    assert proof.factor is Factor.EMAIL
    assert MINUTE_MS <= proof.age_ms < MINUTE_MS + 30_000


async def test_a_clock_set_back_shows_as_a_negative_age(ada: Guest, world: World) -> None:
    await ada.enrol()
    await ada.issue("123456")
    await ada.present("123456")
    await world.pass_time(-5 * MINUTE_MS)
    (proof,) = (await ada.standing()).proofs
    assert proof.age_ms < 0


async def test_a_proof_is_forgotten_when_no_rule_can_ask_for_it(ada: Guest, world: World) -> None:
    await ada.enrol()
    await ada.issue("123456")
    await ada.present("123456")
    await world.pass_time(GRACE_MS + 1000)
    assert (await ada.standing()).proofs == ()


async def test_a_shorter_keeping_does_not_shorten_another_proof(ada: Guest, world: World) -> None:
    await ada.enrol()
    await ada.enrol(Factor.SMS, "+491701234567")
    await ada.issue("123456")
    await ada.present("123456")
    await ada.issue("654321", factor=Factor.SMS)
    await ada.present("654321", keep_ms=1000)
    await world.pass_time(MINUTE_MS)
    assert {proof.factor for proof in (await ada.standing()).proofs} == {Factor.EMAIL, Factor.SMS}


async def test_a_newer_proof_replaces_only_that_of_its_own_factor(ada: Guest, world: World) -> None:
    await ada.enrol()
    await ada.enrol(Factor.SMS, "+491701234567")
    for factor, code in ((Factor.SMS, "111111"), (Factor.EMAIL, "222222"), (Factor.EMAIL, "333333")):
        await ada.issue(code, factor=factor)
        await ada.present(code)
        await world.pass_time(MINUTE_MS)
    ages = {proof.factor: proof.age_ms // MINUTE_MS for proof in (await ada.standing()).proofs}
    assert ages == {Factor.SMS: 3, Factor.EMAIL: 1}


async def test_the_proof_of_a_session_counts_for_that_session_alone(ada: Guest) -> None:
    await ada.enrol()
    here = ada.again(scope=Scope.SESSION)
    await here.issue("123456")
    await here.present("123456")
    assert len((await here.standing()).proofs) == 1
    assert (await here.again(session="session-2").standing()).proofs == ()
    assert (await ada.standing()).proofs == ()


async def test_the_proof_of_an_account_counts_for_that_account_alone(ada: Guest) -> None:
    await ada.enrol()
    await ada.issue("123456")
    await ada.present("123456")
    for other in (BOB, AccountId("other", "ada"), AccountId("shopa", "da"), AccountId("", "shopada")):
        assert (await ada.again(account=other).standing()).proofs == ()


async def test_all_workers_recall_the_same(ada: Guest, world: World) -> None:
    await ada.enrol()
    await ada.issue("123456")
    assert await ada.again(store=await world.store()).present("123456") == Redeemed(Factor.EMAIL)
    assert len((await ada.standing()).proofs) == 1


# --- Enrol ------------------------------------------------------------------------------------


async def test_an_enrolled_factor_is_pending_until_its_code_came(ada: Guest) -> None:
    assert await ada.pend() is Change.MADE
    standing = await ada.standing()
    assert standing.state(Factor.EMAIL) is FactorState.PENDING
    assert standing.active() == ()
    assert standing.epoch == 0


async def test_the_pinned_address_is_told_only_of_an_active_factor(ada: Guest) -> None:
    await ada.pend()
    assert ada.store.pinned_address(ADA, Factor.EMAIL, await ada.standing()) is None
    await ada.issue("123456", purpose=Purpose.ACTIVATE)
    await ada.activate("123456")
    standing = await ada.standing()
    assert ada.store.pinned_address(ADA, Factor.EMAIL, standing) == ADDRESS
    assert ada.store.pinned_address(ADA, Factor.SMS, standing) is None


async def test_a_pinned_address_is_not_readable_without_the_vault(ada: Guest) -> None:
    sealed = (await ada.enrol()).sealed[Factor.EMAIL]
    assert ADDRESS.encode() not in sealed
    assert b"example" not in sealed


async def test_an_active_address_is_not_enrolled_again(ada: Guest) -> None:
    await ada.enrol()
    assert await ada.pend(address=ADDRESS) is Change.KNOWN


async def test_a_pending_address_takes_nothing_from_the_active_one(ada: Guest) -> None:
    await ada.enrol()
    assert await ada.pend(address="mallory@example.test") is Change.MADE
    assert (await ada.standing()).state(Factor.EMAIL) is FactorState.ACTIVE
    assert ada.store.pinned_address(ADA, Factor.EMAIL, await ada.standing()) == ADDRESS


async def test_enrolling_in_an_old_epoch_is_stale(ada: Guest) -> None:
    assert await ada.store.enrol(ADA, factor=Factor.EMAIL, address=ADDRESS, epoch=1) is Change.STALE
    assert (await ada.standing()).factors == {}


async def test_a_disabled_account_enrols_nothing(ada: Guest) -> None:
    await ada.store.disable(ADA)
    assert await ada.pend() is Change.STALE


async def test_a_code_sent_to_one_address_does_not_activate_another(ada: Guest) -> None:
    await ada.pend(address="mallory@example.test")
    await ada.issue("123456", purpose=Purpose.ACTIVATE)
    await ada.pend(address=ADDRESS)
    assert await ada.activate("123456") == Rejected(Rejection.SPENT)
    assert (await ada.standing()).state(Factor.EMAIL) is FactorState.PENDING


async def test_enrolling_the_same_address_again_keeps_its_code(ada: Guest) -> None:
    await ada.pend()
    await ada.issue("123456", purpose=Purpose.ACTIVATE)
    await ada.pend()
    assert await ada.activate("123456") == Redeemed(Factor.EMAIL)


# --- Reserve ----------------------------------------------------------------------------------


async def reserve(store: Store, quiet_ms: int) -> int:
    return await store.reserve(ADA, factor=Factor.EMAIL, purpose=Purpose.GATE, quiet_ms=quiet_ms)


async def test_the_right_to_send_is_free_again_after_the_pause(store: Store, world: World) -> None:
    assert await reserve(store, 30_000) == 0
    assert 0 < await reserve(store, 30_000) <= 30_000
    await world.pass_time(31_000)
    assert await reserve(store, 30_000) == 0


async def test_a_refused_reservation_does_not_lengthen_the_pause(store: Store, world: World) -> None:
    await reserve(store, 30_000)
    await world.pass_time(20_000)
    assert await reserve(store, 30_000) <= 10_000


async def test_no_pause_means_that_the_right_is_always_free(store: Store) -> None:
    assert [await reserve(store, 0) for _ in range(3)] == [0, 0, 0]


async def test_factors_purposes_and_accounts_have_pauses_of_their_own(store: Store) -> None:
    pauses = [
        await store.reserve(account, factor=factor, purpose=purpose, quiet_ms=30_000)
        for account in (ADA, BOB)
        for factor in (Factor.EMAIL, Factor.SMS)
        for purpose in Purpose
    ]
    assert pauses == [0] * len(pauses)


async def test_of_parallel_reservations_exactly_one_is_taken(store: Store, world: World) -> None:
    stores = (store, await world.store())
    left = await asyncio.gather(*(reserve(stores[number % 2], 30_000) for number in range(100)))
    assert left.count(0) == 1


# --- Issue and void ---------------------------------------------------------------------------


async def test_issuing_in_an_old_epoch_is_stale_and_leaves_no_code(ada: Guest) -> None:
    await ada.enrol()
    assert await ada.issue("123456", epoch=0) is Change.STALE
    assert await ada.present("123456") == Rejected(Rejection.WRONG)


async def test_a_disabled_account_is_issued_nothing(ada: Guest) -> None:
    await ada.enrol()
    await ada.store.disable(ADA)
    assert await ada.issue("123456") is Change.STALE


async def test_a_void_code_is_spent(ada: Guest) -> None:
    await ada.enrol()
    await ada.issue("123456")
    await ada.store.void(ADA, factor=Factor.EMAIL, purpose=Purpose.GATE)
    assert await ada.present("123456") == Rejected(Rejection.SPENT)


async def test_voiding_leaves_the_codes_of_other_factors_and_purposes_alone(ada: Guest) -> None:
    await ada.enrol()
    await ada.issue("123456")
    for factor, purpose in ((Factor.SMS, Purpose.GATE), (Factor.EMAIL, Purpose.ACTIVATE)):
        await ada.store.void(ADA, factor=factor, purpose=purpose)
    assert await ada.present("123456") == Redeemed(Factor.EMAIL)


# --- Spend ------------------------------------------------------------------------------------


def quota(*windows: tuple[int, int], kind: QuotaKind = QuotaKind.DESTINATION, subject: str = ADDRESS) -> Quota:
    return Quota(kind, tuple(Window(requests, period_ms) for requests, period_ms in windows), (subject,))


async def test_a_quota_agrees_as_often_as_it_says_and_no_more(store: Store) -> None:
    asked = [await store.spend([quota((5, 3_600_000))]) for _ in range(7)]
    assert asked[:5] == [0] * 5
    assert all(3_500_000 < left <= 3_600_000 for left in asked[5:])


async def test_a_quota_slides(store: Store, world: World) -> None:
    limit = [quota((2, MINUTE_MS))]
    assert await store.spend(limit) == 0
    await world.pass_time(40_000)
    assert await store.spend(limit) == 0
    assert 0 < await store.spend(limit) <= 20_000
    await world.pass_time(20_000)
    assert await store.spend(limit) == 0
    assert 30_000 < await store.spend(limit) <= 40_000


async def test_every_window_of_a_quota_has_to_agree(store: Store, world: World) -> None:
    limit = [quota((1, MINUTE_MS), (2, 3_600_000))]
    assert await store.spend(limit) == 0
    assert 0 < await store.spend(limit) <= MINUTE_MS
    await world.pass_time(MINUTE_MS)
    assert await store.spend(limit) == 0
    await world.pass_time(MINUTE_MS)
    assert MINUTE_MS < await store.spend(limit) <= 3_600_000 - 2 * MINUTE_MS


async def test_a_refused_message_is_not_counted(store: Store, world: World) -> None:
    limit = [quota((1, MINUTE_MS))]
    await store.spend(limit)
    await world.pass_time(30_000)
    await store.spend(limit)
    await world.pass_time(30_000)
    assert await store.spend(limit) == 0


async def test_a_quota_of_nothing_never_agrees(store: Store) -> None:
    assert await store.spend([quota((0, MINUTE_MS))]) == MINUTE_MS


async def test_a_quota_without_windows_always_agrees(store: Store, world: World) -> None:
    assert await store.spend([quota()]) == 0
    assert await world.ask("KEYS", "*:quota") == []


async def test_a_clock_set_back_blocks_a_quota_no_longer_than_its_period(store: Store, world: World) -> None:
    limit = [quota((1, MINUTE_MS))]
    await store.spend(limit)
    await world.pass_time(-3_600_000)
    assert 0 < await store.spend(limit) <= MINUTE_MS


async def test_what_was_counted_before_a_refusal_stays_counted(store: Store) -> None:
    wide, narrow = quota((2, MINUTE_MS), kind=QuotaKind.TOTAL), quota((1, MINUTE_MS))
    assert await store.spend([wide, narrow]) == 0
    assert await store.spend([wide, narrow]) > 0
    assert await store.spend([wide]) > 0


async def test_a_quota_counts_for_its_own_subject_and_kind(store: Store) -> None:
    await store.spend([quota((1, MINUTE_MS))])
    assert await store.spend([quota((1, MINUTE_MS), subject="bob@example.test")]) == 0
    assert await store.spend([quota((1, MINUTE_MS), kind=QuotaKind.CLIENT)]) == 0


async def test_a_quota_keeps_no_more_than_it_needs(store: Store, world: World) -> None:
    for _ in range(5):
        await world.pass_time(40_000)
        assert await store.spend([quota((2, MINUTE_MS))]) == 0
    (key,) = await world.ask("KEYS", "*:quota")
    assert await world.ask("LLEN", key) == 2
    assert await world.ask("PTTL", key) > 0


async def test_of_parallel_messages_exactly_as_many_go_out_as_the_quota_says(store: Store, world: World) -> None:
    stores = (store, await world.store())
    left = await asyncio.gather(*(stores[number % 2].spend([quota((7, MINUTE_MS))]) for number in range(100)))
    assert left.count(0) == 7


# --- Odd names --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "subject",
    ["", "*", "ada}", "{ada}", "a:email", "ada\n", "ada\0", "\ud800", "]]\"'--", "ö" * 10_000],
    ids=["empty", "star", "brace", "tag", "colon", "newline", "nul", "surrogate", "lua", "long"],
)
async def test_any_subject_has_an_account_of_its_own(ada: Guest, world: World, subject: str) -> None:
    odd = ada.again(account=AccountId("shop", subject))
    await ada.enrol()
    await odd.store.put_record(odd.account, AccountRecord(), factors={Factor.EMAIL: "odd@example.test"})
    await odd.issue("123456")
    assert await ada.present("123456") == Rejected(Rejection.WRONG)
    assert await odd.present("123456") == Redeemed(Factor.EMAIL)
    assert all(b"\n" not in key and len(key) < 200 for key in await world.ask("KEYS", "*"))


# --- What is no answer ------------------------------------------------------------------------

NONSENSE = [b"OK", 1, [], None, [b"redeemed", b"email"], [1, [b"x"], []], [1, [None] * 12, [b"fax", 1]]]


@pytest.mark.parametrize("reply", NONSENSE, ids=repr)
async def test_a_reply_that_is_no_standing_is_a_store_that_is_away(
    store: Store, monkeypatch: pytest.MonkeyPatch, reply: object
) -> None:
    async def answered(*_: object) -> object:
        return reply

    monkeypatch.setattr(store._line, "ask", answered)
    with pytest.raises(StoreUnavailable, match="no standing"):
        await store.recall(ADA, scope=Scope.ACCOUNT, session="")


@pytest.mark.parametrize(
    "reply", [*NONSENSE[:4], [b"redeemed", b"fax"], [b"rode", b"fax", 1], [b"redeemed", 1]], ids=repr
)
def test_a_reply_that_is_no_receipt_is_a_store_that_is_away(reply: Any) -> None:
    with pytest.raises(StoreUnavailable, match="something unknown"):
        receipt(reply)
