"""Codes on their way: made, paused, counted by quota and by country, each to the millisecond."""

import pytest

from mfa_gateway.state.scripts import ARRIVE, EXPECT, ISSUE, RESERVE, STOPPED, THROTTLE, VOID
from tests.state.lua.desk import NOW, Desk

# --- Issuing -----------------------------------------------------------------------------------


async def issue(
    desk: Desk, fingerprint: str = "f1", *, epoch: str = "3", most: int = 2, enrolment: str = "0a"
) -> object:
    return await desk.run(ISSUE, ("account", "code", "recent"), epoch, "d1", fingerprint, 1_000, most, 5_000, enrolment)


async def issue_short(desk: Desk, mine: str, others: str) -> object:
    keys = ("account", "code", "recent", "of another")
    return await desk.run(ISSUE, keys, "0", "d1", mine, 1_000, 2, 5_000, "", mine, others)


async def test_a_code_says_what_it_is_of_which_epoch_since_when_and_for_how_long(desk: Desk) -> None:
    await desk.put("account", {"epoch": "3"})
    assert await issue(desk) == 1
    assert await desk.ask("GET", "code") == f"d1:f1:3:{NOW}:1000:0a"
    assert await desk.left("code") == 1_000
    assert await desk.items("recent") == ["f1"]
    assert await desk.left("recent") == 5_000


async def test_a_new_account_is_issued_codes_in_epoch_zero(desk: Desk) -> None:
    assert await issue(desk, epoch="0") == 1


async def test_only_the_last_fingerprints_are_remembered_newest_first(desk: Desk) -> None:
    for fingerprint in ("f1", "f2", "f3"):
        await issue(desk, fingerprint, epoch="0")
    assert await desk.items("recent") == ["f3", "f2"]


async def test_no_code_is_issued_in_another_epoch_or_for_a_disabled_account(desk: Desk) -> None:
    await desk.put("account", {"epoch": "4"})
    assert await issue(desk) == 0
    await desk.put("account", {"epoch": "3", "disabled": "1"})
    assert await issue(desk) == 0
    assert await desk.ask("EXISTS", "code", "recent") == 0


async def test_a_short_code_is_none_of_the_recent_ones_of_any_factor(desk: Desk) -> None:
    await desk.ask("RPUSH", "recent", "f1", "f2")
    await desk.ask("RPUSH", "of another", "g1", "g2")
    for mine, others in (("f1", "g9"), ("f2", "g9"), ("f9", "g1"), ("f9", "g2")):
        assert await issue_short(desk, mine, others) == -3
    assert await desk.left("code") == -2
    # What it is in another factor's words is nothing in this one's.
    assert await issue_short(desk, "g1", "f1") == 1


async def test_a_code_is_void_once(desk: Desk) -> None:
    await issue(desk, epoch="0")
    assert await desk.run(VOID, ("code",)) == 1
    assert await desk.run(VOID, ("code",)) == 0


# --- The pause between two codes ---------------------------------------------------------------


async def test_the_right_to_send_is_free_again_after_the_pause(desk: Desk) -> None:
    assert await desk.run(RESERVE, ("quiet",), 1_000) == 0
    desk.wait(999)
    assert await desk.run(RESERVE, ("quiet",), 1_000) == 1
    desk.wait(1_000)
    assert await desk.run(RESERVE, ("quiet",), 1_000) == 0
    assert await desk.left("quiet") == 1_000


async def test_the_shortest_pause_is_one_and_none_leaves_nothing_behind(desk: Desk) -> None:
    assert await desk.run(RESERVE, ("quiet",), 0) == 0
    assert await desk.left("quiet") == -2
    assert await desk.run(RESERVE, ("quiet",), 1) == 0
    assert await desk.left("quiet") == 1


# --- Quotas ------------------------------------------------------------------------------------


async def throttle(desk: Desk, *windows: int) -> object:
    return await desk.run(THROTTLE, ("quota",), *windows)


async def test_a_window_is_full_at_its_number_until_the_first_message_has_left_it(desk: Desk) -> None:
    assert await throttle(desk, 2, 1_000) == 0
    desk.wait(400)
    assert await throttle(desk, 2, 1_000) == 0
    assert await desk.items("quota") == [str(NOW), str(NOW + 400)]
    assert await desk.left("quota") == 1_000
    assert await throttle(desk, 2, 1_000) == 600
    desk.wait(999)
    assert await throttle(desk, 2, 1_000) == 1
    desk.wait(1_000)
    assert await throttle(desk, 2, 1_000) == 0


async def test_the_longest_of_the_windows_that_are_full_says_how_long(desk: Desk) -> None:
    for expected in (0, 60_000):
        assert await throttle(desk, 1, 1_000, 1, 60_000) == expected
        assert await throttle(desk, 1, 60_000, 1, 1_000) == 60_000
    assert await desk.left("quota") == 60_000


async def test_as_many_messages_are_remembered_as_the_largest_window_asks_for(desk: Desk) -> None:
    for number in range(5):
        desk.wait(number * 100)
        assert await throttle(desk, 3, 200, 1, 50) == 0
    assert await desk.items("quota") == [str(NOW + ms) for ms in (200, 300, 400)]


async def test_a_window_of_no_messages_is_always_full(desk: Desk) -> None:
    assert await throttle(desk, 0, 1_000) == 1_000
    assert await throttle(desk, 1, 1, 0, 1_000) == 1_000
    assert await desk.left("quota") == -2


async def test_nobody_waits_longer_than_the_window_when_the_clock_was_set_back(desk: Desk) -> None:
    await throttle(desk, 1, 1_000)
    desk.wait(-5_000)
    assert await throttle(desk, 1, 1_000) == 1_000


# --- What comes back of a country --------------------------------------------------------------

WINDOW, PARTS, STOP = 60_000, 6, 7_000
WIDTH = WINDOW // PARTS
# The part of the window that the beginning lies in, and its place in the ring.
BEGAN = NOW - NOW % WIDTH
PLACE = BEGAN // WIDTH % (PARTS + 1)


async def expect(desk: Desk, *, least: int = 3, rate: str = "0.5", country: str = "DE") -> object:
    return await desk.run(EXPECT, ("countries", "way"), country, WINDOW, PARTS, least, rate, STOP, 1_000)


async def arrive(desk: Desk, what: str = "redeemed") -> object:
    return await desk.run(ARRIVE, ("countries", "way"), what)


async def stopped(desk: Desk) -> object:
    return await desk.run(STOPPED, ("countries",), "DE", STOP)


def part(number: int = 0) -> str:
    return f"DE:{(PLACE + number) % (PARTS + 1)}"


async def test_a_code_is_counted_in_its_part_of_the_window_and_finds_back_to_it(desk: Desk) -> None:
    assert await expect(desk) == [0, 0, 0]
    assert await desk.fields("countries") == {part(): f"{BEGAN}:1:0"}
    assert await desk.left("countries") == WINDOW + WIDTH + STOP
    assert await desk.ask("GET", "way") == f"{part()}:{BEGAN}"
    assert await desk.left("way") == 1_000
    assert await arrive(desk) == 1
    assert await desk.fields("countries") == {part(): f"{BEGAN}:1:1"}
    assert await arrive(desk) == 0


async def test_a_second_code_is_counted_with_the_first_and_keeps_what_came_back(desk: Desk) -> None:
    await expect(desk)
    await arrive(desk)
    await expect(desk)
    assert await desk.fields("countries") == {part(): f"{BEGAN}:2:1"}


async def test_the_next_part_is_counted_by_itself(desk: Desk) -> None:
    await expect(desk)
    desk.wait(WIDTH)
    await expect(desk)
    assert await desk.fields("countries") == {part(): f"{BEGAN}:1:0", part(1): f"{BEGAN + WIDTH}:1:0"}


async def test_a_part_that_comes_round_again_begins_anew(desk: Desk) -> None:
    await expect(desk)
    desk.wait((PARTS + 1) * WIDTH)
    await expect(desk)
    assert await desk.fields("countries") == {part(): f"{BEGAN + (PARTS + 1) * WIDTH}:1:0"}


async def test_a_code_that_never_left_is_taken_back_but_never_below_none(desk: Desk) -> None:
    await expect(desk)
    await expect(desk)
    assert await arrive(desk, "unsent") == 1
    assert await desk.fields("countries") == {part(): f"{BEGAN}:1:0"}
    await desk.put("countries", {part(): f"{BEGAN}:0:0"})
    await desk.ask("SET", "way", f"{part()}:{BEGAN}")
    assert await arrive(desk, "unsent") == 1
    assert await desk.fields("countries") == {part(): f"{BEGAN}:0:0"}


@pytest.mark.parametrize("left", [{}, {part(): f"{BEGAN + 1}:5:0"}], ids=["gone", "begun anew"])
async def test_what_comes_back_to_a_part_that_is_gone_counts_nowhere(desk: Desk, left: dict[str, str]) -> None:
    await expect(desk)
    await desk.ask("DEL", "countries")
    if left:
        await desk.put("countries", left)
    assert await arrive(desk) == 0
    assert await desk.left("way") == -2
    assert await desk.fields("countries") == left


async def test_nobody_waits_for_what_was_never_sent(desk: Desk) -> None:
    assert await arrive(desk) == 0


async def sent(desk: Desk, counts: str, *, ago: int = 0) -> None:
    """Codes of an earlier part, counted when it began."""
    await desk.put("countries", {part(-1): f"{NOW - ago}:{counts}"})


@pytest.mark.parametrize(
    ("counts", "expected"),
    [("2:0", [0, 0, 0]), ("3:0", [STOP, 3, 0]), ("4:1", [STOP, 4, 1]), ("4:2", [0, 0, 0]), ("3:2", [0, 0, 0])],
)
async def test_a_country_is_stopped_from_the_least_number_on_and_below_the_least_rate(
    desk: Desk, counts: str, expected: list[int]
) -> None:
    await sent(desk, counts, ago=WIDTH)
    assert await expect(desk) == expected


async def test_a_stop_clears_the_counts_and_lasts_as_long_as_it_says(desk: Desk) -> None:
    await sent(desk, "3:0", ago=WIDTH)
    await expect(desk, country="AT")
    assert await stopped(desk) == 0
    assert await expect(desk) == [STOP, 3, 0]
    found = await desk.fields("countries")
    assert {name for name in found if name.startswith("DE")} == {"DE:until"}
    assert found["DE:until"] == str(NOW + STOP)
    assert await desk.left("countries") == WINDOW + WIDTH + STOP
    desk.wait(STOP - 1)
    assert (await stopped(desk), await expect(desk)) == (1, [1, 0, 0])
    desk.wait(STOP)
    assert (await stopped(desk), await expect(desk)) == (0, [0, 0, 0])
    assert part() in await desk.fields("countries")


async def test_a_stop_is_never_longer_than_a_whole_one(desk: Desk) -> None:
    await desk.put("countries", {"DE:until": str(NOW + 2 * STOP)})
    assert (await stopped(desk), await expect(desk)) == (STOP, [STOP, 0, 0])


@pytest.mark.parametrize(
    ("ago", "is_counted"), [(-1, False), (0, True), (WINDOW + WIDTH - 1, True), (WINDOW + WIDTH, False)]
)
async def test_codes_count_from_when_they_are_sent_until_the_window_and_one_part_are_over(
    desk: Desk, ago: int, *, is_counted: bool
) -> None:
    await sent(desk, "3:0", ago=ago)
    assert await expect(desk) == ([STOP, 3, 0] if is_counted else [0, 0, 0])


async def test_every_part_of_the_ring_counts_and_no_other(desk: Desk) -> None:
    await desk.put("countries", {f"DE:{number}": f"{NOW - 1}:1:0" for number in range(PARTS + 2)})
    assert await expect(desk, least=PARTS + 2) == [0, 0, 0]
    await desk.put("countries", {f"DE:{number}": f"{NOW - 1}:1:0" for number in range(PARTS + 1)})
    assert await expect(desk, least=PARTS + 1) == [STOP, PARTS + 1, 0]


async def test_windows_that_do_not_divide_evenly_have_parts_of_whole_milliseconds(desk: Desk) -> None:
    await desk.run(EXPECT, ("countries", "way"), "DE", 1_000, 3, 9, "0.5", STOP, 1_000)
    began = NOW - NOW % 334
    assert await desk.fields("countries") == {f"DE:{began // 334 % 4}": f"{began}:1:0"}
    assert await desk.left("countries") == 1_334 + STOP


async def test_what_was_counted_in_parts_of_another_length_is_not_counted_on(desk: Desk) -> None:
    """Somebody gave other numbers: a part of today's name began elsewhere, one of its moment is called otherwise."""
    await desk.put("countries", {part(): f"{NOW - 1}:2:1", part(1): f"{BEGAN}:2:1"})
    assert await expect(desk, least=9) == [0, 0, 0]
    assert (await desk.fields("countries"))[part()] == f"{BEGAN}:1:0"
