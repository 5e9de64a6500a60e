"""Stopping a server: whoever asked is answered, whoever is about to ask may, and nobody is kept."""

import asyncio
import socket
from contextlib import suppress

import pytest

from mfa_gateway.doors.server import ServerTerms, make_server
from tests.doors.listening import DEADLINE, Client, Recorder, request, until

SHORT = 0.1


class Running:
    """A server on a socket of its own, under its own main loop, as a worker runs it."""

    def __init__(self, *, linger: float = DEADLINE) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.listener.setblocking(False)
        self.port = self.listener.getsockname()[1]
        self.server = make_server(
            Recorder(), host="127.0.0.1", port=0, terms=ServerTerms(linger=linger, drain=DEADLINE)
        )
        self.task = asyncio.ensure_future(self.server.serve(sockets=[self.listener]))

    async def connect(self) -> Client:
        await until(lambda: self.server.started)
        return Client(*await asyncio.open_connection("127.0.0.1", self.port))

    async def taken(self, number: int) -> None:
        await until(lambda: len(self.server.server_state.connections) == number)

    async def has_read(self, number: int) -> None:
        await until(lambda: any(one._head_bytes == number for one in self.server.server_state.connections))  # type: ignore[union-attr] # ours

    def shut_connections(self) -> None:
        """What a server that stops does to its connections, before any client can notice the stop."""
        self.server.stop(DEADLINE)
        self.server.wind_down()
        for connection in list(self.server.server_state.connections):
            connection.shutdown()

    async def end(self, *clients: Client) -> None:
        await asyncio.wait_for(self.task, DEADLINE)
        for client in clients:
            await client.end()


async def test_winding_down_answers_and_keeps_no_connection() -> None:
    running = Running()
    kept = await running.connect()
    await kept.send(request())
    assert (await kept.answer()).values(b"connection") == []

    running.server.wind_down()
    new = await running.connect()
    for client in (kept, new):
        await client.send(request())
        answer = await client.answer()
        assert (answer.status, answer.values(b"connection")) == (200, [b"close"])
        assert await client.rest() == b""
    running.server.stop(DEADLINE)
    await running.end(kept, new)


async def test_one_server_that_winds_down_does_not_speak_for_another() -> None:
    one, other = Running(), Running()
    one.server.wind_down()
    client = await other.connect()
    await client.send(request())
    assert (await client.answer()).values(b"connection") == []
    for running in (one, other):
        await until(lambda: running.server.started)  # noqa: B023 - called before the loop goes on
        running.server.stop(0)
    await client.end()
    await asyncio.gather(one.task, other.task)


@pytest.mark.parametrize("answered_before", [0, 1])
async def test_a_request_that_is_on_its_way_is_heard(answered_before: int) -> None:
    running = Running()
    client = await running.connect()
    await running.taken(1)
    for _ in range(answered_before):
        await client.send(request())
        assert (await client.answer()).status == 200
    running.shut_connections()
    await client.send(request())
    answer = await client.answer()
    assert (answer.status, answer.values(b"connection")) == (200, [b"close"])
    await running.end(client)


@pytest.mark.parametrize("answered_before", [0, 1])
async def test_half_a_head_may_become_whole(answered_before: int) -> None:
    running = Running()
    client = await running.connect()
    whole = request()
    for _ in range(answered_before):
        await client.send(whole)
        assert (await client.answer()).status == 200
    await client.send(whole[:10])
    await running.has_read(10)
    running.shut_connections()
    await client.send(whole[10:])
    assert (await client.answer()).status == 200
    await running.end(client)


async def test_who_connected_and_says_nothing_is_not_waited_for() -> None:
    running = Running(linger=SHORT)
    client = await running.connect()
    await running.taken(1)
    running.server.stop(DEADLINE)
    assert await client.rest() == b""
    await running.end(client)


async def test_a_connection_that_waits_in_the_queue_is_answered() -> None:
    running = Running()
    first = await running.connect()
    await running.taken(1)
    loop = asyncio.get_running_loop()
    # Nobody takes connections now, as in a process that is busy; the kernel goes on making them.
    loop.remove_reader(running.listener.fileno())
    waiting = Client(*await asyncio.open_connection("127.0.0.1", running.port))
    await waiting.send(request())
    running.server.stop(DEADLINE)
    assert (await waiting.answer()).status == 200
    with suppress(OSError):
        await first.send(request())
    await running.end(first, waiting)


async def test_nobody_is_taken_after_a_stop() -> None:
    running = Running()
    await until(lambda: running.server.started)
    running.server.stop(0)
    await running.end()
    with suppress(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", running.port)
        raise AssertionError("somebody answered")
