"""Prompt exchanges: no task where none is needed, and nothing lost where one turns out to be."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from mfa_gateway.core.call import CanonicalPath
from mfa_gateway.core.routing import Route, Routes
from mfa_gateway.doors.asgi import JUDGED, HeaderList, Message
from mfa_gateway.doors.promptness import Work
from mfa_gateway.doors.upstream import Origin, Scheme, Terms, Upstream, Upstreams
from tests.doors.upstream.conftest import (
    GET,
    OK,
    Backend,
    Gateway,
    Link,
    Play,
    Server,
    happens,
    http_scope,
    serving,
    until,
    work_of,
)

HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
# Two ticks of the pool: longer than any prompt exchange lasts.
LONG = 0.3


@pytest.fixture
async def ours(backend: Backend) -> AsyncIterator[Gateway]:
    """A gateway behind our own server, with a connection to the upstream open."""
    upstream = Upstream(Origin(Scheme.HTTP, "127.0.0.1", backend.port, ""), Terms(first_byte=4 * LONG))
    async with serving(upstream, Server.OURS) as gateway:
        yield gateway


def tasks_of_calls() -> set[str]:
    return {name for name in map(work_of, asyncio.all_tasks()) if name.startswith("Cycle.")}


def then(play: Play) -> Play:
    """Answers the first request, by which the connection is opened, and plays from the second on."""

    async def playing(link: Link) -> None:
        await link.head()
        await link.send(OK)
        await play(link)

    return playing


async def test_a_call_on_an_open_connection_needs_no_task(ours: Gateway, backend: Backend) -> None:
    async def play(link: Link) -> None:
        await link.head()
        seen.append(tasks_of_calls())
        await link.send(OK)

    seen: list[set[str]] = []
    backend.play = then(play)
    await ours.ask()
    assert (await ours.ask()).body == b"ok"
    assert seen == [set()]


async def test_the_connection_serves_the_next_call(ours: Gateway, backend: Backend) -> None:
    for _ in range(3):
        assert (await ours.ask()).body == b"ok"
    assert len(backend.links) == 1


@pytest.mark.parametrize(
    "pieces",
    [(HEAD[:20], HEAD[20:] + b"answer"), (HEAD, b"answer"), (HEAD + b"ans", b"wer"), (HEAD + b"answe", b"r")],
    ids=["in-its-head", "behind-its-head", "in-its-body", "before-its-last-byte"],
)
async def test_an_answer_in_pieces_arrives_whole(ours: Gateway, backend: Backend, pieces: tuple[bytes, bytes]) -> None:
    async def play(link: Link) -> None:
        await link.head()
        await link.send(pieces[0])
        await happens(asyncio.get_running_loop().create_future(), within=0.01)  # a packet of its own
        await link.send(pieces[1])
        await link.head()

    backend.play = then(play)
    await ours.ask()
    assert (await ours.ask()).body == b"answer"
    assert ours.idle == 1


async def test_an_answer_in_chunks_arrives_whole(ours: Gateway, backend: Backend) -> None:
    async def play(link: Link) -> None:
        await link.head()
        await link.send(CHUNKED + b"6\r\nanswer\r\n0\r\n\r\n")
        await link.head()

    backend.play = then(play)
    await ours.ask()
    assert (await ours.ask()).body == b"answer"


async def test_an_answer_without_a_length_arrives_whole(ours: Gateway, backend: Backend) -> None:
    async def play(link: Link) -> None:
        await link.head()
        await link.send(b"HTTP/1.1 200 OK\r\n\r\nanswer")

    backend.play = then(play)
    await ours.ask()
    assert (await ours.ask()).body == b"answer"


async def test_an_upstream_that_dies_unanswered_is_a_502(ours: Gateway, backend: Backend) -> None:
    async def play(link: Link) -> None:
        await link.head()

    backend.play = then(play)
    await ours.ask()
    assert (await ours.ask()).status == 502


async def test_an_upstream_that_answers_nonsense_is_a_502(ours: Gateway, backend: Backend) -> None:
    async def play(link: Link) -> None:
        await link.head()
        await link.send(b"nonsense\r\n\r\n")
        await link.to_end()

    backend.play = then(play)
    await ours.ask()
    assert (await ours.ask()).status == 502


async def test_an_upstream_that_is_silent_is_a_504(ours: Gateway, backend: Backend) -> None:
    async def play(link: Link) -> None:
        await link.head()
        await link.to_end()

    backend.play = then(play)
    await ours.ask()
    assert (await ours.ask()).status == 504


async def test_a_client_that_leaves_a_slow_call_ends_it(ours: Gateway, backend: Backend) -> None:
    async def play(link: Link) -> None:
        await link.head()
        await link.to_end()

    backend.play = then(play)
    client = await ours.client()
    await client.ask()
    await client.send(GET)
    await until(lambda: bool(tasks_of_calls()))
    await client.close()
    await until(lambda: backend.open_links == 0)


async def test_a_client_that_left_leaves_the_connection_to_others(ours: Gateway, backend: Backend) -> None:
    async def play(link: Link) -> None:
        await link.head()
        await client.close()
        await until(lambda: not ours.state.connections)
        await link.send(OK)
        await link.head()
        await link.send(OK)

    backend.play = then(play)
    client = await ours.client()
    await client.ask()
    await client.send(GET)
    await until(lambda: ours.idle == 1 and not ours.state.connections)
    assert (await ours.ask()).body == b"ok"
    assert len(backend.links) == 1


async def test_head_has_no_body(ours: Gateway, backend: Backend) -> None:
    backend.play = then(_answer_head)
    await ours.ask()
    client = await ours.client()
    received = await client.ask(GET.replace(b"GET", b"HEAD"), to_head=True)
    assert received.values(b"content-length") == [b"6"]
    assert (await client.ask()).body == b"ok"


async def _answer_head(link: Link) -> None:
    await link.head()
    await link.send(HEAD)


# --- The application alone --------------------------------------------------------------------


class Waiting:
    """A client of the application."""

    def __init__(self, *, is_taking: bool = True, failure: Exception | None = None) -> None:
        self.is_taking = is_taking
        self.answers: list[tuple[int, bytes]] = []
        self.works: list[Work] = []
        self.sent: list[Message] = []
        self._failure = failure

    async def receive(self) -> Message:
        return await asyncio.get_running_loop().create_future()  # type: ignore[no-any-return] # never

    async def send(self, message: Message) -> None:
        self.sent.append(message)

    def answer(self, status: int, _headers: HeaderList, body: bytes) -> None:
        if self._failure is not None:
            raise self._failure
        self.answers.append((status, body))

    def answer_empty(self, status: int, _lines: bytes) -> None:
        self.answers.append((status, b""))

    def run(self, work: Work) -> None:
        self.works.append(work)

    @property
    def said(self) -> bytes:
        return b"".join(message.get("body", b"") for message in self.sent)


async def opened(gateway: Gateway) -> Upstream:
    await gateway.ask()
    return gateway.app


async def test_an_answer_goes_out_in_one_piece(ours: Gateway) -> None:
    client = Waiting()
    assert (await opened(ours)).serve_promptly(http_scope(), client) is None
    await until(lambda: bool(client.answers))
    assert (client.answers, client.works) == ([(200, b"ok")], [])


async def test_a_client_that_takes_nothing_now_gets_its_answer_by_a_task(ours: Gateway) -> None:
    client = Waiting(is_taking=False)
    assert (await opened(ours)).serve_promptly(http_scope(), client) is None
    await until(lambda: bool(client.works))
    await client.works[0]
    assert (client.answers, client.said) == ([], b"ok")


async def test_an_answer_that_cannot_be_written_fails_where_applications_do(ours: Gateway) -> None:
    client = Waiting(failure=ValueError("a field"))
    assert (await opened(ours)).serve_promptly(http_scope(), client) is None
    await until(lambda: bool(client.works))
    with pytest.raises(ValueError, match="a field"):
        await client.works[0]
    assert ours.idle == 1


async def test_a_request_with_a_body_is_work(ours: Gateway) -> None:
    work = (await opened(ours)).serve_promptly(http_scope((b"content-length", b"2"), method="POST"), Waiting())
    assert work is not None
    work.close()  # type: ignore[attr-defined] # a coroutine


async def test_a_first_call_is_work(backend: Backend) -> None:
    upstream = Upstream(Origin(Scheme.HTTP, "127.0.0.1", backend.port, ""), Terms())
    client = Waiting()
    work = upstream.serve_promptly(http_scope(), client)
    assert work is not None
    await work
    assert client.said == b"ok"
    await upstream.close()


async def test_what_cannot_be_forwarded_is_refused_by_work(ours: Gateway) -> None:
    client = Waiting()
    work = (await opened(ours)).serve_promptly(http_scope(raw_path=b"/\xff"), client)
    assert work is not None
    await work
    assert client.sent[0]["status"] == 400


# --- Several ----------------------------------------------------------------------------------


async def test_the_upstream_of_the_route_serves_promptly(ours: Gateway, backend: Backend) -> None:
    route = Route(name="api", prefix="/api", strips_prefix=True)
    several = Upstreams(Routes((route,)), {"api": await opened(ours)})
    client = Waiting()
    path = CanonicalPath(b"/api/x", ("api", "x"))
    assert several.serve_promptly(http_scope(raw_path=b"/api/x") | {JUDGED: (path, "")}, client) is None
    await until(lambda: bool(client.answers))
    assert backend.heads[-1].startswith(b"GET /x HTTP/1.1\r\n")


async def test_a_call_for_no_route_is_declined_by_work(ours: Gateway) -> None:
    several = Upstreams(Routes((Route(name="api", prefix="/api"),)), {"api": await opened(ours)})
    client = Waiting()
    work = several.serve_promptly(http_scope() | {JUDGED: (CanonicalPath(b"/", ()), "")}, client)
    assert work is not None
    await work
    assert client.sent[0]["status"] == 404
