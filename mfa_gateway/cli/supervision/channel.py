"""The channel between the main process and one worker: whole messages, in order, over a pair of sockets.

Its end is a message too: whoever hears it knows that the other process is gone. What stays out: what to do about it.
"""

import asyncio
import pickle
import socket
import struct
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final, Self

from mfa_gateway.settings import Settings

_LENGTH: Final = struct.Struct("!I")


@dataclass(frozen=True, slots=True)
class Begin:
    """To a worker: serve under these settings."""

    settings: Settings = field(repr=False)


@dataclass(frozen=True, slots=True)
class WindDown:
    """To a worker: keep no connections any more, but go on."""


@dataclass(frozen=True, slots=True)
class Stop:
    """To a worker: take no more connections, and end; so many seconds are left for what is in flight."""

    seconds: float


Order = Begin | WindDown | Stop


@dataclass(frozen=True, slots=True)
class Listening:
    """Of a worker: calls are taken from now on."""


@dataclass(frozen=True, slots=True)
class Unable:
    """Of a worker: it cannot serve under these settings, and ends."""

    why: str


@dataclass(frozen=True, slots=True)
class Counted:
    """Of a worker: everything that it has counted so far."""

    counts: Mapping[tuple[str, ...], float]


News = Listening | Unable | Counted


class Channel:
    """One end. What arrives is believed, because only our own other end can have written it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def over(cls, end: socket.socket) -> Self:
        """The channel over one of a pair of sockets, which belongs to it from now on."""
        return cls(*await asyncio.open_connection(sock=end))

    def send(self, message: Order | News) -> None:
        """Send a message; to nobody, where the other end is gone."""
        body = pickle.dumps(message)
        if not self._writer.is_closing():
            self._writer.write(_LENGTH.pack(len(body)) + body)

    async def receive(self) -> object:
        """The next message, or None at the end."""
        try:
            (length,) = _LENGTH.unpack(await self._reader.readexactly(_LENGTH.size))
            return pickle.loads(await self._reader.readexactly(length))  # noqa: S301 - both ends are this program
        except (asyncio.IncompleteReadError, ConnectionError):
            return None

    async def close(self) -> None:
        """Send what is left, and end."""
        self._writer.close()
        with suppress(ConnectionError):
            await self._writer.wait_closed()
