"""Codes sent to a country against codes redeemed, on every server; and how many leave before a stop, exactly."""

import asyncio

import pytest

from mfa_gateway.core.account import AccountId
from mfa_gateway.core.proof import Purpose
from mfa_gateway.core.quota import Conversion, Stop
from mfa_gateway.state import Store
from mfa_gateway.state.conversions import PARTS
from tests.state.world import MINUTE_MS, MemoryWorld, ServerWorld, World

HOUR_MS = 60 * MINUTE_MS
LEAST, STOP_MS = 20, 30 * MINUTE_MS
RULE = Conversion(window_ms=HOUR_MS, least_sent=LEAST, least_rate=0.25, stop_ms=STOP_MS)


def account(number: int) -> AccountId:
    return AccountId("shop", f"subject-{number}")


async def send(store: Store, number: int, *, country: str = "DE", life_ms: int = 10 * MINUTE_MS) -> Stop | None:
    return await store.expect(account(number), purpose=Purpose.GATE, country=country, conversion=RULE, life_ms=life_ms)


async def redeem(store: Store, number: int) -> None:
    await store.was_redeemed(account(number), purpose=Purpose.GATE)


async def stopped_ms(store: Store, country: str = "DE") -> int:
    return await store.stopped_ms(country, RULE)


async def until_stopped(store: Store, first: int = 0, life_ms: int = 10 * MINUTE_MS) -> tuple[int, Stop]:
    """Send, without anybody typing anything in, until it is stopped: how many left, and the stop."""
    for sent in range(1000):
        if (stop := await send(store, first + sent, life_ms=life_ms)) is not None:
            return sent, stop
    raise AssertionError("it was never stopped")


# --- When it stops ----------------------------------------------------------------------------


async def test_a_country_from_which_nothing_comes_back_is_stopped_at_exactly_the_least_number(store: Store) -> None:
    assert await until_stopped(store) == (LEAST, Stop(STOP_MS, sent=LEAST, redeemed=0))
    assert 0 < await stopped_ms(store) <= STOP_MS


async def test_the_stop_is_told_as_begun_by_one_message_alone(store: Store) -> None:
    _, stop = await until_stopped(store)
    assert stop.has_begun
    again = await send(store, 500)
    assert again is not None
    assert not again.has_begun
    assert 0 < again.left_ms <= STOP_MS


async def test_a_country_from_which_enough_comes_back_goes_on(store: Store) -> None:
    for number in range(5 * LEAST):
        assert await send(store, number) is None
        if number % 4 == 0:
            await redeem(store, number)
    assert await stopped_ms(store) == 0


async def test_a_rate_just_below_the_least_is_too_low(store: Store) -> None:
    for number in range(LEAST):
        assert await send(store, number) is None
        if number < LEAST * 0.25 - 1:
            await redeem(store, number)
    assert await send(store, LEAST) == Stop(STOP_MS, sent=LEAST, redeemed=4)


async def test_countries_are_stopped_one_by_one(store: Store) -> None:
    await until_stopped(store)
    assert await stopped_ms(store, "AT") == 0
    assert await send(store, 900, country="AT") is None


async def test_before_anything_was_sent_nothing_is_stopped(store: Store) -> None:
    assert await stopped_ms(store) == 0


# --- What counts ------------------------------------------------------------------------------


async def test_a_code_comes_back_once(store: Store) -> None:
    for number in range(LEAST):
        await send(store, number)
    for _ in range(LEAST):
        await redeem(store, 0)
    assert await send(store, LEAST) == Stop(STOP_MS, sent=LEAST, redeemed=1)


async def test_a_code_that_was_superseded_never_came_back(store: Store) -> None:
    for _ in range(LEAST):
        await send(store, 0)
    await redeem(store, 0)
    assert await send(store, 0) == Stop(STOP_MS, sent=LEAST, redeemed=1)


async def test_a_code_that_never_left_does_not_count(store: Store) -> None:
    for number in range(3 * LEAST):
        assert await send(store, number) is None
        await store.was_not_sent(account(number), purpose=Purpose.GATE)
    assert (await until_stopped(store))[0] == LEAST


async def test_codes_that_nobody_expects_are_let_go(store: Store) -> None:
    await redeem(store, 1)
    await store.was_not_sent(account(1), purpose=Purpose.GATE)
    assert (await until_stopped(store))[0] == LEAST


async def test_purposes_do_not_answer_for_each_other(store: Store) -> None:
    for number in range(LEAST):
        await send(store, number)
        await store.was_redeemed(account(number), purpose=Purpose.ACTIVATE)
    assert await send(store, LEAST) == Stop(STOP_MS, sent=LEAST, redeemed=0)


# --- Time -------------------------------------------------------------------------------------


async def test_a_stop_ends_by_itself_and_counting_begins_anew(store: Store, world: World) -> None:
    await until_stopped(store)
    await world.pass_time(STOP_MS - 1_000)
    assert 0 < await stopped_ms(store) <= 1_000
    await world.pass_time(1_001)
    assert await stopped_ms(store) == 0
    assert (await until_stopped(store))[0] == LEAST


async def test_codes_of_before_a_stop_do_not_count_after_it(store: Store, world: World) -> None:
    await until_stopped(store, life_ms=2 * HOUR_MS)
    await world.pass_time(STOP_MS + 1)
    for number in range(LEAST):
        await redeem(store, number)
    assert (await until_stopped(store, first=100))[1].redeemed == 0


async def test_a_code_older_than_the_window_counts_for_no_younger_one(monkeypatch: pytest.MonkeyPatch) -> None:
    world = MemoryWorld(monkeypatch)
    store = await world.store()
    for number in range(LEAST - 1):
        await send(store, number, life_ms=3 * HOUR_MS)
    # The ring has one part more than the window: here it begins again where it was.
    await world.pass_time((PARTS + 1) * MINUTE_MS)
    await send(store, 100)
    for number in range(LEAST - 1):
        await redeem(store, number)
    assert await until_stopped(store, first=101) == (LEAST - 1, Stop(STOP_MS, sent=LEAST, redeemed=0))
    await world.close()


async def test_the_window_slides(store: Store, world: World) -> None:
    for number in range(LEAST - 1):
        await send(store, number)
    await world.pass_time(HOUR_MS + 2 * MINUTE_MS)
    assert (await until_stopped(store))[0] == LEAST


async def test_a_slow_run_is_seen_all_over_the_window(monkeypatch: pytest.MonkeyPatch) -> None:
    # Only a clock that goes on moves the ring on; on a server what is kept can merely be made older.
    world = MemoryWorld(monkeypatch)
    store = await world.store()
    for number in range(LEAST):
        assert await send(store, number) is None
        await world.pass_time(2 * MINUTE_MS)
    assert await send(store, LEAST) == Stop(STOP_MS, sent=LEAST, redeemed=0)
    await world.close()


async def test_a_clock_that_is_set_back_does_not_make_a_stop_longer(store: Store, world: World) -> None:
    await until_stopped(store)
    await world.pass_time(-HOUR_MS)
    assert 0 < await stopped_ms(store) <= STOP_MS
    stop = await send(store, 500)
    assert stop is not None
    assert stop.left_ms <= STOP_MS


async def test_nothing_is_kept_for_ever(store: Store, world: World) -> None:
    await send(store, 1)
    await until_stopped(store, first=2)
    for key in await world.ask("KEYS", "mfa:{conversion}:*"):
        assert await world.ask("PTTL", key) > 0


async def test_all_of_it_lies_in_one_slot_and_names_nobody(store: Store, world: World) -> None:
    await send(store, 1)
    keys = [key.decode() for key in await world.ask("KEYS", "mfa:{conversion}:*")]
    assert len(keys) == 2
    # Redis Cluster specification, "Hash tags": what is between the first { and the first } after it.
    assert {key[key.index("{") + 1 : key.index("}")] for key in keys} == {"conversion"}
    assert not any("subject" in key or "shop" in key for key in keys)


# --- Races ------------------------------------------------------------------------------------


@pytest.mark.processes
async def test_of_300_at_a_time_over_two_workers_exactly_the_least_number_leaves(valkey_world: ServerWorld) -> None:
    workers = [await valkey_world.store(), await valkey_world.store()]
    stops = await asyncio.gather(*(send(workers[number % 2], number) for number in range(300)))
    assert stops.count(None) == LEAST
    assert sum(stop is not None and stop.has_begun for stop in stops) == 1


@pytest.mark.processes
async def test_of_100_that_redeem_one_code_at_a_time_it_counts_once(valkey_world: ServerWorld) -> None:
    workers = [await valkey_world.store(), await valkey_world.store()]
    for number in range(LEAST):
        await send(workers[0], number)
    await asyncio.gather(*(redeem(workers[at % 2], 3) for at in range(100)))
    assert await send(workers[0], LEAST) == Stop(STOP_MS, sent=LEAST, redeemed=1)
