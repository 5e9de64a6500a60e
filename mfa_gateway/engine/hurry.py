"""Hurry: ports with a deadline, for doors that have to answer before somebody stops listening.

    with hurry(0.15):
        verdict = await judge.judge(call)

What cannot answer by then counts as away, so the rule that was asked about decides what that means (`on_store_error`).
A step that the store has been sent is not taken back: its reply is read, and what it did is done. What stays out:
what a verdict is (judge).
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from typing import Final

from mfa_gateway.core.account import AccountId, Caller, Identification, Standing
from mfa_gateway.core.call import Call
from mfa_gateway.core.fault import DirectoryUnavailable, IdentityUnavailable, StoreUnavailable
from mfa_gateway.core.presence import Presence
from mfa_gateway.core.proof import Receipt, Redemption, Scope
from mfa_gateway.engine.alarm import Alarm
from mfa_gateway.engine.ports import Endings, Identity, Register, Standings

# On the clock of the event loop; None where nobody is in a hurry.
_deadline: Final[ContextVar[float | None]] = ContextVar("deadline", default=None)
_LATE: Final = "there was no answer in the time that this call has"


@contextmanager
def hurry(seconds: float) -> Iterator[None]:
    """Give everything in this block so many seconds together."""
    token = _deadline.set(asyncio.get_running_loop().time() + seconds)
    try:
        yield
    finally:
        _deadline.reset(token)


class HurriedStandings:
    """A store that is away when it is late."""

    def __init__(self, store: Standings) -> None:
        self._store = store

    def known(self, account: AccountId, *, scope: Scope, session: str) -> tuple[Standing, int] | None:
        """What was known of an account so many milliseconds ago, as far as that takes no waiting."""
        return self._store.known(account, scope=scope, session=session)

    async def recall(self, account: AccountId, *, scope: Scope, session: str) -> Standing:
        """What is known of an account now. Raises `StoreUnavailable` in time."""
        try:
            async with asyncio.timeout_at(_deadline.get()):
                return await self._store.recall(account, scope=scope, session=session)
        except TimeoutError as error:
            raise StoreUnavailable(_LATE) from error

    async def redeem(self, redemption: Redemption, standing: Standing) -> Receipt:
        """Redeem a presented code at most once. Raises `StoreUnavailable` in time; it may be redeemed then."""
        try:
            async with asyncio.timeout_at(_deadline.get()):
                return await self._store.redeem(redemption, standing)
        except TimeoutError as error:
            raise StoreUnavailable(_LATE) from error


class HurriedEndings:
    """What ends before its time, or is not ended in time."""

    def __init__(self, store: Endings) -> None:
        self._store = store

    async def close_window(self, account: AccountId, *, scope: Scope, session: str) -> None:
        """Forget what was proved in a scope's value. Raises `StoreUnavailable` in time."""
        try:
            async with asyncio.timeout_at(_deadline.get()):
                await self._store.close_window(account, scope=scope, session=session)
        except TimeoutError as error:
            raise StoreUnavailable(_LATE) from error

    async def revoke(self, account: AccountId) -> None:
        """Void all proofs of an account. Raises `StoreUnavailable` in time."""
        try:
            async with asyncio.timeout_at(_deadline.get()):
                await self._store.revoke(account)
        except TimeoutError as error:
            raise StoreUnavailable(_LATE) from error


class HurriedIdentity:
    """Who is calling, or nobody who could be named in time."""

    def __init__(self, identity: Identity) -> None:
        self._identity = identity

    def known(self, call: Call) -> Caller | None:
        """Who a credential was found to name before, as far as that takes no waiting."""
        return self._identity.known(call)

    async def identify(self, call: Call) -> Identification:
        """Verify the call's credential. Raises `IdentityUnavailable` in time."""
        try:
            async with asyncio.timeout_at(_deadline.get()):
                return await self._identity.identify(call)
        except TimeoutError as error:
            raise IdentityUnavailable(_LATE) from error


class HurriedAlarm(Alarm):
    """Statistics of redeemed codes, which nobody waits for longer than there is time."""

    def __init__(self, alarm: Alarm) -> None:
        super().__init__()
        self._alarm = alarm

    async def hear(self, redemption: Redemption, receipt: Receipt) -> None:
        """Take note of what became of a presented code."""
        with suppress(TimeoutError):
            async with asyncio.timeout_at(_deadline.get()):
                await self._alarm.hear(redemption, receipt)


class HurriedRegister:
    """Whether people are still there, or nothing that could be said in time."""

    def __init__(self, register: Register) -> None:
        self._register = register

    async def presence(self, account: AccountId) -> Presence:
        """What the directory says. Raises `DirectoryUnavailable` in time."""
        try:
            async with asyncio.timeout_at(_deadline.get()):
                return await self._register.presence(account)
        except TimeoutError as error:
            raise DirectoryUnavailable(_LATE) from error
