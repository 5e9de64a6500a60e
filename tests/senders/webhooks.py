"""A service for webhooks on a socket: keeps what is posted to it, and answers, stalls or dies as it is told to."""

import asyncio
import json
import ssl
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

Answer = Callable[[asyncio.StreamWriter], Awaitable[None]]


@dataclass(frozen=True)
class Post:
    """One request: its first line, its fields by lower-case name, and the bytes of its body."""

    line: str
    fields: dict[str, str]
    body: bytes

    @property
    def document(self) -> dict[str, Any]:
        read: dict[str, Any] = json.loads(self.body)
        return read


def replies(status: str = "204 No Content", *lines: str, body: bytes = b"") -> Answer:
    async def answer(writer: asyncio.StreamWriter) -> None:
        head = [f"HTTP/1.1 {status}", *lines, *([f"Content-Length: {len(body)}"] if body else [])]
        writer.write("\r\n".join([*head, "", ""]).encode() + body)
        await writer.drain()

    return answer


async def stall(_: asyncio.StreamWriter) -> None:
    await asyncio.Event().wait()


async def hang_up(writer: asyncio.StreamWriter) -> None:
    writer.transport.abort()


@dataclass
class Service:
    """Reads one request a connection. `greet` comes before anything is read, `answer` after all of it."""

    answer: Answer = field(default_factory=replies)
    greet: Answer | None = None
    posts: list[Post] = field(default_factory=list)
    connections: int = 0
    port: int = 0
    scheme: str = "http"
    gone: asyncio.Event = field(default_factory=asyncio.Event)
    _listener: asyncio.Server | None = None
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)
    _writers: set[asyncio.StreamWriter] = field(default_factory=set)

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}/codes?key=of-its-own"

    async def start(self, tls: ssl.SSLContext | None = None, port: int = 0) -> None:
        self._listener = await asyncio.start_server(self._serve, "127.0.0.1", port, ssl=tls)
        self.port = self._listener.sockets[0].getsockname()[1]
        self.scheme = "http" if tls is None else "https"

    async def stop(self) -> None:
        if self._listener is not None:
            self._listener.close()
        for writer in self._writers:
            writer.transport.abort()
        await asyncio.gather(*self._tasks)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self._writers.add(writer)
        self.connections += 1
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            await self._converse(reader, writer)
        writer.close()
        with suppress(ConnectionError, ssl.SSLError):
            await writer.wait_closed()
        self._writers.discard(writer)
        self._tasks.discard(task)

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.greet is not None:
            await self._until_gone(self.greet(writer), reader)
            return
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        line, *lines = head.strip("\r\n").split("\r\n")
        pairs = (entry.partition(":") for entry in lines)
        fields = {name.lower(): value.strip() for name, _, value in pairs}
        body = await reader.readexactly(int(fields["content-length"]))
        self.posts.append(Post(line, fields, body))
        await self._until_gone(self.answer(writer), reader)

    async def _until_gone(self, answering: Awaitable[None], reader: asyncio.StreamReader) -> None:
        """Answer, or stop answering when the client has left; then say that it has."""
        answer = asyncio.ensure_future(answering)
        leaving = asyncio.ensure_future(_end(reader))
        await asyncio.wait({answer, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if leaving.done():
            self.gone.set()
        for task in (answer, leaving):
            task.cancel()
        await asyncio.gather(answer, leaving, return_exceptions=True)


async def _end(reader: asyncio.StreamReader) -> None:
    with suppress(ConnectionError):
        while await reader.read(65536):
            pass
