"""The habits of the house, as questions about a source tree.

Every check takes the root of a checkout and gives sentences, one for each thing that is wrong: an empty list is good.
So the same checks run over this tree and over copies with a planted violation. What stays out: what import-linter,
mypy and ruff see already.
"""

import ast
import re
import shutil
import subprocess
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path, PurePath
from statistics import median
from typing import Final

PACKAGE: Final = "mfa_gateway"

MAX_MEDIAN: Final = 10
MAX_FUNCTION: Final = 50
MAX_FILE: Final = 400
MAX_POSITIONAL: Final = 3
MIN_WORDS: Final = 8

# Names that say nothing of what a module holds.
EMPTY_NAMES: Final = frozenset({"util", "utils", "helper", "helpers", "manager", "managers", "common", "misc", "base"})

# Everything at the top of the repository; names that begin with a dot come on top. `deploy` may still be empty.
TOP_LEVEL: Final = frozenset({"LICENSE", "Makefile", "README.md", "config", "mfa_gateway", "pyproject.toml", "tests"})
TOP_LEVEL_LATER: Final = frozenset({"deploy"})

# What the core may import, because none of it looks at the world: arithmetic, text, hashes, types.
PURE_MODULES: Final = frozenset(
    {
        *("abc", "base64", "binascii", "bisect", "collections", "dataclasses", "enum", "fractions", "functools"),
        *("hashlib", "hmac", "heapq", "ipaddress", "itertools", "json", "math", "operator", "re", "string", "struct"),
        *("types", "typing", "unicodedata", "urllib.parse"),
    }
)
IMPURE_BUILTINS: Final = frozenset({"__import__", "breakpoint", "eval", "exec", "input", "open", "print"})

SLEEPERS: Final = frozenset({"time", "asyncio", "anyio", "trio"})

_REGISTRY: Final = re.compile(
    r"\b(?:pypi\.org|pythonhosted\.org|npmjs\.(?:com|org)|crates\.io|rubygems\.org|proxy\.golang\.org|anaconda\.org)\b"
)
_MACHINE: Final = re.compile(r"(?<![\w.:/-])/(?:work|root|home|Users|tmp)/[\w.-]")

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Source:
    """One Python file, parsed; `path` is relative to the root."""

    path: PurePath
    text: str
    tree: ast.Module

    def at(self, node: ast.stmt | ast.expr | ast.excepthandler) -> str:
        """Where a node stands, as editors open it."""
        return f"{self.path}:{node.lineno}"


def sources(root: Path, folder: str = PACKAGE) -> Iterator[Source]:
    """Every Python file under a folder, in a fixed order."""
    for path in sorted((root / folder).rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        yield Source(path.relative_to(root), text, _parsed(text))


@lru_cache(maxsize=4096)
def _parsed(text: str) -> ast.Module:
    """A dozen checks read the same files, and nobody changes a tree."""
    return ast.parse(text)


# --- Size -------------------------------------------------------------------------------------


def functions(tree: ast.AST, *, in_class: bool = False) -> Iterator[tuple[Function, bool]]:
    """Every function with whether it is a method."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, Function):
            yield node, in_class
        yield from functions(node, in_class=isinstance(node, ast.ClassDef))


def length(function: Function) -> int:
    """The lines of a function from `def` on, without its docstring."""
    return _lines(function) - sum(_lines(statement) for statement in function.body[:1] if _is_text(statement))


def _lines(node: ast.stmt) -> int:
    return (node.end_lineno or node.lineno) - node.lineno + 1


def _is_text(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)


def _has_body(function: Function) -> bool:
    """Whether there is anything but a docstring and `...`: a protocol's methods would flatter the median."""
    return not all(_is_text(statement) for statement in function.body)


def long_functions(root: Path) -> list[str]:
    """No function is longer than `MAX_FUNCTION` lines."""
    return [
        f"{source.at(function)}: {function.name} has {length(function)} lines, more than {MAX_FUNCTION}"
        for source in sources(root)
        for function, _ in functions(source.tree)
        if length(function) > MAX_FUNCTION
    ]


def long_median(root: Path) -> list[str]:
    """Half of all functions have at most `MAX_MEDIAN` lines."""
    lengths = [length(f) for source in sources(root) for f, _ in functions(source.tree) if _has_body(f)]
    middle = median(lengths) if lengths else 0
    return [f"the median function has {middle:g} lines, more than {MAX_MEDIAN}"] if middle > MAX_MEDIAN else []


def long_files(root: Path) -> list[str]:
    """No file is longer than `MAX_FILE` lines."""
    counted = ((source.path, len(source.text.splitlines())) for source in sources(root))
    return [f"{path}: {lines} lines, more than {MAX_FILE}" for path, lines in counted if lines > MAX_FILE]


def long_signatures(root: Path) -> list[str]:
    """Beyond `MAX_POSITIONAL` parameters, the rest is keyword-only."""
    return [
        f"{source.at(function)}: {function.name} takes {len(names)} positional parameters: make some keyword-only"
        for source in sources(root)
        for function, is_method in functions(source.tree)
        if len(names := _positional(function, is_method=is_method)) > MAX_POSITIONAL and not _is_dictated(function)
    ]


def _positional(function: Function, *, is_method: bool) -> list[str]:
    names = [argument.arg for argument in (*function.args.posonlyargs, *function.args.args)]
    is_static = any(isinstance(by, ast.Name) and by.id == "staticmethod" for by in function.decorator_list)
    return names[1:] if is_method and not is_static else names


def _is_dictated(function: Function) -> bool:
    """Whether somebody else wrote the signature: Python for dunder methods, ASGI for its three arguments."""
    is_dunder = function.name.startswith("__") and function.name.endswith("__")
    return is_dunder or _positional(function, is_method=False)[-3:] == ["scope", "receive", "send"]


# --- Names and words --------------------------------------------------------------------------


def empty_names(root: Path) -> list[str]:
    """Modules are named for what they hold."""
    paths = (path.relative_to(root) for folder in (PACKAGE, "tests") for path in sorted((root / folder).rglob("*")))
    return [
        f"{path}: the name says nothing of what it holds"
        for path in paths
        if "__pycache__" not in path.parts and EMPTY_NAMES & set(path.stem.lower().split("_"))
    ]


def thin_docstrings(root: Path) -> list[str]:
    """Every module says what it is for."""
    return [
        f"{source.path}: the module docstring has {words} words: say what the module is for, and what stays out"
        for source in sources(root)
        if (words := len((ast.get_docstring(source.tree) or "").split())) < MIN_WORDS
    ]


# --- What is never written --------------------------------------------------------------------


def assertions(root: Path) -> list[str]:
    """`assert` validates nothing: `python -O` drops it."""
    return [
        f"{source.at(node)}: assert is for tests: raise, or return a refusal"
        for source in sources(root)
        for node in ast.walk(source.tree)
        if isinstance(node, ast.Assert)
    ]


def prints(root: Path) -> list[str]:
    """Only the terminal's room prints."""
    return [
        f"{source.at(node)}: print belongs to the cli"
        for source in sources(root)
        if "cli" not in source.path.parts
        for node in ast.walk(source.tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"
    ]


def bare_excepts(root: Path) -> list[str]:
    """A bare `except` swallows cancellation and interrupts."""
    return [
        f"{source.at(node)}: except names what it catches"
        for folder in (PACKAGE, "tests")
        for source in sources(root, folder)
        for node in ast.walk(source.tree)
        if isinstance(node, ast.ExceptHandler) and node.type is None
    ]


def sleeps(root: Path) -> list[str]:
    """Tests never sleep time away: the clock is handed in, or an event is awaited with a deadline."""
    return [
        f"{source.at(node)}: tests do not sleep: hand the clock in, or wait for an event with a deadline"
        for source in sources(root, "tests")
        for aliases in (_aliases(source.tree),)
        for node in ast.walk(source.tree)
        if isinstance(node, ast.Call) and _called(node, aliases) in _SLEEPING and not _is_yield(node)
    ]


_SLEEPING: Final = frozenset(f"{module}.sleep" for module in SLEEPERS)


def _is_yield(call: ast.Call) -> bool:
    """`sleep(0)` waits for nothing but the other tasks."""
    return len(call.args) == 1 and isinstance(call.args[0], ast.Constant) and call.args[0].value == 0


def _aliases(tree: ast.Module) -> dict[str, str]:
    """What imported names stand for, in the words of their own modules."""
    names: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.asname or alias.name: alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names |= {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
    return names


def _called(call: ast.Call, aliases: dict[str, str]) -> str:
    head, dot, tail = ast.unparse(call.func).partition(".")
    return aliases.get(head, head) + dot + tail


# --- The core ---------------------------------------------------------------------------------


def impurities(root: Path) -> list[str]:
    """The core computes: no imports but pure ones, no calls of the world, nothing that waits."""
    return [
        f"{source.at(node)}: the core is pure: {why}"
        for source in sources(root, f"{PACKAGE}/core")
        for node in ast.walk(source.tree)
        if isinstance(node, ast.stmt | ast.expr)
        for why in _impure(node)
    ]


def _impure(node: ast.stmt | ast.expr) -> Iterator[str]:
    match node:
        case ast.Import(names=names):
            yield from (f"no import of {alias.name}" for alias in names if not _is_pure(alias.name))
        case ast.ImportFrom(module=module) if not _is_pure(module or "."):
            yield f"no import of {module}"
        case ast.Call(func=ast.Name(id=name)) if name in IMPURE_BUILTINS:
            yield f"no call of {name}"
        case ast.AsyncFunctionDef() | ast.Await() | ast.AsyncFor() | ast.AsyncWith():
            yield "nothing waits"


def _is_pure(module: str) -> bool:
    return module.startswith(f"{PACKAGE}.core.") or any(
        module == pure or module.startswith(f"{pure}.") for pure in PURE_MODULES
    )


# --- The checkout -----------------------------------------------------------------------------


def checked_out(root: Path) -> list[str] | None:
    """The files that are or could be committed; None where git cannot list them, as in an unpacked archive."""
    if not (root / ".git").exists() or shutil.which("git") is None:
        return None
    listed = ["git", "-C", str(root), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    run = subprocess.run(listed, capture_output=True, check=False)
    if run.returncode != 0:
        return None
    return sorted(name for name in run.stdout.decode().split("\0") if (root / name).is_file())


def stray_top_level(names: Iterable[str]) -> list[str]:
    """The top of the repository is a fixed list."""
    found = {name.partition("/")[0] for name in names}
    strays = {name for name in found if not name.startswith(".")} - TOP_LEVEL - TOP_LEVEL_LATER
    return [f"{name}: has no place at the top level" for name in sorted(strays)] + [
        f"{name}: missing from the top level" for name in sorted(TOP_LEVEL - found)
    ]


def foreign_places(root: Path, names: Iterable[str]) -> list[str]:
    """No file names a package registry's host, or a path that only one machine has."""
    return [
        f"{name}:{number}: {match.group()} is no place that every reader has"
        for name in names
        for number, line in enumerate((root / name).read_text(encoding="utf-8", errors="replace").splitlines(), 1)
        for pattern in (_REGISTRY, _MACHINE)
        if (match := pattern.search(line)) is not None
    ]


CHECKS: Final[tuple[Callable[[Path], list[str]], ...]] = (
    long_functions,
    long_median,
    long_files,
    long_signatures,
    empty_names,
    thin_docstrings,
    assertions,
    prints,
    bare_excepts,
    sleeps,
    impurities,
)
