import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from mfa_gateway.state.locks import end_holder, holder, sign, try_lock

_HOLDER = """
import sys
from pathlib import Path
from mfa_gateway.state.locks import sign, try_lock
descriptor = try_lock(Path(sys.argv[1]))
sign(descriptor)
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "lock"


def test_a_lock_is_held_by_one_at_a_time(path: Path) -> None:
    held = try_lock(path)
    assert held is not None
    assert try_lock(path) is None
    os.close(held)
    again = try_lock(path)
    assert again is not None
    os.close(again)


def test_a_lock_file_is_its_users_own(path: Path) -> None:
    held = try_lock(path)
    assert held is not None
    os.close(held)
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_lock_that_cannot_be_made_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        try_lock(tmp_path / "missing" / "lock")


def test_a_holder_signs_with_its_process(path: Path) -> None:
    held = try_lock(path)
    assert held is not None
    os.write(held, b"12345678901234567890\n")
    sign(held)
    assert holder(path) == os.getpid()
    os.close(held)


@pytest.mark.parametrize("text", ["", "x", "-1", "12 13", "\u0661", "0x10"])
def test_a_file_that_names_nobody_names_nobody(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")
    assert holder(path) is None
    assert not end_holder(path, signal.SIGTERM)


def test_a_missing_file_names_nobody(path: Path) -> None:
    assert holder(path) is None


def test_a_process_that_is_gone_is_nobody_to_end(path: Path) -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    path.write_text(f"{gone.pid}\n")
    assert not end_holder(path, signal.SIGTERM)


@pytest.mark.processes
def test_the_process_that_holds_a_lock_is_ended(path: Path) -> None:
    held_by = subprocess.Popen(
        [sys.executable, "-c", _HOLDER, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )
    try:
        assert held_by.stdout is not None
        assert held_by.stdout.readline() == b"held\n"
        assert holder(path) == held_by.pid
        assert try_lock(path) is None
        assert end_holder(path, signal.SIGTERM)
        assert held_by.wait(10) == -signal.SIGTERM
    finally:
        held_by.kill()
        held_by.communicate()
    free = try_lock(path)
    assert free is not None
    os.close(free)


@pytest.mark.processes
def test_a_process_that_does_not_hold_the_lock_is_left_alone(path: Path) -> None:
    bystander = subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE)
    try:
        path.write_text(f"{bystander.pid}\n")
        assert not end_holder(path, signal.SIGKILL)
        assert bystander.poll() is None
    finally:
        bystander.kill()
        bystander.communicate()
