"""What a client reads about its window, and what it does not."""

from typing import Any

import pytest

from mfa_gateway.core.account import Factor, Proof
from mfa_gateway.core.policy import Enforcement, OnSuccess
from mfa_gateway.doors.asgi import Receive, Scope, Send
from mfa_gateway.doors.middleware import MFAMiddleware
from mfa_gateway.doors.telling import GRACE_REMAINING
from tests.doors.gateways import World
from tests.doors.scopes import BEARER, Exchange, play, scope
from tests.engine.fakes import ENROLLED, GOOD_CODE, policy, rule

CODE = (b"x-mfa-code", GOOD_CODE.encode())


def world_with(*proofs: Proof, **asks: Any) -> World:
    world = World(policy(rule(**{"tells_grace": True, **asks})))
    world.store.standing = type(ENROLLED)(recorded=True, epoch=3, factors=ENROLLED.factors, proofs=proofs)
    return world


async def answered(world: World, *headers: tuple[bytes, bytes], status: int = 200, at: str = "/protected") -> Exchange:
    async def app(_scope: Scope, _receive: Receive, send: Send) -> None:
        own = [(b"x-own", b"1"), (b"X-MFA_Grace-Remaining", b"9")]
        await send({"type": "http.response.start", "status": status, "headers": own})
        await send({"type": "http.response.body", "body": b"whole"})

    return await play(MFAMiddleware(app, gateway=world), scope(at, BEARER, *headers))


def told(exchange: Exchange) -> list[bytes]:
    return [value for name, value in exchange.sent[0]["headers"] if name == GRACE_REMAINING]


@pytest.mark.parametrize(("age_ms", "left"), [(0, b"1800"), (1, b"1799"), (1_799_999, b"0")])
async def test_a_proof_has_so_many_whole_seconds_left(age_ms: int, left: bytes) -> None:
    exchange = await answered(world_with(Proof(Factor.EMAIL, age_ms)))
    assert told(exchange) == [left]
    assert exchange.body == b"whole"


async def test_a_code_opens_the_whole_grace() -> None:
    assert told(await answered(world_with(grace_ms=60_000), CODE)) == [b"60"]
    assert told(await answered(world_with(grace_ms=0), CODE)) == [b"0"]


async def test_the_applications_own_copy_is_replaced_and_nothing_else_of_its_answer() -> None:
    exchange = await answered(world_with(Proof(Factor.EMAIL, 0)), status=404)
    assert exchange.status == 404
    assert [name for name, _ in exchange.sent[0]["headers"]] == [b"x-own", GRACE_REMAINING]


async def test_a_good_answer_that_ends_the_window_leaves_nothing_of_it() -> None:
    asks = {"on_success": OnSuccess.CLOSE_WINDOW}
    assert told(await answered(world_with(Proof(Factor.EMAIL, 0), **asks))) == [b"0"]
    assert told(await answered(world_with(Proof(Factor.EMAIL, 0), **asks), status=404)) == [b"1800"]


async def test_other_rules_open_routes_and_calls_without_a_proof_are_told_nothing() -> None:
    assert told(await answered(world_with(Proof(Factor.EMAIL, 0), tells_grace=False))) == []
    assert told(await answered(world_with(Proof(Factor.EMAIL, 0)), at="/public")) == []
    assert told(await answered(world_with(enforcement=Enforcement.SHADOW))) == []
    refused = await answered(world_with())
    assert (refused.status, told(refused)) == (401, [])
