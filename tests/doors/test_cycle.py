"""The cycle: what leaves for the client, byte for byte, and what is cut instead of sent."""

import asyncio
from contextvars import copy_context
from typing import Any, cast

import pytest

from mfa_gateway.doors.asgi import TRAILERS, ASGIApp, CutAnswer, Message, Receive, Scope, Send
from mfa_gateway.doors.cycle import Cycle
from mfa_gateway.doors.outbox import Outbox
from mfa_gateway.doors.transport import Exit, Flow


class Wire(asyncio.Transport):
    """A connection to a client that takes everything at once."""

    def __init__(self) -> None:
        super().__init__()
        self.written: list[bytes] = []
        self.is_closed = False

    def is_closing(self) -> bool:
        return False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written.append(bytes(data))

    def leave(self) -> None:
        self.is_closed = True


class Loop:
    """An event loop whose turns end by hand: with `flush`."""

    def call_soon(self, _callback: object) -> None:
        """Nothing comes by itself."""


class Stage:
    """One cycle with its surroundings."""

    def __init__(
        self, *, method: str = "GET", version: str = "1.1", keep_alive: bool = True, expects: bool = False
    ) -> None:
        self.wire = Wire()
        self._way_out = Exit(self.wire, self.wire.leave, Outbox(cast("asyncio.AbstractEventLoop", Loop())))
        self.answered = 0
        self.running: set[asyncio.Task[None]] = set()
        self.cycle = Cycle(
            {"type": "http", "method": method, "http_version": version},
            transport=self._way_out,
            flow=Flow(self.wire, may_read=lambda: True, on_change=lambda: None),
            keep_alive=keep_alive,
            expects_continue=expects,
            on_response=self._count,
            running=self.running,
            context=copy_context(),
        )

    def _count(self) -> None:
        self.answered += 1

    @property
    def sent(self) -> bytes:
        self._way_out.flush()
        return b"".join(self.wire.written)

    async def play(self, app: ASGIApp) -> bytes:
        """Have the application answer, each of its messages in a turn of its own; everything that was sent."""

        async def in_turns(scope: Scope, receive: Receive, send: Send) -> None:
            async def sending(message: Message) -> None:
                await send(message)
                self._way_out.flush()

            await app(scope, receive, sending)

        self.cycle.begin(in_turns)
        if self.running:
            await asyncio.wait(self.running)
        return self.sent


def answering(*messages: Message) -> ASGIApp:
    async def app(_scope: Scope, _receive: Receive, send: Send) -> None:
        for message in messages:
            await send(message)

    return app


def start(*headers: tuple[bytes, bytes], status: int = 200, **more: Any) -> Message:
    return {"type": "http.response.start", "status": status, "headers": list(headers), **more}


def body(data: bytes = b"", *, more: bool = False) -> Message:
    return {"type": "http.response.body", "body": data, "more_body": more}


SIZED = (b"content-length", b"5")


async def test_head_and_body_leave_in_one_write() -> None:
    stage = Stage()
    await stage.play(answering(start((b"x-a", b"1"), SIZED), body(b"hello")))
    assert stage.wire.written == [b"HTTP/1.1 200 OK\r\nx-a: 1\r\ncontent-length: 5\r\n\r\nhello"]
    assert (stage.answered, stage.wire.is_closed, stage.cycle.response_complete) == (1, False, True)


async def test_the_head_waits_for_the_first_word_about_the_body_and_no_longer() -> None:
    stage = Stage()
    await stage.play(answering(start(SIZED), body(more=True), body(b"hello")))
    assert stage.wire.written == [b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n", b"hello"]


async def test_a_body_of_no_known_length_is_sent_in_chunks() -> None:
    sent = await Stage().play(answering(start(), body(b"hello", more=True), body(b"", more=True), body(b" you")))
    assert sent == b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n4\r\n you\r\n0\r\n\r\n"


async def test_a_client_of_http_1_0_gets_the_body_until_the_end_of_the_connection() -> None:
    stage = Stage(version="1.0", keep_alive=True)
    sent = await stage.play(answering(start(), body(b"hello")))
    assert sent == b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nhello"
    assert stage.wire.is_closed


async def test_an_answer_to_head_keeps_its_length_and_has_no_body() -> None:
    sent = await Stage(method="HEAD").play(answering(start(SIZED), body(b"")))
    assert sent == b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n"


async def test_an_answer_to_head_says_nothing_of_chunks() -> None:
    sent = await Stage(method="HEAD").play(answering(start(), body(b"")))
    assert sent == b"HTTP/1.1 200 OK\r\n\r\n"


@pytest.mark.parametrize("status", [204, 304])
async def test_an_answer_that_has_no_body_has_no_framing_whatever_was_said(status: int) -> None:
    sent = await Stage().play(answering(start(SIZED, status=status), body(b"")))
    assert sent.partition(b"\r\n")[2] == b"\r\n"


async def test_a_status_without_a_name_is_sent() -> None:
    assert (await Stage().play(answering(start(SIZED, status=299), body(b"hello")))).startswith(b"HTTP/1.1 299 \r\n")


async def test_an_answer_that_says_close_is_the_last_one() -> None:
    stage = Stage()
    sent = await stage.play(answering(start((b"connection", b"Close"), SIZED), body(b"hello")))
    assert sent.count(b"connection: close\r\n") == 1
    assert stage.wire.is_closed


async def test_the_last_answer_of_a_connection_says_so() -> None:
    sent = await Stage(keep_alive=False).play(answering(start(SIZED), body(b"hello")))
    assert b"connection: close\r\n" in sent


async def test_framing_is_written_here_and_not_by_the_application() -> None:
    sent = await Stage().play(answering(start((b"transfer-encoding", b"gzip, chunked"), SIZED), body(b"hello")))
    assert sent == b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello"


@pytest.mark.parametrize(
    "header",
    [
        (b"x-a", b"1\r\nset-cookie: a=b"),
        (b"x-a", b"1\nb"),
        (b"x-a", b"1\rb"),
        (b"x-a", b"\0"),
        (b"x a", b"1"),
        (b"x:", b"1"),
        (b"", b"1"),
    ],
)
async def test_a_field_with_two_readings_is_answered_with_500_and_ends_the_connection(
    header: tuple[bytes, bytes],
) -> None:
    stage = Stage()
    sent = await stage.play(answering(start(header, SIZED), body(b"hello")))
    assert sent.startswith(b"HTTP/1.1 500 Internal Server Error\r\n")
    assert b"set-cookie" not in sent
    assert stage.wire.is_closed


@pytest.mark.parametrize("pieces", [[b"hell"], [b"hello!"], [b"hell", b"o!"]])
async def test_a_body_of_another_length_than_announced_ends_the_connection(pieces: list[bytes]) -> None:
    stage = Stage()
    parts = [body(piece, more=at < len(pieces) - 1) for at, piece in enumerate(pieces)]
    sent = await stage.play(answering(start(SIZED), *parts))
    assert stage.wire.is_closed
    assert not sent.endswith(b"hello!")


async def test_an_application_that_fails_before_its_answer_is_answered_for() -> None:
    async def app(_scope: Scope, _receive: Receive, _send: Send) -> None:
        raise ZeroDivisionError

    stage = Stage()
    sent = await stage.play(app)
    assert sent.endswith(b"\r\n\r\nInternal Server Error")
    assert stage.wire.is_closed


async def test_a_head_that_nobody_saw_is_taken_back_when_the_application_fails() -> None:
    async def app(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send(start(SIZED))
        raise ZeroDivisionError

    assert (await Stage().play(app)).startswith(b"HTTP/1.1 500 ")


async def test_an_answer_that_breaks_off_ends_the_connection_and_does_not_look_whole() -> None:
    async def app(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send(start())
        await send(body(b"hello", more=True))
        raise ZeroDivisionError

    stage = Stage()
    sent = await stage.play(app)
    assert stage.wire.is_closed
    assert b"0\r\n\r\n" not in sent
    assert stage.answered == 0


async def test_an_application_that_cuts_its_answer_ends_the_connection_without_another_word() -> None:
    async def app(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send(start())
        await send(body(b"hello", more=True))
        raise CutAnswer

    stage = Stage()
    assert (await stage.play(app)).endswith(b"5\r\nhello\r\n")
    assert stage.wire.is_closed


async def test_an_application_that_forgets_its_answer_is_answered_for() -> None:
    assert (await Stage().play(answering())).startswith(b"HTTP/1.1 500 ")


@pytest.mark.parametrize(
    "messages",
    [[body(b"hello")], [start(SIZED), start(SIZED)], [start(SIZED), {"type": TRAILERS, "headers": []}]],
    ids=["body first", "two heads", "trailers that were not announced"],
)
async def test_parts_out_of_order_are_not_sent(messages: list[Message]) -> None:
    assert (await Stage().play(answering(*messages))).startswith(b"HTTP/1.1 500 ")


async def test_nothing_follows_a_whole_answer() -> None:
    async def app(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send(start(SIZED))
        await send(body(b"hello"))
        with pytest.raises(RuntimeError):
            await send(body(b"more"))

    assert (await Stage().play(app)).endswith(b"\r\n\r\nhello")


async def test_trailers_follow_the_last_chunk() -> None:
    trailers = {"type": TRAILERS, "headers": [(b"server-timing", b"db;dur=3")]}
    sent = await Stage().play(answering(start(trailers=True), body(b"hello"), trailers))
    assert sent.endswith(b"5\r\nhello\r\n0\r\nserver-timing: db;dur=3\r\n\r\n")


async def test_trailers_never_frame_anything() -> None:
    trailers = {"type": TRAILERS, "headers": [(b"content-length", b"3"), (b"connection", b"close")]}
    stage = Stage()
    assert (await stage.play(answering(start(trailers=True), body(b"hello"), trailers))).endswith(b"0\r\n\r\n")
    assert not stage.wire.is_closed


async def test_a_client_that_left_is_sent_nothing() -> None:
    stage = Stage()
    stage.cycle.disconnected = True
    assert await stage.play(answering(start(SIZED), body(b"hello"))) == b""


# --- Reading ---


async def test_the_body_is_received_as_it_came_and_then_word_that_it_is_over() -> None:
    cycle = Stage().cycle
    cycle.body += b"hel"
    cycle.wake()
    first = await cycle.receive()
    cycle.body += b"lo"
    cycle.more_body = False
    cycle.wake()
    assert [first, await cycle.receive()] == [
        {"type": "http.request", "body": b"hel", "more_body": True},
        {"type": "http.request", "body": b"lo", "more_body": False},
    ]


async def test_receiving_waits_for_news() -> None:
    cycle = Stage().cycle
    waiting = asyncio.create_task(cycle.receive())
    await asyncio.sleep(0)
    assert not waiting.done()
    cycle.disconnected = True
    cycle.wake()
    assert await waiting == {"type": "http.disconnect"}


async def test_a_client_that_waits_is_told_to_go_on_once_the_body_is_asked_for() -> None:
    stage = Stage(expects=True)
    stage.cycle.wake()
    await stage.cycle.receive()
    stage.cycle.wake()
    await stage.cycle.receive()
    assert stage.sent == b"HTTP/1.1 100 Continue\r\n\r\n"


async def test_a_client_that_waits_is_not_told_to_go_on_after_the_answer() -> None:
    stage = Stage(expects=True)
    await stage.play(answering(start(SIZED), body(b"hello")))
    await stage.cycle.receive()
    assert b"100 Continue" not in stage.sent


# --- Whole answers without a body -------------------------------------------------------------


@pytest.mark.parametrize("keep_alive", [True, False])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_an_empty_answer_is_written_like_any_other(method: str, *, keep_alive: bool) -> None:
    plain, empty = (Stage(method=method, keep_alive=keep_alive, expects=True) for _ in range(2))
    plain.cycle.answer(200, [(b"a", b"1"), (b"b", b"2"), (b"content-length", b"0")], b"")
    empty.cycle.answer_empty(200, b"a: 1\r\nb: 2\r\n")
    assert plain.sent == empty.sent
    assert (plain.answered, plain.wire.is_closed) == (empty.answered, empty.wire.is_closed) == (1, not keep_alive)
    assert empty.cycle.response_started
    assert empty.cycle.response_complete


def test_nobody_is_told_nothing_who_has_left() -> None:
    stage = Stage()
    stage.cycle.disconnected = True
    stage.cycle.answer_empty(200, b"a: 1\r\n")
    assert (stage.sent, stage.answered) == (b"", 0)
