"""The wire: the values that a dialect takes and gives, whatever it speaks.

What stays out: HTTP servers (a `Reply` is what a door sends), and anything that one dialect has and another has not.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from mfa_gateway.core.account import Caller
from mfa_gateway.core.ceremony import Command, Failed, Outcome
from mfa_gateway.core.verdict import Reason

Headers = tuple[tuple[bytes, bytes], ...]

# RFC 9111 section 5.2.2.5: no refusal and no answer of a ceremony may be stored by anything on the way.
NO_STORE: Headers = ((b"cache-control", b"no-store"),)


@dataclass(frozen=True, slots=True)
class Reply:
    """A whole answer. Header names are lower case; `content-length` is left to the door."""

    status: int
    headers: Headers = ()
    body: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class Asked:
    """What of a request shapes the form of an answer: `accept` is the Accept value, "" where there is none."""

    method: str
    path: str
    accept: str = ""
    request_id: str = ""


@dataclass(frozen=True, slots=True)
class Submission:
    """A request to a ceremony endpoint, read whole."""

    asked: Asked
    caller: Caller
    content_type: str = ""
    body: bytes = field(default=b"", repr=False)
    code: str | None = field(default=None, repr=False)
    languages: tuple[str, ...] = ()


class Dialect(Protocol):
    """A wire form. `endpoints` maps canonical paths to the only method they take; empty where it has no ceremonies."""

    @property
    def endpoints(self) -> Mapping[str, str]:
        """Path, prefix included, to method."""
        ...

    def decode(self, submission: Submission) -> Command | Failed:
        """Read a request to one of the endpoints."""
        ...

    def encode(self, outcome: Outcome, asked: Asked) -> Reply:
        """Write what became of a ceremony."""
        ...

    def refuse(self, reason: Reason, asked: Asked, *, retry_after_ms: int = 0) -> Reply:
        """Write a refusal of any call. Always a status of 200 or more, always with `Cache-Control: no-store`."""
        ...


def retry_after(left_ms: int) -> Headers:
    """`Retry-After` in whole seconds, rounded up (RFC 9110 section 10.2.3); nothing where time changes nothing."""
    return ((b"retry-after", b"%d" % -(-left_ms // 1000)),) if left_ms > 0 else ()
