"""Devices that answer by themselves: their tokens, kept like codes; and races with exact counts, on a real server."""

import asyncio

import pytest

from mfa_gateway.core.account import MOST_ENROLMENTS, Factor, FactorState
from mfa_gateway.core.ceremony import Change
from mfa_gateway.core.proof import Purpose, Redeemed, Scope
from mfa_gateway.core.push import Summons, new_token
from mfa_gateway.state import Store
from mfa_gateway.state.redemption import RECENT
from tests.state.world import SPENT, STALE, WRONG, Guest, ServerWorld, World, tally

DEVICE = "android:token-of-her-telephone"
TABLET = "ios:token-of-her-tablet"
ONE, OTHER = Summons("a.b.c", "one"), Summons("a.b.c", "other")
LIFE_MS = 120_000


def token(number: int = 0, purpose: Purpose = Purpose.GATE) -> str:
    return new_token(purpose, number.to_bytes(32, "big"))


async def opt_in(guest: Guest, address: str = DEVICE) -> None:
    """Have a device, as its first answer makes it one."""
    first = ONE.kept(token(purpose=Purpose.ACTIVATE))
    assert await guest.pend(Factor.PUSH, address) is Change.MADE
    await guest.issue(first, factor=Factor.PUSH, purpose=Purpose.ACTIVATE, life_ms=LIFE_MS)
    assert await guest.activate(first, Factor.PUSH) == Redeemed(Factor.PUSH)


async def summon(guest: Guest, number: int = 0, summons: Summons = ONE) -> str:
    """What a token is kept as that was sent now."""
    kept = summons.kept(token(number))
    assert await guest.issue(kept, factor=Factor.PUSH, life_ms=LIFE_MS) is Change.MADE
    return kept


async def test_a_device_is_pending_until_its_first_answer(ada: Guest) -> None:
    await ada.pend(Factor.PUSH, DEVICE)
    assert (await ada.standing()).state(Factor.PUSH) is FactorState.PENDING
    await opt_in(ada)
    assert (await ada.standing()).state(Factor.PUSH) is FactorState.ACTIVE


async def test_a_device_is_listed_by_its_name_and_how_it_is_reached_nobody_sees(store: Store, ada: Guest) -> None:
    epoch = (await ada.standing()).epoch
    await store.enrol(ada.account, factor=Factor.PUSH, address=DEVICE, epoch=epoch, name="Example android 15")
    (awaited,) = (await store.inventory(ada.account)).awaited
    assert (awaited.enrolment.name, awaited.enrolment.address) == ("Example android 15", None)
    await opt_in(ada)
    (device,) = (await store.inventory(ada.account)).enrolments
    assert (device.factor, device.address) == (Factor.PUSH, None)
    pinned = store.pinned_address(ada.account, Factor.PUSH, await ada.standing(), enrolment=device.id)
    assert pinned == DEVICE


async def test_a_dump_of_the_store_shows_no_device_and_no_token(world: World, ada: Guest) -> None:
    await opt_in(ada)
    kept = await summon(ada)
    for key in await world.ask("KEYS", "*"):
        for name in (b"token-of-her-telephone", kept.encode(), token().encode()):
            assert name not in key
            kind = await world.ask("TYPE", key)
            if kind == b"string":
                assert name not in await world.ask("GET", key)
            elif kind == b"hash":
                assert all(name not in value for value in await world.ask("HVALS", key))


async def test_a_token_answers_one_assertion_once(ada: Guest) -> None:
    await opt_in(ada)
    kept = await summon(ada)
    assert await ada.present(OTHER.kept(token()), factors=(Factor.PUSH,), ride=None) == WRONG
    assert await ada.present(kept, factors=(Factor.PUSH,), ride=None) == Redeemed(Factor.PUSH)
    assert await ada.present(kept, factors=(Factor.PUSH,), ride=None) == SPENT


async def test_a_token_is_over_after_two_minutes(world: World, ada: Guest) -> None:
    await opt_in(ada)
    kept = await summon(ada)
    await world.pass_time(LIFE_MS)
    assert await ada.present(kept, factors=(Factor.PUSH,), ride=None) == SPENT


async def test_a_second_token_makes_the_first_one_worthless(ada: Guest) -> None:
    await opt_in(ada)
    first, second = await summon(ada, 1), await summon(ada, 2)
    assert await ada.present(first, factors=(Factor.PUSH,), ride=None) == SPENT
    assert await ada.present(second, factors=(Factor.PUSH,), ride=None) == Redeemed(Factor.PUSH)


async def test_a_token_to_verify_makes_no_device_and_one_to_opt_in_verifies_nothing(ada: Guest) -> None:
    await opt_in(ada)
    kept = await summon(ada)
    await ada.pend(Factor.PUSH, TABLET)
    assert await ada.activate(kept, Factor.PUSH) == SPENT
    first = ONE.kept(token(7, Purpose.ACTIVATE))
    await ada.issue(first, factor=Factor.PUSH, purpose=Purpose.ACTIVATE)
    assert await ada.present(first, factors=(Factor.PUSH,), ride=None) == SPENT
    assert await ada.activate(first, Factor.PUSH) == Redeemed(Factor.PUSH)


async def test_a_token_for_another_device_than_the_one_that_waits_is_void(ada: Guest) -> None:
    first = ONE.kept(token(purpose=Purpose.ACTIVATE))
    await ada.pend(Factor.PUSH, DEVICE)
    await ada.issue(first, factor=Factor.PUSH, purpose=Purpose.ACTIVATE)
    await ada.pend(Factor.PUSH, TABLET)
    assert await ada.activate(first, Factor.PUSH) == SPENT


async def test_an_account_has_five_devices_at_most_and_none_twice(ada: Guest) -> None:
    for number in range(MOST_ENROLMENTS):
        await opt_in(ada, f"android:device-number-{number}")
    assert await ada.pend(Factor.PUSH, "android:one-too-many") is Change.FULL
    assert await ada.pend(Factor.PUSH, "android:device-number-3") is Change.KNOWN


async def test_a_device_is_a_factor_that_backup_codes_can_stand_in_for(store: Store, ada: Guest) -> None:
    codes = ("ABCDEFGHIJ", "KLMNOPQRST")
    assert await store.hand_out_backup(ada.account, codes) is Change.STALE
    await opt_in(ada)
    assert await store.hand_out_backup(ada.account, codes) is Change.MADE
    assert (await store.inventory(ada.account)).backup_left == 2
    standing = await ada.standing()
    change = await store.withdraw(ada.account, Factor.PUSH, epoch=standing.epoch, session="")
    assert change is Change.MADE
    standing = await ada.standing()
    assert (standing.active(), (await store.inventory(ada.account)).backup_left) == ((), None)


async def test_a_change_of_the_account_voids_what_was_asked_before(store: Store, ada: Guest) -> None:
    await opt_in(ada)
    kept, standing = await summon(ada), await ada.standing()
    await store.reset(ada.account)
    asked = ada.redemption(kept, standing, factors=(Factor.PUSH,), ride=None)
    assert await store.redeem(asked, standing) == STALE
    assert (await ada.standing()).active() == ()


async def test_nobody_gives_an_account_a_device(store: Store, ada: Guest) -> None:
    with pytest.raises(TypeError, match="opts in by itself"):
        await store.attach(ada.account, Factor.PUSH, DEVICE)


# --- Races ------------------------------------------------------------------------------------


@pytest.fixture
async def workers(valkey_world: ServerWorld) -> list[Guest]:
    """The same account, which has a device, at two workers."""
    guests = [Guest(await valkey_world.store(), scope=Scope.SESSION) for _ in range(2)]
    await opt_in(guests[0])
    return guests


@pytest.mark.processes
async def test_of_200_that_answer_with_one_token_exactly_one_does(workers: list[Guest]) -> None:
    kept = await summon(workers[0])
    answers = await tally(
        [workers[number % 2].present(kept, factors=(Factor.PUSH,), ride=None) for number in range(200)]
    )
    assert answers == {"Redeemed": 1, "spent": 199}


@pytest.mark.processes
async def test_of_300_wrong_tokens_exactly_five_are_compared_and_the_right_one_waits(workers: list[Guest]) -> None:
    kept = await summon(workers[0])
    strangers = [worker.again(session=f"stranger-{at}") for at, worker in enumerate(workers)]
    guesses = [
        strangers[number % 2].present(ONE.kept(token(number)), factors=(Factor.PUSH,), ride=None)
        for number in range(1, 301)
    ]
    assert await tally(guesses) == {"wrong": 4, "wrong, and banned": 1, "Banned": 295}
    # Whoever proved a factor before has attempts of their own.
    assert await workers[0].present(kept, factors=(Factor.PUSH,), ride=None) == Redeemed(Factor.PUSH)


@pytest.mark.processes
async def test_of_100_first_answers_exactly_one_makes_a_device_and_one_epoch(workers: list[Guest]) -> None:
    await workers[0].pend(Factor.PUSH, TABLET)
    before = (await workers[0].standing()).epoch
    first = ONE.kept(token(9, Purpose.ACTIVATE))
    await workers[0].issue(first, factor=Factor.PUSH, purpose=Purpose.ACTIVATE)
    answers = await tally([workers[number % 2].activate(first, Factor.PUSH) for number in range(100)])
    assert (answers["Redeemed"], answers["stale"]) == (1, 99)
    assert (await workers[0].standing()).epoch == before + 1


@pytest.mark.processes
async def test_of_50_that_are_asked_at_a_time_one_message_goes_out_and_one_token_lives(workers: list[Guest]) -> None:
    store, account = workers[0].store, workers[0].account
    rights = await asyncio.gather(
        *(
            worker.store.reserve(account, factor=Factor.PUSH, purpose=Purpose.GATE, quiet_ms=30_000)
            for worker in workers * 25
        )
    )
    assert rights.count(0) == 1
    assert await store.reserve(account, factor=Factor.PUSH, purpose=Purpose.ACTIVATE, quiet_ms=30_000) == 0
    kept = await asyncio.gather(*(summon(workers[number % 2], number) for number in range(RECENT)))
    answers = [await workers[0].present(one, factors=(Factor.PUSH,), ride=None) for one in kept]
    assert (answers.count(Redeemed(Factor.PUSH)), answers.count(SPENT)) == (1, RECENT - 1)
