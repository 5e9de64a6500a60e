import asyncio
from typing import Any

import pytest

from mfa_gateway.doors.upstream.fields import Field
from tests.doors.upstream.conftest import (
    OK,
    Backend,
    Client,
    Gateway,
    Link,
    Start,
    answering,
    call,
    http_scope,
    is_steady,
    until,
)

POST = b"POST /upload HTTP/1.1\r\nHost: api.test\r\n"
SIZED = POST + b"Content-Length: 10\r\n\r\n"
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"


class Recorder:
    """Reads a sized or chunked request to its end, keeps the bytes, and answers."""

    def __init__(self, end: bytes) -> None:
        self.end = end
        self.received = b""

    async def __call__(self, link: Link) -> None:
        await link.head()
        self.received = await link.reader.readuntil(self.end)
        await link.send(OK)
        await link.head()


# --- Framing ----------------------------------------------------------------------------------


async def test_a_sized_body_goes_up_as_it_is(gateway: Gateway, backend: Backend) -> None:
    backend.play = recorder = Recorder(b"789")
    assert (await gateway.ask(SIZED + b"0123456789")).body == b"ok"
    assert recorder.received == b"0123456789"
    assert b"\r\ncontent-length: 10\r\n" in backend.heads[0]
    assert gateway.idle == 1


async def test_a_body_may_come_in_pieces(gateway: Gateway, backend: Backend) -> None:
    backend.play = recorder = Recorder(b"789")
    client = await gateway.client()
    for piece in (SIZED, b"0123", b"456", b"789"):
        await client.send(piece)
        await asyncio.sleep(0)
    assert (await client.answer()).body == b"ok"
    assert recorder.received == b"0123456789"
    assert gateway.idle == 1


async def test_chunks_go_up_as_chunks(gateway: Gateway, backend: Backend) -> None:
    backend.play = recorder = Recorder(b"0\r\n\r\n")
    assert (await gateway.ask(CHUNKED + b"3;x=y\r\nabc\r\n2\r\nde\r\n0\r\n\r\n")).body == b"ok"
    assert recorder.received == b"5\r\nabcde\r\n0\r\n\r\n"
    assert b"\r\ntransfer-encoding: chunked\r\n" in backend.heads[0]
    assert b"content-length" not in backend.heads[0]
    assert gateway.idle == 1


async def test_no_chunks_at_all_are_an_empty_body(gateway: Gateway, backend: Backend) -> None:
    backend.play = recorder = Recorder(b"0\r\n\r\n")
    assert (await gateway.ask(CHUNKED + b"0\r\n\r\n")).body == b"ok"
    assert recorder.received == b"0\r\n\r\n"


async def test_a_get_may_have_a_body(gateway: Gateway, backend: Backend) -> None:
    backend.play = recorder = Recorder(b"789")
    await gateway.ask(b"GET / HTTP/1.1\r\nHost: api.test\r\nContent-Length: 10\r\n\r\n0123456789")
    assert recorder.received == b"0123456789"


@pytest.mark.parametrize("fields", [(), ((b"content-length", b"0"),)])
async def test_a_request_without_a_body_does_not_wait_for_one(gateway: Gateway, fields: tuple[Field, ...]) -> None:
    """Nothing is ever received here; with a `receive` before the request, this would not end."""
    start, *_ = await call(gateway.app, http_scope(*fields))
    assert start["status"] == 200


async def test_expect_is_answered_by_the_gateway_and_not_forwarded(gateway: Gateway, backend: Backend) -> None:
    backend.play = recorder = Recorder(b"789")
    client = await gateway.client()
    await client.send(POST + b"Expect: 100-continue\r\nContent-Length: 10\r\n\r\n")
    assert await client.reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
    await client.send(b"0123456789")
    assert (await client.answer()).status == 200
    assert recorder.received == b"0123456789"
    assert b"expect" not in backend.heads[0].lower()


async def test_the_head_goes_up_alone_when_the_body_is_long_in_coming(gateway: Gateway, backend: Backend) -> None:
    backend.play = answering(b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\n\r\nno")
    assert (await gateway.ask(SIZED)).status == 401


# --- Bodies that are not what they were announced to be ---------------------------------------


async def test_s01_an_upgrade_with_a_body_sends_nothing_upstream(gateway: Gateway, backend: Backend) -> None:
    client = await gateway.client()
    answer = await client.ask(POST + b"Connection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: 60\r\n\r\n")
    assert answer.status == 400
    assert answer.values(b"connection") == [b"close"]
    assert backend.links == []


@pytest.mark.parametrize(
    "bodies",
    [
        [(b"", False)],
        [(b"012345678", False)],
        [(b"0123456789x", False)],
        [(b"0123456789x", True)],
    ],
)
async def test_a_body_of_the_wrong_length_sends_nothing_upstream(
    gateway: Gateway, backend: Backend, bodies: list[tuple[bytes, bool]]
) -> None:
    sent = await call(gateway.app, sized_scope(), *messages(*bodies))
    assert sent[0]["status"] == 400
    assert backend.heads == []
    assert gateway.idle == 0


@pytest.mark.parametrize("rest", [(b"", False), (b"45678", False), (b"456789x", True)])
async def test_a_body_that_turns_out_wrong_ends_its_connection(
    gateway: Gateway, backend: Backend, rest: tuple[bytes, bool]
) -> None:
    sent = await call(gateway.app, sized_scope(), *messages((b"0123", True), rest))
    assert sent[0]["status"] == 400
    await until(lambda: backend.open_links == 0)
    assert gateway.idle == 0


async def test_the_next_request_never_becomes_the_rest_of_a_body(gateway: Gateway, backend: Backend) -> None:
    seen = []

    async def play(link: Link) -> None:
        seen.append(await link.to_end())

    backend.play = play
    short = await gateway.client()
    await short.send(SIZED + b"0123")
    await until(lambda: len(backend.links) == 1)
    short.drop()
    await until(lambda: len(seen) == 1)
    assert seen[0].endswith(b"\r\n\r\n0123")
    backend.play = answering(OK)
    assert (await gateway.ask()).body == b"ok"
    assert backend.heads[0].startswith(b"GET / HTTP/1.1\r\n")
    assert len(backend.links) == 2


async def test_a_client_that_leaves_its_upload_ends_it_at_once(gateway: Gateway, backend: Backend) -> None:
    client = await gateway.client()
    backend.play = Recorder(b"never")
    await client.send(CHUNKED + b"3\r\nabc\r\n")
    await until(lambda: len(backend.heads) == 1)
    client.drop()
    await until(lambda: backend.open_links == 0)
    assert gateway.idle == 0


async def test_a_server_that_breaks_in_receive_does_not_leave_the_call_waiting(
    gateway: Gateway, backend: Backend
) -> None:
    async def receive() -> Any:
        raise RuntimeError("broken server")

    async def send(message: Any) -> None:
        raise AssertionError(message)

    with pytest.raises(RuntimeError, match="broken server"):
        await gateway.app(sized_scope(), receive, send)
    await until(lambda: backend.open_links == 0)


# --- Back-pressure ----------------------------------------------------------------------------


class Pouring:
    """A client that sends as much as it can."""

    def __init__(self, client: Client) -> None:
        self.sent = 0
        self._client = client
        self._task = asyncio.create_task(self._pour(b"x" * 65_536))

    async def _pour(self, piece: bytes) -> None:
        await self._client.send(POST + b"Content-Length: 1000000000\r\n\r\n")
        while True:
            await self._client.send(piece)
            self.sent += len(piece)

    async def stop(self) -> None:
        self._task.cancel()
        await asyncio.wait((self._task,))


async def never_reading(link: Link) -> None:
    link.pause_reading()
    await asyncio.get_running_loop().create_future()


async def test_a_slow_upstream_stalls_the_uploader(gateway: Gateway, backend: Backend) -> None:
    backend.play = never_reading
    pouring = Pouring(await gateway.client())
    assert await is_steady(lambda: pouring.sent)
    assert 0 < pouring.sent < 32 * 1024 * 1024
    await pouring.stop()


async def test_an_upstream_that_stops_taking_the_body_is_a_504(start: Start, backend: Backend) -> None:
    backend.play = never_reading
    gateway = await start(body_idle=0.2)
    client = await gateway.client()
    pouring = Pouring(client)
    answer = await client.answer()
    assert answer.status == 504
    assert answer.values(b"connection") == [b"close"]
    await pouring.stop()


def sized_scope() -> dict[str, Any]:
    return http_scope((b"content-length", b"10"), method="POST")


def messages(*bodies: tuple[bytes, bool]) -> list[dict[str, Any]]:
    return [{"type": "http.request", "body": body, "more_body": more} for body, more in bodies]
