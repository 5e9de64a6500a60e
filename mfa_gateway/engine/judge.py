"""The judge: one call in, one verdict out, with at most two trips to the store.

    admit    the call alone            open routes pass here, unless    0 trips
                                       their good answers end windows
    identify the credential            cached by token                  0 trips
    recall   what the store knows      in grace? passes here            1st trip, or none where it is remembered
    redeem   the presented code        one atomic step                  2nd trip

Every decision on the way is a pure function of `core.gate`; this module only waits between them. What stays out: wire
forms, and anything that changes an account (clerk).
"""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from time import perf_counter
from typing import Final

from mfa_gateway.core.account import Anonymous, Caller, Identification
from mfa_gateway.core.call import Call, CanonicalPath
from mfa_gateway.core.credential import OtherCredentials, refused_carrier
from mfa_gateway.core.fault import DirectoryUnavailable, IdentityUnavailable, StoreUnavailable
from mfa_gateway.core.gate import RETRY_MS, Terms, admit, appoint, conclude, refuse, weigh, without_store
from mfa_gateway.core.policy import Access, Candidates, OnSuccess, Policy, Rule
from mfa_gateway.core.presence import absence
from mfa_gateway.core.proof import Redemption
from mfa_gateway.core.verdict import Pass, Reason, Refuse, Verdict
from mfa_gateway.engine.alarm import NO_ALARM, Alarm
from mfa_gateway.engine.journal import Journal
from mfa_gateway.engine.ports import Identity, Meter, Register, Standings
from mfa_gateway.engine.tally import UNCOUNTED

# What strangers have us remember is bounded: some 2 MB of methods, paths and hosts.
_MOST_ADMISSIONS: Final = 4096
_SHORT_PATH: Final = 256


class Judge:
    """Judges calls under one policy."""

    def __init__(
        self,
        *,
        policy: Policy,
        terms: Terms,
        others: OtherCredentials,
        identity: Identity,
        store: Standings,
        journal: Journal,
        meter: Meter = UNCOUNTED,
        clock: Callable[[], float] = perf_counter,
        alarm: Alarm = NO_ALARM,
        register: Register | None = None,
    ) -> None:
        """`clock` gives seconds, for how long judging takes; `alarm` hears of redeemed codes.

        `register`: a directory that may say that somebody has left; None where only the store can.
        """
        self._policy = policy
        self._terms = terms
        self._others = others
        self._identity = identity
        self._store = store
        self._journal = journal
        self._meter = meter
        self._clock = clock
        self._alarm = alarm
        self._register = register
        self._admissions: dict[tuple[str, bytes, str], Verdict | Candidates] = {}

    async def judge(self, call: Call) -> Verdict:
        """Decide whether a call goes on. Never raises for anything a client, the store or an issuer can do."""
        verdict = self.begin(call)
        return verdict if isinstance(verdict, Pass | Refuse) else await verdict

    def begin(self, call: Call) -> Verdict | Awaitable[Verdict]:
        """The verdict where the call alone tells it, else what has to be awaited for it: either of them once a call."""
        began = self._clock()
        admission = self._admitted(call)
        verdict = self._known(call, admission) if isinstance(admission, Candidates) else admission
        if isinstance(verdict, Candidates):
            return self._decided(call, verdict, began)
        self._write_down(call, verdict, began)
        return verdict

    def _admitted(self, call: Call) -> Verdict | Candidates:
        """What the call alone tells: its method, path and host, the same ones again and again."""
        path = call.path
        if not isinstance(path, CanonicalPath) or len(path.wire) > _SHORT_PATH:
            return admit(self._policy, call)
        key = (call.method, path.wire, call.host)
        admission = self._admissions.get(key)
        if admission is None:
            admission = admit(self._policy, call)
            if len(self._admissions) >= _MOST_ADMISSIONS:
                self._admissions.clear()
            self._admissions[key] = admission
        return admission

    def _known(self, call: Call, candidates: Candidates) -> Verdict | Candidates:
        """A pass that can be told without waiting, from what is remembered here; else the candidates, as they came.

        Never a refusal: what was proved a moment ago may not be remembered yet.
        """
        caller = None if call.code or self._register is not None else self._identity.known(call)
        if caller is None or call.foreign_page or refused_carrier(call, self._others) is not None:
            return candidates
        rule = candidates.for_realm(caller.account.realm)
        requirement = rule.requirement
        if requirement.access is not Access.MFA:
            return candidates
        known = self._store.known(caller.account, scope=requirement.scope, session=caller.session)
        if known is None:
            return candidates
        step = weigh(rule, caller, known[0], code=None, terms=self._terms, ago_ms=known[1])
        return step if isinstance(step, Pass) and step.overruled is None else candidates

    async def _decided(self, call: Call, candidates: Candidates, began: float) -> Verdict:
        verdict = await self._verdict(call, candidates)
        self._write_down(call, verdict, began)
        return verdict

    def _write_down(self, call: Call, verdict: Verdict, began: float) -> None:
        self._meter.judged(verdict, self._clock() - began)
        self._journal.decided(call, verdict)

    async def _verdict(self, call: Call, candidates: Candidates) -> Verdict:
        appointed = appoint(candidates, await self.identify(call))
        if not isinstance(appointed, tuple):
            return await self._ready(call, appointed)
        rule, caller = appointed
        if (carrier := refused_carrier(call, self._others)) is not None:
            return refuse(rule, Reason.CREDENTIAL_IN_QUERY, caller=caller, detail=carrier)
        if call.foreign_page:
            return refuse(rule, Reason.DENIED, caller=caller, detail=f"a page of {call.foreign_page}")
        if self._register is not None:
            absent = await self._absent(call, rule, caller, register=self._register)
            if absent is not None:
                return absent
        return await self._proved(call, rule, caller)

    async def _ready(self, call: Call, verdict: Verdict) -> Verdict:
        """The verdict, if what its good answer does can be done: better no log-out than half a one."""
        if not isinstance(verdict, Pass) or (caller := verdict.caller) is None or verdict.on_success is OnSuccess.NONE:
            return verdict
        rule = verdict.rule
        try:
            standing = await self._store.recall(caller.account, scope=rule.requirement.scope, session=caller.session)
        except StoreUnavailable as fault:
            self._journal.faulted(call, fault)
            return without_store(rule, caller)
        return _in_epoch(verdict, standing.epoch)

    async def identify(self, call: Call) -> Identification:
        """Who is calling; `UNDECIDED` where the identity room cannot say now."""
        try:
            return await self._identity.identify(call)
        except IdentityUnavailable as fault:
            self._journal.faulted(call, fault)
            return Anonymous.UNDECIDED

    async def _absent(self, call: Call, rule: Rule, caller: Caller, *, register: Register) -> Verdict | None:
        """Refuse whoever has left, and everybody while nothing can be said about them; None for all others.

        Never open: what a rule allows while the store is away is allowed to people who are there.
        """
        try:
            reason = absence(await register.presence(caller.account))
        except DirectoryUnavailable as fault:
            self._journal.faulted(call, fault)
            return refuse(rule, Reason.DIRECTORY_UNAVAILABLE, caller=caller, retry_after_ms=RETRY_MS)
        return refuse(rule, reason, caller=caller) if reason is not None else None

    async def _proved(self, call: Call, rule: Rule, caller: Caller) -> Verdict:
        try:
            standing = await self._store.recall(caller.account, scope=rule.requirement.scope, session=caller.session)
            step = weigh(rule, caller, standing, code=call.code, terms=self._terms)
            if not isinstance(step, Redemption):
                return step
            receipt = await self._store.redeem(step, standing)
            await self._alarm.hear(step, receipt)
            return _in_epoch(conclude(rule, caller, receipt), standing.epoch)
        except StoreUnavailable as fault:
            self._journal.faulted(call, fault)
            return without_store(rule, caller)


def _in_epoch(verdict: Verdict, epoch: int) -> Verdict:
    """A verdict that remembers the epoch it was given in; a code is redeemed in no other."""
    return replace(verdict, epoch=epoch) if isinstance(verdict, Pass) else verdict
