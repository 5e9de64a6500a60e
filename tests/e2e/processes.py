"""What the system tells of the processes of a gateway. Linux alone has `/proc`."""

import os
import re
import sys
from pathlib import Path
from typing import NoReturn

import pytest

from tests.e2e.installation import Installation

ON_LINUX = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc, which Linux alone has")


def workers(installation: Installation) -> list[int]:
    """The processes that serve."""
    assert installation.process is not None
    pid = installation.process.pid
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
    return [int(child) for child in children if "supervision.station" in _command(int(child))]


def _command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text(encoding="utf-8").replace("\0", " ")
    except (FileNotFoundError, ProcessLookupError):
        return ""


def resident_kib(pid: int) -> int:
    """The memory that a process has resident now."""
    return _status(pid, "VmRSS")


def peak_kib(pid: int) -> int:
    """The most memory that a process ever had resident."""
    return _status(pid, "VmHWM")


def _status(pid: int, name: str) -> int:
    found = re.search(rf"{name}:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text(encoding="utf-8"))
    assert found is not None
    return int(found[1])


def open_files(pid: int) -> int:
    """How many descriptors a process holds."""
    return sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir())


def miss(what: str) -> NoReturn:
    """Something that the suite drives is not here: a skip that shows, and a failure in CI."""
    if os.environ.get("CI") == "true":
        pytest.fail(what)
    pytest.skip(what)
