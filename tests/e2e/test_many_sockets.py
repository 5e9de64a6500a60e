"""Two thousand clients that idle or dribble: others are served, each of them is closed in time, and no memory stays.

Five hundred each that never ask, that asked once and went silent, that give a head byte by byte, and that give a body
byte by byte. The wave comes twice. The first one makes the allocator's arenas as large as they will ever be, and they
are not given back to the system: what two thousand connections need once (some 11 KiB each) stays with the worker. The
second one tells what connections leave behind, which must be nothing. `fresh` is what the worker had before both.
"""

import asyncio
import logging
import resource
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.e2e.front import Front, fronting
from tests.e2e.processes import ON_LINUX, miss, open_files, resident_kib, workers
from tests.e2e.waiting import pause, until
from tests.e2e.wire import request

pytestmark = [pytest.mark.processes, ON_LINUX]

_log = logging.getLogger(__name__)

EACH = 500
PATIENCE = 3.0
# What a busy machine with two cores may add: for a time-out to be noticed, and for an ordinary answer.
SLACK = 4.0
# A dribbling client gives a byte this often; the gateway asks for a kilobyte within its patience.
DROP_EVERY = 0.4
# Both sides of a socket in two processes, and what connects them to the API.
DESCRIPTORS = 8 * EACH
MORE = f"timeouts: {{head: {PATIENCE}s, body_idle: {PATIENCE}s, keep_alive: {PATIENCE}s}}"
HALF_A_HEAD = b"GET /open/head HTTP/1.1\r\nHost: gw.test\r\nX-Long: x"
HALF_A_BODY = request("/open/body", "Content-Length: 1000", method="PUT") + b"x"


class Silent(asyncio.Protocol):
    """A client that says its piece, then nothing or drops, and remembers when the gateway had enough of it."""

    def __init__(self, says: bytes, *, does_drip: bool) -> None:
        self._says = says
        self._does_drip = does_drip
        self._transport: asyncio.Transport
        self._dripping: asyncio.TimerHandle | None = None
        self.since = self.ended = 0.0
        self.received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self.since = time.monotonic()
        if self._says:
            transport.write(self._says)
        if self._does_drip:
            self._dripping = asyncio.get_running_loop().call_later(DROP_EVERY, self._drip)

    def _drip(self) -> None:
        self._transport.write(b"x")
        self._dripping = asyncio.get_running_loop().call_later(DROP_EVERY, self._drip)

    def data_received(self, data: bytes) -> None:
        self.received += data
        if b"HTTP/1.1 200 " in data:
            self.since = time.monotonic()

    def connection_lost(self, _exc: Exception | None) -> None:
        self.ended = self.ended or time.monotonic()
        if self._dripping is not None:
            self._dripping.cancel()

    def eof_received(self) -> None:
        self.ended = time.monotonic()

    def leave(self) -> None:
        self._transport.abort()


@dataclass
class Ordinary:
    """Clients that go on asking meanwhile."""

    port: int
    waits: list[float] = field(default_factory=list)
    is_over: bool = False

    @asynccontextmanager
    async def asking(self, front: Front, number: int = 4) -> AsyncIterator[None]:
        tasks = [asyncio.create_task(self._ask(front)) for _ in range(number)]
        try:
            yield
        finally:
            self.is_over = True
            await asyncio.gather(*tasks)

    async def _ask(self, front: Front) -> None:
        while not self.is_over:
            async with front.client() as client:
                for _ in range(10):
                    began = time.monotonic()
                    assert (await client.ask(request("/open/ordinary"))).status == 200
                    self.waits.append(time.monotonic() - began)
                    await pause(0.01)


@pytest.fixture
def room() -> Iterator[None]:
    """Enough descriptors for this process and for those it starts."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < DESCRIPTORS:
        miss(f"{DESCRIPTORS} open files are needed, and {hard} are allowed")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, DESCRIPTORS), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


async def wave(front: Front) -> list[Silent]:
    """All of them, from their connecting to the gateway's closing."""
    kinds = ((b"", False), (request("/open/once"), False), (HALF_A_HEAD, True), (HALF_A_BODY, True))
    clients = [Silent(says, does_drip=drips) for _ in range(EACH) for says, drips in kinds]
    loop = asyncio.get_running_loop()
    for client in clients:
        await loop.create_connection(lambda client=client: client, "127.0.0.1", front.port)  # type: ignore[misc] # the default binds it
    assert not any(client.ended for client in clients), "they were not all there at one time"
    await until(lambda: all(client.ended for client in clients))
    for client in clients:
        client.leave()
    return clients


async def settled(front: Front, pid: int, files: int) -> int:
    """The memory of the worker when it has closed everything."""
    await until(lambda: max(front.api.open_links, open_files(pid) - files) <= 16)
    return resident_kib(pid)


async def test_two_thousand_idle_or_dribbling_sockets(tmp_path: Path, room: None) -> None:
    async with fronting(tmp_path, more=MORE) as front:
        (pid,) = workers(front.installation)
        ordinary = Ordinary(front.port)
        async with ordinary.asking(front):
            await until(lambda: len(ordinary.waits) > 100)
            fresh, files = resident_kib(pid), open_files(pid)
            await wave(front)
            before = await settled(front, pid, files)
            front.api.links.clear()
            front.api.seen.clear()
            clients = await wave(front)
            after = await settled(front, pid, files)

    kept = [client.ended - client.since for client in clients]
    # Shown where the test fails, and with --log-cli-level=INFO.
    _log.info("worker: fresh %d KiB, after the first wave %d, after the second %d", fresh, before, after)
    _log.info("closed after %.2f to %.2f s", min(kept), max(kept))
    _log.info("%d ordinary answers, the slowest in %.3f s", len(ordinary.waits), max(ordinary.waits))
    assert min(kept) > PATIENCE * 0.9
    assert max(kept) < PATIENCE + SLACK
    answers = [client.received[:13] for client in clients]
    assert answers == [b"", b"HTTP/1.1 200 ", b"HTTP/1.1 408 ", b"HTTP/1.1 408 "] * EACH
    assert max(ordinary.waits) < SLACK
    assert sorted(ordinary.waits)[len(ordinary.waits) * 95 // 100] < 1
    assert after < before * 1.1
    assert {seen.target for seen in front.api.seen} == {"/open/once", "/open/ordinary"}
