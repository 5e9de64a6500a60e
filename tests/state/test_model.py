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
    ShortCodes,
    is_short,
)
from tests.state.world import GRACE_MS, Guest, MemoryWorld

T = TypeVar("T")

CODES = st.sampled_from(["111111", "222222", "333333"])
FACTORS = st.sampled_from([Factor.EMAIL, Factor.SMS])
SESSIONS = st.sampled_from(["one", "two"])
# Few attempts, so that bans come often. No moment is a multiple of another, so that none ends where another begins.
REGULATION = Regulation(max_retries=2, find_time_ms=60_013, ban_time_ms=120_011, ban_max_ms=300_007, per_day=5)
LIFE_MS = 90_017
TIMES = st.sampled_from([0, 1, 997, 31_001, 62_003, 130_003, 1_000_003, 30_000_001])
DAY_MS = 24 * 3600 * 1000
DAYS_30_MS = 30 * 24 * 3600 * 1000


@dataclass
class Lane:
    """Attempts and bans, of the account or of one session."""

    attempts: list[int] = field(default_factory=list)
    daily: list[int] = field(default_factory=list)
    until: int = 0
    times: int = 0

    def left(self, now: int) -> int:
        return max(self.until - now, 0)

    def wrong(self, now: int, rules: Regulation) -> int:
        """Count a wrong code; the length of the ban that it brings."""
        self.attempts = [at for at in self.attempts if now - at < rules.find_time_ms] + [now]
        self.daily = [at for at in self.daily if now - at < DAY_MS] + [now]
        ban = self.daily[-rules.per_day] + DAY_MS - now if len(self.daily) >= rules.per_day else 0
        if len(self.attempts) >= rules.max_retries:
            ban = max(ban, min(rules.ban_time_ms << self.times, rules.ban_max_ms))
            self.attempts, self.times = [], self.times + 1
        self.until = now + ban if ban else self.until
        return ban


@dataclass
class Live:
    code: str
    epoch: int
    at: int
    tries: int = 0


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
    addresses: dict[Factor, list[str]] = field(default_factory=dict)
    pending: dict[Factor, tuple[str, int, int]] = field(default_factory=dict)
    live: dict[tuple[Purpose, Factor], Live] = field(default_factory=dict)
    recent: dict[Factor, tuple[list[str], int]] = field(default_factory=dict)
    proofs: dict[Factor, Shown] = field(default_factory=dict)
    account: Lane = field(default_factory=Lane)
    sessions: dict[str, Lane] = field(default_factory=dict)
    known: dict[str, tuple[int, int]] = field(default_factory=dict)
    short_wrong: list[int] = field(default_factory=list)
    short_until: int = 0

    def redeem(self, asked: Redemption) -> Receipt:
        if asked.epoch != self.epoch or not self._has_a_target(asked):
            return Rejected(Rejection.STALE)
        own = self.sessions.setdefault(asked.session, Lane())
        if (rode := self._ride(asked)) is not None:
            return rode
        right = next((factor for factor in asked.factors if self._serves(asked.purpose, factor, asked.presented)), None)
        once = [factor for factor in asked.factors if asked.presented in self._recent(factor)]
        elsewhere = any(self._serves(other, factor, asked.presented) for factor in once for other in Purpose)
        if right is None and once and not elsewhere:
            return Rejected(Rejection.SPENT)
        lane, left = self._lane(asked, own)
        left = max(left, self._short_until(asked) - self.now)
        if left > 0:
            return Banned(left)
        if right is None:
            return Rejected(Rejection.SPENT) if elsewhere else self._wrong(asked, lane)
        lane.times = 0
        self._carry_out(asked, right)
        return Redeemed(right)

    def _wrong(self, asked: Redemption, lane: Lane) -> Rejected:
        return Rejected(Rejection.WRONG, max(lane.wrong(self.now, asked.regulation), self._wrong_short(asked)))

    def _short_until(self, asked: Redemption) -> int:
        return self.short_until if asked.short else 0

    def _wrong_short(self, asked: Redemption) -> int:
        """What a wrong short code does to the live ones and to the day; the length of the ban that it brings."""
        if asked.short is None:
            return 0
        for at in [(asked.purpose, factor) for factor in asked.factors if (asked.purpose, factor) in self.live]:
            live = self.live[at]
            live.tries += live.epoch == self.epoch and self.now - live.at < LIFE_MS
            if live.tries >= asked.short.tries:
                del self.live[at]
        self.short_wrong = [at for at in self.short_wrong if self.now - at < DAY_MS] + [self.now]
        if len(self.short_wrong) < asked.short.per_day:
            return 0
        self.short_until = self.short_wrong[-asked.short.per_day] + DAY_MS
        return self.short_until - self.now

    def _has_a_target(self, asked: Redemption) -> bool:
        match asked.effect:
            case Effect.ACTIVATE:
                _, epoch, at = self.pending.get(asked.target or Factor.TOTP, ("", -1, 0))
                return epoch == self.epoch and self.now - at < DAY_MS
            case Effect.DEACTIVATE:
                return self.states.get(asked.target or Factor.TOTP) is FactorState.ACTIVE
            case Effect.OPEN | Effect.ENTER:
                return True

    def _ride(self, asked: Redemption) -> Rode | None:
        if asked.ride is None or asked.effect is Effect.ACTIVATE:
            return None
        for factor in asked.factors:
            proof = self.proofs.get(factor)
            if proof is None or (proof.code, proof.epoch) != (asked.presented, self.epoch):
                continue
            age = self.now - proof.at
            guarded = asked.effect is Effect.DEACTIVATE and max(self.account.until, self._short_until(asked)) > proof.at
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
                self.addresses.setdefault(asked.target, []).append(self.pending.pop(asked.target)[0])
                self.epoch += 1
            self.proofs[right] = Shown(asked.presented, self.epoch, self.now, asked.token)
        self.known[asked.session] = (self.epoch, self.now + DAYS_30_MS)

    def _deactivate(self, target: Factor | None) -> None:
        assert target is not None
        del self.states[target]
        self.addresses.pop(target, None)
        self.epoch += 1
        self.pending.pop(target, None)
        self.live = {at: live for at, live in self.live.items() if at[1] is not target}

    def issue(self, purpose: Purpose, factor: Factor, code: str) -> Change:
        if is_short(code) and any(code in self._recent(one) for one in Factor):
            return Change.REPEATED
        self.live[purpose, factor] = Live(code, self.epoch, self.now)
        self.recent[factor] = [code, *self._recent(factor)][:8], self.now
        return Change.MADE

    def _recent(self, factor: Factor) -> list[str]:
        """The last codes are kept for a day from the last one on."""
        codes, at = self.recent.get(factor, ([], 0))
        return codes if self.now - at < DAY_MS else []

    def enrol(self, factor: Factor, address: str) -> Change:
        if address in self.addresses.get(factor, ()):
            return Change.KNOWN
        before, _, at = self.pending.get(factor, ("", -1, 0))
        if before != address or self.now - at >= DAY_MS:
            self.live.pop((Purpose.ACTIVATE, factor), None)
        self.pending[factor] = address, self.epoch, self.now
        self.states.setdefault(factor, FactorState.PENDING)
        return Change.MADE

    def standing_proofs(self) -> set[Proof]:
        """A proof may be kept longer than it counts, along with a younger one; nobody asks for such a proof."""
        valid = (proof for proof in self.proofs.items() if proof[1].epoch == self.epoch)
        return {Proof(factor, self.now - proof.at) for factor, proof in valid if self.now - proof.at < GRACE_MS}


class StoreMachine(RuleBasedStateMachine):
    """Does the same to the store and to the model."""

    short = ShortCodes()
    regulation = REGULATION

    def text(self, code: str) -> str:
        """What a code is written as."""
        return code

    def __init__(self) -> None:
        super().__init__()
        self._runner = asyncio.Runner()
        self._patch = pytest.MonkeyPatch()
        self._world = MemoryWorld(self._patch)
        self._model = Model()
        self.issues = 0

    def teardown(self) -> None:
        self.run(self._world.close())
        self._runner.close()
        self._patch.undo()

    def run(self, asked: Coroutine[Any, Any, T]) -> T:
        return self._runner.run(asked)

    @initialize()
    def enrolled(self) -> None:
        self._guest = Guest(self.run(self._world.store()), regulation=self.regulation, short=self.short)
        self.run(self._guest.enrol())
        self._model.epoch = 1
        self._model.states[Factor.EMAIL] = FactorState.ACTIVE
        self._model.addresses[Factor.EMAIL] = ["ada@example.test"]

    @rule(ms=TIMES)
    def time_passes(self, ms: int) -> None:
        self.run(self._world.pass_time(ms))
        self._model.now += ms

    @rule(purpose=st.sampled_from(Purpose), factor=FACTORS, code=CODES)
    def a_code_is_issued(self, purpose: Purpose, factor: Factor, code: str) -> None:
        self._issue(purpose, factor, self.text(code))

    def _issue(self, purpose: Purpose, factor: Factor, code: str) -> None:
        issued = self._guest.issue(code, factor=factor, purpose=purpose, life_ms=LIFE_MS)
        assert self.run(issued) is self._model.issue(purpose, factor, code)
        self.issues += 1

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
        asked = guest.redemption(self.text(code), standing, **changes)
        ride = None if ride_ms is None else Ride(ride_ms, same_token=same_token)
        asked = replace(asked, epoch=standing.epoch - epochs_ago, ride=ride, keep_ms=GRACE_MS)
        assert self.run(guest.store.redeem(asked, standing)) == self._model.redeem(asked)

    @invariant()
    def both_know_the_same(self) -> None:
        if not hasattr(self, "_guest"):
            return
        standing = self.run(self._guest.standing())
        inventory = self.run(self._guest.store.inventory(self._guest.account))
        kept = [(one.factor, one.address) for one in inventory.enrolments]
        assert kept == [(factor, one) for factor in Factor for one in self._model.addresses.get(factor, ())]
        assert standing.epoch == self._model.epoch
        assert standing.factors == self._model.states
        assert {proof for proof in standing.proofs if proof.age_ms < GRACE_MS} == self._model.standing_proofs()


class ShortCodesMachine(StoreMachine):
    """The same where codes have four digits, few tries and a short day. Issuing brings others into play."""

    short = ShortCodes(tries=2, per_day=5)
    regulation = replace(REGULATION, max_retries=4)

    def text(self, code: str) -> str:
        return f"{code[:2]}{self.issues // 3:02d}" if len(code) > len("1234") else code

    @rule(code=CODES, factor=FACTORS, session=SESSIONS, times=st.integers(0, 3))
    def a_new_code_is_tried(self, code: str, factor: Factor, session: str, times: int) -> None:
        code = self.text(code)
        self._issue(Purpose.GATE, factor, code)
        for number in range(times):
            self._present(f"9{self.issues % 100:02d}{number}", session, factors=(factor,))
        self._present(code, session, factors=(factor,))


TestStore = StoreMachine.TestCase
TestStore.settings = settings(max_examples=40, stateful_step_count=40, deadline=None)
TestShortCodes = ShortCodesMachine.TestCase
TestShortCodes.settings = settings(max_examples=40, stateful_step_count=40, deadline=None)
