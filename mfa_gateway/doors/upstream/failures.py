"""What may go wrong while a call is forwarded, and which status says so.

For: one closed set of failures, one function that gives each its status, one table test over both. Foreign
errors (`OSError`, time-outs, parser errors) are translated into this set where they enter the room.
Not here: the reply itself (`replies`) and what happens to the connection (`exchange`).
"""

import enum
import socket
from typing import assert_never

from mfa_gateway.doors.asgi import CutAnswer


class Failure(enum.Enum):
    """Why a call was not forwarded, or not to its end. The value is the text for the log; it names no input."""

    BAD_METHOD = "the method is not one that is forwarded"
    BAD_TARGET = "the request target is not a plain absolute path"
    BAD_FIELD = "a header field or the Host is not one unambiguous line"
    BAD_FRAMING = "the request does not say unambiguously where its body ends"
    BODY_MISMATCH = "the request body was not as long as announced"
    CLIENT_GONE = "the client left before the answer was complete"
    UNKNOWN_HOST = "the name of the upstream could not be resolved"
    UNREACHABLE = "no connection to the upstream could be made"
    CONNECT_TIMEOUT = "the upstream did not accept a connection in time"
    BROKEN = "the upstream closed the connection before its answer was complete"
    BAD_ANSWER = "the upstream sent something that is not an HTTP/1 answer to this request"
    SILENT = "the upstream did not begin its answer in time"
    STALLED = "the upstream stopped taking the request or sending its answer"


# nginx's number for a client that closed first. Never sent: it exists so that logs and metrics have a word for it.
CLIENT_CLOSED_REQUEST = 499


def status_of(failure: Failure) -> int:
    """The HTTP status for a failure: whose fault it is, and whether waiting was the trouble (RFC 9110 section 15)."""
    match failure:
        case Failure.BAD_TARGET | Failure.BAD_FIELD | Failure.BAD_FRAMING | Failure.BODY_MISMATCH:
            return 400
        case Failure.BAD_METHOD:
            return 405
        case Failure.CLIENT_GONE:
            return CLIENT_CLOSED_REQUEST
        case Failure.UNKNOWN_HOST | Failure.UNREACHABLE | Failure.BROKEN | Failure.BAD_ANSWER:
            return 502
        case Failure.CONNECT_TIMEOUT | Failure.SILENT | Failure.STALLED:
            return 504
        case _:
            assert_never(failure)


def of_connecting(error: OSError) -> Failure:
    """Translate what `create_connection` raises. `TimeoutError` and `gaierror` are both kinds of `OSError`."""
    if isinstance(error, TimeoutError):
        return Failure.CONNECT_TIMEOUT
    if isinstance(error, socket.gaierror):
        return Failure.UNKNOWN_HOST
    return Failure.UNREACHABLE


class ForwardingError(Exception):
    """A call could not be forwarded and nothing of an answer has reached the client: it can still be told."""

    def __init__(self, failure: Failure) -> None:
        """Keep the reason; the text of the exception is the reason's and holds nothing of the call."""
        super().__init__(failure.value)
        self.failure = failure


class AnswerCutError(CutAnswer):
    """The answer broke off after it had begun.

    Raised out of the ASGI application on purpose: the server then closes the client's connection without the
    chunk or the bytes that would have ended the answer, so the client sees that it is incomplete.
    """

    def __init__(self, failure: Failure) -> None:
        """Keep the reason; the text of the exception is the reason's and holds nothing of the call."""
        super().__init__(failure.value)
        self.failure = failure
