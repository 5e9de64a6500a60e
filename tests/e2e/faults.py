"""Everything that an API can do wrong to a gateway in front of it, by name, and what the one caller it concerns gets.

What stays out: what everybody else gets, which is always the answer to their own request.
"""

from dataclasses import dataclass
from enum import Enum

from tests.e2e.backend import Link, echo
from tests.e2e.installation import Seen
from tests.e2e.waiting import pause

FOREIGN = b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\nforeign"
# Where this stands, the API gives the answer that belongs to the request.
OWN = b"<own>"
_LONG = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n"
_CHUNKS = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


class Then(Enum):
    """What the API does after it has spoken."""

    CLOSE = "close"
    RESET = "reset"
    HOLD = "say no more until the gateway closes"
    GO_ON = "serve as ever"


@dataclass(frozen=True)
class Whole:
    """The caller gets a whole answer: the one to its own request, or a status without a body."""

    status: int = 200


@dataclass(frozen=True)
class Failed:
    """The caller is told that the API failed."""

    status: int = 502


@dataclass(frozen=True)
class Cut:
    """The caller gets this much of the answer and sees that it is not all."""

    body: bytes = b""


@dataclass(frozen=True)
class Fault:
    """One way to be wrong. `every` is how long the API waits before each piece, in seconds."""

    name: str
    expected: Whole | Failed | Cut
    pieces: tuple[bytes, ...] = ()
    then: Then = Then.CLOSE
    method: str = "GET"
    every: float = 0.0

    @property
    def has_own_body(self) -> bool:
        """Whether the answer is the one that belongs to the request, as far as it goes."""
        return any(OWN in piece for piece in self.pieces)

    async def happen(self, link: Link, seen: Seen) -> Then:
        for piece in self.pieces:
            if self.every:
                await pause(self.every)
            await link.send(piece.replace(OWN, echo(seen)))
        if self.then is Then.RESET:
            link.reset()
        elif self.then is Then.HOLD:
            await link.gone()
        return self.then


def _drops(data: bytes) -> tuple[bytes, ...]:
    return tuple(bytes((byte,)) for byte in data)


_BEFORE = (
    Fault("closes without a word", Failed()),
    Fault("resets without a word", Failed(), (), Then.RESET),
    Fault("closes after an interim answer", Failed(), (b"HTTP/1.1 103 Early Hints\r\n\r\n",)),
    Fault("never answers", Failed(504), (), Then.HOLD),
)
_DURING = (
    Fault("closes within its head", Failed(), (b"HTTP/1.1 200 OK\r\nContent-Le",)),
    Fault("resets within its head", Failed(), (b"HTTP/1.1 200 OK\r\nContent-Le",), Then.RESET),
    Fault("stops within its head", Failed(504), (b"HTTP/1.1 200 OK\r\nContent-Le",), Then.HOLD),
    Fault("gives its head in drops", Failed(504), _drops(b"HTTP/1.1 200 OK\r\nX-Long: x"), Then.HOLD, every=0.05),
)
_AFTER = (
    Fault("closes after its head", Cut(), (_LONG,)),
    Fault("resets after its head", Cut(), (_LONG,), Then.RESET),
    Fault("closes within its body", Cut(b"012"), (_LONG + b"012",)),
    Fault("resets within its body", Cut(b"012"), (_LONG + b"012",), Then.RESET),
    Fault("stops within its body", Cut(b"012"), (_LONG + b"012",), Then.HOLD),
    Fault("closes within a chunk", Cut(b"ab"), (_CHUNKS + b"5\r\nab",)),
    Fault("closes between chunks", Cut(b"abc"), (_CHUNKS + b"3\r\nabc\r\n",)),
    Fault("stops between chunks", Cut(b"abc"), (_CHUNKS + b"3\r\nabc\r\n",), Then.HOLD),
)
_GARBAGE = (
    Fault("speaks no HTTP", Failed(), (b"garbage\r\n\r\n",), Then.HOLD),
    Fault("speaks SSH", Failed(), (b"SSH-2.0-OpenSSH_9.2p1\r\n",), Then.HOLD),
    Fault("speaks TLS", Failed(), (b"\x15\x03\x03\x00\x02\x02\x28",), Then.HOLD),
    Fault("speaks HTTP/2", Failed(), (b"\x00\x00\x12\x04\x00\x00\x00\x00\x00",), Then.HOLD),
    Fault("switches protocols", Failed(), (b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n",), Then.HOLD),
    Fault("gives two lengths", Failed(), (b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n" + _LONG[17:],), Then.HOLD),
    Fault("gives length and chunks", Failed(), (_CHUNKS[:-2] + _LONG[17:] + b"0\r\n\r\n",), Then.HOLD),
    Fault("gives a head without end", Failed(), (b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000,), Then.HOLD),
    Fault("breaks its chunks", Cut(b"abc"), (_CHUNKS + b"3\r\nabc\r\n", b"what?\r\n" + FOREIGN), Then.HOLD, every=0.05),
)
_TOO_MUCH = (
    Fault("answers twice at once", Whole(), (OWN + FOREIGN,), Then.GO_ON),
    Fault("answers twice", Whole(), (OWN, FOREIGN), Then.GO_ON),
    Fault("answers again a moment later", Whole(), (OWN, FOREIGN), Then.GO_ON, every=0.03),
    Fault("answers and then talks", Whole(), (OWN, b"foreign"), Then.GO_ON, every=0.03),
    Fault("goes on after its last chunk", Whole(), (_CHUNKS + b"0\r\n\r\n" + FOREIGN,), Then.GO_ON),
    Fault("gives HEAD a body", Whole(), (_LONG + b"0123456789",), Then.GO_ON, "HEAD"),
    Fault("gives HEAD an answer as a body", Whole(), (_LONG + FOREIGN,), Then.GO_ON, "HEAD"),
    Fault("gives HEAD a body later", Whole(), (_LONG, FOREIGN), Then.GO_ON, "HEAD", every=0.03),
    Fault("gives 204 a body", Whole(204), (b"HTTP/1.1 204 No Content\r\n" + FOREIGN[17:],), Then.GO_ON),
    Fault("gives 304 a body", Whole(304), (b"HTTP/1.1 304 Not Modified\r\n" + FOREIGN[17:],), Then.GO_ON),
)
FAULTS = (*_BEFORE, *_DURING, *_AFTER, *_GARBAGE, *_TOO_MUCH)
# Those that may meet other calls at any moment. Bytes that come when somebody else's request has gone out on the same
# connection are that request's answer, as far as HTTP/1.1 can tell: no gateway could know better.
AT_ANY_MOMENT = tuple(
    fault for fault in FAULTS if fault.then is not Then.HOLD and (len(fault.pieces) < 2 or fault.then is not Then.GO_ON)
)
BY_TARGET = {f"/open/fault/{number}": fault for number, fault in enumerate(FAULTS)}
TARGETS = {fault.name: target for target, fault in BY_TARGET.items()}


async def unreliable(link: Link) -> None:
    """Wrong where it is asked to be, honest else; `X-Last: yes` makes an honest answer the last of its connection."""
    while True:
        seen = await link.request()
        fault = BY_TARGET.get(seen.target)
        if fault is None:
            last = seen.values("x-last") == ["yes"]
            await link.send(echo(seen, *(["Connection: close"] if last else [])))
            if last:
                return
        elif await fault.happen(link, seen) is not Then.GO_ON:
            return
