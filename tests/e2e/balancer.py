"""A balancer of a few lines: asks every server's /readyz, and sends each request to one that says yes.

It does what balancers may do (RFC 9110 section 9.2.2 and RFC 9112 section 9.3.1): a request for which no connection
came about goes to the next server. One that was sent is never sent again.
"""

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from typing import Self

import httpx2

from tests.e2e.waiting import pause, until

_ASKED_EVERY = 0.05


@dataclass
class Server:
    """One gateway behind the balancer."""

    port: int
    ops_port: int
    is_ready: bool = False


class Balancer:
    """Listens from entering to leaving. `lost` is what went wrong with requests that were sent."""

    def __init__(self, servers: list[Server]) -> None:
        self.port = 0
        self.lost: list[str] = []
        self._servers = servers
        self._turn = 0
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._client = httpx2.AsyncClient(timeout=5)
        self._watchers = [asyncio.create_task(self._watch(server)) for server in self._servers]
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for watcher in (*self._watchers, *self._tasks):
            watcher.cancel()
        await asyncio.gather(*self._watchers, *self._tasks, return_exceptions=True)
        await self._client.aclose()

    async def ready(self, *servers: Server) -> None:
        """Wait until these are found ready."""
        await until(lambda: all(server.is_ready for server in servers))

    async def _watch(self, server: Server) -> None:
        while True:
            try:
                answer = await self._client.get(f"http://127.0.0.1:{server.ops_port}/readyz")
                server.is_ready = answer.status_code == 200
            except httpx2.HTTPError:
                server.is_ready = False
            await pause(_ASKED_EVERY)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                writer.write(await self._forward(head))
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            self._tasks.discard(task)
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()

    async def _forward(self, head: bytes) -> bytes:
        for server in self._in_turn():
            try:
                reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
            except ConnectionError:
                continue
            try:
                writer.write(head[:-2] + b"connection: close\r\n\r\n")
                answer = await reader.read(-1)
            finally:
                writer.close()
                with suppress(ConnectionError):
                    await writer.wait_closed()
            if answer.startswith(b"HTTP/1.1 "):
                # Connections end here: whether the client keeps its own is none of the server's business.
                return answer.replace(b"connection: close\r\n", b"", 1)
            self.lost.append(repr(answer))
            break
        else:
            self.lost.append("no server")
        return b"HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\n\r\n"

    def _in_turn(self) -> list[Server]:
        ready = [server for server in self._servers if server.is_ready]
        self._turn += 1
        return ready[self._turn % len(ready) :] + ready[: self._turn % len(ready)] if ready else []
