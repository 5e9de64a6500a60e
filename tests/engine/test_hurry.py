"""Ports with a deadline: late is away."""

import asyncio
from typing import Any, cast

import pytest

from mfa_gateway.core.account import Anonymous, Factor
from mfa_gateway.core.call import Call, CanonicalPath
from mfa_gateway.core.fault import DirectoryUnavailable, IdentityUnavailable, StoreUnavailable
from mfa_gateway.core.presence import Presence
from mfa_gateway.core.proof import Redeemed, Scope
from mfa_gateway.engine.alarm import Alarm
from mfa_gateway.engine.hurry import (
    HurriedAlarm,
    HurriedEndings,
    HurriedIdentity,
    HurriedRegister,
    HurriedStandings,
    hurry,
)
from tests.engine.fakes import ANNA, ENROLLED

CALL = Call("GET", CanonicalPath(b"/", ()))
REDEMPTION = cast(Any, object())


class Slow:
    """Every port at once, which answers when it is told to."""

    def __init__(self) -> None:
        self.may_answer = asyncio.Event()

    def known(self, *_: Any, **__: Any) -> Any:
        return None

    async def recall(self, *_: Any, **__: Any) -> Any:
        await self.may_answer.wait()
        return ENROLLED

    async def redeem(self, *_: Any, **__: Any) -> Any:
        await self.may_answer.wait()
        return Redeemed(Factor.TOTP)

    async def close_window(self, *_: Any, **__: Any) -> None:
        await self.may_answer.wait()

    async def revoke(self, *_: Any, **__: Any) -> None:
        await self.may_answer.wait()

    async def identify(self, _: Call) -> Any:
        await self.may_answer.wait()
        return Anonymous.NO_CREDENTIAL

    async def presence(self, _: Any) -> Any:
        await self.may_answer.wait()
        return Presence.KNOWN


class SlowAlarm(Alarm):
    async def hear(self, *_: Any) -> None:
        await asyncio.Event().wait()


async def test_a_store_that_is_late_is_away() -> None:
    store = HurriedStandings(Slow())
    with hurry(0.01), pytest.raises(StoreUnavailable):
        await store.recall(ANNA.account, scope=Scope.ACCOUNT, session="")
    with hurry(0.01), pytest.raises(StoreUnavailable):
        await store.redeem(REDEMPTION, ENROLLED)


async def test_the_time_is_for_all_steps_together() -> None:
    slow = Slow()
    store = HurriedStandings(slow)
    with hurry(0.01):
        with pytest.raises(StoreUnavailable):
            await store.recall(ANNA.account, scope=Scope.ACCOUNT, session="")
        began = asyncio.get_running_loop().time()
        with pytest.raises(StoreUnavailable):
            await store.redeem(REDEMPTION, ENROLLED)
    assert asyncio.get_running_loop().time() - began < 0.01


async def test_whoever_answers_in_time_is_heard() -> None:
    slow = Slow()
    slow.may_answer.set()
    with hurry(10):
        assert await HurriedStandings(slow).recall(ANNA.account, scope=Scope.ACCOUNT, session="") is ENROLLED
        assert await HurriedStandings(slow).redeem(REDEMPTION, ENROLLED) == Redeemed(Factor.TOTP)
        assert await HurriedIdentity(slow).identify(CALL) is Anonymous.NO_CREDENTIAL
        await HurriedEndings(slow).revoke(ANNA.account)
        await HurriedEndings(slow).close_window(ANNA.account, scope=Scope.ACCOUNT, session="")
        await HurriedRegister(slow).presence(ANNA.account)


async def test_without_a_hurry_everybody_has_all_the_time() -> None:
    slow = Slow()
    asking = asyncio.create_task(HurriedStandings(slow).recall(ANNA.account, scope=Scope.ACCOUNT, session=""))
    await asyncio.sleep(0)
    slow.may_answer.set()
    assert await asking is ENROLLED


async def test_everything_else_that_is_late_is_away_in_its_own_words() -> None:
    slow = Slow()
    with hurry(0.01), pytest.raises(IdentityUnavailable):
        await HurriedIdentity(slow).identify(CALL)
    with hurry(0.01), pytest.raises(DirectoryUnavailable):
        await HurriedRegister(slow).presence(ANNA.account)
    with hurry(0.01), pytest.raises(StoreUnavailable):
        await HurriedEndings(slow).revoke(ANNA.account)
    with hurry(0.01), pytest.raises(StoreUnavailable):
        await HurriedEndings(slow).close_window(ANNA.account, scope=Scope.ACCOUNT, session="")


async def test_nobody_waits_for_statistics() -> None:
    with hurry(0.01):
        await HurriedAlarm(SlowAlarm()).hear(REDEMPTION, Redeemed(Factor.SMS))
