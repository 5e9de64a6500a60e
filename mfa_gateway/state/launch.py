"""Launch: what becomes the embedded store's process, by running this file as a program and then replacing itself.

    python launch.py PARENT LOCK COMMAND...

It asks the system to end it with its parent, writes its process id into the lock file LOCK (an open descriptor, whose
lock the store then holds for as long as it lives), and becomes COMMAND. Doing this here, in a process of its own, needs
no code between fork and exec of a program with threads. What stays out: everything but the standard library, since this
runs without the package being importable.
"""

import ctypes
import os
import signal
import sys
from collections.abc import Sequence

# prctl(2): the signal that the kernel sends to this process when its parent ends, however that ends. It outlives exec.
_PR_SET_PDEATHSIG = 1


def end_with(parent: int) -> bool:
    """Have this process ended with its parent, where the system can do that. False: the parent is gone already."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    return os.getppid() == parent


def become(parent: int, lock: int, command: Sequence[str]) -> None:
    """Replace this process with `command`, unless `parent` is gone already. Does not return."""
    # SIGKILL loses nothing: what was answered is on disk (appendfsync always). A store that takes its time to stop
    # would only get in the way of the next one.
    if not end_with(parent):
        sys.exit("the gateway ended while its store was starting")
    os.ftruncate(lock, 0)
    os.pwrite(lock, b"%d\n" % os.getpid(), 0)
    os.umask(0o077)
    os.execv(command[0], list(command))  # noqa: S606 - no shell is wanted


if __name__ == "__main__":
    become(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:])
