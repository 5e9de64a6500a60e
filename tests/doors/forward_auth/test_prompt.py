"""Without a task: a question answered at once gets the very answer that it gets by a task, and the rest is work."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

import pytest
from structlog.testing import capture_logs

from mfa_gateway.core.account import Factor, Proof
from mfa_gateway.core.credential import CarrierAction, OtherCredentials
from mfa_gateway.core.policy import Access, Enforcement, OnSuccess
from mfa_gateway.core.proof import Scope as ProofScope
from mfa_gateway.doors.asgi import UNDATED, HeaderList, Message, Scope
from mfa_gateway.doors.cors import Cors
from mfa_gateway.doors.peers import PeerHeader, TrustedProxies
from mfa_gateway.doors.promptness import Work
from tests.doors.forward_auth.asking import PROXIES, REMOVING, TRUSTED, question, rebuilt, world
from tests.doors.gateways import World
from tests.doors.scopes import BEARER, HOST, play, scope
from tests.engine.fakes import ANNA, ENROLLED, GOOD_CODE, policy, rule

CODE: Final = (b"x-mfa-code", GOOD_CODE.encode())
NAMED: Final = (b"x-request-id", b"request-1")
PAGE: Final = (b"origin", b"https://shop.test")
HANDSHAKE: Final = ((b"sec-websocket-key", b"dGhlIHNhbXBsZSBub25jZQ=="), (b"sec-websocket-version", b"13"))
TOLD: Final = (b"x-forwarded-user", b"ada")
PROVED: Final = replace(ENROLLED, proofs=(Proof(Factor.EMAIL, 61_500),))
# What an answer has of its own; the place of its length is the server's affair.
OWN_FIELDS: Final = frozenset({b"content-length", b"date", NAMED[0]})
every_proxy = pytest.mark.parametrize("name", PROXIES)


class Waiting:
    """A client of our own server."""

    def __init__(self, *bodies: bytes, is_taking: bool = True) -> None:
        self.is_taking = is_taking
        self.sent: list[Message] = []
        self._bodies = [*bodies]

    async def receive(self) -> Message:
        if not self._bodies:
            return {"type": "http.disconnect"}
        return {"type": "http.request", "body": self._bodies.pop(0), "more_body": bool(self._bodies)}

    async def send(self, message: Message) -> None:
        self.sent.append(message)

    def answer(self, status: int, headers: HeaderList, body: bytes) -> None:
        self.sent += [
            {"type": "http.response.start", "status": status, "headers": headers},
            {"type": "http.response.body", "body": body},
        ]

    def answer_empty(self, status: int, lines: bytes) -> None:
        assert lines.endswith(b"\r\n")
        pairs = [line.split(b": ", 1) for line in lines.split(b"\r\n")[:-1]]
        self.answer(status, [*((name, value) for name, value in pairs), (b"content-length", b"0")], b"")

    def run(self, work: Work) -> None:
        raise AssertionError(f"nothing is delayed here, and {work} is")


def in_grace(made: World) -> World:
    """The same world, where the caller has proved a factor a minute ago and is remembered."""
    made.identity.remembers = True
    made.store.standing = PROVED
    made.store.near = {(ANNA.account, kind, ANNA.session): PROVED for kind in ProofScope}
    return made


def listed(made: World) -> World:
    """The same world, where the proxy may say who is calling."""
    return rebuilt(made, told=PeerHeader(b"X-Forwarded-User", TrustedProxies(TRUSTED)))


Kind = tuple[Callable[[], World], tuple[Any, ...]]
SHADOW: Final = policy(rule(enforcement=Enforcement.SHADOW))
ENDING: Final = policy(rule(on_success=OnSuccess.REVOKE))
OWN: Final = OtherCredentials(headers=frozenset({b"x-own-session"}))
GOES_ON: Final = OtherCredentials(on_header=CarrierAction.FORWARD)
KINDS: Final[dict[str, Kind]] = {
    "an open route": (world, ("/public",)),
    "an open route of a stranger": (world, ("/public?a=b", (b"authorization", b"Basic x"))),
    "an open route with cookies": (world, ("/public", (b"cookie", b"a=1"), (b"cookie", b"b=2"), (b"x-api-key", b"k"))),
    "a denied route": (lambda: world(policy(rule(Access.DENY))), ("/protected",)),
    "a host of nobody": (
        lambda: world(policy(replace(rule(), hosts=frozenset({"gw.test"})))),
        ("/public", "host=other.test"),
    ),
    "a route in grace": (lambda: in_grace(world()), ("/protected", BEARER)),
    "a route in grace, several addresses": (
        lambda: in_grace(world()),
        ("/protected", BEARER, (b"x-forwarded-for", b"203.0.113.9"), (b"x-forwarded-for", b"198.51.100.1")),
    ),
    "a route in grace with cookies": (lambda: in_grace(world()), ("/protected", BEARER, (b"cookie", b"a=1"))),
    "a route in grace whose cookies go on": (
        lambda: in_grace(world(others=GOES_ON)),
        ("/protected", BEARER, (b"cookie", b"a=1")),
    ),
    "a route in grace with a credential that goes on": (
        lambda: in_grace(world(others=OWN)),
        ("/protected", BEARER, (b"x-own-session", b"k")),
    ),
    "a route in grace with a code": (lambda: in_grace(world()), ("/protected", BEARER, CODE)),
    "a route in grace, by another method": (lambda: in_grace(world()), ("/protected", BEARER, "method=PUT")),
    "a route in grace whose good answers end it": (lambda: in_grace(world(ENDING)), ("/protected", BEARER)),
    "a route in grace for a page": (
        lambda: in_grace(world(cors=Cors(frozenset({b"https://shop.test"})))),
        ("/protected", BEARER, PAGE),
    ),
    "a shadowed route": (lambda: world(SHADOW), ("/protected", (b"cookie", b"a=1"))),
    "a shadowed route in grace": (lambda: in_grace(world(SHADOW)), ("/protected", BEARER, (b"cookie", b"a=1"))),
    "a route without a token": (world, ("/protected",)),
    "a route without a code": (world, ("/protected", BEARER)),
    "a route with a code": (world, ("/protected", BEARER, CODE)),
    "a credential in the query": (lambda: in_grace(world()), ("/protected?access_token=B", BEARER)),
    "what only we may say": (lambda: in_grace(world()), ("/protected", BEARER, (b"x_mfa_verified", b"true"))),
    "what a listed peer says": (lambda: listed(in_grace(world())), ("/protected", BEARER, TOLD)),
    "what a listed peer says twice": (lambda: listed(in_grace(world())), ("/protected", BEARER, TOLD, TOLD)),
    "a handshake": (lambda: in_grace(world()), ("/protected", BEARER, *HANDSHAKE)),
    "a handshake of a foreign page": (lambda: in_grace(world()), ("/protected", BEARER, PAGE, *HANDSHAKE)),
    "a path of ours": (world, ("/mfa/factors", BEARER)),
    "two readings": (world, ("/public/../protected",)),
    "two tokens": (world, ("/public", BEARER, BEARER)),
    "two codes": (world, ("/public", CODE, CODE)),
    "a method that is never allowed": (world, ("/public", "method=TRACE")),
    "a method that is none": (world, ("/public", "method=get")),
    "nobody trusted": (lambda: world(trusted=()), ("/public",)),
    "a body": (lambda: in_grace(world()), ("/protected", BEARER, (b"content-length", b"3"))),
    "a body that is awaited": (
        lambda: in_grace(world()),
        ("/protected", BEARER, (b"content-length", b"3"), (b"expect", b"100-continue")),
    ),
}


def asked_in(kind: str, name: str) -> tuple[World, Scope]:
    """The world of a kind, and its question as this proxy puts it to our own server."""
    make, (target, *words) = KINDS[kind]
    given = dict(word.split("=") for word in words if isinstance(word, str))
    fields = [word for word in words if not isinstance(word, str)]
    asked = question(name, target, NAMED, *fields, **given)
    return make(), {**asked, "extensions": {UNDATED: {}}}


async def by_task(made: World, asked: Scope) -> list[Message]:
    return (await play(made.app, asked, b"abc")).sent


async def promptly(made: World, asked: Scope, *, is_taking: bool = True) -> list[Message]:
    client = Waiting(b"abc", is_taking=is_taking)
    work = made.app.serve_promptly(asked, client)
    if work is not None:
        await work
    return client.sent


def form(sent: list[Message]) -> tuple[int, list[tuple[bytes, bytes]], int]:
    """An answer without its date and its length, and without the name of a call that was not given one."""
    names = [name for name, _ in sent[0]["headers"]]
    assert (names.count(b"content-length"), names.count(b"date"), names.count(NAMED[0])) == (1, 1, 1)
    given = [pair for pair in sent[0]["headers"] if pair == NAMED or pair[0] not in OWN_FIELDS]
    return sent[0]["status"], given, sum(len(one.get("body", b"")) for one in sent)


@every_proxy
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("is_taking", [True, False])
async def test_it_is_answered_as_by_a_task(kind: str, name: str, *, is_taking: bool) -> None:
    plain, asked = asked_in(kind, name)
    prompt, same = asked_in(kind, name)
    answer = await by_task(plain, asked)
    for _ in range(2):  # what was met before is remembered
        assert form(await promptly(prompt, same, is_taking=is_taking)) == form(answer)


@every_proxy
@pytest.mark.parametrize("kind", KINDS)
async def test_it_is_judged_and_written_down_once(kind: str, name: str) -> None:
    plain, asked = asked_in(kind, name)
    prompt, same = asked_in(kind, name)
    with capture_logs() as of_plain:
        await by_task(plain, asked)
    with capture_logs() as of_prompt:
        await promptly(prompt, same)
    assert [line["event"] for line in prompt.lines.all] == [line["event"] for line in plain.lines.all]
    assert [line["why"] for line in of_prompt] == [line["why"] for line in of_plain]
    assert (prompt.store.trips, prompt.identity.asked) == (plain.store.trips, plain.identity.asked)


@every_proxy
@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind.startswith(("an open route", "a route in grace"))])
def test_a_yes_that_is_known_leaves_no_work(kind: str, name: str) -> None:
    made, asked = asked_in(kind, name)
    work = made.app.serve_promptly(asked, Waiting())
    assert (work is not None) == kind.endswith(("whose good answers end it", "with a code"))
    if work is not None:
        asyncio.run(work)  # type: ignore[arg-type] # a coroutine, as any application is


@every_proxy
def test_a_no_that_is_known_leaves_no_work(name: str) -> None:
    made, asked = asked_in("a denied route", name)
    client = Waiting()
    assert made.app.serve_promptly(asked, client) is None
    assert client.sent[0]["status"] == 403


@every_proxy
async def test_who_takes_nothing_now_is_answered_by_work(name: str) -> None:
    made, asked = asked_in("a route in grace", name)
    client = Waiting(is_taking=False)
    work = made.app.serve_promptly(asked, client)
    assert (client.sent, work is not None) == ([], True)
    assert work is not None
    await work
    assert client.sent[0]["status"] == 200


async def test_an_endpoint_of_no_proxy_is_not_found() -> None:
    made, asked = world(), scope("/_mfa/forward-auth/apache", extensions={UNDATED: {}})
    assert form(await promptly(made, asked))[0] == 404


# --- What is remembered -----------------------------------------------------------------------


def remembered(made: World) -> tuple[int, int, int]:
    """How many proxies, places and sets of names are kept."""
    door = made.app._forward_auth
    return len(door._asking), len(door._places), sum(len(one._shapes) for one in door._asking.values())


@every_proxy
async def test_strangers_have_little_remembered(name: str) -> None:
    made = world()
    for number in range(1100):
        field = (b"x-%d" % number, b"")
        await promptly(made, question(name, f"/public/{number}", field, overwrites=f"?overwrites=a{number}"))
    proxies, places, shapes = remembered(made)
    assert places == 1024
    assert proxies == (1 if name in REMOVING else 16)
    assert shapes <= 128 * proxies


@every_proxy
async def test_what_is_long_is_not_remembered(name: str) -> None:
    made = world()
    await promptly(made, question(name, f"/public/{'a' * 600}", (b"x" * 1100, b""), overwrites=f"?a={'b' * 600}"))
    proxies, places, shapes = remembered(made)
    assert (places, shapes) == (0, 0)
    assert proxies == (1 if name in REMOVING else 0)


@every_proxy
async def test_no_query_and_no_credential_is_remembered(name: str) -> None:
    made = world()
    for secret in ("first", "second"):
        await promptly(made, question(name, f"/public?a={secret}", (b"authorization", f"Bearer {secret}".encode())))
    assert remembered(made) == (1, 1, 1)
    (place,) = made.app._forward_auth._places.values()
    assert (place.call.query, place.call.authorization, place.call.headers) == (b"", None, (HOST,))


@every_proxy
async def test_of_who_may_not_ask_nothing_is_remembered(name: str) -> None:
    made = world(trusted=())
    await promptly(made, question(name, "/public"))
    assert remembered(made) == (0, 0, 0)
