"""The watch: who is revoked is told, whatever was heard or missed, and nobody else is."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace

import pytest

from mfa_gateway.core.account import AccountId, Caller, Standing
from mfa_gateway.core.fault import StoreUnavailable
from mfa_gateway.core.proof import Scope
from mfa_gateway.core.verdict import Pass
from mfa_gateway.engine.watch import Watch
from tests.engine.fakes import ANNA, Lines, call, rule

DEADLINE = 5.0
BEN = Caller(AccountId("shop", "ben"), session="session of ben", token="digest of ben's token")


@dataclass
class Told:
    """A store that tells what it is told to, and can be away or deaf."""

    standings: dict[AccountId, Standing] = field(default_factory=dict)
    news: list[asyncio.Queue[str | None]] = field(default_factory=list)
    is_away: bool = False
    is_deaf: bool = False
    is_silent: bool = False
    recalled: list[AccountId] = field(default_factory=list)
    listened: int = 0

    def tell(self, name: str | None) -> None:
        for queue in self.news:
            queue.put_nowait(name)

    async def revocations(self) -> AsyncGenerator[str | None]:
        self.listened += 1
        if self.is_away or self.is_deaf:
            raise StoreUnavailable("away")
        queue: asyncio.Queue[str | None] = asyncio.Queue()
        self.news.append(queue)
        try:
            yield None
            while (name := await queue.get()) is not None:
                yield name
            raise StoreUnavailable("the connection ended")
        finally:
            self.news.remove(queue)

    async def revocation_name(self, account: AccountId) -> str:
        if self.is_away:
            raise StoreUnavailable("away")
        return f"name of {account.subject}"

    async def recall(self, account: AccountId, *, scope: Scope, session: str) -> Standing:
        assert (scope, session) == (Scope.ACCOUNT, "")
        self.recalled.append(account)
        if self.is_away or self.is_silent:
            raise StoreUnavailable("away")
        return self.standings.get(account, Standing(epoch=3))

    def move(self, caller: Caller = ANNA) -> None:
        """The epoch moves, and it is told."""
        self.move_silently(caller)
        self.tell(f"name of {caller.account.subject}")

    def move_silently(self, caller: Caller = ANNA) -> None:
        before = self.standings.get(caller.account, Standing(epoch=3))
        self.standings[caller.account] = replace(before, epoch=before.epoch + 1)


class Sockets:
    """What is held open, and under watch."""

    def __init__(self, watch: Watch) -> None:
        self.watch = watch
        self.tasks: list[asyncio.Task[None]] = []

    def open(self, caller: Caller | None = ANNA, *, epoch: int | None = 3) -> asyncio.Task[None]:
        task = asyncio.create_task(self.watch.revoked(call(), Pass(rule(), caller, epoch=epoch)))
        self.tasks.append(task)
        return task

    async def settle(self) -> None:
        """Until the watch has nothing to look at any more."""
        await until(lambda: not self.watch._doubtful)
        for _ in range(10):
            await asyncio.sleep(0)

    async def close(self) -> None:
        for task in self.tasks:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(DEADLINE):
        while not condition():  # noqa: ASYNC110 - what is waited for is in several hands
            await asyncio.sleep(0)


async def ends(task: asyncio.Task[None]) -> None:
    async with asyncio.timeout(DEADLINE):
        await task


@pytest.fixture
def store() -> Told:
    return Told()


@pytest.fixture
def lines() -> Lines:
    return Lines()


@pytest.fixture
async def sockets(store: Told, lines: Lines) -> AsyncIterator[Sockets]:
    made = Sockets(Watch(store=store, journal=lines.journal, pause=0.001))
    yield made
    await made.close()


async def test_nobody_is_revoked_while_nothing_happens(sockets: Sockets, store: Told) -> None:
    socket = sockets.open()
    await sockets.settle()
    assert not socket.done()
    assert set(store.recalled) == {ANNA.account}


async def test_a_moved_epoch_revokes_every_socket_of_the_account_and_no_other(sockets: Sockets, store: Told) -> None:
    first, second, other = sockets.open(), sockets.open(), sockets.open(BEN)
    await sockets.settle()
    store.move()
    await ends(first)
    await ends(second)
    assert not other.done()


async def test_a_disabled_account_is_revoked_in_the_same_epoch(sockets: Sockets, store: Told) -> None:
    store.standings[ANNA.account] = Standing(epoch=3, disabled=True)
    await ends(sockets.open())


async def test_a_hint_without_a_reason_revokes_nobody(sockets: Sockets, store: Told) -> None:
    socket = sockets.open()
    await sockets.settle()
    looked = len(store.recalled)
    store.tell("name of anna")
    store.tell("name of a stranger")
    await until(lambda: len(store.recalled) > looked)
    await sockets.settle()
    assert not socket.done()


async def test_who_was_revoked_between_verdict_and_watch_is_found(sockets: Sockets, store: Told) -> None:
    store.move_silently()
    await ends(sockets.open(epoch=3))


async def test_so_is_one_who_joins_while_others_are_watched_already(sockets: Sockets, store: Told) -> None:
    other = sockets.open(BEN)
    await until(lambda: bool(store.news))
    await sockets.settle()
    store.move_silently()
    await ends(sockets.open(epoch=3))
    assert not other.done()


async def test_who_could_not_be_looked_at_is_looked_at_again(sockets: Sockets, store: Told) -> None:
    sockets.open(BEN)
    await until(lambda: bool(store.news))
    await sockets.settle()
    store.is_silent = True
    store.move_silently()
    socket = sockets.open(epoch=3)
    await until(lambda: store.recalled.count(ANNA.account) > 1)
    assert not socket.done()
    store.is_silent = False
    await ends(socket)
    assert store.listened == 1


async def test_who_is_let_in_after_a_revocation_stays(sockets: Sockets, store: Told) -> None:
    before = sockets.open()
    await sockets.settle()
    store.move()
    await ends(before)
    after = sockets.open(epoch=4)
    await sockets.settle()
    assert not after.done()


async def test_what_was_missed_is_found_when_hearing_ends(sockets: Sockets, store: Told) -> None:
    socket = sockets.open()
    await sockets.settle()
    store.move_silently()
    store.tell(None)
    await ends(socket)


async def test_a_store_that_is_away_revokes_nobody_and_is_asked_again_when_it_is_back(
    sockets: Sockets, store: Told
) -> None:
    socket = sockets.open()
    await sockets.settle()
    store.is_away = True
    store.tell(None)
    await until(lambda: store.listened > 3)
    assert not socket.done()
    store.move_silently()
    store.is_away = False
    await ends(socket)


async def test_a_store_that_refuses_to_tell_is_looked_at_again_and_again(sockets: Sockets, store: Told) -> None:
    store.is_deaf = True
    socket = sockets.open()
    await until(lambda: store.listened > 2)
    store.move_silently()
    await ends(socket)


async def test_an_unknown_epoch_is_learnt_and_then_watched(sockets: Sockets, store: Told) -> None:
    store.is_away = True
    socket = sockets.open(epoch=None)
    await until(lambda: store.listened > 1)
    store.is_away = False
    await until(lambda: bool(store.news))
    await sockets.settle()
    assert not socket.done()
    store.move()
    await ends(socket)


# --- Sessions that end one by one -------------------------------------------------------------


async def test_a_closed_session_revokes_its_sockets_and_no_other_of_the_account(store: Told, lines: Lines) -> None:
    ended: set[str] = set()

    async def is_open(caller: Caller) -> bool:
        return caller.session not in ended

    sockets = Sockets(Watch(store=store, journal=lines.journal, pause=0.001, is_open=is_open))
    here, there = sockets.open(), sockets.open(replace(ANNA, session="another"))
    await until(lambda: bool(store.news))
    await sockets.settle()
    assert not here.done()
    ended.add(ANNA.session)
    store.tell("name of anna")
    await ends(here)
    await sockets.settle()
    assert not there.done()
    await sockets.close()


async def test_a_session_that_could_not_be_looked_at_is_looked_at_again(store: Told, lines: Lines) -> None:
    answers: list[bool | None] = [None, None, False]

    async def is_open(_caller: Caller) -> bool:
        answer = answers.pop(0)
        if answer is None:
            raise StoreUnavailable("away")
        return answer

    sockets = Sockets(Watch(store=store, journal=lines.journal, pause=0.001, is_open=is_open))
    await ends(sockets.open())
    assert answers == []
    await sockets.close()


async def test_many_accounts_are_all_looked_at(sockets: Sockets, store: Told) -> None:
    callers = [replace(ANNA, account=AccountId("shop", f"anna{n}")) for n in range(500)]
    tasks = [sockets.open(caller) for caller in callers]
    await until(lambda: bool(store.news))
    await sockets.settle()
    for caller in callers[::2]:
        store.move_silently(caller)
    store.tell(None)
    for task in tasks[::2]:
        await ends(task)
    await sockets.settle()
    assert not any(task.done() for task in tasks[1::2])


async def test_nothing_runs_and_nothing_is_kept_while_nobody_is_watched_for(sockets: Sockets, store: Told) -> None:
    before = len(asyncio.all_tasks())
    socket = sockets.open()
    await until(lambda: bool(store.news))
    await sockets.settle()
    socket.cancel()
    with suppress(asyncio.CancelledError):
        await socket
    watch = sockets.watch
    assert (store.news, len(asyncio.all_tasks())) == ([], before)
    assert (dict(watch._watched), watch._names, watch._named) == ({}, {}, {})


async def test_a_watch_without_a_caller_never_ends(sockets: Sockets, store: Told) -> None:
    socket = sockets.open(None)
    for _ in range(10):
        await asyncio.sleep(0)
    assert not socket.done()
    assert store.listened == 0


async def test_a_revocation_is_an_audit_event_with_the_name_of_the_call(
    sockets: Sockets, store: Told, lines: Lines
) -> None:
    socket = sockets.open()
    await sockets.settle()
    store.move()
    await ends(socket)
    assert lines.only["event"] == "revoked while open"
    assert (lines.only["request_id"], lines.only["subject"], lines.only["audit"]) == ("id-1", "anna", True)


async def test_a_watch_that_breaks_revokes_everybody(sockets: Sockets, store: Told, lines: Lines) -> None:
    def broken(_account: AccountId) -> str:
        raise ZeroDivisionError

    store.revocation_name = broken  # type: ignore[assignment,method-assign] # what never should happen
    await ends(sockets.open())
    assert lines.all[0]["why"] == "ZeroDivisionError"
