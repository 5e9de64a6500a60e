"""Scripts: the Lua files of this room, and running one of them.

Each file holds one invariant and says in its head what it takes and gives. They are fixed texts: data travels in KEYS
and ARGV only. What stays out: what keys and values are called (keys) and what replies mean (store, records).
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Any, Final

from mfa_gateway.core.fault import StoreUnavailable
from mfa_gateway.state.line import Line, ScriptUnknown, Word


@dataclass(frozen=True, slots=True)
class Script:
    """A script, and the digest that a server knows it by."""

    name: str
    text: str = field(repr=False)
    sha: str = field(repr=False)

    async def run(self, line: Line, keys: Sequence[str], args: Sequence[Word]) -> Any:
        """Run it, once.

        A server that does not know it (restarted, flushed, failed over) says so *before* running anything, so asking
        again after loading it is the one repetition that is safe.

        Raises:
            StoreUnavailable: there is no reply; the script may have run, or not.
        """
        try:
            return await self._ask(line, keys, args)
        except ScriptUnknown:
            await self.load(line)
        try:
            return await self._ask(line, keys, args)
        except ScriptUnknown as error:
            raise StoreUnavailable(f"the store forgot the script {self.name} at once") from error

    async def load(self, line: Line) -> None:
        """Make it known to the server."""
        await line.ask("SCRIPT", "LOAD", self.text)

    async def _ask(self, line: Line, keys: Sequence[str], args: Sequence[Word]) -> Any:
        return await line.ask("EVALSHA", self.sha, len(keys), *keys, *args)


def _read(name: str) -> Script:
    text = files("mfa_gateway.state").joinpath("lua", f"{name}.lua").read_text(encoding="utf-8")
    # SHA-1 is how the protocol names scripts (EVALSHA), no protection of anything.
    return Script(name, text, hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest())


RECALL: Final = _read("recall")
REDEEM: Final = _read("redeem")
ENROL: Final = _read("enrol")
RESERVE: Final = _read("reserve")
ISSUE: Final = _read("issue")
VOID: Final = _read("void")
THROTTLE: Final = _read("throttle")
RECORD: Final = _read("record")
RESET: Final = _read("reset")
UNLOCK: Final = _read("unlock")
SWITCH: Final = _read("switch")
SHOW: Final = _read("show")

ALL: Final = (RECALL, REDEEM, ENROL, RESERVE, ISSUE, VOID, THROTTLE, RECORD, RESET, UNLOCK, SWITCH, SHOW)
