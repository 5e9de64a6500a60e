"""The gateway's server on a real socket, applications that remember, and clients that see every byte."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Final

import uvicorn

from mfa_gateway.doors.asgi import ASGIApp, Message, Receive, Scope, Send
from mfa_gateway.doors.protocol import StrictProtocol
from mfa_gateway.doors.server import ServerTerms, make_server

# No test waits this long for anything that happens.
DEADLINE: Final = 5.0

Handler = Callable[[Scope, Receive, Send], Awaitable[None]]


async def until(condition: Callable[[], bool]) -> None:
    """Let everybody else run until the condition holds."""
    async with asyncio.timeout(DEADLINE):
        while not condition():  # noqa: ASYNC110 - conditions come from anywhere, not from one event
            await asyncio.sleep(0)


# --- Applications -----------------------------------------------------------------------------


async def live(receive: Receive, send: Send) -> None:
    """A lifespan in which nothing happens."""
    await receive()
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await send({"type": "lifespan.shutdown.complete"})


def application(handler: Handler) -> ASGIApp:
    """An application of one handler for every request."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await (live(receive, send) if scope["type"] == "lifespan" else handler(scope, receive, send))

    return app


async def reply(send: Send, body: bytes = b"ok", *, status: int = 200) -> None:
    """A whole answer."""
    await send({"type": "http.response.start", "status": status, "headers": [(b"content-length", b"%d" % len(body))]})
    await send({"type": "http.response.body", "body": body})


@dataclass
class Seen:
    """One request as the application saw it, when it was over."""

    scope: Scope
    body: bytes = b""
    was_cut: bool = False

    @property
    def target(self) -> str:
        return f"{self.scope['method']} {self.scope['raw_path'].decode()}"

    def values(self, name: bytes) -> list[bytes]:
        return [value for found, value in self.scope["headers"] if found == name]


@dataclass
class Recorder:
    """An application that reads each request to its end, remembers it, and answers with its body."""

    seen: list[Seen] = field(default_factory=list)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await live(receive, send)
            return
        seen = Seen(scope)
        self.seen.append(seen)
        more = True
        while more:
            message: Message = await receive()
            if message["type"] == "http.disconnect":
                seen.was_cut = True
                return
            seen.body += message["body"]
            more = message["more_body"]
        await reply(send, seen.body)

    @property
    def targets(self) -> list[str]:
        return [seen.target for seen in self.seen]


# --- The server -------------------------------------------------------------------------------


@dataclass
class Listening:
    """A server that listens."""

    port: int
    server: uvicorn.Server
    clients: list["Client"] = field(default_factory=list)

    async def connect(self) -> "Client":
        """A client of its own connection."""
        client = Client(*await asyncio.open_connection("127.0.0.1", self.port))
        self.clients.append(client)
        return client

    async def ask(self, *pieces: bytes) -> bytes:
        """Send these bytes on a connection of their own; everything that comes back until it is closed."""
        client = await self.connect()
        await client.send(*pieces)
        return await client.rest()

    @property
    def connections(self) -> list[StrictProtocol]:
        """The server's side of the connections that are open."""
        return [found for found in self.server.server_state.connections if isinstance(found, StrictProtocol)]

    async def end(self) -> None:
        """Cut everything that is left."""
        for client in self.clients:
            client.writer.transport.abort()
        for listener in self.server.servers:
            listener.close()
        for connection in self.connections:
            connection._wire.abort()
        await until(lambda: not self.connections)
        for task in list(self.server.server_state.tasks):
            task.cancel()
        await until(lambda: not self.server.server_state.tasks)
        await self.server.lifespan.shutdown()


@asynccontextmanager
async def listening(app: ASGIApp, terms: ServerTerms) -> AsyncIterator[Listening]:
    """What `make_server` gives, listening on a free port. Its main loop is left out: it only waits for signals."""
    server = make_server(app, host="127.0.0.1", port=0, terms=terms)
    server.config.load()
    server.lifespan = server.config.lifespan_class(server.config)
    await server.startup()
    served = Listening(server.servers[0].sockets[0].getsockname()[1], server)
    try:
        yield served
    finally:
        await served.end()


# --- Clients ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Answer:
    """One answer as it stood on the wire."""

    status: int
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes

    def values(self, name: bytes) -> list[bytes]:
        return [value for found, value in self.headers if found == name]


class Client:
    """One raw connection to the server."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def send(self, *pieces: bytes) -> None:
        """Send each piece in a packet of its own, as far as the kernel lets us say so."""
        async with asyncio.timeout(DEADLINE):
            for piece in pieces:
                self.writer.write(piece)
                await self.writer.drain()
                await asyncio.sleep(0)

    async def answer(self, *, to_head: bool = False) -> Answer:
        """The next answer, whole."""
        async with asyncio.timeout(DEADLINE):
            head = await self.reader.readuntil(b"\r\n\r\n")
            status_line, *lines = head[:-4].split(b"\r\n")
            headers = tuple(
                (name.lower(), value.strip()) for name, _, value in (line.partition(b":") for line in lines)
            )
            length = int(dict(headers).get(b"content-length", b"0"))
            body = b"" if to_head else await self.reader.readexactly(length)
            return Answer(int(status_line.split()[1]), headers, body)

    async def rest(self) -> bytes:
        """Everything until the server closes. A reset is an error: something may have been lost."""
        async with asyncio.timeout(DEADLINE):
            return await self.reader.read()

    async def is_open_for(self, seconds: float) -> bool:
        """Whether the server neither says anything nor closes for so long."""
        try:
            async with asyncio.timeout(seconds):
                await self.reader.read(1)
        except TimeoutError:
            return True
        return False

    async def end(self) -> None:
        """Leave."""
        self.writer.close()
        with suppress(OSError):
            await self.writer.wait_closed()


def request(target: str = "/", *fields: str, method: str = "GET", body: bytes = b"", host: str = "gw.test") -> bytes:
    """A request with a Host field, a length where there is a body, and whatever else is given."""
    length = [f"Content-Length: {len(body)}"] if body else []
    lines = [f"{method} {target} HTTP/1.1", f"Host: {host}", *length, *fields, "", ""]
    return "\r\n".join(lines).encode("latin-1") + body
