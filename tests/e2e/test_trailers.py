"""Trailers through a whole gateway: a client that asks for them gets them, and nobody is hurt by them otherwise."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import cast

import pytest

from tests.e2e.installation import Installation

pytestmark = pytest.mark.processes

Installed = tuple[Installation, list[bytes]]

CHUNKS = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n"
TRAILERS = b"Server-Timing: db;dur=3\r\nSet-Cookie: a=b\r\n\r\n"


class Api(asyncio.Protocol):
    """An API that sends fields behind its body, and keeps the heads that it was sent."""

    def __init__(self, heads: list[bytes]) -> None:
        self._heads = heads

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._heads.append(data.lower())
        self._transport.write(CHUNKS + TRAILERS)


@pytest.fixture
async def installed(tmp_path: Path) -> AsyncIterator[Installed]:
    heads: list[bytes] = []
    async with Installation(tmp_path, store="memory://") as installation:
        await installation.api.stop()
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: Api(heads), "127.0.0.1", installation.api.port)
        async with server:
            await installation.start()
            yield installation, heads
            await installation.stop()


async def answers(installation: Installation, *fields: bytes, times: int = 1) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", installation.port)
    request = b"\r\n".join([b"GET /open HTTP/1.1", b"Host: shop.test", *fields, b"", b""])
    received = b""
    async with asyncio.timeout(10):
        for _ in range(times):
            writer.write(request)
            received += await reader.readuntil(b"0\r\n")
            received += await reader.readuntil(b"\r\n") if not fields else await reader.readuntil(b"\r\n\r\n")
    writer.close()
    await writer.wait_closed()
    return received


async def test_a_client_that_asks_for_trailers_gets_those_that_are_the_applications_own(
    installed: Installed,
) -> None:
    installation, heads = installed
    received = await answers(installation, b"TE: trailers", b"Connection: TE", times=2)
    assert received.count(b"5\r\nhello\r\n0\r\nserver-timing: db;dur=3\r\n\r\n") == 2
    assert b"set-cookie" not in received
    assert all(b"\r\nte: trailers\r\n" in head and b"\r\nconnection: te\r\n" in head for head in heads)


async def test_other_clients_get_the_body_alone(installed: Installed) -> None:
    installation, heads = installed
    received = await answers(installation, times=2)
    assert received.count(b"5\r\nhello\r\n0\r\n\r\n") == 2
    assert b"server-timing" not in received
    assert not any(b"\r\nte:" in head for head in heads)
