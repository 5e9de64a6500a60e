"""The client's side of the wire: what is sent is what the test wrote, and what comes back is read strictly.

A reader that forgives would not see what these suites look for, so anything but a plain HTTP/1.1 answer fails the test.
"""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

# No test waits this long for anything that happens.
DEADLINE = 10.0
_STATUS_LINE = re.compile(rb"HTTP/1\.1 ([1-5][0-9]{2}) [^\r\n]*")
_WITHOUT_BODY = (204, 304)


@dataclass(frozen=True)
class Answer:
    """One answer as it stood on the wire; names of fields in lower case."""

    status: int
    fields: tuple[tuple[str, str], ...]
    body: bytes = b""

    def values(self, name: str) -> list[str]:
        return [value for found, value in self.fields if found == name]

    @property
    def is_last(self) -> bool:
        """Whether it says that nothing more comes on its connection."""
        return self.values("connection") == ["close"]


class Client:
    """One connection to the gateway."""

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

    async def ask(self, *pieces: bytes, to_head: bool = False) -> Answer:
        """Send, and read the next answer."""
        await self.send(*pieces)
        return await self.answer(to_head=to_head)

    async def answer(self, *, to_head: bool = False) -> Answer:
        """The next answer, interim ones included. Raises `IncompleteReadError` where it is cut."""
        async with asyncio.timeout(DEADLINE):
            head = await self.reader.readuntil(b"\r\n\r\n")
            first, *lines = head[:-4].split(b"\r\n")
            found = _STATUS_LINE.fullmatch(first)
            assert found is not None, head
            answer = Answer(int(found[1]), tuple(_field(line) for line in lines))
            if to_head or answer.status in _WITHOUT_BODY or answer.status < 200:
                return answer
            return Answer(answer.status, answer.fields, await self._body(answer))

    async def _body(self, answer: Answer) -> bytes:
        lengths, codings = answer.values("content-length"), answer.values("transfer-encoding")
        if lengths:
            assert (len(lengths), codings) == (1, []), answer
            return await self.reader.readexactly(int(lengths[0]))
        if codings:
            assert codings == ["chunked"], answer
            return await self._chunks()
        return await self.reader.read()

    async def _chunks(self) -> bytes:
        body = b""
        while size := int(await self.reader.readuntil(b"\r\n"), 16):
            body += (await self.reader.readexactly(size + 2))[:-2]
        assert await self.reader.readexactly(2) == b"\r\n"
        return body

    async def rest(self) -> bytes:
        """Everything until the gateway closes. A reset is an error: something may have been lost."""
        async with asyncio.timeout(DEADLINE):
            return await self.reader.read()

    async def is_silent_for(self, seconds: float) -> bool:
        """Whether the gateway neither says anything nor closes for so long."""
        try:
            async with asyncio.timeout(seconds):
                await self.reader.read(1)
        except TimeoutError:
            return True
        return False

    def leave(self) -> None:
        """End the connection without a word."""
        self.writer.transport.abort()


def _field(line: bytes) -> tuple[str, str]:
    name, colon, value = line.decode("latin-1").partition(":")
    assert colon, line
    return name.lower(), value.strip(" \t")


@asynccontextmanager
async def connected(port: int) -> AsyncIterator[Client]:
    """A client of its own connection, which ends with the block."""
    client = Client(*await asyncio.open_connection("127.0.0.1", port))
    try:
        yield client
    finally:
        client.leave()
        with suppress(ConnectionError):
            await client.writer.wait_closed()


async def exchanged(port: int, *pieces: bytes) -> bytes:
    """Send these bytes on a connection of their own; everything that comes back until the gateway closes it."""
    async with connected(port) as client:
        await client.send(*pieces)
        return await client.rest()


def request(
    target: str = "/", *fields: str, method: str = "GET", body: bytes = b"", host: str | None = "gw.test"
) -> bytes:
    """A request with a Host field, a length where there is a body, and whatever else is given."""
    named = [f"Host: {host}"] if host is not None else []
    length = [f"Content-Length: {len(body)}"] if body else []
    return "\r\n".join([f"{method} {target} HTTP/1.1", *named, *length, *fields, "", ""]).encode("latin-1") + body


def statuses(answers: bytes) -> list[int]:
    """The statuses of all answers in these bytes."""
    return [int(part[:3]) for part in answers.split(b"HTTP/1.1 ")[1:]]
