"""A copy of the checkout in which things may be broken, and tests run in it.

What stays out: what is broken (patches, python_mutants, lua_mutants).
"""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[3]
_NEEDED: Final = (
    "mfa_gateway",
    "tests",
    "config",
    "deploy",
    "pyproject.toml",
    "README.md",
    "Makefile",
    "LICENSE",
    ".ci",
)
# Compiled modules would be imported in the place of their sources, which are what is broken.
_LEFT_OUT: Final = shutil.ignore_patterns("__pycache__", "node_modules", "results", "*.pyc", "*.so")


@contextmanager
def copied() -> Iterator[Path]:
    """A copy, gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        copy = Path(folder) / "checkout"
        copy.mkdir()
        for name in _NEEDED:
            _copy(ROOT / name, copy / name)
        yield copy


def _copy(there: Path, here: Path) -> None:
    if there.is_dir():
        shutil.copytree(there, here, ignore=_LEFT_OUT)
    elif there.exists():
        shutil.copy(there, here)


@contextmanager
def rewritten(texts: Mapping[Path, str]) -> Iterator[None]:
    """Other texts in files, and the old ones afterwards."""
    before = {path: path.read_text(encoding="utf-8") for path in texts}
    try:
        _write(texts)
        yield
    finally:
        _write(before)


def _write(texts: Mapping[Path, str]) -> None:
    for path, text in texts.items():
        path.write_text(text, encoding="utf-8")
        # Two texts of one length within one second look alike to the interpreter.
        for compiled in path.parent.glob(f"__pycache__/{path.stem}.*.pyc"):
            compiled.unlink()


def failed(copy: Path, tests: Sequence[str], *, seconds: float) -> set[str] | None:
    """Which of these tests fail in the copy; all of them when time is up; None where pytest could not run them."""
    # What a test starts as a process of its own has to be the copy, too.
    environ = {**os.environ, "PYTHONPATH": str(copy), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-m", "pytest", "-q", "--tb=no", "-p", "no:cacheprovider", "-rfE", *tests]
    try:
        ended = subprocess.run(
            command, cwd=copy, env=environ, capture_output=True, text=True, timeout=seconds, check=False
        )
    except subprocess.TimeoutExpired:
        return set(tests)
    if ended.returncode not in (0, 1):
        return None
    lines = [line.split(" ", 1)[1] for line in ended.stdout.splitlines() if line.startswith(("FAILED ", "ERROR "))]
    return {test for test in tests if any(_is_of(line, test) for line in lines)}


def _is_of(line: str, test: str) -> bool:
    """Whether a line of the summary is about a test, or about one of its parameters."""
    return line == test or line.startswith((f"{test} - ", f"{test}["))
