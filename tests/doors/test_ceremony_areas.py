"""Ceremony paths with an id in them, and areas in which a dialect answers whatever is asked."""

import json
from typing import Final

import pytest

from mfa_gateway.core.account import Inventory
from mfa_gateway.core.call import Call
from mfa_gateway.core.ceremony import Action, Failed, Stock
from mfa_gateway.core.routing import OddTargets, Route, Routes
from mfa_gateway.core.verdict import Reason
from mfa_gateway.dialects.glue import Glue
from mfa_gateway.dialects.standard import Standard
from mfa_gateway.doors.asgi import read_call
from mfa_gateway.doors.ceremonies import Ceremonies, Endpoint, Mount
from mfa_gateway.doors.peers import TrustedProxies
from tests.doors.gateways import Commands, World
from tests.doors.scopes import BEARER, Exchange, play, scope
from tests.engine.fakes import BearerNames

STORED: Final = "0123456789abcdef01234567"
APP: Final = f"/mfa/factors/03{STORED}"
JSON: Final = (b"content-type", b"application/json")


@pytest.fixture
def world() -> World:
    return World()


async def post(world: World, target: str, said: dict[str, str]) -> Exchange:
    body = json.dumps(said).encode()
    length = (b"content-length", b"%d" % len(body))
    return await play(world.app, scope(target, BEARER, JSON, length, method="POST"), body)


async def test_an_endpoint_takes_each_of_its_methods(world: World) -> None:
    world.commands.outcome = Stock(Inventory())
    listed = await play(world.app, scope("/mfa/factors", BEARER))
    assert (listed.status, json.loads(listed.body)) == (200, {"factors": [], "backup_codes": None})
    await post(world, "/mfa/factors", {"type": "totp"})
    assert [command.action for command in world.commands.carried_out] == [Action.INVENTORY, Action.ADD]
    assert world.behind.scopes == []


async def test_the_id_in_a_path_comes_with_the_command(world: World) -> None:
    assert (await play(world.app, scope(APP, BEARER, method="DELETE"))).status == 204
    assert (await post(world, f"{APP}/confirm", {"code": "123456"})).status == 204
    removed, confirmed = world.commands.carried_out
    assert (removed.action, removed.factor_name, removed.enrolment) == (Action.REMOVE, "totp", STORED)
    assert (confirmed.action, confirmed.ticket, confirmed.code) == (Action.CONFIRM, STORED, "123456")


@pytest.mark.parametrize(
    ("method", "target", "allowed"),
    [
        ("PUT", "/mfa/factors", b"GET, POST"),
        ("HEAD", "/mfa/grace", b"GET, DELETE"),
        ("GET", APP, b"PATCH, DELETE"),
        ("OPTIONS", f"{APP}/confirm", b"POST"),
    ],
)
async def test_another_method_is_405_and_says_once_which_are_allowed(
    world: World, method: str, target: str, allowed: bytes
) -> None:
    exchange = await play(world.app, scope(target, BEARER, method=method))
    assert (exchange.status, exchange.values(b"allow")) == (405, [allowed])
    assert (world.commands.carried_out, world.behind.scopes, world.identity.asked) == ([], [], 0)


@pytest.mark.parametrize(
    "target",
    [
        *("/mfa/factors/", f"{APP}/", f"{APP}/confirm/", f"{APP}/other", "/mfa/factors/XYZ", "/mfa/factors/0A"),
        *("/mfa/factors/" + "0" * 65, "/mfa/factors/caf%C3%A9", "/mfa/factors/%7Bid%7D", "/mfa/factors/**"),
        *("/mfa/challenges/", "/mfa/challenges/verify/", "/mfa/challenges/x", "/mfa/grace/x", "/mfa/backup-codes/x"),
        *("/mfa/%66actors/x", "/mfa/factors/a/b/c/d"),
    ],
)
async def test_what_is_no_endpoint_in_an_area_is_404_whoever_asks_and_never_forwarded(
    world: World, target: str
) -> None:
    for method in ("GET", "POST", "DELETE"):
        for fields in ((BEARER,), ()):
            exchange = await play(world.app, scope(target, *fields, method=method))
            assert (exchange.status, json.loads(exchange.body)["code"]) == (404, "not_found")
    assert (world.commands.carried_out, world.behind.scopes, world.identity.asked) == ([], [], 0)


@pytest.mark.parametrize(
    "target",
    ["/mfa", "/mfa/", "/mfa/settings", "/mfa/factory", "/mfa/Factors", "/x/mfa/factors", "/factors", "/graces"],
)
async def test_what_is_beside_the_areas_is_the_applications(world: World, target: str) -> None:
    await play(world.app, scope(target, BEARER))
    assert (world.commands.carried_out, len(world.behind.scopes)) == ([], 1)


@pytest.mark.parametrize(("host", "served"), [(b"mfa.test", 1), (b"gw.test", 0)])
@pytest.mark.parametrize("target", [APP, f"{APP}/x"])
async def test_areas_are_there_on_their_hosts_only(target: str, host: bytes, served: int) -> None:
    world = World(hosts=frozenset({"mfa.test"}))
    await play(world.app, scope(target, (b"host", host), BEARER, method="DELETE"))
    assert len(world.behind.scopes) == 1 - served


async def test_a_stranger_is_asked_for_a_token_in_this_form(world: World) -> None:
    exchange = await play(world.app, scope("/mfa/factors"))
    assert (exchange.status, exchange.values(b"content-type")) == (401, [b"application/problem+json"])
    assert exchange.values(b"www-authenticate") == [b'Bearer realm="mfa-gateway"']


async def test_too_large_a_body_is_413_in_this_form(world: World) -> None:
    fields = (BEARER, JSON, (b"transfer-encoding", b"chunked"))
    exchange = await play(world.app, scope("/mfa/factors", *fields, method="POST"), b"x" * 70_000)
    assert (exchange.status, json.loads(exchange.body)["code"]) == (413, "body_too_large")


async def test_a_member_that_is_wrong_is_pointed_at(world: World) -> None:
    exchange = await post(world, "/mfa/factors", {"type": "pigeon"})
    assert exchange.status == 400
    assert json.loads(exchange.body)["errors"][0]["pointer"] == "#/type"


async def test_a_failure_of_a_ceremony_is_a_problem(world: World) -> None:
    world.commands.outcome = Failed(Reason.SEND_LIMITED, 12_000)
    exchange = await post(world, "/mfa/challenges", {})
    assert (exchange.status, exchange.values(b"retry-after")) == (429, [b"12"])


# --- Odd paths, and two dialects --------------------------------------------------------------

ODD: Final = Routes([Route("any", odd_targets=OddTargets.STRICTEST)])


def met(ceremonies: Ceremonies, target: str, *, host: bytes = b"gw.test", routes: Routes = ODD) -> tuple[object, bool]:
    """The dialect that answers a call, and whether it is at an endpoint."""
    call = read_call(scope(target, headers=((b"host", host),)), TrustedProxies(()), routes)
    assert isinstance(call, Call)
    endpoint = ceremonies.endpoint(call)
    return (endpoint.dialect, endpoint.is_exact) if isinstance(endpoint, Endpoint) else (None, False)


def ceremonies(*mounts: Mount) -> Ceremonies:
    return Ceremonies(mounts, identify=BearerNames().identify, clerk=Commands())


@pytest.mark.parametrize(
    "target", ["/mfa/factors/a%2Fb", "/mfa/factors;v=1/x", "/mfa//factors", f"{APP};v", "/mfa/grace;"]
)
def test_an_odd_path_that_can_be_read_into_an_area_meets_nothing(target: str) -> None:
    form = Standard()
    assert met(ceremonies(Mount(form)), target) == (form, False)
    assert met(ceremonies(Mount(form, frozenset({"mfa.test"}))), target) == (None, False)


@pytest.mark.parametrize("target", ["/mfa/factory;v", "/x//mfa/factors"])
def test_another_odd_path_is_the_applications(target: str) -> None:
    assert met(ceremonies(Mount(Standard())), target) == (None, False)


def test_an_endpoint_of_another_dialect_may_stand_in_an_area_on_another_host() -> None:
    glue, form = Glue(prefix="/mfa/factors"), Standard()
    both = ceremonies(Mount(glue, frozenset({"a.test"})), Mount(form, frozenset({"b.test"})))
    target = "/mfa/factors/multi-factor-auth-types"
    assert met(both, target, host=b"a.test") == (glue, True)
    assert met(both, target, host=b"b.test") == (form, False)


def test_without_a_dialect_nothing_is_answered() -> None:
    assert met(ceremonies(), "/mfa/factors") == (None, False)
