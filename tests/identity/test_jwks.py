"""Key sets fetched from a real server on a socket."""

import asyncio
import gzip

import jwt
import pytest
import structlog
from cryptography.hazmat.primitives.asymmetric import rsa

from mfa_gateway.core.account import Anonymous, Caller
from mfa_gateway.identity.bearer import BearerIdentity
from mfa_gateway.identity.fetching import http_client
from mfa_gateway.identity.jwks import (
    ACCEPT,
    DEFAULT_FRESH,
    FIRST_PAUSE,
    MAX_FRESH,
    MIN_FRESH,
    MIN_PAUSE,
    FetchedKeys,
    freshness,
)
from mfa_gateway.identity.keys import Keys
from mfa_gateway.identity.terms import BearerTerms, JwksUrl
from tests.identity.conftest import (
    NOW,
    Answer,
    Clock,
    KeyServer,
    Open,
    hang_up,
    identified,
    is_fetching,
    plain,
    settled,
    unavailable,
)

# --- Fetching and keeping ---------------------------------------------------------------------


async def test_a_key_set_is_fetched_when_it_is_first_needed_and_kept(
    server: KeyServer, open_keys: Open, rsa_key: rsa.RSAPrivateKey
) -> None:
    server.publish(a=rsa_key)
    keys: Keys = open_keys()
    assert server.requests == []
    found = [await keys.find("a", "RS256") for _ in range(3)]
    assert found[0] is not None
    assert found[0].material == rsa_key.public_key()
    assert len(server.requests) == 1


async def test_the_request_tells_nothing_but_what_is_wanted(
    server: KeyServer, open_keys: Open, rsa_key: rsa.RSAPrivateKey
) -> None:
    server.publish(a=rsa_key)
    await open_keys().find("a", "RS256")
    request = server.requests[0].lower()
    assert request.startswith(b"get /keys http/1.1\r\n")
    assert b"accept-encoding: identity\r\n" in request
    assert b"authorization" not in request
    assert b"cookie" not in request


async def test_proxies_of_the_environment_are_not_asked(
    server: KeyServer, open_keys: Open, rsa_key: rsa.RSAPrivateKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    server.publish(a=rsa_key)
    client = http_client(5.0, accept=ACCEPT)
    keys = FetchedKeys(server.url, ("RS256",), client=client, monotonic=Clock(0.0), log=structlog.get_logger())
    assert await keys.find("a", "RS256") is not None
    await client.aclose()


async def test_a_set_that_is_due_is_refreshed_in_the_background(
    server: KeyServer, open_keys: Open, ticks: Clock, rsa_key: rsa.RSAPrivateKey
) -> None:
    server.publish(a=rsa_key)
    keys = open_keys()
    await keys.find("a", "RS256")
    release = asyncio.Event()
    published = server.answer

    async def slow(writer: asyncio.StreamWriter) -> None:
        await release.wait()
        await published(writer)

    server.answer = slow
    ticks.now = DEFAULT_FRESH - 0.1
    await keys.find("a", "RS256")
    assert not is_fetching(keys)
    ticks.now = DEFAULT_FRESH
    assert await keys.find("a", "RS256") is not None
    assert is_fetching(keys)
    release.set()
    await settled(keys)
    assert len(server.requests) == 2


async def test_cache_control_says_when_a_set_is_due(
    server: KeyServer, open_keys: Open, ticks: Clock, rsa_key: rsa.RSAPrivateKey
) -> None:
    server.publish("Cache-Control: public, max-age=100\r\n", a=rsa_key)
    keys = open_keys()
    await keys.find("a", "RS256")
    for now, requests in ((99.0, 1), (100.0, 2)):
        ticks.now = now
        keys.freshen()
        await settled(keys)
        assert len(server.requests) == requests


@pytest.mark.parametrize(
    ("cache_control", "seconds"),
    [
        ("", DEFAULT_FRESH),
        ("public", DEFAULT_FRESH),
        ("max-age=120", 120.0),
        ("Public , MAX-AGE=3600 , must-revalidate", 3600.0),
        ('max-age="300"', 300.0),
        ("max-age=0", MIN_FRESH),
        ("max-age=59", MIN_FRESH),
        ("max-age=999999999", MAX_FRESH),
        ("max-age=99999999999", DEFAULT_FRESH),
        ("max-age=-5", DEFAULT_FRESH),
        ("s-max-age=5000", DEFAULT_FRESH),
        ("no-store", MIN_FRESH),
        ("max-age=3600, no-cache", MIN_FRESH),
    ],
)
def test_a_set_is_fresh_for_a_minute_to_a_day(cache_control: str, seconds: float) -> None:
    assert freshness(cache_control) == seconds


# --- Outages ----------------------------------------------------------------------------------


async def test_without_any_keys_nothing_can_be_said(server: KeyServer, open_keys: Open) -> None:
    server.answer = hang_up
    await unavailable(open_keys())


async def test_a_server_that_is_not_there_is_asked_again_after_five_seconds(
    server: KeyServer, open_keys: Open, ticks: Clock, rsa_key: rsa.RSAPrivateKey
) -> None:
    server.answer = hang_up
    keys = open_keys()
    await unavailable(keys)
    await unavailable(keys)
    ticks.now = FIRST_PAUSE - 0.1
    await unavailable(keys)
    assert len(server.requests) == 1
    server.publish(a=rsa_key)
    ticks.now = FIRST_PAUSE
    assert await keys.find("a", "RS256") is not None


@pytest.mark.parametrize(
    "answer",
    [
        plain(b"", status="500 Internal Server Error"),
        plain(b"", status="404 Not Found"),
        plain(b"", status="204 No Content"),
        plain(b"<html>down for maintenance</html>"),
        plain(b'{"keys":[]}'),
        plain(gzip.compress(b'{"keys":[]}'), headers="Content-Encoding: gzip\r\n"),
        hang_up,
    ],
)
async def test_known_keys_survive_an_outage_of_any_length(
    server: KeyServer, open_keys: Open, ticks: Clock, rsa_key: rsa.RSAPrivateKey, answer: Answer
) -> None:
    server.publish(a=rsa_key)
    keys = open_keys()
    await keys.find("a", "RS256")
    server.answer = answer
    for _ in range(3):
        ticks.now += MAX_FRESH
        assert await keys.find("a", "RS256") is not None
        await settled(keys)
        assert await keys.find("a", "RS256") is not None
    assert len(server.requests) == 4
    assert keys.edition == 0


async def test_during_an_outage_the_server_is_asked_every_thirty_seconds(
    server: KeyServer, open_keys: Open, ticks: Clock, rsa_key: rsa.RSAPrivateKey
) -> None:
    server.publish(a=rsa_key)
    keys = open_keys()
    await keys.find("a", "RS256")
    server.answer = hang_up
    for passed, requests in ((DEFAULT_FRESH, 2), (MIN_PAUSE - 0.1, 2), (0.1, 3)):
        ticks.now += passed
        await keys.find("a", "RS256")
        await settled(keys)
        assert len(server.requests) == requests


async def test_an_outage_is_noted_without_the_answer(
    server: KeyServer, open_keys: Open, rsa_key: rsa.RSAPrivateKey
) -> None:
    server.answer = plain(b"s3cr3t", status="503 Service Unavailable")
    with structlog.testing.capture_logs() as logs:
        await unavailable(open_keys())
    assert logs == [
        {
            "event": "key set not fetched",
            "log_level": "warning",
            "url": server.url,
            "why": "ValueError: the answer has status 503",
            "known_keys": 0,
        }
    ]


# --- Withdrawn keys ---------------------------------------------------------------------------


async def test_a_withdrawn_key_is_not_found_and_raises_the_edition(
    server: KeyServer, open_keys: Open, ticks: Clock, rsa_key: rsa.RSAPrivateKey, other_rsa_key: rsa.RSAPrivateKey
) -> None:
    server.publish(a=rsa_key, b=other_rsa_key)
    keys = open_keys()
    await keys.find("a", "RS256")
    server.publish(b=other_rsa_key)
    ticks.now = DEFAULT_FRESH
    keys.freshen()
    await settled(keys)
    assert await keys.find("a", "RS256") is None
    assert keys.edition == 1


async def test_a_key_that_was_replaced_under_its_name_raises_the_edition(
    server: KeyServer, open_keys: Open, ticks: Clock, rsa_key: rsa.RSAPrivateKey, other_rsa_key: rsa.RSAPrivateKey
) -> None:
    server.publish(a=rsa_key)
    keys = open_keys()
    await keys.find("a", "RS256")
    server.publish(a=other_rsa_key)
    ticks.now = DEFAULT_FRESH
    keys.freshen()
    await settled(keys)
    assert keys.edition == 1


async def test_a_verified_token_does_not_outlive_its_key(
    server: KeyServer, clock: Clock, ticks: Clock, rsa_key: rsa.RSAPrivateKey, other_rsa_key: rsa.RSAPrivateKey
) -> None:
    server.publish(a=rsa_key)
    terms = BearerTerms("shop", "https://idp.test", ("api",), ("RS256",), JwksUrl(server.url))
    identity = BearerIdentity([terms], clock=clock, monotonic=ticks)
    claims = {"iss": "https://idp.test", "aud": "api", "sub": "anna", "iat": NOW, "exp": NOW + 86_400}
    token = jwt.encode(claims, rsa_key, "RS256", headers={"kid": "a"})
    assert isinstance(await identified(identity, token), Caller)
    server.publish(b=other_rsa_key)
    ticks.now = DEFAULT_FRESH
    assert isinstance(await identified(identity, token), Caller)
    keys = identity._issuers["https://idp.test"].keys
    assert isinstance(keys, FetchedKeys)
    await settled(keys)
    assert await identified(identity, token) is Anonymous.BAD_CREDENTIAL
    await identity.close()


async def test_each_issuer_has_keys_of_its_own(
    server: KeyServer, clock: Clock, rsa_key: rsa.RSAPrivateKey, other_rsa_key: rsa.RSAPrivateKey
) -> None:
    server.publish(a=rsa_key)
    terms = [
        BearerTerms(name, f"https://{name}.test", ("api",), ("RS256",), JwksUrl(f"{server.url}?{name}"))
        for name in ("shop", "desk")
    ]
    identity = BearerIdentity(terms, clock=clock)
    claims = {"iss": "https://shop.test", "aud": "api", "sub": "anna", "iat": NOW, "exp": NOW + 300}
    shop = jwt.encode(claims, rsa_key, "RS256", headers={"kid": "a"})
    desk = jwt.encode({**claims, "iss": "https://desk.test"}, other_rsa_key, "RS256", headers={"kid": "a"})
    assert isinstance(await identified(identity, shop), Caller)
    server.publish(a=other_rsa_key)
    assert isinstance(await identified(identity, desk), Caller)
    assert [request.split(b" ")[1] for request in server.requests] == [b"/keys?shop", b"/keys?desk"]
    await identity.close()
