"""Tracking: every change of a standing is told, by whoever it is made, and a silence is noticed."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from time import monotonic

import pytest

from mfa_gateway.core.account import Factor
from mfa_gateway.core.fault import StoreUnavailable
from mfa_gateway.core.proof import Scope
from mfa_gateway.state import Store
from mfa_gateway.state.connection import pool_for
from mfa_gateway.state.keys import STANDING, account_key_of
from mfa_gateway.state.records import AccountRecord
from mfa_gateway.state.tracking import Assured, Changed, News, track
from tests.state.world import ADA, ADDRESS, BOB, PATIENCE, Guest, ServerWorld

pytestmark = pytest.mark.processes

# Longer than any test waits, unless it waits for an assurance.
SELDOM = 10 * PATIENCE


@asynccontextmanager
async def told(
    world: ServerWorld, *, pulse: float = SELDOM, url: str = ""
) -> AsyncIterator[Callable[[], Awaitable[News]]]:
    """The next news, each time it is asked for; the first, that there is somebody to tell, has been taken."""
    pool = pool_for(url or world.url, connect_timeout=PATIENCE)
    news = track(pool, timeout=PATIENCE, connect_timeout=PATIENCE, pulse=pulse, clock=monotonic)

    async def following() -> News:
        async with asyncio.timeout(PATIENCE):
            return await anext(news)

    async with aclosing(news):
        assert isinstance(await following(), Assured)
        yield following
    await pool.aclose()


CHANGES: dict[str, Callable[[Store], Awaitable[object]]] = {
    "revoke": lambda store: store.revoke(ADA),
    "disable": lambda store: store.disable(ADA),
    "reset": lambda store: store.reset(ADA),
    "a record": lambda store: store.put_record(ADA, AccountRecord(), factors={Factor.EMAIL: ADDRESS}),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
async def test_a_change_is_told_by_the_key_of_the_account(
    valkey_world: ServerWorld, change: Callable[[Store], Awaitable[object]]
) -> None:
    store = await valkey_world.store()
    async with told(valkey_world) as following:
        await change(store)
        assert await following() == Changed((await store.revocation_name(ADA),))


async def test_a_proof_that_is_closed_is_told_by_the_key_of_the_account(valkey_world: ServerWorld) -> None:
    store = await valkey_world.store()
    ada = Guest(store)
    await ada.enrol()
    await ada.issue("123456")
    await ada.present("123456")
    async with told(valkey_world) as following:
        await store.close_window(ADA, scope=Scope.ACCOUNT, session="")
        assert await following() == Changed((await store.revocation_name(ADA),))


async def test_a_look_and_what_is_no_standing_are_not_told(valkey_world: ServerWorld) -> None:
    store = await valkey_world.store()
    await store.disable(ADA)
    async with told(valkey_world) as following:
        await store.recall(ADA, scope=Scope.ACCOUNT, session="")
        await Guest(store).issue("123456")
        await store.disable(BOB)
        assert await following() == Changed((await store.revocation_name(BOB),))


async def test_a_store_that_is_emptied_has_changed_altogether(valkey_world: ServerWorld) -> None:
    await valkey_world.store()
    async with told(valkey_world) as following:
        await valkey_world.ask("FLUSHALL")
        assert await following() == Changed(None)


async def test_the_store_vouches_for_everything_before_the_question(valkey_world: ServerWorld) -> None:
    store = await valkey_world.store()
    async with told(valkey_world, pulse=0.01) as following:
        before = monotonic()
        await store.disable(ADA)
        heard = [await following()]
        while not (isinstance(last := heard[-1], Assured) and last.moment >= before):
            heard.append(await following())
    assert Changed((await store.revocation_name(ADA),)) in heard[:-1]


async def test_a_connection_that_is_ended_is_told(valkey_world: ServerWorld) -> None:
    await valkey_world.store()
    async with told(valkey_world) as following:
        await valkey_world.ask("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
        with pytest.raises(StoreUnavailable, match="changes are not told"):
            await following()


async def test_a_user_who_may_not_track_is_told_so(valkey_world: ServerWorld) -> None:
    await valkey_world.store()
    await valkey_world.ask("ACL", "SETUSER", "blind", "on", ">secret", "~*", "+@all", "-client|tracking")
    url = valkey_world.url.replace("unix://", "unix://blind:secret@")
    with pytest.raises(StoreUnavailable, match="changes are not told"):
        async with told(valkey_world, url=url):
            pass


def test_a_key_of_a_standing_leads_to_its_account() -> None:
    for end in ("account", "proofs:account", "proofs:session:0a"):
        assert account_key_of(f"{STANDING}{{tag}}:{end}") == f"{STANDING}{{tag}}:account"
