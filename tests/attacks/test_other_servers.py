"""Attacks on the middleware in servers that are not ours: uvicorn as it comes, with either of its parsers.

There is no strict protocol in front here: h11 shows targets in absolute form and `#`, lower-case methods and bodies
that are framed twice; httptools cuts targets and takes calls without a host. The rows are those on targets, methods,
copies of fields and bodies; the oracle is that of all attacks, of what the application was shown.

    protected, feed, customers   the rules of the ground (ground)

What stays out: the limits of heads and of patience, which a foreign server sets itself.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, cast

import pytest
import pytest_asyncio
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from uvicorn.server import Server

from mfa_gateway import Gateway, MFAMiddleware, load_settings
from mfa_gateway.doors.asgi import ASGIApp, Receive, Scope, Send
from tests.attacks.ground import Ground, dice, get
from tests.attacks.targets import targets
from tests.attacks.witness import faults, is_protected
from tests.e2e.backend import Backend
from tests.e2e.front import bearer
from tests.e2e.installation import Seen
from tests.e2e.wire import Answer, connected, exchanged, request, statuses

pytestmark = [pytest.mark.processes, pytest.mark.asyncio(loop_scope="session")]

# What uvicorn offers for `--http`. Ours is the third: its class is named there by those who want its limits, too.
PARSERS = ("h11", "httptools", "mfa_gateway.doors.server:StrictProtocol")
CHUNKED = "Transfer-Encoding: chunked"
HANDSHAKE = ("Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13",
             "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==")  # fmt: skip


@dataclass
class Served:
    """Somebody's application in somebody's server, with the middleware in between."""

    parser: str
    port: int
    ground: Ground
    heads: list[Seen] = field(default_factory=list)
    """Every scope that came through, as the application was shown it."""
    routed: list[str] = field(default_factory=list)
    """The routes that Starlette chose for them."""

    async def say(self, sends: bytes) -> Answer | None:
        """The first answer on a connection of its own. None: closed without a word."""
        async with connected(self.port) as client:
            try:
                return await client.ask(sends, to_head=sends.startswith(b"HEAD "))
            except (asyncio.IncompleteReadError, ConnectionError):
                return None

    async def stopped(self, sends: bytes, *expected: int) -> None:
        """Whatever becomes of it, the application is shown nothing."""
        answer = await self.say(sends)
        assert answer is None or answer.status in (expected or (400, 403)), (sends, answer)
        assert (self.heads, self.routed) == ([], []), sends

    async def barrage(self, many: Iterable[bytes], *proved: str) -> Counter[str]:
        """Send each of these; the oracle holds. How many ended in which way."""
        answers = [await self.say(sends) for sends in many]
        self.sound(*proved)
        return Counter("end" if answer is None else str(answer.status) for answer in answers)

    def sound(self, *proved: str) -> None:
        """The oracle, and no protected route was chosen by the application's own reading."""
        values = [token.partition(": ")[2] for token in proved]
        assert faults(cast("Backend", SimpleNamespace(heads=self.heads)), values) == []
        assert proved or "protected" not in self.routed

    def renew(self) -> None:
        self.heads.clear()
        self.routed.clear()


def _application(served: Served) -> ASGIApp:
    def endpoint(name: str) -> Any:
        async def answer(_: Request) -> PlainTextResponse:
            served.routed.append(name)
            return PlainTextResponse(name)

        return answer

    methods = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "FOO"]
    guarded = ("/protected", "/protected/{rest:path}", "/customers/{id}/password", "/feed")
    routes = [Route(path, endpoint("protected"), methods=methods) for path in guarded]
    routed = Starlette(routes=[*routes, Route("/{rest:path}", endpoint("other"), methods=methods)])

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        raw, query = scope["raw_path"], scope.get("query_string", b"")
        target = (raw + b"?" + query if query else raw).decode("latin-1")
        fields = tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"])
        served.heads.append(Seen(scope.get("method", "GET"), target, fields, b""))
        await routed(scope, receive, send)

    return app


@asynccontextmanager
async def _serving(ground: Ground, parser: str) -> AsyncIterator[Served]:
    gateway = Gateway(load_settings(ground.installation.config, environ={}), runs_store=False)
    served = Served(parser, 0, ground)
    app = MFAMiddleware(_application(served), gateway=gateway)
    config = uvicorn.Config(app, host="127.0.0.1", port=0, http=parser, lifespan="off", log_config=None)
    config.load()
    server = Server(config)
    server.lifespan = config.lifespan_class(config)
    async with gateway:
        await server.startup()
        served.port = server.servers[0].sockets[0].getsockname()[1]
        try:
            yield served
        finally:
            await server.shutdown()


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def servers(standing: Ground) -> AsyncIterator[dict[str, Served]]:
    async with AsyncExitStack() as stack:
        yield {parser: await stack.enter_async_context(_serving(standing, parser)) for parser in PARSERS}


@pytest.fixture(params=PARSERS, ids=("h11", "httptools", "strict"))
def served(servers: dict[str, Served], request: pytest.FixtureRequest) -> Served:
    one = servers[request.param]
    one.renew()
    return one


async def test_what_is_open_or_proved_gets_through(served: Served) -> None:
    ada = served.ground.ada
    home = bearer(ada.home)
    ends = await served.barrage([get("/public"), get("/protected", home), get("/%70rotected/x?y", home)], home)
    assert (ends, served.routed) == ({"200": 3}, ["other", "protected", "protected"])


TARGETS = (
    "/%70rotected", "/pro%74ected/x", "/public/../protected", "/./protected", "/public/%2e%2e/protected",
    "/protected%2fx", "/public%5c..%5cprotected", "/public\\..\\protected", "//protected", "/public//..//protected",
    "/protected;v=1", "/public/..;/protected", "/protected#x", "/protected?/public", "/protected%3f/public",
    "http://other.test/protected", "HTTP://other.test/protected", "http://u@h:9/protected",
    "http:/protected", "protected", "@gw.test/protected", "*", "/protected%0a", "/protected%0d",
    "/public%0a/protected", "/protected%00", "/protected%zz", "/%c0%afprotected", "/protected%ff", "/protected%20",
    "/protected%09", "/protected/.", "/protected/", "/customers/1/password", "/customers/1%2fpassword",
    "/protected\x01", "/prot\x7fected",
)  # fmt: skip


async def test_p_no_target_of_the_corpus_reaches_a_protected_handler(served: Served) -> None:
    for target in TARGETS:
        await served.stopped(get(target, served.ground.ada.bearer))
        await served.stopped(get(target))


async def test_p_what_a_server_cuts_off_a_target_leaves_what_was_judged(served: Served) -> None:
    """httptools cuts off what comes before a path and `#` with what follows; h11 leaves all of it."""
    for target in ("/public#/../protected", "/public#", "/public?x#/protected", "http://other.test/public"):
        answer = await served.say(get(target))
        assert answer is not None
        assert answer.status in (200, 400)
    served.sound()
    assert all(seen.target in ("/public", "/public?x") for seen in served.heads)


async def test_p_no_way_to_write_a_target_reaches_a_protected_handler(served: Served) -> None:
    made = list(targets(dice("servers"), 800))
    assert sum(map(is_protected, made)) > 250
    ends = await served.barrage(get(target, served.ground.ada.bearer) for target in made)
    assert min(ends["200"], ends["400"], ends["403"]) > 50, ends


async def test_p_a_host_that_is_none_or_missing_is_refused(served: Served) -> None:
    for host in ("gw.test/public?z=", "gw.test/public#", "gw.test\\public", "gw.test?", "a@gw.test", "", None):
        for target in ("/protected", "/public"):
            await served.stopped(get(target, host=host))
    await served.stopped(get("/public", "Host: gw.test"))


async def test_m_an_odd_method_is_no_method(served: Served) -> None:
    for method in ("patch", "PaTcH", "gET", "FOO", "G@T", "", "TRACE", "CONNECT", "OPTIONS", "HEAD"):
        sends = request("/protected", served.ground.ada.bearer, method=method)
        await served.stopped(sends, 400, 403, 405)
    await served.stopped(request("*", method="OPTIONS"))
    await served.stopped(b"CONNECT protected:80 HTTP/1.1\r\nHost: protected:80\r\n\r\n", 400, 405)


async def test_m_a_websocket_is_judged_before_it_is_one(served: Served) -> None:
    for target in ("/protected", "/%70rotected", "/public/../protected", "http://other.test/protected", "/protected#x",
                   "/protected%0a"):  # fmt: skip
        await served.stopped(get(target, served.ground.ada.bearer, *HANDSHAKE))


async def test_h_of_two_copies_neither_is_tried(served: Served) -> None:
    ada = served.ground.ada
    home = bearer(ada.home)
    for fields in ((ada.bearer, home), (home, ada.bearer), (home, home), (home, "X-MFA-Code: 1", "x-mfa-code: 2")):
        await served.stopped(get("/protected", *fields), 400)


async def test_h_names_of_the_gateway_are_taken_off(served: Served) -> None:
    home = bearer(served.ground.ada.home)
    spoofs = ("X-MFA-Verified: b", "x_mfa_verified: b", "X.MFA.Method: b", "Remote-User: b", "X-User-Id: b",
              "Connection: X-MFA-Verified, authorization")  # fmt: skip
    await served.barrage([get("/public", *spoofs), get("/protected", home, *spoofs)], home)
    assert len(served.heads) == 2
    assert all(value != "b" for seen in served.heads for _, value in seen.headers)


async def test_h_fields_behind_a_body_are_read_with_httptools_alone(served: Served) -> None:
    """What the README says of it: whoever hands such fields on to an application names another parser."""
    shown = "X-Theirs: 1\r\nX-User-Id: b\r\n\r\n"
    await served.barrage([request("/public", CHUNKED, method="POST") + f"1\r\nx\r\n0\r\n{shown}".encode()])
    assert len(served.heads) == 1
    assert bool(served.heads[0].values("x-theirs")) == (served.parser == "httptools")


async def test_s_a_body_is_framed_once(served: Served) -> None:
    for fields in (("Content-Length: 6", CHUNKED), (CHUNKED, "Content-Length: 6"), (CHUNKED, CHUNKED),
                   ("Content-Length: 3", "Content-Length: 4"), ("Content-Length: +3",), ("Content-Length: 0x3",),
                   ("Content-Length: 9", "Upgrade: h2c", "Connection: Upgrade")):  # fmt: skip
        sends = request("/public", *fields, method="POST") + b"0\r\n\r\nG" + get("/protected")
        answers = await exchanged(served.port, sends)
        assert statuses(answers)[0] in (400, 422), (fields, answers)
        assert served.heads == [], fields


async def test_s_a_second_request_is_judged_by_itself(served: Served) -> None:
    home = bearer(served.ground.ada.home)
    answers = await exchanged(
        served.port, get("/protected", home) + get("/protected") + get("/public", "Connection: close")
    )
    assert statuses(answers) == [200, 403, 200]
    served.sound(home)
