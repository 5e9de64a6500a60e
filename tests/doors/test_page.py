"""The page among the ceremonies: for everybody, at exactly one path, and never the application's."""

import json
from dataclasses import replace

import pytest

from mfa_gateway.dialects.glue import Glue
from mfa_gateway.dialects.standard import Standard
from mfa_gateway.dialects.wire import Reply
from mfa_gateway.doors.ceremonies import Ceremonies, Mount
from mfa_gateway.doors.middleware import MFAMiddleware
from mfa_gateway.doors.page import OPENAPI, Page
from tests.doors.gateways import World
from tests.doors.scopes import BEARER, Exchange, handshake, play, scope

SHOWN = Reply(200, ((b"content-type", b"application/json"),), b"{}")


@pytest.fixture
def world() -> World:
    made = World()
    ceremonies = Ceremonies(
        [Mount(Glue())],
        identify=made.parts.judge.identify,  # type: ignore[attr-defined]  # it is a real judge
        clerk=made.commands,
        page=Page(OPENAPI, SHOWN, Standard()),
    )
    made.parts = replace(made.parts, ceremonies=ceremonies)
    return made


async def asked(world: World, target: str = OPENAPI, *fields: tuple[bytes, bytes], method: str = "GET") -> Exchange:
    return await play(MFAMiddleware(world.behind, gateway=world), scope(target, *fields, method=method))


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_it_is_shown_to_whoever_asks(world: World, method: str) -> None:
    for fields in ((), (BEARER,)):
        exchange = await asked(world, OPENAPI, *fields, method=method)
        assert (exchange.status, exchange.body) == (200, b"{}")
        assert len(exchange.values(b"x-request-id")) == 1
    assert world.identity.asked == 0


async def test_another_method_is_told_which_there_are(world: World) -> None:
    exchange = await asked(world, method="DELETE")
    assert (exchange.status, exchange.values(b"allow")) == (405, [b"GET, HEAD"])
    assert json.loads(exchange.body)["code"] == "method_not_allowed"


@pytest.mark.parametrize("target", [f"{OPENAPI}/"])
async def test_what_resembles_its_path_is_nothing(world: World, target: str) -> None:
    assert (await asked(world, target)).status == 404
    assert world.behind.scopes == []


async def test_beside_it_everything_is_as_without_it(world: World) -> None:
    assert (await asked(world, "/_mfa/else")).body == b"from the application"
    assert (await asked(world, "/multi-factor-auth-types", BEARER)).status == 204


async def test_it_is_no_websocket(world: World) -> None:
    exchange = await play(MFAMiddleware(world.behind, gateway=world), handshake(OPENAPI))
    assert exchange.sent[0]["type"] == "websocket.close"
    assert world.behind.scopes == []
