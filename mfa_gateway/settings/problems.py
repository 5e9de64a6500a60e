"""Problems: what is wrong with a configuration, told so that the person who wrote it can mend it at once.

A problem has a place (where in the file), a text (what is wrong, what to do) and fits on one line. What stays out:
finding problems, and ever showing a value that may be a secret.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches

# The way to a value: the keys of mappings and the positions in lists.
Place = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong, on one line: what cannot be printed is written as an escape.

    Attributes:
        path: where, as in `access_control.rules[2].paths[0]`; the name of a variable; or "" for the file as a whole.
        text: what is wrong and what to do about it. Never holds the value of a secret.
    """

    path: str
    text: str

    def __post_init__(self) -> None:
        for name in ("path", "text"):
            object.__setattr__(self, name, _one_line(getattr(self, name)))

    def __str__(self) -> str:
        return f"{self.path}: {self.text}" if self.path else self.text


def _one_line(text: str) -> str:
    return text if text.isprintable() else "".join(char if char.isprintable() else repr(char)[1:-1] for char in text)


class ConfigurationError(Exception):
    """A configuration that must not be started with. Holds every problem there is, not only the first."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__(self.problems)

    def __str__(self) -> str:
        return "\n".join(map(str, self.problems))


def place_text(place: Place) -> str:
    """A place as people read it: `access_control.rules[2].paths[0]`."""
    steps = (f"[{step}]" if isinstance(step, int) else f".{step}" for step in place)
    return "".join(steps).removeprefix(".")


def problem_at(place: Place, text: str) -> Problem:
    """The problem `text` at a place in the file."""
    return Problem(place_text(place), text)


def closest(word: str, candidates: Iterable[str]) -> str | None:
    """The candidate that `word` is most likely a misspelling of, or None."""
    return next(iter(get_close_matches(word, list(candidates), n=1)), None)


def listing(words: Iterable[str], *, last: str = "or") -> str:
    """`a, b or c`."""
    *rest, final = words
    return f"{', '.join(rest)} {last} {final}" if rest else final
