"""A process as a container runtime runs it: process 1, nobody, without rights, nothing to write to but its volumes.

By namespaces of Linux, which takes root: elsewhere such a test is skipped.
"""

import asyncio
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Self

from tests.deploy.manifests import environment
from tests.e2e.processes import miss

NOBODY: Final = 65532

# $1: so many folders follow that stay writable; then the command. /dev/shm and the like would otherwise be open, too.
# CAP_DAC_READ_SEARCH is left, since an interpreter in somebody's home could not be read; it allows no writing.
_SCRIPT: Final = """
set -e
mount --make-rprivate /
count=$1; shift
while [ "$count" -gt 0 ]; do mount --bind "$1" "$1"; count=$((count - 1)); shift; done
mount -o remount,bind,ro /
mount -t tmpfs -o ro none /dev/shm 2>/dev/null || true
exec setpriv --reuid 65532 --regid 65532 --clear-groups --no-new-privs --inh-caps=-all,+dac_read_search \
  --ambient-caps=-all,+dac_read_search --bounding-set=-all,+dac_read_search -- "$@"
"""


@dataclass
class Contained:
    """One command, contained. Its output comes line by line; what it says of trouble is in `log`."""

    command: Sequence[str]
    environ: Mapping[str, str]
    folder: Path
    """Where it is started."""
    log: Path
    writable: Sequence[Path] = ()
    _process: asyncio.subprocess.Process | None = field(default=None, init=False)

    async def __aenter__(self) -> Self:
        for path in self.writable:
            os.chown(path, NOBODY, NOBODY)
        environ = {"PATH": environment()["PATH"], "HOME": "/nonexistent", "PYTHONDONTWRITEBYTECODE": "1"}
        with self.log.open("wb") as log:
            self._process = await asyncio.create_subprocess_exec(
                "unshare", "--mount", "--pid", "--fork", "--mount-proc", "sh", "-c", _SCRIPT, "sh",
                str(len(self.writable)), *map(str, self.writable), *self.command,
                env=environ | dict(self.environ), cwd=self.folder, stdout=asyncio.subprocess.PIPE, stderr=log,
            )  # fmt: skip
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._process is not None
        with suppress(ProcessLookupError, FileNotFoundError, IndexError):
            # The kernel ends everybody in the namespace with its process 1, and unshare ends with that.
            os.kill(self.pid, signal.SIGKILL)
        async with asyncio.timeout(10):
            await self._process.communicate()

    async def line(self, *, seconds: float = 30) -> str:
        """The next line of its output; "" at the end."""
        assert self._process is not None
        assert self._process.stdout is not None
        async with asyncio.timeout(seconds):
            return (await self._process.stdout.readline()).decode()

    @property
    def pid(self) -> int:
        """Its process 1, as it is called outside."""
        assert self._process is not None
        pid = self._process.pid
        return int(Path(f"/proc/{pid}/task/{pid}/children").read_text().split()[0])

    def signal(self, number: signal.Signals) -> None:
        """What `docker stop` and kubelets send."""
        os.kill(self.pid, number)

    async def ended(self, *, seconds: float = 20) -> int:
        """Its exit code."""
        assert self._process is not None
        async with asyncio.timeout(seconds):
            return await self._process.wait()


async def need_namespaces() -> None:
    """Skip where containers cannot be made, and fail in CI."""
    if sys.platform != "linux" or os.geteuid() != 0:
        miss("containers are made with namespaces of Linux, by root")
    probe = await asyncio.create_subprocess_exec(
        "unshare", "--mount", "--pid", "--fork", "--mount-proc", "setpriv", "--no-new-privs", "true",
        stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    if await probe.wait() != 0:
        miss("unshare and setpriv of util-linux cannot make namespaces here")
