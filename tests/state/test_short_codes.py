"""The contract of codes of fewer than six digits, on every server: three tries a code, ten a day, and no way around."""

from collections import Counter
from dataclasses import replace

import pytest

from mfa_gateway.core.account import Factor
from mfa_gateway.core.ceremony import Change
from mfa_gateway.core.proof import (
    Banned,
    Budget,
    Purpose,
    Redeemed,
    Regulation,
    Rejected,
    Rejection,
    Rode,
    ShortCodes,
)
from tests.state.world import ADA, MINUTE_MS, SPENT, WRONG, Guest, MemoryWorld, World

DAY_MS = 24 * 60 * MINUTE_MS
PHONE = "+491701234567"
LENIENT = Regulation(max_retries=100)


@pytest.fixture
async def eve(eve: Guest) -> Guest:
    """The account of `ada`, where nothing but the numbers of short codes holds anybody up."""
    return eve.again(regulation=LENIENT)


async def guess(guest: Guest, times: int, **changes: object) -> list[object]:
    """Present short codes that were never issued."""
    return [await guest.present(f"9{number:03d}", ride=None, **changes) for number in range(times)]


async def fill_the_day(guest: Guest, world: World, *, apart_ms: int = 0) -> None:
    """Nine wrong codes, one after the other. One more is too many."""
    for number in range(9):
        assert await guest.present(f"9{number:03d}", ride=None) == WRONG
        await world.pass_time(apart_ms)


# --- Tries a code -----------------------------------------------------------------------------


async def test_the_third_try_may_be_the_right_one(eve: Guest) -> None:
    await eve.issue("1234")
    assert await guess(eve, 2) == [WRONG] * 2
    assert await eve.present("1234") == Redeemed(Factor.EMAIL)


async def test_the_third_wrong_try_voids_the_code_and_it_is_spent_from_then_on(eve: Guest) -> None:
    await eve.issue("1234")
    assert await guess(eve, 3) == [WRONG] * 3
    assert [await eve.present("1234") for _ in range(20)] == [SPENT] * 20
    assert await eve.attempts() == 3


async def test_the_code_after_a_void_one_has_tries_of_its_own(eve: Guest) -> None:
    await eve.issue("1234")
    await guess(eve, 3)
    await eve.issue("4321")
    assert await guess(eve, 2) == [WRONG] * 2
    assert await eve.present("4321") == Redeemed(Factor.EMAIL)


async def test_tries_do_not_lengthen_the_life_of_a_code(eve: Guest, world: World) -> None:
    await eve.issue("1234", life_ms=10 * MINUTE_MS)
    await world.pass_time(6 * MINUTE_MS)
    await guess(eve, 1)
    await world.pass_time(5 * MINUTE_MS)
    assert await eve.present("1234") == SPENT


async def test_a_try_does_not_forget_which_enrolment_the_code_went_to(eve: Guest) -> None:
    await eve.store.attach(ADA, Factor.EMAIL, "ada@work.test")
    _, one = (await eve.store.inventory(ADA)).enrolments
    epoch = (await eve.standing()).epoch
    issued = eve.store.issue(
        ADA, factor=Factor.EMAIL, purpose=Purpose.GATE, code="1234", life_ms=60_000, epoch=epoch, enrolment=one.id
    )
    assert await issued is Change.MADE
    await guess(eve, 2)
    assert await eve.present("1234") == Redeemed(Factor.EMAIL)
    first, second = (await eve.store.inventory(ADA)).enrolments
    assert not first.used_ms
    assert second.used_ms


async def test_tries_are_those_of_every_session(eve: Guest) -> None:
    await eve.issue("1234")
    for session in ("one", "two", "three"):
        await guess(eve.again(session=session, token=session), 1)
    assert await eve.present("1234") == SPENT


async def test_a_wrong_code_is_a_try_at_the_code_of_each_factor_that_it_was_compared_with(eve: Guest) -> None:
    await eve.enrol(Factor.SMS, PHONE)
    await eve.issue("1234")
    await eve.issue("5678", factor=Factor.SMS)
    await guess(eve, 2)
    await guess(eve, 1, factors=(Factor.EMAIL,))
    assert await eve.present("1234") == SPENT
    assert await eve.present("5678") == Redeemed(Factor.SMS)


async def test_a_wrong_code_is_no_try_at_the_code_of_another_purpose(eve: Guest) -> None:
    await eve.pend(Factor.SMS, PHONE)
    await eve.issue("5678", factor=Factor.SMS, purpose=Purpose.ACTIVATE)
    await guess(eve, 5, factors=(Factor.SMS,))
    assert await eve.activate("5678", Factor.SMS) == Redeemed(Factor.SMS)


async def test_a_dead_code_is_no_try_at_the_live_one(eve: Guest) -> None:
    await eve.issue("1111")
    await eve.issue("2222")
    assert [await eve.present("1111") for _ in range(8)] == [SPENT] * 8
    assert await eve.present("2222") == Redeemed(Factor.EMAIL)


async def test_six_digits_have_no_tries_and_no_day(eve: Guest) -> None:
    await eve.issue("123456")
    assert await eve.guess(30) == [WRONG] * 30
    assert await eve.present("123456") == Redeemed(Factor.EMAIL)


# --- Wrong codes a day ------------------------------------------------------------------------


async def test_the_tenth_wrong_code_of_a_day_brings_a_ban_until_the_first_is_a_day_old(
    eve: Guest, world: World
) -> None:
    await fill_the_day(eve, world, apart_ms=60 * MINUTE_MS)
    last = await eve.present("9999")
    assert isinstance(last, Rejected)
    assert last.why is Rejection.WRONG
    assert DAY_MS - 9 * 60 * MINUTE_MS - 30_000 < last.ban_left_ms <= DAY_MS - 9 * 60 * MINUTE_MS
    refused = await eve.present("9998")
    assert isinstance(refused, Banned)
    assert last.ban_left_ms - 30_000 < refused.left_ms <= last.ban_left_ms


async def test_under_that_ban_the_right_code_is_refused_and_nothing_is_counted(eve: Guest, world: World) -> None:
    await fill_the_day(eve, world)
    await guess(eve, 1)
    await eve.issue("1234")
    assert {type(one) for one in await guess(eve, 20)} == {Banned}
    assert isinstance(await eve.present("1234"), Banned)
    await world.pass_time(DAY_MS + 1000)
    await eve.issue("1235")
    assert await eve.present("1235") == Redeemed(Factor.EMAIL)


async def test_each_wrong_code_that_leaves_the_day_makes_room_for_one(eve: Guest, world: World) -> None:
    await fill_the_day(eve, world, apart_ms=60 * MINUTE_MS)
    await guess(eve, 1)
    await world.pass_time(15 * 60 * MINUTE_MS + 1000)
    last = await eve.present("9999")
    assert isinstance(last, Rejected)
    assert 59 * MINUTE_MS < last.ban_left_ms < 60 * MINUTE_MS


async def test_a_right_code_gives_no_wrong_one_back(eve: Guest, world: World) -> None:
    await fill_the_day(eve, world)
    for code in ("1111", "2222", "3333"):
        await eve.issue(code)
        assert await eve.present(code, ride=None) == Redeemed(Factor.EMAIL)
    last = await eve.present("9999")
    assert isinstance(last, Rejected)
    assert last.ban_left_ms > 0


async def test_dead_codes_never_fill_a_day(eve: Guest) -> None:
    await eve.issue("1111")
    await eve.issue("2222")
    await guess(eve, 3)
    for _ in range(8):
        assert [await eve.present(code) for code in ("1111", "2222")] == [SPENT] * 2
    await eve.issue("3333")
    assert await eve.present("3333") == Redeemed(Factor.EMAIL)


async def test_a_session_that_proved_has_no_reserve_of_short_codes(eve: Guest, world: World) -> None:
    owner = eve.again(session="owner", token="owner", regulation=Regulation(max_retries=3))
    await owner.issue("1234")
    assert await owner.present("1234", ride=None) == Redeemed(Factor.EMAIL)
    thief = owner.again(session="thief", token="thief", regulation=Regulation(max_retries=3))
    await guess(thief, 3)
    assert isinstance(await thief.present("9999"), Banned)
    # The account's attempts are spent; those of the session are left, and are three tries as everybody's.
    await owner.issue("4321")
    assert await guess(owner, 2) == [WRONG] * 2
    last = await owner.present("9997")
    assert isinstance(last, Rejected)
    assert last.ban_left_ms > 0
    await world.pass_time(16 * MINUTE_MS)
    assert await owner.present("4321") == SPENT
    await guess(owner, 3)
    await world.pass_time(16 * MINUTE_MS)
    tenth = await owner.present("9996")
    assert isinstance(tenth, Rejected)
    assert tenth.ban_left_ms > 23 * 60 * MINUTE_MS
    assert isinstance(await owner.present("9995"), Banned)


async def test_an_authenticator_and_paper_are_taken_while_short_codes_are_banned(eve: Guest, world: World) -> None:
    await eve.store.hand_out_backup(eve.account, ("ABCDEFGHIJ", "KLMNOPQRST"))
    await fill_the_day(eve, world)
    await guess(eve, 1)
    assert isinstance(await eve.present("9999"), Banned)
    assert await eve.present("000000") == WRONG
    assert await eve.present("ABCDEFGHIJ", ride=None) == Redeemed(Factor.BACKUP)


async def test_neither_budget_uses_up_the_day_of_the_other(eve: Guest) -> None:
    await guess(eve, 10, budget=Budget.FIRST_FACTOR)
    assert isinstance(await eve.present("9999", budget=Budget.FIRST_FACTOR), Banned)
    await eve.issue("1234")
    assert await eve.present("1234") == Redeemed(Factor.EMAIL)


async def test_the_longer_of_two_bans_is_told(eve: Guest, world: World) -> None:
    await fill_the_day(eve, world)
    strict = eve.again(regulation=Regulation(max_retries=10, ban_time_ms=3 * DAY_MS, ban_max_ms=3 * DAY_MS))
    last = await strict.present("9999")
    assert last == Rejected(Rejection.WRONG, 3 * DAY_MS)
    left = await strict.present("9998")
    assert isinstance(left, Banned)
    assert left.left_ms > 2 * DAY_MS


async def test_and_so_is_the_day_where_that_is_the_longer_one(eve: Guest, world: World) -> None:
    await fill_the_day(eve, world)
    last = await eve.again(regulation=Regulation(max_retries=10)).present("9999")
    assert isinstance(last, Rejected)
    assert last.ban_left_ms > 23 * 60 * MINUTE_MS


async def test_a_day_never_shortens_how_long_a_ban_is_remembered(eve: Guest, world: World) -> None:
    long = eve.again(regulation=Regulation(max_retries=2, ban_time_ms=60 * DAY_MS, ban_max_ms=60 * DAY_MS))
    await guess(long, 2)
    await eve.store.unlock(ADA)
    await guess(long, 1)
    assert (await guess(eve, 9))[-1] != WRONG
    keys = eve.store._foundation.names_now().keys.of(ADA)
    assert await world.ask("PTTL", keys.bans(Budget.STEP_UP)) > 89 * DAY_MS


# --- Operators --------------------------------------------------------------------------------


async def test_an_operator_sees_that_ban_and_ends_it(eve: Guest, world: World) -> None:
    await fill_the_day(eve, world)
    await guess(eve, 1)
    facts = (await eve.store.show(ADA)).budgets
    assert DAY_MS - 30_000 < facts[Budget.STEP_UP].ban_left_ms <= DAY_MS
    assert facts[Budget.FIRST_FACTOR].ban_left_ms == 0
    assert await eve.store.unlock(ADA) == 1
    await eve.issue("1234")
    assert await eve.present("1234") == Redeemed(Factor.EMAIL)
    assert (await guess(eve, 10))[:9] == [WRONG] * 9


# --- Deactivating without counting ------------------------------------------------------------


async def test_a_code_found_by_trying_under_that_ban_does_not_take_a_factor_away(eve: Guest, world: World) -> None:
    await eve.issue("1234")
    assert await eve.present("1234") == Redeemed(Factor.EMAIL)
    await fill_the_day(eve, world)
    await guess(eve, 1)
    assert isinstance(await eve.present("1234"), Rode)
    assert await eve.deactivate("1234") == SPENT
    await world.pass_time(1000)
    await eve.store.unlock(ADA)
    assert await eve.deactivate("1234") == SPENT


async def test_that_ban_from_before_the_proof_does_not_stop_a_deactivation(eve: Guest, world: World) -> None:
    await fill_the_day(eve, world)
    await guess(eve, 1)
    await world.pass_time(DAY_MS + 1000)
    await eve.issue("1234")
    assert await eve.present("1234") == Redeemed(Factor.EMAIL)
    assert isinstance(await eve.deactivate("1234"), Rode)


# --- A short code is a new one ----------------------------------------------------------------


async def test_a_short_code_that_was_sent_not_long_ago_is_not_issued_again(eve: Guest) -> None:
    """Dead codes are refused without being counted: issued again, they would be guesses for nothing."""
    await eve.issue("1234")
    assert await eve.issue("1234") is Change.REPEATED
    assert await eve.issue("1234", purpose=Purpose.ACTIVATE) is Change.REPEATED
    assert await eve.present("1234") == Redeemed(Factor.EMAIL)
    assert await eve.issue("1234") is Change.REPEATED


async def test_nor_is_one_that_another_factor_sent(eve: Guest) -> None:
    await eve.issue("1234")
    assert await eve.issue("1234", factor=Factor.SMS) is Change.REPEATED
    await eve.issue("5678", factor=Factor.SMS)
    assert await eve.issue("5678") is Change.REPEATED


async def test_nor_does_the_refusal_change_anything(eve: Guest) -> None:
    await eve.issue("1234")
    await eve.issue("5678")
    assert await eve.issue("1234") is Change.REPEATED
    assert await eve.present("1234") == SPENT
    assert await eve.present("5678") == Redeemed(Factor.EMAIL)


async def test_a_code_of_another_account_may_be_the_same(eve: Guest) -> None:
    await eve.issue("1234")
    assert await eve.again(account=replace(ADA, subject="bob")).issue("1234") is Change.MADE


async def test_a_short_code_may_come_again_after_eight_others(eve: Guest) -> None:
    for number in range(9):
        assert await eve.issue(f"100{number}") is Change.MADE
    assert await eve.issue("1000") is Change.MADE


async def test_six_digits_may_come_again_at_once(eve: Guest) -> None:
    await eve.issue("123456")
    assert await eve.issue("123456") is Change.MADE


# --- A day of an attack -----------------------------------------------------------------------


@pytest.mark.parametrize("trigger_minutes", [1, 13])
async def test_in_no_24_hours_are_more_than_ten_short_codes_compared(
    monkeypatch: pytest.MonkeyPatch, trigger_minutes: int
) -> None:
    """Two days of a thief with a session that proved, who has codes sent at will and tries all the time.

    A comparison is an answer that would have been another one, had the code been right: neither `spent` nor `Banned`.
    """
    home = MemoryWorld(monkeypatch)
    owner = Guest(await home.store())
    await owner.enrol()
    await owner.enrol(Factor.SMS, PHONE)
    await owner.issue("1234")
    assert await owner.present("1234") == Redeemed(Factor.EMAIL)
    compared: list[int] = []
    answers: Counter[str] = Counter()
    standing = await owner.standing()
    drawn = 1000
    for minute in range(2 * 24 * 60):
        if minute % trigger_minutes == 0:
            for factor in (Factor.EMAIL, Factor.SMS):
                drawn += 1
                code = f"{1000 + drawn % 4000:04d}"
                assert await owner.issue(code, factor=factor, epoch=standing.epoch) is Change.MADE
        thief = owner.again(session=("session-1", "")[minute % 2], token="stolen")
        for number in range(2):
            code = f"{6000 + (minute * 2 + number) % 4000:04d}"
            receipt = await owner.store.redeem(thief.redemption(code, standing, ride=None), standing)
            answers[type(receipt).__name__] += 1
            if isinstance(receipt, Rejected):
                assert receipt.why is Rejection.WRONG
                compared.append(minute)
        await home.pass_time(MINUTE_MS)
    await home.close()
    assert set(answers) == {"Rejected", "Banned"}
    assert len(compared) == 20
    for first, eleventh in zip(compared, compared[10:], strict=False):
        assert eleventh - first >= 24 * 60


async def test_codes_known_to_be_dead_are_no_guesses_at_the_live_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever learns the dead codes, under a ban for instance, learns nothing of those that follow."""
    home = MemoryWorld(monkeypatch)
    owner = Guest(await home.store(), short=ShortCodes())
    await owner.enrol()
    await owner.enrol(Factor.SMS, PHONE)
    dead: list[str] = []
    # So few codes to draw from that each comes back again and again, unless it is refused.
    drawn = 0
    for turn in range(200):
        factor = (Factor.EMAIL, Factor.SMS)[turn % 2]
        while True:
            code = f"10{drawn * 7 % 24:02d}"
            drawn += 1
            if await owner.issue(code, factor=factor) is Change.MADE:
                break
        for known in dead[-6:]:
            assert await owner.present(known, ride=None) == SPENT
        assert await owner.present(code, ride=None) == Redeemed(factor)
        dead.append(code)
    assert await owner.attempts() == 0
    await home.close()
