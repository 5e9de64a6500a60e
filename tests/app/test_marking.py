"""`@requires_mfa`: rules next to endpoints, enforced like those of the configuration, and never without the gate."""

import functools
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Annotated, Any

import pytest
from fastapi import APIRouter, Depends, FastAPI
from fastapi.responses import StreamingResponse
from fastapi.testclient import TestClient
from starlette.applications import Starlette
from starlette.endpoints import HTTPEndpoint, WebSocketEndpoint
from starlette.requests import HTTPConnection, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Mount, Route, Router, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from mfa_gateway import MFAFacts, MFAMiddleware, mfa_facts, requires_mfa
from mfa_gateway.app.marking import with_marks
from mfa_gateway.doors.asgi import Receive, Scope, Send
from mfa_gateway.doors.library.marks import NotJudged
from mfa_gateway.doors.library.routes import marked_routes
from mfa_gateway.settings import ConfigurationError
from tests.app.tenants import app_code, bearer, client, enrol, gateway

RAN: list[str] = []


@pytest.fixture(autouse=True)
def _nothing_ran() -> None:
    RAN.clear()


def ran(name: str) -> str:
    RAN.append(name)
    return name


# --- Every kind of endpoint ---


@requires_mfa()
async def a_coroutine(_: Request) -> Response:
    return PlainTextResponse(ran("coroutine"))


@requires_mfa()
def a_function(_: Request) -> Response:
    return PlainTextResponse(ran("function"))


@requires_mfa()
class AClass(HTTPEndpoint):
    async def get(self, _: Request) -> Response:
        return PlainTextResponse(ran("class"))


class BelowAClass(AClass):
    pass


@requires_mfa(grace="1m")
class MarkedBelowAClass(AClass):
    pass


class AMethod(HTTPEndpoint):
    @requires_mfa()
    async def get(self, _: Request) -> Response:
        return PlainTextResponse(ran("method"))

    async def post(self, _: Request) -> Response:
        return PlainTextResponse("open")


@requires_mfa()
async def of_keywords(_: Request, *, kind: str) -> Response:
    return PlainTextResponse(ran(kind))


STARLETTE: list[tuple[str, BaseRoute]] = [
    ("coroutine", Route("/x", a_coroutine)),
    ("function", Route("/x", a_function)),
    ("class", Route("/x", AClass)),
    ("class", Route("/x", BelowAClass)),
    ("class", Route("/x", MarkedBelowAClass)),
    ("method", Route("/x", AMethod)),
    ("partial", Route("/x", functools.partial(of_keywords, kind="partial"))),
]


def of_fastapi() -> FastAPI:
    api = FastAPI()

    @api.get("/coroutine/{number}")
    @requires_mfa()
    async def coroutine(number: int, flag: bool = False) -> list[Any]:  # noqa: FBT001, FBT002 - a query parameter
        return [ran("coroutine"), number, flag]

    @api.get("/function/{number}")
    @requires_mfa()
    def function(number: int) -> list[Any]:
        return [ran("function"), number]

    @api.get("/request/{number}")
    @requires_mfa()
    async def with_request(number: int, request: Request) -> list[Any]:
        return [ran("request"), number, request.state.mfa.factor]

    @api.get("/connection/{number}")
    @requires_mfa()
    async def with_connection(number: int, connection: HTTPConnection) -> list[Any]:
        return [ran("connection"), number, mfa_facts(connection).factor]

    @api.get("/facts/{number}")
    @requires_mfa()
    async def with_facts(number: int, facts: Annotated[MFAFacts, Depends(mfa_facts)]) -> list[Any]:
        return [ran("facts"), number, facts.factor]

    @api.get("/stream/{number}")
    @requires_mfa()
    async def stream(number: int) -> StreamingResponse:
        async def pieces() -> AsyncIterator[bytes]:
            yield f'["{ran("stream")}",{number}]'.encode()

        return StreamingResponse(pieces())

    return api


OF_FASTAPI = ("coroutine", "function", "request", "connection", "facts", "stream")


@pytest.mark.parametrize(("name", "route"), STARLETTE)
async def test_without_the_middleware_no_endpoint_of_starlette_runs(name: str, route: BaseRoute) -> None:
    async with client(Starlette(routes=[route])) as calling:
        with pytest.raises(NotJudged, match=r"@requires_mfa on tests\.app\.test_marking.*no MFAMiddleware"):
            await calling.get("/x", headers=bearer("123456"))
    async with client(Starlette(routes=[route]), raises=False) as calling:
        assert (await calling.get("/x")).status_code == 500
    assert RAN == []


@pytest.mark.parametrize("name", OF_FASTAPI)
async def test_without_the_middleware_no_endpoint_of_fastapi_runs(name: str) -> None:
    api = of_fastapi()
    async with client(api, raises=False) as calling:
        assert (await calling.get(f"/{name}/1")).status_code == 500
    assert RAN == []


@pytest.mark.parametrize(("name", "route"), STARLETTE)
async def test_with_it_endpoints_of_starlette_run_for_those_who_show_a_factor(
    tmp_path: Path, name: str, route: BaseRoute
) -> None:
    app = Starlette(routes=[route])
    app.add_middleware(MFAMiddleware, gateway=(kept := gateway(tmp_path)))
    async with kept, client(app) as calling:
        await enrol(kept)
        assert (await calling.get("/x")).status_code == 403
        assert (await calling.head("/x")).status_code == 403
        assert RAN == []
        assert (await calling.get("/x", headers=bearer(app_code()))).text == name


@pytest.mark.parametrize("name", OF_FASTAPI)
async def test_with_it_endpoints_of_fastapi_run_with_everything_they_ask_for(tmp_path: Path, name: str) -> None:
    api = of_fastapi()
    api.add_middleware(MFAMiddleware, gateway=(kept := gateway(tmp_path)))
    async with kept, client(api) as calling:
        await enrol(kept)
        assert (await calling.get(f"/{name}/7")).status_code == 403
        assert RAN == []
        assert (await calling.get(f"/{name}/7", headers=bearer(app_code()))).json()[:2] == [name, 7]


def test_what_a_mark_needs_is_no_part_of_the_published_interface() -> None:
    parameters = of_fastapi().openapi()["paths"]["/coroutine/{number}"]["get"]["parameters"]
    assert [one["name"] for one in parameters] == ["number", "flag"]


async def test_a_method_is_marked_by_itself(tmp_path: Path) -> None:
    app = Starlette(routes=[Route("/x", AMethod)])
    app.add_middleware(MFAMiddleware, gateway=(kept := gateway(tmp_path)))
    async with kept, client(app) as calling:
        assert (await calling.get("/x")).status_code == 403
        assert (await calling.post("/x")).text == "open"


async def test_generators_are_entered_only_when_they_are_permitted() -> None:
    @requires_mfa()
    async def flowing(request: Request) -> AsyncIterator[str]:
        yield ran("flowing")

    @requires_mfa()
    def yielding(request: Request) -> Iterator[str]:
        yield ran("yielding")

    request = Request({"type": "http", "headers": []})
    with pytest.raises(NotJudged):
        await anext(flowing(request))
    with pytest.raises(NotJudged):
        next(yielding(request))
    assert RAN == []


# --- WebSockets ---


@requires_mfa()
async def a_feed(socket: WebSocket) -> None:
    await socket.accept()
    await socket.send_text(ran("feed"))
    await socket.close()


@requires_mfa()
class AFeed(WebSocketEndpoint):
    encoding = "text"

    async def on_connect(self, websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.send_text(ran("feed"))
        await websocket.close()


def _fastapi_feed() -> FastAPI:
    api = FastAPI()

    @api.websocket("/feed")
    @requires_mfa()
    async def feed(socket: WebSocket) -> None:
        await socket.accept()
        await socket.send_text(ran("feed"))
        await socket.close()

    return api


FEEDS: list[Callable[[], Starlette]] = [
    lambda: Starlette(routes=[WebSocketRoute("/feed", a_feed)]),
    lambda: Starlette(routes=[WebSocketRoute("/feed", AFeed)]),
    _fastapi_feed,
]


@pytest.mark.parametrize("make", FEEDS)
def test_a_web_socket_is_guarded_at_its_handshake(tmp_path: Path, make: Callable[[], Starlette]) -> None:
    app = make()
    app.add_middleware(MFAMiddleware, gateway=(kept := gateway(tmp_path)))
    with TestClient(app) as calling:
        assert calling.portal is not None
        calling.portal.call(enrol, kept)
        with pytest.raises(WebSocketDisconnect), calling.websocket_connect("/feed"):
            pass
        assert RAN == []
        with calling.websocket_connect("/feed", headers=bearer(app_code())) as socket:
            assert socket.receive_text() == "feed"


@pytest.mark.parametrize("make", FEEDS)
def test_without_the_middleware_no_web_socket_is_accepted(make: Callable[[], Starlette]) -> None:
    with TestClient(make()) as calling, pytest.raises(NotJudged), calling.websocket_connect("/feed"):
        pass
    assert RAN == []


# --- Where endpoints are ---


async def pong(_: Request) -> Response:
    return PlainTextResponse("pong")


def nested() -> Starlette:
    inner, outer = APIRouter(prefix="/inner"), APIRouter(prefix="/outer")

    @inner.get("/{id:int}/x")
    @requires_mfa()
    async def in_a_router(id: int) -> int:  # noqa: A002 - a path parameter
        return id

    outer.include_router(inner, prefix="/more")
    api = FastAPI()
    api.include_router(outer)
    api.include_router(outer, prefix="/again")
    api.mount("/sub", Starlette(routes=[Mount("/{tenant}", Router([Route("/y", a_coroutine)])), Route("/z", pong)]))
    api.host("only.test", Starlette(routes=[Route("/hosted/{rest:path}", a_function)]))
    return api


MARKED = ("/outer/more/inner/1/x", "/again/outer/more/inner/1/x", "/sub/shop/y", "/hosted/a/b", "/hosted/")


async def test_routers_mounts_and_hosts_are_walked_to_their_end(tmp_path: Path) -> None:
    api = nested()
    api.add_middleware(MFAMiddleware, gateway=(kept := gateway(tmp_path)))
    async with kept, client(api) as calling:
        await enrol(kept)
        for path in MARKED:
            assert (await calling.get(path, headers={"Host": "only.test"})).status_code == 403, path
        assert (await calling.get("/sub/z")).text == "pong"
        code = app_code()
        for path in MARKED:
            host = "only.test" if "hosted" in path else "gw.test"
            assert (await calling.get(path, headers={**bearer(code), "Host": host})).status_code == 200, path


async def test_a_marked_application_may_itself_be_mounted(tmp_path: Path) -> None:
    inner = FastAPI()

    @inner.get("/x")
    @requires_mfa()
    async def marked() -> str:
        return "marked"

    inner.add_middleware(MFAMiddleware, gateway=(kept := gateway(tmp_path)))
    async with kept, client(Starlette(routes=[Mount("/{tenant}/api", inner)])) as calling:
        await enrol(kept)
        assert (await calling.get("/shop/api/x")).status_code == 403
        assert (await calling.get("/shop/api/x", headers=bearer(app_code()))).json() == "marked"
        assert (await calling.get("/other/api/x", headers=bearer())).json() == "marked"


@pytest.mark.parametrize(
    ("template", "pattern"),
    [
        ("/", "/"), ("/a/", "/a"), ("/a/{x}", "/a/{x}"), ("/a/{x:int}/b", "/a/{x}/b"), ("/{x:uuid}", "/{x}"),
        ("/a/{rest:path}", "/a/**"), ("/{rest:path}", "/**"), ("/a b/ä", "/a b/ä"),
    ],
)  # fmt: skip
def test_a_template_becomes_a_pattern(template: str, pattern: str) -> None:
    (found,) = marked_routes(Starlette(routes=[Route(template, a_coroutine)]))
    assert found.path == pattern


@pytest.mark.parametrize("template", ["/a/{x}.json", "/v{x}/a", "/{rest:path}/end", "/{x}-{y}"])
def test_a_template_that_no_pattern_can_say_is_told_with_its_place(tmp_path: Path, template: str) -> None:
    routes = marked_routes(Starlette(routes=[Route(template, a_coroutine)]))
    with pytest.raises(ConfigurationError) as told:
        with_marks(gateway(tmp_path).settings, routes)
    (problem,) = told.value.problems
    assert problem.path.startswith("@requires_mfa on tests.app.test_marking.a_coroutine (")
    assert template in problem.text


# --- What a mark asks for ---


async def test_the_most_specific_rule_wins_wherever_it_is_written(tmp_path: Path) -> None:
    app = Starlette(routes=[Route("/items/{x}", a_coroutine)])
    kept = gateway(
        tmp_path,
        '{name: all, paths: ["/items/**"], policy: deny}',
        '{name: sample, methods: [GET], paths: ["/items/sample"], policy: open}',
    )
    app.add_middleware(MFAMiddleware, gateway=kept)
    async with kept, client(app) as calling:
        await enrol(kept)
        assert (await calling.get("/items/1", headers=bearer(app_code()))).status_code == 200
        assert (await calling.get("/items/sample")).status_code == 200
        assert (await calling.get("/items/1/2")).status_code == 403


async def test_what_is_asked_for_is_asked_for(tmp_path: Path) -> None:
    app = Starlette(
        routes=[
            Route("/totp", requires_mfa(factors=["totp"], dialect="standard", name="by app")(pong_()), methods=["GET"]),
            Route("/email", requires_mfa(factors=["email"], grace=60)(pong_())),
            Route("/shadow", requires_mfa(enforce=False)(pong_())),
        ]
    )
    app.add_middleware(MFAMiddleware, gateway=(kept := gateway(tmp_path)))
    async with kept, client(app) as calling:
        await enrol(kept)
        challenge = await calling.get("/totp", headers=bearer())
        assert (challenge.status_code, challenge.json()["code"]) == (401, "code_missing")
        assert (await calling.get("/email", headers=bearer(app_code()))).status_code == 403
        assert (await calling.get("/shadow")).status_code == 200


def pong_() -> Any:
    async def answer(request: Request) -> Response:
        return PlainTextResponse(request.state.mfa.rule)

    return answer


async def test_a_rule_is_named_after_its_endpoint_or_as_it_says(tmp_path: Path) -> None:
    routes = [
        Route("/a", a_coroutine),
        Route("/b", a_coroutine),
        Route("/c", requires_mfa(name="by name")(pong_())),
    ]
    policy, _ = with_marks(gateway(tmp_path).settings, marked_routes(Starlette(routes=routes)))
    names = [rule.name for rule in policy.rules]
    assert names == ["tests.app.test_marking.a_coroutine", "tests.app.test_marking.a_coroutine 2", "by name"]


def test_a_factor_that_is_off_is_told_with_the_place_of_the_mark(tmp_path: Path) -> None:
    app = Starlette(routes=[Route("/x", requires_mfa(factors=["sms"])(pong_()))])
    with pytest.raises(ConfigurationError) as told:
        with_marks(gateway(tmp_path).settings, marked_routes(app))
    (problem,) = told.value.problems
    assert problem.path.startswith("@requires_mfa on ")
    assert problem.text.startswith("factors[0]: 'sms' is not enabled")


@pytest.mark.parametrize(
    ("terms", "text"),
    [
        ({"grace": "5 parsecs"}, "grace"),
        ({"grace": "90d"}, "grace"),
        ({"factors": ["pigeon"]}, r"factors\[0\]"),
        ({"dialect": "latin"}, "dialect"),
        ({"name": "no/slash"}, "name"),
    ],
)
def test_a_wrong_word_is_told_where_it_is_written(terms: dict[str, Any], text: str) -> None:
    with pytest.raises(ConfigurationError, match=rf"@requires_mfa on .*test_marking.*: {text}"):
        requires_mfa(**terms)(pong_())


def test_a_list_is_a_list() -> None:
    with pytest.raises(TypeError, match=r"\['totp'\]"):
        requires_mfa(factors="totp")  # type: ignore[arg-type] # the mistake


def test_only_endpoints_can_be_marked_and_only_once() -> None:
    with pytest.raises(TypeError, match="twice"):
        requires_mfa()(a_coroutine)
    with pytest.raises(TypeError, match="HTTPEndpoint"):
        requires_mfa()(type("Other", (), {}))
    with pytest.raises(TypeError, match="only functions"):
        requires_mfa()(functools.partial(pong_()))


async def test_without_a_call_a_marked_function_does_not_run() -> None:
    with pytest.raises(NotJudged, match="no call to judge"):
        await a_coroutine("no request")  # type: ignore[arg-type] # the mistake
    assert RAN == []


# --- What the gate cannot see does not run ---


async def test_a_route_that_was_added_too_late_does_not_run(tmp_path: Path) -> None:
    app = Starlette()
    app.add_middleware(MFAMiddleware, gateway=(kept := gateway(tmp_path)))
    async with kept, client(app, raises=False) as calling:
        assert (await calling.get("/x")).status_code == 404
        app.router.routes.append(Route("/x", a_coroutine))
        assert (await calling.get("/x")).status_code == 500
    assert RAN == []


async def test_a_path_that_is_changed_behind_the_gate_leads_nowhere(tmp_path: Path) -> None:
    class Rewriting:
        def __init__(self, app: Any) -> None:
            self.app = app

        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            await self.app({**scope, "path": "/x", "raw_path": b"/x"}, receive, send)

    app = Starlette(routes=[Route("/x", a_coroutine)])
    app.add_middleware(Rewriting)
    app.add_middleware(MFAMiddleware, gateway=(kept := gateway(tmp_path)))
    async with kept, client(app, raises=False) as calling:
        assert (await calling.get("/x")).status_code == 403
        assert (await calling.get("/open")).status_code == 500
    assert RAN == []


async def test_a_mark_that_another_decorator_hides_does_not_run(tmp_path: Path) -> None:
    async def hiding(request: Request) -> Response:
        return await a_coroutine(request)

    app = Starlette(routes=[Route("/x", hiding)])
    app.add_middleware(MFAMiddleware, gateway=(kept := gateway(tmp_path)))
    async with kept, client(app, raises=False) as calling:
        assert (await calling.get("/x")).status_code == 500
    assert RAN == []


async def test_a_mark_under_a_decorator_that_shows_it_is_found(tmp_path: Path) -> None:
    @functools.wraps(a_coroutine)
    async def showing(request: Request) -> Response:
        return await a_coroutine(request)

    app = Starlette(routes=[Route("/x", showing)])
    app.add_middleware(MFAMiddleware, gateway=(kept := gateway(tmp_path)))
    async with kept, client(app) as calling:
        await enrol(kept)
        assert (await calling.get("/x")).status_code == 403
        assert (await calling.get("/x", headers=bearer(app_code()))).status_code == 200


async def test_the_gate_of_one_application_says_nothing_for_another(tmp_path: Path) -> None:
    """Both are judged by one gateway; only one of them has the middleware around the marked endpoint."""
    app = Starlette(routes=[Route("/x", pong)])
    other = Starlette(routes=[Route("/x", a_coroutine)])
    app.add_middleware(MFAMiddleware, gateway=(kept := gateway(tmp_path)))

    async with kept, client(app) as calling, client(other, raises=False) as unguarded:
        assert (await calling.get("/x")).text == "pong"
        assert (await unguarded.get("/x")).status_code == 500
    assert RAN == []
