"""CORS: a listed origin reads our answers and gets its preflights answered, and nothing is opened by it."""

import pytest

from mfa_gateway.doors.cors import Cors
from tests.doors.gateways import World
from tests.doors.scopes import BEARER, Exchange, handshake, play, scope

SHOP = (b"origin", b"https://shop.test")
EVIL = (b"origin", b"https://evil.test")
METHOD = (b"access-control-request-method", b"PATCH")
WANTED = (b"access-control-request-headers", b"authorization,x-mfa-code")


@pytest.fixture
def world() -> World:
    return World(cors=Cors(frozenset({b"https://shop.test"}), max_age=60))


def header(exchange: Exchange, name: bytes) -> list[bytes]:
    return [value for found, value in exchange.sent[0]["headers"] if found == name]


async def test_m04_a_true_preflight_of_a_listed_origin_is_answered_here(world: World) -> None:
    exchange = await play(world.app, scope("/protected", SHOP, METHOD, WANTED, method="OPTIONS"))

    assert exchange.status == 204
    assert header(exchange, b"access-control-allow-origin") == [b"https://shop.test"]
    assert header(exchange, b"access-control-allow-methods") == [b"PATCH"]
    assert header(exchange, b"access-control-allow-headers") == [b"authorization,x-mfa-code"]
    assert header(exchange, b"access-control-max-age") == [b"60"]
    assert header(exchange, b"access-control-allow-credentials") == []
    assert header(exchange, b"vary") == [b"Origin"]
    assert world.behind.scopes == []


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param((), id="no origin, no method"),
        pytest.param((SHOP,), id="no method asked for"),
        pytest.param((METHOD,), id="no origin"),
        pytest.param((EVIL, METHOD), id="an origin that is not listed"),
        pytest.param(((b"origin", b"https://SHOP.test"), METHOD), id="an origin in another case"),
        pytest.param(((b"origin", b"null"), METHOD), id="an opaque origin"),
        pytest.param((SHOP, EVIL, METHOD), id="two origins"),
        pytest.param((SHOP, METHOD, METHOD), id="two methods"),
        pytest.param((SHOP, METHOD, (b"access-control-request-headers", b"a," * 600)), id="a list without end"),
    ],
)
async def test_m04_any_other_options_is_judged_like_every_method(
    world: World, fields: tuple[tuple[bytes, bytes], ...]
) -> None:
    exchange = await play(world.app, scope("/protected", *fields, method="OPTIONS"))

    assert exchange.status == 401
    assert world.behind.scopes == []


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_the_fields_of_a_preflight_open_nothing_under_another_method(world: World, method: str) -> None:
    assert (await play(world.app, scope("/protected", SHOP, METHOD, method=method))).status == 401
    assert world.behind.scopes == []


async def test_a_refusal_can_be_read_by_a_listed_origin(world: World) -> None:
    exchange = await play(world.app, scope("/protected", BEARER, SHOP))

    assert exchange.status == 401
    assert header(exchange, b"access-control-allow-origin") == [b"https://shop.test"]
    exposed = header(exchange, b"access-control-expose-headers")[0].split(b", ")
    assert {b"X-MFA-Error-Code", b"WWW-Authenticate", b"X-MFA-Grace-Remaining"} < {*exposed}


async def test_a_ceremony_can_be_read_by_a_listed_origin(world: World) -> None:
    exchange = await play(world.app, scope("/multi-factor-auth-types", SHOP))

    assert exchange.status == 403
    assert header(exchange, b"access-control-allow-origin") == [b"https://shop.test"]


async def test_a_refusal_cannot_be_read_by_another_origin_and_is_not_shared_with_it(world: World) -> None:
    exchange = await play(world.app, scope("/protected", BEARER, EVIL))

    assert header(exchange, b"access-control-allow-origin") == []
    assert header(exchange, b"vary") == [b"Origin"]


async def test_the_answers_of_the_application_are_its_own(world: World) -> None:
    exchange = await play(world.app, scope("/public", SHOP))

    assert header(exchange, b"access-control-allow-origin") == []
    assert len(world.behind.scopes) == 1


async def test_cookies_are_allowed_only_where_the_configuration_says_so() -> None:
    world = World(cors=Cors(frozenset({b"https://shop.test"}), credentials=True))

    exchange = await play(world.app, scope("/protected", SHOP, METHOD, method="OPTIONS"))

    assert header(exchange, b"access-control-allow-credentials") == [b"true"]


async def test_without_origins_nothing_changes() -> None:
    world = World()

    exchange = await play(world.app, scope("/protected", SHOP, METHOD, method="OPTIONS"))

    assert exchange.status == 401
    assert header(exchange, b"vary") == []


async def test_a_handshake_is_no_preflight(world: World) -> None:
    exchange = await play(world.app, handshake("/protected", SHOP, METHOD))

    assert exchange.sent[0]["type"] == "websocket.close"
    assert world.behind.scopes == []
