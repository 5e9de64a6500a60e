"""Scripts: the Lua files of this room, and running one of them.

Each file holds one invariant and says in its head what it takes and gives. They are fixed texts: data travels in KEYS
and ARGV only. What stays out: what keys and values are called (keys) and what replies mean (store, records).
"""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Any, Final

from mfa_gateway.core.fault import StoreUnavailable
from mfa_gateway.state.line import Line, ScriptUnknown, Word

# A server knows no modules: functions that several scripts need are put into each of them.
_INCLUDED: Final = re.compile(r"^-- include: (\w+)$", re.MULTILINE)


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
    folder = files("mfa_gateway.state").joinpath("lua")
    text = folder.joinpath(f"{name}.lua").read_text(encoding="utf-8")
    for part in _INCLUDED.findall(text):
        shared = folder.joinpath("parts", f"{part}.lua").read_text(encoding="utf-8")
        text = text.replace(f"-- include: {part}\n", shared)
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
KEEP: Final = _read("keep")
RESUME: Final = _read("resume")
BACKUP: Final = _read("backup")
AMEND: Final = _read("amend")
ATTACH: Final = _read("attach")
DETACH: Final = _read("detach")
INVENTORY: Final = _read("inventory")
LOGIN: Final = _read("login")
LOGGED_IN: Final = _read("logged_in")
ATTEMPT: Final = _read("attempt")
SETTLE: Final = _read("settle")
STOPPED: Final = _read("stopped")
EXPECT: Final = _read("expect")
ARRIVE: Final = _read("arrive")

CLOSE: Final = _read("close")
REVOKE: Final = _read("revoke")
FAREWELL: Final = _read("farewell")

ALL: Final = (
    *(RECALL, REDEEM, ENROL, RESERVE, ISSUE, VOID, THROTTLE, STOPPED, EXPECT, ARRIVE),
    *(RESUME, BACKUP, AMEND, ATTACH, DETACH, INVENTORY, LOGIN, LOGGED_IN, ATTEMPT, SETTLE),
    *(RECORD, RESET, UNLOCK, SWITCH, SHOW, KEEP),
    *(CLOSE, REVOKE, FAREWELL),
)
