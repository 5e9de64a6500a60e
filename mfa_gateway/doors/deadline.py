"""The deadline: a moment by which something has to have happened, cheap to move.

Every request moves its connection's deadline several times, and hardly any is ever reached. So moving one only writes a
number down; a timer that rings too early is wound on. What stays out: what is waited for, and what happens then.
"""

from asyncio import AbstractEventLoop, TimerHandle
from collections.abc import Callable
from math import inf


def _nobody_waits() -> None:
    """What happens when it is too late for anything to happen."""


class Deadline:
    """One deadline at a time, in seconds from now. `on_reached` is called once for each that is reached."""

    __slots__ = ("_due", "_loop", "_on_reached", "_rings_at", "_timer")

    def __init__(self, loop: AbstractEventLoop, on_reached: Callable[[], None]) -> None:
        self._loop = loop
        self._on_reached = on_reached
        self._due = inf
        self._timer: TimerHandle | None = None
        self._rings_at = inf

    def set(self, seconds: float) -> None:
        """Wait that long from now, whatever was waited for before."""
        self._due = self._loop.time() + seconds
        if self._due < self._rings_at:
            self._wind()

    def clear(self) -> None:
        """Wait for nothing."""
        self._due = inf

    def stop(self) -> None:
        """Wait for nothing any more, and let go of the loop and of whoever waited."""
        self.clear()
        self._on_reached = _nobody_waits
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._rings_at = inf

    def _wind(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._rings_at = self._due
        self._timer = self._loop.call_at(self._due, self._ring)

    def _ring(self) -> None:
        self._timer = None
        self._rings_at = inf
        if self._due <= self._loop.time():
            self._due = inf
            self._on_reached()
        elif self._due < inf:
            self._wind()
