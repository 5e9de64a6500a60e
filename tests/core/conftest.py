"""Plays ceremonies: a dozen lines, because a ceremony never waits itself."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import pytest

from mfa_gateway.core.ceremony import Answer, Command, Need, Outcome, perform
from mfa_gateway.core.gate import Terms


@dataclass(frozen=True)
class Played:
    """What a ceremony asked for, with what it was told, and how it ended."""

    steps: tuple[tuple[Need, Answer], ...]
    outcome: Outcome

    @property
    def needs(self) -> tuple[Need, ...]:
        """What was asked for, in order."""
        return tuple(need for need, _ in self.steps)


class Play(Protocol):
    """Plays a ceremony with the given answers; each must be asked for, and none may be missing."""

    def __call__(self, command: Command, *answers: Answer, terms: Terms = ...) -> Played: ...


class PlayAll(Protocol):
    """Plays a ceremony with every combination of the answers that `offers` has for each need."""

    def __call__(
        self, command: Command, offers: Callable[[Need], Sequence[Answer]], *, terms: Terms = ...
    ) -> Iterator[Played]: ...


@pytest.fixture(scope="session")
def play() -> Play:
    def playing(command: Command, *answers: Answer, terms: Terms = Terms()) -> Played:  # noqa: B008 - Terms is frozen
        steps, end = _replay(command, terms, answers)
        assert not isinstance(end, _Waiting), f"no answer is left for {end.need}"
        assert len(steps) == len(answers), "the ceremony ended before every answer was asked for"
        return Played(steps, end)

    return playing


@pytest.fixture(scope="session")
def play_all() -> PlayAll:
    def playing(
        command: Command,
        offers: Callable[[Need], Sequence[Answer]],
        *,
        terms: Terms = Terms(),  # noqa: B008 - Terms is frozen
    ) -> Iterator[Played]:
        open_lines: list[tuple[Answer, ...]] = [()]
        while open_lines:
            answers = open_lines.pop()
            steps, end = _replay(command, terms, answers)
            if isinstance(end, _Waiting):
                open_lines += [(*answers, answer) for answer in offers(end.need)]
            else:
                yield Played(steps, end)

    return playing


@dataclass(frozen=True)
class _Waiting:
    need: Need


def _replay(
    command: Command, terms: Terms, answers: Sequence[Answer]
) -> tuple[tuple[tuple[Need, Answer], ...], Outcome | _Waiting]:
    ceremony = perform(command, terms)
    steps: list[tuple[Need, Answer]] = []
    try:
        need = next(ceremony)
        for answer in answers:
            steps.append((need, answer))
            need = ceremony.send(answer)
    except StopIteration as end:
        outcome: Outcome = end.value
        return tuple(steps), outcome
    return tuple(steps), _Waiting(need)
