"""What a presented code does besides: it rides, activates, takes away, and is worth less when it is short."""

import pytest

from tests.state.lua.desk import NOW, Desk
from tests.state.lua.redeeming import BAN, DAY, MOST, REMEMBERED, Asked, Redeeming, furnish, send

SHORT = Redeeming(tries=2)
WRONG = Redeeming(factors=(Asked(digest="d9", fingerprint="f9"),), tries=2)
ACTIVATE = Redeeming(effect="activate", target="email", last_keys=("pending",))
TAKE_AWAY = Redeeming(effect="deactivate", target="email", last_keys=("email code", "another"))
RIDE = Redeeming(ride=1_000)
RIDE_AWAY = Redeeming(effect="deactivate", target="email", ride=1_000, last_keys=("email code", "another"))

# --- Riding ------------------------------------------------------------------------------------


async def proved(desk: Desk, *, ago: int = 0, epoch: str = "3", fingerprint: str = "f1", token: str = "aa") -> None:
    await furnish(desk)
    await desk.ask("LPUSH", "email recent", "f1")
    await desk.put("proofs", {"email": f"{NOW - ago}:{epoch}:{fingerprint}:{token}"})


@pytest.mark.parametrize(
    ("ago", "expected"), [(0, ["rode", "email", 0]), (999, ["rode", "email", 999]), (1_000, ["spent"]), (-1, ["spent"])]
)
async def test_a_code_rides_on_its_proof_while_that_is_young_enough(desk: Desk, ago: int, expected: list[str]) -> None:
    await proved(desk, ago=ago)
    assert await RIDE.on(desk) == expected
    assert await desk.ask("EXISTS", "attempts", "daily") == 0


async def test_nothing_rides_where_no_ride_was_asked_for(desk: Desk) -> None:
    await proved(desk)
    assert await Redeeming().on(desk) == ["spent"]


async def test_nothing_is_young_enough_for_a_grace_of_nothing(desk: Desk) -> None:
    await proved(desk)
    assert await Redeeming(ride=0).on(desk) == ["spent"]
    assert await Redeeming(ride=1).on(desk) == ["rode", "email", 0]


async def test_a_code_rides_on_no_proof_but_its_own_of_this_epoch(desk: Desk) -> None:
    await proved(desk, fingerprint="f2")
    assert await RIDE.on(desk) == ["spent"]
    await proved(desk, epoch="2")
    assert await RIDE.on(desk) == ["spent"]


async def test_where_the_token_matters_another_ones_proof_carries_nobody(desk: Desk) -> None:
    await proved(desk)
    assert await Redeeming(ride=1_000, of_token="aa").on(desk) == ["rode", "email", 0]
    assert await Redeeming(ride=1_000, of_token="bb").on(desk) == ["spent"]


async def test_a_code_rides_under_a_ban(desk: Desk) -> None:
    await proved(desk)
    await desk.put("bans", {"until": NOW + 500})
    assert await RIDE.on(desk) == ["rode", "email", 0]


async def test_a_code_rides_to_a_deactivation_which_is_done(desk: Desk) -> None:
    await proved(desk)
    assert await RIDE_AWAY.on(desk) == ["rode", "email", 0]
    assert await desk.fields("account") == {"epoch": "4"}


@pytest.mark.parametrize(("banned", "expected"), [(-1, "spent"), (0, "spent"), (1, "rode")])
async def test_no_code_rides_to_a_deactivation_over_a_ban_since_its_proof(
    desk: Desk, banned: int, expected: str
) -> None:
    """So many ms before the proof the last ban was over."""
    await proved(desk, ago=100)
    await desk.put("bans", {"until": NOW - 100 - banned + 1})
    assert (await RIDE_AWAY.on(desk))[0] == expected


async def test_only_a_short_code_heeds_the_ban_on_short_codes(desk: Desk) -> None:
    await proved(desk, ago=100)
    await desk.put("bans", {"short": NOW - 99})
    short = Redeeming(effect="deactivate", target="email", ride=1_000, last_keys=("x",), tries=2)
    assert await short.on(desk) == ["spent"]
    assert await RIDE_AWAY.on(desk) == ["rode", "email", 100]


@pytest.mark.parametrize("effect", ["activate", "enter"])
async def test_no_code_rides_to_anything_else(desk: Desk, effect: str) -> None:
    await proved(desk)
    await pend(desk)
    asked = Redeeming(effect=effect, target="email", ride=1_000, last_keys=("pending",))
    assert await asked.on(desk) == ["spent"]


# --- Activating --------------------------------------------------------------------------------


async def pend(desk: Desk, *, epoch: str = "3") -> None:
    await desk.put("pending", {"id": "0c", "sealed": "CC", "epoch": epoch, "at": NOW, "life": 500})


async def test_what_is_pending_becomes_active_beside_the_others_in_a_new_epoch(desk: Desk) -> None:
    await furnish(desk)
    await pend(desk)
    await send(desk)
    await desk.put("session", {"epoch": "3"})
    assert await ACTIVATE.on(desk) == ["redeemed", "email"]
    assert await desk.fields("account") == {
        "epoch": "4", "email": "active", "email:sealed": "0a:AA 0b:BB 0c:CC", "recorded": "1",
        "email:used:0c": str(NOW), "email:added:0c": str(NOW),
    }  # fmt: skip
    assert await desk.left("pending") == -2
    assert await desk.fields("session") == {"epoch": "4"}
    assert await desk.fields("proofs") == {"email": f"{NOW}:4:f1:aa"}


async def test_what_a_factor_kept_while_it_was_off_does_not_come_back(desk: Desk) -> None:
    await furnish(desk, email="pending")
    await pend(desk)
    await send(desk)
    await ACTIVATE.on(desk)
    assert (await desk.fields("account"))["email:sealed"] == "0c:CC"


@pytest.mark.parametrize(
    ("waited", "expected"), [(-1, "stale"), (0, "redeemed"), (1, "redeemed"), (499, "redeemed"), (500, "stale")]
)
async def test_what_is_pending_may_be_activated_while_it_is(desk: Desk, waited: int, expected: str) -> None:
    await furnish(desk)
    await pend(desk)
    await send(desk)
    desk.wait(waited)
    assert (await ACTIVATE.on(desk))[0] == expected


async def test_nothing_pending_or_that_of_another_epoch_is_stale(desk: Desk) -> None:
    await furnish(desk)
    await send(desk)
    assert await ACTIVATE.on(desk) == ["stale"]
    await pend(desk, epoch="2")
    assert await ACTIVATE.on(desk) == ["stale"]


async def test_only_the_enrolment_that_is_meant_is_activated(desk: Desk) -> None:
    await furnish(desk)
    await pend(desk)
    await send(desk)
    keys = ("pending",)
    assert await Redeeming(effect="activate", target="email", enrolment="0d", last_keys=keys).on(desk) == ["stale"]
    meant = Redeeming(effect="activate", target="email", enrolment="0c", last_keys=keys)
    assert await meant.on(desk) == ["redeemed", "email"]


# --- Taking away -------------------------------------------------------------------------------


async def test_a_right_code_takes_the_factor_away_with_its_codes_in_a_new_epoch(desk: Desk) -> None:
    await furnish(desk)
    await send(desk)
    await desk.ask("SET", "another", "x")
    await desk.put("session", {"epoch": "3"})
    assert await TAKE_AWAY.on(desk) == ["redeemed", "email"]
    assert await desk.fields("account") == {"epoch": "4"}
    assert await desk.ask("EXISTS", "another", "email code", "proofs") == 0
    assert await desk.fields("session") == {"epoch": "4"}


async def test_one_enrolment_is_taken_away_and_the_factor_stays(desk: Desk) -> None:
    await furnish(desk)
    await send(desk)
    one = Redeeming(effect="deactivate", target="email", enrolment="0a", last_keys=("another",))
    assert await one.on(desk) == ["redeemed", "email"]
    assert (await desk.fields("account"))["email:sealed"] == "0b:BB"


async def test_what_the_account_has_not_cannot_be_taken_away(desk: Desk) -> None:
    await furnish(desk, sms="pending")
    await send(desk)
    unknown = Redeeming(effect="deactivate", target="email", enrolment="0d", last_keys=("another",))
    assert await unknown.on(desk) == ["stale"]
    off = Redeeming(effect="deactivate", target="sms", last_keys=("another",))
    assert await off.on(desk) == ["stale"]
    assert await desk.left("email code") == -1


# --- Short codes -------------------------------------------------------------------------------


async def test_a_right_short_code_takes_back_its_own_count_of_the_day(desk: Desk) -> None:
    await furnish(desk)
    await send(desk)
    await desk.ask("RPUSH", "short", "5")
    assert await SHORT.on(desk) == ["redeemed", "email"]
    assert await desk.items("short") == ["5"]


async def test_a_wrong_short_code_is_counted_against_the_day_and_the_live_code(desk: Desk) -> None:
    await furnish(desk)
    await send(desk)
    await desk.ask("PEXPIRE", "email code", 900)
    assert await WRONG.on(desk) == ["wrong", 0]
    assert await desk.items("short") == [str(NOW)]
    assert await desk.left("short") == DAY
    assert await desk.ask("GET", "email code") == f"d1:f1:3:{NOW}:1000::1"
    assert await desk.left("email code") == 900


async def test_the_last_wrong_try_voids_the_code_and_the_one_before_does_not(desk: Desk) -> None:
    await furnish(desk)
    await send(desk)
    three = Redeeming(factors=WRONG.factors, tries=3)
    for expected in ("1", "2"):
        await three.on(desk)
        assert (await desk.ask("GET", "email code")).endswith(f"::{expected}")
    await desk.ask("DEL", "attempts", "bans")
    await three.on(desk)
    assert await desk.left("email code") == -2


async def test_a_short_code_with_one_try_is_void_after_it(desk: Desk) -> None:
    await furnish(desk)
    await send(desk)
    assert await Redeeming(factors=WRONG.factors, tries=1).on(desk) == ["wrong", 0]
    assert await desk.left("email code") == -2
    assert await desk.items("short") == [str(NOW)]


async def test_a_short_code_that_was_tried_wrongly_is_still_right(desk: Desk) -> None:
    await furnish(desk)
    await send(desk)
    await WRONG.on(desk)
    assert await SHORT.on(desk) == ["redeemed", "email"]


async def test_a_code_of_another_epoch_is_not_tried(desk: Desk) -> None:
    await furnish(desk)
    await send(desk, epoch="2")
    await WRONG.on(desk)
    assert await desk.ask("GET", "email code") == f"d1:f1:2:{NOW}:1000:"


async def test_a_long_code_costs_a_short_one_nothing(desk: Desk) -> None:
    await furnish(desk)
    await send(desk)
    assert await Redeeming(factors=WRONG.factors).on(desk) == ["wrong", 0]
    assert await desk.left("short") == -2
    assert (await desk.ask("GET", "email code")).endswith(":1000:")


@pytest.mark.parametrize(("ago", "rest"), [(DAY, 0), (DAY - 1, 1), (10_000, DAY - 10_000), (-5, DAY)])
async def test_a_day_that_is_full_of_wrong_short_codes_stops_them_for_its_rest(desk: Desk, ago: int, rest: int) -> None:
    await furnish(desk)
    await desk.ask("RPUSH", "short", NOW - DAY - 5, *([NOW - ago] * 2))
    assert await WRONG.on(desk) == ["wrong", rest]
    assert len(await desk.items("short")) == 3
    if rest:
        assert await desk.fields("bans") == {"short": str(NOW + rest)}
        assert await desk.left("bans") == rest + REMEMBERED
        assert await WRONG.on(desk) == ["banned", rest]
        assert await Redeeming(factors=WRONG.factors).on(desk) == ["wrong", 0]
    else:
        assert await desk.left("bans") == -2


async def test_two_wrong_short_codes_of_a_day_that_has_room_for_three_stop_nothing(desk: Desk) -> None:
    await furnish(desk)
    assert [await WRONG.on(desk) for _ in range(2)] == [["wrong", 0]] * 2
    assert await desk.left("bans") == -2


@pytest.mark.parametrize("more", [-1, 1])
async def test_a_stop_of_short_codes_does_not_shorten_what_is_remembered(desk: Desk, more: int) -> None:
    await furnish(desk)
    await desk.ask("RPUSH", "short", NOW, NOW)
    await desk.put("bans", {"times": 0})
    await desk.ask("PEXPIRE", "bans", DAY + REMEMBERED + more)
    assert await WRONG.on(desk) == ["wrong", DAY]
    assert await desk.left("bans") == DAY + REMEMBERED + max(more, 0)


async def test_of_a_stop_and_a_ban_the_longer_one_is_told(desk: Desk) -> None:
    await furnish(desk)
    for ago, told in ((DAY - BAN - 1, BAN + 1), (DAY - BAN + 1, BAN)):
        await desk.ask("DEL", "short", "bans", "attempts")
        await desk.ask("RPUSH", "short", *([NOW - ago] * 2))
        await desk.ask("RPUSH", "attempts", *([NOW] * (MOST - 1)))
        assert await WRONG.on(desk) == ["wrong", told]


async def test_of_two_bans_on_a_short_code_the_longer_one_is_told(desk: Desk) -> None:
    await furnish(desk)
    await desk.put("bans", {"until": NOW + 5, "short": NOW + 7})
    assert await WRONG.on(desk) == ["banned", 7]
    assert await Redeeming(factors=WRONG.factors).on(desk) == ["banned", 5]


async def test_a_stop_of_short_codes_ends_on_the_millisecond(desk: Desk) -> None:
    await furnish(desk)
    await send(desk)
    await desk.put("bans", {"short": NOW + 1})
    assert await SHORT.on(desk) == ["banned", 1]
    desk.wait(1)
    assert await SHORT.on(desk) == ["redeemed", "email"]
