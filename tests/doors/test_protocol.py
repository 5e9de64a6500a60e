"""The protocol on real sockets: one request at a time, every wait with an end, and answers that arrive whole."""

import asyncio
import gc
import socket
from contextlib import suppress
from contextvars import ContextVar
from typing import TYPE_CHECKING

import pytest

from mfa_gateway.doors.asgi import UNDATED, Receive, Scope, Send
from mfa_gateway.doors.line import Phase
from mfa_gateway.doors.server import ServerTerms
from tests.doors.listening import DEADLINE, Handler, Recorder, application, reply, request, until

if TYPE_CHECKING:
    from tests.doors.conftest import Serve

# How long something is watched that must not happen, and the deadlines that must hold.
SHORT = 0.15
QUICK = ServerTerms(head_timeout=SHORT, body_idle=SHORT, keep_alive=SHORT, linger=SHORT)
CHUNKED = "Transfer-Encoding: chunked"


class Gate:
    """An application that holds each answer back until it is told to go on."""

    def __init__(self) -> None:
        self.seen: list[str] = []
        self.running = 0
        self.most_running = 0
        self.may_go = asyncio.Semaphore(0)
        self.app = application(self._answer)

    async def _answer(self, scope: Scope, _receive: Receive, send: Send) -> None:
        self.seen.append(scope["path"])
        self.running += 1
        self.most_running = max(self.most_running, self.running)
        await self.may_go.acquire()
        self.running -= 1
        await reply(send, scope["path"].encode())


# --- One request at a time --------------------------------------------------------------------


async def test_requests_in_one_packet_are_answered_in_order(serve: "Serve") -> None:
    app = Recorder()
    client = await (await serve(app)).connect()
    await client.send(b"".join(request(f"/{n}", method="POST", body=b"%d" % n) for n in range(50)))
    assert [(await client.answer()).body for _ in range(50)] == [b"%d" % n for n in range(50)]
    assert app.targets == [f"POST /{n}" for n in range(50)]


async def test_requests_sent_ahead_are_not_looked_at_before_their_turn(serve: "Serve") -> None:
    gate = Gate()
    client = await (await serve(gate.app)).connect()
    await client.send(b"".join(request(f"/{n}") for n in range(1000)))
    await until(lambda: gate.running == 1)
    for n in range(1000):
        gate.may_go.release()
        assert (await client.answer()).body == b"/%d" % n
    assert gate.most_running == 1


async def test_what_comes_after_requests_sent_ahead_is_read_too(serve: "Serve") -> None:
    gate = Gate()
    client = await (await serve(gate.app)).connect()
    await client.send(request("/one") + request("/two"))
    for _ in range(3):
        gate.may_go.release()
    assert [(await client.answer()).body for _ in range(2)] == [b"/one", b"/two"]
    await client.send(request("/three"))
    assert (await client.answer()).body == b"/three"


async def test_what_is_sent_ahead_is_bounded_even_if_the_application_keeps_asking(serve: "Serve") -> None:
    may_end = asyncio.Event()

    async def impatient(_scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        while not may_end.is_set():
            # As `Request.is_disconnected` of Starlette does: it asks, and takes the question back.
            asking = asyncio.ensure_future(receive())
            await asyncio.sleep(0)
            asking.cancel()
        await reply(send)

    served = await serve(application(impatient))
    client = await served.connect()
    await client.send(request())
    client.writer.write(request("/next", method="POST", body=b"x" * 8_000_000))
    connection = served.connections[0]
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(client.writer.drain(), SHORT)
    assert len(connection._ahead) <= 65_536 + 262_144
    may_end.set()
    assert (await client.answer()).status == 200


async def test_a_bad_request_behind_a_good_one_does_not_touch_the_good_ones_answer(serve: "Serve") -> None:
    gate = Gate()
    client = await (await serve(gate.app)).connect()
    await client.send(request("/good") + b"\x00\x01\x02")
    await until(lambda: gate.running == 1)
    assert await client.is_open_for(SHORT)
    gate.may_go.release()
    assert (await client.answer()).body == b"/good"
    assert (await client.answer()).status == 400
    assert await client.rest() == b""
    assert gate.seen == ["/good"]


async def test_what_follows_chunks_in_one_packet_is_not_served_and_the_client_is_told(serve: "Serve") -> None:
    app = Recorder()
    served = await serve(app, QUICK)
    client = await served.connect()
    await client.send(request("/a", CHUNKED, method="POST") + b"2\r\nhi\r\n0\r\n\r\n" + request("/b"))
    answer = await client.answer()
    assert (answer.body, answer.values(b"connection")) == (b"hi", [b"close"])
    (connection,) = served.connections
    assert connection._phase is Phase.LEAVING
    assert not connection._wire.is_closing()
    assert await client.rest() == b""
    assert app.targets == ["POST /a"]


async def test_a_request_after_chunks_is_served_when_it_comes_later(serve: "Serve") -> None:
    client = await (await serve(Recorder())).connect()
    await client.send(request("/a", CHUNKED, method="POST") + b"2\r\nhi\r\n0\r\n\r\n")
    assert (await client.answer()).body == b"hi"
    await client.send(request("/b", method="POST", body=b"ho"))
    assert (await client.answer()).body == b"ho"


@pytest.mark.parametrize("farewell", ["Connection: close", "connection: Close"])
async def test_nothing_is_served_behind_a_farewell(serve: "Serve", farewell: str) -> None:
    app = Recorder()
    served = await serve(app, QUICK)
    answers = await served.ask(request("/last", farewell) + request("/more"))
    assert answers.count(b"HTTP/1.1 ") == 1
    assert app.targets == ["GET /last"]


async def test_two_requests_are_read_alike_wherever_the_packets_are_cut(serve: "Serve") -> None:
    app = Recorder()
    served = await serve(app)
    both = request("/one", method="POST", body=b"1\r\n\r\n1") + request("/two", "X: y")
    for cut in range(1, len(both)):
        client = await served.connect()
        await client.send(both[:cut], both[cut:])
        answers = [await client.answer(), await client.answer()]
        assert [answer.body for answer in answers] == [b"1\r\n\r\n1", b""], f"cut at {cut}"
        await client.end()
    assert set(app.targets) == {"POST /one", "GET /two"}


async def test_nothing_of_one_request_is_seen_by_the_next(serve: "Serve") -> None:
    secret: ContextVar[str] = ContextVar("secret", default="nothing")

    async def leaky(scope: Scope, _receive: Receive, send: Send) -> None:
        found = secret.get()
        secret.set(scope["path"])
        await reply(send, found.encode())

    client = await (await serve(application(leaky))).connect()
    await client.send(request("/one") + request("/two"))
    assert [(await client.answer()).body for _ in range(2)] == [b"nothing", b"nothing"]


@pytest.mark.parametrize("ahead", [b"", request("/ahead")])
async def test_an_application_hears_of_a_client_that_leaves(serve: "Serve", ahead: bytes) -> None:
    heard: list[str] = []

    async def listening_app(_scope: Scope, receive: Receive, _send: Send) -> None:
        await receive()
        heard.append("begun")
        heard.append((await receive())["type"])

    client = await (await serve(application(listening_app))).connect()
    await client.send(request() + ahead)
    await until(lambda: heard == ["begun"])
    await client.end()
    await until(lambda: heard == ["begun", "http.disconnect"])


@pytest.mark.parametrize(
    "sent",
    [b"", b"GET /half HTTP/1.1\r\n", request(), request() + request(), request("/", "Content-Length: 9", method="PUT")],
    ids=["nothing", "half a head", "one", "two", "half a body"],
)
async def test_a_connection_that_ended_is_gone_without_the_collector(serve: "Serve", sent: bytes) -> None:
    served = await serve(Recorder())
    gc.collect()
    gc.disable()
    try:
        client = await served.connect()
        await client.send(sent)
        await until(lambda: len(served.connections) == 1)
        kind = type(served.connections[0])
        if sent.startswith(request()):
            await client.answer()
        await client.end()
        await until(lambda: not served.connections and not served.server.server_state.tasks)
        await until(lambda: not any(type(one) is kind for one in gc.get_objects()))
    finally:
        gc.enable()


# --- Heads ------------------------------------------------------------------------------------


async def test_a_head_may_come_byte_by_byte(serve: "Serve") -> None:
    client = await (await serve(Recorder())).connect()
    await client.send(*(bytes((byte,)) for byte in request("/slow", method="POST", body=b"body")))
    assert (await client.answer()).body == b"body"


@pytest.mark.parametrize(("spare", "status"), [(0, 200), (1, 431)])
async def test_a_head_is_as_large_as_allowed_and_not_a_byte_larger(serve: "Serve", spare: int, status: int) -> None:
    app = Recorder()
    served = await serve(app, ServerTerms(head_bytes=1000))
    room = 1000 - len(request("/", "X: "))
    client = await served.connect()
    await client.send(request("/", "X: " + "y" * (room + spare)))
    assert (await client.answer()).status == status
    assert len(app.seen) == (status == 200)


@pytest.mark.parametrize(("fields", "status"), [(100, 200), (101, 431)])
async def test_a_head_has_as_many_fields_as_allowed_and_no_more(serve: "Serve", fields: int, status: int) -> None:
    client = await (await serve(Recorder())).connect()
    await client.send(request("/", *(f"X-{n}: y" for n in range(fields - 1))))
    assert (await client.answer()).status == status


@pytest.mark.parametrize(("length", "status"), [(8192, 200), (8193, 414)])
async def test_a_target_is_as_long_as_allowed_and_not_a_byte_longer(serve: "Serve", length: int, status: int) -> None:
    client = await (await serve(Recorder())).connect()
    await client.send(request("/" + "x" * (length - 1)))
    assert (await client.answer()).status == status


async def test_a_large_body_in_the_packet_of_its_head_is_no_large_head(serve: "Serve") -> None:
    client = await (await serve(Recorder(), ServerTerms(head_bytes=200))).connect()
    await client.send(request("/", method="POST", body=b"x" * 5000))
    assert len((await client.answer()).body) == 5000


async def test_the_next_head_has_as_much_room_as_the_first(serve: "Serve") -> None:
    client = await (await serve(Recorder(), ServerTerms(head_bytes=200))).connect()
    for _ in range(5):
        await client.send(request("/", "X: " + "y" * 100))
        assert (await client.answer()).status == 200


async def test_trailers_have_a_bound_too(serve: "Serve") -> None:
    app = Recorder()
    client = await (await serve(app, ServerTerms(head_bytes=2000, linger=SHORT))).connect()
    await client.send(request("/", CHUNKED, method="POST") + b"2\r\nhi\r\n")
    await client.send(b"0\r\nX-Long: ", *(b"y" * 500 for _ in range(10)))
    assert (await client.answer()).status == 431
    await until(lambda: app.seen[0].was_cut)


async def test_chunks_in_many_pieces_are_no_trailers(serve: "Serve") -> None:
    client = await (await serve(Recorder(), ServerTerms(head_bytes=200))).connect()
    await client.send(request("/", CHUNKED, method="POST"), *(b"2\r\nhi\r\n" for _ in range(200)), b"0\r\n\r\n")
    assert (await client.answer()).body == b"hi" * 200


async def test_a_scope_says_that_dates_are_left_to_the_application(serve: "Serve") -> None:
    app = Recorder()
    await (await serve(app)).ask(request("/", "Connection: close"))
    assert UNDATED in app.seen[0].scope["extensions"]


# --- Waits ------------------------------------------------------------------------------------


async def test_a_connection_that_never_asks_is_closed_without_a_word(serve: "Serve") -> None:
    assert await (await serve(Recorder(), QUICK)).ask() == b""


async def test_half_a_head_is_answered_with_408_and_closed(serve: "Serve") -> None:
    app = Recorder()
    answer = await (await serve(app, QUICK)).ask(b"GET / HTTP/1.1\r\nHost: gw")
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert app.seen == []


async def test_a_head_in_drops_is_closed_in_the_end(serve: "Serve") -> None:
    client = await (await serve(Recorder(), QUICK)).connect()
    drops = 0
    async with asyncio.timeout(DEADLINE):
        while await client.is_open_for(SHORT / 5):
            client.writer.write(b"x")
            drops += 1
    assert drops < 20


async def test_a_body_has_a_time_of_its_own(serve: "Serve") -> None:
    half = request("/", "Content-Length: 4", method="POST") + b"bo"
    patient = await (await serve(Recorder(), ServerTerms(head_timeout=SHORT, body_idle=DEADLINE))).connect()
    await patient.send(half)
    assert await patient.is_open_for(3 * SHORT)
    await patient.send(b"dy")
    assert (await patient.answer()).body == b"body"
    quick = await serve(Recorder(), ServerTerms(head_timeout=2 * DEADLINE, body_idle=SHORT))
    assert (await quick.ask(half)).startswith(b"HTTP/1.1 408 ")


async def test_half_a_body_is_answered_with_408_and_the_application_hears_of_it(serve: "Serve") -> None:
    app = Recorder()
    answer = await (await serve(app, QUICK)).ask(request("/", "Content-Length: 10", method="POST") + b"half")
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert app.seen[0].was_cut


async def test_a_body_in_drops_is_closed_in_the_end(serve: "Serve") -> None:
    app = Recorder()
    client = await (await serve(app, QUICK)).connect()
    await client.send(request("/", "Content-Length: 100000", method="POST"))
    drops = 0
    async with asyncio.timeout(DEADLINE):
        while await client.is_open_for(SHORT / 5):
            client.writer.write(b"x")
            drops += 1
    assert drops < 20
    await until(lambda: app.seen[0].was_cut)


async def test_a_body_that_keeps_coming_takes_as_long_as_it_takes(serve: "Serve") -> None:
    client = await (await serve(Recorder(), QUICK)).connect()
    await client.send(request("/", "Content-Length: 20480", method="POST"))
    for _ in range(10):
        assert await client.is_open_for(SHORT / 3)
        await client.send(b"x" * 2048)
    assert len((await client.answer()).body) == 20480


async def test_an_idle_connection_is_closed_after_a_while(serve: "Serve") -> None:
    client = await (await serve(Recorder(), QUICK)).connect()
    await client.send(request())
    assert (await client.answer()).status == 200
    assert await client.rest() == b""


async def test_the_time_for_a_head_begins_with_its_first_byte(serve: "Serve") -> None:
    client = await (await serve(Recorder(), ServerTerms(keep_alive=SHORT, head_timeout=DEADLINE))).connect()
    await client.send(request())
    await client.answer()
    await client.send(b"GET / HTTP/1.1\r\n")
    assert await client.is_open_for(3 * SHORT)
    await client.send(b"Host: gw.test\r\n\r\n")
    assert (await client.answer()).status == 200


async def test_blank_lines_do_not_keep_a_connection(serve: "Serve") -> None:
    client = await (await serve(Recorder(), QUICK)).connect()
    await client.send(request())
    await client.answer()
    async with asyncio.timeout(DEADLINE):
        while await client.is_open_for(SHORT / 5):
            client.writer.write(b"\r\n")


async def test_no_time_runs_against_a_client_that_we_do_not_read_from(serve: "Serve") -> None:
    may_read = asyncio.Event()
    seen = Recorder()

    async def slow(scope: Scope, receive: Receive, send: Send) -> None:
        await may_read.wait()
        await seen(scope, receive, send)

    client = await (await serve(application(slow), QUICK)).connect()
    body = b"x" * 1_000_000
    sending = asyncio.ensure_future(client.send(request("/", method="POST", body=body)))
    assert await client.is_open_for(3 * SHORT)
    may_read.set()
    assert (await client.answer()).body == body
    await sending


async def test_time_runs_again_when_we_read_on(serve: "Serve") -> None:
    may_read = asyncio.Event()
    seen = Recorder()

    async def slow(scope: Scope, receive: Receive, send: Send) -> None:
        await may_read.wait()
        await seen(scope, receive, send)

    client = await (await serve(application(slow), QUICK)).connect()
    await client.send(request("/", "Content-Length: 1000000", method="POST") + b"x" * 80_000)
    assert await client.is_open_for(3 * SHORT)
    may_read.set()
    assert (await client.rest()).startswith(b"HTTP/1.1 408 ")
    assert seen.seen[0].was_cut


async def _endlessly(_scope: Scope, receive: Receive, send: Send) -> None:
    """Sends until the client has left."""
    await receive()
    await send({"type": "http.response.start", "status": 200, "headers": []})
    leaving = asyncio.ensure_future(receive())
    while not leaving.done():
        await send({"type": "http.response.body", "body": b"x" * 65_536, "more_body": True})
        await asyncio.sleep(0)


async def test_a_client_that_takes_nothing_of_its_answer_is_dropped(serve: "Serve") -> None:
    served = await serve(application(_endlessly), QUICK)
    client = await served.connect()
    client.reader._transport.pause_reading()  # type: ignore[attr-defined] # nothing public stops asyncio from reading
    await client.send(request())
    await until(lambda: served.connections[0].flow.write_paused)
    await until(lambda: not served.connections)
    await until(lambda: not served.server.server_state.tasks)


@pytest.mark.parametrize("fields", [(), ("Connection: close",)], ids=["kept", "closed"])
async def test_a_client_that_takes_its_answer_slowly_gets_all_of_it(serve: "Serve", fields: tuple[str, ...]) -> None:
    size = 12_000_000

    async def large(_scope: Scope, _receive: Receive, send: Send) -> None:
        await reply(send, b"x" * size)

    client = await (await serve(application(large), ServerTerms(body_idle=0.4))).connect()
    await client.send(request("/", *fields))
    await client.reader.readuntil(b"\r\n\r\n")
    taken = 0
    async with asyncio.timeout(DEADLINE):
        while taken < size:
            taken += len(await client.reader.read(size // 24))
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(asyncio.Event().wait(), 0.03)
    assert taken == size


# --- Early answers and refusals ---------------------------------------------------------------


async def _early(_scope: Scope, _receive: Receive, send: Send) -> None:
    await reply(send, b"early", status=403)


async def _early_and_last(_scope: Scope, _receive: Receive, send: Send) -> None:
    await send(
        {
            "type": "http.response.start",
            "status": 403,
            "headers": [(b"content-length", b"5"), (b"connection", b"close")],
        }
    )
    await send({"type": "http.response.body", "body": b"early"})


async def test_after_an_early_answer_a_short_body_is_read_on_and_the_next_request_is_served(serve: "Serve") -> None:
    client = await (await serve(application(_early))).connect()
    await client.send(request("/", "Content-Length: 10", method="POST"))
    assert (await client.answer()).body == b"early"
    await client.send(b"0123456789" + request("/next"))
    assert (await client.answer()).body == b"early"


async def test_after_an_early_answer_chunks_are_read_on_and_the_next_request_is_served(serve: "Serve") -> None:
    client = await (await serve(application(_early))).connect()
    await client.send(request("/", CHUNKED, method="POST"))
    assert (await client.answer()).body == b"early"
    await client.send(b"2\r\nhi\r\n0\r\n\r\n" + request("/next"))
    assert (await client.answer()).body == b"early"


async def test_after_an_early_answer_a_body_that_does_not_come_ends_the_connection(serve: "Serve") -> None:
    client = await (await serve(application(_early), ServerTerms(linger=SHORT))).connect()
    await client.send(request("/", "Content-Length: 10", method="POST"))
    assert (await client.answer()).body == b"early"
    assert await client.rest() == b""


async def test_after_an_early_answer_a_long_body_ends_the_connection(serve: "Serve") -> None:
    app = Recorder()
    served = await serve(application(_early), ServerTerms(linger=SHORT))
    client = await served.connect()
    client.writer.write(request("/", method="POST", body=b"x" * 300_000) + request("/next"))
    assert (await client.answer()).body == b"early"
    assert await client.rest() == b""
    assert app.seen == []


async def test_after_an_early_answer_broken_chunks_get_no_second_one(serve: "Serve") -> None:
    client = await (await serve(application(_early), QUICK)).connect()
    await client.send(request("/", CHUNKED, method="POST"))
    assert (await client.answer()).body == b"early"
    await client.send(b"what?\r\n")
    assert await client.rest() == b""


@pytest.mark.parametrize("handler", [_early, _early_and_last])
async def test_after_a_refused_expectation_the_next_request_is_not_taken_for_the_body(
    serve: "Serve", handler: Handler
) -> None:
    following = request("/next")
    fields = [f"Content-Length: {len(following)}", "Expect: 100-continue"]
    client = await (await serve(application(handler), QUICK)).connect()
    await client.send(request("/", *fields, method="POST"))
    assert (await client.answer()).status == 403
    await client.send(following + following)
    assert await client.rest() == b""


async def test_a_client_is_told_to_continue_when_the_application_wants_its_body(serve: "Serve") -> None:
    client = await (await serve(Recorder())).connect()
    await client.send(request("/", "Content-Length: 4", "Expect: 100-continue", method="POST"))
    assert (await client.answer()).status == 100
    await client.send(b"body")
    assert (await client.answer()).body == b"body"


async def test_a_client_of_http_1_0_is_not_told_to_continue(serve: "Serve") -> None:
    served = await serve(Recorder())
    answer = await served.ask(b"POST / HTTP/1.0\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\nbody")
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert b"connection: close" in answer
    assert answer.endswith(b"body")


async def test_a_client_that_keeps_sending_reads_the_whole_refusal(serve: "Serve") -> None:
    client = await (await serve(application(_early_and_last), ServerTerms(linger=SHORT))).connect()
    await client.send(request("/", "Content-Length: 100000000", method="POST"))
    answering = asyncio.ensure_future(client.rest())
    sent = 0
    async with asyncio.timeout(DEADLINE):
        while not answering.done():
            client.writer.write(b"x" * 1024)
            sent += 1024
            await asyncio.sleep(0)
    assert answering.result().endswith(b"early")
    assert sent > 0


def _send_all_and_then_read(port: int, data: bytes) -> bytes:
    """As most clients do: they look at the answer when they have sent everything, or can send no more."""
    with socket.create_connection(("127.0.0.1", port), timeout=DEADLINE) as client:
        with suppress(ConnectionError):
            client.sendall(data)
        answer = b""
        with suppress(ConnectionResetError):
            while piece := client.recv(65_536):
                answer += piece
        return answer


@pytest.mark.parametrize("size", [100_000, 500_000, 40_000_000])
async def test_a_client_that_sends_everything_first_reads_the_whole_refusal(serve: "Serve", size: int) -> None:
    served = await serve(application(_early_and_last), ServerTerms(linger=SHORT))
    answer = await asyncio.to_thread(
        _send_all_and_then_read, served.port, request("/", method="POST", body=b"x" * size)
    )
    assert answer.startswith(b"HTTP/1.1 403 ")
    assert answer.endswith(b"early")


async def test_what_a_refused_client_still_sends_is_not_kept(serve: "Serve") -> None:
    served = await serve(application(_early_and_last), ServerTerms(linger=DEADLINE))
    client = await served.connect()
    client.writer.write(request("/", method="POST", body=b"x" * 10_000_000))
    await client.answer()
    (connection,) = served.connections
    await until(lambda: connection.flow.read_paused)
    assert connection._phase is Phase.LEAVING
    assert connection._thrown_away <= 65_536 + 262_144
    assert len(connection.cycle.body) <= 262_144


async def test_a_broken_body_ends_a_running_answer_and_writes_nothing_into_it(serve: "Serve") -> None:
    heard: list[str] = []

    async def half(_scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"100")]})
        await send({"type": "http.response.body", "body": b"half", "more_body": True})
        await receive()
        heard.append((await receive())["type"])
        await send({"type": "http.response.body", "body": b"more", "more_body": True})

    client = await (await serve(application(half), QUICK)).connect()
    await client.send(request("/", CHUNKED, method="POST") + b"2\r\nhi\r\n")
    assert (await client.reader.readuntil(b"half")).endswith(b"\r\n\r\nhalf")
    await client.send(b"XX\r\n")
    assert await client.rest() == b""
    assert heard == ["http.disconnect"]


async def test_a_broken_body_is_answered_with_400_and_then_with_nothing_else(serve: "Serve") -> None:
    heard: list[str] = []

    async def late(_scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        heard.append((await receive())["type"])
        await reply(send, b"too late")

    client = await (await serve(application(late), QUICK)).connect()
    await client.send(request("/", CHUNKED, method="POST") + b"2\r\nhi\r\n", b"XX\r\n")
    answer = await client.rest()
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b"too late" not in answer
    assert heard == ["http.disconnect"]


async def test_a_refusal_of_ours_says_all_that_an_answer_has_to_say(serve: "Serve") -> None:
    client = await (await serve(Recorder(), QUICK)).connect()
    await client.send(b"nonsense\r\n\r\n")
    answer = await client.answer()
    assert answer.status == 400
    assert answer.values(b"content-type") == [b"application/problem+json"]
    assert answer.values(b"connection") == [b"close"]
    assert answer.values(b"cache-control") == [b"no-store"]
    assert [len(answer.values(name)) for name in (b"date", b"x-request-id")] == [1, 1]
    assert b'"status":400' in answer.body


async def test_a_refusal_of_a_head_request_has_no_body(serve: "Serve") -> None:
    answer = await (await serve(Recorder(), QUICK)).ask(request("/", "Host: twice", method="HEAD"))
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert answer.endswith(b"\r\n\r\n")


async def test_a_tunnel_is_refused_with_what_is_allowed(serve: "Serve") -> None:
    app = Recorder()
    answer = await (await serve(app, QUICK)).ask(b"CONNECT gw.test:80 HTTP/1.1\r\nHost: gw.test\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 405 ")
    assert b"\r\nallow: GET, " in answer
    assert app.seen == []


async def test_an_application_that_breaks_is_a_500_and_a_closed_connection(serve: "Serve") -> None:
    async def broken(_scope: Scope, _receive: Receive, _send: Send) -> None:
        raise RuntimeError("broken on purpose")

    answer = await (await serve(application(broken), QUICK)).ask(request("/", method="POST", body=b"x" * 100_000))
    assert answer.startswith(b"HTTP/1.1 500 ")


async def test_an_application_that_breaks_off_leaves_an_answer_that_is_visibly_incomplete(serve: "Serve") -> None:
    async def cut(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"half", "more_body": True})
        raise RuntimeError("broken on purpose")

    answer = await (await serve(application(cut), QUICK)).ask(request())
    assert answer.endswith(b"4\r\nhalf\r\n")


async def test_what_an_application_sends_after_it_broke_goes_nowhere(serve: "Serve") -> None:
    may_send = asyncio.Event()
    late: list[asyncio.Task[None]] = []

    async def broken(_scope: Scope, _receive: Receive, send: Send) -> None:
        async def send_late() -> None:
            await may_send.wait()
            await send({"type": "http.response.body", "body": b"late", "more_body": True})

        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"8")]})
        await send({"type": "http.response.body", "body": b"half", "more_body": True})
        late.append(asyncio.ensure_future(send_late()))
        raise RuntimeError("broken on purpose")

    client = await (await serve(application(broken), ServerTerms(linger=DEADLINE))).connect()
    await client.send(request("/", "Content-Length: 10", method="POST"))
    assert (await client.rest()).endswith(b"half")
    may_send.set()
    await late[0]


async def test_an_answer_to_head_and_one_without_content_keep_the_connection(serve: "Serve") -> None:
    async def bare(scope: Scope, _receive: Receive, send: Send) -> None:
        if scope["method"] == "HEAD":
            await reply(send, b"not shown")
        else:
            await send({"type": "http.response.start", "status": 204, "headers": []})
            await send({"type": "http.response.body", "body": b""})

    client = await (await serve(application(bare))).connect()
    for _ in range(2):
        await client.send(request("/", method="HEAD"))
        assert (await client.answer(to_head=True)).values(b"content-length") == [b"9"]
        await client.send(request("/"))
        empty = await client.answer()
        assert (empty.status, empty.values(b"content-length"), empty.values(b"transfer-encoding")) == (204, [], [])
