"""The gate at a handshake: the middleware over a real judge, and an application that remembers."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Final

import pytest

from mfa_gateway.core.account import Factor, Proof
from mfa_gateway.core.call import Call
from mfa_gateway.core.policy import Access, Enforcement, OnStoreError
from mfa_gateway.core.verdict import Pass
from mfa_gateway.doors.asgi import ASGIApp, Message, Receive, Scope, Send
from mfa_gateway.doors.cors import Cors
from mfa_gateway.doors.middleware import MFAMiddleware
from mfa_gateway.doors.parts import Parts
from mfa_gateway.doors.websocket.link import LinkClosed
from tests.doors.gateways import World
from tests.doors.scopes import BEARER, handshake
from tests.engine.fakes import ANNA, ENROLLED, GOOD_CODE, policy, rule

ANSWERING: Final[dict[str, Any]] = {"extensions": {"websocket.http.response": {}}}
ORIGIN: Final = (b"origin", b"https://shop.test")
IN_GRACE: Final = replace(ENROLLED, proofs=(Proof(Factor.EMAIL, 1_000),))
DEADLINE: Final = 5.0


def offering(*values: str) -> tuple[tuple[bytes, bytes], ...]:
    return tuple((b"sec-websocket-protocol", value.encode()) for value in values)


@dataclass
class Revocations:
    """Tells of a revocation when it is told to."""

    event: asyncio.Event = field(default_factory=asyncio.Event)
    watched: list[Pass] = field(default_factory=list)
    ended: int = 0

    async def revoked(self, _call: Call, verdict: Pass) -> None:
        self.watched.append(verdict)
        try:
            await self.event.wait()
        finally:
            self.ended += 1


@dataclass
class Gate:
    parts: Parts

    async def start(self) -> None: ...

    async def stop(self) -> None: ...


@dataclass
class Client:
    """The server and the client in one: what is handed in, and what comes out."""

    incoming: asyncio.Queue[Message] = field(default_factory=asyncio.Queue)
    sent: list[Message] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.incoming.put_nowait({"type": "websocket.connect"})

    async def receive(self) -> Message:
        return await self.incoming.get()

    async def send(self, message: Message) -> None:
        self.sent.append(message)
        if message["type"] == "websocket.close":
            self.incoming.put_nowait({"type": "websocket.disconnect", "code": message.get("code", 1000)})

    @property
    def status(self) -> int:
        """Of the refusal, or 101."""
        first = self.sent[0]
        return 101 if first["type"] == "websocket.accept" else int(first["status"])


class Door:
    """A gate in front of an application, `/protected` behind it protected."""

    def __init__(self, world: World, app: ASGIApp | None = None, **parts: Any) -> None:
        self.world = world
        self.revocations = Revocations()
        parts = {"token_subprotocols": frozenset({"mfa.bearer"}), "watch": self.revocations, **parts}
        self.app = MFAMiddleware(app or world.behind, gateway=Gate(replace(world.parts, **parts)))

    async def knock(self, *fields: tuple[bytes, bytes], target: str = "/protected", **given: Any) -> Client:
        client = Client()
        async with asyncio.timeout(DEADLINE):
            await self.app(handshake(target, *fields, **{**ANSWERING, **given}), client.receive, client.send)
        return client

    def seen(self) -> Scope:
        (scope,) = self.world.behind.scopes
        return scope

    def seen_values(self, name: bytes) -> list[bytes]:
        return [value for found, value in self.seen()["headers"] if found == name]


@pytest.fixture
def world() -> World:
    made = World()
    made.store.standing = IN_GRACE
    return made


@pytest.fixture
def door(world: World) -> Door:
    return Door(world)


# --- The verdict ------------------------------------------------------------------------------


async def test_in_grace_a_handshake_passes_with_its_proof(door: Door) -> None:
    assert (await door.knock(BEARER)).status == 101
    assert door.seen_values(b"x-mfa-verified") == [b"true"]


async def test_without_a_proof_it_is_refused_in_the_dialects_form() -> None:
    world = World(policy(rule(dialect="glue")))
    client = await Door(world).knock(BEARER)
    assert client.status == 403
    assert b'"5900"' in client.sent[1]["body"]
    assert world.behind.scopes == []


async def test_a_code_on_the_handshake_is_redeemed_and_goes_no_further(door: Door, world: World) -> None:
    world.store.standing = ENROLLED
    assert (await door.knock(BEARER, (b"x-mfa-code", GOOD_CODE.encode()))).status == 101
    assert door.seen_values(b"x-mfa-code") == []


async def test_cookies_are_kept_from_protected_sockets_only(door: Door, world: World) -> None:
    await door.knock(BEARER, (b"cookie", b"a=b"))
    assert door.seen_values(b"cookie") == []
    world.behind.scopes.clear()
    await door.knock((b"cookie", b"a=b"), target="/open")
    assert door.seen_values(b"cookie") == [b"a=b"]


# --- The token among the sub-protocols --------------------------------------------------------


async def test_the_token_of_a_sub_protocol_is_judged_and_goes_on_as_authorization(door: Door) -> None:
    client = await door.knock(*offering("chat, mfa.bearer, mfa.bearer.A"))
    assert client.status == 101
    assert door.seen()["subprotocols"] == ["chat"]
    assert door.seen_values(b"sec-websocket-protocol") == [b"chat"]
    assert door.seen_values(b"authorization") == [b"Bearer A"]


async def test_a_wrong_token_is_refused_as_in_the_header(door: Door) -> None:
    by_header = await door.knock((b"authorization", b"Bearer nobody"))
    by_protocol = await door.knock(*offering("mfa.bearer.nobody"))
    assert (by_protocol.status, by_header.status) == (401, 401)
    assert b"token_invalid" in by_protocol.sent[1]["body"]


async def test_a_token_beside_authorization_is_two_credentials(door: Door, world: World) -> None:
    assert (await door.knock(BEARER, *offering("mfa.bearer.A"))).status == 400
    assert (await door.knock(BEARER, *offering("mfa.bearer.A"), target="/open")).status == 400
    assert (world.store.trips, world.behind.scopes) == ([], [])


@pytest.mark.parametrize("offers", [("mfa.bearer.A, mfa.bearer.B",), ("mfa.bearer.A", "mfa.bearer.A"), ("a b",)])
async def test_two_tokens_or_unreadable_offers_are_refused(door: Door, offers: tuple[str, ...]) -> None:
    assert (await door.knock(*offering(*offers))).status == 400


async def test_on_open_routes_the_token_is_taken_off_as_well(door: Door) -> None:
    await door.knock(*offering("mfa.bearer.whatever"), target="/open")
    assert door.seen()["subprotocols"] == []
    assert door.seen_values(b"sec-websocket-protocol") == []
    assert door.seen_values(b"authorization") == [b"Bearer whatever"]


@pytest.mark.parametrize(
    ("offers", "answer"),
    [
        (("mfa.bearer, mfa.bearer.A",), "mfa.bearer"),
        (("mfa.bearer.A",), "mfa.bearer.A"),
        (("chat, mfa.bearer, mfa.bearer.A",), "mfa.bearer"),
        (("chat, mfa.bearer.A",), None),
    ],
)
async def test_the_answer_names_one_of_the_clients_own_where_nothing_is_chosen(
    door: Door, offers: tuple[str, ...], answer: str | None
) -> None:
    (accepted,) = (await door.knock(*offering(*offers))).sent
    assert accepted.get("subprotocol") == answer


async def test_without_the_setting_a_sub_protocol_is_a_sub_protocol(world: World) -> None:
    door = Door(world, token_subprotocols=frozenset())
    await door.knock(BEARER, *offering("mfa.bearer.A"))
    assert door.seen()["subprotocols"] == ["mfa.bearer.A"]


async def test_no_token_is_in_any_line(door: Door, world: World, capsys: pytest.CaptureFixture[str]) -> None:
    await door.knock(*offering("mfa.bearer.SECRET"))
    await door.knock(*offering("mfa.bearer.SECRET, mfa.bearer.SECRET"))
    assert "SECRET" not in str(world.lines.all)
    assert "SECRET" not in "".join(capsys.readouterr())


# --- The page behind it -----------------------------------------------------------------------


async def test_a_foreign_page_is_refused_before_its_code_is_looked_at(door: Door, world: World) -> None:
    world.store.standing = ENROLLED
    client = await door.knock(BEARER, ORIGIN, (b"x-mfa-code", GOOD_CODE.encode()))
    assert client.status == 403
    assert world.store.trips == []
    assert world.lines.only["detail"] == "a page of https://shop.test"


@pytest.mark.parametrize("origin", [b"https://shop.test", b"http://gw.test"])
async def test_listed_pages_and_our_own_pass(world: World, origin: bytes) -> None:
    door = Door(world, cors=Cors(frozenset({b"https://shop.test"})))
    assert (await door.knock(BEARER, (b"origin", origin), scheme="ws")).status == 101


async def test_on_open_routes_pages_are_the_applications_business(door: Door) -> None:
    await door.knock(ORIGIN, target="/open")
    assert door.seen_values(b"origin") == [b"https://shop.test"]


async def test_a_shadow_rule_only_says_what_it_thinks_of_a_page() -> None:
    world = World(policy(rule(enforcement=Enforcement.SHADOW)))
    assert (await Door(world).knock(BEARER, ORIGIN)).status == 101
    assert world.lines.only["event"] == "would refuse"


# --- Revocation -------------------------------------------------------------------------------


class Chatty:
    """An application that says what it hears, until it hears no more."""

    def __init__(self) -> None:
        self.heard: list[Message] = []
        self.error: Exception | None = None
        self.on_accept: Callable[[], None] = lambda: None

    async def __call__(self, _scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        self.on_accept()
        while True:
            self.heard.append(await receive())
            if self.heard[-1]["type"] == "websocket.disconnect":
                break
        try:
            await send({"type": "websocket.send", "text": "still there?"})
        except OSError as error:
            self.error = error
            raise


async def test_a_revocation_closes_the_socket_with_1008_and_the_application_hears_of_it(world: World) -> None:
    app = Chatty()
    door = Door(world, app)
    app.on_accept = door.revocations.event.set
    client = await door.knock(BEARER)
    assert client.sent[-1] == {"type": "websocket.close", "code": 1008, "reason": "revoked"}
    assert app.heard == [{"type": "websocket.disconnect", "code": 1008, "reason": "revoked"}]
    assert isinstance(app.error, LinkClosed)


async def test_nothing_that_waited_reaches_the_application_after_a_revocation(world: World) -> None:
    app = Chatty()
    door = Door(world, app)
    app.on_accept = door.revocations.event.set
    client = Client()
    scope = handshake("/protected", BEARER, **ANSWERING)
    serving = asyncio.create_task(door.app(scope, client.receive, client.send))
    async with asyncio.timeout(DEADLINE):
        while len(client.sent) < 2:  # noqa: ASYNC110 - several tasks are at work
            await asyncio.sleep(0)
        client.incoming.put_nowait({"type": "websocket.receive", "text": "too late"})
        await serving
    assert [message["type"] for message in app.heard] == ["websocket.disconnect"]


async def test_the_watch_knows_the_epoch_of_the_verdict_and_ends_with_the_socket(door: Door, world: World) -> None:
    async def app(_scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        await asyncio.sleep(0)

    door = Door(world, app)
    await door.knock(BEARER)
    (verdict,) = door.revocations.watched
    assert (verdict.caller, verdict.epoch) == (ANNA, ENROLLED.epoch)
    assert door.revocations.ended == 1


async def test_a_socket_that_a_code_opened_knows_its_epoch_too(door: Door, world: World) -> None:
    world.store.standing = ENROLLED

    async def app(_scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        await asyncio.sleep(0)

    door = Door(world, app)
    await door.knock(BEARER, (b"x-mfa-code", GOOD_CODE.encode()))
    assert [verdict.epoch for verdict in door.revocations.watched] == [ENROLLED.epoch]


async def test_while_the_store_is_away_a_socket_is_watched_without_an_epoch() -> None:
    world = World(policy(rule(Access.MFA, on_store_error=OnStoreError.ALLOW)))
    world.store.down.add("recall")

    async def app(_scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        await asyncio.sleep(0)

    door = Door(world, app)
    await door.knock(BEARER)
    assert [verdict.epoch for verdict in door.revocations.watched] == [None]


async def test_sockets_on_open_routes_and_refused_ones_are_not_watched(door: Door, world: World) -> None:
    await door.knock(BEARER, target="/open")
    world.store.standing = ENROLLED
    await door.knock(BEARER)
    assert door.revocations.watched == []


async def test_shadow_rules_close_nothing() -> None:
    world = World(policy(rule(enforcement=Enforcement.SHADOW)))
    door = Door(world)
    await door.knock(BEARER)
    assert door.revocations.watched == []
