"""The store against a small model of itself: whatever happens in whatever order, both give the same answers.

The model says in plain Python what the scripts have to hold: the words of design, section 4, one after the other. It
keeps codes where the store keeps digests, and knows one account and two sessions.
"""

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from mfa_gateway.core.account import Factor, FactorState, Proof
from mfa_gateway.core.ceremony import Change
from mfa_gateway.core.proof import (
    Banned,
    Effect,
    Purpose,
    Receipt,
    Redeemed,
    Redemption,
    Regulation,
    Rejected,
    Rejection,
    Ride,
    Rode,
)
from tests.state.world import GRACE_MS, Guest, MemoryWorld

T = TypeVar("T")

CODES = st.sampled_from(["111111", "222222", "333333"])
FACTORS = st.sampled_from([Factor.EMAIL, Factor.SMS])
SESSIONS = st.sampled_from(["one", "two"])
# Few attempts, so that bans come often. No moment is a multiple of another, so that none ends where another begins.
REGULATION = Regulation(max_retries=2, find_time_ms=60_013, ban_time_ms=120_011, ban_max_ms=300_007)
LIFE_MS = 90_017
TIMES = st.sampled_from([0, 1, 997, 31_001, 62_003, 130_003, 1_000_003])
DAYS_30_MS = 30 * 24 * 3600 * 1000


@dataclass
class Lane:
    """Attempts and bans, of the account or of one session."""

    attempts: list[int] = field(default_factory=list)
    until: int = 0
    times: int = 0

    def left(self, now: int) -> int:
        return max(self.until - now, 0)

    def wrong(self, now: int) -> int:
        """Count a wrong code; the length of the ban that it brings."""
        self.attempts = [at for at in self.attempts if now - at < REGULATION.find_time_ms] + [now]
        if len(self.attempts) < REGULATION.max_retries:
            return 0
        ban = min(REGULATION.ban_time_ms << self.times, REGULATION.ban_max_ms)
        self.attempts, self.until, self.times = [], now + ban, self.times + 1
        return ban


@dataclass
class Live:
    code: str
    epoch: int
    at: int


@dataclass
class Shown:
    code: str
    epoch: int
    at: int
    token: str


@dataclass
class Model:
    now: int = 0
    epoch: int = 0
    states: dict[Factor, FactorState] = field(default_factory=dict)
    addresses: dict[Factor, str] = field(default_factory=dict)
    live: dict[tuple[Purpose, Factor], Live] = field(default_factory=dict)
    recent: dict[Factor, list[str]] = field(default_factory=dict)
    proofs: dict[Factor, Shown] = field(default_factory=dict)
    account: Lane = field(default_factory=Lane)
    sessions: dict[str, Lane] = field(default_factory=dict)
    known: dict[str, tuple[int, int]] = field(default_factory=dict)

    def redeem(self, asked: Redemption) -> Receipt:
        needed = {Effect.ACTIVATE: FactorState.PENDING, Effect.DEACTIVATE: FactorState.ACTIVE}.get(asked.effect)
        if asked.epoch != self.epoch or (needed and self.states.get(asked.target or Factor.TOTP) is not needed):
            return Rejected(Rejection.STALE)
        own = self.sessions.setdefault(asked.session, Lane())
        if (rode := self._ride(asked)) is not None:
            return rode
        right = next((factor for factor in asked.factors if self._serves(asked.purpose, factor, asked.presented)), None)
        once = [factor for factor in asked.factors if asked.presented in self.recent.get(factor, ())]
        elsewhere = any(self._serves(other, factor, asked.presented) for factor in once for other in Purpose)
        if right is None and once and not elsewhere:
            return Rejected(Rejection.SPENT)
        lane, left = self._lane(asked, own)
        if left > 0:
            return Banned(left)
        if right is None:
            return Rejected(Rejection.SPENT) if elsewhere else Rejected(Rejection.WRONG, lane.wrong(self.now))
        lane.times = 0
        self._carry_out(asked, right)
        return Redeemed(right)

    def _ride(self, asked: Redemption) -> Rode | None:
        if asked.ride is None or asked.effect is Effect.ACTIVATE:
            return None
        for factor in asked.factors:
            proof = self.proofs.get(factor)
            if proof is None or (proof.code, proof.epoch) != (asked.presented, self.epoch):
                continue
            age = self.now - proof.at
            guarded = asked.effect is Effect.DEACTIVATE and self.account.until > proof.at
            foreign = asked.ride.same_token and proof.token != asked.token
            if age < asked.ride.younger_than_ms and not guarded and not foreign:
                if asked.effect is Effect.DEACTIVATE:
                    self._deactivate(asked.target)
                return Rode(factor, age)
        return None

    def _serves(self, purpose: Purpose, factor: Factor, code: str) -> bool:
        live = self.live.get((purpose, factor))
        return live is not None and (live.code, live.epoch) == (code, self.epoch) and self.now - live.at < LIFE_MS

    def _lane(self, asked: Redemption, own: Lane) -> tuple[Lane, int]:
        left = self.account.left(self.now)
        epoch, until = self.known.get(asked.session, (-1, 0))
        if left == 0 or epoch != self.epoch or self.now > until:
            return self.account, left
        return own, min(left, own.left(self.now)) if own.left(self.now) else 0

    def _carry_out(self, asked: Redemption, right: Factor) -> None:
        del self.live[asked.purpose, right]
        if asked.effect is Effect.DEACTIVATE:
            self._deactivate(asked.target)
        else:
            if asked.effect is Effect.ACTIVATE and asked.target is not None:
                self.states[asked.target] = FactorState.ACTIVE
                self.epoch += 1
            self.proofs[right] = Shown(asked.presented, self.epoch, self.now, asked.token)
        self.known[asked.session] = (self.epoch, self.now + DAYS_30_MS)

    def _deactivate(self, target: Factor | None) -> None:
        assert target is not None
        del self.states[target]
        self.addresses.pop(target, None)
        self.epoch += 1
        self.live = {at: live for at, live in self.live.items() if at[1] is not target}

    def issue(self, purpose: Purpose, factor: Factor, code: str) -> None:
        self.live[purpose, factor] = Live(code, self.epoch, self.now)
        self.recent[factor] = [code, *self.recent.get(factor, [])][:8]

    def enrol(self, factor: Factor, address: str) -> Change:
        if self.states.get(factor) is FactorState.ACTIVE:
            return Change.STALE
        if self.addresses.get(factor) != address:
            self.live.pop((Purpose.ACTIVATE, factor), None)
        self.states[factor], self.addresses[factor] = FactorState.PENDING, address
        return Change.MADE

    def standing_proofs(self) -> set[Proof]:
        """A proof may be kept longer than it counts, along with a younger one; nobody asks for such a proof."""
        valid = (proof for proof in self.proofs.items() if proof[1].epoch == self.epoch)
        return {Proof(factor, self.now - proof.at) for factor, proof in valid if self.now - proof.at < GRACE_MS}


class StoreMachine(RuleBasedStateMachine):
    """Does the same to the store and to the model."""

    def __init__(self) -> None:
        super().__init__()
        self._runner = asyncio.Runner()
        self._patch = pytest.MonkeyPatch()
        self._world = MemoryWorld(self._patch)
        self._model = Model()

    def teardown(self) -> None:
        self.run(self._world.close())
        self._runner.close()
        self._patch.undo()

    def run(self, asked: Coroutine[Any, Any, T]) -> T:
        return self._runner.run(asked)

    @initialize()
    def enrolled(self) -> None:
        self._guest = Guest(self.run(self._world.store()), regulation=REGULATION)
        self.run(self._guest.enrol())
        self._model.epoch = 1
        self._model.states[Factor.EMAIL] = FactorState.ACTIVE
        self._model.addresses[Factor.EMAIL] = "ada@example.test"

    @rule(ms=TIMES)
    def time_passes(self, ms: int) -> None:
        self.run(self._world.pass_time(ms))
        self._model.now += ms

    @rule(purpose=st.sampled_from(Purpose), factor=FACTORS, code=CODES)
    def a_code_is_issued(self, purpose: Purpose, factor: Factor, code: str) -> None:
        issued = self._guest.issue(code, factor=factor, purpose=purpose, life_ms=LIFE_MS)
        assert self.run(issued) is Change.MADE
        self._model.issue(purpose, factor, code)

    @rule(factor=FACTORS, address=st.sampled_from(["ada@example.test", "b@example.test"]))
    def a_factor_is_enrolled(self, factor: Factor, address: str) -> None:
        assert self.run(self._guest.pend(factor, address)) is self._model.enrol(factor, address)

    @rule(
        code=CODES,
        session=SESSIONS,
        factors=st.lists(FACTORS, unique=True).map(tuple),
        ride_ms=st.sampled_from([None, 60_007, GRACE_MS]),
        epochs_ago=st.sampled_from([0, 0, 0, 1]),
    )
    def a_code_is_presented(
        self, code: str, session: str, factors: tuple[Factor, ...], ride_ms: int | None, epochs_ago: int
    ) -> None:
        self._present(code, session, factors=factors, epochs_ago=epochs_ago, ride_ms=ride_ms)

    @rule(code=CODES, session=SESSIONS, factor=FACTORS)
    def a_factor_is_activated(self, code: str, session: str, factor: Factor) -> None:
        self._present(code, session, factors=(factor,), purpose=Purpose.ACTIVATE, effect=Effect.ACTIVATE, target=factor)

    @rule(code=CODES, session=SESSIONS, factor=FACTORS, by=FACTORS)
    def a_factor_is_deactivated(self, code: str, session: str, factor: Factor, by: Factor) -> None:
        self._present(
            code,
            session,
            factors=(by,),
            effect=Effect.DEACTIVATE,
            target=factor,
            ride_ms=300_000,
            same_token=True,
        )

    def _present(
        self,
        code: str,
        session: str,
        *,
        ride_ms: int | None = None,
        same_token: bool = False,
        epochs_ago: int = 0,
        **changes: Any,
    ) -> None:
        guest = self._guest.again(session=session, token=f"token of {session}")
        standing = self.run(guest.standing())
        asked = guest.redemption(code, standing, **changes)
        ride = None if ride_ms is None else Ride(ride_ms, same_token=same_token)
        asked = replace(asked, epoch=standing.epoch - epochs_ago, ride=ride, keep_ms=GRACE_MS)
        assert self.run(guest.store.redeem(asked, standing)) == self._model.redeem(asked)

    @invariant()
    def both_know_the_same(self) -> None:
        if not hasattr(self, "_guest"):
            return
        standing = self.run(self._guest.standing())
        assert standing.epoch == self._model.epoch
        assert standing.factors == self._model.states
        assert {proof for proof in standing.proofs if proof.age_ms < GRACE_MS} == self._model.standing_proofs()


TestStore = StoreMachine.TestCase
TestStore.settings = settings(max_examples=40, stateful_step_count=40, deadline=None)
