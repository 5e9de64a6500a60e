"""Servers for the tests of the state room: one in this process, a private Valkey, and a Redis where there is one."""

import os
import select
import shutil
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import NoReturn

import pytest

from mfa_gateway.state import Store
from mfa_gateway.state.errors import StoreUnfit
from mfa_gateway.state.server import find_program
from tests.state.world import PATIENCE, Guest, MemoryWorld, ServerWorld, World


@pytest.fixture(scope="session")
def valkey() -> Iterator[str]:
    """The URL of a private Valkey. Missing is a skip that shows, and a failure in CI."""
    try:
        program = find_program()
    except StoreUnfit as error:
        _miss(f"no real server to test with: {error}")
    yield from _run(program)


@pytest.fixture(scope="session")
def redis_server() -> Iterator[str]:
    """The URL of a private Redis. Missing is a skip that shows, and a failure in CI."""
    found = shutil.which("redis-server")
    if found is None:
        _miss("no redis-server on the path")
    yield from _run(Path(found))


def _miss(what: str) -> NoReturn:
    if os.environ.get("CI") == "true":
        pytest.fail(what)
    pytest.skip(what)


def _run(program: Path) -> Iterator[str]:
    # Short, because the path of a socket must be.
    folder = tempfile.mkdtemp(prefix="mfa-")
    socket = f"{folder}/s"
    command = [str(program), "--port", "0", "--unixsocket", socket, "--dir", folder, "--save", "", "--appendonly", "no"]
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    try:
        _await_readiness(process)
        yield f"unix://{socket}"
    finally:
        process.kill()
        process.communicate()
        shutil.rmtree(folder, ignore_errors=True)


def _await_readiness(process: subprocess.Popen[bytes]) -> None:
    """Read what the server says until it says that it is ready."""
    assert process.stdout is not None
    said = b""
    deadline = time.monotonic() + PATIENCE
    while b"eady to accept connections" not in said:
        readable, _, _ = select.select([process.stdout], [], [], max(deadline - time.monotonic(), 0))
        chunk = os.read(process.stdout.fileno(), 65536) if readable else b""
        assert chunk, f"the server did not start: {said.decode(errors='replace')}"
        said += chunk


@pytest.fixture(
    params=[
        "memory",
        pytest.param("valkey", marks=pytest.mark.processes),
        pytest.param("redis_server", marks=pytest.mark.processes),
    ]
)
async def world(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[World]:
    """Each server in turn: all run the same scripts and have to pass the same tests."""
    made: World
    if request.param == "memory":
        made = MemoryWorld(monkeypatch)
    else:
        made = ServerWorld(request.getfixturevalue(request.param))
    yield made
    await made.close()


@pytest.fixture
async def valkey_world(valkey: str) -> AsyncIterator[ServerWorld]:
    """The real server, for what only a real server can show."""
    made = ServerWorld(valkey)
    yield made
    await made.close()


@pytest.fixture
async def store(world: World) -> Store:
    """A store on the server at hand."""
    return await world.store()


@pytest.fixture
def ada(store: Store) -> Guest:
    """Somebody with a token."""
    return Guest(store)


@pytest.fixture
async def eve(ada: Guest) -> Guest:
    """The account of `ada`, which has e-mail, in the hands of somebody who proved nothing with it yet."""
    await ada.enrol()
    return ada.again(session="session-of-eve", token="token-of-eve")


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder of one's own with a path short enough for sockets."""
    with tempfile.TemporaryDirectory(prefix="mfa-") as made:
        yield Path(made)
