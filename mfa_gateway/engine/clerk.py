"""The clerk: plays a ceremony through, carrying out each of its needs.

One loop for every ceremony of every dialect. What is needed, and in which order, is decided in `core.ceremony`; how a
code is sent is the dispatcher's. What stays out: wire forms, and judging calls to the upstream (judge).
"""

from typing import assert_never

from mfa_gateway.core.account import AccountId, Caller, Standing
from mfa_gateway.core.call import Call
from mfa_gateway.core.ceremony import (
    Answer,
    AskLogin,
    Change,
    CloseWindow,
    Command,
    Deliver,
    Draw,
    Enrol,
    Failed,
    LoggedIn,
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
from mfa_gateway.core.fault import Fault
from mfa_gateway.core.gate import RETRY_MS, Terms
from mfa_gateway.core.presence import absence
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
    ) -> None:
        """Put a clerk together.

        `register` is a directory that may say that somebody has left; None where only the store can. `chance` is what
        secrets and backup codes are drawn from. `herald` tells owners what was done to their factors; None: nobody is.
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

    async def carry_out(self, command: Command, call: Call) -> Outcome:
        """Play the ceremony that a command asks for to its outcome. A fault on the way becomes a refusal."""
        try:
            reason = await self._absence(command)
            outcome = await self._play(command, call) if reason is None else Failed(reason)
        except Fault as fault:
            self._journal.faulted(call, fault)
            outcome = Failed(Reason.STORE_UNAVAILABLE, RETRY_MS)
        self._meter.performed(command.action, outcome)
        self._journal.concluded(call, command, outcome)
        return outcome

    async def _absence(self, command: Command) -> Reason | None:
        """Why nothing can be done for a caller who has left, or None."""
        if self._register is None:
            return None
        return absence(await self._register.presence(command.caller.account))

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
            answer = await self._provide(need, command, call)
            if isinstance(answer, Standing):
                before = answer

    async def _provide(self, need: Need, command: Command, call: Call) -> Answer:
        account = command.caller.account
        match need:
            case Recall(scope=scope):
                return await self._store.recall(account, scope=scope, session=command.caller.session)
            case LookUp():
                return await self._directory.look_up(command.caller)
            case Redeem(redemption=redemption, standing=standing):
                receipt = await self._store.redeem(redemption, standing)
                await self._alarm.hear(redemption, receipt)
                return receipt
            case Deliver():
                return await self._dispatcher.deliver(account, need, call)
            case AskLogin() | CloseWindow():
                return await self._of_session(need, command.caller)
            case _:
                return await self._change(need, account)

    async def _of_session(self, need: AskLogin | CloseWindow, caller: Caller) -> LoggedIn | None:
        """What ceremonies need of one session."""
        match need:
            case AskLogin():
                return await self._store.logged_in(caller.account, session=caller.session)
            case CloseWindow(scope=scope):
                await self._store.close_window(caller.account, scope=scope, session=caller.session)
                return None
            case _ as never:
                assert_never(never)

    async def _change(self, need: Enrol | Draw | Resume | Print | Rename | TakeStock, account: AccountId) -> Answer:
        """What ceremonies need of single enrolments."""
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
                change = await self._store.print_backup(account, codes=codes, level=level, epoch=epoch)
                return codes if change is Change.MADE else change
            case Rename(factor=factor, enrolment=enrolment, standing=standing, name=name):
                return await self._store.rename(
                    account, factor=factor, enrolment=enrolment, name=name, standing=standing
                )
            case TakeStock():
                return await self._store.inventory(account)
            case _ as never:
                assert_never(never)
