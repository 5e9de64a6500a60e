"""Locks: who owns the folder of an embedded store, and which store process still lives in it.

Two lock files, both never removed, both telling a process id to whoever reads them:

    store.lock   held by the gateway that owns the store
    store.pid    held by the store's own process, which inherits the lock and so holds it exactly as long as it lives

The kernel releases a lock with the last process that holds it, however that ended. So a free `store.pid` proves that
nothing writes to the folder, and a held one names the process that does. What stays out: starting processes (embedded).
"""

import fcntl
import os
import signal
from pathlib import Path
from typing import Final

OWNER: Final = "store.lock"
PROCESS: Final = "store.pid"


def try_lock(path: Path) -> int | None:
    """Take the lock of a file without waiting: an open descriptor that holds it, or None where somebody else does."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def sign(descriptor: int) -> None:
    """Write this process into a lock file that it holds."""
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, b"%d\n" % os.getpid(), 0)


def holder(path: Path) -> int | None:
    """The process that signed a lock file last. It need not hold it any more."""
    try:
        text = path.read_text(encoding="ascii", errors="replace").strip()
    except OSError:
        return None
    return int(text) if text.isascii() and text.isdigit() else None


def end_holder(path: Path, how: signal.Signals) -> bool:
    """Send a signal to the process that holds a lock file, if it can be told for certain which one that is.

    A process id may have been given to another process since it was written down, so the process has to have this very
    file open.
    """
    pid = holder(path)
    if pid is None or not hasattr(os, "pidfd_open"):
        return False
    try:
        process = os.pidfd_open(pid)
    except OSError:
        return False
    try:
        if not _has_open(pid, path):
            return False
        signal.pidfd_send_signal(process, how)
    except OSError:
        return False
    finally:
        os.close(process)
    return True


def _has_open(pid: int, path: Path) -> bool:
    wanted = path.stat()
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        try:
            found = entry.stat()
        except OSError:
            continue
        if (found.st_dev, found.st_ino) == (wanted.st_dev, wanted.st_ino):
            return True
    return False
