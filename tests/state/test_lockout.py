"""A day in the life of somebody under attack: the clock is simulated, the scripts are the real ones.

The attacker knows a phone number, and so may try to log in with codes; that has a budget of its own. The owner comes
every ten minutes, asks for a code, mistypes it now and then, and has to pass.
"""

from collections import Counter

import pytest

from mfa_gateway.core.account import Factor
from mfa_gateway.core.proof import Banned, Budget, Redeemed, Rejected
from tests.state.world import MINUTE_MS, WRONG, Guest, MemoryWorld

DAY_MINUTES = 24 * 60
PHONE = "+491701234567"


@pytest.fixture
async def home(monkeypatch: pytest.MonkeyPatch) -> MemoryWorld:
    return MemoryWorld(monkeypatch)


async def test_who_knows_a_phone_number_cannot_keep_its_owner_from_passing(home: MemoryWorld) -> None:
    owner = Guest(await home.store())
    await owner.enrol(Factor.SMS, PHONE)
    attacker = owner.again(session="", token="")
    attacks: Counter[str] = Counter()
    passed = 0
    for minute in range(DAY_MINUTES):
        for guess in range(2):
            receipt = await attacker.present(f"9{minute % 1000:03d}{guess}0", budget=Budget.FIRST_FACTOR)
            attacks[type(receipt).__name__] += 1
        if minute % 10 == 0:
            code = f"1{minute:05d}"
            await owner.issue(code, factor=Factor.SMS)
            if minute % 60 == 0:
                assert await owner.present("000000", ride=None) == WRONG
            assert await owner.present(code, ride=None) == Redeemed(Factor.SMS)
            passed += 1
        await home.pass_time(MINUTE_MS)
    assert passed == DAY_MINUTES // 10
    assert attacks["Banned"] > 2_800
    # Bans of 15 minutes that double up to a day: six of them fit, of five guesses each.
    assert attacks["Rejected"] <= 7 * 5
    await home.close()


async def test_a_token_holder_who_guesses_all_day_does_not_lock_out_a_session_that_proved(home: MemoryWorld) -> None:
    owner = Guest(await home.store())
    await owner.enrol(Factor.SMS, PHONE)
    await owner.issue("100000", factor=Factor.SMS)
    assert await owner.present("100000", ride=None) == Redeemed(Factor.SMS)
    thief = owner.again(session="thief", token="stolen")
    compared = 0
    for minute in range(DAY_MINUTES):
        receipt = await thief.present(f"9{minute:05d}", ride=None)
        compared += isinstance(receipt, Rejected)
        if minute % 30 == 29:
            code = f"2{minute:05d}"
            await owner.issue(code, factor=Factor.SMS)
            assert await owner.present(code, ride=None) == Redeemed(Factor.SMS)
        await home.pass_time(MINUTE_MS)
    assert isinstance(await thief.present("900000"), Banned | Rejected)
    # A success of the owner ends the doubling only in the owner's own lane, so guesses stay few.
    assert compared < 150
    await home.close()


async def test_neither_budget_locks_the_other(home: MemoryWorld) -> None:
    ada = Guest(await home.store())
    await ada.enrol()
    for budget, other in ((Budget.FIRST_FACTOR, Budget.STEP_UP), (Budget.STEP_UP, Budget.FIRST_FACTOR)):
        await ada.store.unlock(ada.account)
        stranger = ada.again(session="")
        for _ in range(5):
            await stranger.present("999999", budget=budget)
        assert isinstance(await stranger.present("999999", budget=budget), Banned)
        assert await stranger.present("999999", budget=other) == WRONG
        facts = (await ada.store.show(ada.account)).budgets
        assert (facts[budget].bans, facts[other].bans) == (1, 0)
    await home.close()
