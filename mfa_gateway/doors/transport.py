"""The transport, as the parts of uvicorn behind a connection see it.

They close and pause on their own; here the connection is asked instead. What stays out: when to close or pause
(protocol).
"""

import asyncio
from collections.abc import Callable

from uvicorn.protocols.http.flow_control import FlowControl

from mfa_gateway.doors.outbox import MOST_HELD, Outbox


def _do_nothing() -> None:
    """For a connection that is no more."""


def _never() -> bool:
    return False


class Exit(asyncio.Transport):
    """The transport as a request sees it: closing it is leaving, and nothing is written once it is shut.

    What is small is held until the turn of the loop is over (outbox). Whoever writes to the wire itself, or closes it,
    calls `flush` first.
    """

    def __init__(self, wire: asyncio.Transport, leave: Callable[[], None], outbox: Outbox) -> None:
        super().__init__()
        self._wire = wire
        self._leave = leave
        self._outbox = outbox
        self._held = b""
        self.is_shut = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Write, unless it is too late for that."""
        if self.is_shut:
            return
        if self._held:
            self._held += data
        elif len(data) > MOST_HELD:
            self._wire.write(data)
            return
        else:
            self._held = bytes(data)
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


class Flow(FlowControl):
    """uvicorn's flow control. It asks before it reads on, and tells when reading stops or goes on."""

    def __init__(self, wire: asyncio.Transport, *, may_read: Callable[[], bool], on_change: Callable[[], None]) -> None:
        super().__init__(wire)
        self._may_read = may_read
        self._on_change = on_change

    def let_go(self) -> None:
        """The connection has ended: ask it nothing any more."""
        self._may_read = _never
        self._on_change = _do_nothing

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
