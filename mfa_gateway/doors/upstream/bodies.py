"""Where an answer's body ends: counting, chunks, or the end of the connection.

For: the three framings of RFC 9112 section 6.3 behind one small shape, so that the connection can hand over bytes
and ask whether that was all. Nothing here waits.
Not here: which framing an answer has (`answer`), and buffering (`connection`).
"""

from collections.abc import Sequence
from typing import Final

from httptools import HttpParserError, HttpResponseParser

from mfa_gateway.doors.upstream.failures import Failure, ForwardingError
from mfa_gateway.doors.upstream.fields import Field

# The parser only reads chunks after a head that announces them.
_CHUNKS_FOLLOW: Final = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
# This much of extensions and trailers without a byte of body is an attack or a fault.
_MOST_OVERHEAD: Final = 65_536


class SizedBody:
    """A body of a known number of bytes; zero for answers that have none. Counted here, never by the parser."""

    __slots__ = ("ended", "excess", "remaining")
    trailers: Final[Sequence[Field]] = ()

    def __init__(self, length: int) -> None:
        self.remaining = length
        self.ended = length == 0
        self.excess = False

    def feed(self, data: bytes) -> bytes:
        """Take what arrived and give back the part that belongs to the body; bytes beyond it set `excess`."""
        size = len(data)
        if size > self.remaining:
            self.excess = True
            data = data[: self.remaining]
            size = self.remaining
        self.remaining -= size
        self.ended = self.remaining == 0
        return data

    def is_whole_at_eof(self) -> bool:
        """Whether the end of the connection now leaves a whole body."""
        return self.ended


class ChunkedBody:
    """A body in chunks (RFC 9112 section 7.1). Extensions are dropped; `trailers` are complete when it has ended."""

    __slots__ = ("_begun", "_chunks", "_is_behind", "_overhead", "_parser", "ended", "excess", "trailers")

    def __init__(self) -> None:
        self.ended = False
        self.excess = False
        self._begun = False
        self._overhead = 0
        self._chunks: list[bytes] = []
        self._is_behind = False
        self.trailers: list[Field] = []
        self._parser = HttpResponseParser(self)
        self._parser.feed_data(_CHUNKS_FOLLOW)

    def feed(self, data: bytes) -> bytes:
        """Take what arrived and give back the data of its chunks; bytes beyond the last chunk set `excess`.

        Raises:
            ForwardingError: the chunks are not well formed, or there is no end to what surrounds them.
        """
        try:
            self._parser.feed_data(data)
        except HttpParserError:
            if not self.ended:
                raise ForwardingError(Failure.BAD_ANSWER) from None
            self.excess = True
        chunks = self._chunks
        if not chunks:
            self._count_overhead(len(data))
            return b""
        self._overhead = 0
        self._chunks = []
        return chunks[0] if len(chunks) == 1 else b"".join(chunks)

    def is_whole_at_eof(self) -> bool:
        """Whether the end of the connection now leaves a whole body."""
        return self.ended

    def _count_overhead(self, size: int) -> None:
        self._overhead += size
        if self._overhead > _MOST_OVERHEAD:
            raise ForwardingError(Failure.BAD_ANSWER)

    def on_message_begin(self) -> None:
        """Parser's callback: the first is the head above, a second one is an answer nobody asked for."""
        self.excess = self._begun
        self._begun = True

    def on_headers_complete(self) -> None:
        """Parser's callback: the head above is over."""
        self._is_behind = True

    def on_header(self, name: bytes, value: bytes) -> None:
        """Parser's callback: a field, of the head above or behind the last chunk."""
        if self._is_behind and not self.ended:
            self.trailers.append((name.lower(), value))

    def on_body(self, data: bytes) -> None:
        """Parser's callback: data of one chunk."""
        if not self.ended:
            self._chunks.append(data)

    def on_message_complete(self) -> None:
        """Parser's callback: the last chunk and the trailers are over."""
        self.ended = True


class UnsizedBody:
    """A body that ends when the upstream closes the connection (RFC 9112 section 6.3, rule 8)."""

    __slots__ = ()
    trailers: Final[Sequence[Field]] = ()
    ended: Final = False
    excess: Final = False

    def feed(self, data: bytes) -> bytes:
        """Everything that arrives is body."""
        return data

    def is_whole_at_eof(self) -> bool:
        """Closing is the only end there is."""
        return True


Body = SizedBody | ChunkedBody | UnsizedBody
