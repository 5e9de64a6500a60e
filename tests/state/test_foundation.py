import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from mfa_gateway.core.account import Factor, FactorState, Standing
from mfa_gateway.core.fault import StoreUnavailable
from mfa_gateway.core.proof import Redeemed, Rode
from mfa_gateway.state import StoreSettings, StoreUnfit, open_store, prepare_store
from mfa_gateway.state.foundation import SCHEMA_VERSION
from mfa_gateway.state.keys import INDEX_KEY, SCHEMA
from tests.state.peers import Command, answering, listening
from tests.state.world import ADA, ADDRESS, KEY, PATIENCE, Guest, ServerWorld, World, never_waits

NEW_KEY = bytes(range(32, 64))

pytestmark = pytest.mark.processes


def settings(url: str, *keys: bytes) -> StoreSettings:
    return StoreSettings(url, keys or (KEY,), timeout=PATIENCE, connect_timeout=PATIENCE)


@pytest.fixture
async def opened(valkey_world: ServerWorld) -> AsyncIterator[ServerWorld]:
    """A server on which one store is open, with the ordinary settings afterwards."""
    await valkey_world.store()
    yield valkey_world
    await valkey_world.ask("CONFIG", "SET", "maxmemory-policy", "noeviction")
    await valkey_world.ask("ACL", "DELUSER", "limited")


async def refused(at: StoreSettings, why: str) -> None:
    with pytest.raises(StoreUnfit, match=why):
        await open_store(at)


async def test_the_schema_is_written_down(store: object, world: World) -> None:
    assert await world.ask("GET", SCHEMA) == b"%d" % SCHEMA_VERSION


@pytest.mark.parametrize(
    "schema", [str(SCHEMA_VERSION + 1), str(SCHEMA_VERSION - 1), f"{SCHEMA_VERSION}.0", "", "later"]
)
async def test_another_schema_stops_the_start(opened: ServerWorld, schema: str) -> None:
    await opened.ask("SET", SCHEMA, schema)
    await refused(settings(opened.url), "written by another version")


@pytest.mark.parametrize("policy", ["allkeys-lru", "volatile-ttl", "allkeys-random"])
async def test_a_store_that_may_forget_is_refused(opened: ServerWorld, policy: str) -> None:
    await opened.ask("CONFIG", "SET", "maxmemory-policy", policy)
    await refused(settings(opened.url), f"maxmemory-policy {policy}.*Set it to noeviction")


async def limited(opened: ServerWorld, *rights: str) -> str:
    """The URL of a user who may do no more than this."""
    await opened.ask("ACL", "SETUSER", "limited", "on", ">pass", "~mfa:*", "+@all", *rights)
    return opened.url.replace("unix://", "unix://limited:pass@")


async def test_a_store_that_does_not_tell_its_policy_is_used_with_a_warning(opened: ServerWorld) -> None:
    url = await limited(opened, "-info", "-config")
    with capture_logs() as logs:
        await (await open_store(settings(url))).close()
    assert [entry["event"] for entry in logs] == ["the store does not tell its maxmemory-policy"]


async def test_the_policy_is_asked_for_in_another_way_where_the_first_is_forbidden(opened: ServerWorld) -> None:
    await opened.ask("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
    await refused(settings(await limited(opened, "-info")), "maxmemory-policy allkeys-lru")


async def test_a_user_who_may_not_run_scripts_is_a_fault(opened: ServerWorld) -> None:
    with pytest.raises(StoreUnavailable, match="NOPERM"):
        await open_store(settings(await limited(opened, "-@scripting")))


async def test_a_wrong_password_is_a_fault_without_the_password(opened: ServerWorld) -> None:
    url = (await limited(opened)).replace("pass", "hunter2")
    with pytest.raises(StoreUnavailable) as caught:
        await open_store(settings(url))
    assert "hunter2" not in str(caught.value)


async def test_the_index_key_is_sealed(opened: ServerWorld) -> None:
    sealed = await opened.ask("GET", INDEX_KEY)
    assert len(sealed) > 32 + 16
    await refused(settings(opened.url, NEW_KEY), r"sealed with keys that are not among secrets\.keys")


async def test_a_damaged_index_key_stops_the_start(opened: ServerWorld) -> None:
    await opened.ask("SETRANGE", INDEX_KEY, 30, "damaged")
    await refused(settings(opened.url), "damaged or belongs to something else")


async def test_workers_that_start_at_once_agree(opened: ServerWorld) -> None:
    await opened.ask("FLUSHALL")
    stores = await asyncio.gather(*(open_store(settings(opened.url)) for _ in range(10)))
    await Guest(stores[0]).enrol()
    for store in stores:
        assert (await Guest(store).standing()).active() == (Factor.EMAIL,)
        await store.close()


async def test_rotating_the_keys_voids_nothing(opened: ServerWorld) -> None:
    ada = Guest(await opened.store())
    await ada.enrol()
    await ada.issue("111111")
    await ada.present("111111")
    await ada.issue("222222")
    rotated = ada.again(store=await open_store(settings(opened.url, NEW_KEY, KEY)))
    standing = await rotated.standing()
    assert len(standing.proofs) == 1
    assert rotated.store.pinned_address(ADA, Factor.EMAIL, standing) == ADDRESS
    assert isinstance(await rotated.present("111111"), Rode)
    assert await rotated.present("222222") == Redeemed(Factor.EMAIL)
    await rotated.store.close()


async def test_what_the_newest_key_sealed_is_readable_by_workers_that_have_it_too(opened: ServerWorld) -> None:
    rotated = Guest(await open_store(settings(opened.url, NEW_KEY, KEY)))
    standing = await rotated.enrol()
    other = await open_store(settings(opened.url, KEY, NEW_KEY))
    assert other.pinned_address(ADA, Factor.EMAIL, standing) == ADDRESS
    older = await open_store(settings(opened.url, KEY))
    with pytest.raises(StoreUnavailable, match=r"email factor cannot be read.*secrets\.keys"):
        older.pinned_address(ADA, Factor.EMAIL, standing)
    for store in (rotated.store, other, older):
        await store.close()


async def test_a_store_that_is_away_at_the_start_is_opened_when_it_comes(valkey: str, folder: Path) -> None:
    path = folder / "s"
    store = prepare_store(settings(f"unix://{path}"), clock=never_waits())
    ada = Guest(store)
    with pytest.raises(StoreUnavailable, match="cannot be reached"):
        await store.open()
    with pytest.raises(StoreUnavailable, match="cannot be reached"):
        await ada.standing()
    path.symlink_to(valkey.removeprefix("unix://"))
    assert (await ada.standing()).factors.keys() <= set(Factor)
    await store.close()


async def test_a_store_that_comes_unfit_answers_nothing(opened: ServerWorld) -> None:
    store = prepare_store(settings(opened.url, NEW_KEY))
    with pytest.raises(StoreUnavailable, match=r"not among secrets\.keys"):
        await Guest(store).standing()
    await store.close()


async def test_a_store_that_was_found_unfit_is_examined_once_a_second_and_told_once(opened: ServerWorld) -> None:
    now = [0.0]
    await opened.ask("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
    store = prepare_store(settings(opened.url), clock=lambda: now[0])

    async def examinations() -> int:
        """How many commands the server was asked in two calls."""
        before = await _commands(opened)
        for _ in range(2):
            with pytest.raises(StoreUnavailable, match="maxmemory-policy allkeys-lru"):
                await store.check()
        return await _commands(opened) - before - 1

    with capture_logs() as logs:
        assert await examinations() > 0
        assert await examinations() == 0
        now[0] += 1.0
        assert await examinations() > 0
    assert [entry["event"] for entry in logs] == ["the store must not be used"]

    await opened.ask("CONFIG", "SET", "maxmemory-policy", "noeviction")
    now[0] += 1.0
    await store.check()
    await store.close()


async def _commands(world: ServerWorld) -> int:
    info: bytes = await world.ask("INFO", "stats")
    (line,) = (line for line in info.decode().splitlines() if line.startswith("total_commands_processed:"))
    return int(line.partition(":")[2])


async def test_an_address_cannot_be_read_before_the_store_was_opened(valkey: str) -> None:
    store = prepare_store(settings(valkey))
    standing = Standing(factors={Factor.EMAIL: FactorState.ACTIVE}, sealed={Factor.EMAIL: b"sealed"})
    with pytest.raises(StoreUnavailable, match="not opened yet"):
        store.pinned_address(ADA, Factor.EMAIL, standing)
    await store.close()


async def test_an_open_store_that_fails_leaves_nothing_open(folder: Path) -> None:
    async with listening(f"{folder}/s", answering(b"+PONG\r\n", b"-ERR no\r\n")) as peer:
        with pytest.raises(StoreUnavailable):
            await open_store(settings(f"unix://{folder}/s"))
    assert peer.names[0] == "PING"


async def test_a_server_that_loses_the_index_key_at_once_is_a_fault(folder: Path) -> None:
    async def forgetful(command: Command) -> bytes:
        return {b"GET": b"$-1\r\n", b"INFO": b"$0\r\n\r\n", b"CONFIG": b"*0\r\n"}.get(command[0], b"+OK\r\n")

    async with listening(f"{folder}/s", forgetful):
        with pytest.raises(StoreUnfit, match="another version"):
            await open_store(settings(f"unix://{folder}/s"))


def test_neither_url_nor_keys_are_in_a_repr() -> None:
    shown = repr(settings("redis://u:hunter2@h"))
    assert "hunter2" not in shown
    assert "keys" not in shown


async def test_wrong_keys_are_refused_before_anything_is_connected() -> None:
    with pytest.raises(StoreUnfit, match="of 32 bytes"):
        prepare_store(settings("redis://nowhere.test", b"short"))
    with pytest.raises(StoreUnfit, match=r"embedded needs store\.data_dir"):
        prepare_store(settings("embedded"))
