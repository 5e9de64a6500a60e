"""Planted violations: each contract of the house is broken once, on a copy, and has to say so in the right words."""

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from .shape import (
    CHECKS,
    TOP_LEVEL,
    assertions,
    bare_excepts,
    checked_out,
    empty_names,
    foreign_places,
    impurities,
    long_files,
    long_functions,
    long_median,
    long_signatures,
    prints,
    sleeps,
    stray_top_level,
    thin_docstrings,
)

LAYERS = "Layers: a room knows only the rooms below it; siblings are strangers"
PURE_CORE = "The core waits for nothing and knows nothing of the world"
CODECS = "A dialect is a codec: it never waits and never decides"
STRANGERS = "No dialect knows another"
REDIS = "Only the state room speaks Redis"


# --- Imports, by import-linter ----------------------------------------------------------------


def lint(root: Path) -> tuple[set[str], set[str], str]:
    """The contracts that are kept, those that are broken, and everything that was said."""
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache", "--config", "pyproject.toml"]
    environment = os.environ | {"PYTHONPATH": str(root), "PYTHONDONTWRITEBYTECODE": "1", "NO_COLOR": "1"}
    run = subprocess.run(
        command, cwd=root, env=environment, capture_output=True, text=True, check=False, timeout=60, encoding="utf-8"
    )
    said = " ".join((run.stdout + run.stderr).split())
    contracts = (LAYERS, PURE_CORE, CODECS, STRANGERS, REDIS)
    kept, broken = ({name for name in contracts if f"{name} {state}" in said} for state in ("KEPT", "BROKEN"))
    assert bool(broken) == bool(run.returncode), said
    return kept, broken, said


def plant(root: Path, module: str, line: str) -> None:
    """Add a line to a module of the copied package, or begin one."""
    package = root / "mfa_gateway" / module.replace(".", "/")
    path = package / "__init__.py" if package.is_dir() else package.with_suffix(".py")
    before = path.read_text(encoding="utf-8") if path.exists() else '"""Planted."""\n'
    path.write_text(f"{before}\n{line}\n", encoding="utf-8")


def test_the_house_as_it_stands_keeps_every_contract(copy: Path) -> None:
    kept, broken, said = lint(copy)
    assert broken == set(), said
    assert kept == {LAYERS, PURE_CORE, CODECS, STRANGERS, REDIS}, said


@pytest.mark.parametrize(
    ("module", "imported", "contracts"),
    [
        ("core.otp", "asyncio", {PURE_CORE}),
        ("core.proof", "time", {PURE_CORE}),
        ("core.gate", "redis", {PURE_CORE, REDIS}),
        ("core.call", "mfa_gateway.dialects.wire", {LAYERS}),
        ("dialects.glue", "mfa_gateway.dialects.standard", {STRANGERS}),
        ("dialects.wire", "asyncio", {CODECS}),
        ("engine.judge", "mfa_gateway.state", {LAYERS, REDIS}),
        ("engine.judge", "mfa_gateway.doors", {LAYERS}),
        ("doors.asgi", "mfa_gateway.cli", {LAYERS}),
        ("identity", "redis.asyncio", {REDIS}),
    ],
)
def test_a_planted_import_breaks_its_contract(copy: Path, module: str, imported: str, contracts: set[str]) -> None:
    plant(copy, module, f"import {imported}")
    _, broken, said = lint(copy)
    assert contracts <= broken, said
    assert f"mfa_gateway.{module}" in said
    assert imported.partition(".")[0] in said


def test_a_room_that_has_no_place_in_the_house_breaks_the_layers(copy: Path) -> None:
    plant(copy, "attic", "X = 1")
    _, broken, said = lint(copy)
    assert broken == {LAYERS}
    assert "mfa_gateway.attic" in said


# --- Shape ------------------------------------------------------------------------------------

LONG_FUNCTION = "def planted() -> int:\n" + "    planted()\n" * 59
LONG_FILE = "# planted\n" * 400
FAT_FUNCTIONS = "".join(f"def planted_{at}() -> None:\n" + "    planted()\n" * 10 for at in range(3000))


@pytest.mark.parametrize(
    ("check", "module", "line", "words"),
    [
        (long_functions, "core.otp", LONG_FUNCTION, "planted has 60 lines, more than 50"),
        (long_median, "core.otp", FAT_FUNCTIONS, "the median function has 11 lines, more than 10"),
        (long_files, "core.otp", LONG_FILE, "mfa_gateway/core/otp.py: "),
        (long_signatures, "core.otp", "def planted(a, b, c, d): ...", "planted takes 4 positional parameters"),
        (long_signatures, "core.otp", "class A:\n    def p(self, a, b, c, d): ...", "p takes 4 positional parameters"),
        (empty_names, "engine.utils", "X = 1", "mfa_gateway/engine/utils.py: the name says nothing"),
        (empty_names, "core.code_helpers", "X = 1", "mfa_gateway/core/code_helpers.py: the name says nothing"),
        (thin_docstrings, "core.planted", "X = 1", "mfa_gateway/core/planted.py: the module docstring has 1 words"),
        (assertions, "engine.judge", "assert True", "assert is for tests"),
        (prints, "engine.judge", "print('here')", "print belongs to the cli"),
        (bare_excepts, "engine.judge", "try:\n    X = 1\nexcept:\n    pass", "except names what it catches"),
        (impurities, "core.otp", "import time\nNOW = time.time()", "the core is pure: no import of time"),
        (impurities, "core.otp", "from os import environ", "the core is pure: no import of os"),
        (impurities, "core.otp", "from mfa_gateway.engine import judge", "no import of mfa_gateway.engine"),
        (impurities, "core.otp", "NOW = __import__('time').time()", "the core is pure: no call of __import__"),
        (impurities, "core.otp", "X = open('/dev/null')", "the core is pure: no call of open"),
        (impurities, "core.otp", "async def planted() -> None: ...", "the core is pure: nothing waits"),
    ],
)
def test_a_planted_habit_is_seen(
    copy: Path, check: Callable[[Path], list[str]], module: str, line: str, words: str
) -> None:
    before = check(copy)
    plant(copy, module, line)
    (found,) = set(check(copy)) - set(before)
    assert words in found


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_an_empty_house_has_no_bad_habits(tmp_path: Path, check: Callable[[Path], list[str]]) -> None:
    assert check(tmp_path) == []


@pytest.mark.parametrize(
    "line",
    [
        "def planted(a, b, c, *, d): ...",
        "class A:\n    def p(self, a, b, c): ...",
        "class A:\n    @classmethod\n    def p(cls, a, b, c, *, d): ...",
        "class A:\n    def __init__(self, a, b, c, d): ...",
        "async def app(gateway, scope, receive, send): ...",
    ],
)
def test_a_signature_of_three_or_of_somebody_else_is_fine(tmp_path: Path, line: str) -> None:
    (tmp_path / "mfa_gateway").mkdir()
    plant(tmp_path, "planted", line)
    assert long_signatures(tmp_path) == []


def test_a_docstring_does_not_make_a_function_long(tmp_path: Path) -> None:
    (tmp_path / "mfa_gateway").mkdir()
    plant(tmp_path, "planted", 'def planted():\n    """One.' + "\n" * 60 + '    """\n    return 1')
    assert long_functions(tmp_path) == []


def test_the_terminal_may_print(tmp_path: Path) -> None:
    (tmp_path / "mfa_gateway" / "cli").mkdir(parents=True)
    plant(tmp_path, "cli.planted", "print('here')")
    assert prints(tmp_path) == []


@pytest.mark.parametrize(
    "line",
    [
        "import time\ntime.sleep(1)",
        "import time as clock\nclock.sleep(0.1)",
        "from time import sleep\nsleep(1)",
        "from asyncio import sleep as rest\nasync def planted():\n    await rest(1)",
        "import asyncio\nasync def planted():\n    await asyncio.sleep(0.01)",
        "import anyio\nasync def planted():\n    await anyio.sleep(1)",
    ],
)
def test_a_sleeping_test_is_seen(tmp_path: Path, line: str) -> None:
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_planted.py").write_text(line, encoding="utf-8")
    (found,) = sleeps(tmp_path)
    assert re.match(r"tests/test_planted\.py:\d: tests do not sleep", found)


@pytest.mark.parametrize(
    "line", ["import asyncio\nasync def planted():\n    await asyncio.sleep(0)", "import store\nstore.sleep(1)"]
)
def test_letting_the_other_tasks_run_is_no_sleep(tmp_path: Path, line: str) -> None:
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_planted.py").write_text(line, encoding="utf-8")
    assert sleeps(tmp_path) == []


# --- The checkout -----------------------------------------------------------------------------


def test_a_stray_at_the_top_level_is_seen() -> None:
    names = [*TOP_LEVEL, "deploy/x", ".editorconfig", "docs/index.md", "notes.txt"]
    assert stray_top_level(names) == [f"{name}: has no place at the top level" for name in ("docs", "notes.txt")]


def test_a_gap_at_the_top_level_is_seen() -> None:
    names = sorted(TOP_LEVEL - {"LICENSE"})
    assert stray_top_level(names) == ["LICENSE: missing from the top level"]


@pytest.mark.parametrize("place", ["pypi{}org", "files.pythonhosted{}org", "registry.npmjs{}org", "crates{}io"])
def test_the_host_of_a_registry_is_seen(tmp_path: Path, place: str) -> None:
    place = place.format(".")
    (tmp_path / "planted.md").write_text(f"first\nsee https://{place}/simple\n", encoding="utf-8")
    (found,) = foreign_places(tmp_path, ["planted.md"])
    assert re.match(r"planted\.md:2: [a-z.]+ is no place", found)


@pytest.mark.parametrize("place", ["{}work/x", "{}root/x", "{}home/jane", "{}Users/jane", "{}tmp/x.sock"])
def test_a_path_of_one_machine_is_seen(tmp_path: Path, place: str) -> None:
    (tmp_path / "planted.md").write_text(f"cd {place.format('/')}\n", encoding="utf-8")
    assert len(foreign_places(tmp_path, ["planted.md"])) == 1


@pytest.mark.parametrize("place", ["https://x.test/home/main", "./tmp/x", "/workshop", "mfa_gateway/home/x"])
def test_other_paths_are_fine(tmp_path: Path, place: str) -> None:
    (tmp_path / "planted.md").write_text(place, encoding="utf-8")
    assert foreign_places(tmp_path, ["planted.md"]) == []


def test_outside_a_checkout_nothing_is_listed(tmp_path: Path) -> None:
    assert checked_out(tmp_path) is None
