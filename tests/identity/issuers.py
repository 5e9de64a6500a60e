"""An issuer on a socket that is asked about tokens: it keeps every question, and answers as it is told to."""

import asyncio
import json
import ssl
from base64 import b64decode
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from urllib.parse import parse_qs

Answer = Callable[[asyncio.StreamWriter], Awaitable[None]]


@dataclass(frozen=True)
class Question:
    """One request to the endpoint."""

    line: str
    fields: dict[str, str]
    form: dict[str, list[str]]

    @property
    def token(self) -> str:
        [token] = self.form["token"]
        return token

    @property
    def client(self) -> str:
        scheme, _, value = self.fields["authorization"].partition(" ")
        assert scheme == "Basic"
        return b64decode(value).decode()


def says(**said: object) -> Answer:
    return raw(json.dumps({"active": True, "sub": "anna", **said}).encode())


def raw(body: bytes, *, status: str = "200 OK", headers: str = "") -> Answer:
    async def answer(writer: asyncio.StreamWriter) -> None:
        head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n{headers}\r\n"
        writer.write(head.encode() + body)
        await writer.drain()

    return answer


async def hang_up(writer: asyncio.StreamWriter) -> None:
    writer.transport.abort()


@dataclass
class Issuer:
    """Serves the endpoint at `url`. `held` holds all answers back until it is set."""

    answer: Answer = field(default_factory=says)
    questions: list[Question] = field(default_factory=list)
    arrived: asyncio.Event = field(default_factory=asyncio.Event)
    held: asyncio.Event | None = None
    keep_alive: bool = True
    port: int = 0
    scheme: str = "http"
    _listener: asyncio.Server | None = None
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)
    _writers: set[asyncio.StreamWriter] = field(default_factory=set)

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}/introspect"

    async def start(self, tls: ssl.SSLContext | None = None) -> None:
        self._listener = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=tls)
        self.port = self._listener.sockets[0].getsockname()[1]
        self.scheme = "http" if tls is None else "https"

    async def stop(self) -> None:
        if self._listener is not None:
            self._listener.close()
        if self.held is not None:
            self.held.set()
        self.drop_everybody()
        await asyncio.gather(*self._tasks)

    def drop_everybody(self) -> None:
        for writer in self._writers:
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self._writers.add(writer)
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            while True:
                await self._converse(reader, writer)
                if not self.keep_alive:
                    break
        writer.close()
        with suppress(ConnectionError, ssl.SSLError):
            await writer.wait_closed()
        self._writers.discard(writer)
        self._tasks.discard(task)

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        line, *lines = head.strip("\r\n").split("\r\n")
        pairs = (entry.partition(":") for entry in lines)
        fields = {name.lower(): value.strip() for name, _, value in pairs}
        body = await reader.readexactly(int(fields.get("content-length", "0")))
        self.questions.append(Question(line, fields, parse_qs(body.decode("ascii"), strict_parsing=bool(body))))
        self.arrived.set()
        if self.held is not None:
            await self.held.wait()
        await self.answer(writer)
