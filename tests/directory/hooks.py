"""An operator's own system on a socket: it knows people and passwords, and believes only questions that are signed."""

import asyncio
import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

SECRET = b"a secret of forty characters, or about it"

# Standard Webhooks: receivers refuse what is more than five minutes off.
_TOLERANCE = 300


@dataclass(frozen=True)
class Question:
    """One request: method, target, fields by lower-case name, body."""

    method: str
    target: str
    fields: dict[str, str]
    body: bytes

    @property
    def asked(self) -> dict[str, str]:
        """The parameters of a GET."""
        return {name: value for name, [value] in parse_qs(urlsplit(self.target).query).items()}

    @property
    def document(self) -> dict[str, Any]:
        read: dict[str, Any] = json.loads(self.body)
        return read

    def is_signed(self, secret: bytes, *, now: float) -> bool:
        """Checked as a receiver has to: over the bytes that arrived, and in time."""
        unique, sent = self.fields.get("webhook-id", ""), self.fields.get("webhook-timestamp", "")
        content = self.body if self.method == "POST" else f"{self.method} {self.target}".encode()
        mac = hmac.new(secret, f"{unique}.{sent}.".encode() + content, hashlib.sha256).digest()
        is_right = self.fields.get("webhook-signature") == f"v1,{base64.b64encode(mac).decode()}"
        return is_right and len(unique) == 32 and abs(int(sent) - now) < _TOLERANCE


@dataclass(frozen=True)
class Reply:
    """An answer; a status of 0 hangs up instead."""

    status: int = 200
    body: bytes = b""
    headers: str = ""

    def as_bytes(self) -> bytes:
        head = f"HTTP/1.1 {self.status} Whatever\r\ncontent-type: application/json\r\n{self.headers}"
        return f"{head}content-length: {len(self.body)}\r\n\r\n".encode() + self.body


def says(**said: object) -> Reply:
    return Reply(body=json.dumps(said).encode())


NOBODY = Reply(404)
HANG_UP = Reply(0)


@dataclass
class System:
    """Answers what `answer` says to signed questions, and 403 to all others. `held` holds answers back until set."""

    answer: Callable[[Question], Reply] = lambda _: NOBODY
    secret: bytes = SECRET
    now: Callable[[], float] = time.time
    questions: list[Question] = field(default_factory=list)
    forged: list[Question] = field(default_factory=list)
    connections: int = 0
    held: asyncio.Event | None = None
    arrived: asyncio.Event = field(default_factory=asyncio.Event)
    port: int = 0
    _listener: asyncio.Server | None = None
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)
    _writers: set[asyncio.StreamWriter] = field(default_factory=set)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/people"

    async def start(self) -> None:
        self._listener = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._listener.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        if self._listener is not None:
            self._listener.close()
        if self.held is not None:
            self.held.set()
        self.drop()
        await asyncio.gather(*self._tasks)

    def drop(self) -> None:
        """Break every connection."""
        for writer in self._writers:
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self._writers.add(writer)
        self.connections += 1
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            while await self._converse(reader, writer):
                pass
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()
        self._writers.discard(writer)
        self._tasks.discard(task)

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        line, *lines = head.strip("\r\n").split("\r\n")
        method, target, _ = line.split(" ")
        fields = {name.lower(): value.strip() for name, _, value in (entry.partition(":") for entry in lines)}
        body = await reader.readexactly(int(fields.get("content-length", 0)))
        question = Question(method, target, fields, body)
        if not question.is_signed(self.secret, now=self.now()):
            self.forged.append(question)
            return await self._reply(writer, Reply(403))
        self.questions.append(question)
        self.arrived.set()
        if self.held is not None:
            await self.held.wait()
        return await self._reply(writer, self.answer(question))

    async def _reply(self, writer: asyncio.StreamWriter, reply: Reply) -> bool:
        if not reply.status:
            writer.transport.abort()
            return False
        writer.write(reply.as_bytes())
        await writer.drain()
        return True
