"""Areas that a dialect owns: everything there is handed over, whoever asks, and nothing is forwarded."""

from dataclasses import dataclass, field
from ipaddress import ip_network
from typing import Any

import pytest

from mfa_gateway.core.call import Call
from mfa_gateway.core.entrance import Denial, Errand, Outcome, Turned
from mfa_gateway.core.entrance.codes import ForgetAddress
from mfa_gateway.core.routing import OddTargets, Route, Routes
from mfa_gateway.core.site import Site
from mfa_gateway.core.verdict import Reason
from mfa_gateway.dialects.wire import Accepted, Asked, Received, Reply
from mfa_gateway.doors.asgi import read_call
from mfa_gateway.doors.bodies import MAX_BODY
from mfa_gateway.doors.ceremonies import Area, Ceremonies, Endpoint, Mount, Residence
from mfa_gateway.doors.peers import TrustedProxies
from mfa_gateway.doors.reception import Reception
from tests.doors.gateways import GLUE, Commands
from tests.doors.scopes import Exchange, Fields, play, scope
from tests.engine.fakes import BearerNames

NOW = 1_763_769_600.25
ERRAND = Errand(ForgetAddress("ada"), Site("3_KEY", "people"), 0)


@dataclass
class Owner:
    """A dialect with an area, which remembers what it was handed."""

    prefix: str = "/area"
    accepts: bool = False
    received: list[Received] = field(default_factory=list)

    @property
    def endpoints(self) -> dict[str, str]:
        return {f"{self.prefix}/**": ""}

    def refuse(self, reason: Reason, asked: Asked, *, retry_after_ms: int = 0) -> Reply:
        del asked, retry_after_ms
        return Reply(403, body=reason.value.encode())

    def receive(self, received: Received) -> Accepted | Reply:
        self.received.append(received)
        return Accepted(ERRAND, "form") if self.accepts else Reply(200, body=b"at once")

    def answer(self, outcome: Outcome, accepted: Accepted) -> Reply:
        assert isinstance(outcome, Turned)
        return Reply(200, body=f"{outcome.denial} {accepted.form}".encode())

    def turn_away(self, reason: Reason, received: Received) -> Reply:
        self.received.append(received)
        return Reply(413, body=reason.value.encode())


@dataclass
class Porter:
    """Turns everybody away, and remembers whom."""

    calls: list[Call] = field(default_factory=list)

    async def carry_out(self, errand: Errand, call: Call) -> Outcome:
        assert errand is ERRAND
        self.calls.append(call)
        return Turned(Denial.NOBODY)


class World:
    """Glue beside an area, on all hosts unless told otherwise."""

    def __init__(self, owner: Owner, *, hosts: frozenset[str] = frozenset(), trusted: tuple[str, ...] = ()) -> None:
        self.owner, self.porter = owner, Porter()
        self.proxies = TrustedProxies(map(ip_network, trusted))
        self.ceremonies = Ceremonies(
            [Mount(GLUE), Residence(owner, hosts)],
            identify=BearerNames().identify,
            clerk=Commands(),
            reception=Reception(self.porter, proxies=self.proxies, clock=lambda: NOW),
        )

    def found(self, target: str, *fields: tuple[bytes, bytes], odd: bool = False) -> Endpoint | Area | None:
        takes = OddTargets.STRICTEST if odd else OddTargets.REFUSE
        call = read_call(scope(target, *fields), self.proxies, Routes([Route("all", odd_targets=takes)]))
        assert isinstance(call, Call), call
        return self.ceremonies.endpoint(call)

    async def ask(self, target: str, *fields: tuple[bytes, bytes], body: bytes = b"", **given: Any) -> Exchange:
        async def app(scope_: Any, receive: Any, send: Any) -> None:
            call = read_call(scope_, self.proxies)
            assert isinstance(call, Call), call
            endpoint = self.ceremonies.endpoint(call)
            assert endpoint is not None
            await self.ceremonies.serve(endpoint, call, scope_, receive, send)

        length = (b"content-length", b"%d" % len(body))
        return await play(app, scope(target, length, *fields, **{"method": "POST", **given}), body)


@pytest.fixture
def world() -> World:
    return World(Owner())


@pytest.mark.parametrize("target", ["/area", "/area/", "/area/a", "/area/a/b/", "/area/multi-factor-auth-types"])
def test_everything_below_a_prefix_is_its_owners(world: World, target: str) -> None:
    assert isinstance(world.found(target), Area)


@pytest.mark.parametrize("target", ["/", "/are", "/areas/a", "/Area/a", "/a/area"])
def test_nothing_else_is(world: World, target: str) -> None:
    assert world.found(target) is None


@pytest.mark.parametrize("target", ["/", "/a/b", "/multi-factor-auth-types", "/a%2Fb//c"])
def test_a_host_is_owned_whole_before_every_other_dialect(target: str) -> None:
    world = World(Owner(""), hosts=frozenset({"own.test"}))
    assert isinstance(world.found(target, (b"host", b"own.test"), odd=True), Area)
    assert not isinstance(world.found(target, (b"host", b"gw.test"), odd=True), Area)


@pytest.mark.parametrize("target", ["/area%2Fa", "/area//a", "/area;v=1/a"])
def test_an_odd_path_that_could_be_in_an_area_is(world: World, target: str) -> None:
    assert isinstance(world.found(target, odd=True), Area)


@pytest.mark.parametrize("verb", ["GET", "POST", "PUT", "DELETE", "OPTIONS", "HEAD"])
async def test_the_owner_is_handed_every_method(world: World, verb: str) -> None:
    answer = await world.ask("/area/a?x=1", (b"cookie", b"c=1"), body=b"b=2", method=verb)
    assert (answer.status, answer.body) == (200, b"at once")
    (received,) = world.owner.received
    assert (received.asked.method, received.asked.path) == (verb, "/area/a")
    assert (received.query, received.body, received.header(b"cookie")) == (b"x=1", b"b=2", "c=1")


async def test_it_is_told_when_and_gets_a_name_for_each_answer(world: World) -> None:
    await world.ask("/area/a")
    await world.ask("/area/a")
    first, second = world.owner.received
    assert first.now_ms == second.now_ms == 1_763_769_600_250
    assert first.unique != second.unique
    assert len(bytes.fromhex(first.unique)) == 16


async def test_an_errand_is_played_and_answered_in_its_form() -> None:
    world = World(Owner(accepts=True))
    answer = await world.ask("/area/a")
    assert answer.body == b"nobody form"
    assert [call.client for call in world.porter.calls] == ["192.0.2.7"]


@pytest.mark.parametrize("size", [MAX_BODY + 1, 10 * MAX_BODY])
async def test_a_body_that_is_too_large_is_turned_away_unread(world: World, size: int) -> None:
    answer = await world.ask("/area/a", body=b"x" * size)
    assert (answer.status, answer.body) == (413, b"body_too_large")
    assert answer.values(b"connection") == [b"close"]
    assert world.owner.received[0].body == b""


FORWARDED: Fields = (
    (b"x-forwarded-proto", b"http, https"),
    (b"x-forwarded-host", b"a.test, public.test:8443"),
    (b"x-forwarded-for", b"198.51.100.1"),
)


async def test_what_a_trusted_proxy_says_of_the_address_comes_first() -> None:
    world = World(Owner(accepts=True), trusted=("192.0.2.0/24",))
    await world.ask("/area/a", *FORWARDED)
    (received,) = world.owner.received
    assert received.is_secure
    assert received.urls == (
        "https://public.test:8443/area/a",
        "https://gw.test/area/a",
        "http://public.test:8443/area/a",
        "http://gw.test/area/a",
    )
    assert [call.client for call in world.porter.calls] == ["198.51.100.1"]


async def test_what_anybody_else_says_of_it_is_not_heard(world: World) -> None:
    await world.ask("/area/a", *FORWARDED)
    (received,) = world.owner.received
    assert not received.is_secure
    assert received.urls == ("http://gw.test/area/a", "https://gw.test/area/a")


async def test_a_connection_with_tls_of_our_own_is_secure(world: World) -> None:
    await world.ask("/area/a", scheme="https")
    assert world.owner.received[0].is_secure


def test_an_area_without_a_reception_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="a resident has areas"):
        Ceremonies([Residence(Owner())], identify=BearerNames().identify, clerk=Commands())
