"""The aftermath: what a good answer of the application does to what its caller has proved.

Done before anybody sees the answer, so whoever was told of a log-out can rely on it. A store that cannot do it now
makes a refusal of the answer: the application has acted, which nobody can take back, but an answer that looked like
success would be believed. Whoever is refused tries again, and asking for a log-out twice does no harm. It is rare: the
store was asked about the caller just before the application was.

What stays out: which answers are good, and holding them back (doors).
"""

from typing import assert_never

from mfa_gateway.core.account import Caller
from mfa_gateway.core.call import Call
from mfa_gateway.core.fault import StoreUnavailable
from mfa_gateway.core.gate import RETRY_MS
from mfa_gateway.core.policy import OnSuccess, Rule
from mfa_gateway.core.verdict import Pass, Reason, Refuse
from mfa_gateway.engine.journal import Journal
from mfa_gateway.engine.ports import Endings


class Aftermath:
    """Ends what good answers end."""

    def __init__(self, *, store: Endings, journal: Journal) -> None:
        self._store = store
        self._journal = journal

    async def follow(self, call: Call, verdict: Pass) -> Refuse | None:
        """Do what the rule of a verdict says of a good answer. A refusal in place of the answer where it was not done.

        Never raises for anything that the store can do.
        """
        if verdict.caller is None or verdict.on_success is OnSuccess.NONE:
            return None
        try:
            await self._end(verdict.rule, verdict.caller)
        except StoreUnavailable as fault:
            self._journal.faulted(call, fault)
            self._journal.not_ended(call, verdict)
            return Refuse(Reason.STORE_UNAVAILABLE, verdict.rule, RETRY_MS, caller=verdict.caller)
        self._journal.ended(call, verdict)
        return None

    async def _end(self, rule: Rule, caller: Caller) -> None:
        requirement = rule.requirement
        match requirement.on_success:
            case OnSuccess.NONE:
                pass
            case OnSuccess.CLOSE_WINDOW:
                await self._store.close_window(caller.account, scope=requirement.scope, session=caller.session)
            case OnSuccess.REVOKE:
                await self._store.revoke(caller.account)
            case _ as never:
                assert_never(never)
