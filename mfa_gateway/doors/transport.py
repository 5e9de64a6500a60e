"""The transport, as the parts of uvicorn behind a connection see it.

They close and pause on their own; here the connection is asked instead. What stays out: when to close or pause
(protocol).
"""

import asyncio
from collections.abc import Callable

from uvicorn.protocols.http.flow_control import FlowControl


class Exit(asyncio.Transport):
    """The transport as a request sees it: closing it is leaving, and nothing is written once it is shut."""

    def __init__(self, wire: asyncio.Transport, leave: Callable[[], None]) -> None:
        super().__init__()
        self._wire = wire
        self._leave = leave
        self.is_shut = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Write, unless it is too late for that."""
        if not self.is_shut:
            self._wire.write(data)

    def close(self) -> None:
        """Let the connection end."""
        self._leave()

    def is_closing(self) -> bool:
        """Whether the connection is ending."""
        return self.is_shut or self._wire.is_closing()


class Flow(FlowControl):
    """uvicorn's flow control. It asks before it reads on, and tells when reading stops or goes on."""

    def __init__(self, wire: asyncio.Transport, *, may_read: Callable[[], bool], on_change: Callable[[], None]) -> None:
        super().__init__(wire)
        self._may_read = may_read
        self._on_change = on_change

    def pause_reading(self) -> None:
        """Read no more for now."""
        if not self.read_paused:
            super().pause_reading()
            self._on_change()

    def resume_reading(self) -> None:
        """Read on, if that is allowed."""
        if self.read_paused and self._may_read():
            super().resume_reading()
            self._on_change()
