"""Sequences of ceremonies on the real scripts: what no order and no crash between two may bring about."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from mfa_gateway.core.account import Factor, FactorState
from mfa_gateway.core.ceremony import Action, Begun, Done, Printed
from mfa_gateway.core.gate import Terms
from mfa_gateway.core.proof import CodeShapes, Effect, Redeemed, Regulation, Rejected, Rejection, Rode
from tests.state.playing import ACCOUNT, FACTOR_NAMES, LIFE_MS, Loop, Stage, caller
from tests.state.world import GRACE_MS, MemoryWorld, ServerWorld, World

REGULATION = Regulation(max_retries=3, find_time_ms=60_013, ban_time_ms=120_011, ban_max_ms=300_007)
DAY_MS = 24 * 3600 * 1000
TIMES = st.sampled_from([1, 997, 31_001, 62_003, 130_003, 601_001])
SECRET = b"the secret of the owner."
# Which of the codes in somebody's hands is presented: the last of each kind, or an older one.
PICKS = st.integers(0, 5)
# Those that change something more often than the others.
ACTIONS = [*Action, *[Action.ADD, Action.CONFIRM, Action.REMOVE, Action.DEACTIVATE, Action.BACKUP] * 2]


@contextmanager
def in_memory() -> Iterator[World]:
    """A server in this process, with a clock that stands still."""
    patch = pytest.MonkeyPatch()
    try:
        yield MemoryWorld(patch)
    finally:
        patch.undo()


class Machine(RuleBasedStateMachine):
    """What both machines begin and end with. `open_world` makes the server."""

    open_world: Any = staticmethod(in_memory)
    regulation = REGULATION
    digits = 6

    def __init__(self) -> None:
        super().__init__()
        self.run = Loop()
        self._opened = self.open_world()
        self.world: World = self._opened.__enter__()
        terms = Terms(regulation=self.regulation, shapes=CodeShapes(sent=self.digits))
        self.stage = Stage(self.world, self.run(self.world.store()), terms, digits=self.digits)

    def teardown(self) -> None:
        self.run(self.world.close())
        self.run.close()
        self._opened.__exit__(None, None, None)

    @rule(ms=TIMES)
    def time_passes(self, ms: int) -> None:
        self.run(self.world.pass_time(ms))


class MailboxThief(Machine):
    """Somebody reads the owner's mail and holds a token, fresh login included, and may try everything.

    What a thief can have: every code that was mailed, backup codes drawn by mail before there was an authenticator, and
    authenticators of their own that were never confirmed.
    """

    # A ban would only keep the thief from trying.
    regulation = Regulation(max_retries=100_000)

    def __init__(self) -> None:
        super().__init__()
        self.thief = caller("thief")
        self.owner = caller("owner")
        self.codes: list[str] = ["000000"]
        self.tickets: list[str] = [""]
        self.secrets: list[str] = []

    def mailed(self) -> str:
        """Have a code mailed; the thief reads it."""
        self.run(self.stage.carry_out(Action.TRIGGER, self.thief, factor_name="email"))
        return (self.stage.mails() or ["000000"])[-1]

    @initialize(has_drawn=st.booleans(), has_begun=st.booleans())
    def the_owner_adds_an_authenticator(self, *, has_drawn: bool, has_begun: bool) -> None:
        """Before that, the account has e-mail alone, and the thief is there already."""
        stage, run = self.stage, self.run
        run(stage.store.attach(ACCOUNT, Factor.EMAIL, "ada@example.test"))
        if has_drawn:
            printed = run(stage.carry_out(Action.BACKUP, self.thief, code=self.mailed()))
            assert isinstance(printed, Printed)
            self.codes += printed.codes
        if has_begun:
            self.begin(self.mailed())
        begun = run(stage.carry_out(Action.ADD, self.owner, factor_name="totp", code=self.mailed()))
        assert isinstance(begun, Begun)
        self.secret = begun.secret
        shown = run(stage.shown(begun.secret))
        done = stage.carry_out(Action.CONFIRM, self.owner, factor_name="totp", code=shown, ticket=begun.ticket)
        assert run(done) == Done()
        self.kept = self.authenticators()

    def begin(self, code: str) -> None:
        begun = self.run(self.stage.carry_out(Action.ADD, self.thief, factor_name="totp", code=code))
        if isinstance(begun, Begun):
            self.tickets.append(begun.ticket)
            self.secrets.append(begun.secret)

    def authenticators(self) -> list[str]:
        found = self.run(self.stage.inventory()).enrolments
        return [one.id for one in found if one.factor is Factor.TOTP]

    def pick(self, kind: str, pick: int) -> str:
        """A code that the thief could have."""
        held = {
            "mail": self.stage.mails()[-4:],
            "paper": self.codes,
            "own": [self.run(self.stage.shown(one)) for one in self.secrets[-2:]],
        }[kind] or ["000000"]
        return held[-1 - pick % len(held)]

    @rule()
    def the_thief_logs_in(self) -> None:
        self.run(self.stage.store.remember_login(ACCOUNT, session="thief"))

    @rule()
    def a_code_is_mailed(self) -> None:
        self.mailed()

    @rule(
        action=st.sampled_from(ACTIONS),
        factor=st.sampled_from([*FACTOR_NAMES, "totp", "totp"]),
        kind=st.sampled_from(["mail", "paper", "own"]),
        pick=PICKS,
        one=PICKS,
        by_id=st.booleans(),
    )
    def the_thief_tries(self, action: Action, factor: str, kind: str, *, pick: int, one: int, by_id: bool) -> None:
        ids = [found.id for found in self.run(self.stage.inventory()).enrolments]
        outcome = self.run(
            self.stage.carry_out(
                action,
                self.thief,
                factor_name=factor,
                code=self.pick(kind, pick),
                enrolment=ids[one % len(ids)] if by_id and ids else "",
                ticket=self.tickets[one % len(self.tickets)],
                address="thief@example.test" if factor == "email" else None,
                name="thief's",
            )
        )
        if isinstance(outcome, Begun):
            self.tickets.append(outcome.ticket)
            self.secrets.append(outcome.secret)
        if isinstance(outcome, Printed):
            self.codes += outcome.codes

    @rule(kind=st.sampled_from(["mail", "paper", "own"]), pick=PICKS)
    def the_thief_passes_the_gate(self, kind: str, pick: int) -> None:
        self.run(self.stage.present(self.pick(kind, pick), self.thief))

    @rule()
    def the_owner_passes_the_gate(self) -> None:
        self.run(self.stage.present(self.run(self.stage.shown(self.secret)), self.owner))

    @invariant()
    def the_authenticator_is_the_owners(self) -> None:
        if not hasattr(self, "kept"):
            return
        assert self.authenticators() == self.kept
        assert self.run(self.stage.standing()).state(Factor.TOTP) is FactorState.ACTIVE


class Crashing(Machine):
    """One owner and one guesser on an account with e-mail, and workers that die between two steps."""

    def __init__(self) -> None:
        super().__init__()
        self.owner, self.guesser = caller("owner"), caller("guesser")
        self.now = 0
        self.wrong: list[tuple[int, str]] = []
        self.wrong_short: list[int] = []
        self.seen = 0
        self.redeemed: Counter[tuple[str, str]] = Counter()
        self.good: set[tuple[int, Factor]] = set()
        self.issued: dict[str, tuple[int, int]] = {}

    @initialize()
    def enrolled(self) -> None:
        self.run(self.stage.store.attach(ACCOUNT, Factor.EMAIL, "ada@example.test"))
        self.epoch = self.run(self.stage.standing()).epoch

    def time_passes(self, ms: int) -> None:
        super().time_passes(ms)
        self.now += ms

    time_passes = rule(ms=TIMES)(time_passes)

    @rule(steps=st.integers(0, 4), after=st.booleans())
    def a_worker_will_die(self, steps: int, *, after: bool) -> None:
        self.stage.flaky.dies_in, self.stage.flaky.dies_after = steps, after

    def play(self, action: Action, **fields: Any) -> None:
        self.run(self.stage.carry_out(action, self.owner, **{"factor_name": "email", **fields}))
        self.look()

    @rule(factor=st.sampled_from(["email", "email", "totp"]))
    def a_code_is_sent_or_sent_again(self, factor: str) -> None:
        self.play(Action.TRIGGER, factor_name=factor)

    @rule()
    def the_factor_is_activated(self) -> None:
        self.play(Action.ACTIVATE)

    @rule(pick=PICKS)
    def the_factor_is_verified(self, pick: int) -> None:
        self.play(Action.VERIFY, code=self.pick(pick))

    @rule(pick=PICKS)
    def the_factor_is_deactivated(self, pick: int) -> None:
        self.play(Action.DEACTIVATE, code=self.pick(pick))

    @rule(pick=PICKS)
    def a_second_address_is_added(self, pick: int) -> None:
        self.play(Action.ADD, code=self.pick(pick), address="ada@work.test")

    @rule(pick=PICKS)
    def the_second_address_is_confirmed(self, pick: int) -> None:
        self.play(Action.CONFIRM, code=self.pick(pick))

    @rule()
    def the_epoch_moves(self) -> None:
        for switch in (self.stage.store.disable, self.stage.store.enable):
            self.run(switch(ACCOUNT))

    @rule(pick=PICKS)
    def a_right_or_an_old_code_is_presented(self, pick: int) -> None:
        self.run(self.stage.present(self.pick(pick), self.owner))
        self.look()

    @rule(number=st.integers(0, 9), times=st.integers(1, 4))
    def a_wrong_code_is_presented(self, number: int, times: int) -> None:
        for at in range(times):
            self.run(self.stage.present(f"9{number}{at:0{self.digits - 2}d}", self.guesser))
        self.look()

    def pick(self, pick: int) -> str:
        sent = [message.code for message in self.stage.outbox.messages] or ["000000"]
        return sent[-1 - pick % len(sent)]

    def look(self) -> None:
        """Take in what became of every code that came to the script, whether or not anybody lived to hear of it."""
        receipts = self.stage.flaky.receipts
        for asked, receipt in receipts[self.seen :]:
            match receipt:
                case Redeemed(factor=factor):
                    self.redeemed[asked.presented, factor.value] += 1
                    later = 1 if asked.effect is Effect.ACTIVATE else 0
                    self.good.add((asked.epoch + later, factor))
                    self.check_life(asked.presented, asked.epoch)
                case Rejected(why=Rejection.WRONG):
                    self.wrong.append((self.now, asked.session))
                    self.wrong_short += [self.now] if asked.short else []
                case Rode(factor=factor):
                    assert (asked.epoch, factor) in self.good
                case _:
                    pass
        self.seen = len(receipts)
        epoch = self.run(self.stage.standing()).epoch
        for message in self.stage.outbox.messages[len(self.issued) :]:
            self.issued[message.code] = (self.now, epoch)

    def check_life(self, code: str, epoch: int) -> None:
        at, made_in = self.issued[code]
        assert epoch == made_in, "a code survived its epoch"
        assert self.now - at < LIFE_MS, "a code survived its life"

    @invariant()
    def a_code_is_redeemed_at_most_once(self) -> None:
        assert all(times == 1 for times in self.redeemed.values())

    @invariant()
    def no_window_compares_more_than_it_may(self) -> None:
        guesses = [at for at, session in self.wrong if session == "guesser"]
        for first, last in zip(guesses, guesses[self.regulation.max_retries :], strict=False):
            assert last - first >= self.regulation.find_time_ms

    @precondition(lambda self: hasattr(self, "epoch"))
    @invariant()
    def no_window_is_open_without_a_code_and_nothing_survives_its_epoch(self) -> None:
        standing = self.run(self.stage.standing())
        for proof in standing.proofs:
            assert proof.age_ms >= GRACE_MS or (standing.epoch, proof.factor) in self.good
        assert standing.epoch >= self.epoch
        self.epoch = standing.epoch


class ShortCrashing(Crashing):
    """The same where codes have four digits."""

    digits = 4
    # An ordinary ban would only keep the guesser from filling the day.
    regulation = Regulation(max_retries=100)

    @invariant()
    def no_day_compares_more_than_ten_of_any_session(self) -> None:
        for first, eleventh in zip(self.wrong_short, self.wrong_short[10:], strict=False):
            assert eleventh - first >= DAY_MS


FEW = settings(max_examples=30, stateful_step_count=40, deadline=None)
TestMailboxThief = MailboxThief.TestCase
TestMailboxThief.settings = FEW
TestCrashing = Crashing.TestCase
TestCrashing.settings = settings(FEW, max_examples=40)
TestShortCrashing = ShortCrashing.TestCase
TestShortCrashing.settings = FEW


@pytest.mark.processes
@pytest.mark.parametrize("machine", [MailboxThief, Crashing, ShortCrashing])
def test_it_holds_on_a_real_server(valkey: str, machine: type[Machine]) -> None:
    @contextmanager
    def real() -> Iterator[World]:
        yield ServerWorld(valkey)

    onsite = type(machine.__name__, (machine,), {"open_world": staticmethod(real)})
    shorter = settings(max_examples=5, stateful_step_count=15, deadline=None, suppress_health_check=list(HealthCheck))
    run_state_machine_as_test(onsite, settings=shorter)
