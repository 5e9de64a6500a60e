"""The program of a worker.

    python -m mfa_gateway.cli.supervision.station PARENT CHANNEL LISTENER...

CHANNEL and LISTENER are open descriptors. A worker obeys its channel and nobody else: a Ctrl-C at the terminal, or a
SIGTERM to every process of a service, reaches it as well, and when to stop is the main process's to say. Whatever ends
the main process ends its workers. What stays out: everything that is there once for all workers.
"""

import asyncio
import gc
import os
import signal
import socket
import sys
from collections.abc import Sequence
from typing import Final, assert_never

if __name__ == "__main__":
    # structlog loads it wherever it is installed, to show tracebacks with local variables. No worker may show these,
    # and four MiB of each are saved.
    sys.modules["rich"] = None  # type: ignore[assignment] # how an import is refused

from mfa_gateway.app import Gateway, authorization_server_of, server_terms
from mfa_gateway.cli.log import configure_log
from mfa_gateway.cli.supervision.channel import Begin, Channel, Counted, Listening, Order, Stop, Unable, WindDown
from mfa_gateway.core.fault import Fault
from mfa_gateway.doors.server import make_server, new_event_loop
from mfa_gateway.doors.stopping import GatewayServer
from mfa_gateway.doors.tls import read_certificate
from mfa_gateway.settings import Settings
from mfa_gateway.state.launch import end_with

# How old the numbers of /metrics may be; nobody reads them more often than every few seconds.
_COUNTING_SECONDS: Final = 1.0


class Worker:
    """One worker, from inside."""

    def __init__(self, channel: Channel, listeners: list[socket.socket], settings: Settings) -> None:
        self._channel = channel
        self._listeners = listeners
        self._settings = settings
        self._gateway = Gateway(settings, runs_store=False)
        self._authorization = authorization_server_of(settings, self._gateway)
        self._server = self._new_server(settings)

    def _new_server(self, settings: Settings) -> GatewayServer:
        return make_server(
            self._gateway.app,
            host=settings.listen.host,
            port=settings.listen.port,
            terms=server_terms(settings),
            tls=None if settings.tls is None else read_certificate(settings.tls.cert, settings.tls.key),
            announce=lambda _port: self._channel.send(Listening()),
        )

    async def work(self) -> None:
        """Serve until told to stop."""
        # Opened here and not by the lifespan alone: what stops a start has to reach the person who started it.
        await self._gateway.start()
        # What is there now stays: the collector need not look through it again, which takes a tenth of a second.
        gc.collect()
        gc.freeze()
        tasks = [asyncio.create_task(self._obey()), asyncio.create_task(self._count())]
        try:
            await self._listen_to_envoy()
            await self._server.serve(sockets=self._listeners)
        finally:
            await self._leave_envoy(self._server.config.timeout_graceful_shutdown or 0)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self._gateway.stop()
            self._channel.send(Counted(self._gateway.counts()))

    async def _listen_to_envoy(self) -> None:
        if self._authorization is not None and self._settings.ext_authz is not None:
            await self._authorization.listen(str(self._settings.ext_authz.listen))

    async def _leave_envoy(self, seconds: float) -> None:
        if self._authorization is not None:
            await self._authorization.stop(seconds)

    async def _obey(self) -> None:
        while True:
            order: Order | None = await self._channel.receive()  # type: ignore[assignment] # the other end sends orders
            match order:
                case Begin():
                    pass
                case WindDown():
                    self._server.wind_down()
                    if self._authorization is not None:
                        self._authorization.retire()
                case Stop():
                    self._server.stop(order.seconds)
                    await self._leave_envoy(order.seconds)
                case None:
                    # The main process is gone, and with it the store and whoever could tell us to stop.
                    os._exit(1)
                case _ as never:
                    assert_never(never)

    async def _count(self) -> None:
        while True:
            await asyncio.sleep(_COUNTING_SECONDS)
            self._channel.send(Counted(self._gateway.counts()))


async def run(channel_end: socket.socket, listeners: list[socket.socket]) -> None:
    """Be a worker."""
    channel = await Channel.over(channel_end)
    begin = await channel.receive()
    try:
        if isinstance(begin, Begin):
            await Worker(channel, listeners, begin.settings).work()
    except (Fault, ValueError, OSError) as error:
        channel.send(Unable(str(error)))
    finally:
        await channel.close()


def main(words: Sequence[str]) -> None:
    """Run the program."""
    for heard_by_main in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(heard_by_main, signal.SIG_IGN)
    parent, channel, *listeners = map(int, words)
    if not end_with(parent):
        return
    configure_log()
    sockets = [socket.socket(fileno=descriptor) for descriptor in (channel, *listeners)]
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        runner.run(run(sockets[0], sockets[1:]))


if __name__ == "__main__":
    main(sys.argv[1:])
