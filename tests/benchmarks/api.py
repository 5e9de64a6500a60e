"""The API behind every contender: as many answers as a core can give, so that the proxy is what is measured.

python -m tests.benchmarks.api PORT

The last segment of a path says how large the answer is. A body is read to its end, and a WebSocket gets back whatever
it says. As little of HTTP as that takes: every contender here is known to speak it well.
"""

import asyncio
import base64
import sys
from hashlib import sha1
from typing import Final, cast

from mfa_gateway.doors.server import new_event_loop

_SIZES: Final = {b"64k": 64 * 1024, b"10m": 10 * 1024 * 1024}
_SMALL: Final = 300
_END_OF_HEAD: Final = b"\r\n\r\n"
_END_OF_CHUNKS: Final = b"0\r\n\r\n"
# RFC 6455 section 1.3.
_GUID: Final = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_LONGEST: Final = 125
_CLOSE: Final = 8
_TEXT: Final = 1


def _answer(size: int) -> bytes:
    head = b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: %d\r\n\r\n" % size
    return head + b"x" * size


_ANSWERS: Final = {name: _answer(size) for name, size in _SIZES.items()}
_SMALL_ANSWER: Final = _answer(_SMALL)


class Api(asyncio.Protocol):
    """One connection."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = cast("asyncio.Transport", transport)
        self._rest = b""
        self._is_socket = False

    def data_received(self, data: bytes) -> None:
        """Answer whatever is whole."""
        data = self._rest + data if self._rest else data
        self._rest = self._echo(data) if self._is_socket else self._serve(data)

    def _serve(self, data: bytes) -> bytes:
        """Answer every request that is whole; the rest of the data. All those that come together ask the same."""
        if data.startswith(b"GET"):
            heads = data.count(_END_OF_HEAD)
            if not heads:
                return data
            rest = data[data.rfind(_END_OF_HEAD) + len(_END_OF_HEAD) :]
            if b"ebsocket" in data and self._switched(data):
                return self._echo(rest)
            self._transport.write(_answer_to(data) * heads if heads > 1 else _answer_to(data))
            return rest
        return self._take_body(data)

    def _take_body(self, data: bytes) -> bytes:
        head, found, body = data.partition(_END_OF_HEAD)
        if not found:
            return data
        length = _field(head, b"content-length")
        is_whole = len(body) >= int(length) if length else body.endswith(_END_OF_CHUNKS)
        if not is_whole:
            return data
        self._transport.write(_answer_to(head))
        return b""

    def _switched(self, head: bytes) -> bool:
        key = _field(head, b"sec-websocket-key")
        if key:
            accept = base64.b64encode(sha1(key + _GUID).digest())
            self._transport.write(
                b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n"
                b"sec-websocket-accept: " + accept + _END_OF_HEAD
            )
            self._is_socket = True
        return self._is_socket

    def _echo(self, data: bytes) -> bytes:
        """Send back every frame that is whole, unmasked: short ones, as all are here (RFC 6455 section 5.2)."""
        echoed, at = [], 0
        while len(data) - at >= 6 and len(data) - at >= (whole := 6 + min(data[at + 1] & 0x7F, _LONGEST)):
            kind, size = data[at] & 0x0F, whole - 6
            if kind == _CLOSE:
                self._transport.close()
                return b""
            if kind <= _TEXT + 1:
                echoed += [bytes((data[at], size)), _unmasked(data[at + 2 : at + 6], data[at + 6 : at + whole])]
            at += whole
        self._transport.write(b"".join(echoed))
        return data[at:]


def _answer_to(request: bytes) -> bytes:
    target = request[: request.find(b" HTTP/")]
    return _ANSWERS.get(target.rpartition(b"/")[2], _SMALL_ANSWER)


def _field(head: bytes, name: bytes) -> bytes:
    _, found, rest = head.lower().partition(b"\r\n" + name + b":")
    # Values keep their case: a key of a handshake has one.
    start = len(head) - len(rest)
    return head[start:].partition(b"\r\n")[0].strip() if found else b""


def _unmasked(mask: bytes, payload: bytes) -> bytes:
    size = len(payload)
    whole = (mask * (size // 4 + 1))[:size]
    return (int.from_bytes(payload) ^ int.from_bytes(whole)).to_bytes(size)


async def _run(port: int) -> None:
    server = await asyncio.get_running_loop().create_server(Api, "127.0.0.1", port, backlog=1024)
    await server.serve_forever()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        runner.run(_run(int(sys.argv[1])))
