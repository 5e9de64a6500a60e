"""A crew: the workers of one configuration. They start together, are replaced one by one, and are dismissed together.

What stays out: where settings come from, and when to start or dismiss anybody (supervisor).
"""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Sequence
from time import monotonic
from typing import Final

import structlog

from mfa_gateway.cli.supervision.channel import Stop, WindDown
from mfa_gateway.cli.supervision.worker import StartFailed, Worker
from mfa_gateway.engine.tally import Counts
from mfa_gateway.settings import Settings

# A replacement starts at once, then ever more slowly while they keep ending; one that served this long was sound.
_FIRST_PAUSE_SECONDS: Final = 0.1
_LONGEST_PAUSE_SECONDS: Final = 10.0
_SOUND_SECONDS: Final = 60.0
# What a worker may need to end beyond the time that is given to what is in flight: closing its connections.
_FAREWELL_SECONDS: Final = 2.0


class Crew:
    """So many workers. `bury` is given the counts of each one that ended, so that no number is lost with it."""

    def __init__(
        self,
        settings: Settings,
        listeners: Sequence[socket.socket],
        *,
        bury: Callable[[Counts], None],
        mourn: Callable[[], None],
        clock: Callable[[], float] = monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """`mourn` is told of each worker that ended without having been told to. Time is in seconds."""
        self.settings = settings
        self._listeners = listeners
        self._bury = bury
        self._mourn = mourn
        self._clock = clock
        self._sleep = sleep
        self._workers: set[Worker] = set()
        self._posts: list[asyncio.Task[None]] = []
        self._is_dismissed = False
        self._log: structlog.typing.FilteringBoundLogger = structlog.get_logger("mfa_gateway")

    @property
    def listening(self) -> int:
        """How many take calls now."""
        return sum(worker.is_listening for worker in self._workers)

    @property
    def counts(self) -> list[Counts]:
        """What those counted that are there now."""
        return [worker.counts for worker in self._workers]

    async def muster(self) -> None:
        """Start everybody, and wait until all listen.

        Raises:
            StartFailed: one cannot; nobody is left.
        """
        try:
            workers = [await self._hire() for _ in range(self.settings.workers)]
            await asyncio.gather(*(worker.begin() for worker in workers))
        except BaseException:
            await self.dismiss(0)
            raise
        self._posts = [asyncio.create_task(self._hold(worker)) for worker in workers]

    def wind_down(self) -> None:
        """Have everybody keep no connections any more."""
        for worker in self._workers:
            worker.tell(WindDown())

    async def dismiss(self, seconds: float) -> None:
        """Have everybody take no more calls and end, within so many seconds."""
        self._is_dismissed = True
        for post in self._posts:
            post.cancel()
        await asyncio.gather(*self._posts, return_exceptions=True)
        for worker in self._workers:
            worker.tell(Stop(seconds))
        ends = [worker.end for worker in self._workers]
        if ends:
            await asyncio.wait(ends, timeout=seconds + _FAREWELL_SECONDS)
        self.kill()
        await asyncio.gather(*ends)
        for worker in tuple(self._workers):
            self._discharge(worker)

    def kill(self) -> None:
        """End everybody now."""
        for worker in self._workers:
            worker.kill()

    async def _hire(self) -> Worker:
        worker = await Worker.start(self._listeners, self.settings)
        self._workers.add(worker)
        return worker

    def _discharge(self, worker: Worker) -> None:
        self._workers.discard(worker)
        self._bury(worker.counts)

    async def _hold(self, worker: Worker | None) -> None:
        """Keep one post occupied."""
        pause = _FIRST_PAUSE_SECONDS
        while True:
            began = self._clock()
            if worker is not None:
                code = await asyncio.shield(worker.end)
                self._discharge(worker)
                self._mourn()
                self._log.error("worker ended", pid=worker.pid, exit_code=code)
                pause = _FIRST_PAUSE_SECONDS if self._clock() - began > _SOUND_SECONDS else pause
            await self._sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE_SECONDS)
            worker = await self._replacement()

    async def _replacement(self) -> Worker | None:
        worker: Worker | None = None
        try:
            worker = await self._hire()
            await worker.begin()
        except (StartFailed, OSError) as error:
            self._log.error("worker did not start", why=str(error))
            if worker is not None:
                self._discharge(worker)
            return None
        self._log.warning("worker replaced", pid=worker.pid)
        return worker
