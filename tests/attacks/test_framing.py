"""Attacks on the question where a request ends: the rows S01 to S08 of the corpus, and beyond them a grammar."""

import asyncio
import random
from collections.abc import Iterator
from contextlib import suppress

import pytest

from tests.attacks.ground import Ground, Person, dice, get
from tests.e2e.backend import word
from tests.e2e.front import bearer
from tests.e2e.wire import Client, exchanged, request, statuses

pytestmark = [pytest.mark.processes, pytest.mark.asyncio(loop_scope="session")]

CHUNKED = "Transfer-Encoding: chunked"
INNER = b"GET /protected HTTP/1.1\r\nHost: gw.test\r\n\r\n"
LAST = get("/public/last", "Connection: close")
HANDSHAKE = ("Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==")


async def others_are_served(field: Ground, mark: str) -> None:
    """Two other clients get the answers to their own requests, on whatever connection to the API comes next."""
    for number in range(2):
        async with field.front.client() as client:
            answer = await client.ask(request("/public/own", f"X-Token: {mark}-{number}"))
        assert answer.body == word("GET", "/public/own", f"{mark}-{number}")


async def ends_at_once(field: Ground, sends: bytes, *expected: int) -> None:
    """Refused, nothing behind it is served, and the API never held a whole request of it."""
    answers = await exchanged(field.front.port, sends + INNER + get("/public/behind"))
    assert statuses(answers) in [[status] for status in expected or (400,)], (sends, answers)
    assert field.api.seen == []
    field.sound()


async def test_s01_a_body_is_framed_once(field: Ground) -> None:
    both = ("Content-Length: 6", CHUNKED)
    for fields in (both, both[::-1], ("content-length: 0", CHUNKED), (CHUNKED, CHUNKED),
                   ("Transfer-Encoding: gzip, chunked",),
                   ("Transfer-Encoding: identity", "Content-Length: 5"), ("Transfer-Encoding: xchunked",),
                   ("Transfer-Encoding: chunked, identity",), ("Transfer-Encoding:\x0bchunked",)):  # fmt: skip
        await ends_at_once(field, request("/public", *fields, method="POST") + b"0\r\n\r\nG")
    await field.passes(request("/public", CHUNKED, method="POST") + b"1\r\nx\r\n0\r\n\r\n")
    field.sound()
    await others_are_served(field, "s01")


async def test_s03_a_length_is_one_number(field: Ground) -> None:
    for fields in (("3", "3"), ("3", "4"), ("3, 3",), ("+3",), ("0x3",), ("-1",), ("",), ("3 3",), ("3;",), ("\xb3",),
                   ("3.0",),
                   ("9" * 19,), ("18446744073709551619",), ("0", "3")):  # fmt: skip
        sends = request("/public", *(f"Content-Length: {value}" for value in fields), method="POST") + b"abc"
        await ends_at_once(field, sends)
    await others_are_served(field, "s03")


BROKEN_CHUNKS = (
    b"3\r\nabcXX0\r\n\r\n", b"3\nabc\n0\n\n", b"3;a\n=b\r\nabc\r\n0\r\n\r\n", b"0" * 17 + b"3\r\nabc\r\n0\r\n\r\n",
    b"3 \r\nabc\r\n0\r\n\r\n",
    b"FFFFFFFFFFFFFFFFFF\r\nabc", b"-3\r\nabc\r\n0\r\n\r\n", b"0x3\r\nabc\r\n0\r\n\r\n", b"+3\r\nabc\r\n0\r\n\r\n",
    b"3\r\nabcd\r\n0\r\n\r\n",
    b"\r\nabc\r\n0\r\n\r\n", b"3\rabc\r\n0\r\n\r\n", b"g\r\nabc\r\n0\r\n\r\n", b"3\r\nab\r\n0\r\n\r\n",
)  # fmt: skip


async def test_s04_what_is_no_chunk_ends_the_connection(field: Ground) -> None:
    for broken in BROKEN_CHUNKS:
        answers = await exchanged(
            field.front.port, request("/public", CHUNKED, method="POST") + broken + INNER + get("/public/behind")
        )
        # Some of these are chunks to RFC 9112 after all; what counts is that both sides see the same ones.
        assert set(statuses(answers)) <= {200, 400, 403}, (broken, answers)
        assert 200 not in statuses(answers) or all(seen.body == b"abc" for seen in field.api.seen if seen.body)
        field.sound()
        await field.api.renew()
    for head in (b"GET /public HTTP/1.1\nHost: gw.test\n\n", b"GET /public HTTP/1.1\r\nHost: gw.test\nX: y\r\n\r\n",
                 b"GET /public HTTP/1.1\r\nHost: gw.test\r\nX: y\n\r\n"):  # fmt: skip
        await ends_at_once(field, head)
    await others_are_served(field, "s04")


async def test_s06_nothing_becomes_a_tunnel_that_was_not_checked(field: Ground) -> None:
    for version in ("7", "777", "", "13, 8", "1\xb3"):
        handshake = request("/public", *HANDSHAKE, f"Sec-WebSocket-Version: {version}")
        answers = await exchanged(field.front.port, handshake + INNER + LAST)
        assert statuses(answers)[0] in (200, 400, 426), answers
        assert 101 not in statuses(answers)
        field.sound()
    # This API answers a good handshake with 200: no tunnel, and nothing behind it is anybody's request.
    good = request("/public", *HANDSHAKE, "Sec-WebSocket-Version: 13")
    answers = await exchanged(field.front.port, good + INNER + LAST)
    assert 101 not in statuses(answers)
    field.sound()
    for listed in ("Upgrade, HTTP2-Settings", "Upgrade", "HTTP2-Settings"):
        await field.api.renew()
        fields = (f"Connection: {listed}", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA")
        answers = await exchanged(field.front.port, request("/public", *fields, "Connection: close") + INNER)
        assert statuses(answers)[:1] == [200]
        (seen, *_) = field.api.heads
        assert (seen.values("upgrade"), seen.values("http2-settings")) == ([], [])
        field.sound()
    await field.api.renew()
    await field.refused(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00")
    await others_are_served(field, "s06")


async def test_s07_every_request_on_a_connection_is_judged_by_itself(field: Ground) -> None:
    own = bearer(field.ada.home)
    for first in (get("/public"), get("/public", own), get("/protected", own)):
        async with field.front.client() as client:
            client.writer.write(first + get("/protected") + get("/protected", field.ada.bearer) + get("/public"))
            answers = [await client.answer() for _ in range(4)]
        assert [answer.status for answer in answers] == [200, 403, 403, 200]
    assert sum(seen.target == "/protected" for seen in field.api.seen) == 1
    field.sound(own)


# --- S08: those who leave ----------------------------------------------------------------------

LEAVERS = 200


async def _leave(field: Ground, chance: random.Random) -> None:
    """One client that drops its connection somewhere within a request or its answer."""
    sends = chance.choice((
        get("/public/slow", "X-Token: left"), get("/protected", bearer(field.ada.home), "X-Token: left"),
        get("/protected", field.ada.bearer, "X-MFA-Code: 000000", "X-Token: left"),
        request("/public", "Content-Length: 60", "X-Token: left", method="POST") + b"half",
        request("/public", CHUNKED, "X-Token: left", method="POST") + b"5\r\nhel",
    ))  # fmt: skip
    async with field.front.client() as client:
        client.writer.write(sends[: chance.randrange(1, len(sends) + 1)])
        for _ in range(chance.randrange(4)):
            await asyncio.sleep(0)
        client.leave()


async def _read_own(field: Ground, person: Person, token: str, times: int) -> None:
    """Somebody who reads their own data, again and again on one connection, while others come and go."""
    async with field.front.client() as client:
        for number in range(times):
            mark = f"{person.name}-{number}"
            answer = await client.ask(get(f"/protected/{person.name}", bearer(token), f"X-Token: {mark}"))
            assert (answer.status, answer.body) == (200, word("GET", f"/protected/{person.name}", mark))


async def _verify_own(field: Ground, person: Person, code: str) -> None:
    answer = await field.say(get(f"/protected/{person.name}", person.bearer, f"X-MFA-Code: {code}"))
    assert answer is not None
    assert (answer.status, answer.body) == (200, word("GET", f"/protected/{person.name}", ""))


async def test_s08_who_leaves_takes_nothing_and_leaves_nothing_to_others(field: Ground) -> None:
    gus, chance = await field.person("gus"), dice("S08")
    code = await field.code(gus)
    async with asyncio.TaskGroup() as group:
        reading = [group.create_task(_read_own(field, field.ada, field.ada.home, 100)) for _ in range(2)]
        for _ in range(LEAVERS):
            group.create_task(_leave(field, chance))
        group.create_task(_verify_own(field, gus, code))
    assert all(task.done() for task in reading)
    await _read_own(field, gus, gus.token, 5)
    await others_are_served(field, "s08")
    field.sound(bearer(field.ada.home), gus.bearer)


# --- Beyond the rows ---------------------------------------------------------------------------

_LENGTHS = ("0", "1", "5", "44", "+5", "5, 5", "0x5", "-1", "", " 5", "5 ", "05", "5\t", "99999999999999999999")
_CODINGS = ("chunked", "Chunked", "chunked ", " chunked", "\tchunked", "chunked,", ", chunked", "x, chunked",
            "identity",
            "chunked;q=1", '"chunked"', "chunked\x0b", "chunke\x01d", "")  # fmt: skip
_NAMES = ("Content-Length", "content-length", "Content_Length", "Content-Length ", " Content-Length",
          "Content-Length\t",
          "Transfer-Encoding", "transfer_encoding", "TRANSFER-ENCODING", "Transfer-Encoding ",
          "Transfer.Encoding")  # fmt: skip
_BODIES = (b"", b"hello", b"0\r\n\r\n", b"5\r\nhello\r\n0\r\n\r\n", b"5\nhello\n0\n\n",
           b"5;x=y\r\nhello\r\n0\r\nX: y\r\n\r\n",
           b"2c\r\n", b"5\r\nhello", b"\r\n", b"0\r\n", b"1;\n\r\nx\r\n0\r\n\r\n")  # fmt: skip
_ENDS = (b"\r\n", b"\r\n", b"\r\n", b"\r\n", b"\n", b"\r", b"\r\n ", b"\r\r\n", b"\x00\r\n")
_LINES = ("POST /public HTTP/1.1", "GET /public HTTP/1.1", "POST /public HTTP/1.0", "HEAD /public HTTP/1.1",
          "POST  /public HTTP/1.1",
          "POST /public HTTP/1.1 ", "POST /public", "\r\nPOST /public HTTP/1.1", "POST /public HTTP/1.2",
          "OPTIONS /public HTTP/1.1",
          "POST /public?\tHTTP/1.1", "POST /public HTTP/2.0")  # fmt: skip


_RIGHT = (
    ((), b""),
    (("Content-Length: 5",), b"hello"),
    ((f"Content-Length: {len(INNER)}",), INNER),
    ((CHUNKED,), b"5\r\nhello\r\n0\r\n\r\n"),
    ((CHUNKED,), b"%x\r\n%b\r\n0\r\n\r\n" % (len(INNER), INNER)),
)


def _framed(chance: random.Random) -> bytes:
    """A request that frames its body in some way, right or nearly so, with a protected one in it or behind it."""
    right, body = chance.choice(_RIGHT)
    fields = ["Host: gw.test", *right]
    for _ in range(chance.choice((0, 0, 1, 1, 2))):
        name = chance.choice(_NAMES)
        fields.append(f"{name}: {chance.choice(_CODINGS if name.lower().startswith('t') else _LENGTHS)}")
    fields += [one for one in (*HANDSHAKE[:2], "Connection: close", "Expect: 100-continue") if chance.random() < 0.05]
    chance.shuffle(fields)
    lines = [_LINES[0] if chance.random() < 0.7 else chance.choice(_LINES), *fields, ""]
    odd = chance.choice(_ENDS)
    ends = [odd if odd != b"\r\n" and chance.random() < 0.3 else b"\r\n" for _ in lines]
    head = b"".join(line.encode("latin-1") + end for line, end in zip(lines, ends, strict=True))
    return head + (body if chance.random() < 0.7 else chance.choice(_BODIES)) + INNER + LAST


def _pieces(chance: random.Random, sends: bytes) -> Iterator[bytes]:
    """The same bytes in packets that end anywhere."""
    cuts = sorted(chance.sample(range(1, len(sends)), chance.choice((0, 0, 1, 2, 4))))
    for begin, end in zip((0, *cuts), (*cuts, len(sends)), strict=True):
        yield sends[begin:end]


async def _heard(client: Client) -> bytes:
    """What is answered before a silence: many of these wait for a body that never comes."""
    heard = b""
    with suppress(TimeoutError):
        async with asyncio.timeout(0.4):
            while data := await client.reader.read(65_536):
                heard += data
    return heard


async def test_s_no_way_to_frame_a_request_hides_another_one_in_it(field: Ground) -> None:
    """A grammar of lengths, codings, their aliases, line ends, bodies and packets."""
    chance, ends = dice("S"), dict.fromkeys((0, 200, 400, 403), 0)

    async def attack(number: int) -> None:
        sends = list(_pieces(chance, _framed(chance)))
        async with field.front.client() as client:
            try:
                await client.send(*sends)
                found = statuses(await _heard(client))
            except ConnectionError:
                found = []
        assert set(found) <= {100, 200, 400, 403, 405, 408, 411, 413, 417, 426, 501, 505}, (sends, found)
        for status in {*found, *([] if found else [0])} & set(ends):
            ends[status] += 1
        if number % 30 == 0:
            await others_are_served(field, f"s-{number}")

    for batch in range(0, 600, 60):
        await asyncio.gather(*(attack(number) for number in range(batch, batch + 60)))
    field.sound()
    assert min(ends[200], ends[400], ends[403]) > 20, ends
