"""Load on WebSockets, which wrk cannot put: every connection says something, and says it again when it comes back.

python -m tests.benchmarks.sockets PORT PATH CONNECTIONS SECONDS [NAME:VALUE ...]

Prints what wrk prints, as far as it is read here.
"""

import asyncio
import sys
import time
from collections.abc import Sequence
from typing import Final, cast

from mfa_gateway.doors.server import new_event_loop

_SIZE: Final = 64
# A client's frames are masked (RFC 6455 section 5.3); a mask of zeros leaves them as they are.
_SAID: Final = bytes((0x82, 0x80 | _SIZE)) + bytes(4) + b"x" * _SIZE
_HEARD: Final = 2 + _SIZE
_KEY: Final = "dGhlIHNhbXBsZSBub25jZQ=="


class Talker(asyncio.Protocol):
    """One connection. `waits` are the seconds that each answer took."""

    def __init__(self, handshake: bytes) -> None:
        self._handshake = handshake
        self._heard = b""
        self._is_open = False
        self._asked = 0.0
        self.waits: list[float] = []
        self.is_lost = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Shake hands."""
        self._transport = cast("asyncio.Transport", transport)
        self._transport.write(self._handshake)

    def data_received(self, data: bytes) -> None:
        """Say the next thing when the last has come back."""
        self._heard += data
        if not self._is_open:
            head, found, self._heard = self._heard.partition(b"\r\n\r\n")
            if not found:
                self._heard = head
                return
            self._is_open = head.startswith(b"HTTP/1.1 101")
            self.is_lost = not self._is_open
        elif len(self._heard) < _HEARD:
            return
        else:
            self._heard = self._heard[_HEARD:]
            self.waits.append(time.perf_counter() - self._asked)
        if self._is_open:
            self._asked = time.perf_counter()
            self._transport.write(_SAID)

    def connection_lost(self, _error: Exception | None) -> None:
        """Nothing more comes."""
        self.is_lost = True


async def talk(port: int, path: str, *, connections: int, seconds: float, fields: Sequence[str]) -> str:
    """Put the load on; what is to be told of it."""
    head = [f"GET {path} HTTP/1.1", f"Host: 127.0.0.1:{port}", "Connection: Upgrade", "Upgrade: websocket"]
    head += [f"Sec-WebSocket-Key: {_KEY}", "Sec-WebSocket-Version: 13", *fields, "", ""]
    handshake = "\r\n".join(head).encode("latin-1")
    loop = asyncio.get_running_loop()
    made = [await loop.create_connection(lambda: Talker(handshake), "127.0.0.1", port) for _ in range(connections)]
    over, began = asyncio.Event(), time.perf_counter()
    loop.call_later(seconds, over.set)
    await over.wait()
    took = time.perf_counter() - began
    lost = sum(talker.is_lost for _, talker in made)
    for transport, _ in made:
        transport.abort()
    waits = sorted(wait for _, talker in made for wait in talker.waits)
    return _told(waits, took, lost=lost)


def _told(waits: Sequence[float], took: float, *, lost: int) -> str:
    at = {share: waits[int(len(waits) * share / 100)] * 1000 if waits else 0.0 for share in (50, 99)}
    lines = [f"     {share}%   {wait:.3f}ms" for share, wait in at.items()]
    lines += [f"  {len(waits)} requests in {took:.2f}s", f"Requests/sec: {len(waits) / took:.2f}"]
    return "\n".join([*lines, *([f"  Socket errors: {lost} lost"] if lost else [])]) + "\n"


def main() -> None:
    """Run the program."""
    port, path, connections, seconds, *fields = sys.argv[1:]
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        talking = talk(int(port), path, connections=int(connections), seconds=float(seconds), fields=fields)
        sys.stdout.write(runner.run(talking))


if __name__ == "__main__":
    main()
