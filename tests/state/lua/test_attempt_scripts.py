"""Attempts at what is compared elsewhere, and bans, to the millisecond and to the number."""

import pytest

from mfa_gateway.state.scripts import ATTEMPT, FORESEE, SETTLE, UNLOCK
from tests.state.lua.desk import NOW, Desk

KEYS = ("attempts", "bans", "daily")
MOST, WINDOW, MOST_A_DAY, DAY = 3, 1_000, 5, 50_000
BAN, LONGEST, REMEMBERED = 2_000, 7_000, 90_000


async def attempt(desk: Desk) -> object:
    return await desk.run(ATTEMPT, KEYS, MOST, WINDOW, MOST_A_DAY, DAY)


async def settle(desk: Desk, what: str = "wrong") -> object:
    return await desk.run(SETTLE, KEYS, what, MOST, WINDOW, BAN, LONGEST, REMEMBERED, MOST_A_DAY, DAY)


async def wrong(desk: Desk, at: int) -> object:
    """One attempt at a moment, which is wrong; the ban that it brings."""
    desk.wait(at)
    assert await attempt(desk) == 0
    return await settle(desk)


# --- Attempts ----------------------------------------------------------------------------------


async def test_an_attempt_is_counted_in_its_window_and_in_its_day(desk: Desk) -> None:
    assert await attempt(desk) == 0
    assert await desk.items("attempts") == await desk.items("daily") == [str(NOW)]
    assert (await desk.left("attempts"), await desk.left("daily")) == (WINDOW, DAY)


async def test_a_window_is_full_at_its_number_until_the_first_has_left_it(desk: Desk) -> None:
    for at in (0, 100, 200):
        desk.wait(at)
        assert await attempt(desk) == 0
    assert await attempt(desk) == 800
    desk.wait(999)
    assert await attempt(desk) == 1
    desk.wait(1_000)
    assert await attempt(desk) == 0
    assert await desk.items("attempts") == [str(NOW + at) for at in (100, 200, 1_000)]


async def test_a_day_is_full_at_its_number_until_the_first_has_left_it(desk: Desk) -> None:
    for at in (0, 1_001, 2_002, 3_003, 4_004):
        desk.wait(at)
        assert await attempt(desk) == 0
    desk.wait(10_000)
    assert await attempt(desk) == DAY - 10_000
    desk.wait(DAY - 1)
    assert await attempt(desk) == 1
    desk.wait(DAY)
    assert await attempt(desk) == 0
    assert await desk.items("daily") == [str(NOW + at) for at in (DAY, 4_004, 3_003, 2_002, 1_001)]


async def test_nobody_waits_longer_than_a_window_when_the_clock_was_set_back(desk: Desk) -> None:
    for _ in range(MOST):
        await attempt(desk)
    desk.wait(-5_000)
    assert await attempt(desk) == WINDOW
    await desk.ask("DEL", "attempts")
    await desk.ask("RPUSH", "daily", *[NOW] * 2)
    assert await attempt(desk) == DAY


async def test_during_a_ban_nothing_is_counted_and_at_its_end_it_is(desk: Desk) -> None:
    await desk.put("bans", {"until": NOW + 500})
    assert await attempt(desk) == 500
    desk.wait(499)
    assert await attempt(desk) == 1
    assert await desk.ask("EXISTS", "attempts", "daily") == 0
    desk.wait(500)
    assert await attempt(desk) == 0
    assert await desk.items("attempts") == [str(NOW + 500)]


# --- What became of them -----------------------------------------------------------------------


async def test_the_attempt_that_fills_the_window_brings_the_ban_and_empties_it(desk: Desk) -> None:
    assert [await wrong(desk, at) for at in (0, 100, 999)] == [0, 0, BAN]
    assert await desk.fields("bans") == {"times": "1", "until": str(NOW + 999 + BAN)}
    assert await desk.left("bans") == BAN + REMEMBERED
    assert await desk.left("attempts") == -2
    assert len(await desk.items("daily")) == MOST


async def test_attempts_that_are_a_window_apart_bring_none(desk: Desk) -> None:
    assert [await wrong(desk, at) for at in (0, 100, 1_000)] == [0, 0, 0]
    assert await desk.left("bans") == -2


async def fill(desk: Desk, at: int) -> None:
    """What is counted at a moment, without settling it."""
    await desk.ask("DEL", "attempts", "daily")
    await desk.ask("RPUSH", "attempts", *(NOW + at for _ in range(MOST)))


@pytest.mark.parametrize(("times", "ban"), [(0, BAN), (1, 2 * BAN), (2, LONGEST), (39, LONGEST), (500, LONGEST)])
async def test_each_ban_is_twice_as_long_as_the_one_before_up_to_the_longest(desk: Desk, times: int, ban: int) -> None:
    await fill(desk, 0)
    await desk.put("bans", {"times": times})
    assert await settle(desk) == ban
    assert (await desk.fields("bans"))["times"] == str(times + 1)


async def test_the_attempt_that_fills_the_day_brings_a_ban_for_what_is_left_of_it(desk: Desk) -> None:
    bans = [await wrong(desk, at) for at in (0, 2_000, 4_000, 6_000, 8_000)]
    assert bans == [0, 0, 0, 0, DAY - 8_000]
    assert await desk.fields("bans") == {"until": str(NOW + DAY)}
    assert await desk.left("bans") == DAY - 8_000 + REMEMBERED


@pytest.mark.parametrize(("ago", "ban"), [(DAY, 0), (DAY - 1, 1), (0, DAY), (-5, DAY)])
async def test_a_day_is_over_when_its_first_attempt_has_left_it(desk: Desk, ago: int, ban: int) -> None:
    await desk.ask("RPUSH", "daily", *(NOW - ago for _ in range(MOST_A_DAY)))
    assert await settle(desk) == ban
    assert await desk.fields("bans") == ({"until": str(NOW + ban)} if ban else {})


async def test_a_ban_that_came_meanwhile_is_not_shortened(desk: Desk) -> None:
    for other, until in ((BAN + 1, BAN + 1), (BAN - 1, BAN)):
        await fill(desk, 0)
        await desk.put("bans", {"until": NOW + other, "times": 0})
        assert await settle(desk) == BAN
        assert (await desk.fields("bans"))["until"] == str(NOW + until)
        assert await desk.left("bans") == until + REMEMBERED


async def test_of_a_window_and_a_day_that_are_full_the_longer_ban_counts(desk: Desk) -> None:
    for left, ban in ((BAN + 1, BAN + 1), (BAN - 1, BAN)):
        await desk.ask("DEL", "bans")
        await fill(desk, 0)
        await desk.ask("RPUSH", "daily", *(NOW - DAY + left for _ in range(MOST_A_DAY)))
        assert await settle(desk) == ban


async def test_a_right_one_takes_back_its_own_count_and_ends_the_doubling(desk: Desk) -> None:
    for at in (0, 100):
        desk.wait(at)
        await attempt(desk)
    await desk.put("bans", {"times": 3, "until": 5})
    assert await settle(desk, "right") == 0
    assert await desk.items("attempts") == await desk.items("daily") == [str(NOW)]
    assert await desk.fields("bans") == {"times": "0", "until": "5"}


async def test_a_right_one_without_a_ban_leaves_none_behind(desk: Desk) -> None:
    await attempt(desk)
    assert await settle(desk, "right") == 0
    assert await desk.ask("EXISTS", *KEYS) == 0


# --- Ending bans -------------------------------------------------------------------------------

BUDGETS = ("a1", "b1", "s1", "d1", "a2", "b2", "s2", "d2")


async def test_bans_are_ended_and_not_forgotten_and_attempts_are_given_back(desk: Desk) -> None:
    for key in ("a1", "s1", "d1", "a2", "s2", "d2"):
        await desk.ask("RPUSH", key, NOW)
    await desk.put("b1", {"until": NOW + 1, "short": NOW + 2, "times": 3})
    await desk.put("b2", {"short": NOW + 1, "times": 1})
    assert await desk.run(UNLOCK, BUDGETS) == 2
    assert await desk.ask("KEYS", "[asd]?") == []
    assert await desk.fields("b1") == {"until": str(NOW), "short": str(NOW), "times": "0"}
    assert await desk.fields("b2") == {"short": str(NOW), "times": "0"}


async def test_a_ban_that_is_over_stays_as_it_was_but_does_not_double(desk: Desk) -> None:
    await desk.put("b1", {"until": NOW, "times": 3})
    assert await desk.run(UNLOCK, BUDGETS) == 0
    assert await desk.fields("b1") == {"until": str(NOW), "times": "0"}
    assert await desk.left("b2") == -2


# --- Foreseeing --------------------------------------------------------------------------------


async def foresee(desk: Desk) -> object:
    known, left, short = await desk.run(FORESEE, ("account", "proofs", "known", "own", "bans"), "epoch")
    assert known[0] == NOW
    return left, short


async def test_without_a_ban_codes_are_compared(desk: Desk) -> None:
    assert await foresee(desk) == (0, 0)
    await desk.put("bans", {"until": NOW, "short": NOW - 1})
    assert await foresee(desk) == (0, 0)


async def test_a_ban_is_foreseen_with_what_is_left_of_it(desk: Desk) -> None:
    await desk.put("bans", {"until": NOW + 1, "short": NOW + 2})
    assert await foresee(desk) == (1, 2)


@pytest.mark.parametrize(("own", "left"), [(0, 0), (-1, 0), (1, 1), (400, 400), (600, 500)])
async def test_a_session_that_proved_waits_for_the_shorter_of_two_bans(desk: Desk, own: int, left: int) -> None:
    await desk.put("account", {"epoch": "3"})
    await desk.ask("SET", "known", "3")
    await desk.put("bans", {"until": NOW + 500})
    await desk.put("own", {"until": NOW + own})
    assert await foresee(desk) == (left, 0)


async def test_a_session_that_proved_in_another_epoch_waits_like_everybody(desk: Desk) -> None:
    await desk.put("account", {"epoch": "3"})
    await desk.ask("SET", "known", "2")
    await desk.put("bans", {"until": NOW + 500})
    assert await foresee(desk) == (500, 0)


async def test_a_session_that_proved_in_epoch_zero_has_its_own_lane(desk: Desk) -> None:
    await desk.ask("SET", "known", "0")
    await desk.put("bans", {"until": NOW + 500})
    assert await foresee(desk) == (0, 0)


async def test_a_ban_of_ones_own_means_nothing_while_the_account_has_none(desk: Desk) -> None:
    await desk.ask("SET", "known", "0")
    await desk.put("own", {"until": NOW + 500})
    assert await foresee(desk) == (0, 0)
