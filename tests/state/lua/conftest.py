"""Scripts by themselves: what they give and leave behind, to the millisecond, on a server in this process."""

import time
from collections.abc import AsyncIterator

import pytest

from mfa_gateway.state.connection import pool_for
from mfa_gateway.state.line import Line
from tests.clock import MemoryClock
from tests.state.lua.desk import Desk
from tests.state.world import PATIENCE


@pytest.fixture
async def desk(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Desk]:
    """A server that is empty."""
    clock = MemoryClock.installed(monkeypatch)
    pool = pool_for("memory://", connect_timeout=PATIENCE)
    line = Line(pool, timeout=PATIENCE, connect_timeout=PATIENCE, clock=time.monotonic)
    yield Desk(clock, line)
    await line.close()
    await pool.aclose()
