"""Door 1: what is refused never reaches the application, and what passes reaches it as it was judged."""

import json
from ipaddress import ip_network
from typing import Any

import pytest
from structlog.testing import capture_logs

from mfa_gateway.core.account import Factor, Proof
from mfa_gateway.core.credential import CarrierAction, OtherCredentials
from mfa_gateway.core.policy import Access, Enforcement, OnStoreError
from mfa_gateway.core.proof import Receipt, Rejected, Rejection
from mfa_gateway.doors.asgi import Message, Receive, Scope, Send
from mfa_gateway.doors.middleware import MFAMiddleware
from tests.doors.gateways import World
from tests.doors.scopes import BEARER, HOST, Exchange, handshake, play, scope
from tests.engine.fakes import ENROLLED, GOOD_CODE, policy, rule

CODE = (b"x-mfa-code", GOOD_CODE.encode())


@pytest.fixture
def world() -> World:
    return World()


def problem(exchange: Exchange) -> str:
    return str(json.loads(exchange.body)["code"])


# --- The verdict is carried out ---------------------------------------------------------------


async def test_an_open_route_reaches_the_application(world: World) -> None:
    exchange = await play(world.app, scope("/public"))
    assert exchange.body == b"from the application"
    assert len(world.behind.scopes) == 1


async def test_a_protected_route_without_a_code_does_not(world: World) -> None:
    exchange = await play(world.app, scope("/protected", BEARER))
    assert (exchange.status, problem(exchange)) == (401, "code_missing")
    assert world.behind.scopes == []


async def test_a_protected_route_with_a_good_code_does(world: World) -> None:
    exchange = await play(world.app, scope("/protected", BEARER, CODE))
    assert exchange.status == 200
    assert world.behind.values(b"x-mfa-verified") == [b"true"]
    assert world.behind.values(b"x-mfa-method") == [b"email"]
    assert world.behind.values(b"x-mfa-age") == [b"0"]


async def test_the_refusal_is_in_the_dialect_of_the_rule() -> None:
    world = World(policy(rule(dialect="glue")))
    exchange = await play(world.app, scope("/protected", BEARER))
    assert exchange.status == 403
    assert json.loads(exchange.body)["errors"][0]["code"] == "5900"


async def test_a_dialect_that_is_not_there_refuses_all_the_same() -> None:
    world = World(policy(rule(dialect="gone")))
    exchange = await play(world.app, scope("/protected", BEARER))
    assert (exchange.status, problem(exchange)) == (401, "code_missing")
    assert world.behind.scopes == []


async def test_a_refusal_carries_the_name_that_the_log_has(world: World) -> None:
    exchange = await play(world.app, scope("/protected", BEARER))
    assert exchange.values(b"x-request-id") == [world.lines.only["request_id"].encode()]
    assert exchange.values(b"cache-control") == [b"no-store"]


async def test_a_store_that_is_away_refuses_with_a_time_to_come_back(world: World) -> None:
    world.store.down = {"recall"}
    exchange = await play(world.app, scope("/protected", BEARER))
    assert (exchange.status, exchange.values(b"retry-after")) == (503, [b"1"])
    assert world.behind.scopes == []


async def test_an_error_of_our_own_reaches_nobody(world: World) -> None:
    world.store.receipts = {GOOD_CODE: Rejected(Rejection.WRONG)}
    world.identity.fault = RuntimeError("a bug")  # type: ignore[assignment] # whatever we did not think of
    with pytest.raises(RuntimeError):
        await play(world.app, scope("/protected", BEARER, CODE))
    assert world.behind.scopes == []


async def test_a_scope_of_a_type_that_nobody_can_judge_goes_no_further(world: World) -> None:
    with pytest.raises(ValueError, match="webtransport"):
        await play(world.app, scope("/public", type="webtransport"))
    assert world.behind.scopes == []


# --- Requests that are none -------------------------------------------------------------------


@pytest.mark.parametrize(
    "broken",
    [
        scope("/public/../protected"),
        scope("//protected"),
        scope("/public", BEARER, BEARER),
        scope("/public", HOST, HOST),
        scope("/public", (b"host", b"gw/public?z=")),
        scope("/public", method="patch"),
        scope("/public", (b"content-length", b"1"), (b"transfer-encoding", b"chunked")),
        scope("/public", (b"upgrade", b"h2c"), (b"content-length", b"60")),
    ],
    ids=["dots", "slashes", "tokens", "hosts", "host", "method", "framing", "upgrade"],
)
async def test_what_has_two_readings_is_refused_before_policy(world: World, broken: Scope) -> None:
    exchange = await play(world.app, broken)
    assert (exchange.status, problem(exchange)) == (400, "ambiguous_request")
    assert exchange.values(b"connection") == [b"close"]
    assert (world.behind.scopes, world.lines.all, world.identity.asked) == ([], [], 0)


async def test_why_a_request_is_none_stands_in_the_log_under_its_name(world: World) -> None:
    scope_ = scope("/public")
    del scope_["raw_path"]
    with capture_logs() as lines:
        exchange = await play(world.app, scope_)
    assert exchange.status == 400
    (line,) = lines
    assert "raw_path" in line["why"]
    assert exchange.values(b"x-request-id") == [line["request_id"].encode()]


@pytest.mark.parametrize("method", ["TRACE", "CONNECT"])
async def test_methods_that_no_api_has_are_405_everywhere(world: World, method: str) -> None:
    exchange = await play(world.app, scope("/public", method=method))
    assert exchange.status == 405
    assert len(exchange.values(b"allow")) == 1
    assert world.behind.scopes == []


async def test_m03_head_is_judged_by_the_rule_for_get() -> None:
    get_only = rule()
    world = World(policy(type(get_only)("get", get_only.paths, get_only.requirement, methods=frozenset({"GET"}))))
    assert (await play(world.app, scope("/protected", BEARER, method="HEAD"))).status == 401
    assert world.behind.scopes == []


@pytest.mark.parametrize(
    "fields",
    [(), ((b"origin", b"https://shop.test"), (b"access-control-request-method", b"PATCH"))],
    ids=["bare", "preflight"],
)
async def test_m04_options_is_judged_like_any_other_method(
    world: World, fields: tuple[tuple[bytes, bytes], ...]
) -> None:
    assert (await play(world.app, scope("/protected", *fields, method="OPTIONS"))).status == 401
    assert world.behind.scopes == []


@pytest.mark.parametrize("method", ["FOO", "PROPFIND", "QUERY"])
async def test_m05_a_rule_without_methods_covers_those_nobody_heard_of(world: World, method: str) -> None:
    assert (await play(world.app, scope("/protected", BEARER, method=method))).status == 401
    assert world.behind.scopes == []


@pytest.mark.parametrize("name", [b"x-http-method-override", b"x-http-method", b"x_method_override"])
async def test_m01_a_method_in_a_header_does_not_reach_the_application(world: World, name: bytes) -> None:
    await play(world.app, scope("/public", (name, b"PATCH"), method="POST"))
    assert world.behind.values(name) == []


# --- What the application is handed -----------------------------------------------------------


@pytest.mark.parametrize("target", ["/public", "/protected"])
@pytest.mark.parametrize(
    "name", [b"x-mfa-verified", b"X_MFA_Verified", b"x.mfa.method", b"x-user-id", b"x-forwarded-user"]
)
async def test_h01_h02_nobody_but_the_gateway_says_who_was_verified(world: World, target: str, name: bytes) -> None:
    await play(world.app, scope(target, BEARER, CODE, (name, b"forged")))
    assert b"forged" not in [value for _, value in world.behind.headers]


async def test_an_open_route_is_not_told_of_any_proof(world: World) -> None:
    world.store.standing = type(ENROLLED)(recorded=True, factors=ENROLLED.factors, proofs=(Proof(Factor.EMAIL, 5),))
    await play(world.app, scope("/public", BEARER))
    assert not any(name.startswith(b"x-mfa-") for name, _ in world.behind.headers)


@pytest.mark.parametrize("target", ["/public", "/protected"])
async def test_h11_a_code_never_reaches_the_application(world: World, target: str) -> None:
    await play(world.app, scope(target, BEARER, CODE))
    assert GOOD_CODE.encode() not in [value for _, value in world.behind.headers]


async def test_h05_the_application_sees_exactly_one_verification(world: World) -> None:
    await play(world.app, scope("/protected", BEARER, CODE, (b"x-mfa-method", b"totp"), (b"X-mfa-METHOD", b"sms")))
    assert [value for name, value in world.behind.headers if name.lower() == b"x-mfa-method"] == [b"email"]


async def test_h07_fields_that_arrive_while_judging_do_not_reach_the_application(world: World) -> None:
    scope_ = scope("/protected", BEARER, CODE)
    world.store.on_trip = lambda _: scope_["headers"].append((b"x-late", b"1"))
    await play(world.app, scope_)
    assert world.behind.values(b"x-late") == []


@pytest.mark.parametrize("target", ["/%70rotected", "/pro%74ected/x%2Dy"])
async def test_p01_the_application_is_handed_the_path_that_was_judged(world: World, target: str) -> None:
    await play(world.app, scope(target, BEARER, CODE))
    (behind,) = world.behind.scopes
    assert behind["raw_path"].decode() == behind["path"]


async def test_the_query_goes_on_as_it_came(world: World) -> None:
    await play(world.app, scope("/public?a=%2e%2e/b&c", BEARER))
    assert world.behind.scopes[0]["query_string"] == b"a=%2e%2e/b&c"


async def test_the_servers_own_scope_is_left_as_it_was(world: World) -> None:
    scope_ = scope("/%70ublic", (b"x-mfa-code", b"1"))
    await play(world.app, scope_)
    assert scope_["raw_path"] == b"/%70ublic"
    assert (b"x-mfa-code", b"1") in scope_["headers"]


@pytest.mark.parametrize("target", ["/api/public/../protected", "/api//protected", "/api/protected"])
async def test_p21_a_mounted_gateway_judges_what_the_application_will_see(target: str) -> None:
    world = World(policy(rule(Access.MFA, "/api/protected/**")))
    await play(world.app, scope(target, BEARER, root_path="/api"))
    assert world.behind.scopes == []


@pytest.mark.parametrize("peer", [("192.0.2.7", 1), ("10.0.0.1", 1)])
@pytest.mark.parametrize("name", [b"x-forwarded-uri", b"x-original-url", b"x-rewrite-url", b"x-forwarded-prefix"])
async def test_p19_a_path_in_a_header_changes_nothing_and_goes_nowhere(peer: tuple[str, int], name: bytes) -> None:
    world = World(trusted=(ip_network("10.0.0.0/8"),))
    assert (await play(world.app, scope("/protected", BEARER, (name, b"/public"), client=peer))).status == 401
    await play(world.app, scope("/public", (name, b"/protected"), client=peer))
    assert world.behind.values(name) == []


# --- Other credentials ------------------------------------------------------------------------

FOREIGN = ((b"cookie", b"b"), (b"x_api_key", b"b"), (b"Proxy-Authorization", b"b"))


async def test_a_protected_route_is_handed_the_judged_credential_and_no_other(world: World) -> None:
    await play(world.app, scope("/protected", BEARER, CODE, *FOREIGN))
    assert b"b" not in [value for _, value in world.behind.headers]
    assert world.behind.values(b"authorization") == [b"Bearer A"]


@pytest.mark.parametrize(
    ("rule_", "target"),
    [
        (rule(), "/public"),
        (rule(enforcement=Enforcement.SHADOW), "/protected"),
    ],
    ids=["open", "shadow"],
)
@pytest.mark.parametrize("code", [(), (CODE,)], ids=["without code", "with code"])
async def test_an_open_route_and_a_shadow_rule_change_no_credential(
    rule_: Any, target: str, code: tuple[tuple[bytes, bytes], ...]
) -> None:
    world = World(policy(rule_))
    await play(world.app, scope(target, BEARER, *code, *FOREIGN))
    assert [pair for pair in world.behind.headers if pair in FOREIGN] == list(FOREIGN)


async def test_other_credentials_are_forwarded_where_that_is_wished() -> None:
    world = World(others=OtherCredentials(on_header=CarrierAction.FORWARD))
    await play(world.app, scope("/protected", BEARER, CODE, *FOREIGN))
    assert world.behind.values(b"cookie") == [b"b"]


async def test_a_route_that_is_let_through_without_a_store_is_still_a_protected_one() -> None:
    world = World(policy(rule(on_store_error=OnStoreError.ALLOW)))
    world.store.down = {"recall"}
    await play(world.app, scope("/protected", BEARER, *FOREIGN))
    assert world.behind.values(b"cookie") == []
    assert world.behind.values(b"x-mfa-verified") == []


# --- Bodies of refused requests ---------------------------------------------------------------


async def test_a_refused_request_is_read_to_its_end_and_keeps_its_connection(world: World) -> None:
    fields = (BEARER, (b"content-length", b"4"))
    exchange = await play(world.app, scope("/protected", *fields, method="POST"), b"bo", b"dy")
    assert exchange.received == 2
    assert exchange.values(b"connection") == []


async def test_a_refused_upload_is_not_read_and_ends_its_connection(world: World) -> None:
    fields = (BEARER, (b"content-length", b"1000000"))
    exchange = await play(world.app, scope("/protected", *fields, method="POST"), b"x" * 1_000_000)
    assert exchange.received == 0
    assert (exchange.status, exchange.values(b"connection")) == (401, [b"close"])


async def test_nothing_is_received_before_the_verdict(world: World) -> None:
    received: list[int] = []
    exchange = Exchange([{"type": "http.request", "body": b"", "more_body": False}])
    world.store.on_trip = lambda _: received.append(exchange.received)
    fields = (BEARER, CODE, (b"content-length", b"4"), (b"expect", b"100-continue"))
    await world.app(scope("/protected", *fields, method="POST"), exchange.receive, exchange.send)
    assert received == [0, 0]


# --- WebSockets -------------------------------------------------------------------------------


async def test_m07_a_refused_handshake_is_closed_before_it_is_accepted(world: World) -> None:
    exchange = await play(world.app, handshake("/protected", BEARER))
    assert exchange.sent == [{"type": "websocket.close", "code": 1008}]
    assert world.behind.scopes == []


async def test_m07_a_refused_handshake_gets_the_whole_answer_where_the_server_can_give_one(world: World) -> None:
    exchange = await play(world.app, handshake("/protected", BEARER, extensions={"websocket.http.response": {}}))
    assert [message["type"] for message in exchange.sent] == [
        "websocket.http.response.start",
        "websocket.http.response.body",
    ]
    assert (exchange.status, problem(exchange)) == (401, "code_missing")
    assert exchange.values(b"content-length") == [b"%d" % len(exchange.body)]
    assert exchange.values(b"x-request-id") == [world.lines.only["request_id"].encode()]
    assert world.behind.scopes == []


async def test_a_handshake_with_two_readings_is_refused(world: World) -> None:
    exchange = await play(world.app, handshake(raw_path=b"/public/../protected", path="/public/../protected"))
    assert exchange.sent[0]["type"] == "websocket.close"
    assert world.behind.scopes == []


async def test_a_handshake_that_passes_is_handed_the_path_that_was_judged(world: World) -> None:
    exchange = await play(world.app, handshake("/%70rotected?a=b", BEARER, CODE, raw_path=b"/%70rotected?a=b"))
    assert exchange.sent == [{"type": "websocket.accept"}]
    (behind,) = world.behind.scopes
    assert (behind["raw_path"], behind["path"]) == (b"/protected", "/protected")
    assert world.behind.values(b"x-mfa-code") == []
    assert world.behind.values(b"x-mfa-verified") == [b"true"]


@pytest.mark.parametrize("target", ["/multi-factor-auth-types", "/multi-factor-auth-types/"])
async def test_a_handshake_for_a_ceremony_does_not_reach_the_application(world: World, target: str) -> None:
    exchange = await play(world.app, handshake(target, BEARER))
    assert exchange.sent[0]["type"] == "websocket.close"
    assert world.behind.scopes == []


# --- Ceremonies -------------------------------------------------------------------------------


async def test_a_ceremony_is_served_before_policy_and_never_forwarded() -> None:
    world = World(policy(rule(Access.DENY, "/**")))
    exchange = await play(world.app, scope("/multi-factor-auth-types", BEARER))
    assert exchange.status == 204
    assert len(world.commands.carried_out) == 1
    assert world.behind.scopes == []


# --- Life -------------------------------------------------------------------------------------


class Life:
    """A server's side of a lifespan."""

    def __init__(self) -> None:
        self.incoming = ["lifespan.startup", "lifespan.shutdown"]
        self.sent: list[str] = []

    async def play(self, app: MFAMiddleware) -> None:
        await app({"type": "lifespan"}, self.receive, self.send)

    async def receive(self) -> Message:
        return {"type": self.incoming.pop(0)}

    async def send(self, message: Message) -> None:
        self.sent.append(message["type"].removeprefix("lifespan."))


def living(world: World, events: list[str], *, breaks: str = "") -> MFAMiddleware:
    """An application that writes down its life beside the gateway's, and may fail in it."""

    async def app(_scope: Scope, receive: Receive, send: Send) -> None:
        for stage in ("startup", "shutdown"):
            await receive()
            events.append(f"application {stage} after {world.life}")
            await send({"type": f"lifespan.{stage}.{'failed' if stage == breaks else 'complete'}"})
            events.append(f"{stage} told after {world.life}")
            if stage == breaks:
                return

    return MFAMiddleware(app, gateway=world)


async def test_the_gateway_opens_before_the_application_and_closes_after_it(world: World) -> None:
    events: list[str] = []
    life = Life()
    await life.play(living(world, events))
    assert events == [
        "application startup after ['start']",
        "startup told after ['start']",
        "application shutdown after ['start']",
        "shutdown told after ['start', 'stop']",
    ]
    assert life.sent == ["startup.complete", "shutdown.complete"]
    assert world.life[:2] == ["start", "stop"]


@pytest.mark.parametrize("stage", ["startup", "shutdown"])
async def test_the_gateway_closes_when_the_application_fails(world: World, stage: str) -> None:
    await Life().play(living(world, [], breaks=stage))
    assert "stop" in world.life


async def test_the_gateway_closes_when_the_application_breaks(world: World) -> None:
    async def broken(_scope: Scope, receive: Receive, _send: Send) -> None:
        await receive()
        raise RuntimeError("broken on purpose")

    with pytest.raises(RuntimeError):
        await Life().play(MFAMiddleware(broken, gateway=world))
    assert world.life == ["start", "stop"]


async def test_an_application_without_a_life_gets_a_gateway_with_one(world: World) -> None:
    async def only_http(scope_: Scope, _receive: Receive, _send: Send) -> None:
        raise ValueError(f"can only handle HTTP, not {scope_['type']}")

    life = Life()
    await life.play(MFAMiddleware(only_http, gateway=world))
    assert life.sent == ["startup.complete", "shutdown.complete"]
    assert world.life[:2] == ["start", "stop"]


async def test_a_gateway_that_cannot_open_stops_the_server(world: World) -> None:
    world.start_fault = RuntimeError("no store")
    with pytest.raises(RuntimeError):
        await Life().play(living(world, []))
    assert world.life == ["start", "stop"]


async def test_a_gateway_that_cannot_open_says_so_for_an_application_without_a_life(world: World) -> None:
    async def only_http(_scope: Scope, _receive: Receive, _send: Send) -> None:
        raise ValueError("can only handle HTTP")

    world.start_fault = RuntimeError("no store")
    life = Life()
    with pytest.raises(RuntimeError):
        await life.play(MFAMiddleware(only_http, gateway=world))
    assert life.sent == ["startup.failed"]


async def test_a_receipt_that_fits_no_rule_opens_nothing(world: World) -> None:
    receipts: dict[str, Receipt] = {GOOD_CODE: Rejected(Rejection.SPENT)}
    world.store.receipts = receipts
    exchange = await play(world.app, scope("/protected", BEARER, CODE))
    assert (exchange.status, problem(exchange)) == (403, "code_invalid")
    assert world.behind.scopes == []
