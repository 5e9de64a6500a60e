"""The transport as uvicorn's parts see it: closing asks the connection, and so does reading on."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import cast

import pytest

from mfa_gateway.doors.outbox import MOST_HELD, Outbox
from mfa_gateway.doors.transport import Exit, Flow


class Wire(asyncio.Transport):
    """A transport that remembers what was done with it."""

    def __init__(self) -> None:
        super().__init__()
        self.done: list[str] = []
        self.closing = False

    def is_closing(self) -> bool:
        return self.closing

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.done.append(f"write {bytes(data).decode()}")

    def pause_reading(self) -> None:
        self.done.append("pause")

    def resume_reading(self) -> None:
        self.done.append("resume")


@dataclass
class Connection:
    """What a connection is asked and told."""

    wire: Wire = field(default_factory=Wire)
    times_left: int = 0
    may_read: bool = True
    changes: int = 0

    def leave(self) -> None:
        self.times_left += 1

    def on_change(self) -> None:
        self.changes += 1


@pytest.fixture
def connection() -> Connection:
    return Connection()


def flow_of(connection: Connection) -> Flow:
    return Flow(connection.wire, may_read=lambda: connection.may_read, on_change=connection.on_change)


class Turn:
    """A turn of an event loop, which ends by hand."""

    def __init__(self) -> None:
        self.waiting: list[Callable[[], object]] = []
        self.outbox = Outbox(cast("asyncio.AbstractEventLoop", self))

    def call_soon(self, callback: Callable[[], object]) -> None:
        self.waiting.append(callback)

    def end(self) -> None:
        for callback in self.waiting:
            callback()


def exit_of(connection: Connection, turn: Turn | None = None) -> Exit:
    return Exit(connection.wire, connection.leave, (turn or Turn()).outbox)


def test_closing_is_leaving_and_the_wire_is_left_alone(connection: Connection) -> None:
    way_out = exit_of(connection)
    way_out.close()
    assert connection.times_left == 1
    assert connection.wire.done == []


def test_nothing_is_written_once_it_is_shut(connection: Connection) -> None:
    way_out = exit_of(connection)
    way_out.write(b"in time")
    way_out.flush()
    way_out.is_shut = True
    way_out.write(b"too late")
    way_out.flush()
    assert connection.wire.done == ["write in time"]


def test_small_pieces_of_one_turn_leave_as_one(connection: Connection) -> None:
    turn = Turn()
    way_out = exit_of(connection, turn)
    way_out.write(b"head, ")
    way_out.write(b"body")
    assert (connection.wire.done, len(turn.waiting)) == ([], 1)
    turn.end()
    assert connection.wire.done == ["write head, body"]


def test_a_large_piece_waits_for_nobody(connection: Connection) -> None:
    turn = Turn()
    exit_of(connection, turn).write(b"x" * (MOST_HELD + 1))
    assert (len(connection.wire.done), turn.waiting) == (1, [])


def test_a_large_piece_takes_what_is_held_along(connection: Connection) -> None:
    way_out = exit_of(connection)
    way_out.write(b"head, ")
    way_out.write(b"x" * MOST_HELD)
    assert [done[:14] for done in connection.wire.done] == ["write head, xx"]


def test_small_pieces_without_end_are_not_held_without_end(connection: Connection) -> None:
    way_out = exit_of(connection)
    for _ in range(100):
        way_out.write(b"x" * 1024)
    written = sum(len(done) - len("write ") for done in connection.wire.done)
    assert 100 * 1024 - written <= MOST_HELD


def test_what_is_held_for_a_wire_that_closed_is_dropped(connection: Connection) -> None:
    way_out = exit_of(connection)
    way_out.write(b"too late")
    connection.wire.closing = True
    way_out.flush()
    assert connection.wire.done == []


def test_it_is_closing_when_it_is_shut_or_the_wire_is(connection: Connection) -> None:
    way_out = exit_of(connection)
    seen = [way_out.is_closing()]
    connection.wire.closing = True
    seen.append(way_out.is_closing())
    connection.wire.closing, way_out.is_shut = False, True
    seen.append(way_out.is_closing())
    assert seen == [False, True, True]


def test_reading_stops_and_goes_on_once_each_and_each_is_told(connection: Connection) -> None:
    flow = flow_of(connection)
    for _ in range(2):
        flow.pause_reading()
    for _ in range(2):
        flow.resume_reading()
    assert (connection.wire.done, connection.changes) == (["pause", "resume"], 2)


def test_reading_does_not_go_on_while_the_connection_does_not_want_it(connection: Connection) -> None:
    flow = flow_of(connection)
    flow.pause_reading()
    connection.may_read = False
    flow.resume_reading()
    assert connection.wire.done == ["pause"]
    connection.may_read = True
    flow.resume_reading()
    assert connection.wire.done == ["pause", "resume"]
