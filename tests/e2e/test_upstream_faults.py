"""An API that dies, stalls, talks nonsense or talks too much: one caller hears of it, in time, and nobody else.

Two clients alternate in front of it. Every answer repeats the token of the request it answers, so a single byte that
belongs to somebody else is seen. Nothing here may take longer than the time-outs of the configuration and some slack.
"""

import asyncio
import random
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import cast

import pytest
import pytest_asyncio

from tests.e2e.backend import Link, echo, word
from tests.e2e.faults import AT_ANY_MOMENT, FAULTS, TARGETS, Cut, Failed, Fault, Then, Whole, unreliable
from tests.e2e.front import Front, fronting, put_behind
from tests.e2e.installation import Installation, free_port
from tests.e2e.waiting import pause, until
from tests.e2e.wire import Client, connected, request

pytestmark = [pytest.mark.processes, pytest.mark.asyncio(loop_scope="module")]

# The gateway's patience with the API, and what a busy machine may add.
PATIENCE = 0.3
SLACK = 3.0
MORE = f"timeouts: {{first_byte: {PATIENCE}s, body_idle: {PATIENCE}s}}"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Front]:
    async with fronting(tmp_path_factory.mktemp("faults"), more=MORE) as front:
        yield front


@pytest_asyncio.fixture(loop_scope="module")
async def front(running: Front) -> Front:
    await running.api.renew(unreliable)
    return running


async def asks_as_ever(client: Client, token: str, *, last: str = "no") -> None:
    """An ordinary call, which gets the answer to its own request."""
    got = await client.ask(request("/open/well", f"X-Token: {token}", f"X-Last: {last}"))
    assert (got.status, got.body) == (200, word("GET", "/open/well", token))


async def meets(front: Front, fault: Fault, token: str) -> None:
    """A call that meets a fault on a connection of its own, and what its caller gets of it."""
    target, is_head = TARGETS[fault.name], fault.method == "HEAD"
    began = time.monotonic()
    async with front.client() as client:
        await client.send(request(target, f"X-Token: {token}", method=fault.method))
        match fault.expected:
            case Cut(body=body):
                await _is_cut(client, body)
            case Failed(status=status):
                got = await client.answer()
                assert (got.status, got.values("content-type")) == (status, ["application/problem+json"])
                await front.told(got, " failed: ")
                await asks_as_ever(client, f"{token} again")
            case Whole(status=status):
                got = await client.answer(to_head=is_head)
                own = word(fault.method, target, token) if fault.has_own_body else b""
                assert (got.status, got.body) == (status, own)
                if len(fault.pieces) > 1:
                    await until(lambda: _is_given_up(front, target))
                await asks_as_ever(client, f"{token} again")
    assert time.monotonic() - began < 3 * PATIENCE + SLACK


def _is_given_up(front: Front, target: str) -> bool:
    """Whether every connection on which this was asked is closed."""
    return all(link.is_over for link in front.api.links if any(head.target == target for head in link.heads))


async def _is_cut(client: Client, body: bytes) -> None:
    """Exactly so much of an answer that announces more, and then the end."""
    received = await client.rest()
    head, _, rest = received.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 ")
    if b"chunked" in head.lower():
        assert not rest.endswith(b"0\r\n\r\n")
        rest = b"".join(rest.split(b"\r\n")[1::2])
    assert rest == body
    assert b"foreign" not in received


@pytest.mark.parametrize("last", ["no", "yes"], ids=["kept", "fresh"])
@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
async def test_a_fault_concerns_one_call_and_no_other(front: Front, fault: Fault, last: str) -> None:
    async with front.client() as other:
        # Those that take a time-out happen once.
        times = 1 if fault.then is Then.HOLD else 2
        for n in range(times):
            await asks_as_ever(other, f"before {n}", last=last)
            before = len(front.api.links)
            await meets(front, fault, f"faulty {n}")
            await asks_as_ever(other, f"after {n}", last=last)
            if last == "no" and n == 0:
                # The fault came on the connection that had served the other client just now.
                asked = next(link for link in front.api.links if any("fault" in head.target for head in link.heads))
                assert (asked.number, before) == (0, 1)
    assert [target for target in front.api.targets if "fault" in target] == [
        f"{fault.method} {TARGETS[fault.name]}"
    ] * times


async def test_two_clients_in_a_storm_of_faults_get_nothing_of_each_other(front: Front) -> None:
    rounds, dice = 60, random.Random(20240601)

    async def one(name: str) -> None:
        async with front.client() as client:
            for n in range(rounds):
                await asks_as_ever(client, f"{name} {n}", last=dice.choice(["no", "no", "yes"]))
                await meets(front, dice.choice(AT_ANY_MOMENT), f"{name} faulty {n}")

    async with asyncio.timeout(60):
        await asyncio.gather(one("one"), one("two"), one("three"), one("four"))
    assert len(front.api.seen) >= 4 * rounds * 2


async def test_an_answer_that_is_slow_and_right_is_whole(front: Front) -> None:
    async def slow(link: Link) -> None:
        while True:
            answer = echo(await link.request())
            for cut in range(0, len(answer), 20):
                await pause(PATIENCE / 4)
                await link.send(answer[cut : cut + 20])

    await front.api.renew(slow)
    began = time.monotonic()
    async with front.client() as client:
        await asks_as_ever(client, "a token that makes the answer somewhat longer than it would be else")
    assert time.monotonic() - began > PATIENCE


async def test_an_api_that_speaks_before_it_is_asked_is_not_listened_to(front: Front) -> None:
    async def eager(link: Link) -> None:
        await link.send(b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\nforeign")
        await unreliable(link)

    await front.api.renew(eager)
    async with front.client() as client:
        for n in range(20):
            got = await client.ask(request("/open/well", f"X-Token: {n}"))
            # Refused where the bytes came first; where the request did, they are its answer as far as anybody can tell.
            assert got.status in (200, 502)
            assert b"HTTP/1.1" not in got.body


async def test_an_api_that_nobody_reaches_is_a_502_at_once(tmp_path: Path) -> None:
    async with Installation(tmp_path) as installation:
        put_behind(installation, free_port())
        await installation.start()
        began = time.monotonic()
        async with connected(installation.port) as client:
            for _ in range(5):
                got = await client.ask(request("/open"))
                assert (got.status, got.is_last) == (502, False)
        assert time.monotonic() - began < SLACK


# --- While a request is still being sent --------------------------------------------------------


UPLOAD = request("/open/upload", "X-Token: up", "Content-Length: 50000000", method="PUT")


async def _upload(client: Client) -> None:
    """Send a body until the gateway has enough of it."""
    try:
        for _ in range(50):
            client.writer.write(b"x" * 1_000_000)
            await client.writer.drain()
    except ConnectionError:
        pass


async def _uploading(front: Front, client: Client) -> int:
    await client.send(UPLOAD)
    sending = asyncio.create_task(_upload(client))
    try:
        return (await client.answer()).status
    finally:
        client.leave()
        await sending


@pytest.mark.parametrize("does_reset", [False, True], ids=["closes", "resets"])
async def test_an_api_that_dies_during_an_upload_is_a_502(front: Front, does_reset: bool) -> None:  # noqa: FBT001 - a row of the table
    async def dying(link: Link) -> None:
        head = await link.head()
        if head.method == "GET":
            await link.send(echo(head))
            return
        await link.reader.readexactly(100_000)
        if does_reset:
            link.reset()

    await front.api.renew(dying)
    async with front.client() as uploader, front.client() as other:
        assert await _uploading(front, uploader) == 502
        await asks_as_ever(other, "other")


async def test_an_api_that_refuses_an_upload_early_is_heard_and_nobody_gets_the_rest_of_it(front: Front) -> None:
    async def refusing(link: Link) -> None:
        head = await link.head()
        status = "200 OK" if head.method == "GET" else "413 Content Too Large"
        await link.send(echo(head, status=status))
        await link.gone()

    await front.api.renew(refusing)
    async with front.client() as uploader, front.client() as other:
        assert await _uploading(front, uploader) == 413
        await asks_as_ever(other, "other")
        await until(lambda: front.api.open_links <= 1)
    carrying = [link for link in front.api.links if b"PUT" in link.received]
    assert [len(link.heads) for link in carrying] == [1]


async def test_an_api_that_takes_nothing_of_an_upload_is_a_504_in_time(front: Front) -> None:
    async def stalling(link: Link) -> None:
        head = await link.head()
        if head.method == "GET":
            await link.send(echo(head))
            await link.request()
        cast("asyncio.Transport", link.writer.transport).pause_reading()
        await pause(PATIENCE * 6)

    await front.api.renew(stalling)
    began = time.monotonic()
    async with front.client() as uploader, front.client() as other:
        assert await _uploading(front, uploader) == 504
        assert time.monotonic() - began < 2 * PATIENCE + SLACK
        await asks_as_ever(other, "other")
