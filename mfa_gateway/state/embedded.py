"""The embedded store: a private Valkey server that the gateway's main process owns.

    async with EmbeddedStore(data_dir)   start it, keep it running, stop it: one owner for each folder
    join(data_dir)                       the URL of a store that somebody owns now, as `mfa-gateway accounts` needs it

What happens when something is killed, at any moment:

- the gateway: the kernel ends the store with it (launch). Where the system cannot do that, the store is found by the
  lock it holds, and ended before the next one is started (locks). Two servers never write to one folder.
- the store: its owner starts it again, at a bounded rate, and says so in the log.
- both: the next owner starts from the append-only file, which holds everything that was ever answered.

What stays out: which program runs with which settings (server), and speaking to it (line).
"""

import asyncio
import os
import sys
from collections.abc import Callable
from pathlib import Path
from signal import SIGKILL, SIGTERM
from time import monotonic
from types import TracebackType
from typing import Final, Self
from urllib.parse import quote

import structlog

from mfa_gateway.state import launch
from mfa_gateway.state.connection import check_socket_path
from mfa_gateway.state.errors import StoreOwned, StoreUnfit
from mfa_gateway.state.locks import OWNER, PROCESS, end_holder, holder, sign, try_lock
from mfa_gateway.state.server import LOG, SOCKET, answers, command, find_program

# How long an owner waits for one that is just going away, or for a lock that is only being looked at.
_HANDOVER_SECONDS: Final = 1.0
# A store flushes and stops within milliseconds; after this it is taken to hang.
_STOP_SECONDS: Final = 5.0
# An append-only file of this store is read at some 100 MB a second, and has a few MB.
_START_SECONDS: Final = 30.0
_POLL_SECONDS: Final = 0.02
# Restarts: at once, then ever slower while it keeps ending; a store that ran this long counts as sound again.
_FIRST_PAUSE_SECONDS: Final = 0.1
_LONGEST_PAUSE_SECONDS: Final = 10.0
_SOUND_SECONDS: Final = 60.0
# A log larger than this is set aside when the next owner starts.
_LOG_BYTES: Final = 1 << 20


def url_of(data_dir: Path) -> str:
    """The URL of the embedded store of a folder, whether it runs or not."""
    return f"unix://{quote(str(data_dir.resolve() / SOCKET))}"


def join(data_dir: Path) -> str | None:
    """The URL of the embedded store of a folder, or None where nobody owns one now.

    Raises:
        StoreUnfit: the folder cannot be used.
    """
    folder = data_dir.resolve()
    if not folder.is_dir():
        return None
    try:
        descriptor = try_lock(folder / OWNER)
    except OSError as error:
        raise _unusable(folder, error) from error
    if descriptor is None:
        return url_of(folder)
    os.close(descriptor)
    return None


class EmbeddedStore:
    """A private server that runs from entering to leaving, in a folder that belongs to it meanwhile.

    Enter it in a thread that lives as long as the gateway does: the kernel ends the store with the thread that started
    it. `url` is for whoever speaks to it; `data_dir` is made where it is missing.
    """

    def __init__(self, data_dir: Path, *, program: Path | None = None, clock: Callable[[], float] = monotonic) -> None:
        """`program` is a server program other than the one that would be found; `clock` gives monotonic seconds."""
        self._folder = data_dir.resolve()
        self._program = program
        self._clock = clock
        self._owner: int | None = None
        self._process: asyncio.subprocess.Process | None = None
        self._started_at = 0.0
        self._watcher: asyncio.Task[None] | None = None
        self._log: structlog.typing.FilteringBoundLogger = structlog.get_logger()
        self.url = url_of(self._folder)

    async def __aenter__(self) -> Self:
        """Own the folder, and run its store.

        Raises:
            StoreOwned: another gateway owns it.
            StoreUnfit: there is no server program, the folder cannot be used, or the store does not start.
        """
        check_socket_path(str(self._folder / SOCKET))
        program = self._program or find_program()
        try:
            _make_private(self._folder)
            self._owner = await self._own()
            await self._start(program)
        except BaseException as error:
            await self._stop()
            if isinstance(error, OSError):
                raise _unusable(self._folder, error) from error
            raise
        self._watcher = asyncio.create_task(self._keep_running(program))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._watcher is not None:
            self._watcher.cancel()
            await asyncio.gather(self._watcher, return_exceptions=True)
        await self._stop()

    @property
    def pid(self) -> int | None:
        """The process that runs the store now."""
        return self._process.pid if self._process is not None and self._process.returncode is None else None

    async def _own(self) -> int:
        path = self._folder / OWNER
        descriptor = await _lock_within(path, _HANDOVER_SECONDS)
        if descriptor is None:
            raise StoreOwned(
                f"The store in {self._folder} belongs to a gateway that is running (process {holder(path)}). "
                "Stop that one first, or give this one a store.data_dir of its own."
            )
        sign(descriptor)
        return descriptor

    async def _start(self, program: Path) -> None:
        """Run the server and wait until it answers."""
        lock = await self._sole_lock()
        try:
            self._process = await self._spawn(program, lock)
        finally:
            # From here on the server's own copy holds the lock.
            os.close(lock)
        self._started_at = self._clock()
        try:
            async with asyncio.timeout(_START_SECONDS):
                await self._answer()
        except TimeoutError:
            raise StoreUnfit(f"The embedded store did not answer in time; see {self._folder / LOG}.") from None

    async def _sole_lock(self) -> int:
        """The lock of the store's process, after ending a store that outlived its owner."""
        path = self._folder / PROCESS
        for how, seconds in ((None, 0.0), (SIGTERM, _STOP_SECONDS), (SIGKILL, _STOP_SECONDS)):
            if how is not None and end_holder(path, how):
                self._log.warning("ended a store that outlived its gateway", pid=holder(path))
            lock = await _lock_within(path, seconds)
            if lock is not None:
                return lock
        raise StoreUnfit(
            f"A store process ({holder(path)}) that outlived its gateway still uses {self._folder}. End it first."
        )

    async def _spawn(self, program: Path, lock: int) -> asyncio.subprocess.Process:
        log = self._folder / LOG
        if log.exists() and log.stat().st_size > _LOG_BYTES:
            log.replace(log.with_suffix(".log.old"))
        output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            return await asyncio.create_subprocess_exec(
                sys.executable, "-I", "-S", launch.__file__, str(os.getpid()), str(lock),
                *command(program, self._folder),
                stdin=asyncio.subprocess.DEVNULL, stdout=output, stderr=output, pass_fds=(lock,), cwd=self._folder,
                env={name: value for name, value in os.environ.items() if not name.startswith("MFA_GATEWAY_")},
                # Ctrl-C is for the gateway, which needs its store until it has drained.
                start_new_session=True,
            )  # fmt: skip
        finally:
            os.close(output)

    async def _answer(self) -> None:
        while not await answers(self._folder / SOCKET):
            if self._process is None or self._process.returncode is not None:
                raise StoreUnfit(f"The embedded store did not start; see {self._folder / LOG}.\n{self._last_words()}")
            await asyncio.sleep(_POLL_SECONDS)

    def _last_words(self) -> str:
        lines = (self._folder / LOG).read_text(encoding="utf-8", errors="replace").splitlines()
        return "\n".join(lines[-5:])

    async def _keep_running(self, program: Path) -> None:
        pause = _FIRST_PAUSE_SECONDS
        while True:
            if self._process is not None:
                code = await self._process.wait()
                self._log.error("embedded store ended", exit_code=code, log=str(self._folder / LOG))
                if self._clock() - self._started_at > _SOUND_SECONDS:
                    pause = _FIRST_PAUSE_SECONDS
            await asyncio.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE_SECONDS)
            try:
                await self._start(program)
            except (StoreUnfit, OSError) as error:
                self._log.error("embedded store did not start", why=str(error))
                await self._end_process()
            else:
                self._log.warning("embedded store started again", pid=self.pid)

    async def _stop(self) -> None:
        await self._end_process()
        if self._owner is not None:
            os.close(self._owner)
            self._owner = None

    async def _end_process(self) -> None:
        """End the server: SIGTERM is its SHUTDOWN. After a while by force, which loses nothing that was answered."""
        process, self._process = self._process, None
        if process is None or process.returncode is not None:
            return
        process.terminate()
        try:
            async with asyncio.timeout(_STOP_SECONDS):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()


async def _lock_within(path: Path, seconds: float) -> int | None:
    """The lock of a file, tried again for so long."""
    deadline = asyncio.get_running_loop().time() + seconds
    while (descriptor := try_lock(path)) is None:
        if asyncio.get_running_loop().time() >= deadline:
            return None
        await asyncio.sleep(_POLL_SECONDS)
    return descriptor


def _make_private(folder: Path) -> None:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        folder.chmod(0o700)
    except PermissionError:
        # Somebody else's folder, as with a mounted volume: the socket and the files are private by themselves.
        structlog.get_logger().warning("store.data_dir is not this user's own", folder=str(folder))


def _unusable(folder: Path, error: OSError) -> StoreUnfit:
    return StoreUnfit(f"store.data_dir cannot be used: {error.strerror or error} ({folder}).")
