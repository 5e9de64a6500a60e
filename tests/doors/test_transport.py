"""The transport as uvicorn's parts see it: closing asks the connection, and so does reading on."""

import asyncio
from dataclasses import dataclass, field

import pytest

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


def test_closing_is_leaving_and_the_wire_is_left_alone(connection: Connection) -> None:
    way_out = Exit(connection.wire, connection.leave)
    way_out.close()
    assert connection.times_left == 1
    assert connection.wire.done == []


def test_nothing_is_written_once_it_is_shut(connection: Connection) -> None:
    way_out = Exit(connection.wire, connection.leave)
    way_out.write(b"in time")
    way_out.is_shut = True
    way_out.write(b"too late")
    assert connection.wire.done == ["write in time"]


def test_it_is_closing_when_it_is_shut_or_the_wire_is(connection: Connection) -> None:
    way_out = Exit(connection.wire, connection.leave)
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
