"""A day of attempts, on every server: who stays below every ban has no more guesses than these, and bans add none."""

import asyncio
from collections import Counter
from dataclasses import replace

import pytest

from mfa_gateway.core.account import Factor
from mfa_gateway.core.proof import Banned, Budget, Redeemed, Regulation, Rejected
from tests.state.world import ADA, MINUTE_MS, WRONG, Guest, ServerWorld, World, tally

DAY_MS = 24 * 60 * MINUTE_MS
FIRST = Budget.FIRST_FACTOR
# The window is out of the way, and a day is soon full.
FEW = Regulation(max_retries=1000, per_day=6)


def few(guest: Guest, **changes: int) -> Guest:
    return guest.again(regulation=replace(FEW, **changes))


def ban_of(receipt: object) -> int:
    assert isinstance(receipt, Rejected), receipt
    return receipt.ban_left_ms


async def attempt(guest: Guest, rules: Regulation = FEW) -> int:
    return await guest.store.attempt(ADA, budget=FIRST, regulation=rules)


async def wrong(guest: Guest, rules: Regulation = FEW) -> int:
    """One wrong password; the ban that it brought."""
    assert await attempt(guest, rules) == 0
    return await guest.store.was_wrong(ADA, budget=FIRST, regulation=rules)


# --- Codes ------------------------------------------------------------------------------------


async def test_whoever_is_patient_has_the_guesses_of_a_day(eve: Guest, world: World) -> None:
    eve = eve.again(regulation=Regulation(per_day=6))
    for _ in range(5):
        assert await eve.present("999999") == WRONG
        await world.pass_time(eve.regulation.find_time_ms + MINUTE_MS)
    left = DAY_MS - 5 * (eve.regulation.find_time_ms + MINUTE_MS)
    assert left - MINUTE_MS < ban_of(await eve.present("999999")) <= left
    assert isinstance(await eve.present("999999"), Banned)


async def test_the_guesses_of_a_day_come_back_one_by_one(eve: Guest, world: World) -> None:
    eve = few(eve)
    for _ in range(5):
        assert await eve.present("999999") == WRONG
        await world.pass_time(60 * MINUTE_MS)
    for _ in range(3):
        left = ban_of(await eve.present("999999"))
        assert 0 < left <= DAY_MS
        await world.pass_time(left + 1000)
    # As many are kept as a day may have.
    (kept,) = await world.ask("KEYS", "mfa:*:daily:step_up")
    assert await world.ask("LLEN", kept) == 6


async def test_a_ban_gives_none_of_a_day_back(eve: Guest, world: World) -> None:
    eve = few(eve, max_retries=5)
    assert ban_of((await eve.guess(5))[-1]) == eve.regulation.ban_time_ms
    await world.pass_time(eve.regulation.ban_time_ms + 1000)
    assert ban_of(await eve.present("999999")) > 23 * 60 * MINUTE_MS


async def test_of_two_bans_the_longer_one_counts(eve: Guest) -> None:
    both = few(eve, max_retries=6, ban_time_ms=2 * DAY_MS, ban_max_ms=2 * DAY_MS)
    assert ban_of((await both.guess(6))[-1]) == 2 * DAY_MS


async def test_right_codes_are_no_guesses(eve: Guest) -> None:
    eve = few(eve)
    for number in range(8):
        await eve.issue(f"12345{number}")
        assert await eve.present(f"12345{number}", ride=None, session="") == Redeemed(Factor.EMAIL)
    assert [ban_of(one) > 0 for one in await eve.guess(6)] == [False] * 5 + [True]


async def test_a_full_day_keeps_nobody_out_who_has_proved(eve: Guest) -> None:
    eve = few(eve)
    await eve.issue("123456")
    assert await eve.present("123456", ride=None) == Redeemed(Factor.EMAIL)
    await eve.again(session="thief").guess(6)
    assert isinstance(await eve.again(session="thief").present("999999"), Banned)
    await eve.issue("654321")
    assert await eve.present("654321", ride=None) == Redeemed(Factor.EMAIL)
    # What is theirs has an end, too.
    assert [ban_of(one) > 0 for one in await eve.guess(6)] == [False] * 5 + [True]
    assert isinstance(await eve.present("999999"), Banned)


async def test_an_operator_gives_a_day_back(eve: Guest) -> None:
    eve = few(eve)
    await eve.guess(6)
    assert await eve.store.unlock(ADA) == 1
    assert [ban_of(one) > 0 for one in await eve.guess(6)] == [False] * 5 + [True]


async def test_a_day_is_forgotten_when_it_is_over(eve: Guest, world: World) -> None:
    eve = few(eve)
    await eve.guess(5)
    await world.pass_time(DAY_MS)
    assert await world.ask("KEYS", "mfa:*:daily:*") == []
    assert [ban_of(one) > 0 for one in await eve.guess(6)] == [False] * 5 + [True]


async def test_a_code_that_fills_no_day_brings_no_ban(eve: Guest, world: World) -> None:
    for code in ("999999", "9999"):
        assert await few(eve).present(code, ride=None) == WRONG
    assert await world.ask("KEYS", "mfa:*:bans:*") == []


# --- Passwords --------------------------------------------------------------------------------


async def test_passwords_have_a_day_as_well(ada: Guest, world: World) -> None:
    bans = []
    for _ in range(6):
        bans.append(await wrong(ada))
        await world.pass_time(60 * MINUTE_MS)
    assert (bans[:5], DAY_MS - 301 * MINUTE_MS < bans[5] <= DAY_MS - 300 * MINUTE_MS) == ([0] * 5, True)
    assert 0 < await attempt(ada) <= DAY_MS - 360 * MINUTE_MS


async def test_codes_and_passwords_share_a_day(eve: Guest) -> None:
    for _ in range(3):
        assert await wrong(eve) == 0
    seen = [await few(eve).present("999999", budget=FIRST, session="") for _ in range(3)]
    assert [ban_of(one) > 0 for one in seen] == [False, False, True]
    assert await attempt(eve) > 0


async def test_right_passwords_are_no_guesses(ada: Guest) -> None:
    for _ in range(20):
        assert await attempt(ada) == 0
        await ada.store.was_right(ADA, budget=FIRST)
    assert [await wrong(ada) > 0 for _ in range(6)] == [False] * 5 + [True]


async def test_one_that_was_under_way_does_not_shorten_the_ban_of_another(ada: Guest) -> None:
    rules = replace(FEW, max_retries=6, ban_time_ms=3 * DAY_MS, ban_max_ms=3 * DAY_MS)
    assert [await attempt(ada, rules) for _ in range(6)] == [0] * 6
    bans = [await ada.store.was_wrong(ADA, budget=FIRST, regulation=rules) for _ in range(2)]
    assert bans[0] == 3 * DAY_MS
    assert await attempt(ada, rules) > 2 * DAY_MS


# --- Races ------------------------------------------------------------------------------------


@pytest.fixture
async def workers(valkey_world: ServerWorld) -> list[Guest]:
    """The same account at two workers; it has e-mail."""
    guests = [few(Guest(await valkey_world.store()), per_day=100) for _ in range(2)]
    await guests[0].enrol()
    return guests


@pytest.mark.processes
async def test_of_300_wrong_codes_at_once_exactly_a_hundred_are_compared(workers: list[Guest]) -> None:
    tried = [workers[number % 2].present(f"9{number:05}", ride=None) for number in range(300)]
    assert await tally(tried) == {"wrong": 99, "wrong, and banned": 1, "Banned": 200}


@pytest.mark.processes
async def test_of_300_passwords_at_once_exactly_a_hundred_are_compared(workers: list[Guest]) -> None:
    rules = workers[0].regulation
    lefts = await asyncio.gather(*(attempt(workers[number % 2], rules) for number in range(300)))
    assert Counter(left == 0 for left in lefts) == {True: 100, False: 200}
