"""The embedded store: what it is, who owns it, and what is left when anything of it is killed."""

import asyncio
import fcntl
import os
import shutil
import stat
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TypeVar

import pytest

from mfa_gateway.core.fault import StoreUnavailable
from mfa_gateway.state import (
    AccountRecord,
    EmbeddedStore,
    StoreOwned,
    StoreSettings,
    StoreUnfit,
    embedded,
    join,
    open_store,
)
from mfa_gateway.state.locks import PROCESS, try_lock
from tests.state.owner import an_owner, asked, client, watching
from tests.state.world import ADA, KEY, PATIENCE, Guest

pytestmark = [pytest.mark.processes, pytest.mark.usefixtures("valkey")]

T = TypeVar("T")


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


async def test_a_call_inside_an_open_window_writes_nothing_to_disk(folder: Path) -> None:
    async with EmbeddedStore(folder), client(folder) as store:
        ada = Guest(store)
        await ada.enrol()
        await ada.issue("123456")
        await ada.present("123456")
        before = on_disk(folder)
        for _ in range(20):
            await ada.standing()
            await ada.present("123456")
        assert on_disk(folder) == before
        await ada.present("999999")
        assert on_disk(folder) != before


def on_disk(folder: Path) -> list[bytes]:
    return [path.read_bytes() for path in sorted((folder / "appendonlydir").iterdir())]


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
