"""A process that has collected the tests of a room once, and tries each mutant in a fork of itself.

What the tests import is there already, whole: the fork exchanges the one function or script that the mutant is about.
Where that would not do, it says so. What stays out: which tests judge a mutant, and trying it afresh (by_rule).
"""

import gc
import json
import os
import resource
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from types import CodeType, FunctionType
from typing import IO, Any, Final, NoReturn, Self

import pytest

from tests.attacks.mutation.scratch import ROOT

# A trial that has not ended after this and so many times what its tests took before runs on where it did not.
_LEAST_S: Final = 20.0
_TIMES: Final = 6.0
# What a trial may take of memory: one that runs on can fill it sooner than time is up.
_MOST_BYTES: Final = 4 << 30
_OURS: Final = ("tests", "mfa_gateway")
# CO_NEWLOCALS: the code of functions has it, that of modules and classes does not.
_FUNCTION: Final = 0x02


# A test, and the seconds that it took before.
_Timed = tuple[pytest.Item, float]


class Judgement(Enum):
    """What came of a trial. The values are how the process ends."""

    GREEN = 0
    RED = 1
    ENDLESS = 76
    NOT_HERE = 77


class Bench:
    """The tests of a room, ready to be run. Asked by the one who started it, one trial at a time."""

    def __init__(self, questions: IO[str], answers: IO[str]) -> None:
        self._questions = questions
        self._answers = answers

    def judged(self, path: Path | None, tests: Mapping[str, float]) -> Judgement:
        """Run these tests, the first red one ends it; each is given with the seconds that it took before. `path` is the
        file that is changed in the copy.

        Raises:
            RuntimeError: it is gone.
        """
        question = json.dumps({"path": path and str(path), "tests": dict(tests)})
        print(question, file=self._questions, flush=True)
        return Judgement(int(self._answer()))

    def await_readiness(self) -> None:
        """Wait until everything is imported: a file that is changed before would be imported as it is then.

        Raises:
            RuntimeError: the tests could not be collected.
        """
        self._answer()

    def _answer(self) -> str:
        answer = self._answers.readline()
        if not answer:
            raise RuntimeError("the tests could not be collected")
        return answer


@contextmanager
def bench(copy: Path, arguments: Sequence[str]) -> Iterator[Bench]:
    """A bench for the tests that these arguments of pytest choose in a copy."""
    asked, questions = os.pipe()
    answers, answered = os.pipe()
    process = os.fork()
    if process == 0:
        os.close(questions)
        os.close(answers)
        plugin = _Trials(os.fdopen(asked, "r"), os.fdopen(answered, "w"))
        run_and_leave(copy, arguments, [plugin])
    os.close(asked)
    os.close(answered)
    with os.fdopen(questions, "w") as to, os.fdopen(answers, "r") as back:
        made = Bench(to, back)
        made.await_readiness()
        yield made
    os.waitpid(process, 0)


def run_and_leave(copy: Path, arguments: Sequence[str], plugins: Sequence[object] = ()) -> NoReturn:
    """Be a process of one's own that runs pytest in the copy, and nothing of here."""
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
        for name in [name for name in sys.modules if name.partition(".")[0] in _OURS]:
            del sys.modules[name]
        folder = f"--basetemp={copy.parent}/{os.getpid()}"
        code = int(pytest.main(["-x", "--rootdir", str(copy), folder, *arguments], list(plugins)))
    finally:
        os._exit(code)


def waited(process: int, *, seconds: float) -> Judgement:
    """What came of a trial in a process that leads a group; `seconds` is what all of its tests took before."""
    ends = time.monotonic() + _LEAST_S + _TIMES * seconds
    while time.monotonic() < ends:
        done, status = os.waitpid(process, os.WNOHANG)
        if done:
            return _meant(os.waitstatus_to_exitcode(status))
        signal.sigtimedwait([signal.SIGCHLD], 0.01)
    os.killpg(process, signal.SIGKILL)
    os.waitpid(process, 0)
    return Judgement.ENDLESS


def _meant(code: int) -> Judgement:
    if code == -signal.SIGALRM:
        return Judgement.ENDLESS
    return Judgement(code) if code in (Judgement.GREEN.value, Judgement.NOT_HERE.value) else Judgement.RED


class _Trials:
    """Takes the place of running all tests: waits to be told which, and runs these in a fork."""

    def __init__(self, questions: IO[str], answers: IO[str]) -> None:
        self._questions = questions
        self._answers = answers

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Answer until nobody asks any more."""
        items = {item.nodeid: item for item in session.items}
        modules = {path: _Module.found(path) for path in Path("mfa_gateway/core").rglob("*.py")}
        # What is frozen is not looked at by the collector, so that the forks share it.
        gc.freeze()
        print("ready", file=self._answers, flush=True)
        for line in self._questions:
            asked = json.loads(line)
            chosen = [(items[test], seconds) for test, seconds in asked["tests"].items()]
            process = os.fork()
            if process == 0:
                path = Path(asked["path"]).relative_to(Path.cwd()) if asked["path"] else None
                _try_and_leave(modules.get(path, _Scripts()) if path else None, chosen)
            print(waited(process, seconds=sum(asked["tests"].values())).value, file=self._answers, flush=True)
        return True


def _try_and_leave(changed: "_Module | _Scripts | None", chosen: Sequence[_Timed]) -> NoReturn:
    code = Judgement.NOT_HERE
    try:
        os.setsid()
        resource.setrlimit(resource.RLIMIT_AS, (_MOST_BYTES, _MOST_BYTES))
        if changed is None or changed.exchange():
            code = _run(chosen)
    finally:
        os._exit(code.value)


def _run(chosen: Sequence[_Timed]) -> Judgement:
    following = [item for item, _ in chosen[1:]]
    for (item, seconds), after in zip(chosen, [*following, None], strict=True):
        # Nobody handles it, so that it ends the process.
        signal.alarm(int(_LEAST_S / 2 + _TIMES * seconds))
        item.ihook.pytest_runtest_protocol(item=item, nextitem=after)
        if item.session.testsfailed:
            return Judgement.RED
    return Judgement.GREEN


# --- Exchanging what the mutant is about -------------------------------------------------------


class _Scripts:
    """The scripts of the store."""

    def exchange(self) -> bool:
        """Read them again."""
        from mfa_gateway.state import scripts  # noqa: PLC0415 - that of the copy, which is not there before

        for script in scripts.ALL:
            now = scripts._read(script.name, only_reads=script.only_reads)
            object.__setattr__(script, "text", now.text)
            object.__setattr__(script, "sha", now.sha)
        return True


@dataclass(frozen=True, slots=True)
class _Module:
    """A module as it was imported, and its functions."""

    path: Path
    code: CodeType
    functions: Sequence[FunctionType]

    @classmethod
    def found(cls, path: Path) -> Self:
        """The module of a file, wherever its functions are by now."""
        name = str(path.resolve())
        every = (thing for thing in gc.get_objects() if type(thing) is FunctionType)
        functions = [function for function in every if function.__code__.co_filename == name]
        return cls(path, compile(path.read_bytes(), name, "exec"), functions)

    def exchange(self) -> bool:
        """Give its functions the code that its text has now. False where more than that changed, or nothing did."""
        now = compile(self.path.read_bytes(), self.code.co_filename, "exec")
        codes: dict[CodeType, CodeType] = {}
        if not _pair(self.code, now, codes.__setitem__):
            return False
        changed = [function for function in self.functions if function.__code__ in codes]
        for function in changed:
            function.__code__ = codes[function.__code__]
        return bool(changed)


def _pair(before: CodeType, now: CodeType, changed: Callable[[CodeType, CodeType], Any]) -> bool:
    """Tell which functions are others now. False where what runs at the import is another, or cannot be told."""
    olds, news = _inner(before), _inner(now)
    is_same = bool(before.co_flags & _FUNCTION) or _own(before) == _own(now)
    if not is_same or len(olds) != len(news):
        return False
    for old, new in zip(olds, news, strict=True):
        if old.co_flags & _FUNCTION:
            if old != new:
                changed(old, new)
                # Those inside may have been made by a call of it.
                _pair(old, new, changed)
        elif not _pair(old, new, changed):
            return False
    return True


def _inner(code: CodeType) -> list[CodeType]:
    return [constant for constant in code.co_consts if isinstance(constant, CodeType)]


def _own(code: CodeType) -> tuple[object, ...]:
    """What a piece of code does by itself."""
    constants = [None if isinstance(constant, CodeType) else (type(constant), constant) for constant in code.co_consts]
    return code.co_code, code.co_names, code.co_freevars, repr(constants)
