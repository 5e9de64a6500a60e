"""The contract of attempts at what is compared elsewhere, on every server: counted before, settled after."""

import asyncio
from collections import Counter

import pytest

from mfa_gateway.core.proof import Banned, Budget, Regulation
from tests.state.world import ADA, BAN_MS, MINUTE_MS, WRONG, Guest, ServerWorld, World

RULES = Regulation()
FIRST = Budget.FIRST_FACTOR


async def attempt(guest: Guest) -> int:
    return await guest.store.attempt(ADA, budget=FIRST, regulation=RULES)


async def wrong(guest: Guest) -> int:
    """One wrong password; the ban that it brought."""
    assert await attempt(guest) == 0
    return await guest.store.was_wrong(ADA, budget=FIRST, regulation=RULES)


async def test_the_attempt_that_fills_the_window_brings_a_ban_and_the_next_one_a_longer(
    ada: Guest, world: World
) -> None:
    assert [await wrong(ada) for _ in range(5)] == [0, 0, 0, 0, BAN_MS]
    assert BAN_MS - MINUTE_MS < await attempt(ada) <= BAN_MS
    await world.pass_time(BAN_MS + 1000)
    assert [await wrong(ada) for _ in range(5)] == [0, 0, 0, 0, 2 * BAN_MS]


async def test_a_right_one_takes_back_its_own_count_and_ends_the_doubling(ada: Guest, world: World) -> None:
    for _ in range(5):
        await wrong(ada)
    await world.pass_time(BAN_MS + 1000)
    for _ in range(20):
        assert await attempt(ada) == 0
        await ada.store.was_right(ADA, budget=FIRST)
    assert [await wrong(ada) for _ in range(5)] == [0, 0, 0, 0, BAN_MS]


async def test_what_was_never_settled_stays_counted_until_the_window_is_over(ada: Guest, world: World) -> None:
    assert [await attempt(ada) for _ in range(5)] == [0] * 5
    left = await attempt(ada)
    assert RULES.find_time_ms - MINUTE_MS < left <= RULES.find_time_ms
    await world.pass_time(RULES.find_time_ms)
    assert await attempt(ada) == 0


async def test_codes_and_passwords_of_the_first_factor_share_one_budget(eve: Guest) -> None:
    for _ in range(3):
        assert await eve.present("999999", budget=FIRST, session="") == WRONG
    assert [await wrong(eve) for _ in range(2)] == [0, BAN_MS]
    assert isinstance(await eve.present("999999", budget=FIRST, session=""), Banned)
    assert await eve.present("999999") == WRONG


async def test_an_operator_ends_bans_of_passwords_too(ada: Guest) -> None:
    for _ in range(5):
        await wrong(ada)
    assert await ada.store.unlock(ADA) == 1
    assert await attempt(ada) == 0


@pytest.mark.processes
async def test_of_200_passwords_at_once_exactly_five_are_compared(valkey_world: ServerWorld) -> None:
    workers = [Guest(await valkey_world.store()), Guest(await valkey_world.store())]
    answers = await asyncio.gather(*(attempt(workers[number % 2]) for number in range(200)))
    assert Counter(left == 0 for left in answers) == {True: 5, False: 195}
