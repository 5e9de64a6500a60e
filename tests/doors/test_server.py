"""The server with the gate in front of an application, attacked over raw sockets: what counts is what gets through."""

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import pytest

from mfa_gateway.core.policy import Access
from mfa_gateway.doors.asgi import ASGIApp, Receive, Scope, Send
from mfa_gateway.doors.middleware import MFAMiddleware
from mfa_gateway.doors.server import ServerTerms, make_server
from tests.doors.gateways import World
from tests.doors.listening import DEADLINE, Client, Listening, Recorder, application, reply, request, until
from tests.engine.fakes import GOOD_CODE, policy, rule

if TYPE_CHECKING:
    from tests.doors.conftest import Serve

SHORT = 0.15
QUICK = ServerTerms(head_timeout=SHORT, body_idle=SHORT, keep_alive=SHORT, linger=SHORT)
BEARER = "Authorization: Bearer A"
CODE = f"X-MFA-Code: {GOOD_CODE}"
CHUNKED = "Transfer-Encoding: chunked"


@dataclass
class Gated:
    """A listening gateway and the application behind it: `/protected` needs a factor, the rest is open."""

    served: Listening
    app: Recorder

    async def attack(self, *packets: bytes) -> bytes:
        """Send these packets on one connection and read until the gateway closes it."""
        return await self.served.ask(*packets)


@pytest.fixture
async def gated(serve: "Serve") -> Gated:
    app = Recorder()
    return Gated(await serve(MFAMiddleware(app, gateway=World()), QUICK), app)


def statuses(answers: bytes) -> list[int]:
    return [int(part[:3]) for part in answers.split(b"HTTP/1.1 ")[1:]]


# --- Targets ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "target",
    [
        "/protected#x",
        "/public#/../protected",
        "http://other.test/protected",
        "HTTP://other.test/public",
        "http://u@h:9/public",
        "*",
        "protected",
        "@evil/x",
        "//protected",
        "///protected",
        "/public/../protected",
        "/public/%2e%2e/protected",
        "/public%2f..%2fprotected",
        "/public%5c..%5cprotected",
        "/protected;v=1",
        "/protected%00",
        "/protected%0a",
        "/protected%zz",
        "/%c0%afprotected",
        "/public/%0d%0aX-MFA-User:%20b",
        "/public\x80",
        "/public\\..\\protected",
    ],
)
async def test_p09_p11_h10_a_target_with_two_readings_is_400_and_reaches_nobody(gated: Gated, target: str) -> None:
    answers = await gated.attack(request(target, BEARER))
    assert statuses(answers) == [400]
    assert gated.app.seen == []


async def test_p09_an_encoded_number_sign_is_plain_data(gated: Gated) -> None:
    answers = await gated.attack(request("/protected%23x", BEARER) + request("/public%23x", BEARER))
    assert statuses(answers) == [200, 200]
    assert gated.app.targets == ["GET /protected%23x", "GET /public%23x"]


async def test_p01_the_application_sees_the_path_that_was_judged(gated: Gated) -> None:
    answers = await gated.attack(request("/%70rotected", BEARER) + request("/%70ublic", BEARER))
    assert statuses(answers) == [401, 200]
    assert gated.app.targets == ["GET /public"]


async def test_fact_7_the_query_begins_at_the_first_question_mark(gated: Gated) -> None:
    await gated.attack(request("/public?/protected?x=1", BEARER))
    assert gated.app.seen[0].scope["query_string"] == b"/protected?x=1"


# --- Methods and versions ---------------------------------------------------------------------


@pytest.mark.parametrize("method", ["patch", "PaTcH", "FOO", "G@T", ""])
async def test_m05_a_method_that_the_parser_does_not_know_is_400(gated: Gated, method: str) -> None:
    assert statuses(await gated.attack(request("/public", BEARER, method=method))) == [400]
    assert gated.app.seen == []


@pytest.mark.parametrize("method", ["PROPFIND", "QUERY", "M-SEARCH", "OPTIONS", "HEAD"])
async def test_m03_m04_m05_every_other_method_is_judged(gated: Gated, method: str) -> None:
    assert statuses(await gated.attack(request("/protected", BEARER, method=method))) == [401]
    assert gated.app.seen == []


@pytest.mark.parametrize(("method", "status"), [("TRACE", 405), ("CONNECT", 405)])
async def test_m05_methods_that_no_api_has_are_405(gated: Gated, method: str, status: int) -> None:
    target = "gw.test:80" if method == "CONNECT" else "/public"
    assert statuses(await gated.attack(request(target, BEARER, method=method))) == [status]
    assert gated.app.seen == []


@pytest.mark.parametrize(
    "raw",
    [
        b"GET /public\r\n\r\n",
        b"GET /public HTTP/2.0\r\nHost: gw.test\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET /public HTTP/1.1\nHost: gw.test\n\n",
        b"GET /public HTTP/1.1\r\nHost: gw.test\r\n folded: x\r\n\r\n",
        b"GET /public HTTP/1.1\r\nHost : gw.test\r\n\r\n",
        b"GET /public HTTP/1.1\r\nHost: gw.test\r\nX: \x00\r\n\r\n",
        b"GET /public HTTP/1.1\r\nHost: gw.test\r\nX: a\rb\r\n\r\n",
        b"GET /public HTTP/1.1\r\nHost: gw.test\r\n: x\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    ],
    ids=["0.9", "2.0", "preface", "lone LF", "folded", "space", "NUL", "bare CR", "no name", "TLS"],
)
async def test_fact_8_m05_what_is_not_http_1_is_400(gated: Gated, raw: bytes) -> None:
    assert statuses(await gated.attack(raw)) == [400]
    assert gated.app.seen == []


@pytest.mark.parametrize(
    "fields",
    [["Host: gw.test", "Host: gw.test"], ["Host: gw.test", "Host: other.test"], ["Host: a", "Host: a"], []],
    ids=["same", "different", "one letter", "none"],
)
async def test_fact_8_there_is_exactly_one_host(gated: Gated, fields: list[str]) -> None:
    raw = "\r\n".join(["GET /public HTTP/1.1", *fields, "", ""]).encode()
    assert statuses(await gated.attack(raw)) == [400]
    assert gated.app.seen == []


@pytest.mark.parametrize("host", ["gw/public?z=", "gw/public#", "gw\\public", "u@gw.test", "gw test", "gw,x"])
async def test_p13_a_malformed_host_is_400(gated: Gated, host: str) -> None:
    assert statuses(await gated.attack(request("/protected", BEARER, CODE, host=host))) == [400]
    assert gated.app.seen == []


@pytest.mark.parametrize("host", ["A.GW.TEST", "a.gw.test.", "a.gw.test:80"])
async def test_p20_a_host_is_the_same_host_in_every_form(serve: "Serve", host: str) -> None:
    app = Recorder()
    on_host = rule(Access.MFA, "/secret")
    named = type(on_host)("named", on_host.paths, on_host.requirement, hosts=frozenset({"a.gw.test"}))
    served = await serve(MFAMiddleware(app, gateway=World(policy(named))), QUICK)
    assert statuses(await served.ask(request("/secret", BEARER, host=host))) == [401]
    assert app.seen == []


# --- Header fields ----------------------------------------------------------------------------


async def test_h01_h02_h05_forged_fields_reach_nobody_in_any_spelling(gated: Gated) -> None:
    forged = ["X_MFA_Verified: forged", "X.MFA.User: forged", "x-mfa-user: forged", "X-User-Id: forged"]
    forged += ["X-Auth-Request-User: forged", "X_Forwarded_User: forged", "X-Http-Method-Override: forged"]
    await gated.attack(request("/public", *forged) + request("/protected", BEARER, CODE, *forged))
    assert gated.app.targets == ["GET /public", "GET /protected"]
    for seen in gated.app.seen:
        assert b"forged" not in [value for _, value in seen.scope["headers"]]
    assert gated.app.seen[1].values(b"x-mfa-verified") == [b"true"]


async def test_h03_a_connection_field_takes_nothing_away_from_the_gate(gated: Gated) -> None:
    listing = ["Connection: close, X-MFA-Verified,\tAuthorization, X-MFA-Code, Host", "cOnNection: x-mfa-method"]
    assert statuses(await gated.attack(request("/protected", *listing, BEARER))) == [401]
    assert statuses(await gated.attack(request("/protected", *listing, BEARER, CODE))) == [200]
    assert gated.app.seen[0].values(b"x-mfa-verified") == [b"true"]
    assert gated.app.seen[0].values(b"x-mfa-code") == []


@pytest.mark.parametrize(
    "twice",
    [["X-MFA-Code: 000000", CODE], [CODE, "X-MFA-Code: 000000"], [CODE, BEARER], [CODE, "Authorization: Bearer B"]],
)
async def test_h04_two_codes_or_two_tokens_are_400(gated: Gated, twice: list[str]) -> None:
    assert statuses(await gated.attack(request("/protected", BEARER, *twice))) == [400]
    assert gated.app.seen == []


async def test_r04_the_server_itself_believes_no_forwarded_field(gated: Gated) -> None:
    await gated.attack(request("/public", "X-Forwarded-For: 203.0.113.9", "X-Forwarded-Proto: https"))
    scope = gated.app.seen[0].scope
    assert (scope["client"][0], scope["scheme"]) == ("127.0.0.1", "http")


# --- Trailers ---------------------------------------------------------------------------------

TRAILERS = b"0\r\nX-MFA-Verified: true\r\nX-MFA-Code: 123456\r\nX-Trailer: yes\r\n\r\n"


@pytest.mark.parametrize("cuts", [(), (0,), (1,), (1, 2)], ids=["one packet", "head first", "late", "both"])
async def test_h07_no_trailer_reaches_the_application(gated: Gated, cuts: tuple[int, ...]) -> None:
    parts = [request("/public", BEARER, CHUNKED, method="POST"), b"5\r\nhello\r\n", TRAILERS]
    client = await gated.served.connect()
    for n, part in enumerate(parts):
        client.writer.write(part)
        if n in cuts:
            await until(lambda: len(gated.app.seen) == 1)
    assert (await client.answer()).body == b"hello"
    names = {name for name, _ in gated.app.seen[0].scope["headers"]}
    assert names == {b"host", b"authorization", b"transfer-encoding"}


async def test_h07_no_trailer_reaches_the_check(gated: Gated) -> None:
    client = await gated.served.connect()
    await client.send(request("/protected", BEARER, CHUNKED, method="POST") + TRAILERS)
    assert (await client.answer()).status == 401
    assert gated.app.seen == []


# --- Where a request ends ---------------------------------------------------------------------


@pytest.mark.parametrize(
    "fields",
    [
        ["Content-Length: 6", CHUNKED],
        [CHUNKED, "Content-Length: 6"],
        ["Content-Length: 6", "Transfer-Encoding: identity"],
        ["Transfer-Encoding: gzip, chunked"],
        ["Transfer-Encoding: chunked, identity"],
        ["Transfer-Encoding: xchunked"],
        ["Transfer-Encoding: \x0bchunked"],
        [CHUNKED, CHUNKED],
    ],
)
async def test_s01_a_body_framed_in_two_ways_is_400(gated: Gated, fields: list[str]) -> None:
    answers = await gated.attack(
        request("/public", *fields, method="POST") + b"0\r\n\r\nGET /smuggled HTTP/1.1\r\n\r\n"
    )
    assert statuses(answers) == [400]
    assert gated.app.seen == []


@pytest.mark.parametrize(
    "lengths",
    [["3", "3"], ["3", "4"], ["3, 3"], ["+3"], ["0x3"], ["-1"], [""], ["3_0"], ["9" * 19], ["9" * 30]],
)
async def test_s03_an_odd_length_is_400(gated: Gated, lengths: list[str]) -> None:
    fields = [f"Content-Length: {length}" for length in lengths]
    assert statuses(await gated.attack(request("/public", *fields, method="POST") + b"abc")) == [400]
    assert gated.app.seen == []


@pytest.mark.parametrize(
    "body",
    [
        b"3\r\nabcXX0\r\n\r\n",
        b"3\nabc\n0\n\n",
        b"3;a\nb\r\nabc\r\n0\r\n\r\n",
        b"3 \r\nabc\r\n0\r\n\r\n",
        b"f" * 18 + b"\r\nabc\r\n0\r\n\r\n",
        b"0x3\r\nabc\r\n0\r\n\r\n",
        b"-3\r\nabc\r\n0\r\n\r\n",
        b"3\r\nabc\r\n0\r\nX: y\n\r\n",
        b"\r\n3\r\nabc\r\n0\r\n\r\n",
    ],
)
async def test_s04_a_body_with_broken_chunks_never_counts_as_whole(gated: Gated, body: bytes) -> None:
    answers = await gated.attack(request("/public", CHUNKED, method="POST") + body)
    assert statuses(answers) == [400]
    assert all(seen.was_cut for seen in gated.app.seen)


@pytest.mark.parametrize("upgrade", ["h2c", "websocket", "TLS/1.0"])
@pytest.mark.parametrize("body", ["Content-Length: 60", CHUNKED])
async def test_fact_1_an_upgrade_with_a_body_is_400(gated: Gated, upgrade: str, body: str) -> None:
    fields = ["Connection: Upgrade", f"Upgrade: {upgrade}", body]
    answers = await gated.attack(request("/public", *fields, method="POST") + request("/smuggled"))
    assert statuses(answers) == [400]
    assert gated.app.seen == []


@pytest.mark.parametrize(
    "fields",
    [
        ["Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQAAP__"],
        ["Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Key: x", "Sec-WebSocket-Version: 9999"],
        ["Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Key: x", "Sec-WebSocket-Version: 13"],
    ],
    ids=["h2c", "bad version", "websocket"],
)
async def test_s06_m07_an_upgrade_is_a_plain_request_and_what_follows_is_judged(
    gated: Gated, fields: list[str]
) -> None:
    client = await gated.served.connect()
    await client.send(request("/public", BEARER, *fields) + request("/protected", BEARER))
    assert [(await client.answer()).status for _ in range(2)] == [200, 401]
    await client.send(request("/protected", BEARER, *fields))
    assert (await client.answer()).status == 401
    assert gated.app.targets == ["GET /public"]


async def test_s07_the_second_request_in_one_packet_is_judged_by_itself(gated: Gated) -> None:
    both = request("/protected", BEARER, CODE) + request("/protected") + request("/public")
    assert statuses(await gated.attack(both)) == [200, 401, 200]
    assert gated.app.targets == ["GET /protected", "GET /public"]
    assert gated.app.seen[1].values(b"authorization") == []
    assert gated.app.seen[1].values(b"x-mfa-verified") == []


async def test_s07_a_later_request_on_the_connection_is_judged_by_itself(gated: Gated) -> None:
    client = await gated.served.connect()
    for fields, status in (((BEARER, CODE), 200), ((BEARER,), 401), ((), 401)):
        await client.send(request("/protected", *fields))
        assert (await client.answer()).status == status
    assert len(gated.app.seen) == 1


# --- Refused uploads --------------------------------------------------------------------------


async def test_fact_4_a_refused_upload_is_answered_and_the_connection_ends(gated: Gated) -> None:
    client = await gated.served.connect()
    client.writer.write(request("/protected", BEARER, method="POST", body=b"x" * 1_000_000))
    answer = await client.answer()
    assert (answer.status, answer.values(b"connection")) == (401, [b"close"])
    assert await client.rest() == b""
    assert gated.app.seen == []


async def test_fact_4_a_refused_short_body_keeps_the_connection(gated: Gated) -> None:
    client = await gated.served.connect()
    for _ in range(3):
        await client.send(request("/protected", BEARER, "Content-Length: 10", method="POST"), b"01234", b"56789")
        assert (await client.answer()).status == 401
    assert await client.rest() == b""


async def test_fact_4_a_refused_expectation_is_not_told_to_continue(gated: Gated) -> None:
    fields = [BEARER, "Content-Length: 10", "Expect: 100-continue"]
    answers = await gated.attack(request("/protected", *fields, method="POST"), request("/public"))
    assert statuses(answers) == [401]
    assert gated.app.seen == []


async def test_fact_4_an_allowed_expectation_is(gated: Gated) -> None:
    client = await gated.served.connect()
    await client.send(request("/public", "Content-Length: 4", "Expect: 100-continue", method="POST"))
    assert (await client.answer()).status == 100
    await client.send(b"body")
    assert (await client.answer()).body == b"body"


# --- Load -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("attack", "status"),
    [
        (request("/public", "X: " + "y" * 20_000_000), 431),
        (request("/public", "X" * 2_000_000 + ": y"), 431),
        (request("/public", *(f"X-{n}: y" for n in range(100_000))), 431),
        (request("/" + "x" * 70_000), 414),
        (b"GET " + b"/" * 5_000_000, 414),
        (b"\r\n" * 1_000_000, 431),
    ],
    ids=["one long value", "one long name", "many fields", "long target", "endless target", "blank lines"],
)
async def test_d01_a_head_without_end_is_refused_and_not_kept(gated: Gated, attack: bytes, status: int) -> None:
    client = await gated.served.connect()
    client.writer.write(attack)
    assert (await client.answer()).status == status
    assert await client.rest() == b""
    assert gated.app.seen == []


async def test_d02_clients_that_dawdle_are_closed_and_others_are_served(gated: Gated) -> None:
    dawdlers: list[Client] = []
    for start in (b"", b"GET /public HTTP/1.1\r\nHos", request("/public", "Content-Length: 9", method="POST") + b"h"):
        for _ in range(20):
            client = await gated.served.connect()
            client.writer.write(start)
            dawdlers.append(client)
    assert statuses(await gated.attack(request("/public"))) == [200]
    answers = [statuses(await client.rest()) for client in dawdlers]
    assert answers == [[]] * 20 + [[408]] * 40
    await until(lambda: not gated.served.connections)


# --- The server's own behaviour ---------------------------------------------------------------


async def test_fact_3_answers_have_one_date_and_no_name(gated: Gated) -> None:
    client = await gated.served.connect()
    await client.send(request("/protected", BEARER))
    refused = await client.answer()
    await client.send(request("/public"))
    passed = await client.answer()
    assert [len(answer.values(b"date")) for answer in (refused, passed)] == [1, 0]
    assert [answer.values(b"server") for answer in (refused, passed)] == [[], []]


async def test_a_connection_too_many_is_answered_with_503(serve: "Serve") -> None:
    app = Recorder()
    served = await serve(app, ServerTerms(connections=2, linger=SHORT))
    first, second = await served.connect(), await served.connect()
    for client in (first, second):
        await client.send(request())
        assert (await client.answer()).status == 200
    third = await served.connect()
    await third.send(request())
    refused = await third.answer()
    assert (refused.status, refused.values(b"retry-after")) == (503, [b"1"])
    assert await third.rest() == b""
    await first.end()
    await until(lambda: len(served.connections) == 1)
    fourth = await served.connect()
    await fourth.send(request())
    assert (await fourth.answer()).status == 200
    assert len(app.seen) == 3


async def test_a_connection_that_waits_for_less_than_a_second_waits_for_that_long(serve: "Serve") -> None:
    client = await (await serve(Recorder(), ServerTerms(keep_alive=0.4))).connect()
    await client.send(request())
    await client.answer()
    assert await client.is_open_for(0.2)
    assert await client.rest() == b""


@pytest.mark.parametrize(("drain", "seconds"), [(0.2, 1), (10.0, 10)])
def test_a_stop_waits_for_as_long_as_it_is_told_and_never_for_ever(drain: float, seconds: int) -> None:
    server = make_server(Recorder(), host="127.0.0.1", port=0, terms=ServerTerms(drain=drain))
    assert server.config.timeout_graceful_shutdown == seconds


class Running:
    """`make_server` under its own main loop, as the command line runs it."""

    def __init__(self, app: ASGIApp) -> None:
        self.port: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self.clients: list[Client] = []
        self.server = make_server(
            app, host="127.0.0.1", port=0, terms=ServerTerms(linger=SHORT), announce=self.port.set_result
        )
        self.task = asyncio.ensure_future(self.server.serve())

    async def __aenter__(self) -> Self:
        await asyncio.wait_for(asyncio.shield(self.port), DEADLINE)
        return self

    async def __aexit__(self, *_: object) -> None:
        for client in self.clients:
            client.writer.transport.abort()
        await self.stop()

    async def connect(self) -> Client:
        client = Client(*await asyncio.open_connection("127.0.0.1", await self.port))
        self.clients.append(client)
        return client

    async def stop(self) -> None:
        self.server.should_exit = True
        await asyncio.wait_for(asyncio.shield(self.task), DEADLINE)


async def test_a_server_says_where_it_listens_and_stops_when_it_is_told_to() -> None:
    async with Running(Recorder()) as running:
        client = await running.connect()
        await client.send(request())
        answer = await client.answer()
        assert (answer.status, answer.values(b"date"), answer.values(b"server")) == (200, [], [])
        await running.stop()
        assert await client.rest() == b""


async def test_fact_5_a_stop_waits_for_running_answers_and_not_for_what_was_sent_ahead() -> None:
    begun, may_go = asyncio.Event(), asyncio.Event()

    async def slow(_scope: Scope, _receive: Receive, send: Send) -> None:
        begun.set()
        await may_go.wait()
        await reply(send, b"done")

    async with Running(application(slow)) as running:
        client, idle = await running.connect(), await running.connect()
        await client.send(request("/one") + request("/two"))
        await begun.wait()
        running.server.should_exit = True
        assert await idle.rest() == b""
        may_go.set()
        answer = await client.answer()
        assert (answer.body, answer.values(b"connection")) == (b"done", [b"close"])
        assert await client.rest() == b""


async def test_fact_5_a_client_that_left_does_not_hold_up_a_stop() -> None:
    heard: list[str] = []

    async def waiting(_scope: Scope, receive: Receive, _send: Send) -> None:
        await receive()
        heard.append("begun")
        heard.append((await receive())["type"])

    async with Running(application(waiting)) as running:
        client = await running.connect()
        await client.send(request("/one") + request("/two") + request("/three"))
        await until(lambda: heard == ["begun"])
        await client.end()
        await until(lambda: heard == ["begun", "http.disconnect"])
        await running.stop()
