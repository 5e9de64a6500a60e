"""The contract of redeeming, on every server, in the order of the script: stale, ride, spent, ban, count and so on."""

from dataclasses import replace

import pytest

from mfa_gateway.core.account import Factor, FactorState
from mfa_gateway.core.fault import StoreUnavailable
from mfa_gateway.core.otp import totp_candidates, totp_step
from mfa_gateway.core.proof import (
    Banned,
    Budget,
    Purpose,
    Receipt,
    Redeemed,
    Rejected,
    Rejection,
    Ride,
    Rode,
    Scope,
)
from mfa_gateway.state.redemption import receipt
from tests.state.world import ADA, BOB, GRACE_MS, MINUTE_MS, Guest, World

WRONG = Rejected(Rejection.WRONG)
SPENT = Rejected(Rejection.SPENT)
STALE = Rejected(Rejection.STALE)
SECRET = b"12345678901234567890"
BAN_MS = 900_000


async def guess(guest: Guest, times: int) -> list[Receipt]:
    """Present codes that were never issued."""
    return [await guest.present(f"9{number:05d}") for number in range(times)]


async def attempts(guest: Guest) -> int:
    return (await guest.store.show(guest.account)).budgets[Budget.STEP_UP].attempts


@pytest.fixture
async def eve(ada: Guest) -> Guest:
    """The account of `ada`, which has e-mail, in the hands of somebody who proved nothing with it yet."""
    await ada.enrol()
    return ada.again(session="session-of-eve", token="token-of-eve")


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
    await eve.enrol(Factor.TOTP, SECRET)
    await eve.issue("111111")
    assert await eve.deactivate("111111", Factor.TOTP, factors=(Factor.EMAIL,)) == Redeemed(Factor.EMAIL)
    assert (await eve.standing()).active() == (Factor.EMAIL,)


# --- Stale ------------------------------------------------------------------------------------


async def test_an_older_epoch_is_stale_and_nothing_is_counted(eve: Guest) -> None:
    await eve.issue("123456")
    assert await eve.present("123456", epoch=0) == STALE
    assert await eve.present("999999", epoch=0) == STALE
    assert await attempts(eve) == 0
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
    assert await attempts(eve) == 0


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
    assert isinstance((await guess(eve, 5))[-1], Rejected)
    assert isinstance(await eve.present("123456"), Rode)
    assert await eve.deactivate("123456") == SPENT
    await world.pass_time(2000)
    assert await eve.deactivate("123456") == SPENT
    assert (await eve.standing()).active() == (Factor.EMAIL,)


async def test_a_ban_from_before_the_proof_does_not_stop_a_deactivation(eve: Guest, world: World) -> None:
    await guess(eve, 5)
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
    assert await attempts(eve) == 0
    assert await eve.present("222222") == Redeemed(Factor.EMAIL)


async def test_an_expired_code_is_refused_but_not_counted(eve: Guest, world: World) -> None:
    await eve.issue("123456", life_ms=600_000)
    await world.pass_time(601_000)
    assert await eve.present("123456") == SPENT
    assert await attempts(eve) == 0


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
    present = ada.activate if purpose is Purpose.ACTIVATE else ada.present
    assert await present("123456", factors=(Factor.SMS,), target=Factor.SMS) == SPENT
    assert (await ada.standing()).state(Factor.SMS) is FactorState.PENDING


async def test_a_code_never_serves_another_account(eve: Guest) -> None:
    bob = eve.again(account=BOB)
    await bob.enrol()
    await bob.issue("123456")
    assert await eve.present("123456") == WRONG
    assert await attempts(eve) == 1
    assert await attempts(bob) == 0
    assert await bob.present("123456") == Redeemed(Factor.EMAIL)


# --- Ban --------------------------------------------------------------------------------------


async def test_the_attempt_that_fills_the_budget_brings_the_ban(eve: Guest) -> None:
    receipts = await guess(eve, 7)
    assert receipts[:4] == [WRONG] * 4
    assert receipts[4] == Rejected(Rejection.WRONG, BAN_MS)
    assert all(isinstance(one, Banned) and BAN_MS - 30_000 < one.left_ms <= BAN_MS for one in receipts[5:])


async def test_under_a_ban_the_right_code_is_refused_and_stays_live(eve: Guest, world: World) -> None:
    await eve.issue("123456", life_ms=2 * BAN_MS)
    await guess(eve, 5)
    assert isinstance(await eve.present("123456"), Banned)
    await world.pass_time(BAN_MS + 1000)
    assert await eve.present("123456") == Redeemed(Factor.EMAIL)


async def test_attempts_under_a_ban_do_not_lengthen_it(eve: Guest, world: World) -> None:
    await guess(eve, 20)
    await world.pass_time(BAN_MS + 1000)
    assert await eve.present("999999") == WRONG


async def test_a_ban_does_not_end_a_valid_proof(eve: Guest) -> None:
    await eve.issue("123456")
    await eve.present("123456")
    await guess(eve.again(session="thief"), 5)
    assert len((await eve.standing()).proofs) == 1
    assert isinstance(await eve.present("123456"), Rode)


async def test_each_ban_without_a_success_in_between_doubles_up_to_the_longest(eve: Guest, world: World) -> None:
    eve = eve.again(regulation=replace(eve.regulation, ban_max_ms=3 * BAN_MS))
    bans = []
    for _ in range(4):
        last = (await guess(eve, 5))[-1]
        assert isinstance(last, Rejected)
        bans.append(last.ban_left_ms)
        await world.pass_time(last.ban_left_ms + 1000)
    assert bans == [BAN_MS, 2 * BAN_MS, 3 * BAN_MS, 3 * BAN_MS]


async def test_a_success_ends_the_doubling(eve: Guest, world: World) -> None:
    await guess(eve, 5)
    await world.pass_time(BAN_MS + 1000)
    await eve.issue("123456")
    await eve.present("123456", session="")
    assert (await guess(eve, 5))[-1] == Rejected(Rejection.WRONG, BAN_MS)


async def test_bans_are_remembered_for_thirty_days(eve: Guest, world: World) -> None:
    await guess(eve, 5)
    await world.pass_time(29 * 24 * 60 * MINUTE_MS)
    assert (await guess(eve, 5))[-1] == Rejected(Rejection.WRONG, 2 * BAN_MS)
    await world.pass_time(31 * 24 * 60 * MINUTE_MS)
    assert (await guess(eve, 5))[-1] == Rejected(Rejection.WRONG, BAN_MS)


async def test_a_dead_code_is_spent_under_a_ban_too(eve: Guest) -> None:
    await eve.issue("111111")
    await eve.issue("222222")
    await guess(eve, 5)
    assert await eve.present("111111") == SPENT


async def test_a_code_that_serves_another_purpose_cannot_be_told_from_others_under_a_ban(eve: Guest) -> None:
    await eve.pend(Factor.SMS, "+491701234567")
    await eve.issue("123456", factor=Factor.SMS, purpose=Purpose.ACTIVATE)
    await guess(eve, 5)
    assert isinstance(await eve.present("123456", factors=(Factor.SMS,)), Banned)


# --- Count ------------------------------------------------------------------------------------


async def test_attempts_leave_the_window_one_by_one(eve: Guest, world: World) -> None:
    for number in range(12):
        assert await eve.present(f"90000{number % 10}") == WRONG
        await world.pass_time(eve.regulation.find_time_ms // 4)


async def test_attempts_inside_the_window_add_up(eve: Guest, world: World) -> None:
    for _ in range(4):
        assert await eve.present("999999") == WRONG
        await world.pass_time(eve.regulation.find_time_ms // 5)
    assert await eve.present("999999") == Rejected(Rejection.WRONG, BAN_MS)


async def test_attempts_survive_new_codes_new_sessions_and_new_tokens(eve: Guest) -> None:
    for number in range(4):
        await eve.issue(f"10000{number}")
        assert await eve.again(session=f"s{number}", token=f"t{number}").present("999999") == WRONG
    assert await eve.present("999999") == Rejected(Rejection.WRONG, BAN_MS)


async def test_a_right_code_takes_back_its_own_count_only(eve: Guest) -> None:
    await guess(eve, 4)
    await eve.issue("123456")
    assert await eve.present("123456") == Redeemed(Factor.EMAIL)
    assert await attempts(eve) == 4
    assert await eve.present("999999") == Rejected(Rejection.WRONG, BAN_MS)


async def test_the_last_attempt_may_be_the_right_one(eve: Guest) -> None:
    await guess(eve, 4)
    await eve.issue("123456")
    assert await eve.present("123456") == Redeemed(Factor.EMAIL)


async def test_a_code_of_no_possible_shape_is_counted_but_never_compared(eve: Guest) -> None:
    await eve.issue("123456")
    for _ in range(4):
        assert await eve.present("123456", factors=()) == WRONG
    assert await eve.present("x" * 64, factors=()) == Rejected(Rejection.WRONG, BAN_MS)
    assert isinstance(await eve.present("123456", factors=()), Banned)


async def test_all_purposes_and_effects_share_one_budget(eve: Guest) -> None:
    await eve.pend(Factor.SMS, "+491701234567")
    assert await eve.present("999999") == WRONG
    assert await eve.activate("999999", Factor.SMS) == WRONG
    assert await eve.deactivate("999999") == WRONG
    assert await eve.present("999999", scope=Scope.SESSION) == WRONG
    assert await eve.activate("999999", Factor.SMS) == Rejected(Rejection.WRONG, BAN_MS)
    assert isinstance(await eve.present("999999"), Banned)


async def test_fewer_attempts_allowed_from_now_on_hold_at_once(eve: Guest) -> None:
    await guess(eve, 4)
    stricter = eve.again(regulation=replace(eve.regulation, max_retries=2))
    assert await stricter.present("999999") == Rejected(Rejection.WRONG, BAN_MS)


async def test_a_ban_of_no_length_bans_nobody(eve: Guest) -> None:
    lenient = eve.again(regulation=replace(eve.regulation, ban_time_ms=0))
    assert await guess(lenient, 12) == [WRONG] * 12


async def test_what_is_kept_of_attempts_does_not_grow(eve: Guest, world: World) -> None:
    many = eve.again(regulation=replace(eve.regulation, find_time_ms=1000))
    for _ in range(8):
        await many.present("999999")
        await world.pass_time(900)
    assert await attempts(eve) <= 5


# --- The owner is not locked out --------------------------------------------------------------


async def test_a_session_that_proved_keeps_attempts_of_its_own(eve: Guest) -> None:
    await eve.issue("111111")
    await eve.present("111111")
    await guess(eve.again(session="thief"), 5)
    await eve.issue("222222")
    assert isinstance(await eve.again(session="thief").present("222222"), Banned)
    assert await eve.present("222222") == Redeemed(Factor.EMAIL)


async def test_attempts_of_its_own_can_be_spent_too(eve: Guest) -> None:
    await eve.issue("111111")
    await eve.present("111111")
    await guess(eve.again(session="thief"), 5)
    own = await guess(eve, 7)
    assert own[:4] == [WRONG] * 4
    assert own[4] == Rejected(Rejection.WRONG, BAN_MS)
    assert all(isinstance(one, Banned) for one in own[5:])


async def test_a_session_in_its_own_attempts_does_not_end_the_ban_of_the_account(eve: Guest, world: World) -> None:
    await eve.issue("111111")
    await eve.present("111111")
    thief = eve.again(session="thief")
    await guess(thief, 5)
    await eve.issue("222222")
    assert await eve.present("222222") == Redeemed(Factor.EMAIL)
    assert isinstance(await thief.present("999999"), Banned)
    await world.pass_time(BAN_MS + 1000)
    assert (await guess(thief, 5))[-1] == Rejected(Rejection.WRONG, 2 * BAN_MS)


async def test_a_session_is_known_for_thirty_days(eve: Guest, world: World) -> None:
    await eve.issue("111111")
    await eve.present("111111")
    await world.pass_time(31 * 24 * 60 * MINUTE_MS)
    await guess(eve.again(session="thief"), 5)
    assert isinstance(await eve.present("999999"), Banned)


async def test_a_session_that_proved_in_an_older_epoch_has_nothing_of_its_own(eve: Guest) -> None:
    await eve.issue("111111")
    await eve.present("111111")
    await eve.store.disable(ADA)
    await eve.store.enable(ADA)
    await guess(eve.again(session="thief"), 5)
    assert isinstance(await eve.present("999999"), Banned)


async def test_a_session_without_a_name_has_nothing_of_its_own(eve: Guest) -> None:
    nameless = eve.again(session="")
    await nameless.issue("111111")
    await nameless.present("111111")
    await guess(nameless, 5)
    assert isinstance(await nameless.present("999999"), Banned)


# --- TOTP -------------------------------------------------------------------------------------


def totp_code(now_ms: int, steps: int = 0) -> str:
    """The code of a step, seen from a moment."""
    return dict(totp_candidates(SECRET, now_ms + steps * 30_000))[totp_step(now_ms) + steps]


async def present_totp(guest: Guest, steps: int, *, now_ms: int, ride: Ride | None = None) -> Receipt:
    """Present the code of a step, at a moment."""
    standing = replace(await guest.standing(), now_ms=now_ms)
    redemption = guest.redemption(totp_code(now_ms, steps), standing, ride=ride)
    return await guest.store.redeem(redemption, standing)


@pytest.fixture
async def tim(ada: Guest) -> Guest:
    """Somebody with an authenticator."""
    await ada.enrol(Factor.TOTP, SECRET)
    return ada


async def test_the_code_of_an_authenticator_opens_once(tim: Guest) -> None:
    assert await present_totp(tim, 0, now_ms=1_800_000_000_000) == Redeemed(Factor.TOTP)
    assert await present_totp(tim, 0, now_ms=1_800_000_000_000) == SPENT
    assert await attempts(tim) == 0


async def test_a_used_code_does_not_come_back_in_the_next_step(tim: Guest) -> None:
    assert await present_totp(tim, 0, now_ms=1_800_000_000_000) == Redeemed(Factor.TOTP)
    assert await present_totp(tim, -1, now_ms=1_800_000_030_000) == SPENT


async def test_only_a_later_step_than_the_last_one_is_accepted(tim: Guest) -> None:
    assert await present_totp(tim, 1, now_ms=1_800_000_000_000) == Redeemed(Factor.TOTP)
    assert await present_totp(tim, 0, now_ms=1_800_000_000_000) == WRONG
    assert await present_totp(tim, 1, now_ms=1_800_000_030_000) == Redeemed(Factor.TOTP)


@pytest.mark.parametrize(("steps", "expected"), [(-2, WRONG), (2, WRONG)])
async def test_steps_beyond_the_drift_are_wrong(tim: Guest, steps: int, expected: Receipt) -> None:
    assert await present_totp(tim, steps, now_ms=1_800_000_000_000) == expected


async def test_the_code_of_an_authenticator_rides_on_its_proof(tim: Guest) -> None:
    await present_totp(tim, 0, now_ms=1_800_000_000_000)
    assert isinstance(await present_totp(tim, 0, now_ms=1_800_000_000_000, ride=Ride(GRACE_MS)), Rode)


async def test_an_authenticator_and_a_mailbox_are_both_accepted(tim: Guest) -> None:
    await tim.enrol()
    await tim.issue("123456")
    assert await tim.present("123456") == Redeemed(Factor.EMAIL)
    assert await present_totp(tim, 0, now_ms=1_800_000_000_000) == Redeemed(Factor.TOTP)


async def test_a_new_secret_begins_with_no_step_used_and_the_same_does_not(tim: Guest) -> None:
    await present_totp(tim, 0, now_ms=1_800_000_000_000)
    await tim.enrol(Factor.TOTP, SECRET)
    assert await present_totp(tim, 0, now_ms=1_800_000_000_000) == SPENT
    await tim.enrol(Factor.TOTP, SECRET + b"x")
    await tim.enrol(Factor.TOTP, SECRET)
    assert await present_totp(tim, 0, now_ms=1_800_000_000_000) == Redeemed(Factor.TOTP)


async def test_a_secret_that_cannot_be_unsealed_is_a_fault_and_no_wrong_code(tim: Guest) -> None:
    standing = await tim.standing()
    foreign = replace(standing, sealed={Factor.TOTP: b"\x01" + bytes(60)})
    with pytest.raises(StoreUnavailable, match=r"totp factor cannot be read.*secrets\.keys"):
        await tim.store.redeem(tim.redemption("123456", foreign), foreign)
    assert await attempts(tim) == 0


# --- Answers ----------------------------------------------------------------------------------


@pytest.mark.parametrize("reply", [[], [b"redeemed"], [b"banned"], [b"opened", b"email"], [b"wrong", b"0"]])
def test_an_answer_that_nobody_knows_is_no_success(reply: list[object]) -> None:
    with pytest.raises(StoreUnavailable, match="something unknown"):
        receipt(reply)
