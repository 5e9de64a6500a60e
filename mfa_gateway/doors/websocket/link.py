"""The link: one WebSocket connection after its handshake, on the client's side of the gateway or on the upstream's.

    data_received -> _unread -> frames -> _inbox -> receive
    send -> frames -> transport

Theory. Everything here has a bound. What a peer sends is taken apart in small pieces, and only while there is room for
the messages in it; the rest waits unparsed, and then the socket is not read, so that a slow reader at the far end
stalls the sender at this one. Fragments are joined as they come. Pings are answered at once, but while the peer takes
nothing only the last one (RFC 6455 section 5.5.3), so a flood of pings cannot fill our memory with pongs.

A peer that is silent is asked whether it is there. One that we do not read from cannot answer, so it is not judged; one
that takes nothing of what waits for it is gone. Whoever closes waits for the other's word, but not for long.

What stays out: the handshake before, and what messages are for.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from websockets.exceptions import PayloadTooBig
from websockets.frames import Frame, Opcode
from websockets.protocol import Protocol, Side, State

from mfa_gateway.doors.asgi import LINGER, LINGER_BYTES
from mfa_gateway.doors.deadline import Deadline
from mfa_gateway.doors.websocket.terms import SocketTerms

# RFC 6455 section 7.4.1.
NORMAL: Final = 1000
GOING_AWAY: Final = 1001
NO_CODE: Final = 1005
LOST: Final = 1006
NOT_TEXT: Final = 1007
POLICY: Final = 1008
TOO_BIG: Final = 1009
BROKEN: Final = 1011

# How much is taken apart at a time: it holds 682 of the smallest frames, the most that are too many for the queue.
_PIECE: Final = 4_096
# How long, in seconds, a peer may take to say its part of a closing handshake.
_CLOSING: Final = 2.0
# RFC 6455 section 5.5: a control frame holds 125 bytes, two of which are the code.
_LONGEST_REASON: Final = 123

# The library tells what it reads at the debug level. Nobody may ever read that here.
_FRAMES_LOG: Final = logging.getLogger("mfa_gateway.frames")
_FRAMES_LOG.setLevel(logging.ERROR)


class LinkClosed(ConnectionError):
    """There is nobody to send to any more."""


@dataclass(frozen=True, slots=True)
class Closed:
    """How a WebSocket ended.

    Attributes:
        code: the peer's, or ours where we closed; `NO_CODE` for a close without one, `LOST` for none at all.
        reason: the text beside it.
        fault: the code with which we gave up on a peer that broke the rules; 0 where it did not.
    """

    code: int
    reason: str = ""
    fault: int = 0


class Link(asyncio.Protocol):
    """One connection that speaks WebSocket, to be opened on a transport."""

    def __init__(self, side: Side, terms: SocketTerms) -> None:
        self._terms = terms
        self._on_lost: Callable[[Link], object] = _nobody_minds
        self._frames = Protocol(side, max_size=terms.message, logger=_FRAMES_LOG)
        self._transport: asyncio.Transport
        loop = asyncio.get_running_loop()
        self._deadline = Deadline(loop, self._time_out)
        self._taking = Deadline(loop, self._check_taking)
        # What comes in.
        self._unread = b""
        self._partial = bytearray()
        self._is_text = False
        self._inbox: deque[str | bytes] = deque()
        self._inbox_bytes = 0
        self._arrival = asyncio.Event()
        self._end: Closed | None = None
        self._is_paused = False
        self._is_asked = False
        self._thrown_away = 0
        # What goes out.
        self._writable = asyncio.Event()
        self._writable.set()
        self._pong = b""
        self._unsent: float = 0
        self._is_leaving = False
        self._lost = asyncio.Event()

    def open(
        self,
        transport: asyncio.Transport,
        ahead: bytes,
        *,
        is_congested: bool = False,
        on_lost: "Callable[[Link], object] | None" = None,
    ) -> None:
        """Begin on a connected transport, with the bytes that came already.

        `is_congested` says that it takes nothing now; `on_lost` is called when it has ended.
        """
        self._transport = transport
        self._on_lost = on_lost or _nobody_minds
        transport.set_protocol(self)
        if is_congested:
            self.pause_writing()
        self._deadline.set(self._terms.ping)
        self._pump(ahead)

    # --- The user's side ---

    async def receive(self) -> str | bytes | Closed:
        """The next message, in order; after the last one, and then always, how it ended."""
        while not self._inbox:
            if self._end is not None:
                return self._end
            self._arrival.clear()
            await self._arrival.wait()
        message = self._inbox.popleft()
        self._inbox_bytes -= len(message)
        self._pump(b"")
        return message

    async def send(self, message: str | bytes) -> None:
        """Send one message, once the peer has taken enough of those before.

        Raises:
            LinkClosed: the socket is closed, or being closed.
        """
        await self._writable.wait()
        if self._lost.is_set() or self._frames.state is not State.OPEN:
            raise LinkClosed("the WebSocket is closed")
        if isinstance(message, str):
            self._frames.send_text(message.encode())
        else:
            self._frames.send_binary(message)
        self._flush()

    def close(self, code: int, reason: str = "") -> None:
        """Begin to close, if nobody has yet. `NO_CODE` closes without a code.

        Raises:
            websockets.exceptions.ProtocolError: the code is none that may be sent.
        """
        if self._lost.is_set() or self._frames.state is not State.OPEN:
            return
        bare = code == NO_CODE
        self._frames.send_close(None if bare else code, "" if bare else short_reason(reason))
        self._flush()
        self._conclude(Closed(code, reason))
        self._deadline.set(_CLOSING)
        self._pump(b"")

    async def wait_closed(self) -> None:
        """Wait until the connection has ended, which a begun close sees to."""
        await self._lost.wait()

    def shutdown(self) -> None:
        """Close because this process is about to end (uvicorn's word for it)."""
        self.close(GOING_AWAY)

    def abort(self) -> None:
        """End the connection now."""
        if not self._lost.is_set():
            self._transport.abort()

    # --- The transport's side ---

    def data_received(self, data: bytes) -> None:
        """Something was heard."""
        self._is_asked = False
        if self._is_leaving:
            self._throw_away(len(data))
            return
        if self._frames.state is State.OPEN:
            self._deadline.set(self._terms.ping)
        self._pump(data)

    def pause_writing(self) -> None:
        """The peer takes less than there is."""
        self._writable.clear()
        self._unsent = self._transport.get_write_buffer_size()
        self._taking.set(self._terms.ping + self._terms.ping_timeout)

    def resume_writing(self) -> None:
        """There is room again."""
        self._taking.clear()
        self._writable.set()
        pong, self._pong = self._pong, b""
        if pong:
            self._transport.write(pong)

    def connection_lost(self, _exc: Exception | None) -> None:
        """It is over. What came before it is still read."""
        self._lost.set()
        self._deadline.stop()
        self._taking.stop()
        self._writable.set()
        self._pump(b"")
        self._on_lost(self)

    # --- Reading ---

    def _pump(self, data: bytes) -> None:
        """Take apart what is there while there is room for it, and read on or not."""
        waiting = memoryview(self._unread + data if self._unread else data)
        at = 0
        while at < len(waiting) and not self._is_full() and not self._is_leaving:
            self._feed(waiting[at : at + _PIECE])
            at += _PIECE
        self._unread = b"" if self._is_leaving else bytes(waiting[at:])
        if self._lost.is_set():
            if not self._unread:
                self._conclude(Closed(LOST))
        elif bool(self._unread) != self._is_paused and not self._transport.is_closing():
            self._is_paused = not self._is_paused
            (self._transport.pause_reading if self._is_paused else self._transport.resume_reading)()

    def _is_full(self) -> bool:
        """Whether enough waits to be received. Once it is closed nothing is kept any more."""
        return self._frames.state is State.OPEN and (
            len(self._inbox) >= self._terms.queue or self._inbox_bytes >= self._terms.message
        )

    def _feed(self, piece: memoryview) -> None:
        self._frames.receive_data(bytes(piece))
        for frame in self._frames.events_received():
            if isinstance(frame, Frame):
                self._take(frame)
        self._flush()
        if (flaw := self._frames.parser_exc) is not None and not self._is_leaving:
            too_big = isinstance(flaw, PayloadTooBig)
            sent = self._frames.close_sent
            self._give_up(TOO_BIG if too_big else sent.code if sent is not None else LOST)

    def _take(self, frame: Frame) -> None:
        match frame.opcode:
            case Opcode.TEXT | Opcode.BINARY | Opcode.CONT:
                if self._end is None:
                    self._join(frame)
            case Opcode.CLOSE:
                self._take_close()
            case _:
                pass  # pings were answered by the library, and that a pong was heard is noted already

    def _join(self, frame: Frame) -> None:
        if frame.opcode is not Opcode.CONT:
            self._is_text = frame.opcode is Opcode.TEXT
        if not frame.fin:
            self._partial += frame.data
            return
        whole = bytes(self._partial + frame.data) if self._partial else bytes(frame.data)
        self._partial = bytearray()
        try:
            message = whole.decode() if self._is_text else whole
        except UnicodeDecodeError:
            self._fail(NOT_TEXT, "a text message is not UTF-8")
            return
        self._inbox.append(message)
        self._inbox_bytes += len(message)
        self._arrival.set()

    def _take_close(self) -> None:
        """The peer's word at the end, or its answer to ours. The library has answered it."""
        said = self._frames.close_rcvd
        if said is not None:
            self._conclude(Closed(int(said.code), said.reason))
        self._deadline.set(_CLOSING)
        if self._frames.side is Side.SERVER:
            # RFC 6455 section 7.1.1: the server ends the connection, the client waits for that.
            self._flush()
            self._transport.close()

    def _conclude(self, end: Closed) -> None:
        if self._end is None:
            self._end = end
        self._arrival.set()

    # --- Writing ---

    def _flush(self) -> None:
        """Write what the library has to say. While the peer takes nothing, pongs wait, and only the last one."""
        writes = [data for data in self._frames.data_to_send() if data]
        if not writes or self._lost.is_set():
            return
        if self._writable.is_set() or self._frames.state is not State.OPEN:
            self._transport.write(b"".join(writes))
        else:
            self._pong = writes[-1]

    # --- Time, and giving up ---

    def _time_out(self) -> None:
        if self._frames.state is not State.OPEN:
            self.abort()
        elif self._is_paused or not self._writable.is_set():
            self._deadline.set(self._terms.ping)
        elif self._is_asked:
            self._fail(BROKEN, "no answer to a ping")
        else:
            self._is_asked = True
            self._frames.send_ping(b"")
            self._flush()
            self._deadline.set(self._terms.ping_timeout)

    def _check_taking(self) -> None:
        """Let go of a peer that took nothing of what waits for it."""
        waiting = self._transport.get_write_buffer_size()
        if waiting >= self._unsent:
            self.abort()
        else:
            self._unsent = waiting
            self._taking.set(self._terms.ping + self._terms.ping_timeout)

    def _fail(self, code: int, reason: str) -> None:
        self._frames.fail(code, reason)
        self._flush()
        self._give_up(code)

    def _give_up(self, code: int) -> None:
        """Leave a peer that broke the rules or is not there: by halves, so that it can still read why."""
        self._conclude(Closed(LOST, fault=code))
        self._is_leaving = True
        self._partial = bytearray()
        if self._lost.is_set():
            return
        if self._transport.can_write_eof():
            self._transport.write_eof()
        self._deadline.set(LINGER)

    def _throw_away(self, size: int) -> None:
        self._thrown_away += size
        if self._thrown_away > LINGER_BYTES and not self._transport.is_closing():
            self._transport.pause_reading()


def _nobody_minds(_: Link) -> None:
    """For links that nobody keeps a list of."""


def short_reason(reason: str) -> str:
    """As much of a reason as fits into a close frame."""
    return reason.encode()[:_LONGEST_REASON].decode(errors="ignore")
