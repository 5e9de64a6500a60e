import json
from dataclasses import asdict

import pytest

from mfa_gateway.core.account import Factor, FactorState
from mfa_gateway.core.fault import StoreUnavailable
from mfa_gateway.core.proof import Banned, Budget, Purpose, Redeemed, Rejected, Rejection
from mfa_gateway.state import AccountFacts, AccountRecord, BudgetFacts, Store
from tests.state.world import ADA, ADDRESS, BOB, MINUTE_MS, Guest, World

SECRET = b"a secret that is long enough"
RECORD = AccountRecord(ADDRESS, email_verified=True, phone="+491701234567", phone_verified=False, locale="de")


async def test_an_account_that_nobody_put_on_record_has_none(store: Store) -> None:
    assert await store.record(ADA) is None


async def test_a_record_comes_back_as_it_was_put(store: Store) -> None:
    await store.put_record(ADA, RECORD)
    assert await store.record(ADA) == RECORD
    assert await store.record(BOB) is None


async def test_a_record_replaces_the_one_before(store: Store) -> None:
    await store.put_record(ADA, RECORD)
    await store.put_record(ADA, AccountRecord("new@example.test"))
    assert await store.record(ADA) == AccountRecord("new@example.test")


async def test_an_account_on_record_is_recorded_and_has_no_factors_yet(ada: Guest) -> None:
    assert not (await ada.standing()).recorded
    await ada.store.put_record(ADA, RECORD)
    standing = await ada.standing()
    assert standing.recorded
    assert standing.factors == {}


async def test_enrolling_puts_an_account_on_record_without_a_record(ada: Guest) -> None:
    await ada.pend()
    assert not (await ada.standing()).recorded
    await ada.issue("123456", purpose=Purpose.ACTIVATE)
    await ada.activate("123456")
    assert (await ada.standing()).recorded
    assert await ada.store.record(ADA) is None


async def test_a_record_alone_voids_nothing(ada: Guest) -> None:
    await ada.enrol()
    await ada.issue("123456")
    await ada.present("123456")
    await ada.store.put_record(ADA, RECORD)
    assert len((await ada.standing()).proofs) == 1


async def test_a_factor_that_an_operator_vouches_for_is_active_at_once(ada: Guest) -> None:
    await ada.store.put_record(ADA, RECORD, factors={Factor.EMAIL: ADDRESS, Factor.TOTP: SECRET})
    standing = await ada.standing()
    assert standing.active() == (Factor.EMAIL, Factor.TOTP)
    assert standing.epoch == 1
    assert ada.store.pinned_address(ADA, Factor.EMAIL, standing) == ADDRESS
    assert ada.store.pinned_address(ADA, Factor.TOTP, standing) is None


async def test_a_factor_that_an_operator_changes_voids_windows_and_codes(ada: Guest) -> None:
    await ada.enrol()
    await ada.issue("111111")
    await ada.present("111111")
    await ada.issue("222222")
    await ada.enrol(Factor.EMAIL, "new@example.test")
    standing = await ada.standing()
    assert standing.proofs == ()
    assert ada.store.pinned_address(ADA, Factor.EMAIL, standing) == "new@example.test"
    assert await ada.present("222222") == Rejected(Rejection.SPENT)


@pytest.mark.parametrize(("factor", "value"), [(Factor.EMAIL, b"bytes"), (Factor.SMS, b"bytes"), (Factor.TOTP, "text")])
async def test_a_factor_takes_what_belongs_to_it(store: Store, factor: Factor, value: str | bytes) -> None:
    with pytest.raises(TypeError, match=factor.value):
        await store.put_record(ADA, RECORD, factors={factor: value})
    assert await store.record(ADA) is None


async def test_a_record_cannot_be_moved_to_another_account(store: Store, world: World) -> None:
    await store.put_record(ADA, RECORD)
    await store.put_record(BOB, AccountRecord())
    ada, bob = (store._foundation.names_now().keys.of(account).account for account in (ADA, BOB))
    await world.ask("HSET", bob, "record", await world.ask("HGET", ada, "record"))
    with pytest.raises(StoreUnavailable, match="a record cannot be read"):
        await store.record(BOB)


async def test_a_sealed_address_cannot_be_moved_to_another_account(ada: Guest, world: World) -> None:
    await ada.enrol()
    bob = ada.again(account=BOB)
    await bob.enrol(value="bob@example.test")
    keys = [ada.store._foundation.names_now().keys.of(account).account for account in (ADA, BOB)]
    await world.ask("HSET", keys[1], "email:sealed", await world.ask("HGET", keys[0], "email:sealed"))
    with pytest.raises(StoreUnavailable, match="email factor cannot be read"):
        ada.store.pinned_address(BOB, Factor.EMAIL, await bob.standing())


async def test_resetting_removes_factors_and_keeps_the_record(ada: Guest, world: World) -> None:
    await ada.store.put_record(ADA, RECORD, factors={Factor.EMAIL: ADDRESS, Factor.TOTP: SECRET})
    await ada.issue("111111")
    await ada.present("111111")
    await ada.issue("222222")
    await ada.store.reset(ADA)
    standing = await ada.standing()
    assert standing.factors == {}
    assert standing.sealed == {}
    assert standing.proofs == ()
    assert standing.recorded
    assert await ada.store.record(ADA) == RECORD
    assert await world.ask("KEYS", "*:code:*") == []


async def test_disabling_voids_everything_and_enabling_brings_nothing_back(ada: Guest) -> None:
    await ada.enrol()
    await ada.issue("111111")
    await ada.present("111111")
    await ada.issue("222222")
    await ada.store.disable(ADA)
    assert (await ada.standing()).disabled
    await ada.store.enable(ADA)
    standing = await ada.standing()
    assert not standing.disabled
    assert standing.proofs == ()
    assert standing.active() == (Factor.EMAIL,)
    assert await ada.present("222222") == Rejected(Rejection.SPENT)


async def test_unlocking_ends_the_ban_and_gives_the_attempts_back(ada: Guest) -> None:
    await ada.enrol()
    for _ in range(5):
        await ada.present("999999")
    assert isinstance(await ada.present("999999"), Banned)
    assert await ada.store.unlock(ADA) == 1
    await ada.issue("123456")
    assert await ada.present("123456") == Redeemed(Factor.EMAIL)


async def test_unlocking_an_account_that_is_not_banned_gives_its_attempts_back(ada: Guest) -> None:
    await ada.enrol()
    for _ in range(4):
        await ada.present("999999")
    assert await ada.store.unlock(ADA) == 0
    assert await ada.present("999999") == Rejected(Rejection.WRONG)


async def test_unlocking_ends_the_doubling(ada: Guest) -> None:
    await ada.enrol()
    for _ in range(5):
        await ada.present("999999")
    await ada.store.unlock(ADA)
    receipts = [await ada.present("999999") for _ in range(5)]
    assert receipts[-1] == Rejected(Rejection.WRONG, ada.regulation.ban_time_ms)


async def test_a_ban_that_an_operator_ended_still_stops_a_guessed_deactivation(ada: Guest, world: World) -> None:
    await ada.enrol()
    await ada.issue("123456")
    await ada.present("123456", session="")
    await world.pass_time(1000)
    for _ in range(5):
        await ada.present("999999", session="")
    await ada.store.unlock(ADA)
    assert await ada.deactivate("123456") == Rejected(Rejection.SPENT)


async def test_what_is_shown_of_an_account_nobody_knows(store: Store) -> None:
    nothing = AccountFacts(
        recorded=False,
        has_record=False,
        disabled=False,
        epoch=0,
        factors={},
        budgets=dict.fromkeys(Budget, BudgetFacts(0, 0, 0)),
    )
    assert await store.show(ADA) == nothing


async def test_what_is_shown_tells_states_attempts_and_bans(ada: Guest, world: World) -> None:
    await ada.store.put_record(ADA, RECORD, factors={Factor.EMAIL: ADDRESS})
    await ada.pend(Factor.SMS, "+491701234567")
    for _ in range(3):
        await ada.present("999999")
    shown = await ada.store.show(ADA)
    assert shown.recorded
    assert shown.has_record
    assert shown.epoch == 1
    assert shown.factors == {Factor.EMAIL: FactorState.ACTIVE, Factor.SMS: FactorState.PENDING}
    assert shown.budgets == {Budget.FIRST_FACTOR: BudgetFacts(0, 0, 0), Budget.STEP_UP: BudgetFacts(3, 0, 0)}
    for _ in range(2):
        await ada.present("999999")
    await world.pass_time(MINUTE_MS)
    banned = (await ada.store.show(ADA)).budgets[Budget.STEP_UP]
    assert (banned.attempts, banned.bans) == (0, 1)
    assert 13 * MINUTE_MS < banned.ban_left_ms <= 14 * MINUTE_MS


def test_addresses_are_not_in_a_repr() -> None:
    assert "example" not in repr(RECORD)
    assert "+49" not in repr(RECORD)


def test_a_record_survives_its_own_form() -> None:
    assert AccountRecord(**json.loads(json.dumps(asdict(RECORD)))) == RECORD
