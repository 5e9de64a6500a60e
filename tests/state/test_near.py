"""Near standings: answered from here only what nobody has taken back."""

from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mfa_gateway.core.account import AccountId, Factor, FactorState, Proof, Standing
from mfa_gateway.core.proof import Scope
from mfa_gateway.state.near import Name, NearStandings

ADA, BOB = AccountId("shop", "ada"), AccountId("shop", "bob")
KEYS = {ADA: "mfa:standing:{a}:account", BOB: "mfa:standing:{b}:account"}
STANDING = Standing(
    recorded=True, epoch=3, factors={Factor.EMAIL: FactorState.ACTIVE}, proofs=(Proof(Factor.EMAIL, 10),)
)
MAX_STALE = 2.0


class Clock:
    """Stands still unless it is told to go on, by whole microseconds: nothing is lost in adding."""

    def __init__(self) -> None:
        self._now_us = 1_000_000_000

    def __call__(self) -> float:
        return self._now_us / 1_000_000

    def pass_(self, seconds: float) -> None:
        self._now_us += round(seconds * 1_000_000)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def near(clock: Clock) -> NearStandings:
    made = NearStandings(entries=3, max_stale=MAX_STALE, clock=clock)
    made.assure(clock())
    return made


def name(account: AccountId = ADA, session: str = "") -> Name:
    return (account, Scope.SESSION if session else Scope.ACCOUNT, session)


def learn(near: NearStandings, one: Name, standing: Standing = STANDING) -> None:
    near.learn(near.ask(KEYS[one[0]]), one, standing)


def test_what_was_learned_is_known(near: NearStandings) -> None:
    learn(near, name())
    assert near.known(name()) == (STANDING, 0)
    assert near.hits == 1


def test_each_scope_and_session_is_known_by_itself(near: NearStandings) -> None:
    learn(near, name(session="one"))
    assert (near.known(name()), near.known(name(session="other"))) == (None, None)


def test_what_is_known_is_as_old_as_its_question(near: NearStandings, clock: Clock) -> None:
    question = near.ask(KEYS[ADA])
    clock.pass_(0.5)
    near.learn(question, name(), STANDING)
    clock.pass_(0.25)
    assert near.known(name()) == (STANDING, 750)


def test_a_part_of_a_millisecond_counts_as_a_whole_one(near: NearStandings, clock: Clock) -> None:
    learn(near, name())
    clock.pass_(0.0001)
    assert near.known(name()) == (STANDING, 1)


def test_no_secret_is_remembered(near: NearStandings) -> None:
    learn(near, name(), Standing(sealed={Factor.TOTP: b"secret"}))
    known = near.known(name())
    assert known is not None
    assert known[0].sealed == {}


def test_nothing_is_known_without_an_assurance(clock: Clock) -> None:
    near = NearStandings(entries=3, max_stale=MAX_STALE, clock=clock)
    learn(near, name())
    assert near.known(name()) is None
    near.assure(clock())
    assert near.known(name()) is None


def test_at_the_end_of_an_assurance_nothing_is_known(near: NearStandings, clock: Clock) -> None:
    learn(near, name())
    clock.pass_(MAX_STALE - 0.001)
    assert near.known(name()) is not None
    clock.pass_(0.001)
    assert near.known(name()) is None


def test_what_was_known_is_known_again_when_the_store_was_only_slow(near: NearStandings, clock: Clock) -> None:
    learn(near, name())
    clock.pass_(MAX_STALE)
    near.assure(clock())
    assert near.known(name()) is not None


def test_news_of_an_account_make_all_of_it_unknown_and_nothing_else(near: NearStandings) -> None:
    for one in (name(), name(session="one"), name(BOB)):
        learn(near, one)
    near.forget([KEYS[ADA]])
    assert [near.known(one) is None for one in (name(), name(session="one"), name(BOB))] == [True, True, False]


def test_news_of_strangers_are_no_trouble(near: NearStandings) -> None:
    near.forget(["mfa:standing:{z}:account"])
    assert len(near) == 0


@pytest.mark.parametrize("happens", ["forget", "forget_all", "doubt"])
def test_a_reply_that_was_asked_for_before_the_news_and_comes_after_is_not_remembered(
    near: NearStandings, clock: Clock, happens: str
) -> None:
    question = near.ask(KEYS[ADA])
    getattr(near, happens)(*([[KEYS[ADA]]] if happens == "forget" else []))
    near.assure(clock())
    near.learn(question, name(), STANDING)
    assert near.known(name()) is None


def test_news_of_others_do_not_spoil_a_reply(near: NearStandings) -> None:
    question = near.ask(KEYS[ADA])
    near.forget([KEYS[BOB]])
    near.learn(question, name(), STANDING)
    assert near.known(name()) == (STANDING, 0)


def test_a_question_asked_while_nothing_was_sure_teaches_nothing(near: NearStandings, clock: Clock) -> None:
    near.doubt()
    question = near.ask(KEYS[ADA])
    near.assure(clock())
    near.learn(question, name(), STANDING)
    assert near.known(name()) is None


@pytest.mark.parametrize("forgets", ["forget_all", "doubt"])
def test_everything_can_be_forgotten(near: NearStandings, clock: Clock, forgets: str) -> None:
    learn(near, name())
    getattr(near, forgets)()
    near.assure(clock())
    assert (near.known(name()), len(near)) == (None, 0)


def test_the_one_that_was_not_used_for_longest_makes_room(near: NearStandings) -> None:
    for session in ("1", "2", "3"):
        learn(near, name(session=session))
    near.known(name(session="1"))
    learn(near, name(session="4"))
    assert len(near) == 3
    assert [near.known(name(session=session)) is not None for session in "1234"] == [True, False, True, True]


def test_one_account_takes_only_so_much_room(clock: Clock) -> None:
    near = NearStandings(entries=1_000, max_stale=MAX_STALE, clock=clock)
    near.assure(clock())
    for at in range(200):
        learn(near, name(session=str(at)))
    learn(near, name(BOB))
    assert len(near) == 65
    assert [near.known(name(session=at)) is None for at in ("135", "136", "199")] == [True, False, False]
    near.forget([KEYS[ADA]])
    assert len(near) == 1


def test_learning_again_takes_no_more_room(near: NearStandings) -> None:
    for _ in range(5):
        learn(near, name())
    assert len(near) == 1


def test_a_question_without_a_reply_leaves_nothing_behind(near: NearStandings) -> None:
    question = near.ask(KEYS[ADA])
    near.give_up(question)
    near.give_up(question)
    assert near._questions == {}


# --- Every order of things --------------------------------------------------------------------


@dataclass
class Play:
    """A store whose epoch moves, replies and news under way, and what is remembered of it."""

    clock: Clock = field(default_factory=Clock)
    epoch: int = 0
    told: int = 0
    asked: list[tuple[object, int | None]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.near = NearStandings(entries=8, max_stale=MAX_STALE, clock=self.clock)
        self.near.assure(self.clock())

    def ask(self) -> None:
        self.asked.append((self.near.ask(KEYS[ADA]), None))

    def answer(self) -> None:
        """The store carries out the oldest command that it has not."""
        for at, (question, epoch) in enumerate(self.asked):
            if epoch is None:
                self.asked[at] = (question, self.epoch)
                return

    def arrive(self) -> None:
        if self.asked and self.asked[0][1] is not None:
            question, epoch = self.asked.pop(0)
            self.near.learn(question, name(), Standing(epoch=epoch))  # type: ignore[arg-type] # from `ask`

    def change(self) -> None:
        self.epoch += 1

    def tell(self) -> None:
        if self.told < self.epoch:
            self.told = self.epoch
            self.near.forget([KEYS[ADA]])

    def lose(self) -> None:
        """The connection is lost with all news on it; whoever begins to listen again hears what comes after."""
        self.near.doubt()
        self.told = self.epoch
        self.near.assure(self.clock())

    def assure(self) -> None:
        """The store vouches for everything before now, behind all its news."""
        self.tell()
        self.near.assure(self.clock())

    def wait(self) -> None:
        self.clock.pass_(MAX_STALE / 3)


@given(st.lists(st.sampled_from(["ask", "answer", "arrive", "change", "tell", "lose", "assure", "wait"]), max_size=60))
def test_nothing_older_than_the_news_is_ever_known(steps: list[str]) -> None:
    play = Play()
    for step in steps:
        getattr(play, step)()
        known = play.near.known(name())
        assert known is None or known[0].epoch >= play.told
