"""The server's side of a WebSocket, on real sockets: what becomes one, what does not, and how each ends."""

import asyncio
import struct
from base64 import b64encode
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from typing import Final

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.frames import Frame, Opcode

from mfa_gateway.doors.asgi import Message, Receive, Scope, Send
from mfa_gateway.doors.server import ServerTerms
from mfa_gateway.doors.websocket.link import Link, LinkClosed
from mfa_gateway.doors.websocket.terms import SocketTerms
from tests.doors.conftest import Serve
from tests.doors.listening import DEADLINE, Listening, Recorder, application, reply, request, until

KEY: Final = b64encode(bytes(16)).decode()
HANDSHAKE: Final = (
    "Upgrade: websocket",
    "Connection: Upgrade",
    "Sec-WebSocket-Version: 13",
    f"Sec-WebSocket-Key: {KEY}",
)


def frame(opcode: Opcode, data: bytes, *, fin: bool = True, mask: bool = True) -> bytes:
    return Frame(opcode, data, fin).serialize(mask=mask)


@dataclass
class Echo:
    """Says back what it hears, and remembers how it ended."""

    scopes: list[Scope] = field(default_factory=list)
    heard: list[str | bytes] = field(default_factory=list)
    ends: list[Message] = field(default_factory=list)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "websocket":
            await Recorder()(scope, receive, send)
            return
        self.scopes.append(scope)
        assert (await receive())["type"] == "websocket.connect"
        await send({"type": "websocket.accept", "headers": [(b"x-app", b"here"), (b"connection", b"close")]})
        while (message := await receive())["type"] == "websocket.receive":
            text = message.get("text")
            self.heard.append(message["bytes"] if text is None else text)
            with suppress(LinkClosed):
                await send(
                    {"type": "websocket.send", "text": text}
                    if text is not None
                    else {"type": "websocket.send", "bytes": message["bytes"]}
                )
        self.ends.append(message)


Open = Callable[..., Awaitable[ClientConnection]]


@pytest.fixture
async def open_() -> AsyncIterator[Open]:
    async with AsyncExitStack() as stack:

        async def open_(served: Listening, target: str = "/", **options: object) -> ClientConnection:
            options = {"ping_interval": None, "compression": None, "close_timeout": 2, **options}
            return await stack.enter_async_context(
                connect(f"ws://127.0.0.1:{served.port}{target}", **options)  # type: ignore[arg-type]
            )

        async with asyncio.timeout(2 * DEADLINE):
            yield open_


def terms(**numbers: float) -> ServerTerms:
    return ServerTerms(websocket=SocketTerms(**numbers))  # type: ignore[arg-type]


def links(served: Listening) -> list[Link]:
    connections: set[object] = set(served.server.server_state.connections)
    return [found for found in connections if isinstance(found, Link)]


# --- What becomes one -------------------------------------------------------------------------


async def test_text_and_bytes_go_both_ways_as_they_are(serve: Serve, open_: Open) -> None:
    echo = Echo()
    socket = await open_(await serve(echo))

    for message in ("grüße", b"\x00\xff", "", b""):
        await socket.send(message)
        assert await socket.recv() == message
    await socket.close()
    assert echo.heard == ["grüße", b"\x00\xff", "", b""]


async def test_the_application_sees_a_websocket_scope(serve: Serve, open_: Open) -> None:
    echo = Echo()
    socket = await open_(await serve(echo), "/chat/a%20b?x=1", subprotocols=["one", "two"])

    (scope,) = echo.scopes
    assert (scope["path"], scope["raw_path"], scope["query_string"]) == ("/chat/a b", b"/chat/a%20b", b"x=1")
    assert (scope["scheme"], scope["subprotocols"], "method" in scope) == ("ws", ["one", "two"], False)
    assert "websocket.http.response" in scope["extensions"]
    assert socket.response is not None
    assert socket.response.headers["x-app"] == "here"
    assert socket.response.headers.get_all("connection") == ["Upgrade"]


async def test_no_extension_is_negotiated(serve: Serve, open_: Open) -> None:
    socket = await open_(await serve(Echo()), compression="deflate")

    assert socket.response is not None
    assert "sec-websocket-extensions" not in socket.response.headers


async def test_fragments_become_one_message_and_pings_between_them_are_answered(serve: Serve) -> None:
    echo = Echo()
    client = await (await serve(echo)).connect()
    await client.send(request("/", *HANDSHAKE))
    await client.answer()
    pieces = [
        frame(Opcode.TEXT, b"gr", fin=False),
        frame(Opcode.PING, b"there?"),
        frame(Opcode.CONT, b"\xc3", fin=False),
        frame(Opcode.CONT, b"", fin=False),
        frame(Opcode.CONT, b"\xbc\xc3\x9fe"),
    ]

    await client.send(*pieces)

    assert await client.reader.readexactly(8) == frame(Opcode.PONG, b"there?", mask=False)
    assert await client.reader.readexactly(9) == frame(Opcode.TEXT, "grüße".encode(), mask=False)


async def test_frames_in_the_packet_of_the_handshake_are_the_first_messages(serve: Serve) -> None:
    echo = Echo()
    client = await (await serve(echo)).connect()

    await client.send(request("/", *HANDSHAKE) + frame(Opcode.TEXT, b"early"))

    await client.answer()
    assert await client.reader.readexactly(7) == frame(Opcode.TEXT, b"early", mask=False)
    assert echo.heard == ["early"]


async def test_a_request_in_the_packet_of_the_handshake_is_no_request(serve: Serve) -> None:
    recorder, echo = Recorder(), Echo()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await (echo if scope["type"] == "websocket" else recorder)(scope, receive, send)

    client = await (await serve(app)).connect()
    await client.send(request("/", *HANDSHAKE) + request("/smuggled"))
    await client.answer()

    # Read as a frame, "G" has reserved bits set: a protocol error (1002).
    rest = await client.rest()
    assert rest[0] == 0x88
    assert struct.unpack("!H", rest[2:4]) == (1002,)
    assert recorder.seen == []
    assert echo.heard == []


BAD_HANDSHAKES = {
    "another version": (*HANDSHAKE[:2], "Sec-WebSocket-Version: 8", HANDSHAKE[3]),
    "no version": (*HANDSHAKE[:2], HANDSHAKE[3]),
    "no key": HANDSHAKE[:3],
    "a short key": (*HANDSHAKE[:3], "Sec-WebSocket-Key: YWJj"),
    "no base64": (*HANDSHAKE[:3], "Sec-WebSocket-Key: %%%"),
    "two keys": (*HANDSHAKE, f"Sec-WebSocket-Key: {KEY}"),
    "two versions": (*HANDSHAKE, "Sec-WebSocket-Version: 13"),
    "something else": ("Upgrade: h2c", *HANDSHAKE[1:]),
    "a list": ("Upgrade: websocket, h2c", *HANDSHAKE[1:]),
    "no connection": ("Upgrade: websocket", "Connection: keep-alive", *HANDSHAKE[2:]),
}  # fmt: skip


@pytest.mark.parametrize("fields", BAD_HANDSHAKES.values(), ids=BAD_HANDSHAKES)
async def test_what_is_no_handshake_in_every_respect_is_a_plain_request(serve: Serve, fields: tuple[str, ...]) -> None:
    recorder = Recorder()
    client = await (await serve(recorder)).connect()

    await client.send(request("/first", *fields) + request("/second"))

    assert ((await client.answer()).status, (await client.answer()).status) == (200, 200)
    assert [seen.scope["type"] for seen in recorder.seen] == ["http", "http"]
    assert recorder.targets == ["GET /first", "GET /second"]


@pytest.mark.parametrize("method", ["POST", "OPTIONS", "HEAD"])
async def test_another_method_is_a_plain_request(serve: Serve, method: str) -> None:
    recorder = Recorder()
    client = await (await serve(recorder)).connect()

    await client.send(request("/", *HANDSHAKE, method=method))

    assert (await client.answer(to_head=method == "HEAD")).status == 200
    assert [seen.scope["type"] for seen in recorder.seen] == ["http"]


async def test_http_1_0_is_a_plain_request(serve: Serve) -> None:
    recorder = Recorder()
    served = await serve(recorder)

    said = await served.ask(request("/", *HANDSHAKE).replace(b"HTTP/1.1", b"HTTP/1.0"))

    assert said.startswith(b"HTTP/1.1 200")
    assert [seen.scope["type"] for seen in recorder.seen] == ["http"]


@pytest.mark.parametrize("framing", ["Content-Length: 3", "Transfer-Encoding: chunked"])
async def test_a_handshake_with_a_body_is_refused_and_ends_the_connection(serve: Serve, framing: str) -> None:
    echo = Echo()

    said = await (await serve(echo)).ask(request("/", *HANDSHAKE, framing) + b"abc")

    assert said.startswith(b"HTTP/1.1 400")
    assert said.count(b"HTTP/1.1") == 1
    assert echo.scopes == []


async def test_nothing_is_expected_of_a_handshake(serve: Serve) -> None:
    client = await (await serve(Echo())).connect()

    await client.send(request("/", *HANDSHAKE, "Expect: 100-continue"))

    assert (await client.answer()).status == 101


# --- Refusals ---------------------------------------------------------------------------------


async def test_a_refusal_is_an_answer_of_http_and_ends_the_connection(serve: Serve) -> None:
    async def refuse(_scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({
            "type": "websocket.http.response.start", "status": 418,
            "headers": [(b"x-why", b"tea"), (b"content-length", b"6"), (b"connection", b"keep-alive")],
        })  # fmt: skip
        await send({"type": "websocket.http.response.body", "body": b"tea", "more_body": True})
        await send({"type": "websocket.http.response.body", "body": b"pot"})
        assert (await receive())["type"] == "websocket.disconnect"

    said = await (await serve(application(refuse))).ask(request("/", *HANDSHAKE) + request("/ahead"))

    head, _, body = said.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 418")
    assert b"x-why: tea" in head
    assert (head.count(b"connection: close"), body) == (1, b"teapot")


async def test_closing_before_accepting_is_a_403(serve: Serve, open_: Open) -> None:
    async def close(_scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "websocket.close", "code": 1008})

    with pytest.raises(InvalidStatus) as refusal:
        await open_(await serve(application(close)))

    assert refusal.value.response.status_code == 403


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
async def test_an_application_that_breaks_before_accepting_is_a_500(serve: Serve, open_: Open) -> None:
    async def crash(_scope: Scope, _receive: Receive, _send: Send) -> None:
        raise ValueError("broken")

    with pytest.raises(InvalidStatus) as refusal:
        await open_(await serve(application(crash)))

    assert refusal.value.response.status_code == 500


async def test_a_client_that_leaves_before_the_answer_is_heard_of(serve: Serve) -> None:
    heard: list[Message] = []

    async def wait(_scope: Scope, receive: Receive, send: Send) -> None:
        heard.append(await receive())
        heard.append(await receive())
        await send({"type": "websocket.accept"})

    served = await serve(application(wait))
    client = await served.connect()
    await client.send(request("/", *HANDSHAKE))
    await until(lambda: len(heard) == 1)
    await client.end()
    await until(lambda: len(heard) == 2)

    assert heard[1] == {"type": "websocket.disconnect", "code": 1006, "reason": ""}
    await until(lambda: not served.server.server_state.tasks)


async def test_a_header_with_a_line_end_is_no_way_to_say_more(serve: Serve, open_: Open) -> None:
    async def inject(_scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "websocket.accept", "headers": [(b"x-app", b"a\r\nset-cookie: b")]})

    with pytest.raises(InvalidStatus) as refusal:
        await open_(await serve(application(inject)))

    assert refusal.value.response.status_code == 500


# --- Ends -------------------------------------------------------------------------------------


@pytest.mark.parametrize(("code", "reason"), [(1000, "done"), (1001, ""), (3000, "mine"), (4999, "x" * 123)])
async def test_the_application_hears_why_the_client_closed(serve: Serve, open_: Open, code: int, reason: str) -> None:
    echo = Echo()
    socket = await open_(await serve(echo))

    await socket.close(code, reason)

    await until(lambda: bool(echo.ends))
    assert echo.ends == [{"type": "websocket.disconnect", "code": code, "reason": reason}]


async def test_a_close_without_a_code_is_told_as_one(serve: Serve) -> None:
    echo = Echo()
    client = await (await serve(echo)).connect()
    await client.send(request("/", *HANDSHAKE))
    await client.answer()

    await client.send(frame(Opcode.CLOSE, b""))

    assert await client.rest() == frame(Opcode.CLOSE, b"", mask=False)
    await until(lambda: bool(echo.ends))
    assert echo.ends == [{"type": "websocket.disconnect", "code": 1005, "reason": ""}]


async def test_a_lost_client_is_told_as_lost_behind_its_messages(serve: Serve) -> None:
    echo = Echo()
    client = await (await serve(echo)).connect()
    await client.send(request("/", *HANDSHAKE))
    await client.answer()

    await client.send(frame(Opcode.TEXT, b"last"))
    await client.end()

    await until(lambda: bool(echo.ends))
    assert echo.heard == ["last"]
    assert echo.ends == [{"type": "websocket.disconnect", "code": 1006, "reason": ""}]


@pytest.mark.parametrize(("said", "code", "reason"), [
    ({"code": 4001, "reason": "bye"}, 4001, "bye"), ({}, 1000, ""), ({"code": 1005}, 1005, ""),
    ({"code": 1000, "reason": "ü" * 100}, 1000, "ü" * 61),
])  # fmt: skip
async def test_the_client_hears_why_the_application_closed(
    serve: Serve, open_: Open, said: dict[str, object], code: int, reason: str
) -> None:
    ends: list[Message] = []

    async def close(_scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        await send({"type": "websocket.send", "text": "last"})
        await send({"type": "websocket.close", **said})
        ends.append(await receive())

    socket = await open_(await serve(application(close)))
    assert await socket.recv() == "last"
    with pytest.raises(ConnectionClosed):
        await socket.recv()

    assert (socket.close_code, socket.close_reason) == (code, reason)
    assert ends[0]["type"] == "websocket.disconnect"


async def test_an_application_that_returns_closes_normally(serve: Serve, open_: Open) -> None:
    async def leave(_scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "websocket.accept"})

    socket = await open_(await serve(application(leave)))
    await socket.wait_closed()

    assert socket.close_code == 1000


async def test_an_application_that_breaks_closes_with_1011(serve: Serve, open_: Open) -> None:
    async def crash(_scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        raise ValueError("broken")

    socket = await open_(await serve(application(crash)))
    await socket.wait_closed()

    assert socket.close_code == 1011


async def test_who_sends_to_a_closed_socket_is_told(serve: Serve, open_: Open) -> None:
    told: list[Exception] = []

    async def insist(_scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        await receive()
        try:
            await send({"type": "websocket.send", "text": "hello?"})
        except OSError as error:
            told.append(error)
            raise

    socket = await open_(await serve(application(insist)))
    await socket.close()

    await until(lambda: bool(told))
    assert isinstance(told[0], LinkClosed)


BROKEN_FRAMES = {
    "not masked": (frame(Opcode.TEXT, b"a", mask=False), 1002),
    "an unknown opcode": (b"\x83\x80\0\0\0\0", 1002),
    "a reserved bit": (b"\xc1\x80\0\0\0\0", 1002),
    "a long ping": (frame(Opcode.BINARY, bytes(126)).replace(b"\x82", b"\x89", 1), 1002),
    "a continuation of nothing": (frame(Opcode.CONT, b"a"), 1002),
    "a bad close": (frame(Opcode.CLOSE, b"\x03"), 1002),
    "text that is none": (frame(Opcode.TEXT, b"\xff"), 1007),
    "text that is none, in fragments": (frame(Opcode.TEXT, b"\xc3", fin=False) + frame(Opcode.CONT, b"("), 1007),
    "too large": (frame(Opcode.BINARY, bytes(2_001)), 1009),
    "too large in fragments": (
        frame(Opcode.BINARY, bytes(1_500), fin=False) + frame(Opcode.CONT, bytes(501)), 1009,
    ),
    "announced too large": (struct.pack("!BBQ", 0x82, 0xFF, 1 << 40), 1009),
}  # fmt: skip


@pytest.mark.parametrize(("bad", "code"), BROKEN_FRAMES.values(), ids=BROKEN_FRAMES)
async def test_what_breaks_the_rules_ends_the_socket_and_says_why(serve: Serve, bad: bytes, code: int) -> None:
    echo = Echo()
    client = await (await serve(echo, terms(message=2_000))).connect()
    await client.send(request("/", *HANDSHAKE))
    await client.answer()

    await client.send(bad)

    said = await client.rest()
    assert said[0] == 0x88
    assert struct.unpack("!H", said[2:4]) == (code,)
    await until(lambda: bool(echo.ends))
    assert echo.heard == []
    assert echo.ends == [{"type": "websocket.disconnect", "code": 1006, "reason": ""}]


async def test_the_largest_message_is_taken(serve: Serve, open_: Open) -> None:
    socket = await open_(await serve(Echo(), terms(message=200_000)), max_size=None)

    await socket.send(bytes(200_000))

    assert await socket.recv() == bytes(200_000)


async def test_a_client_still_reads_why_though_it_sends_on(serve: Serve) -> None:
    client = await (await serve(Echo(), terms(message=1_000))).connect()
    await client.send(request("/", *HANDSHAKE))
    await client.answer()

    # Far more than the kernel takes at once: the answer must not be lost in a reset.
    client.writer.write(frame(Opcode.BINARY, bytes(60_000)))

    said = await client.rest()
    assert struct.unpack("!H", said[2:4]) == (1009,)


# --- Bounds -----------------------------------------------------------------------------------


async def test_a_slow_application_stalls_its_client_and_little_waits(serve: Serve) -> None:
    go_on = asyncio.Event()
    got: list[bytes] = []

    async def slow(_scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        await go_on.wait()
        while (message := await receive())["type"] == "websocket.receive":
            got.append(message["bytes"])

    served = await serve(application(slow), terms(message=50_000, queue=4))
    client = await served.connect()
    await client.send(request("/", *HANDSHAKE))
    await client.answer()
    sent = [bytes([n]) * 20_000 for n in range(250)]
    writing = asyncio.ensure_future(client.send(*[frame(Opcode.BINARY, one) for one in sent]))
    await until(lambda: links(served)[0]._is_paused)
    (link,) = links(served)

    assert len(link._inbox) <= 4
    assert len(link._unread) <= 2 * 262_144
    go_on.set()
    await writing
    await client.send(frame(Opcode.CLOSE, struct.pack("!H", 1000)))
    await client.rest()
    await until(lambda: len(got) == len(sent))
    assert got == sent


async def test_many_small_messages_do_not_wait_all_at_once(serve: Serve) -> None:
    hold = asyncio.Event()

    async def slow(_scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        await hold.wait()

    served = await serve(application(slow), terms(queue=4))
    client = await served.connect()
    await client.send(request("/", *HANDSHAKE))
    await client.answer()
    await client.send(frame(Opcode.BINARY, b"") * 10_000)
    await until(lambda: links(served)[0]._is_paused)

    assert len(links(served)[0]._inbox) <= 700
    hold.set()


async def test_a_slow_client_stalls_the_application_and_little_waits(serve: Serve) -> None:
    sent = 0

    async def flood(_scope: Scope, receive: Receive, send: Send) -> None:
        nonlocal sent
        await receive()
        await send({"type": "websocket.accept"})
        with suppress(LinkClosed):
            while True:
                await send({"type": "websocket.send", "bytes": bytes(100_000)})
                sent += 100_000

    served = await serve(application(flood), terms(ping=0.1, ping_timeout=0.1))
    client = await served.connect()
    await client.send(request("/", *HANDSHAKE))
    await until(lambda: bool(links(served)) and not links(served)[0]._writable.is_set())
    (link,) = links(served)

    assert link._transport.get_write_buffer_size() < 300_000
    # And one that takes nothing at all is let go.
    await until(lambda: not links(served))
    assert sent < 50_000_000


async def test_a_flood_of_pings_fills_nothing_with_pongs(serve: Serve) -> None:
    served = await serve(Echo())
    client = await served.connect()
    await client.send(request("/", *HANDSHAKE))
    await client.answer()
    (link,) = links(served)
    link._writable.clear()
    before = link._transport.get_write_buffer_size()
    await client.send(b"".join(frame(Opcode.PING, b"%d" % n) for n in range(10_000)))
    await until(lambda: link._pong == frame(Opcode.PONG, b"9999", mask=False))

    assert link._transport.get_write_buffer_size() == before
    link.resume_writing()
    assert await client.reader.readexactly(6) == frame(Opcode.PONG, b"9999", mask=False)


# --- Life -------------------------------------------------------------------------------------


async def test_a_silent_client_is_asked_and_stays_if_it_answers(serve: Serve, open_: Open) -> None:
    served = await serve(Echo(), terms(ping=0.05, ping_timeout=DEADLINE))
    client = await served.connect()
    await client.send(request("/", *HANDSHAKE))
    await client.answer()

    async with asyncio.timeout(DEADLINE):
        for _ in range(3):
            assert await client.reader.readexactly(2) == frame(Opcode.PING, b"", mask=False)
            await client.send(frame(Opcode.PONG, b""))
    assert len(links(served)) == 1


async def test_a_client_that_does_not_answer_is_let_go_with_1011(serve: Serve) -> None:
    echo = Echo()
    served = await serve(echo, terms(ping=0.05, ping_timeout=0.05))
    client = await served.connect()
    await client.send(request("/", *HANDSHAKE))
    await client.answer()

    said = await client.rest()

    assert said[:2] == frame(Opcode.PING, b"", mask=False)
    assert struct.unpack("!H", said[4:6]) == (1011,)
    await until(lambda: not links(served))
    assert echo.ends[0]["code"] == 1006


async def test_a_client_that_never_says_its_part_of_the_close_is_let_go(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mfa_gateway.doors.websocket.link._CLOSING", 0.05)

    async def close(_scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        await send({"type": "websocket.close"})

    served = await serve(application(close))
    client = await served.connect()
    await client.send(request("/", *HANDSHAKE))

    await until(lambda: bool(links(served)))
    await until(lambda: not links(served))


async def test_open_sockets_count_as_connections(serve: Serve, open_: Open) -> None:
    served = await serve(Echo(), ServerTerms(connections=1))
    await open_(served)

    assert (await served.ask(request("/"))).startswith(b"HTTP/1.1 503")


async def test_a_stop_closes_every_socket_with_1001(serve: Serve, open_: Open) -> None:
    echo = Echo()
    served = await serve(echo)
    socket = await open_(served)

    for connection in list(served.server.server_state.connections):
        connection.shutdown()
    await socket.wait_closed()

    assert socket.close_code == 1001
    await until(lambda: bool(echo.ends))
    assert echo.ends[0]["code"] == 1001


async def test_a_socket_accepted_while_the_server_stops_is_closed_with_1001(serve: Serve, open_: Open) -> None:
    go_on, has_come = asyncio.Event(), asyncio.Event()

    async def late(_scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        has_come.set()
        await go_on.wait()
        await send({"type": "websocket.accept"})
        assert (await receive())["code"] == 1001

    served = await serve(application(late))
    opening = asyncio.ensure_future(open_(served))
    await has_come.wait()
    for connection in list(served.server.server_state.connections):
        connection.shutdown()
    go_on.set()
    socket = await opening
    await socket.wait_closed()

    assert socket.close_code == 1001


async def test_a_task_that_is_told_to_end_leaves_no_socket(serve: Serve, open_: Open) -> None:
    served = await serve(Echo())
    socket = await open_(served)

    for task in list(served.server.server_state.tasks):
        task.cancel()
    await socket.wait_closed()

    assert socket.close_code == 1006


async def test_plain_calls_go_on_beside_open_sockets(serve: Serve, open_: Open) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await (Echo()(scope, receive, send) if scope["type"] == "websocket" else reply(send))

    served = await serve(application(app))
    socket = await open_(served)
    client = await served.connect()
    await client.send(request("/"))

    assert (await client.answer()).body == b"ok"
    await socket.send("still here")
    assert await socket.recv() == "still here"
