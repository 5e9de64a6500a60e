"""Paths with several readings at the door: taken where an upstream wants them, judged in all, handed on unchanged."""

from typing import Any, Final

import pytest

from mfa_gateway.core.call import Call, Oddity, OddPath
from mfa_gateway.core.routing import OddTargets, Route, Routes
from mfa_gateway.doors.asgi import JUDGED, Blindness, Unreadable, read_call
from mfa_gateway.doors.middleware import MFAMiddleware
from mfa_gateway.doors.peers import TrustedProxies
from tests.doors.gateways import World
from tests.doors.scopes import BEARER, Exchange, handshake, play, scope

NOBODY: Final = TrustedProxies()
TAKEN: Final = Routes([Route("odd", prefix="/odd", odd_targets=OddTargets.STRICTEST), Route("rest")])
TAKEN_EVERYWHERE: Final = Routes([Route("all", odd_targets=OddTargets.STRICTEST)])


@pytest.fixture
def world() -> World:
    world = World()
    world.app = MFAMiddleware(world.behind, gateway=world, routes=TAKEN_EVERYWHERE)
    return world


def read(target: str, routes: Routes = TAKEN, **given: Any) -> Call | Unreadable:
    return read_call(scope(target, **given), NOBODY, routes)


def why(target: str, routes: Routes = TAKEN, **given: Any) -> str:
    unreadable = read(target, routes, **given)
    assert isinstance(unreadable, Unreadable)
    return unreadable.why


# --- Reading ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "target", ["/odd/a%2Fb", "/odd/a%2fb;v=1", "/odd//b", "/odd/caf%c3%a9;v", "/odd/" + "x" * 300 + ";"]
)
def test_where_odd_paths_are_wanted_a_call_has_one(target: str) -> None:
    call = read(target)
    assert isinstance(call, Call)
    assert isinstance(call.path, OddPath)
    assert call.path.wire == target.encode()


@pytest.mark.parametrize("target", ["/rest/a%2Fb", "/odd;v=1/b", "/odd%2Fb", "/", "/odd/../a%2Fb"])
def test_everywhere_else_they_are_refused_as_before(target: str) -> None:
    plain = read(target, Routes())
    assert type(read(target)) is type(plain)
    if isinstance(plain, Unreadable):
        assert why(target) == plain.why


def test_without_a_table_nothing_odd_is_read() -> None:
    assert isinstance(read_call(scope("/odd//b"), NOBODY), Unreadable)


@pytest.mark.parametrize(
    "target",
    ["/odd/../a", "/odd/..;/a", "/odd/a%2F..%2Fb", "/odd//%00", "/odd//%zz", "/odd//%5Ca", "/odd\\a;", "/odd//a%252Fb"],
)
def test_what_no_api_needs_is_refused_in_this_mode_too(target: str) -> None:
    assert isinstance(read(target), Unreadable)


def test_the_readings_decide_on_the_host_that_was_judged() -> None:
    routes = Routes([Route("here", "a.test", odd_targets=OddTargets.STRICTEST), Route("rest")])
    assert isinstance(read("/a//b", routes, headers=[(b"host", b"A.test:80")]), Call)
    assert isinstance(read("/a//b", routes, headers=[(b"host", b"b.test")]), Unreadable)
    forwarded = [(b"host", b"b.test"), (b"x-forwarded-host", b"a.test")]
    assert isinstance(read("/a//b", routes, headers=forwarded), Unreadable)


def test_an_odd_path_without_a_host_is_refused() -> None:
    assert why("/odd//b", headers=[(b"host", b"a b")]) == Oddity.EMPTY_SEGMENT.value


@pytest.mark.parametrize("shown", ["/odd/a/b", "/odd/b", "/odd/a%2Fb", "/odd//b/"])
def test_a_server_that_shows_another_path_is_not_served(shown: str) -> None:
    assert why("/odd//b", path=shown) == Blindness.OTHER_PATH.value


@pytest.mark.parametrize(("target", "shown"), [("/odd/a%2fb", "/odd/a/b"), ("/odd/a%20b;v=%C3%A9", "/odd/a b;v=é")])
def test_a_server_shows_an_odd_path_decoded_once(target: str, shown: str) -> None:
    assert isinstance(read(target, path=shown), Call)


def test_a_handshake_may_have_an_odd_path_too() -> None:
    call = read_call(handshake("/odd//b?x", raw_path=b"/odd//b?x"), NOBODY, TAKEN)
    assert isinstance(call, Call)
    assert call.path.wire == b"/odd//b"


# --- Judging ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "target",
    ["/protected;v=1", "/protected;", "/protected//", "/%70rotected;v", "/protected%2F", "/protected;jsessionid=1"],
)
async def test_a_protected_reading_is_refused_in_the_dialect_of_its_rule(world: World, target: str) -> None:
    plain = await play(world.app, scope("/protected", BEARER))
    exchange = await play(world.app, scope(target, BEARER))
    assert (exchange.status, world.behind.scopes) == (plain.status, [])
    assert b":code_missing" in exchange.body


async def test_an_open_path_goes_on_byte_by_byte(world: World) -> None:
    await play(world.app, scope("/files/a%2fb;v=1//c?d=%zz"))
    (seen,) = world.behind.scopes
    assert (seen["raw_path"], seen["query_string"]) == (b"/files/a%2fb;v=1//c", b"d=%zz")


async def test_the_application_is_handed_what_was_judged(world: World) -> None:
    await play(world.app, scope("/files/a%2fb"))
    (seen,) = world.behind.scopes
    path, host = seen[JUDGED]
    assert isinstance(path, OddPath)
    assert host == "gw.test"


@pytest.mark.parametrize(
    "target",
    [
        "/multi-factor-auth-trigger;v=1",
        "/multi-factor-auth-trigger//",
        "/multi-factor-auth-trigger%2F",
        "/multi-factor-auth-trigger;/a",
        "/multi-factor-auth-trigge%72;v",
    ],
)
async def test_what_can_be_read_as_a_ceremony_is_neither_one_nor_forwarded(world: World, target: str) -> None:
    for made in (scope(target, BEARER, method="POST"), scope(target, BEARER)):
        exchange = await play(world.app, made)
        assert (exchange.status, world.behind.scopes, world.commands.carried_out) == (404, [], [])


async def test_a_handshake_that_can_be_read_as_a_ceremony_is_not_forwarded(world: World) -> None:
    exchange = Exchange([{"type": "websocket.connect"}])
    await world.app(handshake("/multi-factor-auth-types;v"), exchange.receive, exchange.send)
    assert world.behind.scopes == []


async def test_a_ceremony_of_another_host_is_nothing_to_this_one() -> None:
    world = World(hosts=frozenset({"a.test"}))
    world.app = MFAMiddleware(world.behind, gateway=world, routes=TAKEN_EVERYWHERE)
    await play(world.app, scope("/multi-factor-auth-trigger;v=1"))
    assert len(world.behind.scopes) == 1
    there = await play(world.app, scope("/multi-factor-auth-trigger;v=1", (b"host", b"a.test")))
    assert (there.status, len(world.behind.scopes)) == (404, 1)
