"""Load: clients that keep asking until they are told to stop, and every request that was not answered well.

A client behaves as a proxy does: it keeps its connection, connects anew where the last answer said so or the
connection ended between two requests, and repeats a request only where nothing at all of an answer came and the
connection had been used before (RFC 9112 section 9.3.1 and 9.3.2: it cannot know better then).
"""

import asyncio
from collections import Counter
from contextlib import suppress
from typing import Self

from tests.e2e.waiting import until


class Load:
    """So many clients, from entering to leaving."""

    def __init__(self, port: int, *, clients: int = 8, target: str = "/open", token: str | None = None) -> None:
        self.answers: Counter[int] = Counter()
        self.lost: list[str] = []
        self.refused = 0
        self.repeated = 0
        self._port = port
        self._clients = clients
        credential = f"authorization: Bearer {token}\r\n" if token else ""
        self._request = f"GET {target} HTTP/1.1\r\nhost: gw.test\r\n{credential}\r\n".encode()
        self._is_over = False
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        self._tasks = [asyncio.create_task(self._client()) for _ in range(self._clients)]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._is_over = True
        await asyncio.gather(*self._tasks)

    @property
    def total(self) -> int:
        return sum(self.answers.values())

    async def more(self, number: int) -> None:
        """Wait until so many more were answered."""
        goal = self.total + number
        await until(lambda: self.total >= goal)

    async def ended(self) -> None:
        """Wait until every client found nobody listening."""
        async with asyncio.timeout(30):
            await asyncio.gather(*self._tasks)

    async def _client(self) -> None:
        while not self._is_over:
            try:
                reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
            except ConnectionError:
                # Nothing was sent, so nothing is lost; a balancer would go to the next server.
                self.refused += 1
                return
            try:
                await self._use(reader, writer)
            finally:
                writer.close()
                with suppress(ConnectionError):
                    await writer.wait_closed()

    async def _use(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        is_fresh = True
        while not self._is_over:
            head = b""
            try:
                writer.write(self._request)
                head = await reader.readuntil(b"\r\n\r\n")
                await _body(reader, head)
            except (ConnectionError, asyncio.IncompleteReadError) as error:
                if head or is_fresh:
                    self.lost.append(f"{error!r} after {head!r}")
                self.repeated += 1
                return
            self.answers[int(head.split(b" ", 2)[1])] += 1
            is_fresh = False
            if b"\r\nconnection: close\r\n" in head.lower():
                return


async def _body(reader: asyncio.StreamReader, head: bytes) -> None:
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            await reader.readexactly(int(line.partition(b":")[2]))
