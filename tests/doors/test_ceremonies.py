"""The ceremonies' door: exact paths on their hosts, whole bodies, and nobody served who is not known."""

import json

import pytest
import structlog

from mfa_gateway.core.ceremony import Action, Failed, Listed
from mfa_gateway.core.fault import IdentityUnavailable
from mfa_gateway.core.verdict import Reason
from mfa_gateway.doors.bodies import MAX_BODY
from tests.doors.gateways import World
from tests.doors.scopes import BEARER, Exchange, Fields, pieces, play, scope
from tests.engine.fakes import ANNA

JSON = (b"content-type", b"application/json")
TRIGGER = "/multi-factor-auth-trigger"
BODY = json.dumps({"data": {"type": "multi-factor-auth-trigger", "attributes": {"type": "email"}}}).encode()


@pytest.fixture
def world() -> World:
    return World()


async def post(world: World, *fields: tuple[bytes, bytes], body: bytes = BODY, target: str = TRIGGER) -> Exchange:
    framed = (BEARER, JSON, (b"content-length", b"%d" % len(body)), *fields)
    return await play(world.app, scope(target, *framed, method="POST"), body)


async def test_a_command_is_carried_out_as_it_was_sent(world: World) -> None:
    code, languages = (b"x-mfa-code", b"123456"), (b"accept-language", b"de, en;q=0.5")
    body = BODY.replace(b"trigger", b"type-activate")
    exchange = await post(world, code, languages, body=body, target="/multi-factor-auth-type-activate")
    assert (exchange.status, exchange.body) == (204, b"")
    (command,) = world.commands.carried_out
    assert (command.action, command.caller, command.factor_name) == (Action.ACTIVATE, ANNA, "email")
    assert (command.code, command.languages) == ("123456", ("de", "en"))


async def test_the_outcome_is_answered_in_the_dialect(world: World) -> None:
    world.commands.outcome = Listed(())
    exchange = await play(world.app, scope("/multi-factor-auth-types", BEARER))
    assert (exchange.status, json.loads(exchange.body)["data"]) == (200, [])
    assert exchange.values(b"cache-control") == [b"no-store"]
    assert len(exchange.values(b"x-request-id")) == 1


async def test_a_failure_is_answered_with_when_to_come_back(world: World) -> None:
    world.commands.outcome = Failed(Reason.SEND_LIMITED, 12_000)
    exchange = await post(world)
    assert (exchange.status, exchange.values(b"retry-after")) == (429, [b"12"])


async def test_the_answer_is_in_the_type_that_the_client_asks_for(world: World) -> None:
    world.commands.outcome = Failed(Reason.FACTOR_NOT_FOUND)
    exchange = await post(world, (b"accept", b"application/vnd.api+json"))
    assert exchange.values(b"content-type") == [b"application/vnd.api+json"]


# --- Which path -------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["GET", "PUT", "HEAD", "OPTIONS", "FOO"])
async def test_another_method_is_405_and_says_once_which_is_allowed(world: World, method: str) -> None:
    exchange = await play(world.app, scope(TRIGGER, BEARER, method=method))
    assert (exchange.status, exchange.values(b"allow")) == (405, [b"POST"])
    assert (world.commands.carried_out, world.behind.scopes, world.identity.asked) == ([], [], 0)


async def test_a_trailing_slash_is_404_whatever_the_method(world: World) -> None:
    for method in ("POST", "GET"):
        assert (await play(world.app, scope(f"{TRIGGER}/", BEARER, method=method))).status == 404
    assert (world.commands.carried_out, world.behind.scopes) == ([], [])


@pytest.mark.parametrize("target", ["/multi%2Dfactor-auth-types", "/multi-factor-auth-type%73"])
async def test_an_endpoint_is_recognised_in_every_spelling_of_its_path(world: World, target: str) -> None:
    await play(world.app, scope(target, BEARER))
    assert (len(world.commands.carried_out), world.behind.scopes) == (1, [])


@pytest.mark.parametrize(
    "target", ["/Multi-factor-auth-types", "/x/multi-factor-auth-types", "/multi-factor-auth-types/x"]
)
async def test_another_path_is_the_applications(world: World, target: str) -> None:
    await play(world.app, scope(target, BEARER))
    assert (world.commands.carried_out, len(world.behind.scopes)) == ([], 1)


@pytest.mark.parametrize(("host", "served"), [(b"mfa.test", 1), (b"MFA.test.:80", 1), (b"gw.test", 0)])
async def test_endpoints_answer_on_their_hosts_only(host: bytes, served: int) -> None:
    world = World(hosts=frozenset({"mfa.test"}))
    await play(world.app, scope("/multi-factor-auth-types", (b"host", host), BEARER))
    assert (len(world.commands.carried_out), len(world.behind.scopes)) == (served, 1 - served)


# --- Who asks ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "status", "code"),
    [((), 403, "002"), (((b"authorization", b"Bearer forged"),), 401, "001")],
    ids=["no token", "bad token"],
)
async def test_nobody_is_served_who_is_not_known(world: World, fields: Fields, status: int, code: str) -> None:
    exchange = await play(world.app, scope("/multi-factor-auth-types", *fields))
    assert exchange.status == status
    assert json.loads(exchange.body)["errors"][0]["code"] == code
    assert world.commands.carried_out == []


async def test_an_undecided_identity_is_asked_to_come_back(world: World) -> None:
    world.identity.fault = IdentityUnavailable("no keys")
    exchange = await play(world.app, scope("/multi-factor-auth-types", BEARER))
    assert (exchange.status, exchange.values(b"retry-after")) == (503, [b"1"])


async def test_a_strangers_body_is_not_looked_at(world: World) -> None:
    fields = (JSON, (b"content-length", b"1000000"))
    exchange = await play(world.app, scope(TRIGGER, *fields, method="POST"), b"x" * 1_000_000)
    assert (exchange.status, exchange.received) == (403, 0)
    assert exchange.values(b"connection") == [b"close"]


# --- Bodies -----------------------------------------------------------------------------------


async def test_a_body_may_come_in_pieces(world: World) -> None:
    fields = (BEARER, JSON, (b"transfer-encoding", b"chunked"))
    exchange = await play(world.app, scope(TRIGGER, *fields, method="POST"), BODY[:7], b"", BODY[7:])
    assert exchange.status == 204
    assert world.commands.carried_out[0].factor_name == "email"


async def test_a_body_is_read_where_nothing_announces_it_as_in_http_2(world: World) -> None:
    exchange = await play(world.app, scope(TRIGGER, BEARER, JSON, method="POST", http_version="2"), BODY)
    assert exchange.status == 204


async def test_a_body_as_large_as_allowed_is_read(world: World) -> None:
    exchange = await post(world, body=BODY + b" " * (MAX_BODY - len(BODY)))
    assert exchange.status == 204


@pytest.mark.parametrize(
    "bodies", [(b"x" * (MAX_BODY + 1),), tuple([b"x" * 10_000] * 100)], ids=["at once", "in pieces"]
)
async def test_a_larger_body_is_refused_and_not_read_to_its_end(world: World, bodies: tuple[bytes, ...]) -> None:
    fields = (BEARER, JSON, (b"transfer-encoding", b"chunked"))
    exchange = await play(world.app, scope(TRIGGER, *fields, method="POST"), *bodies)
    assert (exchange.status, exchange.values(b"connection")) == (413, [b"close"])
    assert exchange.received <= MAX_BODY // 10_000 + 1
    assert world.commands.carried_out == []


async def test_a_client_that_leaves_in_the_middle_has_asked_for_nothing(world: World) -> None:
    exchange = Exchange(pieces(BODY[:10], b"")[:1])
    fields = (BEARER, JSON, (b"content-length", b"%d" % len(BODY)))
    await world.app(scope(TRIGGER, *fields, method="POST"), exchange.receive, exchange.send)
    assert world.commands.carried_out == []


async def test_a_body_that_says_nothing_is_refused_in_the_dialect(world: World) -> None:
    exchange = await post(world, body=b"{}")
    assert exchange.status == 400
    assert world.commands.carried_out == []


# --- What is written down ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "reason"),
    [(b"hunter2", "body_malformed"), (b"{}" + b" " * MAX_BODY, "body_too_large")],
    ids=["no body of ours", "too large"],
)
async def test_a_request_that_no_ceremony_comes_of_is_in_the_log_under_its_name(
    world: World, body: bytes, reason: str
) -> None:
    with structlog.testing.capture_logs() as logs:
        exchange = await post(world, body=body)
    (line,) = [line for line in logs if line["event"] == "ceremony refused"]
    assert (line["reason"], line["path"], line["method"]) == (reason, TRIGGER, "POST")
    assert exchange.values(b"x-request-id") == [line["request_id"].encode()]
    assert "hunter2" not in str(logs)


async def test_a_stranger_at_a_ceremony_is_in_the_log(world: World) -> None:
    with structlog.testing.capture_logs() as logs:
        await play(world.app, scope(TRIGGER, method="POST"))
    assert [line["reason"] for line in logs if line["event"] == "ceremony refused"] == ["token_missing"]
