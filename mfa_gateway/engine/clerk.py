"""The clerk: plays a ceremony through, carrying out each of its needs.

One loop for every ceremony of every dialect. What is needed, and in which order, is decided in `core.ceremony`; how a
code is sent is the dispatcher's. What stays out: wire forms, and judging calls to the upstream (judge).
"""

from typing import assert_never

from mfa_gateway.core.call import Call
from mfa_gateway.core.ceremony import (
    Answer,
    Command,
    Deliver,
    Enrol,
    Failed,
    LookUp,
    Need,
    Outcome,
    Recall,
    Redeem,
    perform,
)
from mfa_gateway.core.fault import Fault
from mfa_gateway.core.gate import RETRY_MS, Terms
from mfa_gateway.core.verdict import Reason
from mfa_gateway.engine.dispatch import Dispatcher
from mfa_gateway.engine.journal import Journal
from mfa_gateway.engine.ports import Directory, Meter, Store
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
    ) -> None:
        self._terms = terms
        self._store = store
        self._directory = directory
        self._dispatcher = dispatcher
        self._journal = journal
        self._meter = meter

    async def carry_out(self, command: Command, call: Call) -> Outcome:
        """Play the ceremony that a command asks for to its outcome. A fault on the way becomes a refusal."""
        try:
            outcome = await self._play(command, call)
        except Fault as fault:
            self._journal.faulted(call, fault)
            outcome = Failed(Reason.STORE_UNAVAILABLE, RETRY_MS)
        self._meter.performed(command.action, outcome)
        self._journal.concluded(call, command, outcome)
        return outcome

    async def _play(self, command: Command, call: Call) -> Outcome:
        ceremony = perform(command, self._terms)
        answer: Answer = None
        while True:
            try:
                need = ceremony.send(answer)
            except StopIteration as end:
                outcome: Outcome = end.value
                return outcome
            answer = await self._provide(need, command, call)

    async def _provide(self, need: Need, command: Command, call: Call) -> Answer:
        account = command.caller.account
        match need:
            case Recall(scope=scope):
                return await self._store.recall(account, scope=scope, session=command.caller.session)
            case LookUp():
                return await self._directory.look_up(command.caller)
            case Redeem(redemption=redemption, standing=standing):
                return await self._store.redeem(redemption, standing)
            case Enrol(factor=factor, address=address, epoch=epoch):
                return await self._store.enrol(account, factor=factor, address=address, epoch=epoch)
            case Deliver():
                return await self._dispatcher.deliver(account, need, call)
            case _ as never:
                assert_never(never)
