"""Processes of a run: started on a core, waited for until they listen, and ended by their own id."""

import os
import re
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from tests.benchmarks.cores import pinned_to

_START_SECONDS: Final = 30.0
_STOP_SECONDS: Final = 15.0
_POLL_SECONDS: Final = 0.02
_RESIDENT: Final = re.compile(r"VmRSS:\s+(\d+) kB")


def free_port() -> int:
    """A port of 127.0.0.1 that nobody has."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def process(
    command: Sequence[str],
    *,
    core: int | tuple[int, ...],
    port: int,
    log: Path,
    environ: Mapping[str, str] | None = None,
) -> Iterator[int]:
    """A process that listens on `port` as long as the block lasts; its id. `environ` is added to our own.

    Raises:
        OSError: it does not begin to listen; the text has the end of its log.
    """
    cores = (core,) if isinstance(core, int) else core
    with log.open("wb") as output:
        running = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env={**os.environ, **(environ or {})},
            preexec_fn=pinned_to(*cores),  # noqa: PLW1509 - there are no threads here
        )
        try:
            _wait_for(running, port, log)
            yield running.pid
        finally:
            running.terminate()
            with suppress(subprocess.TimeoutExpired):
                running.wait(_STOP_SECONDS)
            running.kill()
            running.wait()


def cpu_seconds(*pids: int) -> float:
    """What processes and everything below them have used of processors so far. Those that ended are not counted."""
    _, used = _processes()
    return sum(used.get(one, 0.0) for one in families(*pids))


def families(*pids: int) -> list[int]:
    """Processes, and everything below them."""
    below, _ = _processes()
    found, left = [], [*pids]
    while left:
        found.append(one := left.pop())
        left += below.get(one, ())
    return found


def resident_mib(*pids: int) -> float:
    """The memory of the largest process among these and those below them, in MiB. Linux counts it in kB."""
    largest = 0.0
    for pid in families(*pids):
        with suppress(OSError):
            found = _RESIDENT.search(Path(f"/proc/{pid}/status").read_text())
            largest = max(largest, int(found.group(1)) / 1024 if found else 0.0)
    return largest


def _processes() -> tuple[dict[int, list[int]], dict[int, float]]:
    """Of all processes: who is below whom, and their seconds."""
    below: dict[int, list[int]] = {}
    used: dict[int, float] = {}
    for file in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            # The name, in parentheses, may contain anything; then come the fields 3 and on of proc(5).
            words = file.read_text().rpartition(")")[2].split()
            pid = int(file.parent.name)
            below.setdefault(int(words[1]), []).append(pid)
            used[pid] = (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")
    return below, used


def _wait_for(running: subprocess.Popen[bytes], port: int, log: Path) -> None:
    end = time.monotonic() + _START_SECONDS
    while time.monotonic() < end and running.poll() is None:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        with suppress(subprocess.TimeoutExpired):
            running.wait(_POLL_SECONDS)
    raise OSError(f"nothing listens on port {port}; the end of the log:\n{log.read_text(errors='replace')[-2000:]}")
