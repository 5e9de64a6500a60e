"""Both sides of a gateway under test: an upstream that plays bytes from a script, and clients that see every byte.

The gateway is uvicorn's own protocol around `Upstream`, on a real socket, in the test's event loop. Every behaviour
runs on asyncio's loop and on uvloop, because their transports differ where it hurts: in aborts, pauses and ends.
"""

import asyncio
import os
import re
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from enum import Enum
from functools import partial
from typing import Any, Final, cast

import pytest
import uvicorn
import uvloop
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from mfa_gateway.doors.served import ServedProtocol
from mfa_gateway.doors.upstream import Origin, Scheme, Terms, Upstream

# No test waits this long for anything that happens.
DEADLINE: Final = 5.0
OK: Final = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
GET: Final = b"GET / HTTP/1.1\r\nHost: api.test\r\n\r\n"


@pytest.hookimpl(optionalhook=True)
def pytest_asyncio_loop_factories() -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    return {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}


async def until(condition: Callable[[], bool]) -> None:
    """Let everybody else run until the condition holds."""
    async with asyncio.timeout(DEADLINE):
        while not condition():  # noqa: ASYNC110 - what is waited for is in somebody else's hands, often the kernel's
            await asyncio.sleep(0)


def work_of(task: asyncio.Task[Any]) -> str:
    """What a task does: `Cycle.run`. Coroutines that are compiled have no name, and a class each: `run_Cycle_gen`."""
    coroutine = task.get_coro()
    name = type(coroutine).__name__
    if name == "coroutine":
        qualified: str = coroutine.__qualname__  # type: ignore[union-attr] # as every coroutine of Python's has
        return qualified
    return re.sub(r"(\w+)_([A-Z]\w*)_gen", r"\2.\1", name)


async def happens(event: Awaitable[object], *, within: float) -> bool:
    """Whether something comes to pass in a time."""
    try:
        async with asyncio.timeout(within):
            await event
    except TimeoutError:
        return False
    return True


async def is_steady(value: Callable[[], int]) -> bool:
    """Wait until a number has not changed for a while."""
    seen = -1
    while value() != seen:
        seen = value()
        await happens(asyncio.get_running_loop().create_future(), within=0.3)
    return True


# --- The upstream -----------------------------------------------------------------------------


@dataclass
class Link:
    """One connection, as the upstream sees it."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    heads: list[bytes] = field(default_factory=list)
    is_over: bool = False

    async def head(self) -> bytes:
        """The next request head, from its first byte to the empty line."""
        head = await self.reader.readuntil(b"\r\n\r\n")
        self.heads.append(head)
        return head

    async def exactly(self, size: int) -> bytes:
        return await self.reader.readexactly(size)

    async def to_end(self) -> bytes:
        """Everything until the gateway closes, however it does."""
        received = b""
        with suppress(ConnectionError):
            while data := await self.reader.read(65_536):
                received += data
        return received

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    def pause_reading(self) -> None:
        cast("asyncio.Transport", self.writer.transport).pause_reading()

    def reset(self) -> None:
        """End the connection with RST in place of FIN."""
        with socket.socket(fileno=os.dup(self.writer.get_extra_info("socket").fileno())) as twin:
            twin.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()

    def half_close(self) -> None:
        """Send FIN now, without a turn of the loop."""
        with socket.socket(fileno=os.dup(self.writer.get_extra_info("socket").fileno())) as twin:
            twin.shutdown(socket.SHUT_WR)


Play = Callable[[Link], Awaitable[None]]


class Backend:
    """An upstream. `play` is what it does on each connection; when it returns, the connection is closed."""

    def __init__(self) -> None:
        self.links: list[Link] = []
        self.play: Play = answering(OK)
        self.port = 0
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def heads(self) -> list[bytes]:
        """Every request head that arrived, in the order of the connections."""
        return [head for link in self.links for head in link.heads]

    @property
    def open_links(self) -> int:
        return sum(not link.is_over for link in self.links)

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        link = Link(reader, writer)
        self.links.append(link)
        task = asyncio.current_task()
        if task is not None:
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        try:
            with suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
                await self.play(link)
        finally:
            link.is_over = True
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()

    async def stop(self) -> None:
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=DEADLINE)


def answering(*answers: bytes) -> Play:
    """Answers each request with the next answer; the last one serves all that follow."""

    async def play(link: Link) -> None:
        rest = list(answers)
        while True:
            await link.head()
            await link.send(rest.pop(0) if len(rest) > 1 else rest[0])

    return play


def playing(*steps: bytes) -> Play:
    """Reads one request head, sends the pieces, and closes."""

    async def play(link: Link) -> None:
        await link.head()
        for step in steps:
            await link.send(step)

    return play


@pytest.fixture
async def backend() -> AsyncIterator[Backend]:
    backend = Backend()
    server = await asyncio.start_server(backend.accept, "127.0.0.1", 0)
    backend.port = server.sockets[0].getsockname()[1]
    yield backend
    server.close()
    await backend.stop()
    await server.wait_closed()


# --- The client -------------------------------------------------------------------------------


@dataclass(frozen=True)
class Received:
    """One answer, as the client sees it."""

    status: int
    fields: list[tuple[bytes, bytes]]
    body: bytes

    def values(self, name: bytes) -> list[bytes]:
        return [value for key, value in self.fields if key.lower() == name]


class Client:
    """One connection to the gateway."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def ask(self, data: bytes = GET, *, to_head: bool = False) -> Received:
        await self.send(data)
        return await self.answer(to_head=to_head)

    async def answer(self, *, to_head: bool = False) -> Received:
        """The next answer. Raises `IncompleteReadError` when it is cut."""
        async with asyncio.timeout(DEADLINE):
            head = await self.reader.readuntil(b"\r\n\r\n")
            status_line, *lines = head[:-4].split(b"\r\n")
            fields = [(name, value.strip()) for name, _, value in (line.partition(b":") for line in lines)]
            status = int(status_line.split()[1])
            received = Received(status, fields, b"")
            is_empty = to_head or status in (204, 304)
            return received if is_empty else Received(status, fields, await self._body(received))

    async def _body(self, received: Received) -> bytes:
        if lengths := received.values(b"content-length"):
            return await self.reader.readexactly(int(lengths[0]))
        if received.values(b"transfer-encoding") == [b"chunked"]:
            return await self._chunks()
        return await self.reader.read()

    async def _chunks(self) -> bytes:
        body = b""
        while size := int(await self.reader.readuntil(b"\r\n"), 16):
            body += (await self.reader.readexactly(size + 2))[:-2]
        await self.reader.readexactly(2)
        return body

    async def to_end(self) -> bytes:
        """Everything until the gateway closes, however it does."""
        received = b""
        async with asyncio.timeout(DEADLINE):
            with suppress(ConnectionError):
                while data := await self.reader.read(65_536):
                    received += data
        return received

    def pause_reading(self) -> None:
        cast("asyncio.Transport", self.writer.transport).pause_reading()

    def drop(self) -> None:
        """Leave without a word."""
        self.writer.transport.abort()

    async def close(self) -> None:
        self.drop()
        with suppress(ConnectionError):
            await self.writer.wait_closed()


# --- The gateway ------------------------------------------------------------------------------


class Server(Enum):
    """What is in front: any ASGI server, or our own, which has calls served without a task where it can."""

    ANY = HttpToolsProtocol
    OURS = ServedProtocol


class Gateway:
    """A server's HTTP/1 protocol around an application, on a socket of its own."""

    def __init__(self, app: Upstream, port: int, state: ServerState, stack: AsyncExitStack, server: Server) -> None:
        self.app = app
        self.server = server
        self.port = port
        self.state = state
        self._stack = stack

    async def client(self) -> Client:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        client = Client(reader, writer)
        self._stack.push_async_callback(client.close)
        return client

    async def ask(self, data: bytes = GET, *, to_head: bool = False) -> Received:
        """Ask on a connection of its own."""
        return await (await self.client()).ask(data, to_head=to_head)

    @property
    def idle(self) -> int:
        """How many connections wait in the pool."""
        return len(self.app._pool._idle)


@asynccontextmanager
async def serving(app: Upstream, kind: Server = Server.ANY) -> AsyncIterator[Gateway]:
    config = uvicorn.Config(
        app,
        http=kind.value,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        date_header=False,
    )
    config.load()
    state = ServerState()
    protocol: Any = config.http_protocol_class
    build = partial(protocol, config=config, server_state=state, app_state={})
    server = await asyncio.get_running_loop().create_server(build, "127.0.0.1", 0)
    async with AsyncExitStack() as stack:
        yield Gateway(app, server.sockets[0].getsockname()[1], state, stack, kind)
    server.close()
    await app.close()
    for connection in tuple(state.connections):
        (connection._wire if isinstance(connection, ServedProtocol) else connection.transport).abort()
    if state.tasks:
        await asyncio.wait(tuple(state.tasks), timeout=DEADLINE)
    await until(lambda: not state.connections and not state.tasks)
    await server.wait_closed()


# --- The application alone --------------------------------------------------------------------

Messages = list[dict[str, Any]]


def http_scope(*fields: tuple[bytes, bytes], **changes: Any) -> dict[str, Any]:
    """A scope as a server makes it, for what uvicorn would not let through."""
    return {
        "type": "http",
        "method": "GET",
        "http_version": "1.1",
        "scheme": "http",
        "path": "/",
        "raw_path": b"/",
        "query_string": b"",
        "client": ("127.0.0.1", 50_000),
        "headers": [(b"host", b"api.test"), *fields],
    } | changes


async def call(app: Upstream, scope: dict[str, Any], *received: dict[str, Any]) -> Messages:
    """What the application sends when it is called with a scope and these messages, and then silence."""
    waiting, sent = list(received), Messages()

    async def receive() -> dict[str, Any]:
        return waiting.pop(0) if waiting else await asyncio.get_running_loop().create_future()

    async def send(message: Any) -> None:
        sent.append(message)

    async with asyncio.timeout(DEADLINE):
        await app(scope, receive, send)
    return sent


Start = Callable[..., Awaitable[Gateway]]


@pytest.fixture(params=[*Server], ids=lambda one: one.name.lower())
async def start(backend: Backend, request: pytest.FixtureRequest) -> AsyncIterator[Start]:
    """Starts gateways in front of the backend, on the given terms."""
    async with AsyncExitStack() as stack:

        async def start(*, port: int = 0, prefix: str = "", **terms: Any) -> Gateway:
            origin = Origin(Scheme.HTTP, "127.0.0.1", port or backend.port, prefix)
            return await stack.enter_async_context(serving(Upstream(origin, Terms(**terms)), request.param))

        yield start


@pytest.fixture
async def gateway(start: Start) -> Gateway:
    """A gateway on the usual terms."""
    return await start()
