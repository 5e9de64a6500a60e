"""Near standings: what was recalled lately, remembered in this process, so that a route in grace costs no trip.

Theory. Three things make it safe to answer from here:

- **News.** The store tells on a connection of its own which standings have changed (tracking). Whatever changed is
  forgotten; when that connection is lost, everything is. Changes that this process makes are forgotten by itself,
  before whoever asked for them hears that they are done.
- **Assurance.** The store says again and again, on that connection and so behind all its news, that it is there.
  Nothing is answered later than `max_stale` after the question that it last answered: a network that lets nothing
  through any more keeps nobody's window open for longer.
- **No late arrivals.** A reply that was asked for before something was forgotten, and comes after, may be older than
  the news. So a question is void once the standing it is about is told of, and its reply is not remembered.

Time needs no news: how old what is remembered is, this process's clock tells, from the moment at which it was *asked*
for. What stays out: the connection (tracking), and what a standing is good for (core.gate).
"""

from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from math import ceil, inf
from time import monotonic
from types import MappingProxyType
from typing import Final

from mfa_gateway.core.account import AccountId, Factor, FactorState, Standing
from mfa_gateway.core.proof import Scope

Name = tuple[AccountId, Scope, str]

# One for all: an empty mapping of its own would be a sixteenth of what a standing takes.
_NOTHING: Final[Mapping[Factor, bytes]] = MappingProxyType({})

# How many sessions of one account are remembered. Whoever makes thousands takes no more room than this, nor time: what
# is told of an account costs as much as it has names here.
_MOST_OF_ONE: Final = 64


@dataclass(slots=True, eq=False)
class Question:
    """A standing that was asked for and has not come yet. `is_void`: what comes may be out of date."""

    key: str
    asked: float
    is_void: bool = False


@dataclass(frozen=True, slots=True)
class _Remembered:
    standing: Standing
    key: str
    asked: float


class NearStandings:
    """Remembers up to `entries` standings, none of them unless `assure` was called less than `max_stale` seconds ago.

    `key` is always that of the account: whatever is told of one of its standings holds for all.
    """

    def __init__(self, *, entries: int, max_stale: float, clock: Callable[[], float] = monotonic) -> None:
        self.max_stale = max_stale
        self.clock = clock
        self._entries = entries
        self._sure_until = -inf
        self._remembered: OrderedDict[Name, _Remembered] = OrderedDict()
        # Nearly every account has one standing: a set of its own would take 216 bytes, and a tuple 64.
        self._first: dict[str, Name] = {}
        self._others: dict[str, tuple[Name, ...]] = {}
        self._questions: dict[str, set[Question]] = {}
        self.hits = 0

    def __len__(self) -> int:
        return len(self._remembered)

    # --- Answers ---

    def known(self, name: Name) -> tuple[Standing, int] | None:
        """A standing and how many milliseconds ago it was asked for; None where that has to be done anew."""
        found = self._remembered.get(name)
        if found is None:
            return None
        now = self.clock()
        if now >= self._sure_until:
            return None
        self._remembered.move_to_end(name)
        self.hits += 1
        return found.standing, ceil((now - found.asked) * 1000)

    # --- Questions ---

    def ask(self, key: str) -> Question:
        """Say that a standing of this account is asked for now; void where nothing is remembered at this time."""
        now = self.clock()
        question = Question(key, now, is_void=now >= self._sure_until)
        if not question.is_void:
            self._questions.setdefault(key, set()).add(question)
        return question

    def learn(self, question: Question, name: Name, standing: Standing) -> None:
        """Remember what was answered, unless something happened meanwhile."""
        if question.is_void:
            return
        self._drop(name)
        if len(names := self._names(question.key)) >= _MOST_OF_ONE:
            self._drop(names[0])
        self._remembered[name] = _Remembered(_without_secrets(standing), question.key, question.asked)
        self._name(question.key, (*self._names(question.key), name))
        if len(self._remembered) > self._entries:
            self._drop(next(iter(self._remembered)))

    def give_up(self, question: Question) -> None:
        """Say that nothing more is to come of a question."""
        asked = self._questions.get(question.key)
        if asked is not None:
            asked.discard(question)
            if not asked:
                del self._questions[question.key]

    # --- News ---

    def assure(self, moment: float) -> None:
        """Whatever changed before `moment` was told, and the store went on telling."""
        self._sure_until = moment + self.max_stale

    def forget(self, keys: Iterable[str]) -> None:
        """These accounts have changed."""
        for key in keys:
            for name in self._names(key):
                self._remembered.pop(name, None)
            self._name(key, ())
            for question in self._questions.pop(key, ()):
                question.is_void = True

    def forget_all(self) -> None:
        """Anything may have changed."""
        self._remembered.clear()
        self._first.clear()
        self._others.clear()
        for questions in self._questions.values():
            for question in questions:
                question.is_void = True
        self._questions.clear()

    def doubt(self) -> None:
        """Nothing is told any more."""
        self._sure_until = -inf
        self.forget_all()

    def _drop(self, name: Name) -> None:
        gone = self._remembered.pop(name, None)
        if gone is None:
            return
        self._name(gone.key, tuple([one for one in self._names(gone.key) if one != name]))

    def _names(self, key: str) -> tuple[Name, ...]:
        """What is remembered of an account, the oldest first."""
        first = self._first.get(key)
        return () if first is None else (first, *self._others.get(key, ()))

    def _name(self, key: str, names: tuple[Name, ...]) -> None:
        if names:
            self._first[key] = names[0]
        else:
            self._first.pop(key, None)
        if len(names) > 1:
            self._others[key] = names[1:]
        else:
            self._others.pop(key, None)


def _without_secrets(standing: Standing) -> Standing:
    """What the gate weighs, which needs no secrets. Most accounts have the same few factors: they share one mapping."""
    return replace(standing, factors=_shared(tuple(standing.factors.items())), sealed=_NOTHING)


@lru_cache(maxsize=256)
def _shared(factors: tuple[tuple[Factor, FactorState], ...]) -> MappingProxyType[Factor, FactorState]:
    return MappingProxyType(dict(factors))
