"""The server behind `ops_listen`, in the main process, for all workers. What stays out: what it says (doors.health)."""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from typing import Final, Self

from mfa_gateway import __version__
from mfa_gateway.doors.health import Health, Report
from mfa_gateway.doors.server import ServerTerms, make_server
from mfa_gateway.engine.tally import Counts

# Nobody who asks here is worth waiting for at the end.
_DRAIN_SECONDS: Final = 0.5


class OpsServer:
    """Serves on these sockets from entering to leaving."""

    def __init__(
        self,
        sockets: list[socket.socket],
        *,
        report: Callable[[], Awaitable[Report]],
        counts: Callable[[], Counts],
    ) -> None:
        self._sockets = sockets
        self._is_started = asyncio.Event()
        host, port = sockets[0].getsockname()[:2]
        self._server = make_server(
            Health(report=report, counts=counts, version=__version__),
            host=host,
            port=port,
            terms=ServerTerms(connections=100, drain=_DRAIN_SECONDS, linger=_DRAIN_SECONDS),
            announce=lambda _port: self._is_started.set(),
        )

    async def __aenter__(self) -> Self:
        self._serving = asyncio.create_task(self._server.serve(sockets=self._sockets))
        await self._is_started.wait()
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.stop(_DRAIN_SECONDS)
        await self._serving
