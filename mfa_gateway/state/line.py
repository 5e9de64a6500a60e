"""The line: the one seam to Redis. Commands go in, replies come out, foreign errors become `StoreUnavailable`.

Theory. Commands asked for at the same moment travel together: they are queued, and a *carrier* (a task of the line's
own) takes what has gathered, borrows a connection, writes it as one pipeline and reads one reply for each. Three
promises follow from that shape rather than from care:

- **Nothing is ever sent twice.** redis-py retries inside `Redis.execute_command` (ten times by default) and nowhere
  below it; the line does not use that class. Pool and connection retry connecting only, and their `Retry` is none.
- **No answer reaches another caller** (CVE-2023-28858 and -28859 in redis-py). A caller that gives up leaves a future
  behind that nobody looks at; its reply is still read, in its place, by the carrier, which no caller can cancel.
- **A slow store costs one time-out, not one each.** What waits behind a failure fails with it, and the circuit keeps
  the next ones from trying.

What stays out: what commands mean, and scripts that the server does not know yet (scripts).
"""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

import structlog
from hiredis import pack_command
from redis.asyncio.connection import AbstractConnection, BlockingConnectionPool
from redis.exceptions import NoScriptError, ResponseError

from mfa_gateway.core.fault import StoreUnavailable
from mfa_gateway.state.bulletin import listen
from mfa_gateway.state.circuit import Circuit
from mfa_gateway.state.keys import account_key_of
from mfa_gateway.state.near import NearStandings
from mfa_gateway.state.tracking import News, track

Word = str | bytes | int

# A store runs one script at a time, so more connections do not make it faster. A second one shortens the wait behind a
# batch that is still on its way; the more there are, the smaller the batches, and the dearer each look-up.
CONNECTIONS: Final = 2

# While the store works through a batch, its callers wait and this process goes on with others: batches of everybody
# would have everybody wait at once. What the slowest script needs, times this, has to stay far below `store.timeout`.
_BATCH: Final = 16

# How often the store is asked for its assurance in the time that one lasts: one or two may be late.
_PULSES: Final = 4


class ScriptUnknown(Exception):
    """The server does not know the script: it did not run."""


@dataclass(slots=True)
class Traffic:
    """What went over a line: round trips, the commands on them, and how often there was no answer."""

    trips: int = 0
    commands: int = 0
    failures: int = 0


@dataclass(slots=True)
class _Parcel:
    """One packed command and the future of its reply."""

    packed: bytes
    reply: asyncio.Future[Any]

    def deliver(self, reply: Any) -> None:
        if not self.reply.done():
            self.reply.set_result(reply)

    def fail(self, error: Exception) -> None:
        if not self.reply.done():
            self.reply.set_exception(error)


class Line:
    """Carries commands to one store.

    Attributes of construction: `timeout` seconds for one answer, `connect_timeout` seconds for one connection, `near`
    for what is remembered here of the standings there; None: nothing.
    """

    def __init__(
        self,
        pool: BlockingConnectionPool,
        *,
        timeout: float,
        connect_timeout: float,
        clock: Callable[[], float],
        near: NearStandings | None = None,
    ) -> None:
        self._pool = pool
        self._timeout = timeout
        self._connect_timeout = connect_timeout
        self._circuit = Circuit(clock)
        # One that is never assured remembers nothing.
        self.near = NearStandings(entries=1, max_stale=0.0, clock=clock) if near is None else near
        self._queue: deque[_Parcel] = deque()
        self._carriers: set[asyncio.Task[None]] = set()
        self._is_due = False
        self._is_closed = False
        self.traffic = Traffic()
        self._log: structlog.typing.FilteringBoundLogger = structlog.get_logger()

    async def ask(self, *words: Word) -> Any:
        """Send one command, once, and wait for its reply: an int, bytes, None, or a list of these.

        Raises:
            StoreUnavailable: there is no reply; the command may have been carried out, or not.
            ScriptUnknown: the command was EVALSHA, and nothing was carried out.
        """
        if self._is_closed:
            raise StoreUnavailable("the store was closed")
        if self._circuit.has_to_wait():
            raise StoreUnavailable("the store did not answer a moment ago")
        reply = asyncio.get_running_loop().create_future()
        packed = pack_command(words)  # type: ignore[arg-type] # the stub means a tuple of any length
        self._queue.append(_Parcel(packed, reply))
        self._call_carrier()
        return await reply

    def listen(self) -> AsyncGenerator[str | None]:
        """What is told of accounts from now on, on a connection of its own; see `bulletin.listen`."""
        return listen(self._pool, timeout=self._timeout, connect_timeout=self._connect_timeout)

    def track(self) -> AsyncGenerator[News]:
        """What is told of changes from now on, on a connection of its own; see `tracking.track`."""
        return track(
            self._pool,
            timeout=self._timeout,
            connect_timeout=self._connect_timeout,
            pulse=self.near.max_stale / _PULSES,
            clock=self.near.clock,
        )

    def changed(self, keys: Iterable[str]) -> None:
        """Something may have been done to these keys just now, from here."""
        self.near.forget(map(account_key_of, keys))

    async def close(self) -> None:
        """Fail what is under way and close every connection."""
        self._is_closed = True
        for carrier in self._carriers:
            carrier.cancel()
        await asyncio.gather(*self._carriers, return_exceptions=True)
        _fail(self._queue, "the store was closed")
        await self._pool.aclose()

    def _call_carrier(self) -> None:
        """Let what else is ready in this turn of the loop ask too, before a carrier takes it all."""
        if not self._is_due and len(self._carriers) < CONNECTIONS:
            self._is_due = True
            asyncio.get_running_loop().call_soon(self._start_carrier)

    def _start_carrier(self) -> None:
        self._is_due = False
        if self._is_closed or not self._queue:
            return
        carrier = asyncio.get_running_loop().create_task(self._carry())
        self._carriers.add(carrier)
        carrier.add_done_callback(self._end_carrier)

    def _end_carrier(self, carrier: asyncio.Task[None]) -> None:
        self._carriers.discard(carrier)
        if self._queue:
            self._call_carrier()

    async def _carry(self) -> None:
        """Carry batches until nothing waits."""
        batch: Sequence[_Parcel] = ()
        try:
            async with self._connection() as connection:
                while batch := self._take():
                    async with asyncio.timeout(self._timeout):
                        await _exchange(connection, batch)
                    self.traffic.trips += 1
                    self.traffic.commands += len(batch)
                    self._worked()
        except asyncio.CancelledError:
            _fail(batch, "the store was closed")
            raise
        except Exception as error:  # noqa: BLE001 - whatever it was, nobody may be left waiting
            self._broke(batch, error)

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[AbstractConnection]:
        """Borrow a connection. After any error it is closed, so that no reply is left in it for the next borrower."""
        async with asyncio.timeout(self._connect_timeout):
            connection: AbstractConnection = await self._pool.get_connection()  # type: ignore[no-untyped-call]
        try:
            yield connection
        except BaseException:
            await connection.disconnect(nowait=True)
            raise
        finally:
            await self._pool.release(connection)

    def _take(self) -> list[_Parcel]:
        """The next batch, without those whose callers have left: what was not sent need not be."""
        batch: list[_Parcel] = []
        while self._queue and len(batch) < _BATCH:
            parcel = self._queue.popleft()
            if not parcel.reply.done():
                batch.append(parcel)
        return batch

    def _worked(self) -> None:
        if self._circuit.is_open:
            self._log.info("store answers again")
        self._circuit.worked()

    def _broke(self, batch: Sequence[_Parcel], error: Exception) -> None:
        reason = _reason(error)
        self.traffic.failures += 1
        if not self._circuit.is_open:
            self._log.warning("store unavailable", why=reason)
        self._circuit.broke()
        _fail([*batch, *self._queue], reason, error)
        self._queue.clear()


async def _exchange(connection: AbstractConnection, batch: Sequence[_Parcel]) -> None:
    """Write a batch and read one reply for each. An error that the store replied belongs to its command alone."""
    await connection.send_packed_command([b"".join([parcel.packed for parcel in batch])], check_health=False)
    for parcel in batch:
        try:
            parcel.deliver(await connection.read_response())
        except NoScriptError:
            parcel.fail(ScriptUnknown())
        except ResponseError as error:
            _fail((parcel,), _reason(error), error)


def _fail(parcels: Iterable[_Parcel], reason: str, cause: Exception | None = None) -> None:
    for parcel in parcels:
        fault = StoreUnavailable(reason)
        fault.__cause__ = cause
        parcel.fail(fault)


def _reason(error: Exception) -> str:
    match error:
        case TimeoutError():
            return "the store did not answer in time"
        case ResponseError():
            return f"the store refused: {error.status_code or 'ERR'} {error}"
        case _:
            return f"the store cannot be reached: {error}"
