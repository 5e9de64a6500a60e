"""The signing key: one, whoever comes first, for all who come after."""

import asyncio
import secrets
import sys
from collections import Counter
from pathlib import Path

import pytest

from mfa_gateway.core.fault import StoreUnavailable
from mfa_gateway.state import Store, StoreSettings, open_store
from mfa_gateway.state.keys import SIGNING_KEY
from tests.state.test_secrecy import disguises
from tests.state.world import KEY, PATIENCE, ServerWorld, World


class Mint:
    """Draws keys, and counts them."""

    def __init__(self) -> None:
        self.drawn: list[bytes] = []

    async def draw(self) -> bytes:
        self.drawn.append(secrets.token_bytes(64))
        return self.drawn[-1]


async def test_the_key_that_was_drawn_first_is_the_key_from_then_on(store: Store, world: World) -> None:
    mint = Mint()
    first = await store.signing_key(mint.draw)
    assert await store.signing_key(mint.draw) == first
    assert await (await world.store()).signing_key(mint.draw) == first
    assert mint.drawn == [first]


async def test_of_many_workers_that_need_a_key_at_once_all_have_the_same(world: World) -> None:
    stores = [await world.store() for _ in range(4)]
    mint = Mint()
    keys = Counter(await asyncio.gather(*(stores[at % 4].signing_key(mint.draw) for at in range(40))))
    assert list(keys.values()) == [40]
    assert set(keys) <= set(mint.drawn)


async def test_the_key_lies_sealed_in_the_store_and_has_no_end(store: Store, world: World) -> None:
    key = await store.signing_key(Mint().draw)
    lies = await world.ask("GET", SIGNING_KEY)
    assert not [form for form in disguises(key) if form in lies]
    assert await world.ask("PTTL", SIGNING_KEY) == -1


async def test_a_key_is_not_drawn_where_the_store_could_not_be_asked(store: Store, world: World) -> None:
    await world.ask("DEL", SIGNING_KEY)
    await world.ask("RPUSH", SIGNING_KEY, "spoilt")
    mint = Mint()
    with pytest.raises(StoreUnavailable):
        await store.signing_key(mint.draw)
    assert mint.drawn == []


async def test_a_key_that_was_put_in_the_place_of_ours_is_not_taken(store: Store, world: World) -> None:
    await world.ask("SET", SIGNING_KEY, b"\x01" + bytes(100))
    with pytest.raises(StoreUnavailable, match=r"the signing key cannot be read.*Add the key to secrets\.keys"):
        await store.signing_key(Mint().draw)


@pytest.mark.processes
async def test_a_sealed_value_of_something_else_is_no_key(valkey_world: ServerWorld) -> None:
    store = await valkey_world.store()
    await valkey_world.ask("SET", SIGNING_KEY, await valkey_world.ask("GET", "mfa:index_key"))
    with pytest.raises(StoreUnavailable, match="the signing key cannot be read"):
        await store.signing_key(Mint().draw)


@pytest.mark.processes
async def test_a_key_is_read_with_every_key_that_is_configured_and_with_no_other(valkey_world: ServerWorld) -> None:
    newest = bytes(reversed(KEY))
    key = await (await valkey_world.store()).signing_key(Mint().draw)
    rotated = await open_store(StoreSettings(valkey_world.url, (newest, KEY), None, PATIENCE, PATIENCE))
    assert await rotated.signing_key(Mint().draw) == key
    await rotated.close()


# Two processes at once: each says so when it is ready, and draws when it is told to.
_PROGRAM = """
import asyncio, secrets, sys
from mfa_gateway.state import StoreSettings, open_store

async def main():
    store = await open_store(StoreSettings(sys.argv[1], (bytes(range(32)),), None, 10.0, 10.0))
    print("ready", flush=True)
    await asyncio.to_thread(sys.stdin.readline)

    async def draw():
        return secrets.token_bytes(64)

    print((await store.signing_key(draw)).hex(), flush=True)
    await store.close()

asyncio.run(main())
"""


@pytest.mark.processes
async def test_processes_that_start_at_once_end_with_one_key(valkey_world: ServerWorld) -> None:
    await valkey_world.store()
    racers = [await _racer(valkey_world.url) for _ in range(3)]
    async with asyncio.timeout(3 * PATIENCE):
        for racer in racers:
            assert racer.stdout is not None
            assert await racer.stdout.readline() == b"ready\n"
        said = await asyncio.gather(*(racer.communicate(b"go\n") for racer in racers))
    keys = [out.strip() for out, _ in said]
    assert len(set(keys)) == 1
    assert len(keys[0]) == 128


async def _racer(url: str) -> asyncio.subprocess.Process:
    pipe = asyncio.subprocess.PIPE
    root = str(Path(__file__).parents[2])
    return await asyncio.create_subprocess_exec(sys.executable, "-c", _PROGRAM, url, stdin=pipe, stdout=pipe, cwd=root)
