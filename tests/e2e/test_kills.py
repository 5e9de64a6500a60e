"""SIGKILL for the gateway and its embedded store, between and during the steps of activate, verify and gate.

Whatever was answered is kept; no code works twice.
"""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.e2e.installation import Installation, answer

pytestmark = pytest.mark.processes

RULES = """
access_control:
  default_policy: open
  rules:
    - {name: window, paths: ["/window"], policy: mfa}
    - {name: every-time, paths: ["/every-time"], policy: mfa, grace: 0s}
"""
STORE_SECONDS = 15


@pytest.fixture
async def installation(tmp_path: Path) -> AsyncIterator[Installation]:
    async with Installation(tmp_path, rules=RULES) as running:
        await running.start()
        yield running


async def test_everything_answered_survives_a_kill_of_everything_after_every_step(installation: Installation) -> None:
    token = installation.token()

    assert (await installation.ceremony("type-activate", token=token)).status_code == 204
    code = await installation.mailbox.code()
    await _kill_everything(installation)

    assert (await installation.ceremony("type-verify", token=token, code=code)).status_code == 204
    await _kill_everything(installation)

    assert answer(await installation.ceremony("type-verify", token=token, code=code)) == "400/5904"
    assert answer(await installation.call("GET", "/window", token=token)) == "200"
    assert answer(await installation.call("GET", "/every-time", token=token, code=code)) == "403/5901"

    fresh = await installation.fresh_code(token)
    await _kill_everything(installation)
    assert answer(await installation.call("GET", "/every-time", token=token, code=fresh)) == "200"
    await _kill_everything(installation)
    assert answer(await installation.call("GET", "/every-time", token=token, code=fresh)) == "403/5901"


async def test_a_deactivation_that_was_answered_stays_done(installation: Installation) -> None:
    token = installation.token()
    code = await installation.enrol(token)
    assert (await installation.ceremony("type-deactivate", token=token, code=code)).status_code == 204

    await _kill_everything(installation)

    assert answer(await installation.call("GET", "/window", token=token)) == "403/5906"


async def test_a_ban_survives(installation: Installation) -> None:
    token = installation.token()
    await installation.enrol(token)
    for wrong in ("000001", "000002", "000003", "000004", "000005"):
        assert answer(await installation.call("GET", "/every-time", token=token, code=wrong)) == "403/5901"

    await _kill_everything(installation)

    code = await installation.fresh_code(token)
    # The session proved itself when it enrolled, so it has attempts of its own; another session has none.
    other = installation.token(sid="another session")
    assert "retry-after" in (await installation.call("GET", "/every-time", token=other, code=code)).headers
    assert installation.api.seen == []


@pytest.mark.parametrize("turns", [0, 2, 4, 8, 16, 32])
async def test_a_code_that_is_being_redeemed_while_everything_is_killed_works_once_at_most(
    installation: Installation, turns: int
) -> None:
    token = installation.token()
    await installation.enrol(token)
    code = await installation.fresh_code(token)

    redeeming = asyncio.create_task(installation.call("GET", "/every-time", token=token, code=code))
    for _ in range(turns):
        await asyncio.sleep(0)  # gives the request so many turns of the loop; no time is waited out
    await _kill_everything(installation)
    await asyncio.gather(redeeming, return_exceptions=True)
    for _ in range(3):
        await installation.call("GET", "/every-time", token=token, code=code)

    assert len(installation.api.seen) <= 1


async def test_the_gateway_serves_open_routes_while_its_store_is_gone_and_starts_it_again(
    installation: Installation,
) -> None:
    token = installation.token()
    await installation.enrol(token)

    _kill_store(installation)

    assert answer(await installation.call("GET", "/open")) == "200"
    async with asyncio.timeout(STORE_SECONDS):
        while (status := (await installation.call("GET", "/window", token=token)).status_code) != 200:
            assert status == 503
    assert [seen.target for seen in installation.api.seen] == ["/open", "/window"]


def _kill_store(installation: Installation) -> None:
    pid = int((installation.folder / "data" / "store.pid").read_text())
    os.kill(pid, signal.SIGKILL)


async def _kill_everything(installation: Installation) -> None:
    """SIGKILL the gateway and its store, in this order, and start again."""
    await installation.kill()
    with suppress(ProcessLookupError):  # the kernel ends it with the gateway
        _kill_store(installation)
    await installation.restart()
