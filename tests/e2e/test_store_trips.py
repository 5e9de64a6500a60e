"""Round trips to the store for one call, counted on the wire by a relay in front of a real Valkey."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import hiredis
import pytest

from mfa_gateway.state.server import find_program
from tests.e2e.installation import Installation, answer

pytestmark = pytest.mark.processes

PROTECTED = ("PATCH", "/customer-password/42")


class Relay:
    """Stands between the gateway and its store, and reads every command on the way."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self.commands: list[bytes] = []
        self.port = 0
        self._forbids_tracking = False

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        store_reader, store_writer = await asyncio.open_unix_connection(self._path)
        try:
            await asyncio.gather(
                self._pass_on(reader, store_writer, hiredis.Reader()), self._pass_on(store_reader, writer, None)
            )
        finally:
            for end in (writer, store_writer):
                end.close()
                with suppress(ConnectionError):
                    await end.wait_closed()
            self._tasks.discard(task)

    async def _pass_on(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, commands: hiredis.Reader | None
    ) -> None:
        while data := await reader.read(65536):
            if self._forbids_tracking and b"TRACKING" in data:
                break
            if commands is not None:
                commands.feed(data)
                while isinstance(command := commands.gets(), list):
                    self.commands.append(command[0])
            writer.write(data)
            await writer.drain()
        writer.write_eof()

    async def forbid_tracking(self) -> None:
        """End every connection, and take none any more on which somebody asks to be told of changes."""
        self._forbids_tracking = True
        for task in tuple(self._tasks):
            task.cancel()

    def count(self) -> int:
        """How many commands passed since the last count."""
        passed, self.commands = self.commands, []
        return len(passed)


@pytest.fixture
async def relay(tmp_path: Path) -> AsyncIterator[Relay]:
    path = tmp_path / "store.sock"
    process = await asyncio.create_subprocess_exec(
        str(find_program()), "--port", "0", "--unixsocket", str(path), "--save", "", "--maxmemory-policy", "noeviction",
        stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    async with asyncio.timeout(10):
        while b"Ready to accept connections" not in await process.stdout.readline():
            pass
    relay = Relay(path)
    await relay.start()
    yield relay
    await relay.stop()
    process.terminate()
    await process.communicate()


@pytest.fixture
async def installation(tmp_path: Path, relay: Relay) -> AsyncIterator[Installation]:
    folder = tmp_path / "gateway"
    folder.mkdir()
    # What the near cache saves is not counted here (test_near_cache).
    async with Installation(
        folder, more="near_cache: {enabled: false}", store=f"redis://127.0.0.1:{relay.port}"
    ) as running:
        await running.start()
        yield running


async def test_an_open_route_takes_none_a_window_one_and_a_code_two(installation: Installation, relay: Relay) -> None:
    token = installation.token()
    await installation.enrol(token)
    code = await installation.fresh_code(token)
    # The first look at each script loads it; from here on the store is in its steady state.
    assert answer(await installation.call(*PROTECTED, token=token, code=code)) == "200"

    relay.count()
    assert answer(await installation.call("GET", "/open", token=token)) == "200"
    assert relay.count() == 0
    assert answer(await installation.call(*PROTECTED, token=token)) == "200"
    assert relay.count() == 1
    fresh = await installation.fresh_code(token)
    relay.count()
    assert answer(await installation.call(*PROTECTED, token=token, code=fresh)) == "200"
    assert relay.count() == 2
    assert answer(await installation.call(*PROTECTED, token=token, code="000000")) == "403/5901"
    assert relay.count() == 2


async def test_a_preflight_takes_one_and_one_of_an_open_route_none(installation: Installation, relay: Relay) -> None:
    token = installation.token()
    await installation.enrol(token)
    said = dict(zip(("method", "path"), PROTECTED, strict=True))
    # The first look loads the script.
    await installation.call("POST", "/mfa/preflight", token=token, json=said)
    relay.count()
    answered = await installation.call("POST", "/mfa/preflight", token=token, json=said)
    assert (answered.json()["decision"], relay.count()) == ("pass", 1)
    answered = await installation.call("POST", "/mfa/preflight", token=token, json={"method": "GET", "path": "/open"})
    assert (answered.json()["because"], relay.count()) == ("open", 0)


async def test_a_call_without_a_token_asks_the_store_nothing(installation: Installation, relay: Relay) -> None:
    relay.count()

    assert answer(await installation.call(*PROTECTED)) == "403/002"
    assert answer(await installation.call(*PROTECTED, token="not.a.token")) == "401/001"

    assert relay.count() == 0
