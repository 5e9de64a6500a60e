"""How much memory a worker has after a thousand calls of each kind: under 90 MiB, whatever they asked for."""

import asyncio
import logging
from base64 import b64encode
from collections.abc import Awaitable, Callable
from hashlib import sha1
from pathlib import Path

import pytest

from tests.e2e.backend import Link, echo
from tests.e2e.front import Front, bearer, fronting
from tests.e2e.processes import ON_LINUX, peak_kib, resident_kib, workers
from tests.e2e.wire import Client, request

pytestmark = [pytest.mark.processes, ON_LINUX]

_log = logging.getLogger(__name__)

CALLS = 1000
CLIENTS = 8
MOST_KIB = 90 * 1024
BODY = b"x" * 102_400
EVENTS = 5

RULES = """
access_control:
  default_policy: open
  rules:
    - {name: window, paths: ["/window"], policy: mfa}
    - {name: every-time, paths: ["/every-time"], policy: mfa, grace: 0s}
"""
MORE = 'cors: {origins: ["https://shop.test"]}'
JSON = "Content-Type: application/vnd.api+json"
# RFC 6455 section 1.3.
_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
HANDSHAKE = (
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
)
PREFLIGHT = ("Origin: https://shop.test", "Access-Control-Request-Method: PATCH")


async def api(link: Link) -> None:
    """Answers with events or with a large body where it is asked for them."""
    while True:
        seen = await link.request()
        if seen.values("upgrade"):
            await _echo_once(link, seen.values("sec-websocket-key")[0])
            return
        if seen.target == "/open/events":
            await link.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
            await link.send(*(b"9\r\ndata: x\n\n\r\n" for _ in range(EVENTS)), b"0\r\n\r\n")
        elif seen.target == "/open/large":
            await link.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(BODY) + BODY)
        else:
            await link.send(echo(seen))


async def _echo_once(link: Link, key: str) -> None:
    """A WebSocket (RFC 6455) that says one message back, and is closed by the other side."""
    accept = b64encode(sha1(key.encode() + _GUID).digest()).decode()  # the protocol's own use of it
    fields = f"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n\r\n"
    await link.send(f"HTTP/1.1 101 Switching Protocols\r\n{fields}".encode())
    frame = await link.reader.readexactly(2 + 4 + 5)
    mask, masked = frame[2:6], frame[6:]
    await link.send(b"\x81\x05" + bytes(byte ^ mask[at % 4] for at, byte in enumerate(masked)))
    await link.reader.readexactly(2 + 4 + 2)
    await link.send(b"\x88\x02\x03\xe8")


class Kinds:
    """The kinds of calls. Each is told which client it is and which call, and gives the status."""

    def __init__(self, front: Front) -> None:
        self._front = front
        self._gate = front.installation
        self._names = [f"caller-{number}" for number in range(CLIENTS)]
        self._tokens = [self._gate.token(name) for name in self._names]
        self._codes: list[str] = []

    async def enrol(self) -> None:
        for token in self._tokens:
            self._codes.append(await self._gate.enrol(token))

    def all(self) -> dict[str, tuple[int, "Kind"]]:
        return {
            "open": (200, self._plain("/open")),
            "open, other paths": (200, lambda client, who, n: _status(client, request(f"/open/{who}/{n}?q={n}"))),
            "in grace": (200, self._plain("/window", with_token=True)),
            "in grace, other tokens": (200, self._other_tokens),
            "a code that rides": (200, self._riding),
            "no code": (403, self._plain("/every-time", with_token=True)),
            "a fresh code, triggered and mailed": (200, self._fresh_code),
            "no token": (403, self._plain("/window")),
            "a bad token": (401, lambda client, who, n: _status(client, request("/window", bearer(f"x{who}.{n}.y")))),
            "a list": (200, self._plain("/multi-factor-auth-types", with_token=True)),
            "an upload": (200, self._plain("/open/up", method="PUT", body=BODY)),
            "a refused upload": (403, self._alone(request("/window", method="PUT", body=BODY))),
            "a download": (200, self._plain("/open/large")),
            "events": (200, self._plain("/open/events")),
            "a WebSocket": (1000, self._websocket),
            "a preflight": (204, self._plain("/window", *PREFLIGHT, method="OPTIONS")),
            "two readings": (400, self._alone(request("/open/../window"))),
            "a head too large": (431, self._alone(request("/open", "X: " + "y" * 33_000))),
            "a connection for one call": (200, self._alone(request("/open", "Connection: close"))),
            # The last ones, because they bring bans: a few are compared, and the others come too late.
            "a wrong code": (403, self._wrong_code),
        }

    def _plain(
        self, target: str, *fields: str, method: str = "GET", body: bytes = b"", with_token: bool = False
    ) -> "Kind":
        async def call(client: Client, who: int, _: int) -> int:
            token = [bearer(self._tokens[who])] if with_token else []
            return await _status(client, request(target, *token, *fields, method=method, body=body))

        return call

    def _alone(self, sends: bytes) -> "Kind":
        async def call(_client: Client, _who: int, _n: int) -> int:
            async with self._front.client() as client:
                client.writer.write(sends)
                return (await client.answer()).status

        return call

    async def _other_tokens(self, client: Client, who: int, n: int) -> int:
        return await _status(client, request("/window", bearer(self._gate.token(self._names[who], jti=str(n)))))

    async def _websocket(self, _: Client, who: int, __: int) -> int:
        """One message there and back; the code that the WebSocket was closed with."""
        async with self._front.client() as client:
            opening = await client.ask(request("/window", bearer(self._tokens[who]), *HANDSHAKE))
            assert opening.status == 101
            await client.send(b"\x81\x85\0\0\0\0hello")
            assert await client.reader.readexactly(7) == b"\x81\x05hello"
            await client.send(b"\x88\x82\0\0\0\0\x03\xe8")
            return int.from_bytes((await client.rest())[2:4])

    async def _riding(self, client: Client, who: int, _: int) -> int:
        return await _status(client, request("/window", bearer(self._tokens[who]), f"X-MFA-Code: {self._codes[who]}"))

    async def _wrong_code(self, client: Client, who: int, n: int) -> int:
        return await _status(client, request("/every-time", bearer(self._tokens[who]), f"X-MFA-Code: x{n:05}"))

    async def _fresh_code(self, client: Client, who: int, _: int) -> int:
        body = b'{"data":{"type":"multi-factor-auth-trigger","attributes":{"type":"email"}}}'
        sends = request("/multi-factor-auth-trigger", bearer(self._tokens[who]), JSON, method="POST", body=body)
        assert await _status(client, sends) == 204
        code = self._gate.mailbox.newest_code(f"{self._names[who]}@shop.test")
        return await _status(client, request("/every-time", bearer(self._tokens[who]), f"X-MFA-Code: {code}"))


Kind = Callable[[Client, int, int], Awaitable[int]]


async def _status(client: Client, sends: bytes) -> int:
    return (await client.ask(sends)).status


async def _made(front: Front, kind: Kind) -> set[int]:
    """A thousand calls of one kind, by eight clients; the statuses they got."""

    async def one(who: int) -> set[int]:
        async with front.client() as client:
            return {await kind(client, who, n) for n in range(CALLS // CLIENTS)}

    return set().union(*await asyncio.gather(*(one(who) for who in range(CLIENTS))))


async def test_a_worker_stays_small_after_a_thousand_calls_of_each_kind(tmp_path: Path) -> None:
    async with fronting(tmp_path, rules=RULES, more=MORE, play=api) as front:
        kinds = Kinds(front)
        await kinds.enrol()
        (pid,) = workers(front.installation)
        _log.info("at first: %d KiB", resident_kib(pid))
        for name, (status, kind) in kinds.all().items():
            began = asyncio.get_running_loop().time()
            assert await _made(front, kind) == {status}, name
            took = asyncio.get_running_loop().time() - began
            _log.info("%s: %d KiB in %.1f s", name, resident_kib(pid), took)
            front.api.seen.clear()
        _log.info("the most at any time: %d KiB", peak_kib(pid))
        assert resident_kib(pid) < MOST_KIB
