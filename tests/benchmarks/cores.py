"""Cores: which process runs where, and how busy a core was meanwhile. Linux only."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_STAT: Final = Path("/proc/stat")
# Every core that this program may run on, before it takes one of them for itself.
EVERYWHERE: Final = tuple(sorted(os.sched_getaffinity(0))) if hasattr(os, "sched_getaffinity") else ()
# Fields of a cpu line in proc(5) that are not work: idle and iowait.
_IDLE: Final = (3, 4)


@dataclass(frozen=True, slots=True)
class Cores:
    """One core for the contender alone, one for everything else: load, API, store, and this program."""

    contender: int
    others: int


def choose_cores() -> Cores:
    """Two cores that this process may run on, the second of them for ourselves.

    Raises:
        OSError: there are not two.
    """
    ours = EVERYWHERE
    if len(ours) < 2:
        raise OSError("two cores are needed: one for the proxy, one for load and API")
    cores = Cores(ours[0], ours[1])
    os.sched_setaffinity(0, {cores.others})
    return cores


def pinned_to(*cores: int) -> Callable[[], None]:
    """For `preexec_fn`: the process, and all it starts, runs on these cores."""
    return lambda: os.sched_setaffinity(0, cores)


@dataclass(frozen=True, slots=True)
class Ticks:
    """What a core has done since the machine started, in ticks of its clock."""

    busy: int
    total: int


def ticks_of(core: int) -> Ticks:
    """The ticks of a core now."""
    line = next(line for line in _STAT.read_text().splitlines() if line.startswith(f"cpu{core} "))
    # The last two, time of guests, are contained in others already.
    numbers = [int(word) for word in line.split()[1:9]]
    return Ticks(sum(numbers) - sum(numbers[at] for at in _IDLE), sum(numbers))


def busy_between(before: Ticks, after: Ticks) -> float:
    """How busy a core was between two moments, 0 to 1."""
    return (after.busy - before.busy) / max(after.total - before.total, 1)
