"""Key sets fetched from servers, and for callers, that mean no good."""

import asyncio
import json
from collections.abc import Coroutine

import pytest
import structlog
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

from mfa_gateway.core.fault import IdentityUnavailable
from mfa_gateway.identity.bearer import BearerIdentity
from mfa_gateway.identity.jwks import MAX_BYTES, MIN_PAUSE
from mfa_gateway.identity.terms import BearerTerms, JwksUrl
from tests.identity.conftest import (
    Clock,
    KeyServer,
    Open,
    claims,
    forge,
    hang_up,
    identified,
    is_fetching,
    plain,
    unavailable,
)

# --- Servers with bad intentions --------------------------------------------------------------


async def test_redirects_are_not_followed(server: KeyServer, open_keys: Open, rsa_key: rsa.RSAPrivateKey) -> None:
    server.answer = plain(b"", status="302 Found", headers=f"Location: {server.url}-elsewhere\r\n")
    await unavailable(open_keys())
    assert len(server.requests) == 1


async def test_an_endless_answer_is_given_up_at_the_limit(server: KeyServer, open_keys: Open) -> None:
    sent = 0

    async def endless(writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n")
        while True:
            writer.write(b" " * 65_536)
            await writer.drain()
            sent += 65_536

    server.answer = endless
    with structlog.testing.capture_logs() as logs:
        await unavailable(open_keys())
    assert str(MAX_BYTES) in logs[0]["why"]
    server.drop_everybody()
    # What was sent beyond the limit lies in the buffers of two sockets.
    assert sent < 64 * MAX_BYTES


async def test_a_set_of_exactly_the_largest_size_is_read(
    server: KeyServer, open_keys: Open, rsa_key: rsa.RSAPrivateKey
) -> None:
    entry = {**RSAAlgorithm.to_jwk(rsa_key.public_key(), as_dict=True), "kid": "a"}
    document = json.dumps({"keys": [entry]}).encode()
    server.answer = plain(document.ljust(MAX_BYTES))
    assert await open_keys().find("a", "RS256") is not None
    server.answer = plain(document.ljust(MAX_BYTES + 1))
    await unavailable(open_keys())


async def test_a_server_that_never_answers_costs_no_more_than_the_deadline(server: KeyServer, open_keys: Open) -> None:
    async def stall(_: asyncio.StreamWriter) -> None:
        await asyncio.Event().wait()

    server.answer = stall
    async with asyncio.timeout(5):
        await unavailable(open_keys(deadline=0.1))


async def test_a_server_that_answers_drop_by_drop_costs_no_more_than_the_deadline(
    server: KeyServer, open_keys: Open
) -> None:
    async def drip(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
        loop = asyncio.get_running_loop()

        def drop() -> None:
            if not writer.is_closing():
                writer.write(b" ")
                loop.call_later(0.02, drop)

        drop()
        await asyncio.Event().wait()

    server.answer = drip
    async with asyncio.timeout(5):
        await unavailable(open_keys(deadline=0.2))


# --- Unknown keys -----------------------------------------------------------------------------


async def test_a_storm_of_unknown_keys_makes_one_request_in_thirty_seconds(
    server: KeyServer, open_keys: Open, ticks: Clock, rsa_key: rsa.RSAPrivateKey
) -> None:
    server.publish(a=rsa_key)
    keys = open_keys()
    for now, requests in ((0.0, 1), (MIN_PAUSE - 0.1, 1), (MIN_PAUSE, 2)):
        ticks.now = now
        found = await asyncio.gather(*(keys.find(f"unknown {number}", "RS256") for number in range(1000)))
        assert found == [None] * 1000
        assert len(server.requests) == requests


async def test_a_key_that_was_added_is_found_by_the_first_token_that_names_it(
    server: KeyServer, open_keys: Open, ticks: Clock, rsa_key: rsa.RSAPrivateKey, other_rsa_key: rsa.RSAPrivateKey
) -> None:
    server.publish(a=rsa_key)
    keys = open_keys()
    await keys.find("a", "RS256")
    server.publish(a=rsa_key, b=other_rsa_key)
    ticks.now = MIN_PAUSE
    assert await keys.find("b", "RS256") is not None
    assert keys.edition == 0


async def test_a_known_key_with_the_wrong_algorithm_is_no_reason_to_ask(
    server: KeyServer, open_keys: Open, ticks: Clock, rsa_key: rsa.RSAPrivateKey
) -> None:
    server.publish(a=rsa_key)
    keys = open_keys()
    await keys.find("a", "RS256")
    ticks.now = MIN_PAUSE
    assert await keys.find("a", "PS256") is None
    assert await keys.find(None, "PS256") is None
    assert len(server.requests) == 1


async def test_an_unknown_key_during_an_outage_is_only_unknown(
    server: KeyServer, open_keys: Open, ticks: Clock, rsa_key: rsa.RSAPrivateKey
) -> None:
    server.publish(a=rsa_key)
    keys = open_keys()
    await keys.find("a", "RS256")
    server.answer = hang_up
    ticks.now = MIN_PAUSE
    assert await keys.find("b", "RS256") is None
    assert await keys.find("a", "RS256") is not None


# --- Going away -------------------------------------------------------------------------------


def stalled(server: KeyServer) -> asyncio.Event:
    """Make the server wait with its answer; gives the event that a request has arrived."""
    arrived = asyncio.Event()

    async def stall(_: asyncio.StreamWriter) -> None:
        arrived.set()
        await asyncio.Event().wait()

    server.answer = stall
    return arrived


def started(waiting: Coroutine[object, object, object]) -> "asyncio.Task[object]":
    return asyncio.get_running_loop().create_task(waiting)


async def test_a_caller_that_goes_away_does_not_take_the_fetch_with_it(
    server: KeyServer, open_keys: Open, rsa_key: rsa.RSAPrivateKey
) -> None:
    server.publish(a=rsa_key)
    published, release, arrived = server.answer, asyncio.Event(), asyncio.Event()

    async def slow(writer: asyncio.StreamWriter) -> None:
        arrived.set()
        await release.wait()
        await published(writer)

    server.answer = slow
    keys = open_keys()
    impatient, patient = started(keys.find("a", "RS256")), started(keys.find("a", "RS256"))
    await arrived.wait()
    impatient.cancel()
    with pytest.raises(asyncio.CancelledError):
        await impatient
    release.set()
    assert await patient is not None
    assert len(server.requests) == 1


async def test_closing_gives_up_a_fetch_that_is_under_way(server: KeyServer, open_keys: Open) -> None:
    arrived = stalled(server)
    keys = open_keys(deadline=60.0)
    waiting = started(unavailable(keys))
    async with asyncio.timeout(5):
        await arrived.wait()
        await keys.close()
        await waiting
    assert not is_fetching(keys)


async def test_closing_the_identity_gives_up_its_fetches(server: KeyServer, clock: Clock) -> None:
    arrived = stalled(server)
    terms = BearerTerms("shop", "https://shop.test", ("shop-api",), ("RS256",), JwksUrl(server.url))
    identity = BearerIdentity([terms], clock=clock, fetch_deadline=60.0)
    waiting = started(identified(identity, forge(b'{"alg":"RS256"}', json.dumps(claims()).encode())))
    with structlog.testing.capture_logs() as logs:
        async with asyncio.timeout(5):
            await arrived.wait()
            await identity.close()
            with pytest.raises(IdentityUnavailable):
                await waiting
    assert logs == []


async def test_a_fetch_that_takes_longer_than_the_pause_is_not_doubled(
    server: KeyServer, open_keys: Open, ticks: Clock
) -> None:
    arrived = stalled(server)
    keys = open_keys(deadline=60.0)
    waiting = [started(unavailable(keys))]
    async with asyncio.timeout(5):
        await arrived.wait()
        arrived.clear()
        ticks.now = MIN_PAUSE
        waiting.append(started(unavailable(keys)))
        keys.freshen()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(arrived.wait(), 0.1)
        await keys.close()
        await asyncio.gather(*waiting)
    assert len(server.requests) == 1
