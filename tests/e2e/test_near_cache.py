"""Near cache: a real Valkey behind a relay that counts every command, and workers that remember."""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest

from tests.e2e.installation import Installation, answer
from tests.e2e.test_store_trips import Relay, relay

__all__ = ["relay"]

pytestmark = pytest.mark.processes

PROTECTED = ("PATCH", "/customer-password/42")
# A revocation is told within milliseconds. Here a call over HTTP is in it, on a machine that does other things.
OBEYED_S = 0.25
CALLS = 50


async def installed(tmp_path: Path, relay: Relay, workers: int) -> AsyncIterator[Installation]:
    folder = tmp_path / "gateway"
    folder.mkdir()
    more = f"near_cache: {{enabled: true}}\nworkers: {workers}"
    async with Installation(folder, more=more, store=f"redis://127.0.0.1:{relay.port}") as running:
        await running.start()
        yield running


@pytest.fixture
async def alone(tmp_path: Path, relay: Relay) -> AsyncIterator[Installation]:
    async for one in installed(tmp_path, relay, 1):
        yield one


@pytest.fixture
async def several(tmp_path: Path, relay: Relay) -> AsyncIterator[Installation]:
    async for one in installed(tmp_path, relay, 2):
        yield one


async def in_grace(gateway: Installation) -> str:
    token = gateway.token()
    await gateway.enrol(token)
    assert answer(await gateway.call(*PROTECTED, token=token, code=await gateway.fresh_code(token))) == "200"
    return token


async def anew(gateway: Installation, token: str) -> str:
    """A call on a connection of its own, which any worker may take."""
    async with httpx2.AsyncClient() as client:
        url = f"http://127.0.0.1:{gateway.port}{PROTECTED[1]}"
        return answer(await client.request(PROTECTED[0], url, headers={"Authorization": f"Bearer {token}"}))


def scripts(relay: Relay) -> int:
    """How many scripts were run since the last count. Assurances of the near cache are none."""
    passed, relay.commands = relay.commands, []
    return sum(name.upper() in (b"EVALSHA", b"EVAL") for name in passed)


async def test_a_window_takes_no_look_at_the_store(alone: Installation, relay: Relay) -> None:
    token = await in_grace(alone)
    assert answer(await alone.call(*PROTECTED, token=token)) == "200"
    scripts(relay)
    for _ in range(CALLS):
        assert answer(await alone.call(*PROTECTED, token=token)) == "200"
    assert scripts(relay) == 0


async def test_whoever_closes_a_window_is_refused_by_the_very_next_call(alone: Installation) -> None:
    token = await in_grace(alone)
    for _ in range(5):
        assert answer(await alone.call(*PROTECTED, token=token)) == "200"
        closed = await alone.call("DELETE", "/mfa/grace", token=token)
        assert closed.status_code == 204
        assert answer(await alone.call(*PROTECTED, token=token)) == "403/5900"
        code = await alone.fresh_code(token)
        assert answer(await alone.call(*PROTECTED, token=token, code=code)) == "200"


async def test_a_window_that_is_closed_is_closed_at_every_worker(several: Installation) -> None:
    token = await in_grace(several)
    assert {await anew(several, token) for _ in range(CALLS)} == {"200"}
    await several.call("DELETE", "/mfa/grace", token=token)
    closed = time.perf_counter()
    last_passed = closed
    for _ in range(CALLS):
        if await anew(several, token) == "200":
            last_passed = time.perf_counter()
    assert last_passed - closed < OBEYED_S
    assert await anew(several, token) == "403/5900"


async def test_without_news_every_call_asks_the_store(alone: Installation, relay: Relay) -> None:
    token = await in_grace(alone)
    assert answer(await alone.call(*PROTECTED, token=token)) == "200"
    await relay.forbid_tracking()
    scripts(relay)
    async with asyncio.timeout(10):
        while scripts(relay) == 0:
            assert answer(await alone.call(*PROTECTED, token=token)) == "200"
    for _ in range(3):
        scripts(relay)
        assert answer(await alone.call(*PROTECTED, token=token)) == "200"
        assert scripts(relay) == 1
