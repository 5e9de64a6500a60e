"""Where a script lies by itself: given keys and words, on a server whose clock stands where it is told to."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from mfa_gateway.state.line import Line, Word
from mfa_gateway.state.scripts import Script
from tests.clock import MemoryClock

# When it begins, in ms since 1970. The last millisecond of a second shows every slip in putting the two together.
NOW: Final = 1_700_000_000_999


class Desk:
    """A server with nothing on it but what a test puts there. Bytes come back as text."""

    def __init__(self, clock: MemoryClock, line: Line) -> None:
        self._clock = clock
        self._line = line
        self.wait(0)

    def wait(self, ms: int) -> None:
        """Be so many ms after the beginning. In the middle of a millisecond: what a float leaves out does not show."""
        self._clock.now = (NOW + ms + 0.5) / 1000

    async def run(self, script: Script, keys: Sequence[str], *words: Word) -> Any:
        """Run a script."""
        return _text(await script.run(self._line, keys, words))

    async def ask(self, *words: Word) -> Any:
        """Ask the server."""
        return _text(await self._line.ask(*words))

    async def put(self, key: str, fields: Mapping[str, Word]) -> None:
        """Make a hash of it."""
        await self.ask("HSET", key, *(word for pair in fields.items() for word in pair))

    async def fields(self, key: str) -> dict[str, str]:
        """What is in a hash."""
        flat = await self.ask("HGETALL", key)
        return dict(zip(flat[::2], flat[1::2], strict=True))

    async def items(self, key: str) -> list[str]:
        """What is in a list."""
        found: list[str] = await self.ask("LRANGE", key, 0, -1)
        return found

    async def left(self, key: str) -> int:
        """Ms until it is gone; -1: never; -2: there is none."""
        found: int = await self.ask("PTTL", key)
        return found


def _text(reply: Any) -> Any:
    match reply:
        case bytes():
            return reply.decode()
        case list():
            return [_text(one) for one in reply]
        case _:
            return reply
