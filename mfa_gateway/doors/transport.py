"""The transport, as the parts of uvicorn behind a connection see it.

They close and pause on their own; here the connection is asked instead. What stays out: when to close or pause
(protocol).
"""

import asyncio
from collections.abc import Callable
from typing import Protocol

from uvicorn.protocols.http.flow_control import FlowControl


class Leaving(Protocol):
    """A connection that knows whether it is over."""

    @property
    def is_leaving(self) -> bool:
        """Whether nothing more will be read or written."""
        ...

    def leave(self) -> None:
        """Close, in a way that loses nothing of an answer."""
        ...


class Exit(asyncio.Transport):
    """The transport as a request sees it: closing it is leaving, and nothing is written after that."""

    def __init__(self, wire: asyncio.Transport, connection: Leaving) -> None:
        super().__init__()
        self._wire = wire
        self._connection = connection

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Write, unless it is too late for that."""
        if not self._connection.is_leaving:
            self._wire.write(data)

    def close(self) -> None:
        """Let the connection end."""
        self._connection.leave()

    def is_closing(self) -> bool:
        """Whether the connection is ending."""
        return self._connection.is_leaving


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
