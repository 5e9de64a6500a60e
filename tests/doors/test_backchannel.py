"""The door for issuers: one path, one method, one form; and nothing of it ever reaches policy or the application."""

import json
from dataclasses import dataclass, field, replace

import pytest

from mfa_gateway.core.call import Call
from mfa_gateway.core.logout import Parting
from mfa_gateway.core.policy import Access
from mfa_gateway.core.routing import OddTargets, Route, Routes
from mfa_gateway.doors.backchannel import PATH, Backchannel
from mfa_gateway.doors.middleware import MFAMiddleware
from tests.doors.gateways import World
from tests.doors.scopes import Exchange, handshake, play, scope
from tests.engine.fakes import policy, rule

FORM = (b"content-type", b"application/x-www-form-urlencoded")


@dataclass
class Partner:
    """Acts as it is told to."""

    parting: Parting = Parting.DONE
    tokens: list[str] = field(default_factory=list)

    async def part(self, token: str, _call: Call) -> Parting:
        self.tokens.append(token)
        return self.parting


@dataclass
class Door:
    """A gateway whose every path but this one is denied."""

    partner: Partner = field(default_factory=Partner)

    def __post_init__(self) -> None:
        self.world = World(policy(rule(Access.DENY, "/**")))
        self.world.parts = replace(self.world.parts, backchannel=Backchannel(self.partner))
        routes = Routes((Route("any", odd_targets=OddTargets.STRICTEST),))
        self.app = MFAMiddleware(self.world.behind, gateway=self.world, routes=routes)

    async def post(
        self, body: bytes = b"logout_token=a.b.c", *fields: tuple[bytes, bytes], at: str = PATH, method: str = "POST"
    ) -> Exchange:
        length = (b"content-length", b"%d" % len(body))
        exchange = await play(self.app, scope(at, *(fields or (FORM,)), length, method=method), body)
        assert self.world.behind.scopes == []
        assert exchange.values(b"cache-control") == [b"no-store"]
        return exchange


@pytest.fixture
def door() -> Door:
    return Door()


def error(exchange: Exchange) -> tuple[int, str]:
    return exchange.status, str(json.loads(exchange.body)["error"])


async def test_a_log_out_is_done_and_answered_with_nothing(door: Door) -> None:
    exchange = await door.post()
    assert (exchange.status, exchange.body, door.partner.tokens) == (200, b"", ["a.b.c"])


async def test_whatever_else_an_issuer_adds_is_left_alone(door: Door) -> None:
    exchange = await door.post(
        b"state=1&logout_token=a.b.c", (b"content-type", b"Application/X-WWW-Form-Urlencoded; charset=utf-8")
    )
    assert (exchange.status, door.partner.tokens) == (200, ["a.b.c"])


@pytest.mark.parametrize(
    ("parting", "expected"),
    [
        (Parting.REPEATED, (400, "invalid_request")),
        (Parting.NAMELESS, (400, "invalid_request")),
        (Parting.REFUSED, (400, "invalid_request")),
        (Parting.POSTPONED, (503, "temporarily_unavailable")),
    ],
)
async def test_everything_else_is_an_error_in_the_form_of_the_specification(
    parting: Parting, expected: tuple[int, str]
) -> None:
    exchange = await Door(Partner(parting)).post()
    assert error(exchange) == expected
    assert exchange.values(b"content-type") == [b"application/json"]
    assert exchange.values(b"retry-after") == ([b"1"] if expected[0] == 503 else [])


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"logout_token",
        b"token=a.b.c",
        b"logout_token=a&logout_token=b",
        b"logout_token=\xff",
        b"&".join([b"a=b"] * 20),
        b'{"logout_token":"a.b.c"}',
    ],
)
async def test_a_body_without_exactly_one_token_is_malformed(door: Door, body: bytes) -> None:
    assert error(await door.post(body)) == (400, "invalid_request")
    assert door.partner.tokens == []


async def test_another_media_type_is_no_form(door: Door) -> None:
    assert error(await door.post(b"logout_token=a", (b"content-type", b"application/json"))) == (400, "invalid_request")
    assert door.partner.tokens == []


async def test_a_body_over_64_kib_is_not_read_to_its_end(door: Door) -> None:
    exchange = await door.post(b"logout_token=" + b"a" * 65_536)
    assert error(exchange) == (413, "invalid_request")
    assert exchange.values(b"connection") == [b"close"]
    assert door.partner.tokens == []


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "OPTIONS"])
async def test_other_methods_are_405(door: Door, method: str) -> None:
    exchange = await door.post(method=method)
    assert exchange.status == 405
    assert exchange.values(b"allow") == [b"POST"]


@pytest.mark.parametrize("path", [f"{PATH}/", "/_mfa//backchannel-logout", f"{PATH};v=1", "/_mfa%2Fbackchannel-logout"])
async def test_what_resembles_the_path_is_404_and_goes_no_further(door: Door, path: str) -> None:
    assert (await door.post(at=path)).status == 404
    assert door.partner.tokens == []


async def test_other_paths_are_judged(door: Door) -> None:
    assert (await door.post(at=f"{PATH}/x")).status == 403


async def test_a_handshake_is_refused(door: Door) -> None:
    exchange = await play(door.app, handshake(PATH), b"")
    assert exchange.sent[0]["type"] == "websocket.close"
    assert door.world.behind.scopes == []


async def test_where_no_issuer_may_the_path_is_one_like_any_other() -> None:
    world = World(policy(rule(Access.DENY, "/**")))
    assert (await play(world.app, scope(PATH, FORM, method="POST"), b"logout_token=a")).status == 403
