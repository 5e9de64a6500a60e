"""Every door: the same calls, the same verdicts, the same reasons, behind real proxies on the recipes of `deploy/`."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
import pytest_asyncio
from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tests.e2e.calls import RULES, TABLE
from tests.e2e.front import rewrite
from tests.e2e.installation import Installation, free_port
from tests.e2e.parity import CLIENT, World, ask, world_of
from tests.e2e.proxies import program, proxy
from tests.e2e.rows import CADDY, ENVOY, EVERY_PROXY, HOST, TRAEFIK, Who
from tests.e2e.waiting import until
from tests.e2e.wire import connected, request

pytestmark = pytest.mark.processes
in_one_loop = pytest.mark.asyncio(loop_scope="module")

GATEWAY = "gateway"
DOORS = (GATEWAY, *EVERY_PROXY)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    async with world_of(tmp_path_factory.mktemp("world"), DOORS) as running:
        yield running


@in_one_loop
async def test_door_2_does_as_the_table_says(world: World) -> None:
    assert not (wrong := await world.play(GATEWAY, world.port)), "\n".join(wrong)


@in_one_loop
@pytest.mark.parametrize("name", EVERY_PROXY)
async def test_every_proxy_does_as_the_table_says(world: World, name: str, tmp_path: Path) -> None:
    async with proxy(name, tmp_path, gateway=world.port, api=world.api.port) as port:
        assert not (wrong := await world.play(name, port)), "\n".join(wrong)


@in_one_loop
@pytest.mark.parametrize("name", EVERY_PROXY)
async def test_nothing_goes_on_while_the_gateway_is_away(world: World, name: str, tmp_path: Path) -> None:
    async with proxy(name, tmp_path, gateway=free_port(), api=world.api.port) as port, connected(port) as client:
        world.api.seen.clear()
        answer = await client.ask(request("/open"))
        assert answer.status >= 500
        assert world.api.seen == []


_ASKED = (
    "X-Forwarded-Method: GET",
    "X-Forwarded-Proto: http",
    f"X-Forwarded-Host: {HOST}",
    "X-Forwarded-Uri: /open",
)


@in_one_loop
async def test_a_peer_that_is_no_trusted_proxy_is_told_nothing(world: World) -> None:
    question = request("/_mfa/forward-auth/traefik", *_ASKED)
    async with connected(world.port) as trusted:
        assert (await trusted.ask(question)).status == 200
    answer = await ask(world.port, question)
    assert answer is not None
    assert (answer.status, answer.values("x-mfa-error-code")) == (403, ["denied"])
    (request_id,) = answer.values("x-request-id")
    await until(lambda: any(request_id in line and "trusted_proxies" in line for line in world.lines))


@in_one_loop
async def test_a_gateway_without_an_upstream_serves_proxies_and_nobody_else(tmp_path: Path) -> None:
    async with Installation(tmp_path, rules=RULES) as installation:
        rewrite(installation, f"upstream: http://127.0.0.1:{installation.api.port}\n", "")
        check = await installation.command("check")
        told, _ = await check.communicate()
        assert b"forwards nothing; answers the questions of proxies in 127.0.0.1/32" in told
        await installation.start()
        async with connected(installation.port) as client:
            assert (await client.ask(request("/_mfa/forward-auth/traefik", *_ASKED))).status == 200
            assert (await client.ask(request("/open"))).status == 404


@in_one_loop
@pytest.mark.parametrize("name", [TRAEFIK, CADDY, ENVOY])
async def test_over_http_2_the_verdicts_are_the_same(world: World, name: str, tmp_path: Path) -> None:
    """These speak it without TLS, asked for or not. nginx does not, and HAProxy is told not to."""
    tokens = {who: f"Authorization: Bearer {world.installation.token(f'{who}-{name}')}" for who in Who}
    async with proxy(name, tmp_path, gateway=world.port, api=world.api.port) as port:
        world.api.seen.clear()
        assert await over_http_2(port, "/open", "x-mfa-verified: true", "x_mfa_verified: true") == "2 200 "
        assert await over_http_2(port, "/protected", tokens[Who.ENROLLED]) == "2 401 code_missing"
        assert await over_http_2(port, "/open/%2e%2e/protected", tokens[Who.ENROLLED]) in AS_ODD
        twice = (tokens[Who.PROVEN], tokens[Who.PROVEN])
        assert await over_http_2(port, "/protected", *twice) == "2 400 ambiguous_request"
        assert [(seen.target, seen.values("x-mfa-verified")) for seen in world.api.seen] == [("/open", [])]
        assert not any(seen.values("x_mfa_verified") for seen in world.api.seen)


# Traefik cleans the path, and that is judged.
AS_ODD = ("2 400 ambiguous_request", "2 401 code_missing")


async def over_http_2(port: int, target: str, *fields: str) -> str:
    """Version, status and reason of an answer to a client that speaks nothing else."""
    named = [word for one in (f"Host: {HOST}", *fields) for word in ("-H", one)]
    shown = "%{http_version} %{http_code} %header{x-mfa-error-code}"
    words = ("-s", "--max-time", "10", "--path-as-is", "--http2-prior-knowledge", "-o", os.devnull, "-w", shown)
    url = f"http://127.0.0.1:{port}{target}"
    curl = await asyncio.create_subprocess_exec(program("curl"), *words, *named, url, stdout=asyncio.subprocess.PIPE)
    output, _ = await curl.communicate()
    return output.decode()


# --- WebSockets -------------------------------------------------------------------------------


class Echo:
    """An API that says back what it hears, and remembers its handshakes."""

    def __init__(self) -> None:
        self.port = 0
        self.handshakes: list[dict[str, str]] = []

    async def talk(self, socket: ServerConnection) -> None:
        assert socket.request is not None
        self.handshakes.append({name.lower(): value for name, value in socket.request.headers.raw_items()})
        with suppress(ConnectionClosed):
            async for message in socket:
                await socket.send(message)


@asynccontextmanager
async def echoing() -> AsyncIterator[Echo]:
    echo = Echo()
    async with serve(echo.talk, "127.0.0.1", 0) as server:
        echo.port = next(iter(server.sockets)).getsockname()[1]
        yield echo


def opening(port: int, token: str, **more: str) -> connect:
    headers = {"Authorization": f"Bearer {token}", **more}
    url = f"ws://{HOST}/protected"
    return connect(url, host="127.0.0.1", port=port, local_addr=(CLIENT, 0), additional_headers=headers, proxy=None)


async def is_refused(opened: connect) -> bool:
    try:
        async with opened:
            return False
    except InvalidStatus as refusal:
        return refusal.response.status_code in (401, 403)


async def echoes(socket: ClientConnection) -> bool:
    await socket.send("there?")
    return await socket.recv() == "there?"


@in_one_loop
@pytest.mark.parametrize("name", EVERY_PROXY)
async def test_a_websocket_is_judged_at_its_handshake_behind_every_proxy(
    world: World, name: str, tmp_path: Path
) -> None:
    proven, enrolled = (world.installation.token(f"{who}-{name}") for who in (Who.PROVEN, Who.ENROLLED))
    async with echoing() as echo, proxy(name, tmp_path, gateway=world.port, api=echo.port) as port:
        assert await is_refused(opening(port, enrolled))
        assert await is_refused(opening(port, proven, Origin="https://elsewhere.test"))
        assert echo.handshakes == []
        async with opening(port, proven, Origin=f"http://{HOST}", Cookie="s=other") as socket:
            assert await echoes(socket)
        (handshake,) = echo.handshakes
        assert handshake["x-mfa-verified"] == "true"
        assert "cookie" not in handshake


def test_the_table_has_a_hundred_calls_and_each_its_name() -> None:
    names = [row.name for row in TABLE]
    assert len(names) >= 100
    assert len(set(names)) == len(names)


def test_a_proxy_that_is_not_there_is_a_skip_that_shows_and_a_failure_in_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "")
    with pytest.raises(pytest.skip.Exception, match="no-such-proxy is not there"):
        program("no-such-proxy")
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="no-such-proxy is not there"):
        program("no-such-proxy")
