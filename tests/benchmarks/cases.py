"""Cases: what is asked, and a stand: somebody of whom it is asked.

A contender that runs has a stand in every case that it takes part in. What stays out: who contends (contenders), and
how load is put on (load).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final


@dataclass(frozen=True, slots=True)
class Question:
    """What one case asks of everybody.

    Attributes:
        title: for people.
        answer: which body the API gives, by the last segment of the path.
        connections: how many ask at a time.
        upload: bytes of a body that is sent along.
        is_waiting: it is the latency that counts, so nobody's core need be busy.
        is_default: whether a run without options asks it.
    """

    title: str
    answer: str = "300"
    connections: int = 32
    upload: int = 0
    is_waiting: bool = False
    is_default: bool = True


QUESTIONS: Final[Mapping[str, Question]] = {
    "small": Question("300-byte answers, 32 connections"),
    "one": Question("300-byte answers, 1 connection: latency", connections=1, is_waiting=True),
    "10m": Question("10 MiB answers, 8 connections", answer="10m", connections=8),
    "code": Question("A code presented with every call, each of another account, 32 connections"),
    "refused": Question("Refused for want of a code, 32 connections"),
    "checks": Question("Forward-auth checks, 32 connections"),
    "accounts": Question("In grace, 50,000 accounts in turn, 32 connections"),
    "many": Question("300-byte answers, 512 connections", connections=512, is_default=False),
    "64k": Question("64 KiB answers, 32 connections", answer="64k", is_default=False),
    "upload": Question("100 KiB uploads, 32 connections", upload=100 * 1024, is_default=False),
    "websocket": Question("WebSocket: 64-byte messages echoed, 32 connections", is_default=False),
}
# What every proxy that merely forwards can be asked.
FORWARDING: Final = frozenset({"small", "one", "many", "10m", "64k", "upload", "websocket"})


@dataclass(frozen=True, slots=True)
class Stand:
    """Somebody who is asked: one URL, with these headers.

    Attributes:
        case: a key of `QUESTIONS`.
        who: whoever it is, as tables call them.
        url: begins with http://.
        pids: the first process of each family that does the work.
        expects: the status of every answer.
        feed: a line a call, `TOKEN CODE`; None where all calls are the same. Written anew by `refill`.
    """

    case: str
    who: str
    url: str
    pids: tuple[int, ...]
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    expects: int = 200
    feed: "Feed | None" = None


class Feed:
    """Calls that differ, as lines of a file."""

    def refill(self, seconds: int) -> Path:
        """A file with enough lines for so many seconds."""
        raise NotImplementedError


def forwarding_stands(
    who: str, port: int, pids: tuple[int, ...], *, headers: Mapping[str, str], route: str = "open"
) -> tuple[Stand, ...]:
    """The stands of somebody who forwards to the API: everything below one route."""
    base = f"http://127.0.0.1:{port}/{route}"
    return tuple(
        Stand(case, who, f"{base}/{'socket' if case == 'websocket' else QUESTIONS[case].answer}", pids, headers)
        for case in QUESTIONS
        if case in FORWARDING
    )
