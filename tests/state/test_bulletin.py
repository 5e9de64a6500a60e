"""The bulletin: every new epoch is told to whoever listens, with nothing in it about anybody."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from pathlib import Path

import pytest

import mfa_gateway.state
from mfa_gateway.core.account import AccountId, Factor
from mfa_gateway.core.fault import StoreUnavailable
from mfa_gateway.core.proof import Scope
from mfa_gateway.state import Store, StoreSettings, prepare_store
from mfa_gateway.state.bulletin import listen
from mfa_gateway.state.connection import pool_for
from mfa_gateway.state.keys import REVOCATIONS
from mfa_gateway.state.records import AccountRecord
from tests.state.world import ADA, ADDRESS, BOB, KEY, PATIENCE, Guest, ServerWorld, World

LUA = Path(mfa_gateway.state.__file__).parent / "lua"

Heard = list[str]


@asynccontextmanager
async def hearing(store: Store) -> AsyncIterator[Heard]:
    """What is told while something is done; complete when the block is left."""
    heard: Heard = []
    has_begun = asyncio.Event()

    async def hear() -> None:
        async with aclosing(store.revocations()) as told:
            async for name in told:
                has_begun.set()
                if name is not None:
                    heard.append(name)

    task = asyncio.create_task(hear())
    try:
        async with asyncio.timeout(PATIENCE):
            await has_begun.wait()
        yield heard
        # What was told before this is heard before it.
        await store._line.ask("PUBLISH", REVOCATIONS, "the end")
        async with asyncio.timeout(PATIENCE):
            while "the end" not in heard:  # noqa: ASYNC110 - another task hears it
                await asyncio.sleep(0)
        heard.remove("the end")
    finally:
        task.cancel()
        await asyncio.wait([task])


CHANGES: dict[str, Callable[[Store], Awaitable[object]]] = {
    "reset": lambda store: store.reset(ADA),
    "disable": lambda store: store.disable(ADA),
    "enable": lambda store: store.enable(ADA),
    "factors on record": lambda store: store.put_record(ADA, AccountRecord(), factors={Factor.EMAIL: ADDRESS}),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
async def test_every_change_that_begins_an_epoch_is_told_once_by_the_name_of_the_account(
    world: World, change: Callable[[Store], Awaitable[object]]
) -> None:
    teller, hearer = await world.store(), await world.store()

    async with hearing(hearer) as heard:
        await change(teller)

    assert heard == [await hearer.revocation_name(ADA)]
    assert heard != [await hearer.revocation_name(BOB)]


async def test_an_activation_begins_an_epoch_and_tells_it(store: Store, ada: Guest) -> None:
    async with hearing(store) as heard:
        await ada.enrol()

    assert heard == [await store.revocation_name(ada.account)]


async def test_a_record_alone_and_a_look_tell_nothing(store: Store) -> None:
    async with hearing(store) as heard:
        await store.put_record(ADA, AccountRecord())
        await store.recall(ADA, scope=Scope.ACCOUNT, session="")

    assert heard == []


async def test_a_name_says_nothing_about_the_person(store: Store) -> None:
    # No digest in hexadecimal could spell this name by chance.
    person = AccountId("shop", "wilhelmina")
    name = await store.revocation_name(person)

    assert name == (await store._foundation.names()).keys.of(person).account
    assert "wilhelmina" not in name


@pytest.mark.parametrize("path", sorted(LUA.glob("**/*.lua")), ids=lambda path: path.name)
def test_no_script_begins_an_epoch_without_telling(path: Path) -> None:
    moves = "'HINCRBY'" in path.read_text() and "'epoch', 1" in path.read_text()

    assert moves == (path.name == "epoch.lua")


def test_the_scripts_and_the_grammar_name_one_channel() -> None:
    assert f"redis.pcall('PUBLISH', '{REVOCATIONS}', account)" in (LUA / "parts" / "epoch.lua").read_text()


@pytest.mark.processes
async def test_a_user_who_may_not_publish_still_revokes(valkey_world: ServerWorld) -> None:
    store = await valkey_world.store()
    await store._line.ask("ACL", "SETUSER", "mute", "on", ">secret", "~*", "+@all", "resetchannels")
    mute = prepare_store(StoreSettings(valkey_world.url.replace("unix://", "unix://mute:secret@"), (KEY,)))
    try:
        await mute.reset(ADA)
        assert (await mute.recall(ADA, scope=Scope.ACCOUNT, session="")).epoch == 1
        with pytest.raises(StoreUnavailable, match="revocations cannot be heard"):
            await anext(mute.revocations())
    finally:
        await mute.close()
        await store._line.ask("ACL", "DELUSER", "mute")


async def test_a_store_that_is_not_there_cannot_be_heard(tmp_path: Path) -> None:
    pool = pool_for(f"unix://{tmp_path}/none.sock", connect_timeout=1)

    with pytest.raises(StoreUnavailable, match="revocations cannot be heard"):
        await anext(listen(pool, timeout=1, connect_timeout=1))


@pytest.mark.processes
async def test_a_connection_that_ends_is_told(valkey_world: ServerWorld) -> None:
    store = await valkey_world.store()
    async with aclosing(store.revocations()) as told:
        assert await anext(told) is None
        await store._line.ask("CLIENT", "KILL", "TYPE", "pubsub")
        with pytest.raises(StoreUnavailable):
            async with asyncio.timeout(PATIENCE):
                await anext(told)


async def _answering(lines: list[bytes]) -> tuple[asyncio.Server, list[bytes], asyncio.Event]:
    """A server that answers the first words with these lines, and then nothing more; and when its client has left."""
    asked: list[bytes] = []
    has_left = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65_536):
            asked.append(data)
            writer.write(b"+OK\r\n" * data.count(b"SETINFO"))
            for word in (b"SUBSCRIBE", b"PING"):
                if word in data and lines:
                    writer.write(lines.pop(0))
        writer.close()
        await writer.wait_closed()
        has_left.set()

    return await asyncio.start_server(serve, "127.0.0.1", 0), asked, has_left


SUBSCRIBED = b"*3\r\n$9\r\nsubscribe\r\n$15\r\nmfa:revocations\r\n:1\r\n"
PONG = b"*2\r\n$4\r\npong\r\n$0\r\n\r\n"


async def test_a_silent_connection_is_asked_and_given_up_when_it_does_not_answer() -> None:
    server, asked, has_left = await _answering([SUBSCRIBED, PONG])
    async with server:
        pool = pool_for(f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}", connect_timeout=1)
        async with aclosing(listen(pool, timeout=0.05, connect_timeout=1, silence=0.05)) as told:
            assert await anext(told) is None
            with pytest.raises(StoreUnavailable, match="no answer to a ping"):
                async with asyncio.timeout(PATIENCE):
                    await anext(told)
        async with asyncio.timeout(PATIENCE):
            await has_left.wait()

    assert b"".join(asked).count(b"PING") == 2
