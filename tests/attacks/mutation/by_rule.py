"""Trying mutants made by rule: drawn with a seed, each run against the tests that run what it changes, in time.

Every mutant is a process of its own, forked from one that has imported what is not ours, so that it costs little more
than its tests. What stays out: what a mutant is (made), and the copy that is broken (scratch).
"""

import importlib
import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, NoReturn

import pytest

from tests.attacks.mutation.made import Change, lua_changes, python_changes
from tests.attacks.mutation.recording import LINES, PLACE
from tests.attacks.mutation.scratch import ROOT, copied, rewritten

# What takes long to import and is nobody's to break.
_FOREIGN: Final = (
    "argon2", "coverage", "cryptography.x509", "fakeredis", "httptools", "httpx2", "hypothesis", "jsonschema", "jwt",
    "lupa",
    "phonenumbers", "pydantic", "redis.asyncio", "segno", "starlette.routing", "structlog",
    "uvicorn", "yaml",
)  # fmt: skip
# Tests of these rooms judge; the lines and scripts that they run say which of them judge what.
_JUDGES: Final[Mapping[str, tuple[str, ...]]] = {
    "core": ("tests/core", "tests/dialects", "tests/engine"),
    "lua": ("tests/state", "-m", "not processes"),
}
_QUIET: Final = (
    *("-q", "--tb=no", "-p", "no:cacheprovider", "--hypothesis-seed=0"),
    *("-W", "ignore::pytest.PytestAssertRewriteWarning"),
)
# Nobody waits longer for the judgement on one mutant, by the recorded times of the tests, and by the clock.
_MOST_TESTS_S: Final = 30.0
_MOST_S: Final = 180.0
# After so many a word is said.
_ROUND: Final = 50
# So many trials are done without a mutant first.
_CONTROLS: Final = 5


@dataclass(slots=True)
class Report:
    """What became of the mutants of a room."""

    room: str
    there_are: int = 0
    tried: int = 0
    killed: int = 0
    survived: list[str] = field(default_factory=list)

    @property
    def rate(self) -> float:
        """The share of those tried that were noticed."""
        return self.killed / self.tried if self.tried else 0.0


@dataclass(frozen=True, slots=True)
class _Candidate:
    path: Path
    text: str
    change: Change


def try_by_rule(room: str, *, seconds: float, seed: int, say: Callable[[str], None]) -> Report:
    """Try mutants of a room for so many seconds, after one run of all of its tests.

    Raises:
        RuntimeError: its tests fail already without a mutant.
    """
    for name in _FOREIGN:
        with suppress(ImportError):
            importlib.import_module(name)
    report = Report(room)
    with copied() as copy:
        candidates = list(_candidates(room, copy))
        random.Random(seed).shuffle(candidates)
        report.there_are = len(candidates)
        recorded = _recorded(room, copy)
        say(f"{room}: {len(candidates)} mutants there are, {len(recorded['seconds'])} tests to judge them")
        _check_trials(candidates, copy, recorded)
        ends = time.monotonic() + seconds
        for candidate in candidates:
            if time.monotonic() >= ends:
                break
            _try_one(candidate, copy, recorded, report=report)
            if report.tried % _ROUND == 0:
                say(f"  {report.killed} of {report.tried} killed")
    return report


def _candidates(room: str, copy: Path) -> Iterator[_Candidate]:
    folder, kind = ("mfa_gateway/core", "py") if room == "core" else ("mfa_gateway/state/lua", "lua")
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


def _check_trials(candidates: Sequence[_Candidate], copy: Path, recorded: Mapping[str, Any]) -> None:
    """A trial that is red whatever is tried would find that everything is noticed."""
    for candidate in candidates[:_CONTROLS]:
        tests = _judges_of(candidate, copy, recorded)
        if tests and not _is_green(copy, tests):
            raise RuntimeError(f"a trial is red without a mutant: {' '.join(tests[:3])} ...")


def _try_one(candidate: _Candidate, copy: Path, recorded: Mapping[str, Any], *, report: Report) -> None:
    tests = _judges_of(candidate, copy, recorded)
    with rewritten({candidate.path: candidate.change.applied(candidate.text)}):
        is_killed = bool(tests) and not _is_green(copy, tests)
    report.tried += 1
    report.killed += is_killed
    if not is_killed:
        place = f"{candidate.path.relative_to(copy)}:{candidate.change.line}"
        why = "" if tests else " (no test runs it)"
        report.survived.append(f"{place}: {candidate.change.told(candidate.text)}{why}")


def _judges_of(candidate: _Candidate, copy: Path, recorded: Mapping[str, Any]) -> list[str]:
    """The tests that run what is changed, the quickest first, as many as there is time for."""
    name = str(candidate.path.relative_to(copy))
    seconds: dict[str, float] = recorded["seconds"]
    if candidate.path.suffix == ".py":
        lines: dict[str, list[str]] = recorded["lines"].get(name, {})
        # A line that only runs while it is imported is everybody's of that module.
        tests = lines.get(str(candidate.change.line)) or _tests_about(candidate.path, copy, recorded)
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
    names = re.compile(rf"\b{re.escape(module)}\b")
    files = {test.partition("::")[0] for test in recorded["seconds"]}
    naming = {file for file in files if names.search((copy / file).read_text(encoding="utf-8"))}
    named = {test for test in recorded["seconds"] if test.partition("::")[0] in naming}
    return sorted(named.union(*lines.values()))


def _scripts_with(path: Path) -> set[str]:
    if path.parent.name != "parts":
        return {path.stem}
    includes = re.compile(rf"^-- include: {path.stem}$", re.MULTILINE)
    return {script.stem for script in path.parent.parent.glob("*.lua") if includes.search(script.read_text())}


def _in_time(tests: Sequence[str], seconds: Mapping[str, float]) -> Iterator[str]:
    total = 0.0
    for test in tests:
        total += seconds.get(test, 0.0)
        if total > _MOST_TESTS_S:
            return
        yield test


# --- One trial ---------------------------------------------------------------------------------


def _is_green(copy: Path, tests: Sequence[str]) -> bool:
    """Whether all of these tests pass in the copy, in time."""
    process = os.fork()
    if process == 0:
        _run_and_leave(copy, tests)
    ends = time.monotonic() + _MOST_S
    while time.monotonic() < ends:
        done, status = os.waitpid(process, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status) == 0
        signal.sigtimedwait([signal.SIGCHLD], 0.05)
    # It runs on where it did not before, which is noticed, too.
    os.killpg(process, signal.SIGKILL)
    os.waitpid(process, 0)
    return False


def _run_and_leave(copy: Path, tests: Sequence[str]) -> NoReturn:
    code = 1
    try:
        os.setsid()
        nowhere = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2):
            os.dup2(nowhere, stream)
        os.chdir(copy)
        os.environ["PYTHONPATH"] = str(copy)
        sys.dont_write_bytecode = True
        sys.path[:] = [str(copy), *(place for place in sys.path if place and Path(place) != ROOT)]
        for name in [name for name in sys.modules if name.partition(".")[0] in ("tests", "mfa_gateway")]:
            del sys.modules[name]
        code = int(pytest.main([*_QUIET, "-x", "--rootdir", str(copy), *tests]))
    finally:
        os._exit(code)
