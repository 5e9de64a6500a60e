"""The embedded store: what it is, who owns it, and what is left when anything of it is killed."""

import asyncio
import fcntl
import os
import shutil
import stat
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from signal import SIGKILL
from typing import TypeVar

import pytest
from structlog.testing import capture_logs

from mfa_gateway.core.account import Factor
from mfa_gateway.core.fault import StoreUnavailable
from mfa_gateway.core.proof import Purpose, Redeemed, Rejected, Rejection
from mfa_gateway.state import (
    AccountRecord,
    EmbeddedStore,
    Store,
    StoreOwned,
    StoreSettings,
    StoreUnfit,
    embedded,
    join,
    open_store,
    prepare_store,
)
from mfa_gateway.state.locks import PROCESS, try_lock
from mfa_gateway.state.server import command, find_program
from tests.state.owner import an_owner, watching
from tests.state.test_line import never_waits
from tests.state.world import ADA, KEY, PATIENCE, Guest

pytestmark = pytest.mark.processes

T = TypeVar("T")


@pytest.fixture(autouse=True)
def server_program(valkey: str) -> None:
    """Skips, or fails in CI, where there is no server to embed."""


@asynccontextmanager
async def client(folder: Path) -> AsyncIterator[Store]:
    settings = StoreSettings("embedded", (KEY,), folder, timeout=PATIENCE, connect_timeout=PATIENCE)
    store = prepare_store(settings, clock=never_waits())
    try:
        yield store
    finally:
        await store.close()


async def asked(folder: Path, *words: str | int) -> object:
    async with client(folder) as store:
        return await store._line.ask(*words)


# --- What it is -------------------------------------------------------------------------------


async def test_it_keeps_what_it_is_given_over_a_restart(folder: Path) -> None:
    for expected in (False, True):
        async with EmbeddedStore(folder / "data"), client(folder / "data") as store:
            assert (await Guest(store).standing()).recorded is expected
            await store.put_record(ADA, AccountRecord())


async def test_only_its_user_can_reach_it(folder: Path) -> None:
    async with EmbeddedStore(folder / "new" / "data"):
        data = folder / "new" / "data"
        assert stat.S_IMODE(data.stat().st_mode) == 0o700
        assert stat.S_ISSOCK((data / "store.sock").stat().st_mode)
        for path in data.rglob("*"):
            assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        (b"port", b"0"),
        (b"appendonly", b"yes"),
        (b"appendfsync", b"always"),
        (b"save", b""),
        (b"maxmemory-policy", b"noeviction"),
    ],
)
async def test_it_runs_with_these_settings(folder: Path, setting: bytes, value: bytes) -> None:
    async with EmbeddedStore(folder):
        assert await asked(folder, "CONFIG", "GET", setting.decode()) == [setting, value]


@pytest.mark.parametrize("name", ["MODULE", "DEBUG", "MIGRATE", "REPLICAOF", "SLAVEOF"])
async def test_what_could_leave_it_is_taken_away(folder: Path, name: str) -> None:
    async with EmbeddedStore(folder):
        with pytest.raises(StoreUnavailable, match="unknown command"):
            await asked(folder, name, "LIST")


async def test_it_runs_on_another_server_program(folder: Path, redis_server: str) -> None:
    program = Path(shutil.which("redis-server") or "")
    async with EmbeddedStore(folder, program=program), client(folder) as store:
        await store.put_record(ADA, AccountRecord())
        assert (await Guest(store).standing()).recorded


async def test_it_does_not_hear_what_the_terminal_says_to_the_gateway(folder: Path) -> None:
    async with EmbeddedStore(folder) as running:
        assert running.pid is not None
        assert os.getsid(running.pid) == running.pid


async def test_it_does_not_inherit_secrets(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MFA_GATEWAY_SECRETS__KEYS", "hush")
    program = folder / "program"
    program.write_text("#!/bin/sh\nenv > environment\n")
    program.chmod(0o700)
    with pytest.raises(StoreUnfit):
        async with EmbeddedStore(folder / "data", program=program):
            pass
    environment = (folder / "data" / "environment").read_text()
    assert "PATH=" in environment
    assert "MFA_GATEWAY" not in environment


async def test_a_stopped_store_leaves_no_process_and_no_socket(folder: Path) -> None:
    async with EmbeddedStore(folder) as running:
        assert running.pid is not None
        process = watching(running.pid)
    with process:
        await process.ended()
    assert not (folder / "store.sock").exists()


# --- Who owns it ------------------------------------------------------------------------------


async def test_a_second_owner_is_refused_and_told_who_the_first_is(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedded, "_HANDOVER_SECONDS", 0.05)
    async with an_owner(folder) as owner:
        with pytest.raises(StoreOwned, match=rf"\(process {owner.process.pid}\).*store\.data_dir of its own"):
            async with EmbeddedStore(folder):
                pass
        async with client(folder) as store:
            await store.open()


async def test_a_second_owner_in_the_same_process_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded, "_HANDOVER_SECONDS", 0.05)
    async with EmbeddedStore(folder):
        with pytest.raises(StoreOwned, match=rf"process {os.getpid()}"):
            async with EmbeddedStore(folder):
                pass


async def test_an_owner_that_is_just_going_away_is_waited_for(folder: Path) -> None:
    async with AsyncExitStack() as stack:
        first = await stack.enter_async_context(an_owner(folder))
        second = asyncio.create_task(stack.enter_async_context(EmbeddedStore(folder)))
        await first.stop()
        assert (await second).pid is not None


async def test_a_store_is_joined_while_somebody_owns_it(folder: Path) -> None:
    assert join(folder) is None
    async with EmbeddedStore(folder) as running:
        assert join(folder) == running.url
        store = await open_store(StoreSettings(join(folder) or "", (KEY,), timeout=PATIENCE))
        await store.close()
    assert join(folder) is None


async def test_nobody_owns_a_folder_that_is_not_there(folder: Path) -> None:
    assert join(folder / "missing") is None
    assert not (folder / "missing").exists()


async def test_looking_for_an_owner_does_not_keep_one_out(folder: Path) -> None:
    folder.joinpath("store.lock").touch()
    looking = try_lock(folder / "store.lock")
    assert looking is not None
    asyncio.get_running_loop().call_later(0.05, os.close, looking)
    async with EmbeddedStore(folder) as running:
        assert running.pid is not None


# --- What is killed ---------------------------------------------------------------------------


async def test_a_store_that_is_killed_is_started_again_with_its_data_and_said_so(folder: Path) -> None:
    with capture_logs() as logs:
        async with EmbeddedStore(folder) as running, client(folder) as store:
            await store.put_record(ADA, AccountRecord())
            assert running.pid is not None
            os.kill(running.pid, SIGKILL)
            assert await until_answered(lambda: store.record(ADA)) == AccountRecord()
            await until(lambda: "embedded store started again" in [entry["event"] for entry in logs])
    events = [entry["event"] for entry in logs if "embedded" in entry["event"]]
    assert events == ["embedded store ended", "embedded store started again"]


async def test_a_store_that_does_not_start_again_is_tried_again(folder: Path, tmp_path: Path) -> None:
    program = tmp_path / "valkey-server"
    program.symlink_to(find_program())
    with capture_logs() as logs:
        async with EmbeddedStore(folder, program=program) as running, client(folder) as store:
            await store.open()
            program.unlink()
            assert running.pid is not None
            os.kill(running.pid, SIGKILL)
            await until(lambda: "embedded store did not start" in [entry["event"] for entry in logs])
            program.symlink_to(find_program())
            assert await until_answered(lambda: store.record(ADA)) is None


async def test_the_store_ends_with_a_gateway_that_is_killed(folder: Path) -> None:
    async with an_owner(folder) as owner:
        async with client(folder) as store:
            await store.put_record(ADA, AccountRecord())
        await owner.kill()
    async with EmbeddedStore(folder), client(folder) as store:
        assert await store.record(ADA) == AccountRecord()


async def test_a_store_that_outlived_its_gateway_is_ended_before_the_next_one(folder: Path) -> None:
    orphan = start_orphan(folder)
    try:
        with watching(orphan.pid) as process:
            async with EmbeddedStore(folder) as running, client(folder) as store:
                await process.ended()
                assert running.pid != orphan.pid
                await store.open()
    finally:
        orphan.communicate()


async def test_a_store_that_outlived_its_gateway_loses_nothing(folder: Path) -> None:
    async with an_owner(folder) as owner:
        await asked(folder, "SET", "before", "1")
        await owner.kill()
    orphan = start_orphan(folder)
    try:
        await until_answered(lambda: asked(folder, "SET", "meanwhile", "2"))
        async with EmbeddedStore(folder):
            assert await asked(folder, "MGET", "before", "meanwhile") == [b"1", b"2"]
    finally:
        orphan.communicate()


async def test_nobody_is_ended_on_the_word_of_a_file_alone(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The process id in the lock file may belong to somebody else by now."""
    monkeypatch.setattr(embedded, "_STOP_SECONDS", 0.05)
    bystander = start(["sleep", "60"])
    lock = try_lock(folder / PROCESS)
    assert lock is not None
    try:
        os.pwrite(lock, b"%d\n" % bystander.pid, 0)
        with pytest.raises(StoreUnfit, match=rf"\({bystander.pid}\) that outlived its gateway"):
            async with EmbeddedStore(folder):
                pass
        assert bystander.poll() is None
    finally:
        os.close(lock)
        bystander.kill()
        bystander.communicate()


async def test_a_store_that_hangs_is_ended_by_force(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded, "_STOP_SECONDS", 0.05)
    lock = try_lock(folder / PROCESS)
    assert lock is not None
    deaf = start([sys.executable, "-c", _DEAF, str(lock)], lock)
    os.close(lock)
    try:
        assert deaf.stdout is not None
        assert deaf.stdout.readline() == b"deaf\n"
        async with EmbeddedStore(folder) as running:
            assert running.pid is not None
        assert deaf.wait(PATIENCE) == -SIGKILL
    finally:
        deaf.kill()
        deaf.communicate()


_DEAF = """
import os, signal, sys
signal.signal(signal.SIGTERM, signal.SIG_IGN)
os.pwrite(int(sys.argv[1]), b"%d" % os.getpid(), 0)
print("deaf", flush=True)
signal.pause()
"""


def start_orphan(folder: Path) -> subprocess.Popen[bytes]:
    """A store on this folder that nobody owns, holding the lock as one does whose owner is gone."""
    lock = try_lock(folder / PROCESS)
    assert lock is not None
    try:
        process = start(command(find_program(), folder), lock)
        os.ftruncate(lock, 0)
        os.pwrite(lock, b"%d\n" % process.pid, 0)
    finally:
        os.close(lock)
    return process


def start(words: list[str], *inherited: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen(words, pass_fds=inherited, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)


async def until(condition: Callable[[], bool]) -> None:
    """Let others go on until something is so."""
    async with asyncio.timeout(PATIENCE):
        while not condition():  # noqa: ASYNC110 - nobody tells when
            await asyncio.sleep(0)


async def until_answered(ask: Callable[[], Awaitable[T]]) -> T:
    """Ask until the store answers."""
    async with asyncio.timeout(PATIENCE):
        while True:
            try:
                return await ask()
            except StoreUnavailable:
                await asyncio.sleep(0)


# --- Killed between the steps of a ceremony ---------------------------------------------------


@pytest.mark.parametrize("how", ["gateway", "both", "store"])
async def test_killed_between_any_two_steps_nothing_answered_is_lost_and_no_code_works_twice(
    folder: Path, how: str
) -> None:
    steps = Steps()
    for step in steps.all():
        async with an_owner(folder) as owner, client(folder) as store:
            await step(Guest(store))
            match how:
                case "gateway":
                    await owner.kill()
                case "both":
                    await owner.kill_store_and_owner()
                case _:
                    os.kill(owner.store_pid, SIGKILL)
                    await until_answered(lambda: store.record(ADA))
                    await steps.holds(Guest(store))
        async with EmbeddedStore(folder), client(folder) as store:
            await steps.holds(Guest(store))


class Steps:
    """Activate, verify, gate: each step with what must hold from then on, whatever is killed."""

    def __init__(self) -> None:
        self._active = False
        self._spent: list[tuple[str, Purpose]] = []

    def all(self) -> list[Callable[[Guest], Awaitable[None]]]:
        return [self._enrol, self._verify, self._trigger, self._open, self._ride]

    async def holds(self, ada: Guest) -> None:
        standing = await ada.standing()
        assert (standing.active() == (Factor.EMAIL,)) is self._active
        for code, purpose in self._spent:
            assert await ada.present(code, purpose=purpose, ride=None) == Rejected(Rejection.SPENT)

    async def _enrol(self, ada: Guest) -> None:
        await ada.pend()
        await ada.issue("111111", purpose=Purpose.ACTIVATE)

    async def _verify(self, ada: Guest) -> None:
        assert await ada.activate("111111") == Redeemed(Factor.EMAIL)
        self._active = True
        self._spent.append(("111111", Purpose.ACTIVATE))

    async def _trigger(self, ada: Guest) -> None:
        await ada.issue("222222")

    async def _open(self, ada: Guest) -> None:
        assert await ada.present("222222") == Redeemed(Factor.EMAIL)
        self._spent.append(("222222", Purpose.GATE))

    async def _ride(self, ada: Guest) -> None:
        assert {proof.factor for proof in (await ada.standing()).proofs} == {Factor.EMAIL}


# --- What cannot be used ----------------------------------------------------------------------


async def test_a_program_that_ends_at_once_is_refused_with_its_last_words(folder: Path) -> None:
    program = folder / "program"
    program.write_text("#!/bin/sh\necho no such luck\nexit 3\n")
    program.chmod(0o700)
    with pytest.raises(StoreUnfit, match=r"(?s)did not start; see .*store\.log.*no such luck"):
        async with EmbeddedStore(folder / "data", program=program):
            pass
    assert join(folder / "data") is None


async def test_a_program_that_never_answers_is_refused_and_ended(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded, "_START_SECONDS", 0.3)
    program = folder / "program"
    program.write_text("#!/bin/sh\nexec sleep 60\n")
    program.chmod(0o700)
    with pytest.raises(StoreUnfit, match="did not answer in time"):
        async with EmbeddedStore(folder / "data", program=program):
            pass
    lock = try_lock(folder / "data" / PROCESS)
    assert lock is not None
    os.close(lock)


async def test_a_folder_with_too_long_a_path_is_refused_before_anything_is_made(folder: Path) -> None:
    data = folder / ("d" * 100)
    with pytest.raises(StoreUnfit, match=r"a Unix socket takes 103.*shorter store\.data_dir"):
        async with EmbeddedStore(data):
            pass
    assert not data.exists()


async def test_a_folder_that_is_a_file_is_refused(folder: Path) -> None:
    (folder / "data").touch()
    with pytest.raises(StoreUnfit, match=r"store\.data_dir cannot be used: File exists"):
        async with EmbeddedStore(folder / "data"):
            pass


async def test_a_large_log_is_set_aside(folder: Path) -> None:
    (folder / "store.log").write_bytes(b"x" * (2 << 20))
    async with EmbeddedStore(folder):
        assert (folder / "store.log").stat().st_size < 1 << 20
        assert (folder / "store.log.old").stat().st_size == 2 << 20


def test_locks_are_not_held_by_those_who_only_look(folder: Path) -> None:
    join(folder)
    descriptor = os.open(folder / "store.lock", os.O_RDWR | os.O_CREAT)
    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    os.close(descriptor)
