"""The transport, as the parts behind a connection see it.

They close and pause on their own; here the connection is asked instead. What stays out: when to close or pause
(protocol).
"""

import asyncio
from collections.abc import Callable
from typing import final

from mfa_gateway.doors.outbox import MOST_HELD, Outbox


def _do_nothing() -> None:
    """For a connection that is no more."""


def _never() -> bool:
    return False


@final
class Exit:
    """The transport as a request sees it: closing it is leaving, and nothing is written once it is shut.

    What is small is held until the turn of the loop is over (outbox). Whoever writes to the wire itself, or closes it,
    calls `flush` first.
    """

    __slots__ = ("_held", "_leave", "_outbox", "_wire", "is_shut")

    def __init__(self, wire: asyncio.Transport, leave: Callable[[], None], outbox: Outbox) -> None:
        self._wire = wire
        self._leave = leave
        self._outbox = outbox
        self._held = b""
        self.is_shut = False

    def write(self, data: bytes) -> None:
        """Write, unless it is too late for that."""
        if self.is_shut:
            return
        if self._held:
            self._held += data
        elif len(data) > MOST_HELD:
            self._wire.write(data)
            return
        else:
            self._held = data
            self._outbox.put(self)
        if len(self._held) > MOST_HELD:
            self.flush()

    def flush(self) -> None:
        """Write what is held."""
        held, self._held = self._held, b""
        if held and not self._wire.is_closing():
            self._wire.write(held)

    def close(self) -> None:
        """Let the connection end."""
        self._leave()

    def let_go(self) -> None:
        """The connection has ended: ask it nothing any more."""
        self.is_shut = True
        self._leave = _do_nothing

    def is_closing(self) -> bool:
        """Whether the connection is ending."""
        return self.is_shut or self._wire.is_closing()


@final
class Flow:
    """Back-pressure both ways. It asks before it reads on, and tells when reading stops or goes on."""

    __slots__ = ("_may_read", "_on_change", "_room", "_wire", "read_paused", "write_paused")

    def __init__(self, wire: asyncio.Transport, *, may_read: Callable[[], bool], on_change: Callable[[], None]) -> None:
        self._wire = wire
        self._may_read = may_read
        self._on_change = on_change
        self._room: asyncio.Event | None = None
        self.read_paused = False
        self.write_paused = False

    def let_go(self) -> None:
        """The connection has ended: ask it nothing any more."""
        self._may_read = _never
        self._on_change = _do_nothing

    def pause_reading(self) -> None:
        """Read no more for now."""
        if not self.read_paused:
            self.read_paused = True
            self._wire.pause_reading()
            self._on_change()

    def resume_reading(self) -> None:
        """Read on, if that is allowed."""
        if self.read_paused and self._may_read():
            self.read_paused = False
            self._wire.resume_reading()
            self._on_change()

    def pause_writing(self) -> None:
        """The client takes less than it is sent."""
        self.write_paused = True

    def resume_writing(self) -> None:
        """There is room again, or nobody left to take anything."""
        self.write_paused = False
        room, self._room = self._room, None
        if room is not None:
            room.set()

    async def drain(self) -> None:
        """Wait for room, while there is none."""
        if self.write_paused:
            if self._room is None:
                self._room = asyncio.Event()
            await self._room.wait()
