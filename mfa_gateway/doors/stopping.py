"""Stopping: a server that ends without losing a request that anybody has begun to make.

    wind_down   new connections are taken, none is kept: every answer says `Connection: close`
    stop        no new connections, but for those that wait in the kernel's queue already; what is asked is answered,
                and every WebSocket is closed with 1001

What stays out: when to do either (cli.supervision), and how requests are read (protocol).
"""

import asyncio
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import chain
from socket import socket
from typing import Any, Final

import uvicorn

from mfa_gateway.doors.served import ServedProtocol
from mfa_gateway.doors.service import Service

# The exit code that uvicorn has for it.
_START_FAILED: Final = 3
# After so many turns of its loop uvloop has closed what it was told to close.
_TURNS: Final = 3


class GatewayServer(uvicorn.Server):
    """A server that tells its port as soon as it takes connections. Signals are for whoever runs it."""

    def __init__(self, config: uvicorn.Config, service: Service, announce: Callable[[int], None]) -> None:
        super().__init__(config)
        self._service = service
        self._announce = announce

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave them alone."""
        yield

    async def startup(self, sockets: list[socket] | None = None) -> None:
        """Begin to listen."""
        if self.config.is_ssl and sockets is not None:
            await self._start_tls(sockets)
        else:
            await super().startup(sockets)
        if self.started:
            self._announce(self.servers[0].sockets[0].getsockname()[1])

    async def _start_tls(self, sockets: Iterable[socket]) -> None:
        """Begin to listen for TLS. uvicorn leaves every client a minute for its handshake, and nobody counts them."""
        await self.lifespan.startup()
        if self.lifespan.should_exit:
            raise SystemExit(_START_FAILED)
        loop = asyncio.get_running_loop()
        self.servers = [
            await loop.create_server(
                self._new_connection,
                sock=one,
                ssl=self.config.ssl,
                backlog=self.config.backlog,
                ssl_handshake_timeout=self._service.terms.head_timeout,
                ssl_shutdown_timeout=self._service.terms.linger,
            )
            for one in sockets
        ]
        self.started = True

    def wind_down(self) -> None:
        """From now on, every request is the last one of its connection."""
        self._service.is_winding_down = True

    def stop(self, seconds: float) -> None:
        """Begin to stop, with so many seconds for what is in flight."""
        self.config.timeout_graceful_shutdown = seconds  # type: ignore[assignment] # asyncio takes any number
        self.should_exit = True

    async def shutdown(self, sockets: list[socket] | None = None) -> None:
        """Stop. Connections that the kernel has made already are taken first: closing the listener would reset them."""
        self.wind_down()
        # Copies of our own, because when an event loop really closes a listener is its own affair.
        last = [one.dup() for one in sockets or ()]
        for server in self.servers:
            server.close()
        for _ in range(_TURNS):
            await asyncio.sleep(0)
        waiting = [*chain.from_iterable(map(_waiting, last))]
        for one in last:
            one.close()
        await self._take(waiting)
        await super().shutdown(sockets)

    async def _take(self, clients: Iterable[socket]) -> None:
        loop = asyncio.get_running_loop()
        for client in clients:
            await loop.connect_accepted_socket(self._new_connection, client, ssl=self.config.ssl)

    def _new_connection(self) -> Any:
        # Typed as anything: what asyncio calls is there, but its class is not.
        state = self.lifespan.state
        return ServedProtocol(self.config, self.server_state, state, service=self._service)


def _waiting(listener: socket) -> Iterator[socket]:
    """The connections that nobody has taken yet."""
    while True:
        try:
            client, _ = listener.accept()
        except OSError:
            return
        client.setblocking(False)
        yield client
