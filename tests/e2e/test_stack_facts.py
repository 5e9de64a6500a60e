"""What the parts that a gateway is made of do by themselves, and what this one must not do because of it.

Raw sockets against a running gateway, and what reached the API. The facts are those of uvicorn, httptools, PyOTP and
PyJWT; each bites a gateway that trusts its parts, and most bite the next client instead of the one who sent the bytes.
"""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import pytest_asyncio

from tests.e2e.backend import Link, Play, echo, honest, word
from tests.e2e.front import Front, bearer, fronting, rewrite, without
from tests.e2e.installation import answer
from tests.e2e.test_supervision import logged, workers
from tests.e2e.waiting import until
from tests.e2e.wire import Answer, Client, exchanged, request, statuses

pytestmark = [pytest.mark.processes, pytest.mark.asyncio(loop_scope="module")]

RULES = """
access_control:
  default_policy: open
  rules:
    - {name: window, paths: ["/window"], policy: mfa}
    - {name: every-time, paths: ["/every-time"], policy: mfa, grace: 0s}
"""
# Long enough to be met on a busy machine, short enough to be waited for.
SHORT = 0.8
SLACK = 3.0
MORE = f"timeouts: {{head: {SHORT}s, body_idle: {SHORT}s, keep_alive: {SHORT}s}}"
CHUNKED = "Transfer-Encoding: chunked"
Disguise = Callable[[str], str]
HANDSHAKE = (
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Front]:
    async with fronting(tmp_path_factory.mktemp("facts"), rules=RULES, more=MORE) as front:
        yield front


@pytest_asyncio.fixture(loop_scope="module")
async def front(running: Front) -> Front:
    await running.api.renew()
    return running


async def asks_as_ever(client: Client, token: str) -> None:
    """Another client: it gets the answer to its own request, whatever happened to others before."""
    got = await client.ask(request("/open/b", f"X-Token: {token}"))
    assert (got.status, got.body) == (200, word("GET", "/open/b", token))


# --- 1: an upgrade with a body, and a body that does not come ---------------------------------


@pytest.mark.parametrize("upgrade", ["h2c", "websocket"])
@pytest.mark.parametrize("framing", ["Content-Length: 60", CHUNKED])
async def test_fact_1_the_next_clients_request_never_becomes_the_body_of_an_upgrade(
    front: Front, upgrade: str, framing: str
) -> None:
    async with front.client() as hostile, front.client() as other:
        refused = await hostile.ask(request("/open/a", "Connection: Upgrade", f"Upgrade: {upgrade}", framing))
        await asks_as_ever(other, "one")
        assert await hostile.rest() == b""
        await asks_as_ever(other, "two")
    assert (refused.status, refused.is_last) == (400, True)
    assert front.api.targets == ["GET /open/b", "GET /open/b"]
    assert len(front.api.heads) == 2


async def test_fact_1_the_next_clients_request_never_completes_a_body_that_broke_off(front: Front) -> None:
    async with front.client() as hostile, front.client() as other:
        await asks_as_ever(other, "before")
        await hostile.send(request("/open/a", "Content-Length: 60", method="POST") + b"0123456789")
        await until(lambda: len(front.api.heads) == 2)
        hostile.leave()
        await asks_as_ever(other, "after")
        broken = next(link for link in front.api.links if b"POST" in link.received)
        await until(lambda: broken.is_over)
    assert bytes(broken.received).endswith(b"\r\n\r\n0123456789")
    assert front.api.targets == ["GET /open/b", "GET /open/b"]


# --- 2: answers without a body, answers nobody asked for, interim answers ----------------------


def saying(first: bytes, later: bytes = b"") -> Play:
    """The first request of all gets these bytes, and `later` when the gateway had time to go on; others as ever."""
    has_begun = False

    async def play(link: Link) -> None:
        nonlocal has_begun
        while True:
            seen = await link.request()
            is_first, has_begun = not has_begun, True
            await link.send(first if is_first else echo(seen))
            if is_first and later:
                await link.send(later)

    return play


FOREIGN = b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\nforeign"
LONG_HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n"


@pytest.mark.parametrize("body", [b"", b"0123456789", FOREIGN], ids=["no body", "a body", "another answer"])
async def test_fact_2_the_answer_to_head_takes_no_byte_of_the_next_answer_and_leaves_none(
    front: Front, body: bytes
) -> None:
    await front.api.renew(saying(LONG_HEAD + body))
    async with front.client() as first, front.client() as other:
        got = await first.ask(request("/open/a", method="HEAD"), to_head=True)
        assert (got.status, got.values("content-length")) == (200, ["10"])
        for n in range(3):
            await asks_as_ever(other, f"other {n}")
            await asks_as_ever(first, f"first {n}")
    assert front.api.targets[0] == "HEAD /open/a"


OWN = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nown"


@pytest.mark.parametrize("later", [b"", FOREIGN], ids=["in one packet", "a moment later"])
async def test_fact_2_an_answer_that_nobody_asked_for_reaches_nobody(front: Front, later: bytes) -> None:
    await front.api.renew(saying(OWN if later else OWN + FOREIGN, later))
    async with front.client() as first, front.client() as other:
        assert (await first.ask(request("/open/a"))).body == b"own"
        for n in range(3):
            await asks_as_ever(other, f"other {n}")
            await asks_as_ever(first, f"first {n}")


async def test_fact_2_interim_answers_are_no_answers(front: Front) -> None:
    interim = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n"
    await front.api.renew(saying(interim + OWN))
    async with front.client() as first, front.client() as other:
        got = await first.ask(request("/open/a"))
        assert (got.status, got.body, got.values("link")) == (200, b"own", [])
        await asks_as_ever(other, "other")
        await asks_as_ever(first, "first")
    assert front.api.open_links == 1


# --- 3: 304, Date and Server -------------------------------------------------------------------


async def test_fact_3_a_304_with_a_length_is_a_304_without_one(front: Front) -> None:
    await front.api.renew(saying(b'HTTP/1.1 304 Not Modified\r\nContent-Length: 10\r\nETag: "x"\r\n\r\n'))
    async with front.client() as first, front.client() as other:
        got = await first.ask(request("/open/a", 'If-None-Match: "x"'))
        assert (got.status, got.values("content-length"), got.values("etag")) == (304, [], ['"x"'])
        await asks_as_ever(first, "first")
        await asks_as_ever(other, "other")


@pytest.mark.parametrize(
    ("said", "date", "server"),
    [
        ("Date: Tue, 15 Nov 1994 08:12:31 GMT\r\nServer: theirs\r\n", "Tue, 15 Nov 1994 08:12:31 GMT", ["theirs"]),
        ("", None, []),
    ],
    ids=["the API's own", "none of the API"],
)
async def test_fact_3_an_answer_has_one_date_and_the_servers_name_alone(
    front: Front, said: str, date: str | None, server: list[str]
) -> None:
    await front.api.renew(saying(f"HTTP/1.1 200 OK\r\n{said}Content-Length: 0\r\n\r\n".encode()))
    async with front.client() as client:
        got = await client.ask(request("/open/a"))
    assert len(got.values("date")) == 1
    assert date in (None, got.values("date")[0])
    assert got.values("server") == server


@pytest.mark.parametrize("target", ["/window", "/open/a#", "/multi-factor-auth-types"])
async def test_fact_3_an_answer_of_ours_has_one_date_and_no_name(front: Front, target: str) -> None:
    async with front.client() as client:
        got = await client.ask(request(target))
    assert got.status >= 400
    assert (len(got.values("date")), got.values("server")) == (1, [])


# --- 4: refused uploads and refused expectations ------------------------------------------------


async def test_fact_4_after_a_refused_upload_the_connection_ends_and_the_upload_went_nowhere(front: Front) -> None:
    async with front.client() as client:
        client.writer.write(request("/window", method="PUT", body=b"x" * 1_000_000))
        refused = await client.answer()
        assert (refused.status, refused.is_last) == (403, True)
        assert await client.rest() == b""
    assert front.api.heads == []


async def test_fact_4_after_a_small_refused_upload_the_next_request_is_served_and_the_timer_runs(front: Front) -> None:
    async with front.client() as client:
        for n in range(3):
            refused = await client.ask(request("/window", "Content-Length: 10", method="PUT"), b"01234", b"56789")
            assert (refused.status, refused.is_last) == (403, False)
            await asks_as_ever(client, str(n))
        assert (await client.ask(request("/window", method="PUT", body=b"last"))).status == 403
        began = time.monotonic()
        assert await client.rest() == b""
        assert time.monotonic() - began < SHORT + SLACK
    assert front.api.targets == ["GET /open/b"] * 3


async def test_fact_4_after_a_refused_expectation_nothing_is_taken_for_its_body(front: Front) -> None:
    following = request("/open/swallowed")
    expecting = request("/window", f"Content-Length: {len(following)}", "Expect: 100-continue", method="PUT")
    async with front.client() as client, front.client() as other:
        refused = await client.ask(expecting)
        assert (refused.status, refused.is_last) == (403, True)
        await client.send(following + following)
        await asks_as_ever(other, "other")
        assert await client.rest() == b""
    assert front.api.targets == ["GET /open/b"]


async def test_fact_4_to_be_told_to_continue_means_to_be_allowed(front: Front) -> None:
    async with front.client() as client:
        told = await client.ask(request("/open/a", "Content-Length: 4", "Expect: 100-continue", method="PUT"))
        assert told.status == 100
        assert (await client.ask(b"body")).status == 200
        await asks_as_ever(client, "next")
    assert [(seen.method, seen.body) for seen in front.api.seen] == [("PUT", b"body"), ("GET", b"")]


# --- 5: requests sent ahead ---------------------------------------------------------------------


class Gate:
    """An API that answers what is asked of `/slow` when it is told to."""

    def __init__(self) -> None:
        self.begun = 0
        self.may_go = asyncio.Event()

    async def play(self, link: Link) -> None:
        while True:
            head = await link.head()
            self.begun += 1
            if head.target.startswith("/slow"):
                going = asyncio.create_task(self.may_go.wait())
                leaving = asyncio.create_task(link.gone())
                await asyncio.wait((going, leaving), return_when=asyncio.FIRST_COMPLETED)
                going.cancel()
                leaving.cancel()
                if not self.may_go.is_set():
                    return
            await link.send(echo(head))


async def test_fact_5_the_first_of_several_requests_hears_that_its_client_left(front: Front) -> None:
    gate = Gate()
    await front.api.renew(gate.play)
    async with front.client() as client, front.client() as other:
        await client.send(request("/slow/1") + request("/slow/2") + request("/slow/3"))
        await until(lambda: gate.begun == 1)
        client.leave()
        await until(lambda: front.api.open_links == 0)
        await asks_as_ever(other, "other")
    assert [head.target for head in front.api.heads] == ["/slow/1", "/open/b"]


async def test_fact_5_a_thousand_requests_in_one_packet_are_asked_one_after_the_other(front: Front) -> None:
    async with front.client() as client:
        client.writer.write(b"".join(request(f"/open/{n}") for n in range(1000)))
        for n in range(1000):
            assert (await client.answer()).body == word("GET", f"/open/{n}")
    assert len(front.api.links) == 1
    assert front.api.targets == [f"GET /open/{n}" for n in range(1000)]


@pytest.mark.parametrize("does_leave", [True, False], ids=["the client left", "the client waits"])
async def test_fact_5_requests_sent_ahead_do_not_hold_up_a_stop(tmp_path: Path, does_leave: bool) -> None:  # noqa: FBT001 - a row of the table
    gate = Gate()
    async with fronting(tmp_path, more="timeouts: {drain: 60s}", play=gate.play) as front, front.client() as client:
        await client.send(request("/slow/1") + request("/slow/2") + request("/slow/3"))
        await until(lambda: gate.begun == 1)
        if does_leave:
            client.leave()
        process = front.installation.process
        assert process is not None
        process.send_signal(signal.SIGTERM)
        if not does_leave:
            await until(front.is_shut)
            gate.may_go.set()
            assert (await client.answer()).is_last
            assert await client.rest() == b""
        async with asyncio.timeout(10):
            assert await process.wait() == 0
        assert [head.target for head in front.api.heads] == ["/slow/1"]


# --- 6: trailers ---------------------------------------------------------------------------------


def in_chunks(target: str, *fields: str, trailers: tuple[str, ...]) -> list[bytes]:
    """A request in three parts: head, a chunk, and trailers."""
    tail = "\r\n".join(["0", *trailers, "", ""]).encode()
    return [request(target, CHUNKED, *fields, method="PUT"), b"5\r\nhello\r\n", tail]


CUTS = pytest.mark.parametrize("is_late", [False, True], ids=["at once", "late"])


async def ask_in_parts(front: Front, parts: list[bytes], *, is_late: bool) -> Answer:
    """Send the parts in one packet, or each when the API has seen what came before."""
    async with front.client() as client:
        if not is_late:
            return await client.ask(b"".join(parts))
        await client.send(parts[0], parts[1])
        await client.is_silent_for(0.05)
        return await client.ask(parts[2])


@CUTS
async def test_fact_6_a_code_in_the_trailers_opens_nothing_and_is_not_spent(front: Front, is_late: bool) -> None:  # noqa: FBT001 - a row of the table
    installation = front.installation
    token = installation.token(f"trailing-{is_late}")
    await installation.enrol(token)
    code = await installation.fresh_code(token)
    trailers = (f"X-MFA-Code: {code}", f"x-mfa-code: {code}", "X-MFA-Verified: true")

    refused = await ask_in_parts(front, in_chunks("/every-time", bearer(token), trailers=trailers), is_late=is_late)
    assert (refused.status, b'"5900"' in refused.body) == (403, True)
    assert front.api.heads == []
    assert answer(await installation.call("PUT", "/every-time", token=token, code=code)) == "200"


@CUTS
async def test_fact_6_a_token_in_the_trailers_is_nobodys(front: Front, is_late: bool) -> None:  # noqa: FBT001 - a row of the table
    token = front.installation.token("in-grace")
    await _enrol_once(front, token)
    parts = in_chunks("/window", trailers=(bearer(token),))
    assert (await ask_in_parts(front, parts, is_late=is_late)).status == 403
    assert front.api.heads == []


async def test_fact_6_no_trailer_reaches_the_api_however_late(front: Front) -> None:
    head, chunk, tail = in_chunks("/open/a", trailers=("X-MFA-Verified: true", "Authorization: Bearer forged"))
    async with front.client() as client:
        await client.send(head)
        # The head goes up alone where the body is long in coming: trailers can only be added to what was sent.
        await until(lambda: len(front.api.heads) == 1)
        await client.send(chunk)
        assert (await client.ask(tail)).status == 200
    (seen,) = front.api.seen
    assert seen.body == b"hello"
    assert b"forged" not in front.api.received
    assert b"verified" not in front.api.received.lower()


# --- 7: targets ----------------------------------------------------------------------------------

TWO_READINGS = ("/window#", "/open/#/../window", "http://gw.test/window", "HTTPS://other.test/open", "*", "//gw.test/x")


@pytest.mark.parametrize("fields", [(), HANDSHAKE], ids=["http", "websocket"])
@pytest.mark.parametrize("target", TWO_READINGS)
async def test_fact_7_a_target_is_judged_as_it_came_whatever_its_scope(
    front: Front, target: str, fields: tuple[str, ...]
) -> None:
    answers = await exchanged(front.port, request(target, *fields) + request("/open/behind"))
    assert statuses(answers) == [400]
    assert front.api.heads == []


@pytest.mark.parametrize("fields", [(), HANDSHAKE], ids=["http", "websocket"])
async def test_fact_7_a_protected_target_is_protected_in_every_scope(front: Front, fields: tuple[str, ...]) -> None:
    async with front.client() as client:
        assert (await client.ask(request("/%77indow?x=1", *fields))).status == 403
    assert front.api.heads == []


# --- 8: limits and time-outs ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        (request("/open", "X: " + "y" * 32_768), 431),
        (request("/open", *(f"X-{n}: y" for n in range(100))), 431),
        (request("/" + "x" * 8_192), 414),
        (request("/open", "Host: gw.test"), 400),
        (request("/open", "Host: other.test"), 400),
        (request("/open", host=None), 400),
        (b"GET /open\r\n\r\n", 400),
        (b"GET /open HTTP/0.9\r\n\r\n", 400),
        (b"GET /open HTTP/2.0\r\nHost: gw.test\r\n\r\n", 400),
    ],
    ids=[
        "long head", "many fields", "long target", "same host twice", "two hosts", "no host", "0.9", "said 0.9", "2.0",
    ],
)  # fmt: skip
async def test_fact_8_what_has_no_limit_in_the_parts_has_one_here(front: Front, raw: bytes, status: int) -> None:
    assert statuses(await exchanged(front.port, raw + request("/open/behind"))) == [status]
    assert front.api.heads == []


@pytest.mark.parametrize(
    ("raw", "answers"),
    [
        (b"", []),
        (b"GET /open/a HTTP/1.1\r\nHost: gw", [408]),
        (request("/open/a", "Content-Length: 9", method="PUT") + b"half", [408]),
        (request("/open/a", CHUNKED, method="PUT") + b"4\r\nha", [408]),
        (request("/open/b"), [200]),
    ],
    ids=["nothing", "half a head", "half a body", "half a chunk", "then nothing"],
)
async def test_fact_8_nobody_is_waited_for_without_end(front: Front, raw: bytes, answers: list[int]) -> None:
    began = time.monotonic()
    assert statuses(await exchanged(front.port, raw)) == answers
    assert SHORT * 0.9 < time.monotonic() - began < SHORT + SLACK
    assert front.api.targets == (["GET /open/b"] if 200 in answers else [])


# --- 9: workers ----------------------------------------------------------------------------------


async def test_fact_9_a_stop_lets_every_worker_finish_what_it_has_begun(tmp_path: Path) -> None:
    gate = Gate()
    async with fronting(tmp_path, more="workers: 2\ntimeouts: {drain: 60s}", play=gate.play) as front:
        asking = [asyncio.create_task(_ask_alone(front, f"/slow/{n}")) for n in range(16)]
        await until(lambda: gate.begun == 16)
        process = front.installation.process
        assert process is not None
        process.send_signal(signal.SIGTERM)
        await until(front.is_shut)
        done, _ = await asyncio.wait(asking, timeout=0.3)
        assert not done, "a stop did not wait for what was in flight"
        gate.may_go.set()
        answers = await asyncio.gather(*asking)
        async with asyncio.timeout(10):
            assert await process.wait() == 0
    assert [(got.status, got.body, got.is_last) for got in answers] == [
        (200, word("GET", f"/slow/{n}"), True) for n in range(16)
    ]


async def _ask_alone(front: Front, target: str) -> Answer:
    async with front.client() as client:
        return await client.ask(request(target))


async def test_fact_9_a_new_worker_serves_what_was_validated_and_not_what_stands_in_the_files_now(
    tmp_path: Path,
) -> None:
    async with fronting(tmp_path, rules=RULES, more="workers: 2") as front:
        installation = front.installation
        token = installation.token()
        await installation.enrol(token)
        rewrite(installation, "default_policy: open", "default_policy: deny")
        rewrite(installation, "policy: mfa}\n    - {name: every-time", "policy: open}\n    - {name: every-time")
        (installation.folder / "issuer-secret").write_text("another secret, as long as it has to be")
        (installation.folder / "keys").unlink()
        old = workers(installation)
        for number, pid in enumerate(old, 1):
            os.kill(pid, signal.SIGKILL)
            await logged(installation, "worker replaced", number)
        assert not set(old) & set(workers(installation))

        close = {"Connection": "close"}
        for _ in range(8):
            assert answer(await installation.call("GET", "/open", headers=close)) == "200"
            assert answer(await installation.call("GET", "/window", headers=close)) == "403/002"
            assert answer(await installation.call("GET", "/window", token=token, headers=close)) == "200"


# --- 10: codes and tokens -------------------------------------------------------------------------


def other_digits(code: str, zero: str) -> str:
    """The same number in other digits, as UTF-8 bytes that a header can carry."""
    return "".join(chr(ord(zero) + int(digit)) for digit in code).encode().decode("latin-1")


@pytest.mark.parametrize(
    "disguise",
    [
        lambda code: other_digits(code, "\N{ARABIC-INDIC DIGIT ZERO}"),
        lambda code: other_digits(code, "\N{FULLWIDTH DIGIT ZERO}"),
        lambda code: code[:5],
        lambda code: code[:-1] + "\N{SUPERSCRIPT TWO}",
        lambda code: f"0{code}",
        lambda code: f"{code} {code}",
        lambda code: f"+{code[1:]}",
    ],
    ids=["arabic", "fullwidth", "five digits", "superscript", "seven digits", "twice", "sign"],
)
async def test_fact_10_a_code_of_another_shape_is_wrong_and_the_right_one_still_works(
    front: Front, disguise: Disguise
) -> None:
    installation = front.installation
    token = installation.token("shapes")
    await _enrol_once(front, token)
    code = await installation.fresh_code(token)
    async with front.client() as client:
        refused = await client.ask(request("/every-time", bearer(token), f"X-MFA-Code: {disguise(code)}"))
        assert (refused.status, b'"5901"' in refused.body) == (403, True)
        assert front.api.heads == []
        got = await client.ask(request("/every-time", bearer(token), f"X-MFA-Code: {code}"))
    assert got.status == 200
    assert code.encode() not in front.api.received


async def _enrol_once(front: Front, token: str) -> None:
    if answer(await front.installation.call("GET", "/window", token=token)) != "200":
        await front.installation.enrol(token)
    await front.api.renew()


@pytest.mark.parametrize(
    "spoil",
    [
        lambda token: token + "=",
        lambda token: without(token, "exp"),
        lambda token: without(token, "sub"),
        lambda token: without(token, "aud"),
        lambda token: without(token, "iss"),
    ],
    ids=["=", "no exp", "no sub", "no aud", "no iss"],
)
async def test_fact_10_a_token_that_a_lenient_reader_takes_is_refused(front: Front, spoil: Disguise) -> None:
    installation = front.installation
    token = installation.token("spoiled")
    await _enrol_once(front, token)
    assert answer(await installation.call("GET", "/window", token=token)) == "200"
    await front.api.renew()
    refused = await installation.call("GET", "/window", token=spoil(token))
    assert refused.status_code in (400, 401)
    assert front.api.heads == []


async def test_the_api_stands_still_when_it_is_played_with(front: Front) -> None:
    """The harness itself: without a fault, two clients share one connection to the API."""
    await front.api.renew(honest)
    async with front.client() as one, front.client() as other:
        for n in range(3):
            await asks_as_ever(one, f"one {n}")
            await asks_as_ever(other, f"other {n}")
    assert len(front.api.links) == 1
