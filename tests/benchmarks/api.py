"""The API behind every contender: as many small answers as a core can give, so that the proxy is what is measured.

python -m tests.benchmarks.api PORT
"""

import asyncio
import sys
from typing import Final, cast

from mfa_gateway.doors.server import new_event_loop

BODY: Final = b"x" * 300
_ANSWER: Final = b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: %d\r\n\r\n%s" % (len(BODY), BODY)
_END_OF_HEAD: Final = b"\r\n\r\n"


class Api(asyncio.Protocol):
    """One connection. Requests without a body are all that is asked here."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = cast("asyncio.Transport", transport)
        self._rest = b""

    def data_received(self, data: bytes) -> None:
        """Answer every head that is whole."""
        data = self._rest + data
        heads = data.count(_END_OF_HEAD)
        self._rest = data[data.rfind(_END_OF_HEAD) + len(_END_OF_HEAD) :] if heads else data
        if heads:
            self._transport.write(_ANSWER * heads)


async def _serve(port: int) -> None:
    server = await asyncio.get_running_loop().create_server(Api, "127.0.0.1", port, backlog=1024)
    await server.serve_forever()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        runner.run(_serve(int(sys.argv[1])))
