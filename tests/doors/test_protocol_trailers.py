"""Fields behind a body, on real sockets: what is not part of the head is no header of anything (attacks H07)."""

from typing import TYPE_CHECKING

import pytest

from mfa_gateway.doors.server import ServerTerms
from tests.doors.listening import Answer, Client, Recorder, request, until

if TYPE_CHECKING:
    from tests.doors.conftest import Serve

# As long as a packet is alone on its way.
ALONE = 0.02
CHUNKED = "Transfer-Encoding: chunked"
HEAD = request("/", CHUNKED, method="POST")
CHUNK = b"5\r\nhello\r\n"
# Whatever is read of a head: by the gate, by what cuts one request from the next, by who tells where a call is from.
LATE = (
    b"Host: other.test", b"Authorization: Bearer B", b"X-MFA-Code: 123456", b"X-MFA-Verified: true", b"Cookie: s=1",
    b"X-Forwarded-For: 203.0.113.9", b"X-Forwarded-Host: other.test", b"X-Request-Id: theirs",
    b"Expect: 100-continue", b"Upgrade: websocket", b"TE: trailers",
)  # fmt: skip
# What a parser could take for the frame of something.
FRAMES = (
    *(b"Content-Length: 999", b"Content-Length: 0", b"Transfer-Encoding: chunked", b"Transfer-Encoding: gzip"),
    # The parser would take nothing more for a request behind these, and say nothing.
    *(b"Connection: close", b"Proxy-Connection: close", b"Connection: keep-alive"),
)
CUTS = {"one packet": (), "behind the head": (0,), "behind the chunk": (1,), "within a name": (0, 1, 2)}


async def behind(client: Client, trailers: bytes, app: Recorder, cuts: tuple[int, ...] = ()) -> Answer:
    """The answer to a request with these trailers, cut into packets behind these of its four parts."""
    number = len(app.seen)
    for n, part in enumerate([HEAD, CHUNK, b"0\r\n" + trailers[:3], trailers[3:] + b"\r\n"]):
        client.writer.write(part)
        if n in cuts:
            await until(lambda: len(app.seen) > number)
            await client.is_open_for(ALONE)
    return await client.answer()


@pytest.mark.parametrize("field", LATE, ids=lambda field: field.partition(b":")[0].decode())
@pytest.mark.parametrize("cuts", CUTS.values(), ids=CUTS)
async def test_h07_a_field_behind_the_body_is_no_header(serve: "Serve", cuts: tuple[int, ...], field: bytes) -> None:
    app = Recorder()
    client = await (await serve(app)).connect()
    assert (await behind(client, field + b"\r\n", app, cuts)).body == b"hello"
    assert app.seen[0].scope["headers"] == [(b"host", b"gw.test"), (b"transfer-encoding", b"chunked")]


@pytest.mark.parametrize("field", LATE, ids=lambda field: field.partition(b":")[0].decode())
async def test_h07_a_field_behind_the_body_is_no_header_of_the_next_request(serve: "Serve", field: bytes) -> None:
    app = Recorder()
    client = await (await serve(app)).connect()
    assert (await behind(client, field + b"\r\n", app)).body == b"hello"
    await client.send(request("/next", "X-Mine: 1"))
    assert (await client.answer()).body == b""
    assert app.seen[1].scope["headers"] == [(b"host", b"gw.test"), (b"x-mine", b"1")]


@pytest.mark.parametrize("field", FRAMES, ids=bytes.decode)
@pytest.mark.parametrize("cuts", CUTS.values(), ids=CUTS)
async def test_h07_a_frame_behind_the_body_ends_the_connection(
    serve: "Serve", cuts: tuple[int, ...], field: bytes
) -> None:
    app = Recorder()
    client = await (await serve(app)).connect()
    assert (await behind(client, field + b"\r\n", app, cuts)).status == 400
    client.writer.write(request("/next"))
    assert await client.rest() == b""
    assert app.targets == ["POST /"]
    assert app.seen[0].was_cut
    assert app.seen[0].scope["headers"] == [(b"host", b"gw.test"), (b"transfer-encoding", b"chunked")]


async def test_fields_behind_a_body_are_not_counted_with_those_of_the_head(serve: "Serve") -> None:
    app = Recorder()
    client = await (await serve(app, ServerTerms(fields=2))).connect()
    assert (await behind(client, b"X: y\r\n" * 10, app)).body == b"hello"
