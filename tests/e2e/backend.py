"""An API that plays what it is told to, and remembers every byte of every connection.

It reads requests strictly and in their own framing: where a gateway let one request become the body of another, or
bytes of one call get in front of another's, that is what this API sees, and what its answers show. Each answer repeats
the method, the target and the X-Token of the request it answers, so that any bytes of somebody else's are known.
"""

import asyncio
import os
import re
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

from tests.e2e.installation import Seen

_REQUEST_LINE = re.compile(r"([A-Z-]+) (/\S*) HTTP/1\.1")


@dataclass
class Link:
    """One connection, as the API sees it."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    number: int
    heard: list[Seen]
    heads: list[Seen] = field(default_factory=list)
    received: bytearray = field(default_factory=bytearray)
    is_over: bool = False
    is_ended: bool = False

    async def head(self) -> Seen:
        """The next head; the body is not read yet."""
        data = await self._kept(self.reader.readuntil(b"\r\n\r\n"))
        first, *lines = data[:-4].decode("latin-1").split("\r\n")
        found = _REQUEST_LINE.fullmatch(first)
        assert found is not None, data
        pairs = [line.partition(":") for line in lines]
        seen = Seen(found[1], found[2], tuple((name.lower(), value.strip()) for name, _, value in pairs), b"")
        self.heads.append(seen)
        return seen

    async def request(self) -> Seen:
        """The next request, whole."""
        head = await self.head()
        seen = Seen(head.method, head.target, head.headers, await self.body(head))
        self.heard.append(seen)
        return seen

    async def body(self, head: Seen) -> bytes:
        """The body that belongs to a head."""
        if head.values("transfer-encoding"):
            return await self._chunks()
        lengths = head.values("content-length")
        return await self._kept(self.reader.readexactly(int(lengths[0]))) if lengths else b""

    async def _chunks(self) -> bytes:
        body = b""
        while size := int(await self._kept(self.reader.readuntil(b"\r\n")), 16):
            body += (await self._kept(self.reader.readexactly(size + 2)))[:-2]
        while await self._kept(self.reader.readuntil(b"\r\n")) != b"\r\n":
            pass
        return body

    async def _kept(self, reading: Awaitable[bytes]) -> bytes:
        try:
            data = await reading
        except asyncio.IncompleteReadError as error:
            self.received += error.partial
            raise
        self.received += data
        return data

    async def send(self, *pieces: bytes) -> None:
        for piece in pieces:
            if self.is_ended:
                raise ConnectionAbortedError
            self.writer.write(piece)
            await self.writer.drain()
            await asyncio.sleep(0)

    def end(self) -> None:
        """Say that nothing more comes."""
        self.is_ended = True
        if not self.is_over:
            with suppress(OSError):  # the other side has left already
                self.writer.write_eof()

    async def gone(self) -> None:
        """Wait until the gateway has closed the connection."""
        with suppress(ConnectionError):
            while data := await self.reader.read(65_536):
                self.received += data

    def reset(self) -> None:
        """End with RST in place of FIN."""
        with socket.socket(fileno=os.dup(self.writer.get_extra_info("socket").fileno())) as twin:
            twin.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()


Play = Callable[[Link], Awaitable[None]]


def echo(seen: Seen, *fields: str, status: str = "200 OK") -> bytes:
    """The answer that only this request can have."""
    body = word(seen.method, seen.target, *seen.values("x-token"))
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *fields, "", ""]
    return "\r\n".join(lines).encode("latin-1") + (b"" if seen.method == "HEAD" else body)


def word(method: str, target: str, token: str = "") -> bytes:
    """What an answer to this request says."""
    return f"{method} {target} {token}".encode("latin-1")


async def honest(link: Link) -> None:
    """Answers every request."""
    while True:
        await link.send(echo(await link.request()))


@dataclass
class Backend:
    """`play` is what the API does on each connection; when it returns, the connection is closed."""

    play: Play = honest
    links: list[Link] = field(default_factory=list)
    seen: list[Seen] = field(default_factory=list)
    port: int = 0

    def __post_init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()
        self._faults: list[BaseException] = []

    @property
    def targets(self) -> list[str]:
        """What was asked of the API in whole requests."""
        return [f"{seen.method} {seen.target}" for seen in self.seen]

    @property
    def heads(self) -> list[Seen]:
        """Every head, of whole requests and of those that broke off."""
        return [head for link in self.links for head in link.heads]

    @property
    def received(self) -> bytes:
        """Every byte that came, connection by connection."""
        return b"".join(bytes(link.received) for link in self.links)

    @property
    def open_links(self) -> int:
        return sum(not link.is_over for link in self.links)

    async def renew(self, play: Play = honest) -> None:
        """Begin anew, with a new play, no connection and no memory. Returns when the gateway has closed its side."""
        for link in self.links:
            link.end()
        if self._tasks:
            await asyncio.wait(tuple(self._tasks), timeout=1)
        await self._cancel()
        self.links.clear()
        self.seen.clear()
        self.play = play

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        link = Link(reader, writer, len(self.links), self.seen)
        self.links.append(link)
        try:
            await self._serve(link)
        finally:
            link.is_over = True
            self._tasks.discard(task)
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()

    async def _serve(self, link: Link) -> None:
        try:
            await self.play(link)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        except Exception as fault:  # noqa: BLE001 - told to the test, in whose task nobody waits for this
            self._faults.append(fault)

    async def stop(self) -> None:
        """End every connection. Raises what no request that a gateway lets through can cause."""
        await self._cancel()
        if self._faults:
            raise self._faults[0]

    async def _cancel(self) -> None:
        for task in tuple(self._tasks):
            task.cancel()
        if self._tasks:
            await asyncio.wait(tuple(self._tasks))


@asynccontextmanager
async def backend(play: Play = honest) -> AsyncIterator[Backend]:
    """An API on a free port."""
    running = Backend(play)
    server = await asyncio.start_server(running.accept, "127.0.0.1", 0, limit=1 << 20, backlog=4096)
    running.port = server.sockets[0].getsockname()[1]
    try:
        yield running
    finally:
        server.close()
        await running.stop()
        await server.wait_closed()
