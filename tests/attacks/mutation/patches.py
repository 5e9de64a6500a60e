"""Mutants kept as patches: what each takes away, of which sentence of the README, and the tests that it turns red.

A patch is a unified diff below a head of lines `Takes away:`, `Sentence:` and `Red:`, one for each test. It is applied
by what it says, not by its line numbers: the lines that it takes out, with those around, have to be there exactly once.
What stays out: running anything (scratch, the command).
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

FOLDER: Final = Path(__file__).parents[1] / "mutants"
_HEAD: Final = re.compile(r"^(Takes away|Sentence|Red): (.+)$", re.MULTILINE)
_FILE: Final = re.compile(r"^\+\+\+ b/(\S+)", re.MULTILINE)
_HUNK: Final = re.compile(r"^@@[^\n]*\n", re.MULTILINE)


class DoesNotApply(Exception):
    """A patch is about lines that are not there, or more than once."""


@dataclass(frozen=True, slots=True)
class Mutant:
    """One defence taken away.

    Attributes:
        name: that of its file.
        lost: what is taken away, for people.
        sentence: what the README says that this defends.
        red: the tests that have to fail then, each of them.
        changes: path below the checkout to hunks: what is there, and what is in its place then.
    """

    name: str
    lost: str
    sentence: str
    red: tuple[str, ...]
    changes: tuple[tuple[str, tuple[tuple[str, str], ...]], ...]


def mutants() -> Iterator[Mutant]:
    """Every mutant that is kept, by its name."""
    for path in sorted(FOLDER.glob("*.patch")):
        yield read_mutant(path)


def read_mutant(path: Path) -> Mutant:
    """Read a patch.

    Raises:
        ValueError: its head is not whole.
    """
    text = path.read_text(encoding="utf-8")
    head, _, rest = text.partition("\n--- ")
    said: dict[str, list[str]] = {"Takes away": [], "Sentence": [], "Red": []}
    for name, value in _HEAD.findall(head):
        said[name].append(value)
    if len(said["Takes away"]) != 1 or len(said["Sentence"]) != 1 or not said["Red"]:
        raise ValueError(f"{path.name}: a head has `Takes away:`, `Sentence:` and one or more `Red:`")
    changes = tuple(_change(f"--- {part}") for part in rest.split("\n--- "))
    return Mutant(path.stem, said["Takes away"][0], said["Sentence"][0], tuple(said["Red"]), changes)


def _change(diff: str) -> tuple[str, tuple[tuple[str, str], ...]]:
    found = _FILE.search(diff)
    if found is None:
        raise ValueError("a diff names no file")
    hunks = _HUNK.split(diff)[1:]
    return found[1], tuple((_side(hunk, "-"), _side(hunk, "+")) for hunk in hunks)


def _side(hunk: str, mark: str) -> str:
    lines = hunk.removesuffix("\n").split("\n")
    return "".join(f"{line[1:]}\n" for line in lines if line[:1] in (" ", mark, ""))


def applied(mutant: Mutant, root: Path) -> dict[Path, str]:
    """The texts of the files that it changes, as they are then.

    Raises:
        DoesNotApply: somebody has rewritten what it takes away; the patch has to follow.
    """
    texts: dict[Path, str] = {}
    for name, hunks in mutant.changes:
        text = (root / name).read_text(encoding="utf-8")
        for before, after in hunks:
            places = [found.start() for found in re.finditer(f"^{re.escape(before)}", text, re.MULTILINE)]
            if len(places) != 1:
                raise DoesNotApply(f"{mutant.name}: what it changes of {name} is there {len(places)} times")
            text = text[: places[0]] + after + text[places[0] + len(before) :]
        texts[root / name] = text
    return texts
