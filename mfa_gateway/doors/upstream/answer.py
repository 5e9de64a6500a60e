"""The head of an upstream's answer: what goes to the client, how its body is framed, whether the connection stays.

For: bytes of one head in, one `Answer` out; pure. The parser is a fresh one for every head and never sees a body: it
has no notion of "no body" for HEAD, and would read the next answer's first bytes as this one's.
Not here: finding the end of the head and swallowing interim answers (`connection`), body bytes (`bodies`).
"""

from typing import Final

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

from mfa_gateway.doors.date import http_date
from mfa_gateway.doors.upstream.bodies import Body, ChunkedBody, SizedBody, UnsizedBody
from mfa_gateway.doors.upstream.failures import Failure, ForwardingError
from mfa_gateway.doors.upstream.fields import (
    ANSWER_KINDS,
    CODING,
    CONNECTION,
    DATE,
    LENGTH,
    PASS,
    STOP,
    Field,
    Kind,
    tokens,
)

_SWITCHING: Final = 101
FIRST_FINAL: Final = 200
_LAST_STATUS: Final = 599
# RFC 9110 sections 15.3.5 and 15.4.5: these never have a body, whatever their fields say.
_WITHOUT_BODY: Final = (204, 304)
# 18 digits are an exabyte less one byte and fit every counter on the way.
_MOST_DIGITS: Final = 18


class Answer:
    """One head, filled by the parser's callback and then settled.

    One object from parser to client, and no dataclass: one is made per call on the hot path.

    Attributes:
        status: 200 to 599, or 1xx for an interim answer, which another one follows (RFC 9110 section 15.2).
        fields: what goes to the client, names in lower case; a date is always among them.
        body: takes the bytes that follow.
        is_reusable: whether the connection may serve another call once the body has ended.
    """

    __slots__ = (
        "_is_chunked",
        "_is_dated",
        "_is_modern",
        "_length",
        "_listing",
        "body",
        "fields",
        "is_reusable",
        "status",
    )

    def __init__(self, *, is_modern: bool) -> None:
        self.status = 0
        self.fields: list[Field] = []
        self.body: Body
        # HTTP/1.0 servers may offer to keep a connection; taking them up on it is not worth their misunderstandings.
        self.is_reusable = is_modern
        self._is_modern = is_modern
        self._is_chunked = False
        self._is_dated = False
        self._length: bytes | None = None
        self._listing: list[bytes] | None = None

    def on_header(self, name: bytes, value: bytes) -> None:
        """Parser's callback: one field. Most go on, some have to be looked at."""
        name = name.lower()
        kind = ANSWER_KINDS[name]
        if kind is PASS:
            self.fields.append((name, value))
        elif kind is not STOP:
            self._look(kind, value)

    def _look(self, kind: Kind, value: bytes) -> None:
        if kind is DATE:
            self._is_dated = True
            self.fields.append((b"date", value))
        elif kind is LENGTH:
            self._take_length(value.strip(b" \t"))
        elif kind is CODING:
            self._take_coding(value.strip(b" \t"))
        elif kind is CONNECTION:
            self._listing = [*(self._listing or ()), value]

    def settle(self, status: int, *, to_head: bool) -> None:
        """Decide on the fields and the body; all fields are there."""
        self.status = status
        if self._listing:
            self._obey(tokens(self._listing))
        if not self._is_dated:
            # RFC 9110 section 6.6.1: whoever forwards an answer without a date gives it one.
            self.fields.append((b"date", http_date()))
        self._frame(to_head=to_head)

    def _take_length(self, value: bytes) -> None:
        if self._length is not None or self._is_chunked or not value.isdigit() or len(value) > _MOST_DIGITS:
            raise ForwardingError(Failure.BAD_ANSWER)
        self._length = value

    def _take_coding(self, value: bytes) -> None:
        """Accept `chunked` alone, once, in HTTP/1.1: no other coding was asked for (RFC 9112 section 6.1)."""
        if self._is_chunked or self._length is not None or not self._is_modern or value.lower() != b"chunked":
            raise ForwardingError(Failure.BAD_ANSWER)
        self._is_chunked = True

    def _obey(self, listed: set[bytes]) -> None:
        """Drop what `Connection` lists. The date is nobody's to take away, nor the framing, which is not here yet."""
        self.fields = [field for field in self.fields if field[0] not in listed or field[0] == b"date"]
        if b"close" in listed:
            self.is_reusable = False

    def _frame(self, *, to_head: bool) -> None:
        """Decide where the body ends (RFC 9112 section 6.3) and whether the connection is known to end there too."""
        length = self._length
        if self.status in _WITHOUT_BODY or self.status < FIRST_FINAL:
            self.body = SizedBody(0)
            # A body announced here may still be sent by a server that is wrong twice: do not use the connection again.
            if self._is_chunked or (length is not None and length.strip(b"0")):
                self.is_reusable = False
            return
        if length is not None:
            self.fields.append((b"content-length", length))
        if to_head:
            self.body = SizedBody(0)
            # A body on HEAD is the commonest fault of all, and may arrive after the connection has a new user.
            self.is_reusable = False
        elif length is not None:
            self.body = SizedBody(int(length))
        elif self._is_chunked:
            self.body = ChunkedBody()
        else:
            self.body = UnsizedBody()
            self.is_reusable = False


def read_answer(head: bytes, *, to_head: bool) -> Answer:
    """Read one head, from the status line to the empty line; `to_head` when it answers a HEAD request.

    Raises:
        ForwardingError: not HTTP/1, not a status a server may send, 101 (never asked for), or framed in two ways.
    """
    is_modern = head.startswith(b"HTTP/1.1")
    if not is_modern and not head.startswith(b"HTTP/1.0"):
        raise ForwardingError(Failure.BAD_ANSWER)
    answer = Answer(is_modern=is_modern)
    parser = HttpResponseParser(answer)
    try:
        parser.feed_data(head)
    except (HttpParserError, HttpParserUpgrade):  # what a callback raises comes out as HttpParserCallbackError
        raise ForwardingError(Failure.BAD_ANSWER) from None
    status = parser.get_status_code()
    if status == _SWITCHING or status > _LAST_STATUS:
        raise ForwardingError(Failure.BAD_ANSWER)
    answer.settle(status, to_head=to_head)
    return answer
