"""What the tests of the state room stand on: a server of their own, stores on it, time in their hands, and somebody
who enrols and presents codes.

Time passes without waiting. In fakeredis the clock is exchanged; on a real server what is kept is made older.
"""

import asyncio
import re
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any, Protocol

import pytest
from redis.asyncio.connection import BlockingConnectionPool

from mfa_gateway.core.account import AccountId, Factor, Standing
from mfa_gateway.core.ceremony import Change, Pending
from mfa_gateway.core.proof import (
    Budget,
    Effect,
    Purpose,
    Receipt,
    Redemption,
    Regulation,
    Rejected,
    Rejection,
    Ride,
    Scope,
    ShortCodes,
    is_short,
)
from mfa_gateway.state import Store, StoreSettings, prepare_store
from mfa_gateway.state.connection import pool_for
from mfa_gateway.state.foundation import Foundation
from mfa_gateway.state.line import Line, Word
from mfa_gateway.state.records import AccountRecord
from mfa_gateway.state.vault import Vault
from tests.clock import MemoryClock

KEY = bytes(range(32))
ADA = AccountId("shop", "ada")
BOB = AccountId("shop", "bob")
ADDRESS = "ada@example.test"
GRACE_MS = 1_800_000
MINUTE_MS = 60_000
BAN_MS = 900_000

WRONG = Rejected(Rejection.WRONG)
SPENT = Rejected(Rejection.SPENT)
STALE = Rejected(Rejection.STALE)

# Generous, because the machine may be busy: what a test expects within this is answered in milliseconds.
PATIENCE = 10.0


def never_waits() -> Callable[[], float]:
    """A clock by which every pause is over at the next look."""
    ticks = count()
    return lambda: float(next(ticks) * 10)


class World(Protocol):
    """A server that a test has for itself."""

    async def store(self) -> Store:
        """One more worker's store."""
        ...

    async def ask(self, *words: Word) -> Any:
        """Look behind the store."""
        ...

    async def pass_time(self, ms: int) -> None:
        """Let time pass on the server; a negative time sets its clock back."""
        ...

    async def close(self) -> None:
        """Close every store."""
        ...


class MemoryWorld:
    """A server in this process, with a clock that stands still unless it is told to go on."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._clock = MemoryClock.installed(monkeypatch)
        self._pool = pool_for("memory://", connect_timeout=PATIENCE)
        self._stores: list[Store] = []

    async def store(self) -> Store:
        pool = BlockingConnectionPool(
            max_connections=self._pool.max_connections,
            connection_class=self._pool.connection_class,
            **self._pool.connection_kwargs,
        )
        line = Line(pool, timeout=PATIENCE, connect_timeout=PATIENCE, clock=time.monotonic)
        store = Store(Foundation(line, Vault((KEY,)), is_volatile=True))
        self._stores.append(store)
        await store.open()
        return store

    async def ask(self, *words: Word) -> Any:
        return await self._stores[0]._line.ask(*words)

    async def pass_time(self, ms: int) -> None:
        # In the middle of a millisecond, where what a float leaves out does not show.
        self._clock.now = (int(self._clock.now * 1000) + ms + 0.5) / 1000

    async def close(self) -> None:
        for store in self._stores:
            await store.close()
        await self._pool.aclose()


class ServerWorld:
    """A real server. It is emptied before; what it keeps is made older when time has to pass."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._stores: list[Store] = []

    async def store(self) -> Store:
        store = prepare_store(StoreSettings(self.url, (KEY,), timeout=PATIENCE, connect_timeout=PATIENCE))
        if not self._stores:
            await store._line.ask("FLUSHALL")
        self._stores.append(store)
        await store.open()
        return store

    async def ask(self, *words: Word) -> Any:
        return await self._stores[0]._line.ask(*words)

    async def pass_time(self, ms: int) -> None:
        for key in await self.ask("KEYS", "mfa:*{*"):
            await self._age(key, ms)

    async def _age(self, key: bytes, ms: int) -> None:
        kind = key.partition(b"}:")[2].split(b":")[0].decode()
        match kind:
            case "proofs" | "countries" | "devices":
                moment_in = rb"(?<=:)\d+(?=:)" if kind == "devices" else rb"^\d+"
                for name, value in _pairs(await self.ask("HGETALL", key)):
                    older = re.sub(moment_in, lambda at: b"%d" % (int(at[0]) - ms), value, count=1)
                    await self.ask("HSET", key, name, older)
            case "bans" | "pending" | "opened":
                for moment in {"bans": ("until", "short"), "pending": ("at",), "opened": ("at", "shown")}[kind]:
                    at = await self.ask("HGET", key, moment)
                    if at is not None:
                        await self.ask("HSET", key, moment, int(at) - ms)
            case "attempts" | "daily" | "quota" | "short":
                for index, at in enumerate(await self.ask("LRANGE", key, 0, -1)):
                    await self.ask("LSET", key, index, int(at) - ms)
            case "code" | "session":
                parts = (await self.ask("GET", key)).split(b":")
                place = {"code": 3, "session": 1}[kind]
                parts[place] = b"%d" % (int(parts[place]) - ms)
                await self.ask("SET", key, b":".join(parts), "KEEPTTL")
            case _:
                pass
        left = await self.ask("PTTL", key)
        if left >= 0:
            await self.ask("PEXPIRE", key, left - ms)

    async def close(self) -> None:
        for store in self._stores:
            await store.close()


def _pairs(flat: Sequence[bytes]) -> list[tuple[bytes, bytes]]:
    return list(zip(flat[::2], flat[1::2], strict=True))


@dataclass
class Guest:
    """Somebody with a token: enrols, is sent codes, presents them."""

    store: Store
    account: AccountId = ADA
    session: str = "session-1"
    token: str = "token-1"
    scope: Scope = Scope.ACCOUNT
    regulation: Regulation = field(default_factory=Regulation)
    short: ShortCodes = field(default_factory=ShortCodes)

    def again(self, **changes: Any) -> "Guest":
        """The same account, otherwise."""
        return replace(self, **changes)

    async def standing(self) -> Standing:
        return await self.store.recall(self.account, scope=self.scope, session=self.session)

    async def enrol(self, factor: Factor = Factor.EMAIL, value: str | bytes = ADDRESS) -> Standing:
        """Have a factor, the way an operator gives one."""
        await self.store.put_record(self.account, AccountRecord(), factors={factor: value})
        return await self.standing()

    async def pend(self, factor: Factor = Factor.EMAIL, address: str = ADDRESS) -> Change:
        epoch = (await self.standing()).epoch
        pending = await self.store.enrol(self.account, factor=factor, address=address, epoch=epoch)
        return Change.MADE if isinstance(pending, Pending) else pending

    async def issue(
        self,
        code: str,
        *,
        factor: Factor = Factor.EMAIL,
        purpose: Purpose = Purpose.GATE,
        life_ms: int = 600_000,
        epoch: int | None = None,
    ) -> Change:
        if epoch is None:
            epoch = (await self.standing()).epoch
        return await self.store.issue(
            self.account, factor=factor, purpose=purpose, code=code, life_ms=life_ms, epoch=epoch
        )

    async def present(self, code: str, **changes: Any) -> Receipt:
        """Present a code at a gate with a grace of half an hour, unless `changes` say otherwise."""
        standing = await self.standing()
        return await self.store.redeem(self.redemption(code, standing, **changes), standing)

    async def activate(self, code: str, factor: Factor = Factor.EMAIL, **changes: Any) -> Receipt:
        return await self.present(
            code,
            **{
                "factors": (factor,),
                "purpose": Purpose.ACTIVATE,
                "effect": Effect.ACTIVATE,
                "target": factor,
                "ride": None,
                **changes,
            },
        )

    async def deactivate(self, code: str, factor: Factor = Factor.EMAIL, **changes: Any) -> Receipt:
        return await self.present(
            code,
            **{"effect": Effect.DEACTIVATE, "target": factor, "ride": Ride(300_000, same_token=True), **changes},
        )

    async def guess(self, times: int) -> list[Receipt]:
        """Present codes that were never issued."""
        return [await self.present(f"9{number:05d}") for number in range(times)]

    async def attempts(self) -> int:
        """How many attempts of the account are counted now."""
        return (await self.store.show(self.account)).budgets[Budget.STEP_UP].attempts

    def redemption(self, code: str, standing: Standing, **changes: Any) -> Redemption:
        asked = Redemption(
            account=self.account,
            epoch=standing.epoch,
            purpose=Purpose.GATE,
            presented=code,
            factors=standing.active() or (Factor.EMAIL,),
            scope=self.scope,
            session=self.session,
            token=self.token,
            effect=Effect.OPEN,
            target=None,
            ride=Ride(GRACE_MS),
            keep_ms=GRACE_MS,
            regulation=self.regulation,
            short=self.short if is_short(code) else None,
        )
        return replace(asked, **changes)


async def tally(asked: Sequence[Awaitable[Receipt]]) -> Counter[str]:
    """How often each answer came."""
    return Counter(map(name, await asyncio.gather(*asked)))


def name(receipt: Receipt) -> str:
    match receipt:
        case Rejected(why=Rejection.WRONG, ban_left_ms=left) if left > 0:
            return "wrong, and banned"
        case Rejected(why=why):
            return why.value
        case other:
            return type(other).__name__
