"""The watch: tells whoever holds something open for an account when that account is revoked.

    store tells names -> hearing --+
    somebody is watched for -------+--> doubtful -- recalled --> the same epoch: fine    another, or disabled: revoked

What the store tells is a hint and no more; an account is revoked when its epoch is not the one that a call was judged
in, or when it is disabled. A caller whom the gateway itself has logged in is revoked with the session, too. So nothing
depends on hearing everything: whoever is new is looked at once, and whenever hearing begins, begins again, or is
refused, everybody is. A store that is away revokes nobody, since nobody can be revoked there; those who could not be
looked at are looked at as soon as it is back.

Nothing here runs while nobody is watched for. What stays out: judging (judge), and closing anything (doors).
"""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable
from contextlib import aclosing
from typing import Final

from mfa_gateway.core.account import AccountId, Caller, Standing
from mfa_gateway.core.call import Call
from mfa_gateway.core.fault import StoreUnavailable
from mfa_gateway.core.proof import Scope
from mfa_gateway.core.verdict import Pass
from mfa_gateway.engine.journal import Journal
from mfa_gateway.engine.ports import Revocations

# How long, in seconds, nothing is tried after the store could not be asked: as often as it is probed for calls.
_PAUSE: Final = 1.0
# How many accounts are recalled together: calls that are being judged wait behind these.
_TOGETHER: Final = 64


class _Watched:
    """One thing that is held open: for whom, and the epoch it was let through in; None where that is not known."""

    def __init__(self, caller: Caller, epoch: int | None) -> None:
        self.caller = caller
        self.account = caller.account
        self.epoch = epoch
        self.revoked = asyncio.Event()

    def compare(self, standing: Standing) -> None:
        """See what the account is now."""
        if self.epoch is None:
            self.epoch = standing.epoch
        if standing.disabled or standing.epoch != self.epoch:
            self.revoked.set()


class Watch:
    """Watches for revocations."""

    def __init__(
        self,
        *,
        store: Revocations,
        journal: Journal,
        pause: float = _PAUSE,
        is_open: Callable[[Caller], Awaitable[bool]] | None = None,
    ) -> None:
        """`pause` is in seconds. `is_open` tells of sessions that may be closed one by one; None where none may."""
        self._store = store
        self._is_open = is_open
        self._journal = journal
        self._pause = pause
        self._watched: defaultdict[AccountId, set[_Watched]] = defaultdict(set)
        self._names: dict[AccountId, str] = {}
        self._named: dict[str, AccountId] = {}
        self._doubtful: set[AccountId] = set()
        self._has_doubts = asyncio.Event()
        self._tasks: tuple[asyncio.Task[None], ...] = ()
        self._is_hearing = True

    async def revoked(self, call: Call, verdict: Pass) -> None:
        """Return when the caller of this verdict is revoked. Without a caller, and until cancelled, never."""
        if verdict.caller is None:
            await asyncio.Event().wait()
            return
        watched = _Watched(verdict.caller, verdict.epoch)
        self._begin(watched)
        try:
            await watched.revoked.wait()
            self._journal.revoked(call, verdict.caller)
        finally:
            await self._end(watched)

    def _begin(self, watched: _Watched) -> None:
        self._watched[watched.account].add(watched)
        self._doubt((watched.account,))
        if not self._tasks:
            self._tasks = (asyncio.create_task(self._hear()), asyncio.create_task(self._settle()))
            for task in self._tasks:
                task.add_done_callback(self._fall)

    async def _end(self, watched: _Watched) -> None:
        together = self._watched[watched.account]
        together.discard(watched)
        if not together:
            del self._watched[watched.account]
            self._named.pop(self._names.pop(watched.account, ""), None)
        if not self._watched:
            await self._rest()

    async def _rest(self) -> None:
        tasks, self._tasks = self._tasks, ()
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    def _fall(self, task: asyncio.Task[None]) -> None:
        """A watch that broke sees nothing any more: when in doubt, closed."""
        if task.cancelled() or task not in self._tasks:
            return
        self._journal.broke("the watch for revocations", task.exception())
        for together in self._watched.values():
            for watched in together:
                watched.revoked.set()

    # --- Hearing ---

    async def _hear(self) -> None:
        """Doubt whom the store tells of; and everybody whenever something may have been missed."""
        while True:
            try:
                async with aclosing(self._store.revocations()) as heard:
                    async for name in heard:
                        self._is_hearing = True
                        self._doubt(self._watched if name is None else self._called(name))
            except StoreUnavailable as fault:
                if self._is_hearing:
                    self._is_hearing = False
                    self._journal.unheard(fault)
                # Where only listening is refused, looking again is all that can be done.
                self._doubt(self._watched)
            await asyncio.sleep(self._pause)

    def _called(self, name: str) -> tuple[AccountId, ...]:
        account = self._named.get(name)
        return () if account is None else (account,)

    def _doubt(self, accounts: Iterable[AccountId]) -> None:
        self._doubtful.update(accounts)
        if self._doubtful:
            self._has_doubts.set()

    # --- Settling ---

    async def _settle(self) -> None:
        """Look at those in doubt, some at a time, until nobody is."""
        while True:
            await self._has_doubts.wait()
            some = [account for account, _ in zip(self._doubtful, range(_TOGETHER), strict=False)]
            self._doubtful.difference_update(some)
            if not self._doubtful:
                self._has_doubts.clear()
            failed = [account for account, done in zip(some, await self._look(some), strict=True) if not done]
            if failed:
                self._doubt(failed)
                await asyncio.sleep(self._pause)

    async def _look(self, accounts: list[AccountId]) -> list[bool]:
        """Whether each of these could be looked at. Asked for together, they travel together."""
        return await asyncio.gather(*map(self._compare, accounts))

    async def _compare(self, account: AccountId) -> bool:
        try:
            # Known by name first: what is told from here on is heard, what was told before is in the standing.
            name = await self._store.revocation_name(account)
            if account in self._watched:
                self._names[account], self._named[name] = name, account
            standing = await self._store.recall(account, scope=Scope.ACCOUNT, session="")
            await self._look_for_closed(account)
        except StoreUnavailable:
            return False
        for watched in self._watched.get(account, ()):
            watched.compare(standing)
        return True

    async def _look_for_closed(self, account: AccountId) -> None:
        """Sessions that were closed while the epoch of their account went on."""
        if self._is_open is None:
            return
        held = tuple(self._watched.get(account, ()))
        open_ones = await asyncio.gather(*(self._is_open(watched.caller) for watched in held))
        for watched, is_open in zip(held, open_ones, strict=True):
            if not is_open:
                watched.revoked.set()
