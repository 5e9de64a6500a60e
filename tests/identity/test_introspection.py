"""Opaque tokens, looked up at a real server on a socket."""

import asyncio
import gzip
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

import pytest
import structlog

from mfa_gateway.core.account import Anonymous, Caller
from mfa_gateway.core.fault import IdentityUnavailable
from mfa_gateway.engine.ports import Identity
from mfa_gateway.identity.flaw import Flaw
from mfa_gateway.identity.introspection import (
    MAX_ASKED,
    MAX_BYTES,
    REFUSED_FOR,
    IntrospectedIdentity,
    basic_credentials,
)
from mfa_gateway.identity.terms import IntrospectionTerms
from tests.identity.conftest import NOW, Clock, call
from tests.identity.issuers import Issuer, hang_up, raw, says

TOKEN = "opaque-0815"
LIMIT = 5.0

Open = Callable[..., IntrospectedIdentity]


@pytest.fixture
async def issuer() -> AsyncIterator[Issuer]:
    running = Issuer()
    await running.start()
    yield running
    await running.stop()


@pytest.fixture
async def opened(issuer: Issuer, clock: Clock, ticks: Clock) -> AsyncIterator[Open]:
    made: list[IntrospectedIdentity] = []

    def opening(*, size: int = 100, **changes: Any) -> IntrospectedIdentity:
        written = {
            "realm": "shop",
            "url": issuer.url,
            "client_id": "gate",
            "client_secret": "hunter2",
            "timeout": LIMIT,
        }
        terms = IntrospectionTerms(**{**written, **changes})
        made.append(IntrospectedIdentity(terms, clock=clock, monotonic=ticks, size=size))
        return made[-1]

    yield opening
    for identity in made:
        await identity.close()


async def identified(identity: Identity, token: str = TOKEN) -> object:
    return await identity.identify(call(f"Bearer {token}"))


async def subject(identity: Identity, token: str = TOKEN) -> str:
    caller = await identified(identity, token)
    assert isinstance(caller, Caller)
    return caller.account.subject


async def unavailable(identity: Identity, token: str = TOKEN) -> str:
    with pytest.raises(IdentityUnavailable, match=r"introspection at http://127\.0\.0\.1:\d+: ") as caught:
        await identified(identity, token)
    text = str(caught.value)
    assert token not in text
    assert "hunter2" not in text
    return text


def started(waiting: Coroutine[Any, Any, Any]) -> "asyncio.Task[Any]":
    return asyncio.get_running_loop().create_task(waiting)


# --- Asking -----------------------------------------------------------------------------------


async def test_an_active_token_names_its_caller(issuer: Issuer, opened: Open) -> None:
    caller = await opened().identify(call(f"Bearer {TOKEN}"))
    assert isinstance(caller, Caller)
    assert (caller.account.realm, caller.account.subject) == ("shop", "anna")
    assert TOKEN not in caller.token + caller.session


async def test_the_issuer_is_asked_as_the_rfc_has_it(issuer: Issuer, opened: Open) -> None:
    await identified(opened())
    [question] = issuer.questions
    assert question.line == "POST /introspect HTTP/1.1"
    assert question.form == {"token": [TOKEN], "token_type_hint": ["access_token"]}
    assert question.client == "gate:hunter2"
    assert question.fields["accept"] == "application/json"


async def test_every_character_of_a_token_arrives(issuer: Issuer, opened: Open) -> None:
    token = "aA0-._~+/+/=="
    await identified(opened(), token)
    assert issuer.questions[0].token == token


def test_name_and_secret_are_form_encoded_before_they_are_joined() -> None:
    # RFC 6749 appendix B gives this example of the encoding: space, %, &, +, POUND SIGN, EURO SIGN.
    assert basic_credentials(" %&+\u00a3\u20ac", "a:b") == "Basic KyUyNSUyNiUyQiVDMiVBMyVFMiU4MiVBQzphJTNBYg=="


@pytest.mark.parametrize("authorization", [None, ""])
async def test_without_a_credential_nobody_is_asked(issuer: Issuer, opened: Open, authorization: str | None) -> None:
    assert await opened().identify(call(authorization)) is Anonymous.NO_CREDENTIAL
    assert issuer.questions == []


@pytest.mark.parametrize(
    "authorization", ["Basic Z2F0ZQ==", "Bearer", "Bearer a b", "Bearer a,b", "Bearer a\u00e4", "Bearer " + "a" * 16384]
)
async def test_what_is_no_bearer_token_is_never_asked_about(issuer: Issuer, opened: Open, authorization: str) -> None:
    with structlog.testing.capture_logs() as logs:
        assert await opened().identify(call(authorization)) is Anonymous.BAD_CREDENTIAL
    assert [line["flaw"] for line in logs] == [Flaw.NOT_BEARER.value]
    assert issuer.questions == []


async def test_a_token_that_is_not_active_is_a_bad_credential(issuer: Issuer, opened: Open) -> None:
    issuer.answer = raw(b'{"active": false}')
    with structlog.testing.capture_logs() as logs:
        assert await identified(opened()) is Anonymous.BAD_CREDENTIAL
    assert [line["flaw"] for line in logs] == [Flaw.INACTIVE.value]
    assert TOKEN not in str(logs)


# --- Remembering ------------------------------------------------------------------------------


async def test_a_good_answer_counts_for_as_long_as_configured(issuer: Issuer, opened: Open, ticks: Clock) -> None:
    identity = opened(cache=60.0)
    for now, asked in ((0.0, 1), (59.9, 1), (60.0, 2)):
        ticks.now = now
        assert await subject(identity) == "anna"
        assert len(issuer.questions) == asked


async def test_a_good_answer_counts_from_the_moment_of_asking(issuer: Issuer, opened: Open, ticks: Clock) -> None:
    identity, issuer.held = opened(cache=60.0), asyncio.Event()
    asking = started(subject(identity))
    async with asyncio.timeout(LIMIT):
        await issuer.arrived.wait()
        ticks.now = 50.0
        issuer.held.set()
        await asking
    ticks.now = 60.0
    await subject(identity)
    assert len(issuer.questions) == 2


async def test_a_good_answer_ends_with_its_token(issuer: Issuer, opened: Open, clock: Clock) -> None:
    issuer.answer = says(exp=NOW + 10)
    identity = opened()
    clock.now = NOW + 9.9
    assert await subject(identity) == "anna"
    clock.now = NOW + 10
    assert await identified(identity) is Anonymous.BAD_CREDENTIAL


async def test_without_a_cache_every_call_asks(issuer: Issuer, opened: Open) -> None:
    identity = opened(cache=0.0)
    await subject(identity)
    issuer.answer = says(active=False)
    assert await identified(identity) is Anonymous.BAD_CREDENTIAL
    issuer.answer = says()
    assert await subject(identity) == "anna"
    assert len(issuer.questions) == 3


async def test_a_refused_token_is_remembered_for_a_short_while(issuer: Issuer, opened: Open, ticks: Clock) -> None:
    issuer.answer = says(active=False)
    identity = opened()
    for now, asked in ((0.0, 1), (REFUSED_FOR - 0.1, 1), (REFUSED_FOR, 2)):
        ticks.now = now
        assert await identified(identity) is Anonymous.BAD_CREDENTIAL
        assert len(issuer.questions) == asked


async def test_a_token_that_becomes_good_is_found_out(issuer: Issuer, opened: Open, ticks: Clock) -> None:
    identity, issuer.answer = opened(), says(active=False)
    await identified(identity)
    ticks.now, issuer.answer = REFUSED_FOR, says()
    assert await subject(identity) == "anna"


async def test_a_revoked_token_is_found_out(issuer: Issuer, opened: Open, ticks: Clock) -> None:
    identity = opened(cache=60.0)
    await subject(identity)
    ticks.now, issuer.answer = 60.0, says(active=False)
    assert await identified(identity) is Anonymous.BAD_CREDENTIAL


async def test_tokens_are_told_apart(issuer: Issuer, opened: Open) -> None:
    identity = opened()
    await subject(identity)
    issuer.answer = says(sub="otto")
    assert await subject(identity, "another") == "otto"
    assert await subject(identity) == "anna"


async def test_the_least_used_token_is_forgotten_first(issuer: Issuer, opened: Open) -> None:
    identity = opened(size=2)
    for token in ("a", "b", "a", "c"):
        await subject(identity, token)
    assert [question.token for question in issuer.questions] == ["a", "b", "c"]
    await subject(identity, "a")
    await subject(identity, "b")
    assert [question.token for question in issuer.questions] == ["a", "b", "c", "b"]


async def test_a_flood_of_bad_tokens_pushes_no_good_one_out(issuer: Issuer, opened: Open) -> None:
    identity = opened(size=5)
    await subject(identity)
    issuer.answer = says(active=False)
    for number in range(20):
        await identified(identity, f"rubbish-{number}")
    assert len(identity._refused) == 5
    assert await subject(identity) == "anna"


async def test_tokens_are_not_kept_in_clear(issuer: Issuer, opened: Open) -> None:
    identity = opened()
    await subject(identity)
    assert TOKEN not in str([*identity._good._by_digest, *identity._good._by_digest.values()])


# --- Many at a time ---------------------------------------------------------------------------


async def test_a_hundred_calls_with_one_token_ask_once(issuer: Issuer, opened: Open) -> None:
    identity = opened(cache=0.0)
    assert set(await asyncio.gather(*(subject(identity) for _ in range(100)))) == {"anna"}
    assert len(issuer.questions) == 1


async def test_a_caller_that_goes_away_does_not_take_the_answer_with_it(issuer: Issuer, opened: Open) -> None:
    identity, issuer.held = opened(), asyncio.Event()
    impatient, patient = started(subject(identity)), started(subject(identity))
    async with asyncio.timeout(LIMIT):
        await issuer.arrived.wait()
        impatient.cancel()
        with pytest.raises(asyncio.CancelledError):
            await impatient
        issuer.held.set()
        assert await patient == "anna"
    assert len(issuer.questions) == 1


async def test_there_is_a_most_of_what_is_asked_at_a_time(issuer: Issuer, opened: Open) -> None:
    identity, issuer.held = opened(), asyncio.Event()
    asking = [started(identified(identity, f"t{number}")) for number in range(MAX_ASKED)]
    async with asyncio.timeout(LIMIT):
        await issuer.arrived.wait()
        assert "1000 tokens are being asked about" in await unavailable(identity, "one-too-many")
    await identity.close()
    assert all(isinstance(end, IdentityUnavailable) for end in await asyncio.gather(*asking, return_exceptions=True))


async def test_closing_gives_up_what_is_being_asked(issuer: Issuer, opened: Open) -> None:
    identity, issuer.held = opened(timeout=60.0), asyncio.Event()
    asking = started(unavailable(identity))
    async with asyncio.timeout(LIMIT):
        await issuer.arrived.wait()
        await identity.close()
        assert "is being stopped" in await asking


# --- Issuers that are away, or mean no good ---------------------------------------------------


@pytest.mark.parametrize(
    "status",
    ["201 Created", "204 No Content", "400 Bad Request", "401 Unauthorized", "403 Forbidden", "500 Oops", "503 Busy"],
)
async def test_another_status_says_nothing_about_the_token(issuer: Issuer, opened: Open, status: str) -> None:
    issuer.answer = raw(b"" if status.startswith("204") else b'{"active": true, "sub": "anna"}', status=status)
    identity = opened()
    assert f"the answer has status {status[:3]}" in await unavailable(identity)
    issuer.answer = says()
    assert await subject(identity) == "anna"


async def test_redirects_are_not_followed(issuer: Issuer, opened: Open) -> None:
    for status in ("302 Found", "307 Temporary", "308 Permanent"):
        issuer.answer = raw(b"", status=status, headers=f"Location: {issuer.url}-elsewhere\r\n")
        await unavailable(opened())
    assert {question.line for question in issuer.questions} == {"POST /introspect HTTP/1.1"}
    assert len(issuer.questions) == 3


async def test_proxies_of_the_environment_are_not_used(
    issuer: Issuer, opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    assert await subject(opened()) == "anna"


@pytest.mark.parametrize("body", [b"", b"{}", b"active", b'{"active": "yes", "sub": "anna"}', b"<html>"])
async def test_nonsense_says_nothing_about_the_token(issuer: Issuer, opened: Open, body: bytes) -> None:
    issuer.answer = raw(body)
    identity = opened()
    await unavailable(identity)
    issuer.answer = says()
    assert await subject(identity) == "anna"


async def test_a_compressed_answer_is_not_read(issuer: Issuer, opened: Open) -> None:
    issuer.answer = raw(gzip.compress(b'{"active": true, "sub": "anna"}'), headers="Content-Encoding: gzip\r\n")
    assert "compressed" in await unavailable(opened())


async def test_an_answer_of_the_largest_size_is_read_and_no_larger_one(issuer: Issuer, opened: Open) -> None:
    body = b'{"active": true, "sub": "anna"}'
    issuer.answer = raw(body.ljust(MAX_BYTES))
    assert await subject(opened()) == "anna"
    issuer.answer = raw(body.ljust(MAX_BYTES + 1))
    assert "larger than 65536 bytes" in await unavailable(opened())


async def test_an_issuer_that_is_away_is_an_outage(opened: Open, unused_tcp_port: int) -> None:
    assert "ConnectError" in await unavailable(opened(url=f"http://127.0.0.1:{unused_tcp_port}/"))


async def test_an_issuer_that_never_answers_costs_no_more_than_the_deadline(issuer: Issuer, opened: Open) -> None:
    issuer.held = asyncio.Event()
    async with asyncio.timeout(LIMIT):
        assert "it did not answer in time" in await unavailable(opened(timeout=0.1))


async def test_an_issuer_that_answers_drop_by_drop_costs_no_more_than_the_deadline(
    issuer: Issuer, opened: Open
) -> None:
    async def drip(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        loop, closed = asyncio.get_running_loop(), asyncio.Event()

        def drop() -> None:
            if writer.is_closing():
                closed.set()
            else:
                writer.write(b" ")
                loop.call_later(0.02, drop)

        drop()
        await closed.wait()

    issuer.answer = drip
    async with asyncio.timeout(LIMIT):
        assert "it did not answer in time" in await unavailable(opened(timeout=0.2))


async def test_what_is_remembered_outlives_an_outage_no_longer_than_configured(
    issuer: Issuer, opened: Open, ticks: Clock
) -> None:
    identity = opened(cache=60.0)
    await subject(identity)
    issuer.answer = hang_up
    ticks.now = 59.9
    assert await subject(identity) == "anna"
    ticks.now = 60.0
    await unavailable(identity)


async def test_an_outage_is_not_remembered(issuer: Issuer, opened: Open) -> None:
    identity, issuer.answer = opened(), hang_up
    await unavailable(identity)
    issuer.answer = says()
    assert await subject(identity) == "anna"


async def test_an_issuer_that_hangs_up_is_asked_twice_and_no_more(issuer: Issuer, opened: Open) -> None:
    issuer.answer = hang_up
    await unavailable(opened())
    assert len(issuer.questions) == 2


async def test_a_kept_connection_that_was_closed_costs_no_caller(issuer: Issuer, opened: Open) -> None:
    identity = opened(cache=0.0)
    await subject(identity)
    issuer.drop_everybody()
    assert await subject(identity) == "anna"
