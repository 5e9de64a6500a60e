"""The circuit: after a failure, fail fast for a while instead of making every caller wait for a time-out.

    closed  -- broke -->  open: nobody is let through for `pause` seconds
      ^                     |
      +---- worked -------- + after the pause one probe is let through, then nobody for another pause

What stays out: what counts as a failure (line), and the clock, which is handed in.
"""

from collections.abc import Callable
from typing import Final

# Long enough that a store that is away costs each worker one time-out a second; short enough to notice its return.
PAUSE_SECONDS: Final = 1.0


class Circuit:
    """Knows whether it makes sense to try. `clock` gives monotonic seconds."""

    __slots__ = ("_clock", "_pause", "_shut_until")

    def __init__(self, clock: Callable[[], float], pause: float = PAUSE_SECONDS) -> None:
        self._clock = clock
        self._pause = pause
        self._shut_until: float | None = None

    @property
    def is_open(self) -> bool:
        """Whether the last thing known is a failure."""
        return self._shut_until is not None

    def has_to_wait(self) -> bool:
        """Whether to fail fast now. Asking after the pause is what makes the asker the one probe."""
        if self._shut_until is None:
            return False
        now = self._clock()
        if now < self._shut_until:
            return True
        self._shut_until = now + self._pause
        return False

    def broke(self) -> None:
        """It was tried, and it failed."""
        self._shut_until = self._clock() + self._pause

    def worked(self) -> None:
        """It was tried, and it was answered."""
        self._shut_until = None
