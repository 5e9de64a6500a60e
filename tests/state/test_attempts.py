"""The contract of attempts, on every server: what is counted, what brings a ban, and who is not locked out."""

from dataclasses import replace

from mfa_gateway.core.account import Factor
from mfa_gateway.core.proof import Banned, Purpose, Redeemed, Rejected, Rejection, Rode, Scope
from tests.state.world import ADA, BAN_MS, MINUTE_MS, SPENT, WRONG, Guest, World

# --- Ban --------------------------------------------------------------------------------------


async def test_the_attempt_that_fills_the_budget_brings_the_ban(eve: Guest) -> None:
    receipts = await eve.guess(7)
    assert receipts[:4] == [WRONG] * 4
    assert receipts[4] == Rejected(Rejection.WRONG, BAN_MS)
    assert all(isinstance(one, Banned) and BAN_MS - 30_000 < one.left_ms <= BAN_MS for one in receipts[5:])


async def test_under_a_ban_the_right_code_is_refused_and_stays_live(eve: Guest, world: World) -> None:
    await eve.issue("123456", life_ms=2 * BAN_MS)
    await eve.guess(5)
    assert isinstance(await eve.present("123456"), Banned)
    await world.pass_time(BAN_MS + 1000)
    assert await eve.present("123456") == Redeemed(Factor.EMAIL)


async def test_attempts_under_a_ban_do_not_lengthen_it(eve: Guest, world: World) -> None:
    await eve.guess(20)
    await world.pass_time(BAN_MS + 1000)
    assert await eve.present("999999") == WRONG


async def test_a_ban_does_not_end_a_valid_proof(eve: Guest) -> None:
    await eve.issue("123456")
    await eve.present("123456")
    await eve.again(session="thief").guess(5)
    assert len((await eve.standing()).proofs) == 1
    assert isinstance(await eve.present("123456"), Rode)


async def test_each_ban_without_a_success_in_between_doubles_up_to_the_longest(eve: Guest, world: World) -> None:
    eve = eve.again(regulation=replace(eve.regulation, ban_max_ms=3 * BAN_MS))
    bans = []
    for _ in range(4):
        last = (await eve.guess(5))[-1]
        assert isinstance(last, Rejected)
        bans.append(last.ban_left_ms)
        await world.pass_time(last.ban_left_ms + 1000)
    assert bans == [BAN_MS, 2 * BAN_MS, 3 * BAN_MS, 3 * BAN_MS]


async def test_a_success_ends_the_doubling(eve: Guest, world: World) -> None:
    await eve.guess(5)
    await world.pass_time(BAN_MS + 1000)
    await eve.issue("123456")
    await eve.present("123456", session="")
    assert (await eve.guess(5))[-1] == Rejected(Rejection.WRONG, BAN_MS)


async def test_bans_are_remembered_for_thirty_days(eve: Guest, world: World) -> None:
    await eve.guess(5)
    await world.pass_time(29 * 24 * 60 * MINUTE_MS)
    assert (await eve.guess(5))[-1] == Rejected(Rejection.WRONG, 2 * BAN_MS)
    await world.pass_time(31 * 24 * 60 * MINUTE_MS)
    assert (await eve.guess(5))[-1] == Rejected(Rejection.WRONG, BAN_MS)


async def test_a_dead_code_is_spent_under_a_ban_too(eve: Guest) -> None:
    await eve.issue("111111")
    await eve.issue("222222")
    await eve.guess(5)
    assert await eve.present("111111") == SPENT


async def test_a_code_that_serves_another_purpose_cannot_be_told_from_others_under_a_ban(eve: Guest) -> None:
    await eve.pend(Factor.SMS, "+491701234567")
    await eve.issue("123456", factor=Factor.SMS, purpose=Purpose.ACTIVATE)
    await eve.guess(5)
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
    await eve.guess(4)
    await eve.issue("123456")
    assert await eve.present("123456") == Redeemed(Factor.EMAIL)
    assert await eve.attempts() == 4
    assert await eve.present("999999") == Rejected(Rejection.WRONG, BAN_MS)


async def test_the_last_attempt_may_be_the_right_one(eve: Guest) -> None:
    await eve.guess(4)
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
    await eve.guess(4)
    stricter = eve.again(regulation=replace(eve.regulation, max_retries=2))
    assert await stricter.present("999999") == Rejected(Rejection.WRONG, BAN_MS)


async def test_a_ban_of_no_length_bans_nobody(eve: Guest) -> None:
    lenient = eve.again(regulation=replace(eve.regulation, ban_time_ms=0))
    assert await lenient.guess(12) == [WRONG] * 12


async def test_what_is_kept_of_attempts_does_not_grow(eve: Guest, world: World) -> None:
    many = eve.again(regulation=replace(eve.regulation, find_time_ms=1000))
    for _ in range(8):
        await many.present("999999")
        await world.pass_time(900)
    assert await eve.attempts() <= 5


# --- The owner is not locked out --------------------------------------------------------------


async def test_a_session_that_proved_keeps_attempts_of_its_own(eve: Guest) -> None:
    await eve.issue("111111")
    await eve.present("111111")
    await eve.again(session="thief").guess(5)
    await eve.issue("222222")
    assert isinstance(await eve.again(session="thief").present("222222"), Banned)
    assert await eve.present("222222") == Redeemed(Factor.EMAIL)


async def test_attempts_of_its_own_can_be_spent_too(eve: Guest) -> None:
    await eve.issue("111111")
    await eve.present("111111")
    await eve.again(session="thief").guess(5)
    own = await eve.guess(7)
    assert own[:4] == [WRONG] * 4
    assert own[4] == Rejected(Rejection.WRONG, BAN_MS)
    assert all(isinstance(one, Banned) for one in own[5:])


async def test_a_session_is_told_the_shorter_of_both_bans(eve: Guest, world: World) -> None:
    await eve.issue("111111")
    await eve.present("111111")
    await eve.again(session="thief").guess(5)
    await world.pass_time(10 * MINUTE_MS)
    await eve.guess(5)
    banned = await eve.present("999999")
    assert isinstance(banned, Banned)
    assert 4 * MINUTE_MS < banned.left_ms <= 5 * MINUTE_MS


async def test_a_session_in_its_own_attempts_does_not_end_the_ban_of_the_account(eve: Guest, world: World) -> None:
    await eve.issue("111111")
    await eve.present("111111")
    thief = eve.again(session="thief")
    await thief.guess(5)
    await eve.issue("222222")
    assert await eve.present("222222") == Redeemed(Factor.EMAIL)
    assert isinstance(await thief.present("999999"), Banned)
    await world.pass_time(BAN_MS + 1000)
    assert (await thief.guess(5))[-1] == Rejected(Rejection.WRONG, 2 * BAN_MS)


async def test_a_session_is_known_for_thirty_days(eve: Guest, world: World) -> None:
    await eve.issue("111111")
    await eve.present("111111")
    await world.pass_time(31 * 24 * 60 * MINUTE_MS)
    await eve.again(session="thief").guess(5)
    assert isinstance(await eve.present("999999"), Banned)


async def test_a_session_that_proved_in_an_older_epoch_has_nothing_of_its_own(eve: Guest) -> None:
    await eve.issue("111111")
    await eve.present("111111")
    await eve.store.disable(ADA)
    await eve.store.enable(ADA)
    await eve.again(session="thief").guess(5)
    assert isinstance(await eve.present("999999"), Banned)


async def test_a_session_without_a_name_has_nothing_of_its_own(eve: Guest) -> None:
    nameless = eve.again(session="")
    await nameless.issue("111111")
    await nameless.present("111111")
    await nameless.guess(5)
    assert isinstance(await nameless.present("999999"), Banned)
