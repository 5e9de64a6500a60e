"""Afterwards: what is done when the answer is on its way, so that no answer tells by its time what had to be done.

A queue of bounded length, worked off by a few tasks at a time: a slow sender holds up messages, never answers. What is
in it at a stop is still done, as far as the time allows. What stays out: what is done, and what comes of it, which
nobody waits to hear.
"""

import asyncio
from collections import deque
from contextlib import suppress
from typing import Final

from mfa_gateway.engine.entrance_ports import Job

# Messages of some seconds each at a slow provider.
_AT_A_TIME: Final = 16
# Those beyond are lost, and the log says so: who asked for one gets no message and asks again.
_MOST: Final = 1000


class Afterwards:
    """Does things later."""

    def __init__(self, *, at_a_time: int = _AT_A_TIME, most: int = _MOST) -> None:
        self._at_a_time = at_a_time
        self._most = most
        self._jobs: deque[Job] = deque()
        self._tasks: set[asyncio.Task[None]] = set()

    def put(self, job: Job) -> bool:
        """Have it done, soon; False where too much waits already. It must not raise."""
        if len(self._jobs) >= self._most:
            return False
        self._jobs.append(job)
        if len(self._tasks) < self._at_a_time:
            task = asyncio.create_task(self._work())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return True

    async def _work(self) -> None:
        while self._jobs:
            await self._jobs.popleft()()

    async def close(self, patience: float = 5.0) -> None:
        """Do what is left, for so many seconds at most, and give up the rest."""
        with suppress(TimeoutError):
            async with asyncio.timeout(patience):
                await self.drained()
        self._jobs.clear()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def drained(self) -> None:
        """Wait until nothing is left."""
        while self._tasks:
            await asyncio.wait(self._tasks)
