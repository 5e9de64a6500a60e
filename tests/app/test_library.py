"""The gate as middleware of an application: what it is made of, and how long it lives."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import unquote_to_bytes

import httpx2
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from mfa_gateway import Gateway, MFAMiddleware, mfa_facts, requires_mfa
from mfa_gateway.doors.asgi import Receive, Scope, Send
from mfa_gateway.settings import ConfigurationError, load_settings
from tests.app.tenants import Lifespan, app_code, bearer, client, configuration, enrol, gateway

PROTECTED = '{name: protected, paths: ["/protected/**"], policy: mfa}'


async def endpoint(request: Request) -> Response:
    return PlainTextResponse(f"the application: {request.url.path}")


ROUTES = [Route("/{path:path}", endpoint)]


@pytest.fixture
async def kept(tmp_path: Path) -> AsyncIterator[Gateway]:
    async with gateway(tmp_path, PROTECTED) as opened:
        await enrol(opened)
        yield opened


def wrapped(kept: Gateway, *routes: Any) -> Starlette:
    app = Starlette(routes=list(routes) or ROUTES)
    app.add_middleware(MFAMiddleware, gateway=kept)
    return app


# --- What it is made of ---


@pytest.mark.parametrize("kind", [FastAPI, Starlette])
async def test_a_configuration_file_is_all_that_it_takes(tmp_path: Path, kind: type[Starlette]) -> None:
    app = kind()
    app.add_middleware(MFAMiddleware, config=configuration(tmp_path, PROTECTED), environ={})

    async def ask() -> None:
        async with client(app) as calling:
            assert (await calling.get("/protected")).status_code == 403
            assert (await calling.get("/elsewhere")).status_code == 404

    lifespan = Lifespan(app, between=ask)
    assert await lifespan.live() == ["lifespan.startup.complete", "lifespan.shutdown.complete"]


async def test_settings_that_were_loaded_before_do_as_well(tmp_path: Path) -> None:
    settings = load_settings(configuration(tmp_path, PROTECTED), environ={})
    app = MFAMiddleware(Starlette(routes=ROUTES), settings=settings)
    async with client(app) as calling:
        assert (await calling.get("/protected")).status_code == 403
    await app.close()


@pytest.mark.parametrize("given", [{}, {"config": "a", "settings": object()}])
def test_exactly_one_of_the_three_is_given(given: dict[str, Any]) -> None:
    with pytest.raises(TypeError, match="exactly one"):
        MFAMiddleware(Starlette(), **given)


# --- Its life ---


class Watched:
    """A gateway that writes down its life."""

    def __init__(self, kept: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
        self.life: list[str] = []
        start, stop = kept.start, kept.stop

        async def starting() -> None:
            self.life.append("start")
            await start()

        async def stopping() -> None:
            self.life.append("stop")
            await stop()

        monkeypatch.setattr(kept, "start", starting)
        monkeypatch.setattr(kept, "stop", stopping)


async def test_it_opens_before_the_application_and_closes_after_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    watched = Watched(kept := gateway(tmp_path), monkeypatch)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[dict[str, int]]:
        watched.life.append("the application begins")
        yield {"of the application": 1}
        watched.life.append("the application ends")

    app = Starlette(lifespan=lifespan)
    app.add_middleware(MFAMiddleware, gateway=kept)
    await Lifespan(app).live()
    assert watched.life == ["start", "the application begins", "the application ends", "stop"]


async def test_a_gateway_of_two_applications_closes_with_the_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    watched = Watched(kept := gateway(tmp_path, PROTECTED), monkeypatch)
    one, other = wrapped(kept), wrapped(kept)

    async def meanwhile() -> None:
        await Lifespan(other).live()
        assert "stop" not in watched.life
        async with client(one) as calling:
            assert (await calling.get("/protected")).status_code == 403

    await Lifespan(one, between=meanwhile).live()
    assert watched.life.count("stop") == 1


async def test_a_server_without_lifespans_is_served_from_the_first_call_on(kept: Gateway) -> None:
    async with client(wrapped(kept)) as calling:
        answers = await asyncio.gather(*(calling.get("/protected", headers=bearer()) for _ in range(5)))
        assert {answer.status_code for answer in answers} == {403}
        assert (await calling.get("/protected", headers=bearer(app_code()))).text == "the application: /protected"


async def test_an_application_without_a_lifespan_lives_all_the_same(tmp_path: Path) -> None:
    async def bare(scope: Scope, _receive: Receive, _send: Send) -> None:
        assert scope["type"] == "http"

    said = await Lifespan(MFAMiddleware(bare, gateway=gateway(tmp_path))).live()
    assert said == ["lifespan.startup.complete", "lifespan.shutdown.complete"]


async def test_an_application_that_fails_to_start_says_so_itself(tmp_path: Path) -> None:
    def connect() -> None:
        raise RuntimeError("no database")

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        connect()
        yield

    app = Starlette(lifespan=lifespan)
    app.add_middleware(MFAMiddleware, gateway=gateway(tmp_path))
    life = Lifespan(app)
    with pytest.raises(RuntimeError, match="no database"):
        await life.live()
    assert life.said == ["lifespan.startup.failed"]


async def test_a_gateway_that_cannot_start_stops_the_application(tmp_path: Path) -> None:
    kept = gateway(tmp_path)

    async def fail() -> None:
        raise RuntimeError("the store is unfit")

    kept.start = fail  # type: ignore[method-assign] # to fail
    life = Lifespan(wrapped(kept))
    with pytest.raises(RuntimeError, match="unfit"):
        await life.live()
    assert life.said == ["lifespan.startup.failed"]


def test_another_event_loop_is_told_apart(tmp_path: Path) -> None:
    app = MFAMiddleware(Starlette(routes=ROUTES), gateway=gateway(tmp_path))

    async def call() -> None:
        async with client(app) as calling:
            await calling.get("/")

    async def call_and_close() -> None:
        await call()
        await app.gateway.stop()

    asyncio.run(call_and_close())
    with pytest.raises(RuntimeError, match="another event loop"):
        asyncio.run(call())


def test_a_test_client_that_is_entered_lives_with_it(tmp_path: Path) -> None:
    app = FastAPI()
    app.add_middleware(MFAMiddleware, gateway=gateway(tmp_path, PROTECTED))
    with TestClient(app) as calling:
        assert calling.get("/protected").status_code == 403


def test_an_application_lives_as_often_as_it_is_told_to(tmp_path: Path) -> None:
    app = FastAPI()
    app.add_middleware(MFAMiddleware, config=configuration(tmp_path, PROTECTED), environ={})
    for _ in range(2):
        with TestClient(app) as calling:
            assert calling.get("/protected", headers=bearer()).json()["errors"][0]["code"] == "5907"


def test_a_gateway_that_was_given_lives_once(tmp_path: Path) -> None:
    app = Starlette(routes=ROUTES)
    app.add_middleware(MFAMiddleware, gateway=gateway(tmp_path))
    with TestClient(app):
        pass
    with pytest.raises(RuntimeError, match="starts more than once"), TestClient(app):
        pass


# --- What the application notices ---


async def test_the_application_is_told_the_facts(kept: Gateway) -> None:
    async def tell(request: Request) -> Response:
        facts = mfa_facts(request)
        assert request.state.mfa is facts
        account = facts.account and facts.account.subject
        return JSONResponse([facts.verified, facts.factor, facts.age, account, facts.rule])

    async with client(wrapped(kept, Route("/{path:path}", tell))) as calling:
        shown = await calling.get("/protected", headers=bearer(app_code()))
        assert shown.json() == [True, "totp", 0, "ada", "protected"]
        assert (await calling.get("/open", headers=bearer())).json() == [False, None, None, None, "default_policy"]


async def test_without_the_middleware_there_are_no_facts() -> None:
    async def tell(request: Request) -> Response:
        mfa_facts(request)
        return Response()

    async with client(Starlette(routes=[Route("/", tell)])) as calling:
        with pytest.raises(RuntimeError, match="no MFAMiddleware"):
            await calling.get("/")


async def test_what_others_keep_in_the_state_stays_there(kept: Gateway) -> None:
    seen: list[str] = []

    class Outer(BaseHTTPMiddleware):
        async def dispatch(self, request: Request, call_next: Any) -> Response:
            request.state.outer = "outer"
            answer: Response = await call_next(request)
            seen.append(request.state.inner)
            return answer

    async def write(request: Request) -> Response:
        seen.append(request.state.outer)
        request.state.inner = "inner"
        return Response()

    app = wrapped(kept, Route("/", write))
    app.add_middleware(Outer)
    async with client(app) as calling:
        await calling.get("/")
    assert seen == ["outer", "inner"]


async def test_answers_stream_and_tasks_run_behind_them(kept: Gateway) -> None:
    ran: list[str] = []

    async def pieces() -> AsyncIterator[bytes]:
        for piece in (b"one ", b"two ", b"three"):
            yield piece

    async def stream(_: Request) -> Response:
        return StreamingResponse(pieces(), background=BackgroundTask(ran.append, "behind it"))

    async with client(wrapped(kept, Route("/", stream))) as calling:
        assert (await calling.get("/")).text == "one two three"
    assert ran == ["behind it"]


async def test_what_the_application_raises_is_its_own(kept: Gateway) -> None:
    async def fail(_: Request) -> Response:
        raise LookupError("of the application")

    async with client(wrapped(kept, Route("/", fail))) as calling:
        with pytest.raises(LookupError, match="of the application"):
            await calling.get("/")


async def test_ceremonies_are_mounted(kept: Gateway) -> None:
    async with client(wrapped(kept)) as calling:
        assert (await calling.get("/mfa/factors", headers=bearer())).json()["factors"]
        assert (await calling.get("/multi-factor-auth-types")).status_code == 403


async def test_a_web_socket_is_judged_at_its_handshake(tmp_path: Path) -> None:
    async def feed(socket: WebSocket) -> None:
        await socket.accept()
        await socket.send_text(mfa_facts(socket).factor or "nothing")
        await socket.close()

    app = Starlette(routes=[WebSocketRoute("/protected/feed", feed), WebSocketRoute("/open", feed)])
    kept = gateway(tmp_path, PROTECTED)
    app.add_middleware(MFAMiddleware, gateway=kept)

    def take_part() -> None:
        with TestClient(app) as calling:
            assert calling.portal is not None
            calling.portal.call(enrol, kept)
            with calling.websocket_connect("/open") as socket:
                assert socket.receive_text() == "nothing"
            with pytest.raises((WebSocketDisconnect, httpx2.HTTPError)), calling.websocket_connect("/protected/feed"):
                pass
            with calling.websocket_connect("/protected/feed", headers=bearer(app_code())) as socket:
                assert socket.receive_text() == "totp"

    await asyncio.to_thread(take_part)


# --- Mounted (row P21) ---

TARGETS = (
    "/protected", "/protected/", "/protected/x", "/%70rotected", "/open", "/", "/public/../protected", "//protected",
    "/protected%2fx", "/protected;v=1", "/protectedX", "/PROTECTED", "/open/%2e%2e/protected", "/protected%0a",
)  # fmt: skip


@pytest.mark.parametrize("target", TARGETS)
async def test_p21_mounted_and_stand_alone_agree(kept: Gateway, target: str) -> None:
    by_itself = wrapped(kept)
    ways = {
        "stand-alone": (by_itself, "", ""),
        "mounted": (Starlette(routes=[Mount("/api/v1", app=wrapped(kept))]), "/api/v1", ""),
        "below a mount with parameters": (Starlette(routes=[Mount("/{tenant}", app=wrapped(kept))]), "/shop", ""),
        "behind a server's root path": (wrapped(kept), "/api", "/api"),
        "behind a proxy that cuts": (wrapped(kept), "", "/api"),
        "of a mount's own": (
            Starlette(routes=[Mount("/api", routes=ROUTES, middleware=[Middleware(MFAMiddleware, gateway=kept)])]),
            "/api",
            "",
        ),
    }
    found = {}
    for name, (app, prefix, root) in ways.items():
        answer = await _get(app, prefix + target, root)
        found[name] = answer
    assert set(found.values()) == {found["stand-alone"]}, found
    assert found["stand-alone"] in ((200,), (400,), (403,))


async def _get(app: Any, target: str, root: str) -> tuple[int]:
    statuses: list[int] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    raw = target.encode()
    scope = {
        "type": "http", "method": "GET", "path": unquote_to_bytes(raw).decode(), "raw_path": raw,
        "root_path": root, "query_string": b"", "headers": [(b"host", b"gw.test")], "scheme": "http",
        "client": ("192.0.2.7", 1), "server": ("gw.test", 80), "http_version": "1.1", "asgi": {"version": "3.0"},
    }  # fmt: skip
    await app(scope, receive, send)
    return (statuses[0],)


@pytest.mark.parametrize("where", ["inside", "outside"])
async def test_p21_the_root_path_of_fastapi_is_no_way_around_a_rule(kept: Gateway, where: str) -> None:
    api = FastAPI()
    api.root_path = "/api"

    @api.get("/protected")
    async def protected(request: Request) -> str:
        return request.url.path

    if where == "inside":
        api.add_middleware(MFAMiddleware, gateway=kept)
    app: Any = api if where == "inside" else MFAMiddleware(api, gateway=kept)
    async with client(app) as calling:
        for target in ("/protected", "/api/protected"):
            assert (await calling.get(target)).status_code == 403, target
        assert (await calling.get("/api/protected", headers=bearer(app_code()))).status_code == 200


async def test_a_mounted_application_sees_its_own_path(kept: Gateway) -> None:
    async def tell(request: Request) -> Response:
        scope = request.scope
        return JSONResponse([scope["path"], scope["root_path"], scope["raw_path"].decode()])

    app = Starlette(routes=[Mount("/api", app=wrapped(kept, Route("/a b", tell, name="x")))])
    async with client(app) as calling:
        assert (await calling.get("/api/%61%20b")).json() == ["/api/a b", "/api", "/api/a%20b"]


# --- Marks ---


async def test_a_marked_endpoint_is_guarded(tmp_path: Path) -> None:
    api = FastAPI()

    @api.patch("/password/{id}")
    @requires_mfa(grace="5m", factors=["totp"])
    async def change(id: int) -> dict[str, int]:  # noqa: A002 - the name of the path's parameter
        return {"changed": id}

    kept = gateway(tmp_path)
    api.add_middleware(MFAMiddleware, gateway=kept)
    async with kept:
        await enrol(kept)
        async with client(api) as calling:
            assert (await calling.patch("/password/42")).status_code == 403
            assert (await calling.patch("/password/42", headers=bearer())).json()["errors"][0]["code"] == "5900"
            assert (await calling.patch("/password/42", headers=bearer(app_code()))).json() == {"changed": 42}
            assert (await calling.patch("/password/42", headers=bearer())).json() == {"changed": 42}


async def test_a_conflict_of_a_mark_stops_the_start_with_its_place(tmp_path: Path) -> None:
    app = Starlette()

    @requires_mfa(grace="1m")
    async def marked(_: Request) -> Response:
        return Response()

    app.add_route("/protected/{x}", marked, methods=["GET"])
    app.add_middleware(MFAMiddleware, gateway=gateway(tmp_path, '{name: half-hour, paths: ["/{x}/y"], policy: mfa}'))
    life = Lifespan(app)
    with pytest.raises(ConfigurationError) as told:
        await life.live()
    assert life.said == ["lifespan.startup.failed"]
    (problem,) = told.value.problems
    assert problem.path.startswith("@requires_mfa on ")
    assert Path(__file__).name in problem.path
    assert "half-hour" in problem.text
    assert "GET /protected/y" in problem.text
