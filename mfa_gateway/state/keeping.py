"""Keeping: as long as it runs, near standings are told what changes.

When the store tells nothing any more, nothing is remembered either, and it is tried again once a second. What stays
out: what is remembered and for how long (near), and how the store tells (tracking).
"""

import asyncio
from contextlib import aclosing
from typing import Final, assert_never

import structlog

from mfa_gateway.core.fault import StoreUnavailable
from mfa_gateway.state.line import Line
from mfa_gateway.state.near import NearStandings
from mfa_gateway.state.tracking import Assured, Changed, News

# How long, in seconds, nothing is tried after the store could not be asked: as often as it is probed for calls.
_PAUSE: Final = 1.0


class Keeper:
    """Keeps what a line has near. `begin` it once, and `close` it."""

    def __init__(self, line: Line, *, pause: float = _PAUSE) -> None:
        """`pause` is in seconds."""
        self._line = line
        self._pause = pause
        self._task: asyncio.Task[None] | None = None
        self._is_told = True
        self._log: structlog.typing.FilteringBoundLogger = structlog.get_logger()

    def begin(self) -> None:
        """Begin to listen."""
        if self._task is None:
            self._task = asyncio.create_task(self._keep())

    async def close(self) -> None:
        """Listen no more."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.wait((task,))

    async def _keep(self) -> None:
        while True:
            try:
                await self._listen()
            except StoreUnavailable as fault:
                self._tell(str(fault))
            except Exception as error:  # noqa: BLE001 - whatever it was, nothing is told any more
                self._log.error("near cache broken", exc_info=error)
            finally:
                self._line.near.doubt()
            await asyncio.sleep(self._pause)

    async def _listen(self) -> None:
        async with aclosing(self._line.track()) as told:
            async for news in told:
                _take_in(self._line.near, news)
                self._hear()

    def _hear(self) -> None:
        if not self._is_told:
            self._is_told = True
            self._log.info("near cache works again")

    def _tell(self, why: str) -> None:
        if self._is_told:
            self._is_told = False
            self._log.warning("near cache is off: every call asks the store", why=why)


def _take_in(near: NearStandings, news: News) -> None:
    match news:
        case Assured(moment=moment):
            near.assure(moment)
        case Changed(accounts=tuple() as accounts):
            near.forget(accounts)
        case Changed():
            near.forget_all()
        case _ as never:
            assert_never(never)
