"""WebSockets through the forwarding application: a real client in front, a real or a scripted upstream behind."""

import asyncio
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.server import Server, ServerConnection, serve, unix_serve
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.frames import Frame, Opcode

from mfa_gateway.doors.asgi import Message
from mfa_gateway.doors.server import ServerTerms
from mfa_gateway.doors.upstream import Origin, Scheme, Terms, Trust, Upstream, read_trust
from mfa_gateway.doors.websocket.handshake import accept_value
from mfa_gateway.doors.websocket.terms import SocketTerms
from tests.doors.listening import Listening, listening
from tests.doors.scopes import handshake
from tests.doors.upstream.conftest import DEADLINE, Backend, Link, is_steady, until
from tests.doors.upstream.test_reach import NAME, Files, files  # noqa: F401 - a fixture

Handler = Callable[[ServerConnection], Awaitable[None]]
NUMBERS: Final = SocketTerms(message=100_000, queue=4)


class World:
    """A gateway process's inside, without a gate, and whatever the test puts behind it."""

    def __init__(self, stack: AsyncExitStack) -> None:
        self._stack = stack
        self.upstream_sockets: list[ServerConnection] = []
        self.served: Listening

    async def behind(self, handler: Handler, **options: Any) -> int:
        """A real WebSocket server; its port."""
        server = await self._stack.enter_async_context(
            serve(
                self._kept(handler),
                "127.0.0.1",
                0,
                **{"compression": None, "max_size": None, "close_timeout": 0.2, **options},
            )
        )
        return _port(server)

    def _kept(self, handler: Handler) -> Handler:
        async def kept(socket: ServerConnection) -> None:
            self.upstream_sockets.append(socket)
            with suppress(ConnectionClosed):
                await handler(socket)

        return kept

    async def behind_unix(self, handler: Handler, path: Path) -> None:
        await self._stack.enter_async_context(unix_serve(self._kept(handler), str(path)))

    async def forward(self, origin: Origin, *, trust: Trust | None = None, **terms: Any) -> None:
        """The gateway in front of an origin."""
        numbers = terms.pop("websocket", NUMBERS)
        app = Upstream(origin, Terms(websocket=numbers, **terms), trust)
        self.served = await self._stack.enter_async_context(listening(app, ServerTerms(websocket=numbers)))

    async def to(self, handler: Handler, **terms: Any) -> None:
        """A gateway in front of a real WebSocket server."""
        await self.forward(Origin(Scheme.HTTP, "127.0.0.1", await self.behind(handler)), **terms)

    async def open(self, target: str = "/", **options: Any) -> ClientConnection:
        options = {"ping_interval": None, "compression": None, "close_timeout": 2, "max_size": None, **options}
        return await self._stack.enter_async_context(connect(f"ws://127.0.0.1:{self.served.port}{target}", **options))

    async def refusal(self, **options: Any) -> tuple[int, bytes, Any]:
        with pytest.raises(InvalidStatus) as refused:
            await self.open(**options)
        response = refused.value.response
        return response.status_code, bytes(response.body or b""), response.headers


def _port(server: Server) -> int:
    return int(next(iter(server.sockets)).getsockname()[1])


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with asyncio.timeout(4 * DEADLINE), AsyncExitStack() as stack:
        yield World(stack)


@pytest.fixture
async def raw(backend: Backend) -> AsyncIterator[tuple[World, Backend]]:
    """A gateway in front of an upstream that plays bytes."""
    async with asyncio.timeout(4 * DEADLINE), AsyncExitStack() as stack:
        world = World(stack)
        await world.forward(Origin(Scheme.HTTP, "127.0.0.1", backend.port), first_byte=0.5, body_idle=0.5)
        yield world, backend


async def echo(socket: ServerConnection) -> None:
    async for message in socket:
        await socket.send(message)


# --- Messages ---------------------------------------------------------------------------------


async def test_messages_of_both_kinds_go_both_ways(world: World) -> None:
    await world.to(echo)
    socket = await world.open()

    for message in ("grüße", b"\x00\xff", "", b"", "x" * 100_000):
        await socket.send(message)
        assert await socket.recv() == message


async def test_fragments_of_either_side_arrive_as_one_message(world: World) -> None:
    got: list[object] = []

    async def handler(socket: ServerConnection) -> None:
        got.extend([piece async for piece in socket.recv_streaming()])
        await socket.send(["a", "b", "c"])
        await socket.wait_closed()

    await world.to(handler)
    socket = await world.open()
    await socket.send([b"1", b"2", b"3"])

    assert [piece async for piece in socket.recv_streaming()] == ["abc"]
    assert got == [b"123"]


async def test_what_the_upstream_says_at_once_and_last_is_not_lost(world: World) -> None:
    async def handler(socket: ServerConnection) -> None:
        for number in range(100):
            await socket.send(str(number))
        await socket.close(4000, "that was it")

    await world.to(handler)
    socket = await world.open()

    assert [message async for message in _until_closed(socket)] == [str(number) for number in range(100)]
    assert (socket.close_code, socket.close_reason) == (4000, "that was it")


async def _until_closed(socket: ClientConnection) -> AsyncIterator[str | bytes]:
    with suppress(ConnectionClosed):
        while True:
            yield await socket.recv()


async def test_pings_stay_on_their_side(world: World) -> None:
    pinged = asyncio.Event()

    async def handler(socket: ServerConnection) -> None:
        await (await socket.ping(b"upstream's"))
        pinged.set()
        await socket.wait_closed()

    await world.to(handler)
    socket = await world.open()

    await (await socket.ping(b"client's"))
    await pinged.wait()


# --- The handshake ----------------------------------------------------------------------------


def accepting(head: bytes, *more: bytes, status: bytes = b"101 Switching Protocols") -> bytes:
    key = head.lower().split(b"sec-websocket-key: ")[1].split(b"\r\n")[0]
    key = head[head.lower().index(b"sec-websocket-key: ") + 19 :][: len(key)]
    fields = (b"Upgrade: websocket", b"Connection: Upgrade", b"Sec-WebSocket-Accept: " + accept_value(key), *more)
    return b"HTTP/1.1 " + status + b"\r\n" + b"\r\n".join(fields) + b"\r\n\r\n"


def lines(head: bytes) -> list[tuple[str, str]]:
    pairs = (line.partition(b": ") for line in head.strip().split(b"\r\n")[1:])
    return [(name.decode().lower(), value.decode()) for name, _, value in pairs]


async def test_the_upstream_sees_the_judged_target_and_a_handshake_of_our_own(raw: tuple[World, Backend]) -> None:
    world, backend = raw

    async def play(link: Link) -> None:
        await link.send(accepting(await link.head()))
        await link.to_end()

    backend.play = play
    headers = {
        "Connection": "X-Secret, Authorization",
        "X-Secret": "1",
        "Authorization": "Bearer t",
        "X-Forwarded-For": "203.0.113.9",
        "Sec_WebSocket_Protocol": "mfa.bearer.t",
    }
    socket = await world.open("/a%20b/c?x=%41", additional_headers=headers, subprotocols=["one", "two"])
    keys = [value for name, value in lines(backend.heads[0]) if name == "sec-websocket-key"]

    assert backend.heads[0].startswith(b"GET /a%20b/c?x=%41 HTTP/1.1\r\n")
    fields = dict(lines(backend.heads[0]))
    assert fields["host"] == f"127.0.0.1:{world.served.port}"
    assert (fields["x-forwarded-for"], fields["x-forwarded-proto"]) == ("127.0.0.1", "http")
    assert (fields["authorization"], "x-secret" in fields) == ("Bearer t", False)
    assert (fields["connection"], fields["upgrade"], fields["sec-websocket-version"]) == ("Upgrade", "websocket", "13")
    assert fields["sec-websocket-protocol"] == "one, two"
    assert "sec-websocket-extensions" not in fields
    assert "sec_websocket_protocol" not in fields
    assert socket.request is not None
    assert len(keys) == 1
    assert keys != [socket.request.headers["sec-websocket-key"]]


async def test_the_chosen_sub_protocol_and_plain_fields_go_to_the_client(raw: tuple[World, Backend]) -> None:
    world, backend = raw

    async def play(link: Link) -> None:
        more = (b"Sec-WebSocket-Protocol: two", b"Set-Cookie: a=b", b"X-Hop: 1", b"Connection: X-Hop")
        await link.send(accepting(await link.head(), *more))
        await link.to_end()

    backend.play = play
    socket = await world.open(subprotocols=["one", "two"])

    assert socket.subprotocol == "two"
    assert socket.response is not None
    assert socket.response.headers["set-cookie"] == "a=b"
    assert "x-hop" not in socket.response.headers


async def test_interim_answers_are_swallowed_and_early_frames_are_not(raw: tuple[World, Backend]) -> None:
    world, backend = raw

    async def play(link: Link) -> None:
        head = await link.head()
        early = Frame(Opcode.TEXT, b"early").serialize(mask=False)
        await link.send(b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + accepting(head) + early)
        await link.to_end()

    backend.play = play

    assert await (await world.open()).recv() == "early"


REFUSALS = {
    "sized": (b"HTTP/1.1 401 Unauthorized\r\nX-Why: no\r\nContent-Length: 4\r\n\r\nsee?", 401, b"see?"),
    "chunked": (
        b"HTTP/1.1 404 Nope\r\nX-Why: no\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nse\r\n2\r\ne?\r\n0\r\n\r\n",
        404,
        b"see?",
    ),
    "to the end": (b"HTTP/1.0 403 Nope\r\nX-Why: no\r\n\r\nsee?", 403, b"see?"),
    "an ordinary page": (b"HTTP/1.1 200 OK\r\nX-Why: no\r\nContent-Length: 4\r\n\r\nsee?", 200, b"see?"),
    "without a body": (b"HTTP/1.1 426 Upgrade Required\r\nX-Why: no\r\nContent-Length: 0\r\n\r\n", 426, b""),
}  # fmt: skip


@pytest.mark.parametrize(("answer", "status", "body"), REFUSALS.values(), ids=REFUSALS)
async def test_a_refusal_of_the_upstream_goes_to_the_client_as_it_is(
    raw: tuple[World, Backend], answer: bytes, status: int, body: bytes
) -> None:
    world, backend = raw

    async def play(link: Link) -> None:
        await link.head()
        await link.send(answer)

    backend.play = play

    told, said, headers = await world.refusal()
    assert (told, said, headers["x-why"], headers["connection"]) == (status, body, "no", "close")
    await until(lambda: not backend.open_links)


GARBAGE = {
    "no HTTP": b"SSH-2.0-OpenSSH\r\n",
    "nothing": b"",
    "half a head": b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: webso",
    "another protocol": b"HTTP/2.0 101 X\r\n\r\n",
    "101 and nothing more": b"HTTP/1.1 101 Switching Protocols\r\n\r\n",
    "a head without end": b"HTTP/1.1 200 OK\r\nX: " + b"x" * 70_000,
    "interim answers without end": b"HTTP/1.1 100 Continue\r\nX: xxxxxxxxxxxxxxxxxxxxxxxxx\r\n\r\n" * 2_000,
    "a page without end": b"HTTP/1.1 200 OK\r\nContent-Length: 70000\r\n\r\n" + b"x" * 70_000,
    "a short page": b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc",
    "two lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
}


@pytest.mark.parametrize("answer", GARBAGE.values(), ids=GARBAGE)
async def test_garbage_in_place_of_an_answer_is_a_502(raw: tuple[World, Backend], answer: bytes) -> None:
    world, backend = raw

    async def play(link: Link) -> None:
        await link.head()
        await link.send(answer)

    backend.play = play

    status, _, headers = await world.refusal()
    assert (status, headers["content-type"]) == (502, "application/problem+json")
    await until(lambda: not backend.open_links)


WRONG = {
    "another key": lambda head: accepting(head).replace(b"Accept: ", b"Accept: x"),
    "no key": lambda head: accepting(head).replace(b"Sec-WebSocket-Accept: ", b"X-Accept: "),
    "another upgrade": lambda head: accepting(head).replace(b"Upgrade: websocket", b"Upgrade: h2c"),
    "no connection": lambda head: accepting(head).replace(b"Connection: Upgrade", b"Connection: close"),
    "HTTP/1.0": lambda head: accepting(head).replace(b"HTTP/1.1", b"HTTP/1.0"),
    "an extension": lambda head: accepting(head, b"Sec-WebSocket-Extensions: permessage-deflate"),
    "what was not offered": lambda head: accepting(head, b"Sec-WebSocket-Protocol: three"),
    "two choices": lambda head: accepting(head, b"Sec-WebSocket-Protocol: one", b"Sec-WebSocket-Protocol: two"),
}


@pytest.mark.parametrize("answer", WRONG.values(), ids=WRONG)
async def test_an_upstream_that_accepts_something_else_is_a_502(
    raw: tuple[World, Backend], answer: Callable[[bytes], bytes]
) -> None:
    world, backend = raw
    received: list[bytes] = []

    async def play(link: Link) -> None:
        await link.send(answer(await link.head()))
        received.append(await link.to_end())

    backend.play = play

    assert (await world.refusal(subprotocols=["one", "two"]))[0] == 502
    await until(lambda: bool(received))
    assert received == [b""]


async def test_an_upstream_that_says_nothing_is_a_504(raw: tuple[World, Backend]) -> None:
    world, backend = raw

    async def play(link: Link) -> None:
        await link.head()
        await link.to_end()

    backend.play = play

    assert (await world.refusal())[0] == 504


async def test_a_refusal_that_never_ends_is_a_504(raw: tuple[World, Backend]) -> None:
    world, backend = raw

    async def play(link: Link) -> None:
        await link.head()
        await link.send(b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 4\r\n\r\nse")
        await link.to_end()

    backend.play = play

    assert (await world.refusal())[0] == 504


async def test_an_upstream_that_is_not_there_is_a_502(world: World) -> None:
    await world.forward(Origin(Scheme.HTTP, "127.0.0.1", 1))

    assert (await world.refusal())[0] == 502


async def test_a_client_that_does_not_wait_takes_the_upstreams_connection_along(raw: tuple[World, Backend]) -> None:
    world, backend = raw

    async def play(link: Link) -> None:
        await link.head()
        await link.to_end()

    backend.play = play
    opening = asyncio.ensure_future(world.open())
    await until(lambda: bool(backend.heads))
    opening.cancel()

    await until(lambda: not backend.open_links)


async def test_a_server_that_cannot_refuse_in_http_closes() -> None:
    sent: list[Message] = []
    incoming: list[Message] = [{"type": "websocket.connect"}]

    async def receive() -> Message:
        if not incoming:
            await asyncio.Event().wait()
        return incoming.pop(0)

    async def send(message: Message) -> None:
        sent.append(message)

    upstream = Upstream(Origin(Scheme.HTTP, "127.0.0.1", 1), Terms())
    await upstream(handshake("/"), receive, send)

    assert sent == [{"type": "websocket.close", "code": 1011}]


# --- Ends -------------------------------------------------------------------------------------


@pytest.mark.parametrize(("code", "reason"), [(1000, "done"), (1001, ""), (1008, "no"), (1013, ""), (4999, "x" * 123)])
async def test_codes_and_reasons_go_both_ways(world: World, code: int, reason: str) -> None:
    async def handler(socket: ServerConnection) -> None:
        if await socket.recv() == "close":
            await socket.close(code, reason)
        await socket.wait_closed()

    await world.to(handler)
    asked, closing = await world.open(), await world.open()
    await asked.send("close")
    await closing.send("wait")
    await asked.wait_closed()
    await closing.close(code, reason)
    await until(lambda: all(socket.close_code is not None for socket in world.upstream_sockets))

    assert (asked.close_code, asked.close_reason) == (code, reason)
    assert [(socket.close_code, socket.close_reason) for socket in world.upstream_sockets] == [(code, reason)] * 2


async def test_a_close_without_a_code_stays_one_both_ways(raw: tuple[World, Backend]) -> None:
    world, backend = raw
    heard: list[bytes] = []

    async def play(link: Link) -> None:
        await link.send(accepting(await link.head()))
        if len(backend.links) == 1:
            await link.send(Frame(Opcode.CLOSE, b"").serialize(mask=False))
        heard.append(await link.to_end())

    backend.play = play
    told = await world.open()
    await told.wait_closed()
    telling = await world.open()
    telling.protocol.send_close()
    telling.transport.write(b"".join(telling.protocol.data_to_send()))
    await telling.wait_closed()
    await until(lambda: len(heard) == 2)

    assert told.close_code == 1005
    # A masked close frame of no bytes, in both directions.
    assert [one[:2] for one in heard] == [b"\x88\x80", b"\x88\x80"]


async def test_a_lost_upstream_is_1011(raw: tuple[World, Backend]) -> None:
    world, backend = raw

    async def play(link: Link) -> None:
        await link.send(accepting(await link.head()))

    backend.play = play
    socket = await world.open()
    await socket.wait_closed()

    assert socket.close_code == 1011


BROKEN_FRAMES = {
    "masked": (Frame(Opcode.TEXT, b"a").serialize(mask=True), 1011),
    "none": (b"garbage, not frames", 1011),
    "text that is none": (Frame(Opcode.TEXT, b"\xff").serialize(mask=False), 1011),
    "announced too large": (struct.pack("!BBQ", 0x82, 127, 1 << 40), 1009),
    "too large": (Frame(Opcode.BINARY, bytes(100_001)).serialize(mask=False), 1009),
}


@pytest.mark.parametrize(("frames", "code"), BROKEN_FRAMES.values(), ids=BROKEN_FRAMES)
async def test_an_upstream_that_breaks_the_rules_ends_the_socket(
    raw: tuple[World, Backend], frames: bytes, code: int
) -> None:
    world, backend = raw

    async def play(link: Link) -> None:
        await link.send(accepting(await link.head()))
        await link.send(frames)
        await link.to_end()

    backend.play = play
    socket = await world.open()
    await socket.wait_closed()

    assert socket.close_code == code
    await until(lambda: not backend.open_links)


async def test_a_lost_client_is_told_to_the_upstream_as_going_away(world: World) -> None:
    await world.to(echo)
    socket = await world.open()
    await socket.send("a")
    await socket.recv()

    socket.transport.abort()

    await until(lambda: world.upstream_sockets[0].close_code is not None)
    assert world.upstream_sockets[0].close_code == 1001


async def test_a_client_that_is_lost_under_a_flood_ends_the_flood(world: World) -> None:
    async def flood(socket: ServerConnection) -> None:
        while True:
            await socket.send(bytes(50_000))

    await world.to(flood)
    socket = await world.open(max_queue=1)
    await socket.recv()

    socket.transport.abort()

    await until(lambda: not world.served.server.server_state.tasks)
    await until(lambda: world.upstream_sockets[0].close_code is not None)


async def test_a_client_that_is_lost_before_a_stalled_upstream_is_let_go(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mfa_gateway.doors.websocket.link._CLOSING", 0.05)
    go_on = asyncio.Event()

    async def stall(_socket: ServerConnection) -> None:
        await go_on.wait()

    await world.forward(
        Origin(Scheme.HTTP, "127.0.0.1", await world.behind(stall, max_queue=1)),
        websocket=replace(NUMBERS, ping=0.1, ping_timeout=0.1),
    )
    socket = await world.open()
    with suppress(ConnectionClosed, TimeoutError):
        async with asyncio.timeout(1):
            while True:
                await socket.send(bytes(100_000))
    socket.transport.abort()

    await until(lambda: not world.served.server.server_state.tasks)
    go_on.set()


async def test_a_server_that_only_says_so_when_something_is_sent_has_lost_its_client_all_the_same(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mfa_gateway.doors.upstream.websocket._LAST_WORDS", 0.05)

    async def greet(socket: ServerConnection) -> None:
        await socket.send("hello")
        await socket.wait_closed()

    incoming: list[Message] = [{"type": "websocket.connect"}]

    async def receive() -> Message:
        if not incoming:
            await asyncio.Event().wait()
        return incoming.pop(0)

    async def send(message: Message) -> None:
        if message["type"] == "websocket.send":
            raise ConnectionResetError

    upstream = Upstream(Origin(Scheme.HTTP, "127.0.0.1", await world.behind(greet)), Terms())
    async with asyncio.timeout(DEADLINE):
        await upstream(handshake("/"), receive, send)

    assert world.upstream_sockets[0].close_code == 1001


async def test_what_a_closing_upstream_said_still_reaches_a_client_that_talks_on(world: World) -> None:
    async def greet(socket: ServerConnection) -> None:
        await socket.send("a")
        await socket.send("b")
        await socket.close(4000)

    told: list[Message] = []
    may_take, talks = asyncio.Event(), 0

    async def receive() -> Message:
        nonlocal talks
        talks += 1
        if talks == 1:
            return {"type": "websocket.connect"}
        # The first word comes when the upstream has closed.
        await until(lambda: bool(world.upstream_sockets) and world.upstream_sockets[0].close_code is not None)
        asyncio.get_running_loop().call_later(0.05, may_take.set)
        return {"type": "websocket.receive", "text": "and another thing"}

    async def send(message: Message) -> None:
        if message["type"] == "websocket.send":
            await may_take.wait()
        told.append(message)

    upstream = Upstream(Origin(Scheme.HTTP, "127.0.0.1", await world.behind(greet)), Terms())
    async with asyncio.timeout(DEADLINE):
        await upstream(handshake("/"), receive, send)

    assert [message.get("text", message["type"]) for message in told] == [
        "websocket.accept",
        "a",
        "b",
        "websocket.close",
    ]
    assert told[-1]["code"] == 4000


async def test_a_message_that_is_too_large_never_reaches_the_upstream(world: World) -> None:
    got: list[object] = []

    async def handler(socket: ServerConnection) -> None:
        got.extend([message async for message in socket])

    await world.to(handler)
    socket = await world.open()
    with suppress(ConnectionClosed):
        await socket.send(bytes(100_001))
    await socket.wait_closed()

    assert socket.close_code == 1009
    await until(lambda: world.upstream_sockets[0].close_code is not None)
    assert got == []


async def test_a_stopping_gateway_tells_both_sides_1001(world: World) -> None:
    await world.to(echo)
    socket = await world.open()
    for connection in list(world.served.server.server_state.connections):
        connection.shutdown()
    await socket.wait_closed()
    await until(lambda: world.upstream_sockets[0].close_code is not None)

    assert (socket.close_code, world.upstream_sockets[0].close_code) == (1001, 1001)
    await until(lambda: not world.served.server.server_state.tasks)


# --- Back-pressure ----------------------------------------------------------------------------


async def test_a_slow_client_stalls_the_upstream(world: World) -> None:
    sent = 0

    async def flood(socket: ServerConnection) -> None:
        nonlocal sent
        while True:
            await socket.send(bytes(100_000))
            sent += 1

    await world.to(flood)
    socket = await world.open(max_queue=1)

    await is_steady(lambda: sent)
    # The kernel's buffers on four sockets' ends, and next to nothing of ours.
    assert sent * 100_000 < 40_000_000
    before = sent
    for _ in range(before + 5):
        await socket.recv()
    assert sent > before


async def test_a_slow_upstream_stalls_the_client(world: World) -> None:
    go_on = asyncio.Event()
    got = 0

    async def handler(socket: ServerConnection) -> None:
        nonlocal got
        await go_on.wait()
        async for _ in socket:
            got += 1

    await world.forward(Origin(Scheme.HTTP, "127.0.0.1", await world.behind(handler, max_queue=1)))
    socket = await world.open()
    sent = 0

    async def send() -> None:
        nonlocal sent
        while sent < 1_000:
            await socket.send(bytes(100_000))
            sent += 1

    sending = asyncio.ensure_future(send())
    await is_steady(lambda: sent)
    assert sent < 400
    go_on.set()
    await sending
    await until(lambda: got == 1_000)


# --- How an origin is reached -----------------------------------------------------------------


async def test_a_tls_upstream_is_reached_and_checked(world: World, files: Files) -> None:  # noqa: F811 - a fixture
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files.server)
    port = await world.behind(echo, ssl=context)
    origin = Origin(Scheme.HTTPS, "127.0.0.1", port)
    await world.forward(origin, trust=read_trust(ca=files.server, server_name=NAME))
    socket = await world.open()
    await socket.send(bytes(100_000))
    assert await socket.recv() == bytes(100_000)
    await socket.close(4000, "done")
    await until(lambda: world.upstream_sockets[0].close_code == 4000)

    await world.forward(origin, trust=read_trust(ca=files.server, server_name="other.internal"))
    assert (await world.refusal())[0] == 502
    assert len(world.upstream_sockets) == 1


async def test_a_unix_socket_upstream_is_reached(world: World, tmp_path: Path) -> None:
    path = tmp_path / "api.sock"
    await world.behind_unix(echo, path)
    await world.forward(Origin.parse(f"unix:{path}"))
    socket = await world.open()

    await socket.send("a")
    assert await socket.recv() == "a"


async def test_silent_upstreams_are_asked_whether_they_are_there(raw: tuple[World, Backend]) -> None:
    world, backend = raw
    pinged = asyncio.Event()

    async def play(link: Link) -> None:
        await link.send(accepting(await link.head()))
        assert (await link.exactly(6))[:2] == b"\x89\x80"
        pinged.set()
        await link.to_end()

    backend.play = play
    numbers = replace(NUMBERS, ping=0.05, ping_timeout=0.05)
    await world.forward(Origin(Scheme.HTTP, "127.0.0.1", backend.port), websocket=numbers)
    socket = await world.open()
    await pinged.wait()
    await socket.wait_closed()

    assert socket.close_code == 1011
