"""What compiling asks of modules, as questions about a source tree; like `shape`, sentences, and none is good.

mypyc keeps the exception that is being handled in the thread and not in the coroutine. Where a coroutine waits inside
`except`, others run in the middle of its handler: their `raise`, and its own afterwards, may raise the wrong exception.
Where it waits inside `finally`, the handled exception is never put back, and a later call that ends well raises it
again (mypyc 2.4, `transform_try_finally_stmt_async`). So a compiled coroutine leaves its handler first, and waits then.

And a class that is interpreted cannot inherit one that is compiled, exceptions and the like aside.
"""

import ast
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

# Left without waiting for anybody, which is all that matters here.
_HARMLESS: Final = frozenset({"timeout", "asyncio.timeout"})
_WAITING: Final = (ast.Await, ast.AsyncFor, ast.AsyncWith, ast.Yield, ast.YieldFrom)
_OTHERS: Final = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)


# Classes of these are not native ones, in a compiled module either.
_NOT_NATIVE: Final = frozenset({"Enum", "Exception", "NamedTuple", "Protocol", "StrEnum", "TypedDict"})


def compiled_modules(root: Path) -> list[str]:
    """The files that the build compiles, as pyproject.toml lists them."""
    configured = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    modules: list[str] = configured["tool"]["hatch"]["build"]["targets"]["wheel"]["hooks"]["custom"]["modules"]
    return modules


def waiting_handlers(root: Path) -> list[str]:
    """Where a compiled coroutine waits while it handles an exception."""
    return [
        f"{name}:{node.lineno}: {what}"
        for name in compiled_modules(root)
        for node, what in _waits(ast.parse((root / name).read_text(encoding="utf-8")))
    ]


def _waits(tree: ast.Module) -> Iterator[tuple[ast.stmt, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Try):
            if any(_has_waiting(handler.body) for handler in node.handlers):
                yield node, "waits inside except: leave it first, and wait then"
            if _has_waiting(node.finalbody):
                yield node, "waits inside finally: catch the exception, wait, and raise it again"
        elif isinstance(node, ast.AsyncWith) and not all(_is_harmless(item.context_expr) for item in node.items):
            yield node, "leaving this may wait while an exception is handled"


def _has_waiting(body: Iterable[ast.AST]) -> bool:
    return any(
        isinstance(node, _WAITING) or (not isinstance(node, _OTHERS) and _has_waiting(ast.iter_child_nodes(node)))
        for node in body
    )


def _is_harmless(manager: ast.expr) -> bool:
    return isinstance(manager, ast.Call) and ast.unparse(manager.func) in _HARMLESS


def interpreted_heirs(root: Path) -> list[str]:
    """Classes of interpreted modules that inherit a compiled one."""
    compiled = compiled_modules(root)
    native = {(_module(name), one.name) for name in compiled for one in _classes(root / name) if _is_native(one)}
    others = {str(path.relative_to(root)) for path in (root / "mfa_gateway").rglob("*.py")} - {*compiled}
    return [
        f"{name}:{one.lineno}: {one.name} inherits what is compiled, and has to be compiled too"
        for name in sorted(others)
        for one in _classes(root / name)
        if not native.isdisjoint(_inherited(root / name, one))
    ]


def _module(name: str) -> str:
    return name.removesuffix(".py").replace("/", ".")


def _classes(path: Path) -> list[ast.ClassDef]:
    nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    return [node for node in nodes if isinstance(node, ast.ClassDef)]


def _is_native(one: ast.ClassDef) -> bool:
    return _NOT_NATIVE.isdisjoint(ast.unparse(base).rpartition(".")[2] for base in one.bases)


def _inherited(path: Path, one: ast.ClassDef) -> set[tuple[str, str]]:
    """The bases of a class that its module imports by name: from where, and as what they are known there."""
    bases = {ast.unparse(base) for base in one.bases}
    return {
        (node.module or "", alias.name)
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
        if (alias.asname or alias.name) in bases
    }
