import asyncio
from collections.abc import Callable

import pytest

from mfa_gateway.doors.upstream import Failure, ForwardingError, Terms
from mfa_gateway.doors.upstream.connection import Connection
from tests.doors.upstream.conftest import (
    GET,
    OK,
    Backend,
    Client,
    Gateway,
    Link,
    Play,
    Start,
    answering,
    happens,
    is_steady,
    playing,
    until,
)

HEAD = b"HEAD / HTTP/1.1\r\nHost: api.test\r\n\r\n"
LONG = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
FOREIGN = b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\nforeign"


async def is_cut(client: Client) -> bool:
    await client.send(GET)
    with pytest.raises(asyncio.IncompleteReadError):
        await client.answer()
    return True


# --- The connection alone ---------------------------------------------------------------------


class Silent(asyncio.Transport):
    """A transport that takes what it is told to and says nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.buffered = 0
        self.is_aborted = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += data

    def get_write_buffer_size(self) -> int:
        return self.buffered

    def is_closing(self) -> bool:
        return self.is_aborted

    def abort(self) -> None:
        self.is_aborted = True


Pair = tuple[Connection, Silent]


@pytest.fixture
async def pair() -> Pair:
    """A connection in the middle of an exchange, and its transport."""
    connection = Connection(Terms(), asyncio.get_running_loop(), lambda _: None)
    transport = Silent()
    connection.connection_made(transport)
    connection.begin(to_head=False, on_linger=lambda: None)
    connection.ask(GET)
    return connection, transport


async def test_what_is_asked_is_what_is_written(pair: Pair) -> None:
    assert pair[1].written == GET


async def test_a_clean_exchange_leaves_the_connection_for_the_next(pair: Pair) -> None:
    connection, _ = pair
    connection.mark_sent()
    connection.data_received(OK)
    assert connection.read() == b"ok"
    assert connection.finish()
    assert connection.is_idle


async def test_an_unfinished_request_spoils_the_connection(pair: Pair) -> None:
    connection, _ = pair
    connection.data_received(OK)
    assert connection.is_done
    assert not connection.finish()


async def test_a_request_that_still_waits_to_be_written_spoils_the_connection(pair: Pair) -> None:
    connection, transport = pair
    connection.mark_sent()
    connection.data_received(OK)
    transport.buffered = 1
    assert not connection.finish()


async def test_a_connection_that_ended_is_asked_nothing(pair: Pair) -> None:
    connection, transport = pair
    connection.begin(to_head=False, on_linger=lambda: None)
    connection.data_received(OK)
    connection.ask(b"more")
    assert transport.written == GET
    assert transport.is_aborted


@pytest.mark.parametrize(
    "said",
    [
        b"HTTP/1.1 200 OK\r\nX-Filler: %b\r\nContent-Length: 0\r\n\r\n" % (b"x" * 70_000),
        b"HTTP/1.1 102 Processing\r\n\r\n" * 3000 + OK,
    ],
    ids=["one", "interim"],
)
async def test_d04_a_head_that_is_too_long_is_refused_however_it_arrives(pair: Pair, said: bytes) -> None:
    connection, _ = pair
    connection.data_received(said)
    with pytest.raises(ForwardingError) as caught:
        connection.news()
    assert caught.value.failure is Failure.BAD_ANSWER


@pytest.mark.parametrize(
    ("said", "after", "failure"), [(b"", 61.0, Failure.SILENT), (LONG + b"012", 31.0, Failure.STALLED)]
)
async def test_the_failure_says_what_was_waited_for(pair: Pair, said: bytes, after: float, failure: Failure) -> None:
    connection, _ = pair
    connection.mark_sent()
    connection.data_received(said)
    now = asyncio.get_running_loop().time()
    connection.tick(now + after - 2)
    assert not connection.is_idle
    connection.tick(now + after)
    with pytest.raises(ForwardingError) as caught:
        connection.news()
    assert caught.value.failure is failure


async def test_a_request_that_is_taken_slowly_is_not_given_up(pair: Pair) -> None:
    connection, transport = pair
    now = asyncio.get_running_loop().time()
    transport.buffered = 100_000
    connection.pause_writing()
    for turn in range(1, 10):
        transport.buffered -= 1
        connection.tick(now + turn * 31)
        assert not transport.is_aborted
    connection.tick(now + 10 * 31)
    assert transport.is_aborted


# --- Framing ----------------------------------------------------------------------------------


async def test_a_sized_answer_goes_through(gateway: Gateway) -> None:
    answer = await gateway.ask()
    assert (answer.status, answer.body) == (200, b"ok")
    assert answer.values(b"content-length") == [b"2"]


async def test_an_answer_in_chunks_stays_in_chunks(gateway: Gateway, backend: Backend) -> None:
    backend.play = answering(CHUNKED + b"3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nX-Trailer: t\r\n\r\n")
    answer = await gateway.ask()
    assert answer.body == b"abcde"
    assert answer.values(b"transfer-encoding") == [b"chunked"]
    assert gateway.idle == 1


async def test_an_answer_that_ends_with_its_connection_is_whole(gateway: Gateway, backend: Backend) -> None:
    backend.play = playing(b"HTTP/1.1 200 OK\r\n\r\nabc", b"de")
    answer = await gateway.ask()
    assert answer.body == b"abcde"
    assert gateway.idle == 0


async def test_an_answer_may_come_byte_by_byte(gateway: Gateway, backend: Backend) -> None:
    async def play(link: Link) -> None:
        await link.head()
        for byte in CHUNKED + b"3\r\nabc\r\n0\r\n\r\n":
            await link.send(bytes((byte,)))
            await asyncio.sleep(0)
        await link.head()

    backend.play = play
    assert (await gateway.ask()).body == b"abc"
    assert gateway.idle == 1


async def test_interim_answers_are_swallowed(gateway: Gateway, backend: Backend) -> None:
    interim = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n"
    backend.play = answering(interim + OK)
    client = await gateway.client()
    await client.send(GET)
    assert (await client.reader.readline()) == b"HTTP/1.1 200 OK\r\n"
    assert gateway.idle == 1


async def test_an_interim_answer_may_come_alone(gateway: Gateway, backend: Backend) -> None:
    async def play(link: Link) -> None:
        await link.head()
        await link.send(b"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 2")
        await asyncio.sleep(0)
        await link.send(OK[len(b"HTTP/1.1 2") :])
        await link.head()

    backend.play = play
    assert (await gateway.ask()).body == b"ok"


# --- Answers without a body -------------------------------------------------------------------


async def test_a_body_on_head_reaches_nobody(gateway: Gateway, backend: Backend) -> None:
    backend.play = answering(LONG + b"0123456789")
    client = await gateway.client()
    answer = await client.ask(HEAD, to_head=True)
    assert answer.values(b"content-length") == [b"10"]
    backend.play = answering(OK)
    assert (await client.ask()).body == b"ok"


async def test_a_late_body_on_head_reaches_nobody(gateway: Gateway, backend: Backend) -> None:
    late = asyncio.Event()

    async def play(link: Link) -> None:
        await link.head()
        await link.send(LONG)
        await late.wait()
        await link.send(FOREIGN)
        await link.to_end()

    backend.play = play
    client = await gateway.client()
    await client.ask(HEAD, to_head=True)
    backend.play = answering(OK)
    late.set()
    assert (await client.ask()).body == b"ok"


async def test_an_honest_answer_to_head_goes_through(gateway: Gateway, backend: Backend) -> None:
    backend.play = answering(LONG)
    client = await gateway.client()
    assert (await client.ask(HEAD, to_head=True)).status == 200
    assert backend.heads[0].startswith(b"HEAD / HTTP/1.1\r\n")


@pytest.mark.parametrize("status", [b"304 Not Modified", b"204 No Content"])
async def test_a_length_without_a_body_does_not_confuse_anyone(
    gateway: Gateway, backend: Backend, status: bytes
) -> None:
    backend.play = answering(b"HTTP/1.1 %b\r\nContent-Length: 10\r\nETag: x\r\n\r\n" % status)
    client = await gateway.client()
    answer = await client.ask()
    assert answer.status == int(status[:3])
    assert answer.values(b"content-length") == []
    assert answer.values(b"etag") == [b"x"]
    backend.play = answering(OK)
    assert (await client.ask()).body == b"ok"


async def test_a_304_without_a_length_keeps_its_connection(gateway: Gateway, backend: Backend) -> None:
    backend.play = answering(b"HTTP/1.1 304 Not Modified\r\nETag: x\r\n\r\n", OK)
    client = await gateway.client()
    assert (await client.ask()).status == 304
    assert (await client.ask()).body == b"ok"
    assert len(backend.links) == 1


# --- What is no answer ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "said",
    [
        b"garbage",
        b"SSH-2.0-OpenSSH_9.2p1\r\n",
        b"HTTP/1.1 200 OK\nContent-Length: 2\n\nok",
        b"\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok!",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 777 Odd\r\nContent-Length: 0\r\n\r\n",
    ],
)
async def test_what_is_no_answer_is_a_502_at_once(gateway: Gateway, backend: Backend, said: bytes) -> None:
    async def play(link: Link) -> None:
        await link.head()
        await link.send(said)
        await link.to_end()

    backend.play = play
    assert (await gateway.ask()).status == 502
    await until(lambda: backend.open_links == 0)
    assert gateway.idle == 0


@pytest.mark.parametrize("line", [b"X-Filler: x\r\n", b"X" * 1000])
async def test_d04_a_head_without_end_is_a_502(gateway: Gateway, backend: Backend, line: bytes) -> None:
    async def play(link: Link) -> None:
        await link.head()
        await link.send(b"HTTP/1.1 200 OK\r\n")
        while True:
            await link.send(line)

    backend.play = play
    assert (await gateway.ask()).status == 502
    await until(lambda: backend.open_links == 0)


async def test_d04_interim_answers_without_end_are_a_502(gateway: Gateway, backend: Backend) -> None:
    async def play(link: Link) -> None:
        await link.head()
        while True:
            await link.send(b"HTTP/1.1 102 Processing\r\n\r\n")

    backend.play = play
    assert (await gateway.ask()).status == 502


async def test_a_large_head_within_the_bound_goes_through(gateway: Gateway, backend: Backend) -> None:
    filler = b"X-Filler: " + b"x" * 60_000
    backend.play = answering(b"HTTP/1.1 200 OK\r\n%b\r\nContent-Length: 2\r\n\r\nok" % filler)
    client = await gateway.client()
    await client.send(GET)
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        head += await client.reader.read(1)
    assert filler.lower() in head.lower()


# --- Ends that come too early -----------------------------------------------------------------


def resetting(*steps: bytes) -> Play:
    async def play(link: Link) -> None:
        await playing(*steps)(link)
        link.reset()

    return play


End = Callable[..., Play]
ENDS = pytest.mark.parametrize("end", [playing, resetting], ids=["closed", "reset"])


@ENDS
@pytest.mark.parametrize("said", [(), (b"HTTP/1.1 20",), (b"HTTP/1.1 100 Continue\r\n\r\n",)])
async def test_an_end_before_the_head_is_a_502(
    gateway: Gateway, backend: Backend, end: End, said: tuple[bytes, ...]
) -> None:
    backend.play = end(*said)
    assert (await gateway.ask()).status == 502


@ENDS
@pytest.mark.parametrize("said", [(LONG,), (LONG + b"012",), (CHUNKED + b"3\r\nabc\r\n",), (CHUNKED + b"5\r\nab",)])
async def test_an_end_in_the_middle_is_seen_by_the_client(
    gateway: Gateway, backend: Backend, end: End, said: tuple[bytes, ...]
) -> None:
    backend.play = end(*said)
    assert await is_cut(await gateway.client())
    assert gateway.idle == 0


async def test_an_unsized_answer_that_is_reset_is_cut(gateway: Gateway, backend: Backend) -> None:
    async def play(link: Link) -> None:
        await link.head()
        await link.send(b"HTTP/1.1 200 OK\r\n\r\nabc")
        await gone.wait()
        link.reset()

    gone = asyncio.Event()
    backend.play = play
    client = await gateway.client()
    await client.send(GET)
    await client.reader.readuntil(b"abc\r\n")
    gone.set()
    assert await client.to_end() == b""


async def test_broken_chunks_are_seen_by_the_client(gateway: Gateway, backend: Backend) -> None:
    backend.play = playing(CHUNKED + b"3\r\nabc\r\n", b"oops\r\n")
    assert await is_cut(await gateway.client())


async def test_what_arrived_before_the_end_is_still_delivered(gateway: Gateway, backend: Backend) -> None:
    backend.play = playing(LONG + b"012")
    client = await gateway.client()
    await client.send(GET)
    assert (await client.to_end()).endswith(b"\r\n\r\n012")


# --- Time -------------------------------------------------------------------------------------


@pytest.mark.parametrize("said", [b"", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 102 Processing\r\n\r\n"])
async def test_an_answer_that_does_not_begin_in_time_is_a_504(start: Start, backend: Backend, said: bytes) -> None:
    async def play(link: Link) -> None:
        await link.head()
        await link.send(said)
        await link.to_end()

    backend.play = play
    gateway = await start(first_byte=0.05)
    assert (await gateway.ask()).status == 504
    await until(lambda: backend.open_links == 0)


@pytest.mark.parametrize("said", [LONG + b"012", CHUNKED + b"3\r\nabc\r\n", CHUNKED])
async def test_an_answer_that_stops_is_cut(start: Start, backend: Backend, said: bytes) -> None:
    async def play(link: Link) -> None:
        await link.head()
        await link.send(said)
        await link.to_end()

    backend.play = play
    gateway = await start(body_idle=0.05)
    assert await is_cut(await gateway.client())
    await until(lambda: backend.open_links == 0)


async def test_an_answer_that_goes_on_slowly_is_not_cut(start: Start, backend: Backend) -> None:
    async def play(link: Link) -> None:
        await link.head()
        await link.send(LONG)
        for _ in range(10):
            assert not await happens(link.reader.read(1), within=0.1)
            await link.send(b"x")

    backend.play = play
    gateway = await start(body_idle=0.4)
    assert (await gateway.ask()).body == b"x" * 10


# --- Back-pressure ----------------------------------------------------------------------------


async def test_a_slow_reader_stalls_the_upstream(gateway: Gateway, backend: Backend) -> None:
    written = 0
    piece = b"x" * 65_536

    async def play(link: Link) -> None:
        nonlocal written
        await link.head()
        await link.send(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            await link.send(piece)
            written += len(piece)

    backend.play = play
    client = await gateway.client()
    client.pause_reading()
    await client.send(GET)
    assert await is_steady(lambda: written)
    assert written < 32 * 1024 * 1024
    (connection,) = gateway.app._pool._all
    assert connection._size < 2 * 262_144
