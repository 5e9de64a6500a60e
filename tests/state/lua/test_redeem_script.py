"""A presented code: what it opens, what it leaves behind, and in which order it is judged."""

import pytest

from tests.state.lua.desk import NOW, Desk
from tests.state.lua.redeeming import (
    BAN,
    DAY,
    KEEP,
    KNOWN,
    LONGEST,
    MOST,
    MOST_A_DAY,
    RECENT,
    REMEMBERED,
    WINDOW,
    Asked,
    Redeeming,
    furnish,
    send,
)

WRONG = Redeeming(factors=(Asked(digest="d9", fingerprint="f9"),))

# --- Right -------------------------------------------------------------------------------------


async def test_a_right_code_is_consumed_and_opens_and_takes_back_its_own_count(desk: Desk) -> None:
    await furnish(desk)
    await send(desk)
    for key in ("attempts", "daily"):
        await desk.ask("RPUSH", key, "5")
    desk.wait(999)
    assert await Redeeming().on(desk) == ["redeemed", "email"]
    assert await desk.left("email code") == -2
    assert await desk.fields("proofs") == {"email": f"{NOW + 999}:3:f1:aa"}
    assert await desk.left("proofs") == KEEP
    assert (await desk.fields("account"))["email:used:0a"] == str(NOW + 999)
    assert await desk.items("attempts") == await desk.items("daily") == ["5"]
    assert await desk.ask("EXISTS", "bans", "known", "short", "own attempts", "own daily") == 0


async def test_a_code_of_one_second_is_none_after_it(desk: Desk) -> None:
    await furnish(desk)
    await send(desk)
    await desk.ask("DEL", "email recent")
    desk.wait(1_000)
    assert await Redeeming().on(desk) == ["wrong", 0]


async def test_a_code_from_the_future_is_gone_for_good(desk: Desk) -> None:
    await furnish(desk)
    await send(desk)
    desk.wait(-1)
    assert await Redeeming().on(desk) == ["spent"]
    assert await desk.left("email code") == -2


async def test_a_code_is_good_at_the_very_moment_it_is_made(desk: Desk) -> None:
    await furnish(desk)
    await send(desk)
    assert await Redeeming().on(desk) == ["redeemed", "email"]


async def test_a_code_of_another_epoch_is_spent(desk: Desk) -> None:
    await furnish(desk)
    await send(desk, epoch="2")
    assert await Redeeming().on(desk) == ["spent"]


async def test_a_new_account_redeems_in_epoch_zero(desk: Desk) -> None:
    await send(desk, epoch="0")
    assert await Redeeming(epoch="0").on(desk) == ["redeemed", "email"]
    assert await desk.fields("proofs") == {"email": f"{NOW}:0:f1:aa"}
    assert await desk.fields("account") == {"email:used:": str(NOW)}


async def test_a_code_counts_as_used_where_it_was_sent_to(desk: Desk) -> None:
    await furnish(desk)
    await send(desk, enrolment="0b")
    await Redeeming().on(desk)
    found = await desk.fields("account")
    assert {name for name in found if ":used:" in name} == {"email:used:0b"}


async def test_a_proof_does_not_shorten_what_is_kept(desk: Desk) -> None:
    await furnish(desk)
    for before, after in ((KEEP + 1, KEEP + 1), (KEEP - 1, KEEP)):
        await send(desk)
        await desk.put("proofs", {"sms": "x"})
        await desk.ask("PEXPIRE", "proofs", before)
        await Redeeming().on(desk)
        assert await desk.left("proofs") == after


async def test_a_session_with_a_name_is_known_from_then_on(desk: Desk) -> None:
    await furnish(desk)
    await send(desk)
    await Redeeming(has_session=True).on(desk)
    assert await desk.ask("GET", "known") == "3"
    assert await desk.left("known") == KNOWN


async def test_a_code_that_lets_somebody_in_leaves_nothing_behind(desk: Desk) -> None:
    await furnish(desk)
    await send(desk)
    before = await desk.fields("account")
    assert await Redeeming(effect="enter").on(desk) == ["redeemed", "email"]
    assert await desk.fields("account") == before
    assert await desk.left("proofs") == -2


async def test_a_success_ends_the_doubling_of_bans_and_nothing_else_of_them(desk: Desk) -> None:
    await furnish(desk)
    await send(desk)
    await desk.put("bans", {"times": 3, "until": NOW})
    await Redeeming().on(desk)
    assert await desk.fields("bans") == {"times": "0", "until": str(NOW)}


async def test_the_second_factor_that_was_asked_for_may_be_the_right_one(desk: Desk) -> None:
    await furnish(desk)
    await send(desk, "d2", "f2", key="sms code")
    both = (Asked(fingerprint="f9"), Asked("sms", "f2", "d2"))
    assert await Redeeming(factors=both).on(desk) == ["redeemed", "sms"]


async def test_of_two_factors_with_the_same_code_the_first_is_the_one_that_is_used(desk: Desk) -> None:
    await furnish(desk)
    await send(desk)
    await send(desk, key="sms code")
    assert await Redeeming(factors=(Asked(), Asked("sms"))).on(desk) == ["redeemed", "email"]
    assert await desk.left("sms code") == -1


# --- Stale -------------------------------------------------------------------------------------


async def test_a_decision_of_another_epoch_or_about_a_disabled_account_is_stale(desk: Desk) -> None:
    await furnish(desk)
    await send(desk)
    assert await Redeeming(epoch="2").on(desk) == ["stale"]
    await desk.put("account", {"disabled": "1"})
    assert await Redeeming().on(desk) == ["stale"]
    assert await desk.left("email code") == -1


# --- Authenticators and paper ------------------------------------------------------------------


def shown(digest: str = "d1", *steps: int) -> Redeeming:
    return Redeeming(factors=(Asked("totp", "f1", digest, [(step, f"d{step}", "0c") for step in steps]),))


async def test_an_authenticators_step_is_used_up_and_its_code_is_a_recent_one(desk: Desk) -> None:
    await furnish(desk)
    await desk.ask("RPUSH", "totp recent", "f8", "f7")
    assert await shown("d2", 1, 2).on(desk) == ["redeemed", "totp"]
    found = await desk.fields("account")
    assert (found["totp:step:0c"], found["totp:used:0c"]) == ("2", str(NOW))
    assert await desk.items("totp recent") == ["f1", "f8"]
    assert await desk.left("totp recent") == RECENT
    assert (await desk.fields("proofs"))["totp"] == f"{NOW}:3:f1:aa"


@pytest.mark.parametrize(("last", "expected"), [(4, "redeemed"), (5, "wrong"), (6, "wrong")])
async def test_only_a_step_behind_the_last_one_is_good(desk: Desk, last: int, expected: str) -> None:
    await furnish(desk, **{"totp:step:0c": str(last), "totp:step:0d": "9"})
    assert (await shown("d5", 4, 5).on(desk))[0] == expected


async def test_step_zero_is_good_where_none_was_used(desk: Desk) -> None:
    await furnish(desk)
    assert await shown("d0", 0).on(desk) == ["redeemed", "totp"]


async def test_a_code_on_paper_is_good_once(desk: Desk) -> None:
    await furnish(desk)
    await desk.ask("SADD", "set", "d1", "d2")
    paper = Redeeming(factors=(Asked("backup"),))
    assert await paper.on(desk) == ["redeemed", "backup"]
    assert await desk.ask("SMEMBERS", "set") == ["d2"]
    assert await desk.items("backup recent") == ["f1"]
    assert (await desk.fields("account"))["backup:used:"] == str(NOW)
    assert await paper.on(desk) == ["spent"]


async def test_a_code_that_is_not_on_paper_is_wrong(desk: Desk) -> None:
    await furnish(desk)
    await desk.ask("SADD", "set", "d2")
    assert await Redeeming(factors=(Asked("backup"),)).on(desk) == ["wrong", 0]


# --- Spent -------------------------------------------------------------------------------------


async def test_a_code_that_was_issued_once_is_spent_and_not_counted(desk: Desk) -> None:
    await furnish(desk)
    await desk.ask("RPUSH", "email recent", "f8", "f1")
    assert await Redeeming().on(desk) == ["spent"]
    assert await desk.ask("EXISTS", "attempts", "daily") == 0


async def test_a_spent_code_is_told_so_under_a_ban_too(desk: Desk) -> None:
    await furnish(desk)
    await desk.ask("RPUSH", "email recent", "f1")
    await desk.put("bans", {"until": NOW + 1})
    assert await Redeeming().on(desk) == ["spent"]


async def test_a_code_of_another_purpose_is_spent_but_not_told_so_under_a_ban(desk: Desk) -> None:
    await furnish(desk)
    await send(desk, key="email other")
    assert await Redeeming().on(desk) == ["spent"]
    assert await desk.left("attempts") == -2
    await desk.put("bans", {"until": NOW + 1})
    assert await Redeeming().on(desk) == ["banned", 1]


async def test_one_factor_that_still_serves_elsewhere_is_enough_to_wait_for_the_ban(desk: Desk) -> None:
    await furnish(desk)
    await send(desk, key="email other")
    await desk.ask("RPUSH", "sms recent", "f1")
    await desk.put("bans", {"until": NOW + 1})
    for factors in ((Asked(), Asked("sms")), (Asked("sms"), Asked())):
        assert await Redeeming(factors=factors).on(desk) == ["banned", 1]


# --- Bans --------------------------------------------------------------------------------------


async def test_under_a_ban_the_right_code_is_not_compared_and_stays_good(desk: Desk) -> None:
    await furnish(desk)
    await send(desk)
    await desk.put("bans", {"until": NOW + 500})
    assert await Redeeming().on(desk) == ["banned", 500]
    desk.wait(499)
    assert await Redeeming().on(desk) == ["banned", 1]
    assert await desk.ask("EXISTS", "attempts", "daily") == 0
    desk.wait(500)
    assert await Redeeming().on(desk) == ["redeemed", "email"]


async def test_a_session_that_proved_is_counted_by_itself_while_the_account_is_banned(desk: Desk) -> None:
    await furnish(desk)
    await desk.ask("SET", "known", "3")
    await desk.put("bans", {"until": NOW + 50_000})
    assert [await WRONG.on(desk) for _ in range(MOST)] == [["wrong", 0]] * (MOST - 1) + [["wrong", BAN]]
    assert await desk.ask("EXISTS", "attempts", "daily") == 0
    assert len(await desk.items("own daily")) == MOST
    assert await desk.fields("own bans") == {"times": "1", "until": str(NOW + BAN)}
    assert await WRONG.on(desk) == ["banned", BAN]


async def test_wrong_codes_are_counted_in_their_window_and_in_their_day(desk: Desk) -> None:
    await furnish(desk)
    assert await WRONG.on(desk) == ["wrong", 0]
    assert await desk.items("attempts") == await desk.items("daily") == [str(NOW)]
    assert (await desk.left("attempts"), await desk.left("daily")) == (WINDOW, DAY)


async def test_the_wrong_code_that_fills_the_window_brings_the_ban(desk: Desk) -> None:
    await furnish(desk)
    for at in (0, 100):
        desk.wait(at)
        assert await WRONG.on(desk) == ["wrong", 0]
    desk.wait(999)
    assert await WRONG.on(desk) == ["wrong", BAN]
    assert await desk.fields("bans") == {"times": "1", "until": str(NOW + 999 + BAN)}
    assert await desk.left("bans") == BAN + REMEMBERED
    assert await desk.left("attempts") == -2


async def test_wrong_codes_that_are_a_window_apart_bring_none(desk: Desk) -> None:
    await furnish(desk)
    for at in (0, 100, 1_000, 1_100):
        desk.wait(at)
        assert await WRONG.on(desk) == ["wrong", 0]
    assert await desk.items("attempts") == [str(NOW + at) for at in (100, 1_000, 1_100)]


@pytest.mark.parametrize(("times", "ban"), [(0, BAN), (1, 2 * BAN), (2, LONGEST), (500, LONGEST)])
async def test_each_ban_is_twice_as_long_up_to_the_longest(desk: Desk, times: int, ban: int) -> None:
    await furnish(desk)
    await desk.put("bans", {"times": times})
    await desk.ask("RPUSH", "attempts", *([NOW] * (MOST - 1)))
    assert await WRONG.on(desk) == ["wrong", ban]


async def test_the_wrong_code_that_fills_the_day_brings_a_ban_for_the_rest_of_it(desk: Desk) -> None:
    await furnish(desk)
    await desk.ask("RPUSH", "daily", *([NOW - 10_000] * (MOST_A_DAY - 2)))
    assert await WRONG.on(desk) == ["wrong", 0]
    assert await WRONG.on(desk) == ["wrong", DAY - 10_000]
    assert await desk.fields("bans") == {"until": str(NOW + DAY - 10_000)}
    assert await desk.left("bans") == DAY - 10_000 + REMEMBERED
    assert len(await desk.items("daily")) == MOST_A_DAY


@pytest.mark.parametrize(("ago", "ban"), [(DAY, 0), (DAY - 1, 1), (-5, DAY)])
async def test_a_day_is_over_when_its_first_has_left_it(desk: Desk, ago: int, ban: int) -> None:
    await furnish(desk)
    await desk.ask("RPUSH", "daily", *([NOW - ago] * MOST_A_DAY))
    assert await WRONG.on(desk) == ["wrong", ban]
    assert await desk.fields("bans") == ({"until": str(NOW + ban)} if ban else {})
    assert len(await desk.items("daily")) == MOST_A_DAY


async def test_of_a_window_and_a_day_that_are_full_the_longer_ban_counts(desk: Desk) -> None:
    await furnish(desk)
    for left, ban in ((BAN + 1, BAN + 1), (BAN - 1, BAN)):
        await desk.ask("DEL", "bans", "daily", "attempts")
        await desk.ask("RPUSH", "attempts", *([NOW] * (MOST - 1)))
        await desk.ask("RPUSH", "daily", *([NOW - DAY + left] * MOST_A_DAY))
        assert await WRONG.on(desk) == ["wrong", ban]
