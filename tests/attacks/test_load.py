"""Attacks by size, by number and by patience: the rows D01 to D05 of the corpus, and sizes drawn at random."""

import asyncio
import time
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.attacks.estate import EACH, PASSPHRASE, WINDOW, Estate, estate, heard, said
from tests.attacks.ground import dice
from tests.e2e.backend import Link
from tests.e2e.front import bearer, rewrite
from tests.e2e.installation import Installation
from tests.e2e.processes import ON_LINUX, peak_kib, workers
from tests.e2e.waiting import pause
from tests.e2e.wire import connected, request
from tests.identity.issuers import Issuer

pytestmark = [pytest.mark.processes, pytest.mark.asyncio(loop_scope="session")]

MIB = 1 << 20


async def too_large(home: Estate, sends: bytes) -> None:
    """It is refused, and nothing of it goes on."""
    answer = await home.ask(sends)
    assert answer is None or answer.status in (400, 413, 414, 431), answer
    assert home.api.heads == []


@ON_LINUX
async def test_d01_a_head_has_a_size(home: Estate) -> None:
    before = max(peak_kib(pid) for pid in workers(home.installation))
    await too_large(home, request("/public", "X-Large: " + "x" * 20 * MIB))
    await too_large(home, request("/public", *(f"X-{at}: x" for at in range(100_000))))
    await too_large(home, request("/public", *(f"X-{at}: x" for at in range(101))))
    await too_large(home, request("/" + "x" * 70_000))
    await too_large(home, request(WINDOW + "?" + "x" * 70_000))
    await too_large(home, b"GET /" + b"x" * MIB)
    await too_large(home, b"x" * MIB)
    assert max(peak_kib(pid) for pid in workers(home.installation)) - before < 16 * 1024


async def test_d01_heads_of_all_sizes_are_whole_or_refused(home: Estate) -> None:
    chance = dice("d01")
    for _ in range(60):
        fields = [f"X-{at}: {'y' * chance.randint(0, 700)}" for at in range(chance.randint(0, 130))]
        target = "/public/" + "z" * chance.choice((0, 10, 4_000, 8_200, 9_000))
        answer = await home.ask(request(target, *fields))
        assert answer is None or answer.status in (200, 400, 414, 431)
        if answer is not None and answer.status == 200:
            seen = home.api.seen[-1]
            assert seen.target == target
            assert sum(name.startswith("x-") and value == value.strip("z") for name, value in seen.headers) >= len(
                fields
            )


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def hasty(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Estate]:
    """A gateway without patience, which asks somebody without end about opaque tokens."""
    issuer = Issuer(endless)
    await issuer.start()

    def introspecting(made: Installation) -> None:
        (made.folder / "introspection-secret").write_text("secret")
        asked = f"{{realm: opaque, url: '{issuer.url}', client_id: gw, client_secret_file: ./introspection-secret}}"
        rewrite(made, "identity:\n", f"identity:\n  introspection: {asked}\n")

    more = "workers: 2\ntimeouts: {head: 1s, body_idle: 1s, keep_alive: 1s}"
    try:
        async with estate(tmp_path_factory.mktemp("hasty"), more=more, configure=introspecting) as made:
            yield made
    finally:
        await issuer.stop()


async def endless(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n")
    while True:
        writer.write(b"10000\r\n" + b" " * 65_536 + b"\r\n")
        await writer.drain()


async def test_d02_whoever_dribbles_is_closed_in_time_and_others_are_served(hasty: Estate) -> None:
    kinds = (
        b"",
        b"GET /public HTTP/1.1\r\nHost: gw.test\r\nX: ",
        request("/public", "Content-Length: 9", method="PUT") + b"x",
        b"G",
    )
    clients = [await asyncio.open_connection("127.0.0.1", hasty.front.port) for _ in range(200)]
    began = time.monotonic()
    dripping = [asyncio.create_task(drip(writer, kinds[at % 4], at % 8 < 4)) for at, (_, writer) in enumerate(clients)]
    while time.monotonic() - began < 1.5:
        assert said(await hasty.get("/public/ordinary")) == "200"
        await pause(0.02)
    # As fast as one may be closed, and a busy machine on top of that.
    async with asyncio.timeout(10):
        await asyncio.gather(*(closed(reader) for reader, _ in clients))
    for task in dripping:
        task.cancel()
    await asyncio.gather(*dripping, return_exceptions=True)
    for _, writer in clients:
        writer.transport.abort()
    await asyncio.gather(*(writer.wait_closed() for _, writer in clients), return_exceptions=True)
    assert {seen.target for seen in hasty.api.seen} <= {"/public/ordinary"}


async def drip(writer: asyncio.StreamWriter, says: bytes, does_drip: bool) -> None:  # noqa: FBT001 - as the kinds are told apart
    writer.write(says)
    while does_drip:
        await pause(0.3)
        writer.write(b"x")


async def closed(reader: asyncio.StreamReader) -> None:
    try:
        while await reader.read(4096):
            pass
    except ConnectionError:
        pass


@ON_LINUX
async def test_d04_an_answer_without_end_waits_for_its_reader(home: Estate) -> None:
    sent = 0

    async def endless(link: Link) -> None:
        nonlocal sent
        await link.request()
        await link.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        chunk = b"10000\r\n" + b"x" * 65_536 + b"\r\n"
        while True:
            await link.send(chunk)
            sent += len(chunk)

    await home.api.renew(endless)
    before = max(peak_kib(pid) for pid in workers(home.installation))
    async with home.front.client() as client:
        await client.send(request("/public/endless"))
        await client.reader.readuntil(b"\r\n\r\n")
        last = -1
        while last != sent:
            last = sent
            await pause(0.3)
    assert sent < 24 * MIB
    assert max(peak_kib(pid) for pid in workers(home.installation)) - before < 8 * 1024


async def test_d04_ranges_are_nobodys_business_here(home: Estate) -> None:
    began = time.monotonic()
    for pieces in (10_000, 4_000, 1_000):
        ranges = "Range: bytes=" + ",".join(f"{at}-{at}" for at in range(pieces))
        answer = await home.ask(request("/public/file", ranges))
        assert said(answer) in ("200", "431", "end")
    assert time.monotonic() - began < 5
    assert all(seen.values("range") == [] or len(seen.values("range")[0]) < 32_768 for seen in home.api.heads)


@ON_LINUX
async def test_d04_a_helper_that_answers_without_end_is_given_up(hasty: Estate) -> None:
    await hasty.api.renew()
    before = max(peak_kib(pid) for pid in workers(hasty.installation))
    assert (await hasty.get(WINDOW, "an-opaque-token")).status == 503
    assert max(peak_kib(pid) for pid in workers(hasty.installation)) - before < 16 * 1024
    assert hasty.api.heads == []


async def test_d05_odd_codes_names_and_paths_cost_nothing(home: Estate) -> None:
    token = await home.enrolled("d05")
    before = await home.commands("evalsha")
    large = await home.ask(request(EACH, bearer(token), "X-MFA-Code: " + "1" * MIB))
    assert large is None or large.status == 431
    assert await home.commands("evalsha") == before
    for code in ("1" * 30_000, "1" * 7, "-" * 20_000, "\xb2" * 10_000):
        await home.refused(EACH, token, code)
        await home.unlock("d05")
    for name in ("", " ", "\t", "\u00a0", "x" * 5_000, "\u0130" * 200, "\ufdfa" * 60, "a" * 200 + "@", "@" * 250):
        told = await home.gigya("accounts.login", loginID=name, password=PASSPHRASE)
        assert 400_000 <= told["errorCode"] < 500_000, name
        body = {"uaUserName": name, "uaPassword": PASSPHRASE}
        assert 400 <= (await home.post("/adservio/auth", body)).status < 500, name
        assert (await home.get(WINDOW, home.installation.token(name))).status in (401, 403, 431), name
    for password in ("", "\x00", "x" * 4_000, "\u0130" * 1_000):
        assert (await home.log_in("d05", password))["errorCode"] >= 400_000
    began = time.monotonic()
    for target in (
        "/public" + "/a" * 4_000,
        "/" + "a" * 8_000 + "!",
        "/customers/" + "%20" * 2_000,
        "/" + "a/" * 4_000,
    ):
        await home.ask(request(target, bearer(token)))
    assert time.monotonic() - began < 5


async def test_d05_a_body_of_a_ceremony_has_a_size(home: Estate) -> None:
    token = await home.enrolled("d05-body")
    deep = b"[" * 30_000 + b"]" * 30_000
    for body in (b"x" * 70_000, deep, b'{"code": ' + b"9" * 60_000 + b"}", b'{"a":' * 9_000 + b"1" + b"}" * 9_000):
        for path in ("/mfa/challenges/verify", "/multi-factor-auth-trigger", "/adservio/auth", "/gigya/accounts.login"):
            answer = await home.post(path, body, token)
            assert answer.status < 500, (path, body[:20])
    async with connected(home.front.port) as client:
        huge = await heard(client, request("/mfa/challenges/verify", "Content-Length: 99999999999", method="POST"))
        assert huge is None or 400 <= huge.status < 500
