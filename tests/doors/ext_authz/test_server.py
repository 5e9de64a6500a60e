"""The gRPC server of ext_authz, asked by a gRPC client."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from ipaddress import ip_network
from time import monotonic
from typing import Any

import pytest

from mfa_gateway.core.gate import Terms
from mfa_gateway.core.policy import OnStoreError
from mfa_gateway.doors.ext_authz.check import Checker
from mfa_gateway.doors.ext_authz.wire import Health, write_health
from mfa_gateway.doors.peers import TrustedProxies
from mfa_gateway.engine.hurry import HurriedStandings
from mfa_gateway.engine.judge import Judge
from tests.doors.ext_authz.envoy import Read, described, message, read
from tests.doors.gateways import World
from tests.engine.fakes import policy, rule

grpc: Any = pytest.importorskip("grpc")
from mfa_gateway.doors.ext_authz.server import AuthorizationServer  # noqa: E402 - needs grpcio

CHECK = "/envoy.service.auth.v3.Authorization/Check"
LOOK, WATCH = "/grpc.health.v1.Health/Check", "/grpc.health.v1.Health/Watch"
LOCAL = (ip_network("127.0.0.1/32"),)
BEARER = (b"authorization", b"Bearer A")


class Slow(World):
    """A gateway whose store does not answer, as a door in a hurry sees it."""

    def __init__(self, asked: OnStoreError) -> None:
        self.is_asked = asyncio.Event()
        super().__init__(under := policy(rule(on_store_error=asked)))
        judge = Judge(
            policy=under,
            terms=Terms(),
            others=self.parts.others,
            identity=self.identity,
            store=HurriedStandings(self),
            journal=self.lines.journal,
        )
        self.parts = replace(self.parts, judge=judge)

    def known(self, *_: Any, **__: Any) -> Any:
        return None

    async def recall(self, *_: Any, **__: Any) -> Any:
        self.is_asked.set()
        await asyncio.Event().wait()

    async def redeem(self, *_: Any, **__: Any) -> Any:
        await asyncio.Event().wait()


@asynccontextmanager
async def serving(
    world: World, *, trusted: tuple[Any, ...] = LOCAL, within: float = 5.0, address: str = "127.0.0.1:0"
) -> AsyncIterator[tuple[AuthorizationServer, Any]]:
    server = AuthorizationServer(Checker(world.parts), proxies=TrustedProxies(trusted), within=within, calls=10)
    port = await server.listen(address)
    try:
        async with grpc.aio.insecure_channel(f"{address.rpartition(':')[0]}:{port}") as channel:
            yield server, channel
    finally:
        await server.stop(1)


async def check(channel: Any, target: str = "/protected", *fields: tuple[bytes, bytes], timeout: float = 5) -> Read:
    return read(await channel.unary_unary(CHECK)(message(described(target, *fields)), timeout=timeout))


async def test_a_check_is_answered() -> None:
    async with serving(World()) as (_, channel):
        assert (await check(channel, "/open")).code == 0
        refused = await check(channel)
        assert (refused.code, refused.status) == (7, 401)


async def test_a_peer_that_is_not_trusted_is_told_so() -> None:
    async with serving(World(), trusted=(ip_network("10.0.0.0/8"),)) as (_, channel):
        with pytest.raises(grpc.aio.AioRpcError) as told:
            await check(channel, "/open")
    assert told.value.code() is grpc.StatusCode.PERMISSION_DENIED
    assert "trusted_proxies" in told.value.details()


async def test_a_peer_of_ipv6_is_known_by_its_address() -> None:
    try:
        async with serving(World(), trusted=(ip_network("::1/128"),), address="[::1]:0") as (_, channel):
            assert (await check(channel, "/open")).code == 0
    except OSError:
        pytest.skip("there is no IPv6 here")


async def test_what_is_no_request_is_an_error_of_its_sender() -> None:
    async with serving(World()) as (_, channel):
        with pytest.raises(grpc.aio.AioRpcError) as told:
            await channel.unary_unary(CHECK)(b"\xff", timeout=5)
    assert told.value.code() is grpc.StatusCode.INVALID_ARGUMENT


@pytest.mark.parametrize(("asked", "status"), [(OnStoreError.DENY, 503), (OnStoreError.ALLOW, 0)])
async def test_a_slow_store_is_away_by_the_callers_own_deadline(asked: OnStoreError, status: int) -> None:
    async with serving(Slow(asked)) as (_, channel):
        began = monotonic()
        answer = await check(channel, "/protected", BEARER, timeout=0.4)
        assert monotonic() - began < 0.4
    assert answer.status == status


async def test_a_caller_without_a_deadline_waits_no_longer_than_is_configured() -> None:
    async with serving(Slow(OnStoreError.DENY), within=0.05) as (_, channel):
        began = monotonic()
        assert (await check(channel, "/protected", BEARER, timeout=30)).status == 503
        assert monotonic() - began < 5


async def test_two_servers_share_an_address() -> None:
    one = AuthorizationServer(Checker(World().parts), proxies=TrustedProxies(LOCAL), within=1, calls=1)
    port = await one.listen("127.0.0.1:0")
    try:
        other = AuthorizationServer(Checker(World().parts), proxies=TrustedProxies(LOCAL), within=1, calls=1)
        assert await other.listen(f"127.0.0.1:{port}") == port
        await other.stop(0)
    finally:
        await one.stop(0)


async def test_an_address_that_cannot_be_had_is_told_with_its_key() -> None:
    server = AuthorizationServer(Checker(World().parts), proxies=TrustedProxies(), within=1, calls=1)
    with pytest.raises(OSError, match=r"ext_authz\.listen: 192\.0\.2\.1:1 cannot be listened on"):
        await server.listen("192.0.2.1:1")
    await server.stop(0)


# --- Health ---


async def test_its_health_is_told_for_the_whole_and_for_the_service() -> None:
    async with serving(World()) as (server, channel):
        look: Callable[..., Awaitable[bytes]] = channel.unary_unary(LOOK)
        for service in (b"", b"\x0a\x23envoy.service.auth.v3.Authorization"):
            assert await look(service, timeout=5) == write_health(Health.SERVING)
        server.retire()
        assert await look(b"", timeout=5) == write_health(Health.NOT_SERVING)


async def test_the_health_of_something_else_is_not_known() -> None:
    async with serving(World()) as (_, channel):
        with pytest.raises(grpc.aio.AioRpcError) as told:
            await channel.unary_unary(LOOK)(b"\x0a\x01x", timeout=5)
    assert told.value.code() is grpc.StatusCode.NOT_FOUND


async def test_whoever_watches_is_told_of_the_end_before_it_comes() -> None:
    async with serving(World()) as (server, channel):
        watching = channel.unary_stream(WATCH)(b"", timeout=10)
        assert await watching.read() == write_health(Health.SERVING)
        await server.stop(5)
        assert await watching.read() == write_health(Health.NOT_SERVING)
        assert await watching.read() is grpc.aio.EOF


async def test_a_check_in_flight_is_answered_before_the_end() -> None:
    slow = Slow(OnStoreError.DENY)
    async with serving(slow, within=0.2) as (server, channel):
        asking = asyncio.create_task(check(channel, "/protected", BEARER))
        await slow.is_asked.wait()
        await server.stop(5)
        assert (await asking).status == 503
