"""The contract of redeeming, on every server: what a right code does, and when it is stale, rides, or is spent."""

from dataclasses import replace
from functools import partial

import pytest

from mfa_gateway.core.account import Factor, FactorState
from mfa_gateway.core.fault import StoreUnavailable
from mfa_gateway.core.proof import Purpose, Redeemed, Rejected, Ride, Rode, Scope
from mfa_gateway.state.redemption import receipt
from tests.state.world import ADA, BAN_MS, BOB, GRACE_MS, MINUTE_MS, SPENT, STALE, WRONG, Guest, World

# --- What a right code does -------------------------------------------------------------------


async def test_a_right_code_opens(eve: Guest) -> None:
    await eve.issue("123456")
    assert await eve.present("123456") == Redeemed(Factor.EMAIL)
    assert [proof.factor for proof in (await eve.standing()).proofs] == [Factor.EMAIL]


async def test_a_right_code_works_once(eve: Guest) -> None:
    await eve.issue("123456")
    assert await eve.present("123456", ride=None) == Redeemed(Factor.EMAIL)
    assert await eve.present("123456", ride=None) == SPENT


async def test_a_code_of_either_factor_opens(eve: Guest) -> None:
    await eve.enrol(Factor.SMS, "+491701234567")
    await eve.issue("111111")
    await eve.issue("222222", factor=Factor.SMS)
    assert await eve.present("222222") == Redeemed(Factor.SMS)
    assert await eve.present("111111") == Redeemed(Factor.EMAIL)


async def test_a_code_of_a_factor_that_is_not_accepted_is_wrong(eve: Guest) -> None:
    await eve.enrol(Factor.SMS, "+491701234567")
    await eve.issue("111111")
    assert await eve.present("111111", factors=(Factor.SMS,)) == WRONG


async def test_activating_begins_a_new_epoch_with_a_proof_in_it(ada: Guest) -> None:
    await ada.pend()
    await ada.issue("123456", purpose=Purpose.ACTIVATE)
    assert await ada.activate("123456") == Redeemed(Factor.EMAIL)
    standing = await ada.standing()
    assert standing.epoch == 1
    assert standing.active() == (Factor.EMAIL,)
    assert standing.recorded
    assert [proof.factor for proof in standing.proofs] == [Factor.EMAIL]


async def test_activating_voids_the_windows_and_codes_of_other_sessions(eve: Guest) -> None:
    await eve.issue("111111")
    await eve.present("111111")
    await eve.issue("222222")
    ada = eve.again(session="session-1", token="token-1", scope=Scope.SESSION)
    await ada.pend(Factor.SMS, "+491701234567")
    await ada.issue("333333", factor=Factor.SMS, purpose=Purpose.ACTIVATE)
    assert await ada.activate("333333", Factor.SMS) == Redeemed(Factor.SMS)
    assert (await eve.standing()).proofs == ()
    assert await eve.present("111111") == SPENT
    assert await eve.present("222222") == SPENT


async def test_deactivating_removes_the_factor_and_voids_everything(eve: Guest) -> None:
    await eve.issue("111111")
    await eve.present("111111")
    await eve.issue("222222")
    assert await eve.deactivate("222222") == Redeemed(Factor.EMAIL)
    standing = await eve.standing()
    assert standing.factors == {}
    assert standing.sealed == {}
    assert standing.proofs == ()
    assert standing.epoch == 2


async def test_deactivating_takes_the_live_codes_of_the_factor_along(eve: Guest, world: World) -> None:
    await eve.issue("111111")
    await eve.issue("222222", purpose=Purpose.ACTIVATE)
    await eve.deactivate("111111")
    assert await world.ask("KEYS", "*:code:*") == []


async def test_a_factor_can_be_removed_with_the_code_of_another(eve: Guest) -> None:
    await eve.enrol(Factor.TOTP, b"a secret of twenty b.")
    await eve.issue("111111")
    assert await eve.deactivate("111111", Factor.TOTP, factors=(Factor.EMAIL,)) == Redeemed(Factor.EMAIL)
    assert (await eve.standing()).active() == (Factor.EMAIL,)


# --- Stale ------------------------------------------------------------------------------------


async def test_an_older_epoch_is_stale_and_nothing_is_counted(eve: Guest) -> None:
    await eve.issue("123456")
    assert await eve.present("123456", epoch=0) == STALE
    assert await eve.present("999999", epoch=0) == STALE
    assert await eve.attempts() == 0
    assert await eve.present("123456") == Redeemed(Factor.EMAIL)


async def test_a_disabled_account_is_stale(eve: Guest) -> None:
    await eve.issue("123456")
    standing = await eve.standing()
    await eve.store.disable(ADA)
    assert await eve.present("123456", epoch=standing.epoch) == STALE
    assert await eve.present("123456") == STALE


async def test_only_a_pending_factor_is_activated(ada: Guest) -> None:
    await ada.issue("123456", purpose=Purpose.ACTIVATE)
    assert await ada.activate("123456") == STALE
    await ada.enrol()
    await ada.issue("123456", purpose=Purpose.ACTIVATE)
    assert await ada.activate("123456") == STALE


async def test_only_an_active_factor_is_deactivated(eve: Guest) -> None:
    await eve.issue("123456")
    assert await eve.deactivate("123456", Factor.SMS, factors=(Factor.EMAIL,)) == STALE
    await eve.pend(Factor.SMS, "+491701234567")
    assert await eve.deactivate("123456", Factor.SMS, factors=(Factor.EMAIL,)) == STALE


# --- Ride -------------------------------------------------------------------------------------


async def test_the_code_of_a_valid_proof_rides_and_is_not_counted(eve: Guest, world: World) -> None:
    await eve.issue("123456")
    await eve.present("123456")
    await world.pass_time(MINUTE_MS)
    for _ in range(10):
        rode = await eve.present("123456")
        assert isinstance(rode, Rode)
        assert MINUTE_MS <= rode.age_ms < MINUTE_MS + 30_000
    assert await eve.attempts() == 0


async def test_a_ride_does_not_make_its_proof_younger(eve: Guest, world: World) -> None:
    await eve.issue("123456")
    await eve.present("123456")
    await world.pass_time(MINUTE_MS)
    await eve.present("123456")
    assert (await eve.standing()).proofs[0].age_ms >= MINUTE_MS


async def test_a_ride_ends_with_the_grace_of_its_rule(eve: Guest, world: World) -> None:
    await eve.issue("123456")
    await eve.present("123456")
    await world.pass_time(2 * MINUTE_MS)
    assert isinstance(await eve.present("123456", ride=Ride(30 * MINUTE_MS)), Rode)
    assert await eve.present("123456", ride=Ride(MINUTE_MS)) == SPENT


async def test_another_code_does_not_ride(eve: Guest) -> None:
    await eve.issue("123456")
    await eve.present("123456")
    assert await eve.present("654321") == WRONG


async def test_a_code_rides_only_on_the_proof_of_a_factor_that_is_accepted(eve: Guest) -> None:
    await eve.enrol(Factor.SMS, "+491701234567")
    await eve.issue("123456")
    await eve.present("123456")
    assert await eve.present("123456", factors=(Factor.SMS,)) == WRONG


async def test_the_proof_of_another_session_is_not_ridden_on(eve: Guest) -> None:
    here = eve.again(scope=Scope.SESSION)
    await here.issue("123456")
    await here.present("123456")
    assert await here.again(session="session-2").present("123456") == SPENT
    assert isinstance(await here.present("123456"), Rode)


async def test_a_ride_may_ask_for_the_same_token(eve: Guest) -> None:
    await eve.issue("123456")
    await eve.present("123456")
    ride = Ride(GRACE_MS, same_token=True)
    assert await eve.again(token="token-2").present("123456", ride=ride) == SPENT
    assert isinstance(await eve.present("123456", ride=ride), Rode)


async def test_nobody_rides_when_the_clock_was_set_back(eve: Guest, world: World) -> None:
    await eve.issue("123456")
    await eve.present("123456")
    await world.pass_time(-5 * MINUTE_MS)
    assert await eve.present("123456") == SPENT


async def test_the_code_that_activated_rides_at_the_gate(ada: Guest) -> None:
    await ada.pend()
    await ada.issue("123456", purpose=Purpose.ACTIVATE)
    await ada.activate("123456")
    assert isinstance(await ada.present("123456"), Rode)


async def test_the_code_that_activated_deactivates_once(ada: Guest) -> None:
    await ada.pend()
    await ada.issue("123456", purpose=Purpose.ACTIVATE)
    await ada.activate("123456")
    assert isinstance(await ada.deactivate("123456"), Rode)
    assert (await ada.standing()).factors == {}
    assert (await ada.standing()).epoch == 2
    assert await ada.deactivate("123456") == STALE


async def test_a_code_does_not_ride_to_a_deactivation_for_another_token(eve: Guest) -> None:
    await eve.issue("123456")
    await eve.present("123456")
    assert await eve.again(token="token-2").deactivate("123456") == SPENT
    assert (await eve.standing()).active() == (Factor.EMAIL,)


async def test_an_activation_never_rides(ada: Guest) -> None:
    await ada.pend()
    await ada.issue("123456", purpose=Purpose.ACTIVATE)
    await ada.activate("123456")
    await ada.pend(Factor.SMS, "+491701234567")
    assert await ada.activate("123456", Factor.SMS, factors=(Factor.EMAIL,), ride=Ride(GRACE_MS)) == SPENT
    assert (await ada.standing()).state(Factor.SMS) is FactorState.PENDING


async def test_a_code_found_by_trying_under_a_ban_does_not_take_a_factor_away(eve: Guest, world: World) -> None:
    """Under a ban nothing is counted, so a thief with the token may try until a ride tells the code."""
    brief = replace(eve.regulation, ban_time_ms=1000)
    eve = eve.again(regulation=brief)
    await eve.issue("123456")
    await eve.present("123456")
    assert isinstance((await eve.guess(5))[-1], Rejected)
    assert isinstance(await eve.present("123456"), Rode)
    assert await eve.deactivate("123456") == SPENT
    await world.pass_time(2000)
    assert await eve.deactivate("123456") == SPENT
    assert (await eve.standing()).active() == (Factor.EMAIL,)


async def test_a_ban_from_before_the_proof_does_not_stop_a_deactivation(eve: Guest, world: World) -> None:
    await eve.guess(5)
    await world.pass_time(BAN_MS + 1000)
    await eve.issue("123456")
    await eve.present("123456")
    assert isinstance(await eve.deactivate("123456"), Rode)


# --- Spent ------------------------------------------------------------------------------------


async def test_a_superseded_code_is_refused_but_not_counted(eve: Guest) -> None:
    await eve.issue("111111")
    await eve.issue("222222")
    for _ in range(10):
        assert await eve.present("111111") == SPENT
    assert await eve.attempts() == 0
    assert await eve.present("222222") == Redeemed(Factor.EMAIL)


async def test_an_expired_code_is_refused_but_not_counted(eve: Guest, world: World) -> None:
    await eve.issue("123456", life_ms=600_000)
    await world.pass_time(601_000)
    assert await eve.present("123456") == SPENT
    assert await eve.attempts() == 0


async def test_a_code_lives_as_long_as_it_should(eve: Guest, world: World) -> None:
    await eve.issue("123456", life_ms=600_000)
    await world.pass_time(560_000)
    assert await eve.present("123456") == Redeemed(Factor.EMAIL)


async def test_a_code_that_outlives_its_expiry_is_still_too_old(eve: Guest, world: World) -> None:
    await eve.issue("123456", life_ms=600_000)
    (key,) = await world.ask("KEYS", "*:code:gate:email")
    await world.ask("PERSIST", key)
    await world.pass_time(601_000)
    assert await world.ask("EXISTS", key) == 1
    assert await eve.present("123456") == SPENT


async def test_a_clock_set_back_voids_the_code_for_good(eve: Guest, world: World) -> None:
    await eve.issue("123456")
    await world.pass_time(-5 * MINUTE_MS)
    assert await eve.present("123456") == SPENT
    await world.pass_time(5 * MINUTE_MS + 1000)
    assert await eve.present("123456") == SPENT


async def test_the_last_eight_codes_are_known_as_spent(eve: Guest) -> None:
    for number in range(10):
        await eve.issue(f"10000{number}")
    assert await eve.present("100001") == WRONG
    for number in range(2, 9):
        assert await eve.present(f"10000{number}") == SPENT
    assert await eve.present("100009") == Redeemed(Factor.EMAIL)


async def test_spent_codes_are_known_for_a_day(eve: Guest, world: World) -> None:
    await eve.issue("123456")
    await world.pass_time(23 * 60 * MINUTE_MS)
    assert await eve.present("123456") == SPENT
    await world.pass_time(2 * 60 * MINUTE_MS)
    assert await eve.present("123456") == WRONG


async def test_a_code_issued_again_is_good_again(eve: Guest) -> None:
    await eve.issue("123456")
    await eve.present("123456", ride=None)
    await eve.issue("123456")
    assert await eve.present("123456", ride=None) == Redeemed(Factor.EMAIL)


async def test_a_code_that_is_dead_for_one_factor_and_live_for_another_is_good(eve: Guest) -> None:
    await eve.enrol(Factor.SMS, "+491701234567")
    await eve.issue("123456")
    await eve.issue("111111")
    await eve.issue("123456", factor=Factor.SMS)
    assert await eve.present("123456") == Redeemed(Factor.SMS)


@pytest.mark.parametrize("purpose", list(Purpose))
async def test_a_code_never_serves_another_purpose(ada: Guest, purpose: Purpose) -> None:
    await ada.enrol()
    await ada.pend(Factor.SMS, "+491701234567")
    issued_for = Purpose.ACTIVATE if purpose is Purpose.GATE else Purpose.GATE
    await ada.issue("123456", factor=Factor.SMS, purpose=issued_for)
    present = ada.activate if purpose is Purpose.ACTIVATE else partial(ada.present, purpose=purpose)
    assert await present("123456", factors=(Factor.SMS,), target=Factor.SMS) == SPENT
    assert (await ada.standing()).state(Factor.SMS) is FactorState.PENDING


async def test_a_code_never_serves_another_account(eve: Guest) -> None:
    bob = eve.again(account=BOB)
    await bob.enrol()
    await bob.issue("123456")
    assert await eve.present("123456") == WRONG
    assert await eve.attempts() == 1
    assert await bob.attempts() == 0
    assert await bob.present("123456") == Redeemed(Factor.EMAIL)


# --- Answers ----------------------------------------------------------------------------------


@pytest.mark.parametrize("reply", [[], [b"redeemed"], [b"banned"], [b"opened", b"email"], [b"wrong", b"0"]])
def test_an_answer_that_nobody_knows_is_no_success(reply: list[object]) -> None:
    with pytest.raises(StoreUnavailable, match="something unknown"):
        receipt(reply)
