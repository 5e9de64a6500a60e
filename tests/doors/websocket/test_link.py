"""A link on a transport that does as it is told: what depends on moments that a real socket hardly ever meets."""

import asyncio
from typing import Any

import pytest
from websockets.frames import Frame, Opcode
from websockets.protocol import Side

from mfa_gateway.doors.websocket.link import Closed, Link, LinkClosed
from mfa_gateway.doors.websocket.terms import SocketTerms


class Wire(asyncio.Transport):
    """A transport that keeps what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.is_reading_ = True
        self.is_ended = False
        self.waiting = 0

    def set_protocol(self, protocol: Any) -> None: ...

    def write(self, data: Any) -> None:
        self.written += bytes(data)

    def get_write_buffer_size(self) -> int:
        return self.waiting

    def pause_reading(self) -> None:
        assert self.is_reading_
        self.is_reading_ = False

    def resume_reading(self) -> None:
        assert not self.is_reading_
        self.is_reading_ = True

    def has_paused(self) -> bool:
        return not self.is_reading_

    def can_write_eof(self) -> bool:
        return False

    def is_closing(self) -> bool:
        return self.is_ended

    def close(self) -> None:
        self.is_ended = True

    def abort(self) -> None:
        self.is_ended = True


def opened(ahead: bytes = b"", *, is_congested: bool = False, **numbers: Any) -> tuple[Link, Wire]:
    link, wire = Link(Side.SERVER, SocketTerms(**numbers)), Wire()
    link.open(wire, ahead, is_congested=is_congested)
    return link, wire


def said(data: bytes, opcode: Opcode = Opcode.BINARY) -> bytes:
    return Frame(opcode, data).serialize(mask=True)


async def test_on_a_congested_transport_sending_waits() -> None:
    link, wire = opened(is_congested=True)
    sending = asyncio.ensure_future(link.send("a"))
    await asyncio.sleep(0)
    assert (sending.done(), wire.written) == (False, b"")
    link.resume_writing()
    await sending
    assert wire.written == Frame(Opcode.TEXT, b"a").serialize(mask=False)
    link.connection_lost(None)


async def test_one_messages_worth_of_bytes_is_enough_to_wait() -> None:
    link, wire = opened(message=10_000, queue=100)
    link.data_received(said(bytes(6_000)) * 5)
    assert len(link._inbox) == 2
    assert wire.has_paused()
    for _ in range(5):
        assert await link.receive() == bytes(6_000)
    assert not wire.has_paused()
    link.connection_lost(None)


async def test_what_was_not_taken_apart_before_the_end_still_is() -> None:
    link, _ = opened(queue=1)
    link.data_received(b"".join(said(b"%d" % number + bytes(4_096)) for number in range(5)))
    link.connection_lost(ConnectionResetError())
    got = [await link.receive() for _ in range(6)]
    assert [one[:1] for one in got[:5] if isinstance(one, bytes)] == [b"0", b"1", b"2", b"3", b"4"]
    assert got[5] == await link.receive() == Closed(1006)


async def test_a_close_behind_what_waits_is_told_with_its_code() -> None:
    link, wire = opened(queue=1)
    link.data_received(said(bytes(5_000)) * 3 + said(b"\x0f\xa0bye", Opcode.CLOSE))
    link.connection_lost(None)
    got = [await link.receive() for _ in range(4)]
    assert got[3] == Closed(4000, "bye")
    assert wire.written == b""


async def test_a_peer_that_is_not_read_is_not_judged_by_its_silence() -> None:
    link, wire = opened(queue=1)
    link.data_received(said(bytes(5_000)) * 3)
    assert wire.has_paused()
    for _ in range(3):
        link._time_out()
    assert (link._is_leaving, wire.written) == (False, b"")
    link.connection_lost(None)


async def test_a_peer_that_takes_nothing_is_not_judged_by_its_silence_either() -> None:
    link, wire = opened()
    wire.waiting = 100
    link.pause_writing()
    for _ in range(3):
        link._time_out()
    assert (link._is_leaving, wire.written) == (False, b"")
    link.connection_lost(None)


@pytest.mark.parametrize(("later", "is_gone"), [(100, True), (120, True), (99, False)])
async def test_a_peer_that_takes_something_now_and_then_stays(later: int, *, is_gone: bool) -> None:
    link, wire = opened()
    wire.waiting = 100
    link.pause_writing()
    wire.waiting = later
    link._check_taking()
    assert wire.is_ended == is_gone
    link.connection_lost(None)


async def test_everybody_who_waits_to_send_is_told_when_it_is_over() -> None:
    link, _ = opened(is_congested=True)
    sending = [asyncio.ensure_future(link.send("a")) for _ in range(3)]
    await asyncio.sleep(0)
    link.connection_lost(None)
    assert [type(one) for one in await asyncio.gather(*sending, return_exceptions=True)] == [LinkClosed] * 3


async def test_what_is_heard_of_frames_is_in_no_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(0)
    link, _ = opened()
    link.data_received(said(b"secret", Opcode.TEXT))
    await link.send("secret")
    link.connection_lost(None)
    assert "secret" not in caplog.text
