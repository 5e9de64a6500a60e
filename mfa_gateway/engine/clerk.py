"""The clerk: plays a ceremony through, carrying out each of its needs.

One loop for every ceremony of every dialect. What is needed, and in which order, is decided in `core.ceremony`; how a
code is sent is the dispatcher's. What stays out: wire forms, and judging calls to the upstream (judge).
"""

from typing import assert_never

from mfa_gateway.core.account import Caller, Standing
from mfa_gateway.core.call import Call
from mfa_gateway.core.ceremony import (
    Action,
    Answer,
    AskLogin,
    AskPresence,
    Change,
    CloseWindow,
    Command,
    Consult,
    Deliver,
    Draw,
    Enrol,
    Failed,
    Foresee,
    Forethought,
    LookUp,
    Need,
    Outcome,
    Print,
    Recall,
    Redeem,
    Rename,
    Resume,
    TakeStock,
    perform,
)
from mfa_gateway.core.entrance.second_words import TellOwner
from mfa_gateway.core.fault import Fault
from mfa_gateway.core.foresight import Chart
from mfa_gateway.core.gate import RETRY_MS, Terms
from mfa_gateway.core.presence import Presence, absence
from mfa_gateway.core.verdict import Reason
from mfa_gateway.engine.alarm import NO_ALARM, Alarm
from mfa_gateway.engine.chance import SYSTEM, Chance
from mfa_gateway.engine.dispatch import Dispatcher
from mfa_gateway.engine.herald import Herald
from mfa_gateway.engine.journal import Journal
from mfa_gateway.engine.ports import Directory, Meter, Register, Store
from mfa_gateway.engine.tally import UNCOUNTED


class Clerk:
    """Carries out commands."""

    def __init__(
        self,
        *,
        terms: Terms,
        store: Store,
        directory: Directory,
        dispatcher: Dispatcher,
        journal: Journal,
        meter: Meter = UNCOUNTED,
        alarm: Alarm = NO_ALARM,
        register: Register | None = None,
        chance: Chance = SYSTEM,
        herald: Herald | None = None,
        chart: Chart | None = None,
    ) -> None:
        """Put a clerk together.

        `register` is a directory that may say that somebody has left; None where only the store can. `chance` is what
        secrets and backup codes are drawn from. `herald` tells owners what was done to their factors; None: nobody is.
        `chart` is what calls are foreseen by; None: every one is denied.
        """
        self._terms = terms
        self._store = store
        self._directory = directory
        self._dispatcher = dispatcher
        self._journal = journal
        self._meter = meter
        self._alarm = alarm
        self._register = register
        self._chance = chance
        self._herald = herald
        self._chart = chart or Chart()

    async def carry_out(self, command: Command, call: Call) -> Outcome:
        """Play the ceremony that a command asks for to its outcome. A fault on the way becomes a refusal."""
        try:
            # A preflight asks at the place where the judge does: an open route is open to whoever has left, too.
            reason = None if command.action is Action.PREFLIGHT else absence(await self._presence(command.caller))
            outcome = await self._play(command, call) if reason is None else Failed(reason)
        except Fault as fault:
            self._journal.faulted(call, fault)
            outcome = Failed(Reason.STORE_UNAVAILABLE, RETRY_MS)
        self._meter.performed(command.action, outcome)
        self._journal.concluded(call, command, outcome)
        return outcome

    async def _presence(self, caller: Caller) -> Presence:
        """What the directory says of a caller; where there is none that would, they are still there."""
        return Presence.KNOWN if self._register is None else await self._register.presence(caller.account)

    async def _play(self, command: Command, call: Call) -> Outcome:
        ceremony = perform(command, self._terms)
        answer: Answer = None
        before = Standing()
        while True:
            try:
                need = ceremony.send(answer)
            except StopIteration as end:
                outcome: Outcome = end.value
                if self._herald is not None:
                    await self._herald.hear(command, outcome, call, before=before)
                return outcome
            answer = await self.provide(need, command.caller, call)
            if isinstance(answer, Standing):
                before = answer

    async def announce(self, need: TellOwner, call: Call) -> None:
        """Tell the owner of an account, and the journal, what was done to a factor at the entrance."""
        self._journal.factor_changed(call, need)
        if self._herald is not None:
            await self._herald.tell(need, call)

    async def provide(self, need: Need, caller: Caller, call: Call) -> Answer:
        """Carry out one need for somebody; the entrance asks it for visitors who have become known."""
        account = caller.account
        match need:
            case Recall(scope=scope):
                return await self._store.recall(account, scope=scope, session=caller.session)
            case LookUp():
                return await self._directory.look_up(caller)
            case Redeem(redemption=redemption, standing=standing):
                receipt = await self._store.redeem(redemption, standing)
                await self._alarm.hear(redemption, receipt)
                return receipt
            case Deliver():
                return await self._dispatcher.deliver(account, need, call)
            case Enrol() | Draw() | Resume() | Print() | Rename() | TakeStock():
                return await self._change(need, caller)
            case _:
                return await self._of_session(need, caller, call)

    async def _of_session(self, need: AskLogin | CloseWindow | Forethought, caller: Caller, call: Call) -> Answer:
        """What ceremonies need of one session, and of what it might do."""
        match need:
            case AskLogin():
                return await self._store.logged_in(caller.account, session=caller.session)
            case CloseWindow(scope=scope):
                await self._store.close_window(caller.account, scope=scope, session=caller.session)
                return None
            case Consult(wish=wish):
                return self._chart.consult(wish, call)
            case AskPresence():
                return await self._presence(caller)
            case Foresee(scope=scope):
                return await self._store.foresee(caller.account, scope=scope, session=caller.session)
            case _ as never:
                assert_never(never)

    async def _change(self, need: Enrol | Draw | Resume | Print | Rename | TakeStock, caller: Caller) -> Answer:
        """What ceremonies need of single enrolments."""
        account = caller.account
        match need:
            case Enrol(factor=factor, address=address, epoch=epoch, name=name):
                return await self._store.enrol(account, factor=factor, address=address, epoch=epoch, name=name)
            case Draw(epoch=epoch, profile=profile, name=name):
                secret = self._chance.secret(profile.algorithm.secret_bytes)
                return await self._store.enrol_secret(account, secret=secret, profile=profile, epoch=epoch, name=name)
            case Resume():
                return await self._store.resume(account)
            case Print(epoch=epoch, level=level, count=count):
                codes = self._chance.backup_codes(count)
                change = await self._store.print_backup(
                    account, codes=codes, level=level, epoch=epoch, session=caller.session
                )
                return codes if change is Change.MADE else change
            case Rename(factor=factor, enrolment=enrolment, standing=standing, name=name):
                return await self._store.rename(
                    account, factor=factor, enrolment=enrolment, name=name, standing=standing
                )
            case TakeStock():
                return await self._store.inventory(account)
            case _ as never:
                assert_never(never)
