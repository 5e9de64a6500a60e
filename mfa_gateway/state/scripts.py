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
    """A script, the digest that a server knows it by, and whether what it leaves behind is what it found."""

    name: str
    text: str = field(repr=False)
    sha: str = field(repr=False)
    only_reads: bool = False

    async def run(self, line: Line, keys: Sequence[str], args: Sequence[Word]) -> Any:
        """Run it, once.

        Raises:
            StoreUnavailable: there is no reply; the script may have run, or not.
        """
        try:
            return await self._run(line, keys, args)
        finally:
            if not self.only_reads:
                line.changed(keys)

    async def _run(self, line: Line, keys: Sequence[str], args: Sequence[Word]) -> Any:
        """Run it. A server that does not know it (restarted, flushed, failed over) says so *before* running anything,
        so asking again after loading it is the one repetition that is safe.
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


def _read(name: str, *, only_reads: bool = False) -> Script:
    folder = files("mfa_gateway.state").joinpath("lua")
    text = folder.joinpath(f"{name}.lua").read_text(encoding="utf-8")
    for part in _INCLUDED.findall(text):
        shared = folder.joinpath("parts", f"{part}.lua").read_text(encoding="utf-8")
        text = text.replace(f"-- include: {part}\n", shared)
    # SHA-1 is how the protocol names scripts (EVALSHA), no protection of anything.
    return Script(name, text, hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest(), only_reads)


RECALL: Final = _read("recall", only_reads=True)
FORESEE: Final = _read("foresee", only_reads=True)
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

USE: Final = _read("use")
OPEN_SESSION: Final = _read("open_session")
SESSION: Final = _read("session")
CLOSE_SESSION: Final = _read("close_session")
KEEP_ONCE: Final = _read("keep_once")

REMEMBER_DEVICE: Final = _read("remember_device")
KNOWS_DEVICE: Final = _read("knows_device")
BEGIN_PASSAGE: Final = _read("begin_passage")
FINISH_PASSAGE: Final = _read("finish_passage")
CARRY_PROOFS: Final = _read("carry_proofs")
WITHDRAW: Final = _read("withdraw")

ALL: Final = (
    *(RECALL, FORESEE, REDEEM, ENROL, RESERVE, ISSUE, VOID, THROTTLE, STOPPED, EXPECT, ARRIVE),
    *(RESUME, BACKUP, AMEND, ATTACH, DETACH, INVENTORY, LOGIN, LOGGED_IN, ATTEMPT, SETTLE),
    *(RECORD, RESET, UNLOCK, SWITCH, SHOW, KEEP),
    *(CLOSE, REVOKE, FAREWELL, USE),
    *(OPEN_SESSION, SESSION, CLOSE_SESSION, KEEP_ONCE),
    *(REMEMBER_DEVICE, KNOWS_DEVICE, BEGIN_PASSAGE, FINISH_PASSAGE, CARRY_PROOFS, WITHDRAW),
)
