import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from mfa_gateway.state import launch
from mfa_gateway.state.locks import holder, try_lock

pytestmark = pytest.mark.processes


def launched(path: Path, parent: int, *command: str) -> subprocess.CompletedProcess[bytes]:
    lock = try_lock(path)
    assert lock is not None
    try:
        words = [sys.executable, "-I", "-S", launch.__file__, str(parent), str(lock), *command]
        return subprocess.run(words, pass_fds=(lock,), capture_output=True, check=False, timeout=10)
    finally:
        os.close(lock)


def test_the_process_signs_the_lock_and_becomes_the_command(tmp_path: Path) -> None:
    ended = launched(tmp_path / "lock", os.getpid(), "/bin/sh", "-c", "echo $$; umask")
    pid, mask = ended.stdout.decode().split()
    assert ended.returncode == 0
    assert holder(tmp_path / "lock") == int(pid)
    assert int(mask, 8) == 0o077


def test_a_store_whose_gateway_is_gone_already_does_not_start(tmp_path: Path) -> None:
    ended = launched(tmp_path / "lock", os.getppid(), "/bin/sh", "-c", "echo started")
    assert ended.returncode == 1
    assert ended.stdout == b""
    assert b"the gateway ended while its store was starting" in ended.stderr
    assert holder(tmp_path / "lock") is None


def test_the_command_holds_the_lock_as_long_as_it_lives(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    lock = try_lock(path)
    assert lock is not None
    words = [sys.executable, "-I", "-S", launch.__file__, str(os.getpid()), str(lock), "/bin/sh", "-c", "echo; read x"]
    with subprocess.Popen(words, pass_fds=(lock,), stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        os.close(lock)
        assert process.stdout is not None
        process.stdout.readline()
        assert try_lock(path) is None
        process.send_signal(signal.SIGKILL)
    free = try_lock(path)
    assert free is not None
    os.close(free)
