"""The embedded store when anything of it is killed: nothing that was answered is lost, and no code works twice."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Awaitable, Callable
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
    StoreUnfit,
    embedded,
)
from mfa_gateway.state.locks import PROCESS, try_lock
from mfa_gateway.state.server import command, find_program
from tests.state.owner import an_owner, asked, client, watching
from tests.state.world import ADA, PATIENCE, Guest

pytestmark = [pytest.mark.processes, pytest.mark.usefixtures("valkey")]

T = TypeVar("T")


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
