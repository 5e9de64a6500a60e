"""Mutants made by rule: one small change of a program, of the kinds that people make by mistake.

Comparisons swapped, boundaries shifted by one, conditions negated, `and` for `or`, constants changed, statements left
out. What stays out: which of them are tried, and by which tests (by_rule).
"""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Change:
    """A piece of a text exchanged. `line` counts from 1; `begin` and `end` are places in the whole text."""

    line: int
    begin: int
    end: int
    now: str

    def applied(self, text: str) -> str:
        """The text with it."""
        return text[: self.begin] + self.now + text[self.end :]

    def told(self, text: str) -> str:
        """What it does, in a line."""
        return f"`{text[self.begin : self.end]}` becomes `{self.now}`"


# --- Python ------------------------------------------------------------------------------------

_COMPARED: Final[dict[type[ast.cmpop], tuple[str, str]]] = {
    ast.Lt: ("<", "<="), ast.LtE: ("<=", "<"), ast.Gt: (">", ">="), ast.GtE: (">=", ">"), ast.Eq: ("==", "!="),
    ast.NotEq: ("!=", "=="), ast.Is: ("is", "is not"), ast.IsNot: ("is not", "is"), ast.In: ("in", "not in"),
    ast.NotIn: ("not in", "in"),
}  # fmt: skip
_COUNTED: Final[dict[type[ast.operator], tuple[str, str]]] = {ast.Add: ("+", "-"), ast.Sub: ("-", "+")}


def python_changes(text: str) -> list[Change]:
    """Every change of a module."""
    return [change for part, begin, change in _Finder(text).found() if _is_whole(part, begin, change)]


def _is_whole(part: str, begin: int, change: Change) -> bool:
    """Whether a part of a module, which begins at a place of it, is still a program then."""
    try:
        ast.parse(part[: change.begin - begin] + change.now + part[change.end - begin :])
    except SyntaxError:
        return False
    return True


class _Finder:
    """Goes through a module. Types and what only people read are left alone: no test could tell."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._begins = [0]
        for line in text.encode().splitlines(keepends=True):
            self._begins.append(self._begins[-1] + len(line.decode()))
        self._lines = text.splitlines(keepends=True)

    def found(self) -> Iterator[tuple[str, int, Change]]:
        """Each change, with the statement of the module that it is in and where that begins."""
        for statement in ast.parse(self._text).body:
            first = min([statement.lineno, *(one.lineno for one in getattr(statement, "decorator_list", ()))])
            begin, end = self._begins[first - 1], self._end(statement)
            around = ast.Module([statement], [])
            yield from ((self._text[begin:end], begin, change) for change in self._in(around))

    def _in(self, node: ast.AST) -> Iterator[Change]:
        for name, value in ast.iter_fields(node):
            if name in ("annotation", "returns", "decorator_list", "bases", "type_comment", "exc", "msg"):
                continue
            for child in value if isinstance(value, list) else [value]:
                if isinstance(child, ast.AST) and not _is_for_people(child):
                    yield from self._of(child)
                    yield from self._in(child)

    def _of(self, node: ast.AST) -> Iterator[Change]:
        match node:
            case ast.Compare(left=left, ops=[op], comparators=[right]) if type(op) in _COMPARED:
                yield from self._between(left, right, *_COMPARED[type(op)])
            case ast.BoolOp(op=op, values=[first, second, *_]):
                words = ("and", "or") if isinstance(op, ast.And) else ("or", "and")
                yield from self._between(first, second, *words)
            case ast.BinOp(left=left, op=operator, right=right) if type(operator) in _COUNTED:
                yield from self._between(left, right, *_COUNTED[type(operator)])
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                yield self._change(node, f"({ast.unparse(operand)})")
            case ast.Constant(value=bool(value)):
                yield self._change(node, str(not value))
            case ast.Constant(value=int(value)):
                yield self._change(node, str(value + 1))
            case ast.If(test=test) | ast.IfExp(test=test) | ast.While(test=test) if not isinstance(test, ast.UnaryOp):
                yield self._change(test, f"not ({ast.unparse(test)})")
            case ast.Return(value=value) if value is not None and not isinstance(value, ast.Constant):
                yield self._change(value, "None")
            case ast.Expr(value=ast.Call()) | ast.AugAssign() | ast.Continue() | ast.Break():
                yield self._change(node, "pass")

    def _between(self, left: ast.expr, right: ast.expr, was: str, now: str) -> Iterator[Change]:
        begin, end = self._end(left), self._begin(right)
        place = self._text.find(was, begin, end)
        if place >= 0:
            yield Change(self._text.count("\n", 0, place) + 1, place, place + len(was), now)

    def _change(self, node: ast.expr | ast.stmt, now: str) -> Change:
        return Change(node.lineno, self._begin(node), self._end(node), now)

    def _begin(self, node: ast.expr | ast.stmt) -> int:
        return self._place(node.lineno, node.col_offset)

    def _end(self, node: ast.expr | ast.stmt) -> int:
        return self._place(node.end_lineno or node.lineno, node.end_col_offset or node.col_offset)

    def _place(self, line: int, column: int) -> int:
        """Columns of the parser are bytes."""
        return self._begins[line - 1] + len(self._lines[line - 1].encode()[:column].decode())


def _is_for_people(node: ast.AST) -> bool:
    match node:
        case ast.Expr(value=ast.Constant()) | ast.Raise() | ast.Import() | ast.ImportFrom():
            return True
        case ast.Expr(value=ast.Call(func=ast.Name(id="assert_never"))):
            return True
        case ast.FunctionDef(name="__repr__" | "__str__"):
            return True
        case ast.Call(func=ast.Name(id="field" | "dataclass" | "cast" | "lru_cache" | "TypeVar")):
            return True
        case ast.keyword(arg="repr" | "slots" | "frozen" | "compare" | "maxsize" | "strict"):
            return True
        case _:
            return False


# --- Lua ---------------------------------------------------------------------------------------

_EXCHANGED: Final = (
    (r"<=", "<"), (r">=", ">"), (r"(?<![<>~=])<(?![=<])", "<="), (r"(?<![<>~=-])>(?![=>])", ">="), (r"==", "~="),
    (r"~=", "=="),
    (r"\band\b", "or"), (r"\bor\b", "and"), (r"\bnot\b ", ""), (r"\btrue\b", "false"), (r"\bfalse\b", "true"),
    (r"(?<= )\+(?= )", "-"), (r"(?<= )-(?= )", "+"),
)  # fmt: skip
_NUMBER: Final = re.compile(r"(?<![\w.'\"%])\d+(?![\w.'\"])")
_DROPPED: Final = re.compile(r"^[ \t]*(redis\.p?call\([^\n]*\))$", re.MULTILINE)
_UNREAD: Final = re.compile(r"--[^\n]*|'[^'\n]*'|\"[^\"\n]*\"")


def lua_changes(text: str) -> list[Change]:
    """Every change of a script. Places of KEYS and ARGV are left alone: a test of another kind sees to them."""
    unread = [found.span() for found in _UNREAD.finditer(text)]

    def is_read(place: int) -> bool:
        return not any(begin <= place < end for begin, end in unread)

    changes = [
        _at(text, found, now) for was, now in _EXCHANGED for found in re.finditer(was, text) if is_read(found.start())
    ]
    changes += [
        _at(text, found, str(int(found.group()) + 1))
        for found in _NUMBER.finditer(text)
        if is_read(found.start()) and not text[: found.start()].endswith(("KEYS[", "ARGV["))
    ]
    changes += [
        Change(text.count("\n", 0, found.start(1)) + 1, *found.span(1), "do end")
        for found in _DROPPED.finditer(text)
        if is_read(found.start(1))
    ]
    return sorted(changes, key=lambda change: (change.begin, change.now))


def _at(text: str, found: re.Match[str], now: str) -> Change:
    return Change(text.count("\n", 0, found.start()) + 1, found.start(), found.end(), now)
