"""The judge: one call in, one verdict out, with at most two trips to the store.

    admit    the call alone            open routes pass here            0 trips
    identify the credential            cached by token                  0 trips
    recall   what the store knows      in grace? passes here            1st trip
    redeem   the presented code        one atomic step                  2nd trip

Every decision on the way is a pure function of `core.gate`; this module only waits between them. What stays out: wire
forms, and anything that changes an account (clerk).
"""

from collections.abc import Callable
from time import perf_counter

from mfa_gateway.core.account import Anonymous, Caller, Identification
from mfa_gateway.core.call import Call
from mfa_gateway.core.credential import OtherCredentials, refused_carrier
from mfa_gateway.core.fault import IdentityUnavailable, StoreUnavailable
from mfa_gateway.core.gate import Terms, admit, appoint, conclude, refuse, weigh, without_store
from mfa_gateway.core.policy import Policy, Rule
from mfa_gateway.core.proof import Redemption
from mfa_gateway.core.verdict import Pass, Reason, Refuse, Verdict
from mfa_gateway.engine.journal import Journal
from mfa_gateway.engine.ports import Identity, Meter, Store
from mfa_gateway.engine.tally import UNCOUNTED


class Judge:
    """Judges calls under one policy."""

    def __init__(
        self,
        *,
        policy: Policy,
        terms: Terms,
        others: OtherCredentials,
        identity: Identity,
        store: Store,
        journal: Journal,
        meter: Meter = UNCOUNTED,
        clock: Callable[[], float] = perf_counter,
    ) -> None:
        """`clock` gives seconds, for how long judging takes."""
        self._policy = policy
        self._terms = terms
        self._others = others
        self._identity = identity
        self._store = store
        self._journal = journal
        self._meter = meter
        self._clock = clock

    async def judge(self, call: Call) -> Verdict:
        """Decide whether a call goes on. Never raises for anything a client, the store or an issuer can do."""
        began = self._clock()
        verdict = await self._verdict(call)
        self._meter.judged(verdict, self._clock() - began)
        self._journal.decided(call, verdict)
        return verdict

    async def _verdict(self, call: Call) -> Verdict:
        admission = admit(self._policy, call)
        if isinstance(admission, Pass | Refuse):
            return admission
        appointed = appoint(admission, await self.identify(call))
        if isinstance(appointed, Pass | Refuse):
            return appointed
        rule, caller = appointed
        if (carrier := refused_carrier(call, self._others)) is not None:
            return refuse(rule, Reason.CREDENTIAL_IN_QUERY, caller=caller, detail=carrier)
        return await self._proved(call, rule, caller)

    async def identify(self, call: Call) -> Identification:
        """Who is calling; `UNDECIDED` where the identity room cannot say now."""
        try:
            return await self._identity.identify(call)
        except IdentityUnavailable as fault:
            self._journal.faulted(call, fault)
            return Anonymous.UNDECIDED

    async def _proved(self, call: Call, rule: Rule, caller: Caller) -> Verdict:
        try:
            standing = await self._store.recall(caller.account, scope=rule.requirement.scope, session=caller.session)
            step = weigh(rule, caller, standing, code=call.code, terms=self._terms)
            if not isinstance(step, Redemption):
                return step
            return conclude(rule, caller, await self._store.redeem(step, standing))
        except StoreUnavailable as fault:
            self._journal.faulted(call, fault)
            return without_store(rule, caller)
