"""The two doors that are not asked over HTTP, by the same table: Envoy by gRPC, and an application itself."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import pytest
import pytest_asyncio
import uvicorn
from starlette.applications import Starlette
from starlette.routing import Mount

from mfa_gateway import Gateway, MFAMiddleware, load_settings
from mfa_gateway.doors.upstream import Origin, Terms, Upstream
from tests.e2e.calls import TABLE
from tests.e2e.grpc_envoy import Envoy
from tests.e2e.installation import free_port
from tests.e2e.parity import World, world_of
from tests.e2e.processes import ON_LINUX
from tests.e2e.rows import Outcome
from tests.e2e.waiting import until

pytestmark = [pytest.mark.processes, ON_LINUX]
in_one_loop = pytest.mark.asyncio(loop_scope="module")

EXT_AUTHZ, LIBRARY = "ext_authz", "library"
DECISIONS = free_port()

_ITSELF = "Envoy refuses it itself"
_CUTS = "Envoy takes the host and the path apart before it asks"
_JOINS = "Envoy joins fields of a name"
BY_ENVOY: Mapping[str, Outcome] = {
    "two tokens in one": Outcome(None, "ambiguous_request", _JOINS),
    "two hosts": Outcome(None, "ambiguous_request", _JOINS),
    "absolute form": Outcome(None, "code_missing", _CUTS),
    "absolute form, other host": Outcome(None, "misdirected", _CUTS),
    "ceremony in other letters": Outcome(None, "not_found", "Envoy compares the bytes, and asks about a path of ours"),
    **dict.fromkeys(("host with a path", "host with a query", "host with a fragment"), Outcome(None, why=_ITSELF)),
    **dict.fromkeys(
        (
            "fields named in Connection, window",
            "fields named in Connection, no code",
            "fields named in Connection, open",
        ),
        Outcome(None, why=_ITSELF),
    ),
}
_SERVER = "uvicorn's own parser forgives it, and shows the application what was judged"
BY_UVICORN: Mapping[str, Outcome] = {
    "fragment": Outcome(None, "code_missing", _SERVER),
    "fragment and a way up": Outcome("/open", why=_SERVER),
    "absolute form": Outcome(None, "code_missing", _SERVER),
    "absolute form, other host": Outcome("/open", why=_SERVER),
    "two upgrades, HTTP/2 last": Outcome("/open", why=_SERVER),
    **dict.fromkeys(
        ("asterisk", "two hosts", "no host"),
        Outcome(None, "ambiguous_request", "only our own server refuses it before there is a request"),
    ),
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    more = f"ext_authz: {{listen: 127.0.0.1:{DECISIONS}}}"
    async with world_of(tmp_path_factory.mktemp("world"), (EXT_AUTHZ, LIBRARY), more=more) as running:
        yield running


@in_one_loop
async def test_envoy_by_grpc_does_as_the_table_says(world: World) -> None:
    async with Envoy(world.installation, decisions=DECISIONS, api=world.api.port) as envoy:
        wrong = await world.play(EXT_AUTHZ, envoy.port, BY_ENVOY)
    assert not wrong, "\n".join(wrong)


@in_one_loop
async def test_an_application_with_the_middleware_does_as_the_table_says(world: World) -> None:
    async with application(world) as port:
        wrong = await world.play(LIBRARY, port, BY_UVICORN)
    assert not wrong, "\n".join(wrong)


def test_what_differs_is_in_the_table() -> None:
    assert {*BY_ENVOY, *BY_UVICORN} <= {row.name for row in TABLE}
    assert len(TABLE) >= 100


@asynccontextmanager
async def application(world: World) -> AsyncIterator[int]:
    """An application under uvicorn, with the gate inside. What it answers comes from the API, which sees everything."""
    gateway = Gateway(load_settings(world.installation.config, environ={}), runs_store=False)
    app = Starlette(routes=[Mount("/", Upstream(Origin.parse(f"http://127.0.0.1:{world.api.port}"), Terms()))])
    app.add_middleware(MFAMiddleware, gateway=gateway)
    port = free_port()
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_config=None, proxy_headers=False, lifespan="off"))
    async with gateway, serving(server):
        yield port


@asynccontextmanager
async def serving(server: uvicorn.Server) -> AsyncIterator[None]:
    task = asyncio.create_task(server.serve())
    try:
        await until(lambda: server.started)
        yield
    finally:
        server.should_exit = True
        await task
