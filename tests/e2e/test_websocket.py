"""WebSockets through a whole installation: gated at the handshake, carried to an upstream, ended by a revocation."""

import asyncio
import signal
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from redis.asyncio import Redis
from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket
from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Subprotocol

from mfa_gateway import Gateway, MFAMiddleware, load_settings
from mfa_gateway.core.account import AccountId
from tests.e2e.installation import Installation, free_port
from tests.e2e.processes import ON_LINUX, resident_kib, workers
from tests.e2e.valkey import Valkey
from tests.e2e.waiting import PATIENCE, pause, until

pytestmark = pytest.mark.processes

RULES = """
access_control:
  default_policy: open
  rules:
    - {name: feed, paths: ["/feed"], policy: mfa}
    - {name: once, paths: ["/once"], policy: mfa, grace: 0s}
    - {name: brief, paths: ["/brief"], policy: mfa, grace: 2s}
cors: {origins: ["https://shop.test"]}
"""
TWO_WORKERS = "workers: 2\n"


def _chat(_: ServerConnection, offered: Sequence[Subprotocol]) -> Subprotocol | None:
    """The one that is spoken, where it is offered; nobody has to."""
    return next((one for one in offered if one == "chat"), None)


class Echo:
    """A real WebSocket server that says back what it hears, and remembers every handshake."""

    def __init__(self) -> None:
        self.port = 0
        self.sockets: list[ServerConnection] = []
        self._server: Server | None = None

    async def start(self) -> None:
        self._server = await serve(self._echo, "127.0.0.1", 0, max_size=None, select_subprotocol=_chat)
        self.port = next(iter(self._server.sockets)).getsockname()[1]

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()

    async def _echo(self, socket: ServerConnection) -> None:
        self.sockets.append(socket)
        with suppress(ConnectionClosed):
            async for message in socket:
                await socket.send(message)

    @property
    def handshakes(self) -> list[dict[str, str]]:
        return [dict(socket.request.headers.raw_items()) for socket in self.sockets if socket.request is not None]


class Sockets(Installation):
    """An installation whose API speaks WebSocket."""

    def __init__(self, folder: Path, **options: Any) -> None:
        super().__init__(folder, **{"rules": RULES, **options})
        self.echo = Echo()
        self.api = self.echo  # type: ignore[assignment] # its port, start and stop are what is needed
        self.stack = AsyncExitStack()

    async def open(
        self, path: str = "/feed", *, token: str | None = None, code: str | None = None, **options: Any
    ) -> ClientConnection:
        headers: dict[str, str] = dict(options.pop("headers", {}))
        headers |= {} if token is None else {"Authorization": f"Bearer {token}"}
        headers |= {} if code is None else {"X-MFA-Code": code}
        url = f"ws://127.0.0.1:{self.port}{path}"
        return await self.stack.enter_async_context(connect(url, additional_headers=headers, **options))

    async def refusal(self, *path: str, **options: Any) -> tuple[int, str]:
        with pytest.raises(InvalidStatus) as refused:
            await self.open(*path, **options)
        response = refused.value.response
        return response.status_code, bytes(response.body or b"").decode()

    async def in_grace(self, subject: str = "ada") -> str:
        """A token of somebody who has just proved a factor."""
        token = self.token(subject)
        await self.enrol(token)
        return token


async def echoes(socket: ClientConnection) -> bool:
    await socket.send("there?")
    async with asyncio.timeout(PATIENCE):
        return await socket.recv() == "there?"


async def end_of(socket: ClientConnection) -> int | None:
    async with asyncio.timeout(PATIENCE):
        await socket.wait_closed()
    return socket.close_code


@pytest.fixture
async def installation(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Sockets]:
    more: str = getattr(request, "param", "")
    async with Sockets(tmp_path, more=more) as running:
        await running.start()
        async with running.stack:
            yield running


# --- The gate ---------------------------------------------------------------------------------


async def test_a_handshake_is_refused_proved_and_then_in_grace(installation: Sockets) -> None:
    token = installation.token()
    await installation.enrol(token)

    status, body = await installation.refusal("/once", token=token)
    assert (status, '"5900"' in body) == (403, True)
    assert (await installation.refusal())[0] == 403
    assert (await installation.refusal(token="not.a.token"))[0] == 401
    code = await installation.fresh_code(token)
    assert (await installation.refusal("/once", token=token, code="000000"))[0] == 403
    assert await echoes(await installation.open("/once", token=token, code=code))
    assert await echoes(await installation.open(token=token))
    assert await echoes(await installation.open("/open"))

    first, *_ = installation.echo.handshakes
    names = {name.lower() for name in first}
    assert first["authorization"] == f"Bearer {token}"
    assert "x-mfa-code" not in names
    assert (first["x-mfa-verified"], first["x-mfa-method"]) == ("true", "email")
    assert len(installation.echo.sockets) == 3


async def test_a_browsers_token_comes_as_a_sub_protocol_and_nobody_else_reads_it(installation: Sockets) -> None:
    token = await installation.in_grace()
    installation.echo.sockets.clear()

    for offers, answer in (
        (["mfa.bearer", f"mfa.bearer.{token}"], "mfa.bearer"),
        ([f"mfa.bearer.{token}"], f"mfa.bearer.{token}"),
        (["chat", "mfa.bearer", f"mfa.bearer.{token}"], "chat"),
    ):
        socket = await installation.open(subprotocols=offers)
        assert socket.subprotocol == answer
        assert await echoes(socket)

    for seen in installation.echo.handshakes:
        assert seen["authorization"] == f"Bearer {token}"
        assert "mfa.bearer" not in seen.get("sec-websocket-protocol", "")
    status, _ = await installation.refusal(token=token, subprotocols=[f"mfa.bearer.{token}"])
    assert status == 400
    assert token not in installation.log
    assert token.split(".")[2] not in installation.log


async def test_only_our_own_pages_and_listed_ones_get_in(installation: Sockets) -> None:
    token = await installation.in_grace()

    assert (await installation.refusal(token=token, headers={"Origin": "https://evil.test"}))[0] == 403
    assert await echoes(await installation.open(token=token, headers={"Origin": "https://shop.test"}))
    own = {"Origin": f"http://127.0.0.1:{installation.port}"}
    assert await echoes(await installation.open(token=token, headers=own))
    assert await echoes(await installation.open("/open", headers={"Origin": "https://evil.test"}))
    assert "a page of https://evil.test" in installation.log


async def test_what_is_no_handshake_becomes_no_tunnel(installation: Sockets) -> None:
    """A version that is not spoken, and behind it a protected call that nobody judged."""
    reader, writer = await asyncio.open_connection("127.0.0.1", installation.port)
    host = f"Host: 127.0.0.1:{installation.port}\r\n"
    writer.write(
        f"GET /open HTTP/1.1\r\n{host}Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 7\r\n"
        f"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\nGET /feed HTTP/1.1\r\n{host}\r\n".encode()
    )
    first = await reader.readuntil(b"\r\n\r\n")
    # The upstream speaks nothing but WebSocket: it saw a plain call, and said so.
    assert first.startswith(b"HTTP/1.1 426")
    length = next(line for line in first.lower().split(b"\r\n") if line.startswith(b"content-length"))
    await reader.readexactly(int(length.split(b":")[1]))
    assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 403")
    writer.close()
    await writer.wait_closed()
    assert installation.echo.sockets == []


# --- Revocation -------------------------------------------------------------------------------


@pytest.mark.parametrize("installation", [TWO_WORKERS], indirect=True)
@pytest.mark.parametrize("how", ["reset", "disable"])
async def test_a_revocation_closes_every_socket_of_the_account_on_every_worker(installation: Sockets, how: str) -> None:
    ada, bob = await installation.in_grace("ada"), await installation.in_grace("bob")
    hers = [await installation.open(token=ada) for _ in range(8)]
    open_to_all = await installation.open("/open", token=ada)
    his = await installation.open(token=bob)

    await installation.run("accounts", how, "--subject", "ada")
    async with asyncio.timeout(2):
        assert [await end_of(socket) for socket in hers] == [1008] * 8

    assert await echoes(his)
    assert await echoes(open_to_all)
    assert (await installation.refusal(token=ada))[0] == 403
    revoked = [socket for socket in installation.echo.sockets if socket.close_code == 1008]
    assert len(revoked) == 8
    assert installation.log.count("revoked while open") == 8


async def test_the_end_of_a_window_or_a_token_closes_nothing(installation: Sockets) -> None:
    # Tokens are taken for ten seconds more (`leeway`).
    token = installation.token(exp=int(time.time()) - 3)
    await installation.enrol(token)
    code = await installation.fresh_code(token)
    socket = await installation.open("/brief", token=token, code=code)

    async def window_is_over() -> bool:
        with suppress(InvalidStatus):
            await (await installation.open("/brief", token=token)).close()
            return False
        return True

    async def token_is_over() -> bool:
        with suppress(InvalidStatus):
            await (await installation.open("/feed", token=token)).close()
        return (await installation.call("POST", "/multi-factor-auth-trigger", token=token, json={})).status_code == 401

    await until(window_is_over)
    assert await echoes(socket)
    await until(token_is_over)
    await pause(0.5)
    assert await echoes(socket)


async def test_an_outage_of_the_store_closes_nothing_and_misses_nothing(tmp_path: Path) -> None:
    async with Valkey(tmp_path / "store.sock") as valkey, Sockets(tmp_path, store=valkey.url) as running:
        await running.start()
        async with running.stack:
            ada, bob = await running.in_grace("ada"), await running.in_grace("bob")
            hers, his = await running.open(token=ada), await running.open(token=bob)
            redis = Redis.from_url(valkey.url)
            try:
                # The connection that listens is cut, and what is told before it is back is missed.
                await redis.execute_command("CLIENT", "KILL", "TYPE", "pubsub")  # type: ignore[no-untyped-call]
                await running.run("accounts", "reset", "--subject", "ada")
            finally:
                await redis.aclose()
            assert await end_of(hers) == 1008
            await valkey.freeze()
            # What is remembered of him counts for two seconds at most.
            await until(lambda: _is_shut(running, bob))
            assert (await running.refusal(token=bob))[0] == 503
            assert await echoes(his)
            await valkey.thaw()
            await until(lambda: _opens(running, bob))
            assert await echoes(his)
            await running.run("accounts", "disable", "--subject", "bob")
            assert await end_of(his) == 1008


async def _is_shut(running: Sockets, token: str) -> bool:
    return not await _opens(running, token)


async def _opens(running: Sockets, token: str) -> bool:
    with suppress(InvalidStatus):
        await (await running.open(token=token)).close()
        return True
    return False


async def test_a_store_in_memory_revokes_as_well_and_so_does_middleware_in_somebodys_app(tmp_path: Path) -> None:
    """The library user's way: our middleware, their application, their server."""
    ended: list[int] = []

    async def feed(socket: WebSocket) -> None:
        await socket.accept()
        with suppress(KeyError):
            async for text in socket.iter_text():
                await socket.send_text(text)
        ended.append(1)

    async with Sockets(tmp_path, store="memory://") as running:
        gateway = Gateway(load_settings(running.config, environ={}))
        app = Starlette(routes=[WebSocketRoute("/feed", feed)])
        app.add_middleware(MFAMiddleware, gateway=gateway)
        port = free_port()
        config = uvicorn.Config(
            app, port=port, ws="websockets-sansio", log_config=None, lifespan="off", proxy_headers=False
        )
        server = uvicorn.Server(config)
        running.port, running.client = port, _client(running, port)
        await gateway.start()
        serving = asyncio.create_task(server.serve())
        try:
            await until(lambda: server.started)
            token = await running.in_grace()
            async with running.stack:
                offers: Any = ["mfa.bearer", f"mfa.bearer.{token}"]
                socket = await running.open(subprotocols=offers)
                assert socket.subprotocol == "mfa.bearer"
                assert await echoes(socket)
                await gateway._store.reset(AccountId("shop", "ada"))
                assert await end_of(socket) == 1008
                assert (await running.refusal(token=token))[0] == 403
        finally:
            server.should_exit = True
            await serving
            await gateway.stop()
    assert ended


def _client(running: Sockets, port: int) -> Any:
    import httpx2  # noqa: PLC0415 - for this one test

    running.stack.push_async_callback(running.client.aclose)
    return httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=20)


# --- Life -------------------------------------------------------------------------------------


@pytest.mark.parametrize("installation", [TWO_WORKERS], indirect=True)
async def test_a_stop_closes_every_socket_with_1001_and_ends_in_time(installation: Sockets) -> None:
    token = await installation.in_grace()
    sockets = [await installation.open(token=token) for _ in range(6)] + [await installation.open("/open")]
    assert installation.process is not None

    installation.process.send_signal(signal.SIGTERM)
    async with asyncio.timeout(8):
        assert [await end_of(socket) for socket in sockets] == [1001] * 7
        assert await installation.process.wait() == 0
    await until(lambda: all(socket.close_code == 1001 for socket in installation.echo.sockets[-7:]))


async def test_a_stop_waits_for_no_client_that_never_answers(installation: Sockets) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", installation.port)
    writer.write(
        f"GET /open HTTP/1.1\r\nHost: 127.0.0.1:{installation.port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n".encode()
    )
    assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 101")
    assert installation.process is not None

    installation.process.send_signal(signal.SIGTERM)
    async with asyncio.timeout(8):
        assert await installation.process.wait() == 0
    writer.close()


@pytest.mark.parametrize("installation", ["websocket: {message: 64KiB, queue: 2}\n"], indirect=True)
async def test_the_configured_bounds_hold(installation: Sockets) -> None:
    socket = await installation.open("/open", compression=None)

    await socket.send(bytes(65_536))
    assert await socket.recv() == bytes(65_536)
    await socket.send(bytes(65_537))
    assert await end_of(socket) == 1009


@ON_LINUX
async def test_a_reader_that_never_reads_costs_next_to_nothing(installation: Sockets) -> None:
    """Whatever it sends comes back to it, and it takes none of that."""
    (pid,) = workers(installation)
    await (await installation.open("/open")).close()
    before = resident_kib(pid)
    socket = await installation.open("/open", compression=None, max_queue=1)
    sent = 0

    async def flood() -> None:
        nonlocal sent
        # Nothing is read: the echo stalls, then the gateway does, and then we do.
        while sent < 400:
            await socket.send(bytes(250_000))
            sent += 1

    flooding = asyncio.create_task(flood())
    last = -1
    while sent != last:
        last = sent
        await pause(0.5)

    assert 0 < sent < 400
    assert resident_kib(pid) - before < 16 * 1024
    flooding.cancel()
    socket.transport.abort()
