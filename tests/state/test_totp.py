"""The contract of TOTP codes, on every server: a step is accepted once, and none before it any more."""

from dataclasses import replace

import pytest

from mfa_gateway.core.account import Factor
from mfa_gateway.core.fault import StoreUnavailable
from mfa_gateway.core.otp import totp_step
from mfa_gateway.core.proof import Receipt, Redeemed, Ride, Rode
from mfa_gateway.state.authenticator import totp_candidates
from tests.state.world import GRACE_MS, MINUTE_MS, SPENT, WRONG, Guest, World

SECRET = b"12345678901234567890"


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
    assert await tim.attempts() == 0


async def test_no_more_than_the_last_eight_used_codes_are_remembered(tim: Guest, world: World) -> None:
    for step in range(10):
        assert await present_totp(tim, 0, now_ms=1_800_000_000_000 + step * 30_000) == Redeemed(Factor.TOTP)
    (key,) = await world.ask("KEYS", "*:recent:totp")
    assert await world.ask("LLEN", key) == 8
    assert await world.ask("PTTL", key) > 23 * 60 * MINUTE_MS


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


async def test_removing_an_authenticator_leaves_nothing_of_it(tim: Guest, world: World) -> None:
    await tim.enrol()
    await present_totp(tim, 0, now_ms=1_800_000_000_000)
    await tim.issue("123456")
    assert await tim.deactivate("123456", Factor.TOTP, factors=(Factor.EMAIL,)) == Redeemed(Factor.EMAIL)
    (key,) = await world.ask("KEYS", "*}:account")
    assert not [name for name in await world.ask("HKEYS", key) if name.startswith(b"totp")]


async def test_a_secret_that_cannot_be_unsealed_is_a_fault_and_no_wrong_code(tim: Guest) -> None:
    standing = await tim.standing()
    foreign = replace(standing, sealed={Factor.TOTP: b"\x01" + bytes(60)})
    with pytest.raises(StoreUnavailable, match=r"totp factor cannot be read.*secrets\.keys"):
        await tim.store.redeem(tim.redemption("123456", foreign), foreign)
    assert await tim.attempts() == 0
