"""The bounds on every try: a target that runs on or swells up is a fault like one that crashes.

Time is the time of this process on a core, so a busy machine is nobody's fault. What stays out: what is tried (targets)
and what else has to hold (each target).
"""

import signal
import threading
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

# A try takes a millisecond; what takes a thousand times that was found by somebody who looked for it.
MOST_SECONDS: Final = 2.0
# No input here has more than 200 kB, and no reader should need more than a hundred times its input.
MOST_BYTES: Final = 24_000_000


class Hang(Exception):
    """A try used up its time."""


class Swell(Exception):
    """A try used up its memory."""


@contextmanager
def watched(*, weighs: bool = False) -> Iterator[None]:
    """Bound what happens inside; with `weighs` its memory too, which makes it slower by half.

    Raises:
        Hang: it ran on.
        Swell: at some time it held too much.
    """
    with _timed():
        if not weighs:
            yield
            return
        tracemalloc.start(1)
        try:
            yield
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        if peak > MOST_BYTES:
            raise Swell(f"{peak} bytes at its peak")


@contextmanager
def _timed() -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGVTALRM, _stop)
    signal.setitimer(signal.ITIMER_VIRTUAL, MOST_SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


def _stop(_number: int, _frame: FrameType | None) -> None:
    raise Hang(f"more than {MOST_SECONDS} s")
