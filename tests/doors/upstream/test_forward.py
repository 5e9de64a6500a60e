import json
import logging
from typing import Any

import pytest

from mfa_gateway.doors.asgi import REQUEST_ID, UNDATED
from mfa_gateway.doors.upstream import AnswerCutError, Failure, Origin, Terms, Upstream
from tests.doors.upstream.conftest import Backend, Gateway, Link, Server, Start, call, http_scope, playing

SECRET = "hunter2"
ASKING = b"GET /?token=hunter2 HTTP/1.1\r\nHost: api.test\r\nAuthorization: Bearer hunter2\r\n\r\n"


@pytest.fixture
def app() -> Upstream:
    """An application whose upstream is never reached."""
    return Upstream(Origin.parse("http://127.0.0.1:1"), Terms())


# --- Problems ---------------------------------------------------------------------------------


async def test_a_failure_is_a_problem_document(gateway: Gateway, backend: Backend) -> None:
    backend.play = playing(b"garbage")
    answer = await gateway.ask()
    assert answer.values(b"content-type") == [b"application/problem+json"]
    assert answer.values(b"cache-control") == [b"no-store"]
    assert json.loads(answer.body) == {"type": "about:blank", "title": "Bad Gateway", "status": 502}


async def test_the_client_may_go_on_after_a_failure(gateway: Gateway, backend: Backend) -> None:
    backend.play = playing(b"garbage")
    client = await gateway.client()
    assert (await client.ask()).status == 502
    assert (await client.ask()).status == 502


async def test_a_failure_with_a_body_left_unread_closes(gateway: Gateway, backend: Backend) -> None:
    backend.play = playing(b"garbage")
    answer = await gateway.ask(b"POST / HTTP/1.1\r\nHost: api.test\r\nContent-Length: 100\r\n\r\nabc")
    assert answer.status == 502
    assert answer.values(b"connection") == [b"close"]


async def test_a_failure_after_the_whole_body_does_not_close(gateway: Gateway, backend: Backend) -> None:
    async def play(link: Link) -> None:
        await link.head()
        await link.exactly(3)
        await link.send(b"garbage")

    backend.play = play
    answer = await gateway.ask(b"POST / HTTP/1.1\r\nHost: api.test\r\nContent-Length: 3\r\n\r\nabc")
    assert answer.status == 502
    assert answer.values(b"connection") == []


async def test_a_failure_of_head_has_no_body(gateway: Gateway, backend: Backend) -> None:
    backend.play = playing(b"garbage")
    client = await gateway.client()
    answer = await client.ask(b"HEAD / HTTP/1.1\r\nHost: api.test\r\n\r\n", to_head=True)
    assert answer.status == 502
    assert (await client.ask()).status == 502


async def test_a_problem_is_dated_where_the_server_leaves_that_to_us(app: Upstream) -> None:
    for extensions, count in (((UNDATED,), 1), ((), 0)):
        start, _ = await call(app, http_scope(raw_path=b"*", extensions={key: {} for key in extensions}))
        assert [name for name, _ in start["headers"]].count(b"date") == count


async def test_a_problem_and_its_log_line_name_the_call(app: Upstream, caplog: pytest.LogCaptureFixture) -> None:
    start, _ = await call(app, http_scope(raw_path=b"*", **{REQUEST_ID: "0123456789abcdef"}))
    assert [value for name, value in start["headers"] if name == b"x-request-id"] == [b"0123456789abcdef"]
    assert "call 0123456789abcdef to 127.0.0.1:1 failed" in caplog.text


LENGTH = (b"content-length", b"3")


@pytest.mark.parametrize(
    ("scope", "status"),
    [
        (http_scope(LENGTH, LENGTH, method="POST"), 400),
        (http_scope(LENGTH, (b"transfer-encoding", b"chunked"), method="POST"), 400),
        (http_scope(LENGTH, (b"upgrade", b"h2c"), method="POST"), 400),
        (http_scope((b"host", b"two.test")), 400),
        (http_scope((b"x-note", b"a\r\nX-MFA-Verified: true")), 400),
        (http_scope(raw_path=b"/a\r\nX: y"), 400),
        (http_scope(raw_path=None), 400),
        (http_scope(method="TRACE"), 405),
    ],
)
async def test_s01_a_request_with_two_readings_is_refused(app: Upstream, scope: dict[str, Any], status: int) -> None:
    start, body = await call(app, scope)
    assert start["status"] == status
    assert json.loads(body["body"])["status"] == status
    assert app._pool._all == set()


# --- Answers that break off -------------------------------------------------------------------


async def test_an_answer_that_breaks_off_is_an_exception_for_the_server(gateway: Gateway, backend: Backend) -> None:
    backend.play = playing(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc")
    with pytest.raises(AnswerCutError) as caught:
        await call(gateway.app, http_scope())
    assert caught.value.failure is Failure.BROKEN
    assert caught.value.__context__ is None


async def test_l03_no_log_repeats_a_secret(
    gateway: Gateway, backend: Backend, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    for said in (b"hunter2", b"HTTP/1.1 200 OK\r\nSet-Cookie: hunter2\r\nContent-Length: 10\r\n\r\nhunter2"):
        backend.play = playing(said)
        client = await gateway.client()
        await client.send(ASKING)
        await client.to_end() if b"Length" in said else await client.answer()
    # uvicorn's access log is the server's to switch off.
    records = (record for record in caplog.records if record.name != "uvicorn.access")
    written = "\n".join(logging.Formatter().format(record) for record in records)
    assert Failure.BAD_ANSWER.value in written
    # Our own server knows what it means, so it says nothing more about it.
    assert ("AnswerCutError" in written) == (gateway.server is Server.ANY)
    assert SECRET not in written


async def test_a_client_that_left_is_not_an_error(
    gateway: Gateway, backend: Backend, caplog: pytest.LogCaptureFixture
) -> None:
    async def play(link: Link) -> None:
        await link.head()
        await link.to_end()

    backend.play = play
    sent = await call(gateway.app, http_scope(), {"type": "http.disconnect"})
    assert sent == []
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


# --- Other scopes -----------------------------------------------------------------------------


async def test_m07_a_websocket_that_cannot_be_forwarded_gets_a_problem_document_where_the_server_can_say_so(
    app: Upstream,
) -> None:
    scope = http_scope(type="websocket", extensions={"websocket.http.response": {}})
    start, body = await call(app, scope, {"type": "websocket.connect"})
    assert (start["type"], start["status"]) == ("websocket.http.response.start", 502)
    assert body["type"] == "websocket.http.response.body"


async def test_m07_a_websocket_is_closed_before_it_is_accepted_elsewhere(app: Upstream) -> None:
    (close,) = await call(app, http_scope(type="websocket"), {"type": "websocket.connect"})
    assert close["type"] == "websocket.close"


async def test_the_lifespan_closes_the_pool(start: Start, backend: Backend) -> None:
    gateway = await start()
    await gateway.ask()
    assert gateway.idle == 1
    sent = await call(gateway.app, {"type": "lifespan"}, {"type": "lifespan.startup"}, {"type": "lifespan.shutdown"})
    assert [message["type"] for message in sent] == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
    assert gateway.idle == 0


async def test_a_scope_of_another_type_is_not_guessed_at(app: Upstream) -> None:
    with pytest.raises(ValueError, match="telnet"):
        await call(app, {"type": "telnet"})
