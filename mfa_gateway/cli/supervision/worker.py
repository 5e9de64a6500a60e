"""A worker, as the main process sees it: a process, its news, and its end.

What stays out: what a worker does (station), and what becomes of several (crew).
"""

import asyncio
import os
import socket
import sys
from collections.abc import Mapping, Sequence
from typing import Final, Self, assert_never

from mfa_gateway.cli.supervision.channel import Begin, Channel, Counted, Listening, News, Order, Unable
from mfa_gateway.settings import Settings

# A worker that does not listen after this long never will: an interpreter starts within a second, a store that is away
# costs `store.connect_timeout`.
START_SECONDS: Final = 60.0

_STATION: Final = "mfa_gateway.cli.supervision.station"


class StartFailed(Exception):
    """The gateway cannot serve as it is configured. The text says why."""


class Worker:
    """One worker process."""

    def __init__(self, process: asyncio.subprocess.Process, channel: Channel) -> None:
        self.counts: Mapping[tuple[str, ...], float] = {}
        self._process = process
        self._channel = channel
        self._why = ""
        self._has_begun = asyncio.Event()
        self._is_listening = False
        self.end = asyncio.create_task(self._hear())

    @classmethod
    async def start(cls, listeners: Sequence[socket.socket], settings: Settings) -> Self:
        """Start a process that will serve clients of these sockets."""
        ours, theirs = socket.socketpair()
        with theirs:
            descriptors = [theirs.fileno(), *(listener.fileno() for listener in listeners)]
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-P", "-m", _STATION, *map(str, (os.getpid(), *descriptors)),
                stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL, pass_fds=descriptors,
                env=_environment(),
            )  # fmt: skip
        worker = cls(process, await Channel.over(ours))
        worker.tell(Begin(settings))
        return worker

    @property
    def pid(self) -> int:
        """Its process."""
        return self._process.pid

    @property
    def is_listening(self) -> bool:
        """Whether it takes calls now."""
        return self._is_listening and not self.end.done()

    def tell(self, order: Order) -> None:
        """Give an order."""
        self._channel.send(order)

    async def begin(self) -> None:
        """Wait until it listens.

        Raises:
            StartFailed: it cannot; the process is ended.
        """
        try:
            async with asyncio.timeout(START_SECONDS):
                await self._has_begun.wait()
        except TimeoutError:
            self._why = "a worker did not begin to listen in time"
            self.kill()
        if not self._is_listening:
            await self.end
            raise StartFailed(self._why or "a worker ended before it listened; the log says more")

    def kill(self) -> None:
        """End it now."""
        if self._process.returncode is None:
            self._process.kill()

    async def _hear(self) -> int:
        """Take in its news until it ends; its exit code."""
        while (news := await self._channel.receive()) is not None:
            self._take_in(news)  # type: ignore[arg-type] # the other end sends news
        await self._channel.close()
        code = await self._process.wait()
        self._has_begun.set()
        return code

    def _take_in(self, news: News) -> None:
        match news:
            case Listening():
                self._is_listening = True
                self._has_begun.set()
            case Counted():
                self.counts = news.counts
            case Unable():
                self._why = news.why
            case _ as never:
                assert_never(never)


def _environment() -> dict[str, str]:
    """Ours, without what was configured by it: that comes with the settings. Modules come from where ours came from."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("MFA_GATEWAY_")}
    return environ | {"PYTHONPATH": os.pathsep.join(map(os.path.abspath, sys.path))}
