"""One connection to the upstream: an asyncio protocol that carries one exchange at a time.

For: bytes up with back-pressure; one answer down, through a buffer with a bound; deadlines without a timer per request;
and the word on whether the connection is clean enough to serve another call. Whatever is unclear closes it: a byte
nobody asked for, more bytes than an answer has, an answer that ends before the request does.
Not here: which connection serves which call (`pool`), what a head means (`answer`), ASGI (`exchange`).

    IDLE --begin--> TAKEN --ask--> HEAD --final head--> BODY --last byte--> DONE --finish--> IDLE
      any of these --fail, abort, connection_lost--> CLOSED
"""

import asyncio
import math
import select
from collections.abc import Callable
from typing import Final, cast

from mfa_gateway.doors.outbox import MOST_HELD, outbox_of
from mfa_gateway.doors.upstream.answer import FIRST_FINAL, Answer, read_answer
from mfa_gateway.doors.upstream.failures import Failure, ForwardingError
from mfa_gateway.doors.upstream.origin import Terms
from mfa_gateway.doors.upstream.phase import BODY, CLOSED, DONE, HEAD, IDLE, TAKEN

# The bound for an answer's head, interim answers included. Twice what clients may send us.
_MOST_HEAD: Final = 65_536
# asyncio's own high-water mark for writing; reading stops at the same mark, one read (256 KiB) late at most.
_HIGH_WATER: Final = 65_536
_END_OF_HEAD: Final = b"\r\n\r\n"
_PROTOCOL_NAME: Final = b"HTTP/1."


class Connection:
    """A connection of one origin's pool: what asyncio asks of a protocol, but none of its classes, which are slow.

    `on_lost` is called when the connection has ended, perhaps twice. Deadlines are checked when `tick` is called, so
    they are as exact as its caller is punctual. `is_fresh` says that no tick has come since the last call to `begin`
    or `finish`. `answer` is the head of the final answer, once it is there; `closed` is done when the socket is.
    `on_news` is called at what `news` would tell of, for those who do not wait; `finish` and whoever waits unset it.
    """

    __slots__ = (
        "_chunks",
        "_drained",
        "_failure",
        "_held",
        "_is_clean",
        "_is_reading",
        "_is_sent",
        "_is_writable",
        "_loop",
        "_on_linger",
        "_on_lost",
        "_outbox",
        "_overhead",
        "_partial",
        "_phase",
        "_read_deadline",
        "_size",
        "_terms",
        "_to_head",
        "_transport",
        "_unsent",
        "_waiter",
        "_write_deadline",
        "answer",
        "closed",
        "is_fresh",
        "on_news",
    )

    def __init__(self, terms: Terms, loop: asyncio.AbstractEventLoop, on_lost: "Callable[[Connection], None]") -> None:
        self._terms = terms
        self._loop = loop
        self._on_lost = on_lost
        self._transport: asyncio.Transport
        self._phase = IDLE
        self._failure: Failure | None = None
        self.closed: asyncio.Future[None] = loop.create_future()
        self.on_news: Callable[[], None] | None = None
        # The exchange.
        self.answer: Answer | None = None
        self._on_linger: Callable[[], None] | None = None
        self._to_head = False
        self._is_sent = False
        self._is_clean = True
        self.is_fresh = True
        # Reading.
        self._partial = b""
        self._overhead = 0
        self._chunks: list[bytes] = []
        self._size = 0
        self._is_reading = True
        self._waiter: asyncio.Future[None] | None = None
        self._read_deadline = math.inf
        # Writing. What is held is written when the turn of the loop is over.
        self._outbox = outbox_of(loop)
        self._held = b""
        self._is_writable = True
        self._drained: asyncio.Future[None] | None = None
        self._unsent = 0
        self._write_deadline = math.inf

    # --- The exchange's side ------------------------------------------------------------------

    def begin(self, *, to_head: bool, on_linger: Callable[[], None]) -> None:
        """Take the connection for one exchange. `on_linger` is called at each tick but the first, until `finish`."""
        self._phase = TAKEN
        self._to_head = to_head
        self._overhead = 0
        self._is_sent = False
        self._on_linger = on_linger
        self._read_deadline = math.inf
        self.is_fresh = True

    def attend(self, on_linger: Callable[[], None]) -> None:
        """Take over an exchange under way from whoever began it."""
        self._on_linger = on_linger

    def ask(self, data: bytes) -> None:
        """Write the head, and perhaps more. What arrived before answers nothing and has ended the connection."""
        if self._phase is not TAKEN:
            return
        self._phase = HEAD
        if len(data) > MOST_HELD:
            self._transport.write(data)
        else:
            self._held = data
            self._outbox.put(self)

    def write(self, data: bytes) -> None:
        """Write more of the request; a connection that has ended drops it."""
        held, self._held = self._held, b""
        if not self._transport.is_closing():
            self._transport.write(held + data if held else data)

    def flush(self) -> None:
        """Write what is held."""
        if self._held:
            self.write(b"")

    def mark_sent(self) -> None:
        """Say that the request is complete: from now on the answer is awaited."""
        self._is_sent = True
        if self._phase is HEAD:
            self._read_deadline = self._loop.time() + self._terms.first_byte

    async def drain(self) -> None:
        """Wait until there is room for more of the request, or the connection has ended."""
        if self._is_writable or self._phase is CLOSED:
            return
        self._drained = self._loop.create_future()
        try:
            await self._drained
        finally:
            self._drained = None

    def news(self) -> asyncio.Future[None]:
        """What to await when there is nothing to read: it is done when `answer`, `read` or `is_done` may have changed.

        Raises:
            ForwardingError: nothing more will come.
        """
        if self._phase is CLOSED:
            raise ForwardingError(self._failure or Failure.BROKEN)
        self._waiter = waiter = self._loop.create_future()
        return waiter

    def read(self) -> bytes:
        """What has arrived of the body since the last call; makes room for more."""
        chunks = self._chunks
        if not chunks:
            return b""
        self._chunks = []
        self._size = 0
        if not self._is_reading:
            self._resume_reading()
        return chunks[0] if len(chunks) == 1 else b"".join(chunks)

    @property
    def is_done(self) -> bool:
        """Whether the whole answer has arrived."""
        return self._phase is DONE

    def finish(self) -> bool:
        """End the exchange; tell whether the connection may serve another. If not, close it with `abort`."""
        self._on_linger = self.on_news = None
        answer, self.answer = self.answer, None
        if (
            self._phase is not DONE
            or answer is None
            or not (self._is_sent and self._is_clean and answer.is_reusable)
            or self._transport.get_write_buffer_size()
        ):
            return False
        self._phase = IDLE
        self._read_deadline = self._loop.time() + self._terms.keep_alive
        self.is_fresh = True
        return True

    def fail(self, failure: Failure) -> None:
        """End the connection at once and tell whoever waits on it why."""
        if self._failure is None:
            self._failure = failure
        self.abort()

    def abort(self) -> None:
        """End the connection at once: what is buffered either way is dropped, no other call can get it."""
        self._on_linger = None
        if self._phase is not CLOSED:
            self._phase = CLOSED
            self._on_lost(self)
        self._held = b""
        self._transport.abort()
        self._wake()

    # --- The pool's side ----------------------------------------------------------------------

    @property
    def is_idle(self) -> bool:
        """Whether the connection is open and serves nobody, as far as the loop has heard."""
        return self._phase is IDLE and not self._transport.is_closing()

    def can_serve(self) -> bool:
        """Whether the connection is open and serves nobody; if it was unused for a while, the system is asked too."""
        return self.is_idle and (self.is_fresh or self._is_silent())

    def _is_silent(self) -> bool:
        """Whether nothing came that the loop has not heard of yet: the end, or unwanted bytes."""
        poller = select.poll()
        poller.register(self._transport.get_extra_info("socket"), select.POLLIN)
        return not poller.poll(0)

    def tick(self, now: float) -> None:
        """Check the deadlines against `now` (the loop's clock) and call `on_linger` of an exchange seen twice."""
        if now >= self._read_deadline:
            self.fail(Failure.SILENT if self._phase is HEAD else Failure.STALLED)
        elif now >= self._write_deadline:
            self._check_writing(now)
        if self._on_linger is not None and not self.is_fresh:
            self._on_linger()
        self.is_fresh = False

    # --- The transport's side -----------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport. asyncio and uvloop both set TCP_NODELAY on it."""
        # A cast and no check: uvloop's transports have the methods of `asyncio.Transport` but are none.
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Take bytes of the answer; bytes outside of an answer end the connection."""
        try:
            if self._phase is HEAD and not self._held:
                self._read_head(data)
            elif self._phase is BODY:
                self._read_body(data)
            else:
                self._discard()
        except ForwardingError as error:
            self.fail(error.failure)

    def eof_received(self) -> None:
        """The upstream has said all it will: the end of the answer, or too early."""
        answer = self.answer
        if self._phase is BODY and answer is not None and answer.body.is_whole_at_eof():
            self._end_body()
            self._wake()
        elif self._phase is DONE:
            self._is_clean = False
        else:
            self.fail(Failure.BROKEN)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 -- why it ended changes nothing
        """The connection has ended, whoever ended it."""
        if self._phase is DONE:
            self._is_clean = False
            self._on_lost(self)
        else:
            self.fail(Failure.BROKEN)
        self._is_writable = True
        self._release_writer()
        if not self.closed.done():
            self.closed.set_result(None)

    def pause_writing(self) -> None:
        """The upstream takes the request more slowly than it comes."""
        self._is_writable = False
        self._unsent = self._transport.get_write_buffer_size()
        self._write_deadline = self._loop.time() + self._terms.body_idle

    def resume_writing(self) -> None:
        """There is room again."""
        self._is_writable = True
        self._write_deadline = math.inf
        self._release_writer()

    # --- Inside -------------------------------------------------------------------------------

    def _read_head(self, data: bytes) -> None:
        if self._partial:
            data = self._partial + data
            self._partial = b""
        while (end := data.find(_END_OF_HEAD) + 4) >= 4:  # noqa: PLR2004 -- the length of the empty line
            self._overhead += end
            if self._overhead > _MOST_HEAD:
                raise ForwardingError(Failure.BAD_ANSWER)
            answer = read_answer(data[:end], to_head=self._to_head)
            data = data[end:]
            if answer.status >= FIRST_FINAL:
                self.answer = answer
                self._phase = BODY
                self._read_body(data)
                return
        self._hold(data)

    def _hold(self, data: bytes) -> None:
        """Keep the beginning of a head, unless it can be none: better now than when the time is up."""
        if (
            self._overhead + len(data) > _MOST_HEAD
            or not data.startswith(_PROTOCOL_NAME[: len(data)])
            or b"\n\n" in data
        ):
            raise ForwardingError(Failure.BAD_ANSWER)
        self._partial = data

    def _read_body(self, data: bytes) -> None:
        answer = self.answer
        if answer is None:
            raise ForwardingError(Failure.BAD_ANSWER)
        body = answer.body
        chunk = body.feed(data)
        if chunk:
            self._chunks.append(chunk)
            self._size += len(chunk)
        if body.ended:
            self._is_clean = self._is_clean and not body.excess
            self._end_body()
        elif self._size >= _HIGH_WATER:
            self._pause_reading()
        else:
            self._read_deadline = self._loop.time() + self._terms.body_idle
        self._wake()

    def _discard(self) -> None:
        """Close on bytes outside of an answer; an answer that is whole and waits to be read stays whole."""
        self._is_clean = False
        if self._phase is DONE:
            self._transport.abort()
        else:
            self.abort()

    def _end_body(self) -> None:
        self._phase = DONE
        self._read_deadline = math.inf
        self._write_deadline = math.inf

    def _pause_reading(self) -> None:
        # The client is slow, not the upstream: the upstream's time stands still.
        self._read_deadline = math.inf
        if self._is_reading:
            self._is_reading = False
            self._transport.pause_reading()

    def _resume_reading(self) -> None:
        self._is_reading = True
        if not self._transport.is_closing():
            self._transport.resume_reading()
            if self._phase is BODY:
                self._read_deadline = self._loop.time() + self._terms.body_idle

    def _check_writing(self, now: float) -> None:
        """Time for taking the request is up, unless the upstream took at least some of what waited."""
        waiting = self._transport.get_write_buffer_size()
        if waiting >= self._unsent and self._phase is not DONE:
            self.fail(Failure.STALLED)
            return
        self._unsent = waiting
        self._write_deadline = now + self._terms.body_idle

    def _wake(self) -> None:
        if self.on_news is not None:
            self.on_news()
        waiter = self._waiter
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    def _release_writer(self) -> None:
        if self._drained is not None and not self._drained.done():
            self._drained.set_result(None)
