"""An owner of an embedded store in a process of its own, so that it can be killed, and clients of such a store."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from signal import SIGKILL
from typing import Self

from mfa_gateway.state import Store, StoreSettings, prepare_store
from tests.state.world import KEY, PATIENCE, never_waits

_PROGRAM = """
import asyncio, sys
from pathlib import Path
from mfa_gateway.state import EmbeddedStore

async def own():
    async with EmbeddedStore(Path(sys.argv[1])) as store:
        print(store.pid, flush=True)
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)

asyncio.run(own())
"""


@dataclass
class Owner:
    """A running owner and the process of its store."""

    process: asyncio.subprocess.Process
    store_pid: int

    async def kill(self) -> None:
        """End the owner without a word, and wait until its store is gone too."""
        with watching(self.store_pid) as store:
            self.process.kill()
            await self.process.communicate(b"")
            await store.ended()

    async def kill_store_and_owner(self) -> None:
        """End both at the same moment."""
        with watching(self.store_pid) as store:
            os.kill(self.store_pid, SIGKILL)
            self.process.kill()
            await self.process.communicate(b"")
            await store.ended()

    async def stop(self) -> None:
        """End the owner as it should be."""
        await self.process.communicate(b"")


class watching:  # noqa: N801 - reads as a verb where it is used
    """A process that somebody waits for, whoever's child it is (pidfd_open(2))."""

    def __init__(self, pid: int) -> None:
        self._descriptor = os.pidfd_open(pid)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._descriptor)

    async def ended(self) -> None:
        """Wait until it has."""
        loop = asyncio.get_running_loop()
        gone = asyncio.Event()
        loop.add_reader(self._descriptor, gone.set)
        try:
            async with asyncio.timeout(PATIENCE):
                await gone.wait()
        finally:
            loop.remove_reader(self._descriptor)


@asynccontextmanager
async def an_owner(folder: Path) -> AsyncIterator[Owner]:
    """An owner of this folder's store, ended afterwards at the latest."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _PROGRAM, str(folder),
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )  # fmt: skip
    try:
        assert process.stdout is not None
        async with asyncio.timeout(PATIENCE):
            said = await process.stdout.readline()
        yield Owner(process, int(said))
    finally:
        if process.returncode is None:
            await process.communicate(b"")


@asynccontextmanager
async def client(folder: Path) -> AsyncIterator[Store]:
    """A store on the embedded server of a folder; it never takes a pause."""
    settings = StoreSettings("embedded", (KEY,), folder, timeout=PATIENCE, connect_timeout=PATIENCE)
    store = prepare_store(settings, clock=never_waits())
    try:
        yield store
    finally:
        await store.close()


async def asked(folder: Path, *words: str | int) -> object:
    """What the embedded server of a folder answers to one command."""
    async with client(folder) as store:
        return await store._line.ask(*words)
