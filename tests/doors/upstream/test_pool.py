import asyncio
import socket
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from mfa_gateway.doors.upstream import Failure, ForwardingError, Origin, Terms
from mfa_gateway.doors.upstream.pool import Pool
from tests.doors.upstream.conftest import GET, OK, Backend, Gateway, Link, Start, answering, until

# --- Keeping ----------------------------------------------------------------------------------


async def test_calls_one_after_another_share_a_connection(gateway: Gateway, backend: Backend) -> None:
    for _ in range(20):
        assert (await gateway.ask()).body == b"ok"
    assert len(backend.links) == 1
    assert len(backend.heads) == 20
    assert gateway.idle == 1


async def test_calls_at_the_same_time_have_connections_of_their_own(gateway: Gateway, backend: Backend) -> None:
    everyone = asyncio.Barrier(5)

    async def play(link: Link) -> None:
        while True:
            await link.head()
            await everyone.wait()
            await link.send(OK)

    backend.play = play
    for _ in range(3):
        answers = await asyncio.gather(*(gateway.ask() for _ in range(5)))
        assert [answer.body for answer in answers] == [b"ok"] * 5
    assert len(backend.links) == 5
    assert gateway.idle == 5


async def test_the_connection_used_last_is_used_first(gateway: Gateway, backend: Backend) -> None:
    both = asyncio.Barrier(2)

    async def play(link: Link) -> None:
        await link.head()
        await both.wait()
        while True:
            await link.send(OK)
            await link.head()

    backend.play = play
    await asyncio.gather(gateway.ask(), gateway.ask())
    for _ in range(5):
        await gateway.ask()
    assert sorted(len(link.heads) for link in backend.links) == [1, 6]


async def test_no_more_are_kept_than_the_terms_allow(start: Start, backend: Backend) -> None:
    everyone = asyncio.Barrier(4)

    async def play(link: Link) -> None:
        await link.head()
        await everyone.wait()
        await link.send(OK)
        await link.to_end()

    backend.play = play
    gateway = await start(max_idle=2)
    await asyncio.gather(*(gateway.ask() for _ in range(4)))
    assert gateway.idle == 2
    await until(lambda: backend.open_links == 2)


async def test_an_unused_connection_is_closed_in_time(start: Start, backend: Backend) -> None:
    gateway = await start(keep_alive=0.05)
    await gateway.ask()
    await until(lambda: backend.open_links == 0)
    assert gateway.idle == 0


async def test_the_tick_ends_with_the_last_connection(start: Start, backend: Backend) -> None:
    gateway = await start(keep_alive=0.05)
    await gateway.ask()
    await until(lambda: gateway.app._pool._ticker is None)
    assert (await gateway.ask()).body == b"ok"


@pytest.mark.parametrize("said", [b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n", b"x", b"\r\n"])
async def test_a_byte_on_an_unused_connection_closes_it(gateway: Gateway, backend: Backend, said: bytes) -> None:
    unwanted = asyncio.Event()

    async def play(link: Link) -> None:
        await link.head()
        await link.send(OK)
        await unwanted.wait()
        await link.send(said)
        await link.to_end()

    backend.play = play
    client = await gateway.client()
    await client.ask()
    unwanted.set()
    await until(lambda: gateway.idle == 0)
    await until(lambda: backend.open_links == 0)
    backend.play = answering(OK)
    assert (await client.ask()).body == b"ok"
    assert len(backend.links) == 2


@pytest.mark.parametrize(
    "more",
    [b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\nforeign", b"garbage", b"\r\n"],
    ids=["answer", "garbage", "line"],
)
async def test_bytes_after_an_answer_reach_nobody(gateway: Gateway, backend: Backend, more: bytes) -> None:
    backend.play = answering(OK + more)
    client = await gateway.client()
    assert (await client.ask()).body == b"ok"
    assert gateway.idle == 0
    backend.play = answering(OK)
    assert (await client.ask()).body == b"ok"
    assert len(backend.links) == 2


async def test_a_second_answer_after_chunks_reaches_nobody(gateway: Gateway, backend: Backend) -> None:
    chunks = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"
    backend.play = answering(chunks + chunks)
    assert (await gateway.ask()).body == b"ok"
    assert gateway.idle == 0


async def test_a_connection_that_the_upstream_closes_is_not_kept(gateway: Gateway, backend: Backend) -> None:
    backend.play = answering(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok")
    assert (await gateway.ask()).body == b"ok"
    assert gateway.idle == 0


async def test_a_connection_closed_while_unused_is_replaced(gateway: Gateway, backend: Backend) -> None:
    async def play(link: Link) -> None:
        await link.head()
        await link.send(OK)

    backend.play = play
    client = await gateway.client()
    for _ in range(3):
        assert (await client.ask()).body == b"ok"
        await until(lambda: gateway.idle == 0)
    assert len(backend.links) == 3


async def test_an_end_that_the_loop_has_not_heard_of_is_found_when_the_connection_was_long_unused(
    gateway: Gateway, backend: Backend
) -> None:
    await gateway.ask()
    pool = gateway.app._pool
    (connection,) = pool._idle
    await until(lambda: not connection.is_fresh)
    backend.links[0].half_close()
    assert connection.is_idle
    assert pool.take() is None


async def test_a_call_is_never_sent_twice(gateway: Gateway, backend: Backend) -> None:
    async def play(link: Link) -> None:
        await link.head()
        await link.send(OK)
        await link.head()

    backend.play = play
    client = await gateway.client()
    assert (await client.ask()).status == 200
    assert (await client.ask()).status == 502
    assert len(backend.heads) == 2


# --- Opening ----------------------------------------------------------------------------------


async def refused_port() -> int:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port: int = unused.getsockname()[1]
        return port


async def test_a_refused_connection_is_a_502(start: Start) -> None:
    gateway = await start(port=await refused_port())
    assert (await gateway.ask()).status == 502


Dial = Callable[..., Awaitable[Any]]


def dialled_by(monkeypatch: pytest.MonkeyPatch, backend: Backend, dial: Callable[[Dial], Dial]) -> None:
    """Have connections to the backend made by something else. It is given what the loop would do."""
    loop = asyncio.get_running_loop()
    real = loop.create_connection
    ours = dial(real)

    async def create(build: Callable[[], Any], host: str, port: int, **more: Any) -> Any:
        return await (ours if port == backend.port else real)(build, host, port, **more)

    monkeypatch.setattr(loop, "create_connection", create)


async def test_an_unknown_name_is_a_502(gateway: Gateway, backend: Backend, monkeypatch: pytest.MonkeyPatch) -> None:
    async def dial(*_: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    dialled_by(monkeypatch, backend, lambda _: dial)
    assert (await gateway.ask()).status == 502


async def test_a_name_that_cannot_be_encoded_is_unknown() -> None:
    pool = Pool(Origin.parse(f"http://{'a' * 64}.test"), Terms())
    with pytest.raises(ForwardingError) as caught:
        await pool.connect()
    assert caught.value.failure is Failure.UNKNOWN_HOST


async def test_a_connection_that_is_not_made_in_time_is_a_504(
    start: Start, backend: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def dial(*_: object) -> None:
        await asyncio.get_running_loop().create_future()

    dialled_by(monkeypatch, backend, lambda _: dial)
    gateway = await start(connect=0.05)
    assert (await gateway.ask()).status == 504


async def test_a_connection_that_ends_as_it_opens_serves_nobody(
    gateway: Gateway, backend: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    def too_late(dial: Dial) -> Dial:
        async def dialling(*given: Any) -> Any:
            transport, connection = await dial(*given)
            connection.abort()
            return transport, connection

        return dialling

    dialled_by(monkeypatch, backend, too_late)
    with pytest.raises(ForwardingError) as caught:
        await gateway.app._pool.connect()
    assert caught.value.failure is Failure.UNREACHABLE
    assert gateway.app._pool._all == set()


async def test_the_name_is_asked_for_at_every_new_connection(
    gateway: Gateway, backend: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def counting(dial: Dial) -> Dial:
        async def dialling(build: object, host: str, port: int) -> Any:
            asked.append(host)
            return await dial(build, host, port)

        return dialling

    dialled_by(monkeypatch, backend, counting)
    backend.play = answering(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
    for _ in range(3):
        await gateway.ask()
    assert asked == ["127.0.0.1"] * 3


async def test_small_writes_are_not_held_back(gateway: Gateway) -> None:
    await gateway.ask()
    (connection,) = gateway.app._pool._idle
    sock = connection._transport.get_extra_info("socket")
    assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


async def test_an_upstream_that_speaks_first_is_not_believed(gateway: Gateway, backend: Backend) -> None:
    spoken = asyncio.Event()

    async def play(link: Link) -> None:
        await link.send(b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\nforeign")
        spoken.set()
        await link.to_end()

    backend.play = play
    client = await gateway.client()
    await client.send(b"POST / HTTP/1.1\r\nHost: api.test\r\nContent-Length: 2\r\n\r\n")
    await spoken.wait()
    assert (await client.answer()).status == 502


# --- Closing ----------------------------------------------------------------------------------


async def test_closing_ends_every_connection(gateway: Gateway, backend: Backend) -> None:
    await gateway.ask()
    client = await gateway.client()
    backend.play = playing_nothing
    await client.send(GET)
    await client.send(GET)
    await gateway.app.close()
    await until(lambda: backend.open_links == 0)
    assert gateway.idle == 0


async def playing_nothing(link: Link) -> None:
    await link.to_end()


async def test_a_closed_pool_keeps_nothing(gateway: Gateway, backend: Backend) -> None:
    await gateway.app.close()
    assert (await gateway.ask()).body == b"ok"
    assert gateway.idle == 0
    await until(lambda: backend.open_links == 0)
