"""The herald: tells the owner of an account by mail that a factor was added, changed or removed.

Whoever did it, the owner hears of it at the address that was pinned before, so that a thief cannot have the mail go
elsewhere first. The change stands whether or not the mail goes out. What stays out: what is told (`happening_of`), its
wording (senders).
"""

from mfa_gateway.core.account import Caller, Factor, Standing
from mfa_gateway.core.call import Call
from mfa_gateway.core.ceremony import Action, Command, Outcome, happening_of
from mfa_gateway.core.entrance.second_words import TellOwner
from mfa_gateway.core.fault import Fault
from mfa_gateway.core.message import NoticeMessage
from mfa_gateway.engine.journal import Journal
from mfa_gateway.engine.ports import Directory, Store, Teller


class Herald:
    """Sends notices."""

    def __init__(self, *, store: Store, directory: Directory, teller: Teller, journal: Journal) -> None:
        self._store = store
        self._directory = directory
        self._teller = teller
        self._journal = journal

    async def hear(self, command: Command, outcome: Outcome, call: Call, *, before: Standing) -> None:
        """Tell of what a command did, where it did something. `before` is what was known of the account until then."""
        happening = happening_of(command.action, outcome)
        if happening is None:
            return
        factor = Factor.BACKUP if command.action is Action.BACKUP else Factor(command.factor_name or "")
        await self.tell(TellOwner(command.caller, happening, factor, before, command.languages), call)

    async def tell(self, told: TellOwner, call: Call) -> None:
        """Tell of what happened to a factor."""
        try:
            address = await self._address(told.caller, told.before)
            if address is not None:
                await self._teller.tell(NoticeMessage(address, told.happening, told.factor, told.languages))
        except Fault as fault:
            self._journal.faulted(call, fault)

    async def _address(self, caller: Caller, before: Standing) -> str | None:
        pinned = self._store.pinned_address(caller.account, Factor.EMAIL, before)
        if pinned is not None:
            return pinned
        person = await self._directory.look_up(caller)
        return person.email if person is not None else None
