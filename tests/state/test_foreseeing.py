"""Foreseeing: what is known of an account and what a code would meet, in one trip that changes nothing."""

from typing import Any

import pytest

from mfa_gateway.core.account import Enrolment, Factor
from mfa_gateway.core.foresight import Prospect
from mfa_gateway.core.proof import Banned, Regulation, Scope, ShortCodes
from tests.state.world import ADA, ADDRESS, BAN_MS, MINUTE_MS, Guest, ServerWorld, World

SECRET = b"12345678901234567890"


async def foreseen(guest: Guest) -> Prospect:
    return await guest.store.foresee(guest.account, scope=guest.scope, session=guest.session)


async def ban_of(guest: Guest) -> int:
    """What the script that redeems says about it."""
    receipt = await guest.present("999999")
    return receipt.left_ms if isinstance(receipt, Banned) else 0


async def test_it_is_what_is_recalled(ada: Guest) -> None:
    await ada.enrol()
    await ada.issue("123456")
    await ada.present("123456")
    seen, known = await foreseen(ada), await ada.standing()
    assert (seen.standing.factors, seen.standing.epoch) == (known.factors, known.epoch)
    assert [proof.factor for proof in seen.standing.proofs] == [Factor.EMAIL]
    assert (seen.ban_left_ms, seen.short_left_ms) == (0, 0)


async def test_active_enrolments_come_along_with_their_addresses(ada: Guest) -> None:
    await ada.enrol()
    await ada.store.attach(ADA, Factor.TOTP, SECRET, name="Phone")
    await ada.pend(Factor.SMS, "+491701234567")
    mail, app = (await foreseen(ada)).enrolments
    listed = (await ada.store.inventory(ADA)).enrolments
    assert (mail, app) == tuple(Enrolment(one.factor, one.id, one.name, one.address) for one in listed)
    assert (mail.address, app.name, app.address) == (ADDRESS, "Phone", None)


async def test_a_ban_is_as_long_as_the_gate_would_say(ada: Guest, world: World) -> None:
    await ada.enrol()
    await ada.guess(5)
    assert BAN_MS - 5_000 < (await foreseen(ada)).ban_left_ms <= BAN_MS
    await world.pass_time(BAN_MS - MINUTE_MS)
    seen, told = (await foreseen(ada)).ban_left_ms, await ban_of(ada)
    assert 0 < told <= seen <= MINUTE_MS
    await world.pass_time(MINUTE_MS)
    assert (await foreseen(ada)).ban_left_ms == 0


async def test_a_session_that_proved_has_a_lane_of_its_own(ada: Guest) -> None:
    await ada.enrol()
    await ada.issue("123456")
    await ada.present("123456")
    thief = ada.again(session="of a thief", token="another")
    await thief.guess(5)
    assert (await foreseen(thief)).ban_left_ms > 0
    assert (await foreseen(ada)).ban_left_ms == 0
    await ada.guess(5)
    left_ms = (await foreseen(ada)).ban_left_ms
    assert 0 < await ban_of(ada) <= left_ms


async def test_short_codes_have_a_ban_of_their_own(ada: Guest) -> None:
    few = ada.again(short=ShortCodes(tries=3, per_day=4), regulation=Regulation(max_retries=50))
    await few.enrol()
    for number in range(4):
        await few.present(f"900{number}")
    seen = await foreseen(few)
    assert (seen.ban_left_ms, seen.short_left_ms > 23 * 60 * MINUTE_MS) == (0, True)


@pytest.mark.processes
async def test_it_changes_nothing_and_takes_one_trip(valkey_world: ServerWorld) -> None:
    ada = Guest(await valkey_world.store(), scope=Scope.SESSION)
    await ada.enrol()
    await ada.guess(2)
    await foreseen(ada)
    before, trips = await _everything(valkey_world), ada.store.traffic.trips
    await foreseen(ada)
    assert ada.store.traffic.trips == trips + 1
    assert await _everything(valkey_world) == before


async def _everything(world: ServerWorld) -> dict[bytes, Any]:
    return {key: await world.ask("DUMP", key) for key in sorted(await world.ask("KEYS", "*"))}


# --- What waits for its first code ------------------------------------------------------------


async def test_what_is_pending_is_in_the_inventory_until_it_is_over(ada: Guest, world: World) -> None:
    await ada.enrol()
    await ada.pend(Factor.EMAIL, "work@shop.test")
    (waits,) = (await ada.store.inventory(ADA)).awaited
    assert (waits.enrolment.factor, waits.enrolment.address) == (Factor.EMAIL, "work@shop.test")
    day = 24 * 60 * MINUTE_MS
    assert day - 5_000 < waits.left_ms <= day
    await world.pass_time(day)
    assert (await ada.store.inventory(ADA)).awaited == ()


async def test_what_is_pending_ends_with_its_epoch(ada: Guest) -> None:
    await ada.enrol()
    await ada.pend(Factor.EMAIL, "work@shop.test")
    await ada.store.attach(ADA, Factor.TOTP, SECRET)
    assert (await ada.store.inventory(ADA)).awaited == ()
