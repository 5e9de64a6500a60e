import asyncio
from typing import Any

import pytest

from tests.doors.upstream.conftest import (
    DEADLINE,
    GET,
    OK,
    Backend,
    Gateway,
    Link,
    answering,
    call,
    happens,
    http_scope,
    until,
    work_of,
)

POST = b"POST /upload HTTP/1.1\r\nHost: api.test\r\n"
STREAM = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"


async def waiting(link: Link) -> None:
    """Takes a request and never answers."""
    await link.head()
    await link.to_end()


# --- Streaming --------------------------------------------------------------------------------


async def test_a_head_goes_down_before_its_body_comes(gateway: Gateway, backend: Backend) -> None:
    async def play(link: Link) -> None:
        await link.head()
        await link.send(STREAM)
        await link.to_end()

    backend.play = play
    client = await gateway.client()
    await client.send(GET)
    assert await happens(client.reader.readuntil(b"\r\n\r\n"), within=1)


async def test_a_server_that_keeps_the_head_back_is_told_to_send_it(gateway: Gateway, backend: Backend) -> None:
    """The ASGI specification lets servers wait for the first body message; an empty one is enough."""

    async def play(link: Link) -> None:
        await link.head()
        await link.send(STREAM)
        await heard.wait()
        await link.send(b"0\r\n\r\n")

    heard = asyncio.Event()
    backend.play = play
    sent: list[Any] = []

    async def receive() -> Any:
        await asyncio.get_running_loop().create_future()

    async def send(message: Any) -> None:
        sent.append(message)
        if len(sent) == 2:
            heard.set()

    async with asyncio.timeout(DEADLINE):
        await gateway.app(http_scope(), receive, send)
    assert sent[1] == {"type": "http.response.body", "body": b"", "more_body": True}


async def test_events_go_down_one_by_one(gateway: Gateway, backend: Backend) -> None:
    turn = asyncio.Queue[bytes]()

    async def play(link: Link) -> None:
        await link.head()
        await link.send(STREAM)
        while event := await turn.get():
            await link.send(b"%x\r\n%b\r\n" % (len(event), event))
        await link.send(b"0\r\n\r\n")
        await link.head()

    backend.play = play
    client = await gateway.client()
    await client.send(GET)
    await client.reader.readuntil(b"\r\n\r\n")
    for event in (b"data: 1\n\n", b"data: 2\n\n"):
        turn.put_nowait(event)
        assert await happens(client.reader.readuntil(event + b"\r\n"), within=1)
    turn.put_nowait(b"")
    assert await happens(client.reader.readuntil(b"0\r\n\r\n"), within=1)
    assert gateway.idle == 1


async def test_a_call_without_a_body_is_at_most_one_task(gateway: Gateway, backend: Backend) -> None:
    names: set[str] = set()

    async def play(link: Link) -> None:
        await link.head()
        names.update(map(work_of, asyncio.all_tasks()))
        await link.send(OK)
        await link.head()

    backend.play = play
    await gateway.ask()
    assert len(names & {"RequestResponseCycle.run_asgi", "Cycle._see_to"}) == 1
    assert not {name for name in names if name.startswith(("Upload", "Exchange", "Connection", "Pool"))}


# --- Early answers ----------------------------------------------------------------------------


async def test_an_early_refusal_is_forwarded_and_ends_the_upload(gateway: Gateway, backend: Backend) -> None:
    async def play(link: Link) -> None:
        await link.head()
        await link.send(b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 3\r\n\r\nno!")
        await link.to_end()

    backend.play = play
    client = await gateway.client()
    await client.send(POST + b"Content-Length: 1000000\r\n\r\n" + b"x" * 1000)
    answer = await client.answer()
    assert (answer.status, answer.body) == (413, b"no!")
    assert answer.values(b"connection") == [b"close"]
    await until(lambda: backend.open_links == 0)
    assert gateway.idle == 0


async def test_an_early_refusal_is_not_lost_when_the_upstream_closes_at_once(
    gateway: Gateway, backend: Backend
) -> None:
    async def play(link: Link) -> None:
        await link.head()
        await link.send(b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 3\r\nConnection: close\r\n\r\nno!")

    backend.play = play
    client = await gateway.client()
    await client.send(POST + b"Content-Length: 1000000\r\n\r\n" + b"x" * 1000)
    assert (await client.answer()).body == b"no!"


async def test_nothing_goes_up_after_an_early_refusal(gateway: Gateway, backend: Backend) -> None:
    more = asyncio.Event()
    seen: list[bool] = []

    async def play(link: Link) -> None:
        await link.head()
        await link.send(b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 3\r\n\r\n")
        await more.wait()
        seen.append(await happens(link.reader.readuntil(b"y"), within=0.3))
        await link.send(b"no!")

    backend.play = play
    client = await gateway.client()
    await client.send(POST + b"Content-Length: 1000\r\n\r\nx")
    await client.reader.readuntil(b"\r\n\r\n")
    await client.send(b"y")
    more.set()
    assert await client.reader.readexactly(3) == b"no!"
    assert seen == [False]


async def test_an_upstream_may_answer_while_it_reads(gateway: Gateway, backend: Backend) -> None:
    size = 3_000_000

    async def play(link: Link) -> None:
        await link.head()
        await link.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size)
        while data := await link.reader.read(65_536):
            await link.send(data)

    backend.play = play
    client = await gateway.client()
    sending = asyncio.create_task(client.send(POST + b"Content-Length: %d\r\n\r\n" % size + b"e" * size))
    answer = await client.answer()
    await sending
    assert answer.body == b"e" * size
    assert answer.values(b"connection") == [b"close"]


async def test_an_answer_that_ends_before_the_upload_ends_both(gateway: Gateway, backend: Backend) -> None:
    backend.play = answering(OK)
    client = await gateway.client()
    await client.send(POST + b"Content-Length: 1000000\r\n\r\n" + b"x" * 1000)
    assert (await client.answer()).body == b"ok"
    await until(lambda: backend.open_links == 0)
    assert gateway.idle == 0


# --- Clients that leave -----------------------------------------------------------------------


async def test_s08_a_client_that_leaves_before_the_answer_ends_the_upstream_connection(
    gateway: Gateway, backend: Backend
) -> None:
    backend.play = waiting
    client = await gateway.client()
    await client.send(GET)
    await until(lambda: len(backend.heads) == 1)
    client.drop()
    await until(lambda: backend.open_links == 0)
    assert gateway.idle == 0


async def test_s08_a_client_that_leaves_after_its_upload_ends_the_upstream_connection(
    gateway: Gateway, backend: Backend
) -> None:
    async def play(link: Link) -> None:
        await link.head()
        await link.exactly(3)
        await link.to_end()

    backend.play = play
    client = await gateway.client()
    await client.send(POST + b"Content-Length: 3\r\n\r\nabc")
    await until(lambda: len(backend.heads) == 1)
    client.drop()
    await until(lambda: backend.open_links == 0)


async def test_s08_a_client_that_leaves_a_download_ends_the_upstream_connection(
    gateway: Gateway, backend: Backend
) -> None:
    async def play(link: Link) -> None:
        await link.head()
        await link.send(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            await link.send(b"x" * 65_536)

    backend.play = play
    client = await gateway.client()
    await client.send(GET)
    await client.reader.readexactly(100_000)
    client.drop()
    await until(lambda: backend.open_links == 0)
    assert gateway.idle == 0


async def test_s08_a_client_that_leaves_an_early_refusal_ends_the_upstream_connection(
    gateway: Gateway, backend: Backend
) -> None:
    async def play(link: Link) -> None:
        await link.head()
        await link.send(b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 3\r\n\r\n")
        await link.to_end()

    backend.play = play
    client = await gateway.client()
    await client.send(POST + b"Content-Length: 1000\r\n\r\nx")
    await client.reader.readuntil(b"\r\n\r\n")
    client.drop()
    await until(lambda: backend.open_links == 0)


async def test_s08_a_cancelled_call_ends_the_upstream_connection(gateway: Gateway, backend: Backend) -> None:
    backend.play = waiting
    calling = asyncio.create_task(call(gateway.app, http_scope()))
    await until(lambda: len(backend.heads) == 1)
    calling.cancel()
    await asyncio.wait((calling,))
    assert calling.cancelled()
    await until(lambda: backend.open_links == 0)
    assert gateway.idle == 0


async def test_s08_a_cancelled_upload_leaves_no_task_behind(gateway: Gateway, backend: Backend) -> None:
    backend.play = waiting
    before = asyncio.all_tasks()
    scope = http_scope((b"content-length", b"10"), method="POST")
    message: dict[str, Any] = {"type": "http.request", "body": b"01", "more_body": True}
    calling = asyncio.create_task(call(gateway.app, scope, message))
    await until(lambda: len(backend.heads) == 1)
    calling.cancel()
    await asyncio.wait((calling,))
    await until(lambda: backend.open_links == 0)
    await until(lambda: asyncio.all_tasks() <= before)


async def echo_target(link: Link) -> None:
    """Answers with the target that was asked for, in two pieces with a turn of the loop between."""
    while True:
        target = (await link.head()).split()[1]
        body = target * 10
        await link.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body[:7])
        await asyncio.sleep(0)
        await link.send(body[7:])


async def test_s08_two_hundred_clients_that_drop_never_leak_an_answer(gateway: Gateway, backend: Backend) -> None:
    backend.play = echo_target

    async def leave(number: int) -> None:
        client = await gateway.client()
        await client.send(b"GET /leaver-%d HTTP/1.1\r\nHost: api.test\r\n\r\n" % number)
        for _ in range(number % 7):
            await asyncio.sleep(0)
        client.drop()

    async def stay(name: bytes) -> None:
        client = await gateway.client()
        for turn in range(100):
            target = b"/%b-%d" % (name, turn)
            answer = await client.ask(b"GET %b HTTP/1.1\r\nHost: api.test\r\n\r\n" % target)
            assert answer.body == target * 10

    await asyncio.gather(stay(b"a"), stay(b"b"), *(leave(number) for number in range(200)))
    await until(lambda: not gateway.state.tasks)


@pytest.mark.parametrize("pieces", [1, 3])
async def test_a_connection_serves_the_next_call_before_a_slow_client_has_read(
    gateway: Gateway, backend: Backend, pieces: int
) -> None:
    """A send that never ends: the answer is whole, so its connection is free."""
    backend.play = answering(OK)
    stuck = asyncio.Event()

    async def receive() -> Any:
        await asyncio.get_running_loop().create_future()

    async def send(_: Any) -> None:
        stuck.set()
        await asyncio.get_running_loop().create_future()

    slow = asyncio.create_task(gateway.app(http_scope(), receive, send))
    await stuck.wait()
    for _ in range(pieces):
        assert (await gateway.ask()).body == b"ok"
    assert len(backend.links) == 1
    slow.cancel()
    await asyncio.wait((slow,))
