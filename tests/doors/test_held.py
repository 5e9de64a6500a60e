"""Held answers: what a good answer ends has ended before the client sees any of it."""

import asyncio
import json
from typing import Any

import pytest

from mfa_gateway.core.policy import Access, OnSuccess
from mfa_gateway.doors.asgi import Receive, Scope, Send
from mfa_gateway.doors.cors import Cors
from mfa_gateway.doors.middleware import MFAMiddleware
from tests.doors.gateways import World
from tests.doors.scopes import BEARER, Exchange, handshake, pieces, play, scope
from tests.engine.fakes import ENROLLED, GOOD_CODE, policy, rule

CODE = (b"x-mfa-code", GOOD_CODE.encode())
ENDING = ["revoke", "close_window"]


def world_with(on_success: str = "revoke", access: Access = Access.MFA, **asks: Any) -> World:
    return World(policy(rule(access, on_success=OnSuccess(on_success), **asks)))


class Answering:
    """An application that gives one answer, and tells the trips to the store that had been made at each message."""

    def __init__(self, world: World, status: int = 200, *bodies: bytes) -> None:
        self.world = world
        self.status = status
        self.bodies = bodies or (b"done",)

    async def __call__(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        assert not set(ENDING) & set(self.world.store.trips)
        await send({"type": "http.response.start", "status": self.status, "headers": [(b"x-api", b"1")]})
        for number, body in enumerate(self.bodies):
            last = number == len(self.bodies) - 1
            await send({"type": "http.response.body", "body": body, "more_body": not last})


async def answered(world: World, status: int = 200, *bodies: bytes, at: str = "/protected") -> Exchange:
    app = MFAMiddleware(Answering(world, status, *bodies), gateway=world)
    return await play(app, scope(at, BEARER, CODE, method="POST"))


def ended(world: World) -> list[str]:
    return [trip for trip in world.store.trips if trip in ENDING]


# --- Good answers -----------------------------------------------------------------------------


@pytest.mark.parametrize("status", [200, 201, 204, 299])
@pytest.mark.parametrize("on_success", ENDING)
async def test_a_good_answer_ends_once_what_its_rule_says(on_success: str, status: int) -> None:
    world = world_with(on_success)
    exchange = await answered(world, status)
    assert (exchange.status, exchange.body, ended(world)) == (status, b"done", [on_success])


@pytest.mark.parametrize("status", [304, 400, 401, 404, 422, 500, 502])
async def test_any_other_answer_ends_nothing(status: int) -> None:
    world = world_with()
    exchange = await answered(world, status)
    assert (exchange.status, exchange.body, ended(world)) == (status, b"done", [])


async def test_a_refused_call_ends_nothing() -> None:
    world = world_with()
    exchange = await play(world.app, scope("/protected", BEARER))
    assert (exchange.status, ended(world)) == (401, [])


async def test_an_open_route_ends_the_windows_of_whoever_sends_a_good_token() -> None:
    world = world_with(access=Access.OPEN)
    assert (await play(world.app, scope("/protected", BEARER))).status == 200
    assert ended(world) == ["revoke"]


async def test_an_open_route_ends_nobodys_windows_without_one() -> None:
    world = world_with(access=Access.OPEN)
    assert (await play(world.app, scope("/protected"))).status == 200
    assert ended(world) == []


async def test_nothing_is_seen_before_the_end_is_done() -> None:
    world = world_with()
    exchange = Exchange(pieces(b""))
    seen: list[int] = []

    def on_trip(name: str) -> None:
        if name == "revoke":
            seen.append(len(exchange.sent))

    world.store.on_trip = on_trip
    await MFAMiddleware(Answering(world), gateway=world)(
        scope("/protected", BEARER, CODE), exchange.receive, exchange.send
    )
    assert seen == [0]
    assert [message["type"] for message in exchange.sent] == ["http.response.start", "http.response.body"]


async def test_an_answer_that_streams_goes_on_piece_by_piece() -> None:
    world = world_with()
    exchange = await answered(world, 200, b"one", b"two", b"three")
    assert [message.get("body") for message in exchange.sent[1:]] == [b"one", b"two", b"three"]
    assert ended(world) == ["revoke"]


async def test_other_rules_are_handed_the_servers_own_send() -> None:
    world = World()
    sends: list[Send] = []

    async def app(_scope: Scope, _receive: Receive, send: Send) -> None:
        sends.append(send)

    exchange = Exchange(pieces(b""))
    await MFAMiddleware(app, gateway=world)(scope("/protected", BEARER, CODE), exchange.receive, exchange.send)
    assert sends == [exchange.send]


# --- What cannot be ended ---------------------------------------------------------------------


def code_of(exchange: Exchange) -> str:
    return str(json.loads(exchange.body)["code"])


@pytest.mark.parametrize("on_success", ENDING)
async def test_a_store_that_cannot_do_it_now_puts_a_refusal_in_place_of_the_answer(on_success: str) -> None:
    world = world_with(on_success)
    world.store.down = {on_success}
    exchange = await answered(world, 200, b"one", b"two")
    assert (exchange.status, code_of(exchange)) == (503, "store_unavailable")
    assert exchange.values(b"retry-after") == [b"1"]
    assert exchange.values(b"cache-control") == [b"no-store"]
    assert exchange.values(b"x-api") == []
    assert len(exchange.sent) == 2


async def test_the_refusal_is_in_the_dialect_of_the_rule_and_readable_by_its_page() -> None:
    world = World(
        policy(rule(on_success=OnSuccess.REVOKE, dialect="glue")), cors=Cors(frozenset({b"https://shop.test"}))
    )
    world.store.down = {"revoke"}
    origin = (b"origin", b"https://shop.test")
    exchange = await play(world.app, scope("/protected", BEARER, CODE, origin))
    assert exchange.status == 503
    assert "errors" in json.loads(exchange.body)
    assert exchange.values(b"access-control-allow-origin") == [b"https://shop.test"]


async def test_a_request_that_the_application_may_still_be_reading_ends_its_connection() -> None:
    world = world_with()
    world.store.down = {"revoke"}
    upload = scope("/protected", BEARER, CODE, (b"content-length", b"5"), method="POST")
    exchange = await play(world.app, upload, b"12345")
    assert exchange.values(b"connection") == [b"close"]
    assert exchange.received == 0


async def test_a_bad_answer_goes_out_although_the_store_is_away() -> None:
    world = world_with()
    world.store.down = {"revoke"}
    assert (await answered(world, 422)).status == 422


# --- Answers that nobody sees -----------------------------------------------------------------


async def leave(_scope: Scope, receive: Receive, _send: Send) -> None:
    """As the reverse proxy does when its client has gone."""
    await receive()


async def break_off(_scope: Scope, _receive: Receive, _send: Send) -> None:
    raise RuntimeError("broken")


async def wait_for_ever(_scope: Scope, _receive: Receive, _send: Send) -> None:
    await asyncio.Event().wait()


async def test_a_client_that_leaves_before_the_answer_is_logged_out_all_the_same() -> None:
    world = world_with()
    exchange = await play(MFAMiddleware(leave, gateway=world), scope("/protected", BEARER, CODE))
    assert (exchange.sent, ended(world)) == ([], ["revoke"])


async def test_an_application_that_breaks_may_have_acted() -> None:
    world = world_with()
    with pytest.raises(RuntimeError, match="broken"):
        await play(MFAMiddleware(break_off, gateway=world), scope("/protected", BEARER, CODE))
    assert ended(world) == ["revoke"]


async def test_so_may_one_that_is_stopped() -> None:
    world = world_with()
    exchange = Exchange(pieces(b""))
    app = MFAMiddleware(wait_for_ever, gateway=world)
    serving = asyncio.create_task(app(scope("/protected", BEARER, CODE), exchange.receive, exchange.send))
    await asyncio.sleep(0)
    serving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await serving
    assert ended(world) == ["revoke"]


async def test_an_answer_that_breaks_off_later_ended_it_once() -> None:
    world = world_with()

    async def app(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise RuntimeError("broken")

    with pytest.raises(RuntimeError, match="broken"):
        await play(MFAMiddleware(app, gateway=world), scope("/protected", BEARER, CODE))
    assert ended(world) == ["revoke"]


# --- What it is not for -----------------------------------------------------------------------


async def test_a_handshake_ends_nothing() -> None:
    world = world_with()
    world.store.standing = ENROLLED
    await play(world.app, handshake("/protected", BEARER, CODE), b"")
    assert len(world.behind.scopes) == 1
    assert ended(world) == []
