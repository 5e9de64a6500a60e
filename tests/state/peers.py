"""Peers of the store's connections: a server that answers what a test says, and a relay that counts what goes by."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from typing import cast

import hiredis

Command = list[bytes]
# What a server answers to a command. None: nothing, for ever. b"": it hangs up.
Answer = Callable[[Command], Awaitable[bytes | None]]

OK = b"+OK\r\n"

_PATIENCE = 10.0


class Peer:
    """The other end of connections, with what arrived there. Greetings of a client are answered and not recorded."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self.commands: list[Command] = []
        self.connections = 0
        self._arrived = asyncio.Condition()
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def names(self) -> list[str]:
        """The names of the commands, in the order of arrival."""
        return [command[0].decode() for command in self.commands]

    async def arrived(self, number: int) -> None:
        """Wait until so many commands have arrived."""
        async with asyncio.timeout(_PATIENCE), self._arrived:
            await self._arrived.wait_for(lambda: len(self.commands) >= number)

    async def quiet(self) -> None:
        """Wait until every connection has ended, with all that came over it heard."""
        async with asyncio.timeout(_PATIENCE), self._arrived:
            await self._arrived.wait_for(lambda: not self._tasks)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        task = cast("asyncio.Task[None]", asyncio.current_task())
        self._tasks.add(task)
        try:
            await self._talk(reader, writer)
        except (ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.close()
            self._tasks.discard(task)
            async with self._arrived:
                self._arrived.notify_all()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        parser = hiredis.Reader()
        while chunk := await reader.read(65536):
            parser.feed(chunk)
            while (command := parser.gets()) is not False:
                reply = OK if command[0] == b"CLIENT" else await self._hear(command)
                if reply == b"":
                    return
                if reply is not None:
                    writer.write(reply)
            await writer.drain()

    async def _hear(self, command: Command) -> bytes | None:
        async with self._arrived:
            self.commands.append(command)
            self._arrived.notify_all()
        return await self._answer(command)

    async def hang_up(self) -> None:
        """End every connection."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


@asynccontextmanager
async def listening(path: str, answer: Answer) -> AsyncIterator[Peer]:
    """A peer on a Unix socket."""
    peer = Peer(answer)
    server = await asyncio.start_unix_server(peer.serve, path)
    try:
        yield peer
    finally:
        server.close()
        await peer.hang_up()
        with suppress(TimeoutError):
            await asyncio.wait_for(server.wait_closed(), 1)


@asynccontextmanager
async def relaying(path: str, target: str) -> AsyncIterator[Peer]:
    """A peer that asks a real server, over one connection, whatever it is asked."""
    reader, writer = await asyncio.open_unix_connection(target)
    turn = asyncio.Lock()
    replies = hiredis.Reader(notEnoughData=_NOT_YET)

    async def forward(command: Command) -> bytes:
        async with turn:
            writer.write(hiredis.pack_command(tuple(command)))  # type: ignore[arg-type] # the stub means any length
            while (reply := replies.gets()) is _NOT_YET:
                chunk = await reader.read(65536)
                if not chunk:
                    return b""
                replies.feed(chunk)
            return encoded(reply)

    async with listening(path, forward) as peer:
        yield peer
    writer.close()
    await writer.wait_closed()


_NOT_YET = object()


def encoded(reply: object) -> bytes:
    """A reply as it travels (RESP 2)."""
    match reply:
        case None:
            return b"$-1\r\n"
        case int():
            return b":%d\r\n" % reply
        case bytes():
            return b"$%d\r\n%b\r\n" % (len(reply), reply)
        case hiredis.ReplyError():
            return b"-%b\r\n" % str(reply).encode()
        case list():
            return b"*%d\r\n" % len(reply) + b"".join(map(encoded, reply))
        case _:
            raise TypeError(f"{type(reply).__name__} does not travel")


def answering(*replies: bytes | None) -> Answer:
    """Answer each command in turn; the last reply serves all that come after."""
    left: Sequence[bytes | None] = list(replies)

    async def answer(command: Command) -> bytes | None:
        nonlocal left
        reply, left = left[0], left[1:] or left
        return reply

    return answer


class Relay:
    """Passes bytes on to a real server, connection by connection, until it is told to hold some back."""

    def __init__(self, target: str) -> None:
        self._target = target
        self._passing = asyncio.Event()
        self._passing.set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._tracking: set[asyncio.StreamWriter] = set()

    def hold_news(self) -> None:
        """Pass nothing on from the server on connections that track changes: both ends believe they are there."""
        self._passing.clear()

    async def cut_news(self) -> None:
        """End the connections that track changes, and take no more of these."""
        self._passing.clear()
        for writer in tuple(self._tracking):
            writer.close()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = cast("asyncio.Task[None]", asyncio.current_task())
        self._tasks.add(task)
        below, above = await asyncio.open_unix_connection(self._target)
        up = asyncio.create_task(self._up(reader, above, writer))
        try:
            await self._down(below, writer)
        except (ConnectionError, asyncio.CancelledError):
            pass
        finally:
            up.cancel()
            await asyncio.gather(up, return_exceptions=True)
            self._tracking.discard(writer)
            self._tasks.discard(task)
            above.close()
            writer.close()

    async def _up(
        self, reader: asyncio.StreamReader, above: asyncio.StreamWriter, client: asyncio.StreamWriter
    ) -> None:
        while chunk := await reader.read(65536):
            if b"TRACKING" in chunk:
                self._tracking.add(client)
            above.write(chunk)
            await above.drain()
        above.close()

    async def _down(self, below: asyncio.StreamReader, client: asyncio.StreamWriter) -> None:
        while chunk := await below.read(65536):
            if client in self._tracking:
                await self._passing.wait()
            client.write(chunk)
            await client.drain()
        client.close()

    async def end(self) -> None:
        """End every connection."""
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


@asynccontextmanager
async def passing(path: str, target: str) -> AsyncIterator[Relay]:
    """A relay on a Unix socket."""
    relay = Relay(target)
    server = await asyncio.start_unix_server(relay.serve, path)
    try:
        yield relay
    finally:
        server.close()
        await relay.end()
        with suppress(TimeoutError):
            await asyncio.wait_for(server.wait_closed(), 1)
