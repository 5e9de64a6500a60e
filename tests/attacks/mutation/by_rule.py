"""Trying mutants made by rule: each is judged by the tests that run what it changes, in an order drawn with a seed.

Every trial is a process of its own. Most are forked from one that has collected all tests; what runs already while
they are collected is tried afresh, where everything is imported anew. What stays out: what a mutant is (made), which of
them change nothing (equivalents), the copy that is broken (scratch), and running tests in it (bench).
"""

import ast
import importlib
import json
import os
import random
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path
from typing import Any, Final

from tests.attacks.mutation.bench import Bench, Judgement, bench, run_and_leave, waited
from tests.attacks.mutation.equivalents import EQUIVALENTS, Equivalent
from tests.attacks.mutation.made import Change, lua_changes, python_changes
from tests.attacks.mutation.recording import LINES, PLACE
from tests.attacks.mutation.scratch import copied, rewritten

# What takes long to import and is nobody's to break.
_FOREIGN: Final = (
    "argon2", "coverage", "cryptography.x509", "fakeredis", "httptools", "httpx2", "hypothesis", "jsonschema", "jwt",
    "lupa",
    "phonenumbers", "pydantic", "redis.asyncio", "segno", "starlette.routing", "structlog",
    "uvicorn", "yaml",
)  # fmt: skip
# What is changed of a room: a folder, and files of a kind.
_ROOMS: Final = {"core": ("mfa_gateway/core", "py"), "lua": ("mfa_gateway/state/lua", "lua")}
# Tests of these rooms judge; the lines and scripts that they run say which of them judge what.
_JUDGES: Final[Mapping[str, tuple[str, ...]]] = {
    "core": ("tests/core", "tests/dialects", "tests/engine"),
    "lua": ("tests/state", "-m", "not processes"),
}
_QUIET: Final = (
    *("-q", "--tb=no", "-p", "no:cacheprovider", "--hypothesis-seed=0"),
    *("-W", "ignore::pytest.PytestAssertRewriteWarning"),
)
# The tests that judge one mutant took no longer than this together when they were recorded.
_MOST_TESTS_S: Final = 30.0
# After so many a word is said.
_ROUND: Final = 50
# So many trials are done without a mutant first, of tests that took so long.
_CONTROLS: Final = 5
_CONTROL_S: Final = 3.0


@dataclass(slots=True)
class Report:
    """What became of the mutants of a room."""

    room: str
    there_are: int = 0
    tried: int = 0
    killed: int = 0
    # Killed, because nothing came of them in time.
    endless: int = 0
    survived: list[str] = field(default_factory=list)
    equivalent: list[str] = field(default_factory=list)
    # Listed as equivalent, and not to be found any more.
    stale: list[str] = field(default_factory=list)

    @property
    def rate(self) -> float:
        """The share of those tried that were noticed."""
        return self.killed / self.tried if self.tried else 0.0


@dataclass(frozen=True, slots=True)
class _Candidate:
    path: Path
    text: str
    change: Change

    def equivalent(self, copy: Path) -> Equivalent | None:
        """Why it changes nothing, if it does not."""
        name = str(self.path.relative_to(copy))
        was, becomes = (_line_at(text, self.change.begin) for text in (self.text, self.change.applied(self.text)))
        return next((one for one in EQUIVALENTS if (one.path, one.was, one.becomes) == (name, was, becomes)), None)


def _line_at(text: str, place: int) -> str:
    ends = text.find("\n", place)
    return text[text.rfind("\n", 0, place) + 1 : ends if ends >= 0 else len(text)].strip()


def try_by_rule(room: str, *, seconds: float | None, seed: int, say: Callable[[str], None]) -> Report:
    """Try mutants of a room, all of them or for so many seconds, after one run of all of its tests.

    Raises:
        RuntimeError: its tests fail already without a mutant.
    """
    for name in _FOREIGN:
        with suppress(ImportError):
            importlib.import_module(name)
    report = Report(room)
    with copied() as copy:
        candidates = _without_equivalents(list(_candidates(room, copy)), copy, report)
        random.Random(seed).shuffle(candidates)
        report.there_are = len(candidates)
        recorded = _recorded(room, copy)
        say(f"{room}: {len(candidates)} mutants there are, {len(recorded['seconds'])} tests to judge them")
        with bench(copy, [*_QUIET, *_JUDGES[room]]) as quick:
            court = _Court(copy, recorded, quick)
            _check_trials(candidates, court)
            _try_all(candidates, court, report, ends=time.monotonic() + seconds if seconds else None, say=say)
    return report


def _try_all(
    candidates: Sequence[_Candidate],
    court: "_Court",
    report: Report,
    *,
    ends: float | None,
    say: Callable[[str], None],
) -> None:
    for candidate in candidates:
        if ends is not None and time.monotonic() >= ends:
            break
        _try_one(candidate, court, report=report)
        if report.tried % _ROUND == 0:
            say(f"  {report.killed} of {report.tried} killed")


def _without_equivalents(candidates: Sequence[_Candidate], copy: Path, report: Report) -> list[_Candidate]:
    """The others. Those are told with their reasons."""
    looked_up = [(candidate, candidate.equivalent(copy)) for candidate in candidates]
    met = [one for _, one in looked_up if one is not None]
    report.equivalent += [f"{one.path}: `{one.was}` as `{one.becomes}`: {one.why}" for one in met]
    folder, _ = _ROOMS[report.room]
    report.stale += [
        f"{one.path}: `{one.becomes}`" for one in EQUIVALENTS if one.path.startswith(folder) and one not in met
    ]
    return [candidate for candidate, one in looked_up if one is None]


def _candidates(room: str, copy: Path) -> Iterator[_Candidate]:
    folder, kind = _ROOMS[room]
    for path in sorted((copy / folder).rglob(f"*.{kind}")):
        text = path.read_text(encoding="utf-8")
        for change in python_changes(text) if kind == "py" else lua_changes(text):
            yield _Candidate(path, text, change)


def _recorded(room: str, copy: Path) -> dict[str, Any]:
    place = copy.parent / f"{room}.json"
    environ = {**os.environ, PLACE: str(place), "PYTHONPATH": str(copy), LINES: "1" if room == "core" else ""}
    command = [sys.executable, "-m", "pytest", *_QUIET, "-p", "tests.attacks.mutation.recording", *_JUDGES[room]]
    ended = subprocess.run(command, cwd=copy, env=environ, capture_output=True, text=True, check=False)
    if ended.returncode != 0 or not place.exists():
        raise RuntimeError(f"tests of {room} fail without a mutant:\n{ended.stdout[-3000:]}{ended.stderr[-1000:]}")
    recorded: dict[str, Any] = json.loads(place.read_text())
    return recorded


def _check_trials(candidates: Sequence[_Candidate], court: "_Court") -> None:
    """A trial that is red whatever is tried would find that everything is noticed."""
    for candidate in candidates[:_CONTROLS]:
        tests = list(_in_time(court.judges(candidate), court.recorded["seconds"], most=_CONTROL_S))
        for judge in (partial(court.judged_quickly, None), court.judged_afresh):
            if tests and judge(tests) is not Judgement.GREEN:
                raise RuntimeError(f"a trial is red without a mutant: {' '.join(tests[:3])} ...")


def _try_one(candidate: _Candidate, court: "_Court", *, report: Report) -> None:
    tests = court.judges(candidate)
    with rewritten({candidate.path: candidate.change.applied(candidate.text)}):
        judgement = court.judged(candidate, tests) if tests else Judgement.GREEN
    report.tried += 1
    report.killed += judgement is not Judgement.GREEN
    report.endless += judgement is Judgement.ENDLESS
    if judgement is Judgement.GREEN:
        place = f"{candidate.path.relative_to(court.copy)}:{candidate.change.line}"
        why = "" if tests else " (no test runs it)"
        report.survived.append(f"{place}: {candidate.change.told(candidate.text)}{why}")


@dataclass(frozen=True, slots=True)
class _Court:
    """Who judges the mutants of a room."""

    copy: Path
    recorded: Mapping[str, Any]
    quick: Bench

    def judges(self, candidate: _Candidate) -> list[str]:
        """The tests that run what is changed, the quickest first, as many as there is time for."""
        return _judges_of(candidate, self.copy, self.recorded)

    def judged(self, candidate: _Candidate, tests: Sequence[str]) -> Judgement:
        """Run them on what is in the copy now. What ran before the tests did is not exchanged in a fork of that."""
        if not self._runs_early(candidate):
            judgement = self.judged_quickly(candidate.path, tests)
            if judgement is not Judgement.NOT_HERE:
                return judgement
        return self.judged_afresh(tests)

    def judged_quickly(self, path: Path | None, tests: Sequence[str]) -> Judgement:
        """In a process that has everything imported."""
        return self.quick.judged(path, self._seconds(tests))

    def judged_afresh(self, tests: Sequence[str]) -> Judgement:
        """In a process that imports everything anew."""
        process = os.fork()
        if process == 0:
            run_and_leave(self.copy, [*_QUIET, *tests])
        return waited(process, seconds=sum(self._seconds(tests).values()))

    def _seconds(self, tests: Sequence[str]) -> dict[str, float]:
        return {test: self.recorded["seconds"].get(test, 0.0) for test in tests}

    def _runs_early(self, candidate: _Candidate) -> bool:
        if candidate.path.suffix != ".py":
            return False
        lines = self.recorded["lines"].get(str(candidate.path.relative_to(self.copy)), {})
        return "" in lines.get(str(candidate.change.line), [""])


def _judges_of(candidate: _Candidate, copy: Path, recorded: Mapping[str, Any]) -> list[str]:
    """The tests that run what is changed, the quickest first, as many as there is time for."""
    name = str(candidate.path.relative_to(copy))
    seconds: dict[str, float] = recorded["seconds"]
    if candidate.path.suffix == ".py":
        lines: dict[str, list[str]] = recorded["lines"].get(name, {})
        # A line that only runs while it is imported is everybody's of that module.
        tests = [test for test in lines.get(str(candidate.change.line), ()) if test]
        tests = tests or _tests_about(candidate.path, copy, recorded)
    else:
        tests = sorted(
            {test for script in _scripts_with(candidate.path) for test in recorded["scripts"].get(script, ())}
        )
    tests.sort(key=lambda test: seconds.get(test, 0.0))
    return list(_in_time(tests, seconds))


def _tests_about(path: Path, copy: Path, recorded: Mapping[str, Any]) -> list[str]:
    """The tests that run anything of a module, or name it: what only runs when it is imported is theirs."""
    lines: dict[str, list[str]] = recorded["lines"].get(str(path.relative_to(copy)), {})
    module = ".".join(path.relative_to(copy).with_suffix("").parts)
    files = {test.partition("::")[0] for test in recorded["seconds"]}
    naming = {file for file in files if module in _imported(copy / file)}
    named = {test for test in recorded["seconds"] if test.partition("::")[0] in naming}
    return sorted(named.union(*lines.values()) - {""})


@cache
def _imported(file: Path) -> frozenset[str]:
    """What a file imports, modules and names in them."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        match node:
            case ast.Import(names=names):
                found |= {alias.name for alias in names}
            case ast.ImportFrom(module=str(module), names=names):
                found |= {module, *(f"{module}.{alias.name}" for alias in names)}
            case _:
                pass
    return frozenset(found)


def _scripts_with(path: Path) -> set[str]:
    if path.parent.name != "parts":
        return {path.stem}
    includes = re.compile(rf"^-- include: {path.stem}$", re.MULTILINE)
    return {script.stem for script in path.parent.parent.glob("*.lua") if includes.search(script.read_text())}


def _in_time(tests: Sequence[str], seconds: Mapping[str, float], *, most: float = _MOST_TESTS_S) -> Iterator[str]:
    total = 0.0
    for test in tests:
        total += seconds.get(test, 0.0)
        if total > most:
            return
        yield test
