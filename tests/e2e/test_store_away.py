"""A gateway that starts before its store: open routes are served, the rest waits, and an unfit store stays unused."""

import asyncio
import socket
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.e2e.installation import Installation, answer
from tests.e2e.valkey import Valkey

pytestmark = pytest.mark.processes

PROTECTED = ("PATCH", "/customer-password/42")
# One probe a second, and some patience.
RETURN_SECONDS = 10


@pytest.fixture
async def valkey(tmp_path: Path) -> AsyncIterator[Valkey]:
    server = Valkey(tmp_path / "store.sock")
    yield server
    await server.stop()


@pytest.fixture
async def installation(tmp_path: Path, valkey: Valkey) -> AsyncIterator[Installation]:
    folder = tmp_path / "gateway"
    folder.mkdir()
    async with Installation(folder, store=valkey.url) as running:
        yield running


async def test_it_serves_open_routes_and_asks_to_come_back_for_the_rest_until_the_store_is_there(
    installation: Installation, valkey: Valkey
) -> None:
    await installation.start()
    token = installation.token()

    assert answer(await installation.call("GET", "/open")) == "200"
    for refused in (
        await installation.call(*PROTECTED, token=token),
        await installation.ceremony("type-activate", token=token),
    ):
        assert refused.status_code == 503
        assert int(refused.headers["retry-after"]) >= 1
    assert "starting without the store" in installation.log

    await valkey.start()
    async with asyncio.timeout(RETURN_SECONDS):
        while (await installation.ceremony("type-activate", token=token)).status_code == 503:
            pass
    code = await installation.mailbox.code()
    assert (await installation.ceremony("type-verify", token=token, code=code)).status_code == 204
    assert answer(await installation.call(*PROTECTED, token=token)) == "200"
    assert [seen.target for seen in installation.api.seen] == ["/open", "/customer-password/42"]


async def test_calls_do_not_wait_for_a_store_that_takes_connections_and_says_nothing(
    tmp_path: Path,
) -> None:
    path = tmp_path / "silent.sock"
    async with Installation(tmp_path, store=f"unix://{path}") as installation:
        with socket.socket(socket.AF_UNIX) as silent:
            silent.bind(str(path))
            silent.listen()
            await _hurry(installation)


async def _hurry(installation: Installation) -> None:
    await installation.start()
    token, began = installation.token(), time.monotonic()
    for _ in range(20):
        assert (await installation.call(*PROTECTED, token=token)).status_code == 503
    # `store.timeout` of an installation is 2 s: two probes at most, where each call for itself would take 40 s.
    assert time.monotonic() - began < 8


async def test_a_store_that_may_forget_stops_the_start_when_it_can_be_asked(tmp_path: Path) -> None:
    async with (
        Valkey(tmp_path / "lru.sock", policy="allkeys-lru") as forgetful,
        Installation(tmp_path, store=forgetful.url) as installation,
    ):
        process = await installation.command("serve")
        said, _ = await process.communicate()

    assert (process.returncode, said) == (1, b"")
    assert "maxmemory-policy allkeys-lru" in installation.log


async def test_a_store_that_is_found_unfit_later_is_not_used(tmp_path: Path) -> None:
    forgetful = Valkey(tmp_path / "lru.sock", policy="allkeys-lru")
    async with Installation(tmp_path, store=forgetful.url) as installation:
        await installation.start()
        await forgetful.start()
        async with asyncio.timeout(RETURN_SECONDS):
            while "the store must not be used" not in installation.log:
                assert (await installation.call(*PROTECTED, token=installation.token())).status_code == 503
        assert (await installation.call(*PROTECTED, token=installation.token())).status_code == 503
        assert answer(await installation.call("GET", "/open")) == "200"
        await forgetful.stop()
