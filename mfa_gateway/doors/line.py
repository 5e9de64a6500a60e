"""The line: one client's connection, its phases, its one deadline, and how it is left.

    HEAD     waiting for a head, or in the middle of one
    BODY     in the middle of a body, which may be answered already
    WHOLE    done with a request, not yet with its answer
    LEAVING  not reading any more; what still arrives is thrown away

One deadline at most runs in each: for a head as a whole, for the next piece of a body while we read, for taking the
next piece of an answer, for the next request.

uvicorn's own protocol closes while bytes of the client are still unread. The kernel makes a reset of that, and the
answer may be lost with it. So leaving means: close our half, throw away for a short while, then close the other half.

What stays out: what the bytes mean, and how a server makes such a connection (protocol).
"""

import asyncio
from contextvars import Context, copy_context
from enum import Enum
from math import inf
from typing import Any, Final

import structlog
from structlog.typing import FilteringBoundLogger
from uvicorn.protocols.utils import get_local_addr, get_remote_addr, is_ssl

from mfa_gateway.doors.asgi import LINGER_BYTES
from mfa_gateway.doors.cycle import Cycle
from mfa_gateway.doors.deadline import Deadline
from mfa_gateway.doors.outbox import outbox_of
from mfa_gateway.doors.refusal import plain_refusal
from mfa_gateway.doors.request_ids import new_request_id
from mfa_gateway.doors.service import Service
from mfa_gateway.doors.transport import Exit, Flow

_log: FilteringBoundLogger = structlog.get_logger(__name__)

# How much of what is sent ahead may wait before nothing more is read.
_MOST_AHEAD: Final = 65_536


class Phase(Enum):
    """What a connection is at."""

    HEAD = "head"
    BODY = "body"
    WHOLE = "whole"
    LEAVING = "leaving"


# Looked up several times a request.
HEAD: Final = Phase.HEAD
BODY: Final = Phase.BODY
WHOLE: Final = Phase.WHOLE
LEAVING: Final = Phase.LEAVING


class Line:
    """One connection: all that `asyncio` asks of a protocol but `data_received`, though of none of its classes.

    Theirs would make every attribute of ours slow.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, connections: set[Any], service: Service) -> None:
        """`connections` are those that are open; `service` is shared by all of a listener."""
        self.loop = loop
        self.service = service
        self.terms = service.terms
        self._connections = connections
        self._phase = HEAD
        self._deadline = Deadline(self.loop, self._time_out)
        self._context: Context = copy_context()
        self._wire: asyncio.Transport
        self._exit: Exit
        self.flow: Flow
        self._cycle: Cycle | None = None
        self._ends: dict[str, Any] = {}
        self._head_bytes = 0
        self._is_head_request = False
        # Outside of the request: sent ahead, thrown away, and of our own not taken yet.
        self._ahead = b""
        self._has_lost_bytes = False
        self._thrown_away = 0
        self._unsent = 0.0

    @property
    def cycle(self) -> Cycle:
        """The request that is being answered, or was last. Only where there was one."""
        if self._cycle is None:
            raise RuntimeError("nothing was asked on this connection yet")
        return self._cycle

    def _may_read(self) -> bool:
        """Whether more may be sent ahead. If not, we do not hear of a client that leaves before its answer either."""
        return self._phase is not WHOLE or len(self._ahead) <= _MOST_AHEAD

    def connection_made(self, transport: asyncio.Transport) -> None:
        """Start waiting for a head."""
        self._connections.add(self)
        self._ends = {
            "scheme": "https" if is_ssl(transport) else "http",
            "client": get_remote_addr(transport),
            "server": get_local_addr(transport),
        }
        self._wire = transport
        self._exit = Exit(transport, self.leave, outbox_of(self.loop))
        self.flow = Flow(transport, may_read=self._may_read, on_change=self._wind)
        self._deadline.set(self.terms.head_timeout)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - why it ended changes nothing
        """Forget what waits, and tell the request that is being answered."""
        self._shut()
        self._deadline.stop()
        self._connections.discard(self)
        if (cycle := self._cycle) is not None:
            cycle.disconnected = cycle.disconnected or not cycle.response_complete
            cycle.wake()
        self.flow.resume_writing()
        self._let_go()

    def _let_go(self) -> None:
        """Undo the circles in which a connection holds itself: a flood of them must not wait for the collector."""
        self._exit.let_go()
        self.flow.let_go()
        self._cycle = None

    def eof_received(self) -> None:
        """The client says no more; its transport is closed for that."""

    def shutdown(self) -> None:
        """The server stops: what is being answered is the last answer here."""
        if self._cycle is None or self._cycle.response_complete:
            self._exit.close()
        else:
            self._cycle.keep_alive = False

    # --- Time ---

    def pause_writing(self) -> None:
        """The client takes the answer more slowly than it comes."""
        self.flow.pause_writing()
        self._unsent = float(self._wire.get_write_buffer_size())
        self._wind()

    def resume_writing(self) -> None:
        """There is room again."""
        self.flow.resume_writing()
        self._wind()

    def _wind(self) -> None:
        """Set the deadline that holds from now on."""
        if self._phase is LEAVING:
            return
        if self.flow.write_paused:
            self._deadline.set(self.terms.body_idle)
        elif self._phase is HEAD:
            self._deadline.set(self.terms.head_timeout if self._head_bytes else self.terms.keep_alive)
        elif self._phase is BODY and not self.flow.read_paused:
            self._deadline.set(self.terms.linger if self.cycle.response_complete else self.terms.body_idle)
        else:
            self._deadline.clear()

    def _time_out(self) -> None:
        if self._phase is LEAVING:
            self._close()
        elif self.flow.write_paused:
            self._check_taking()
        elif self._phase is HEAD and not self._head_bytes:
            # Nobody asked for anything: an answer would be taken for that of the next request.
            self.leave()
        else:
            self._refuse(408, "it did not arrive in time")

    def _check_taking(self) -> None:
        """End a connection whose client took nothing of what waits for it."""
        waiting = self._wire.get_write_buffer_size()
        if waiting >= self._unsent:
            self._wire.abort()
        else:
            self._unsent = float(waiting)
            self._deadline.set(self.terms.body_idle)

    # --- Leaving ---

    def _refuse(self, status: int, why: str) -> None:
        """Answer a request that is none, unless its answer has begun already: then it just ends."""
        request_id = new_request_id()
        _log.info("refused unread", request_id=request_id, status=status, why=why)
        is_running = self._phase is BODY
        self._exit.flush()
        if not is_running or not self.cycle.response_started:
            self._wire.write(plain_refusal(status, request_id, is_head=self._is_head_request))
        if is_running and not self.cycle.response_complete:
            self.cycle.disconnected = True
            self.cycle.wake()
        self.leave()

    def leave(self) -> None:
        """Close, at once where nothing of the client can be on its way, else by halves."""
        if self._exit.is_closing():
            return
        self._exit.flush()
        is_between = self._phase is HEAD and not self._head_bytes
        is_over = (is_between or self._phase is WHOLE) and not self._ahead and not self._has_lost_bytes
        self._shut()
        if is_over:
            self._close()
            return
        if self._wire.can_write_eof():
            self._wire.write_eof()
        self.flow.resume_reading()
        self._deadline.set(self.terms.linger)

    def _shut(self) -> None:
        self._phase = LEAVING
        self._exit.is_shut = True
        self._ahead = b""

    def _throw_away(self, size: int) -> None:
        self._thrown_away += size
        if self._thrown_away > LINGER_BYTES:
            self.flow.pause_reading()

    def _close(self) -> None:
        if not self._wire.is_closing():
            self._wire.close()
            self._unsent = inf
        self._check_taking()
