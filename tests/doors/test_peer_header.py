"""The trusted header at the door: what a listed peer says goes on, and what anybody else says does not."""

from dataclasses import replace
from ipaddress import ip_network

import pytest

from mfa_gateway.core.credential import CarrierAction, OtherCredentials
from mfa_gateway.core.gate import Terms
from mfa_gateway.core.policy import Enforcement, Policy
from mfa_gateway.doors.asgi import clean_headers
from mfa_gateway.doors.middleware import MFAMiddleware
from mfa_gateway.doors.peers import PeerHeader, TrustedProxies
from mfa_gateway.engine.judge import Judge
from mfa_gateway.identity.header import HeaderIdentity
from mfa_gateway.identity.sources import Sources
from tests.doors.gateways import World
from tests.doors.scopes import BEARER, Fields, handshake, play, scope
from tests.engine.fakes import GOOD_CODE, BearerNames, policy, rule

CODE = (b"x-mfa-code", GOOD_CODE.encode())
PROXY, STRANGER = ("10.0.0.7", 4711), ("192.0.2.7", 4711)
# The first belongs to the names that never go on; the second is told to the application by nobody else.
NAMES = [b"x-forwarded-user", b"x_staff"]


class Tokens(BearerNames):
    async def close(self) -> None:
        pass


def told_world(name: bytes, policy_: Policy | None = None, *, others: OtherCredentials | None = None) -> World:
    """A gateway that takes tokens, and the word of 10.0.0.0/8."""
    # Who may say where a call comes from is another list than who may say whose it is.
    world = World(policy_, others=others, trusted=(ip_network("192.0.2.0/24"),))
    told = PeerHeader(name, TrustedProxies([ip_network("10.0.0.0/8")]))
    named = HeaderIdentity(realm="shop", name=name, is_listed=told.is_listed)
    judge = Judge(
        policy=policy_ or policy(),
        terms=Terms(),
        others=world.parts.others,
        identity=Sources(signed=Tokens(), told=named),
        store=world.store,
        journal=world.lines.journal,
    )
    world.parts = replace(world.parts, judge=judge, told=told)
    world.app = MFAMiddleware(world.behind, gateway=world)
    return world


def aliases(name: bytes) -> list[bytes]:
    plain = name.replace(b"_", b"-")
    return [plain, plain.replace(b"-", b"_"), plain.replace(b"-", b".")]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("target", ["/protected", "/public"])
async def test_what_a_listed_peer_says_goes_on(name: bytes, target: str) -> None:
    world = told_world(name)
    exchange = await play(world.app, scope(target, (name, b"anna"), CODE, client=PROXY))
    assert exchange.status == 200
    assert world.behind.values(name) == [b"anna"]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("target", ["/protected", "/public"])
async def test_what_anybody_else_says_does_not(name: bytes, target: str) -> None:
    for alias in aliases(name):
        world = told_world(name)
        exchange = await play(world.app, scope(target, BEARER, (alias, b"anna"), CODE, client=STRANGER))
        assert exchange.status == 200
        assert b"anna" not in [value for _, value in world.behind.headers]


@pytest.mark.parametrize("name", NAMES)
async def test_what_anybody_else_says_opens_nothing(name: bytes) -> None:
    world = told_world(name)
    forwarded = (b"x-forwarded-for", b"10.0.0.7")
    exchange = await play(world.app, scope("/protected", (name, b"anna"), forwarded, CODE, client=STRANGER))
    assert exchange.status == 401
    assert world.behind.scopes == []


@pytest.mark.parametrize("name", NAMES)
async def test_aliases_never_go_on(name: bytes) -> None:
    for alias in set(aliases(name)) - {name}:
        world = told_world(name)
        await play(world.app, scope("/public", (alias, b"anna"), client=PROXY))
        assert b"anna" not in [value for _, value in world.behind.headers]


@pytest.mark.parametrize("target", ["/protected", "/public"])
async def test_two_names_name_nobody_and_neither_goes_on(target: str) -> None:
    world = told_world(b"x-staff")
    two = ((b"x-staff", b"anna"), (b"x-staff", b"otto"))
    exchange = await play(world.app, scope(target, *two, CODE, client=PROXY))
    assert exchange.status == (200 if target == "/public" else 401)
    assert all(only["headers"] == [(b"host", b"gw.test")] for only in world.behind.scopes)


async def test_a_name_beside_a_token_is_refused() -> None:
    world = told_world(b"x-staff")
    exchange = await play(world.app, scope("/protected", BEARER, (b"x-staff", b"anna"), CODE, client=PROXY))
    assert exchange.status == 400
    assert b"two_credentials" in exchange.body
    assert world.behind.scopes == []
    assert world.store.trips == []


async def test_an_open_route_asks_nobody_who_is_calling() -> None:
    world = told_world(b"x-staff")
    exchange = await play(world.app, scope("/public", BEARER, (b"x-staff", b"anna"), client=PROXY))
    assert exchange.status == 200


async def test_a_shadow_rule_takes_a_strangers_word_off_all_the_same() -> None:
    world = told_world(b"x-staff", policy(rule(enforcement=Enforcement.SHADOW)))
    await play(world.app, scope("/protected", (b"x-staff", b"anna"), client=STRANGER))
    assert world.behind.values(b"x-staff") == []


@pytest.mark.parametrize("action", [CarrierAction.STRIP, CarrierAction.FORWARD, CarrierAction.REFUSE])
async def test_what_becomes_of_other_credentials_does_not_matter(action: CarrierAction) -> None:
    world = told_world(b"x-staff", others=OtherCredentials(on_header=action))
    await play(world.app, scope("/protected", BEARER, (b"x_staff", b"anna"), CODE, client=STRANGER))
    assert world.behind.values(b"x_staff") == []


async def test_a_handshake_is_treated_alike() -> None:
    for client, values in ((PROXY, [b"anna"]), (STRANGER, [])):
        world = told_world(b"x-staff")
        await play(world.app, handshake("/public", (b"x-staff", b"anna"), client=client))
        assert world.behind.values(b"x-staff") == values


async def test_a_peer_without_an_address_is_not_listed() -> None:
    world = told_world(b"x-staff")
    await play(world.app, scope("/public", (b"x-staff", b"anna"), client=None))
    assert world.behind.values(b"x-staff") == []


def test_a_kept_field_goes_on_in_exactly_its_spelling() -> None:
    fields: Fields = ((b"x-forwarded-user", b"1"), (b"x_forwarded_user", b"2"), (b"x-mfa-age", b"3"))
    assert clean_headers(fields, kept=b"x-forwarded-user") == [(b"x-forwarded-user", b"1")]
    assert clean_headers(fields) == []
