"""The connections of one origin: opening, keeping, handing out the one used last, and the tick that watches them all.

For: an unused connection is taken from the end where it was put (the warmest, and the others can grow old and go);
one timer looks after every deadline of every connection, so a call arms none. Names are resolved at every new
connection. Not here: what is said on a connection (`connection`, `exchange`).

A call is sent once. A connection found dead when it is taken is replaced; when it dies afterwards, the call fails with
502 for every method: what was written may have been acted upon. Dead ones are rarely met: the end of an unused
connection takes it out of the pool when the loop hears of it, and one that was unused for a while is asked first.
"""

import asyncio
from collections.abc import Callable
from typing import Any, Final, TypeVar, assert_never

from mfa_gateway.doors.upstream.connection import Connection
from mfa_gateway.doors.upstream.failures import Failure, ForwardingError, of_connecting
from mfa_gateway.doors.upstream.origin import Origin, Scheme, Terms
from mfa_gateway.doors.upstream.tls import Trust, read_trust

_Spoken = TypeVar("_Spoken")

# How late a deadline may be noticed, and how soon a lasting exchange begins to watch for its client leaving.
_TICK: Final = 0.1
# What `close` waits for sockets to be closed. They are aborted, so a turn or two of the loop is enough.
_CLOSING: Final = 1.0


class Pool:
    """Connections to one origin, used on one event loop."""

    def __init__(self, origin: Origin, terms: Terms, trust: Trust | None = None) -> None:
        """`trust` is for https origins; without it the system's authorities and the origin's own host count."""
        self._origin = origin
        self._trust = read_trust() if trust is None and origin.scheme is Scheme.HTTPS else trust
        self._terms = terms
        self._idle: list[Connection] = []
        self._all: set[Connection] = set()
        self._ticker: asyncio.TimerHandle | None = None
        self._is_closed = False
        # Short time-outs deserve a finer look.
        self._tick_every = min(_TICK, terms.first_byte / 4, terms.body_idle / 4, terms.keep_alive / 4)

    def take(self) -> Connection | None:
        """An open connection that serves nobody, or `None`. It is the caller's until `give`."""
        idle = self._idle
        while idle:
            connection = idle.pop()
            if connection.can_serve():
                return connection
            connection.abort()
        return None

    async def connect(self) -> Connection:
        """Open a connection. It is the caller's until `give`.

        Raises:
            ForwardingError: not in time, not accepted, or the name is not known.
        """
        loop = asyncio.get_running_loop()

        def build() -> Connection:
            return Connection(self._terms, loop, self._forget)

        connection = await self.dial(build)
        if not connection.is_idle:
            raise ForwardingError(Failure.UNREACHABLE)
        self._all.add(connection)
        if self._ticker is None:
            self._ticker = loop.call_later(self._tick_every, self._tick, loop)
        return connection

    async def dial(self, build: Callable[[], _Spoken]) -> _Spoken:
        """Open a connection that never serves another call; the pool does not keep it.

        Raises:
            ForwardingError: not in time, not accepted, or the name is not known.
        """
        try:
            async with asyncio.timeout(self._terms.connect):
                spoken: _Spoken = await self._dial(asyncio.get_running_loop(), build)
                return spoken
        except OSError as error:
            raise ForwardingError(of_connecting(error)) from None
        except UnicodeError:  # the name cannot be written in the form that DNS asks for
            raise ForwardingError(Failure.UNKNOWN_HOST) from None

    def give(self, connection: Connection) -> None:
        """Take a connection back after an exchange: keep it if it is clean and there is room, else close it."""
        if connection.finish() and len(self._idle) < self._terms.max_idle and not self._is_closed:
            self._idle.append(connection)
        else:
            connection.abort()

    async def close(self) -> None:
        """Close every connection, used or not. Connections given back later are closed too."""
        self._is_closed = True
        connections = tuple(self._all)
        for connection in connections:
            connection.abort()
        if self._ticker is not None:
            self._ticker.cancel()
            self._ticker = None
        if connections:
            await asyncio.wait([connection.closed for connection in connections], timeout=_CLOSING)

    async def _dial(self, loop: asyncio.AbstractEventLoop, build: Callable[[], Any]) -> Any:
        """The one place that knows how an origin is reached.

        What is built has the methods of a protocol, but need not be of asyncio's class: attributes of that are slow.
        """
        origin = self._origin
        match origin.scheme:
            case Scheme.HTTP:
                return (await loop.create_connection(build, origin.host, origin.port))[1]
            case Scheme.HTTPS:
                trust = self._trust or read_trust()
                name = trust.server_name or origin.host
                dialled = loop.create_connection(
                    build, origin.host, origin.port, ssl=trust.context, server_hostname=name
                )
                return (await dialled)[1]
            case Scheme.UNIX:
                return (await loop.create_unix_connection(build, origin.host))[1]
            case _ as never:
                assert_never(never)

    def _forget(self, connection: Connection) -> None:
        self._all.discard(connection)
        if connection in self._idle:
            self._idle.remove(connection)

    def _tick(self, loop: asyncio.AbstractEventLoop) -> None:
        # Set again first: whatever a connection does in its tick, the others have theirs.
        self._ticker = loop.call_later(self._tick_every, self._tick, loop) if self._all else None
        now = loop.time()
        for connection in tuple(self._all):
            connection.tick(now)
