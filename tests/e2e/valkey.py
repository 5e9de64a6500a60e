"""A store of somebody else's: a real Valkey on a socket, started and stopped when a test says so."""

import asyncio
import signal
from pathlib import Path
from typing import Self

from mfa_gateway.state.server import find_program


class Valkey:
    """A server that keeps nothing. `url` is known before it runs."""

    def __init__(self, path: Path, *, policy: str = "noeviction") -> None:
        self.url = f"unix://{path}"
        self._path = path
        self._policy = policy
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        self._process = await asyncio.create_subprocess_exec(
            str(find_program()), "--port", "0", "--unixsocket", str(self._path), "--save", "",
            "--maxmemory-policy", self._policy, stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        assert self._process.stdout is not None
        async with asyncio.timeout(10):
            while b"Ready to accept connections" not in await self._process.stdout.readline():
                pass

    async def stop(self) -> None:
        if self._process is not None and self._process.returncode is None:
            self._process.send_signal(signal.SIGCONT)
            self._process.terminate()
            await self._process.communicate()

    async def freeze(self) -> None:
        """Take connections and say nothing, until `thaw`."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    async def thaw(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()
