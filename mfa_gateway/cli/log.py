"""The log of a process that serves, on standard error: lines for people at a terminal, JSON for everybody else.

There is a line for every judged call, so writing one has to cost little: what one turn of the event loop says is
written in one piece at its end. A process that is killed loses what it said in that turn; warnings and worse are
written at once. What stays out: what is logged.
"""

import asyncio
import atexit
import json
import logging
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, BinaryIO, Final

import msgspec
import structlog
from structlog.typing import EventDict

# Written at once, whatever the turn of the loop has still to say, when this much waits.
_MOST_WAITING: Final = 65_536

_encode: Final = msgspec.json.Encoder(enc_hook=repr).encode


class Lines:
    """A stream to which lines are written in pieces, as large as one turn of the event loop makes them."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._waiting: list[bytes] = []
        self._size = 0

    def later(self, line: bytes) -> None:
        """Write a line at the end of this turn; at once where no loop runs."""
        if not self._waiting:
            try:
                asyncio.get_running_loop().call_soon(self.flush)
            except RuntimeError:
                self.now(line)
                return
        self._waiting.append(line)
        self._size += len(line)
        if self._size > _MOST_WAITING:
            self.flush()

    def now(self, line: bytes) -> None:
        """Write a line, and what waits before it."""
        self._waiting.append(line)
        self.flush()

    def flush(self) -> None:
        """Write what waits."""
        if not self._waiting:
            return
        lines, self._waiting, self._size = self._waiting, [], 0
        self._stream.write(b"\n".join(lines) + b"\n")
        self._stream.flush()


# Looked up: formatting a number costs as much as the rest of a time does.
_THREE_DIGITS: Final = tuple(f"{number:03d}" for number in range(1000))


class Stamp:
    """The time as RFC 3339 has it, in UTC. The seconds of it are made once a second."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        """`clock` gives seconds since 1970."""
        self._clock = clock
        self._second = -1
        self._text = ""

    def __call__(self) -> str:
        """The time now, to the microsecond."""
        now = self._clock()
        second = int(now)
        if second != self._second:
            self._text = datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S.")
            self._second = second
        # A number with a fraction is exact to a quarter of a microsecond in these centuries.
        micros = min(int((now - second) * 1_000_000 + 0.5), 999_999)
        return self._text + _THREE_DIGITS[micros // 1000] + _THREE_DIGITS[micros % 1000] + "Z"


def as_json(event: EventDict) -> bytes:
    """One line of JSON. What JSON cannot say is written as Python would show it."""
    try:
        return _encode(event)
    except (TypeError, ValueError, msgspec.MsgspecError):
        # Half of a surrogate pair, most likely: a name from the file system. `json` escapes it.
        return json.dumps(event, default=repr).encode("ascii")


class Logger(structlog.BoundLoggerBase):
    """Writes JSON, without the chain of processors: that costs more than everything else about a line."""

    _stamp: Final = Stamp()

    def debug(self, event: str, **fields: Any) -> None:
        """Nobody reads this."""

    def info(self, event: str, **fields: Any) -> None:
        """What happens."""
        self.take(event, fields)

    def take(self, event: str, fields: dict[str, Any]) -> None:
        """The same, of fields that are nobody else's."""
        self._logger.later(self._line("info", event, fields))

    def warning(self, event: str, **fields: Any) -> None:
        """What somebody should look at."""
        self._logger.now(self._line("warning", event, fields))

    def error(self, event: str, **fields: Any) -> None:
        """What went wrong."""
        self._logger.now(self._line("error", event, fields))

    def exception(self, event: str, **fields: Any) -> None:
        """What went wrong, with its traceback."""
        self.error(event, **{"exc_info": True, **fields})

    def is_enabled_for(self, level: int) -> bool:
        """Whether lines of this level are written."""
        return level >= logging.INFO

    def _line(self, level: str, event: str, fields: dict[str, Any]) -> bytes:
        line: EventDict = {**self._context, **fields} if self._context else fields
        if "exc_info" in line:
            line = structlog.processors.format_exc_info(self._logger, level, line)
        line["event"] = event
        line["level"] = level
        line["timestamp"] = self._stamp()
        return as_json(line)


def configure_log() -> None:
    """Set up the log of this process."""
    lines = Lines(sys.stderr.buffer)
    atexit.register(lines.flush)
    if sys.stderr.isatty():
        structlog.configure(
            processors=[
                structlog.processors.add_log_level,
                structlog.processors.TimeStamper(fmt="iso", utc=True),
                # The other formatters show local variables, tokens and codes among them.
                structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback),
            ],
            wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
            logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
            cache_logger_on_first_use=True,
        )
    else:
        structlog.configure(
            processors=[], wrapper_class=Logger, logger_factory=lambda *_: lines, cache_logger_on_first_use=True
        )
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="%(levelname)s %(name)s %(message)s")
