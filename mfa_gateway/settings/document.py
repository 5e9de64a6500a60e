"""Documents: YAML text becomes a tree of plain values, with every key kept or complained about.

PyYAML's own constructor takes the last of two equal keys without a word, reads `no` as false (Norway among countries,
a `no` in a list of names), `010` as eight and `12:30` as 750. Here keys are written once, and plain scalars mean what
the YAML 1.2 core schema says: only true and false are booleans. `<<` merges as everybody knows it.

What stays out: what any key means.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import yaml

from mfa_gateway.settings.problems import Place, Problem, problem_at

_TAG: Final = "tag:yaml.org,2002:"

# Aliases can multiply a small file; no honest configuration comes near this many values.
_MAX_VALUES: Final = 200_000
# Nor one in the other; and every reader of the tree goes down it by calling itself.
_MAX_DEPTH: Final = 32
_TOO_DEEP: Final = "values are nested too deeply: no setting is that far down"


class _CoreLoader(yaml.SafeLoader):
    """Resolves plain scalars by the YAML 1.2 core schema (section 10.3.2)."""

    # Not those of the parent, which are YAML 1.1.
    yaml_implicit_resolvers: Final = {}  # type: ignore[misc]  # PyYAML declares it as an instance's


_RESOLVERS: Final = (
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("int", r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", list("-+0123456789")),
    (
        "float",
        r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)",
        list("-+.0123456789"),
    ),
    ("merge", r"<<", ["<"]),
)
for _name, _pattern, _first in _RESOLVERS:
    _CoreLoader.add_implicit_resolver(_TAG + _name, re.compile(rf"(?:{_pattern})\Z"), _first)


@dataclass(frozen=True, slots=True)
class Document:
    """A tree of mappings, lists and scalars, and what was wrong with how it was written.

    A tree of None with problems means that nothing could be read; with none, that nothing was written.
    """

    tree: object
    problems: tuple[Problem, ...] = ()


def read_document(path: Path) -> Document:
    """Read a configuration file. Never raises: where it cannot be read as keys at all, its tree is None."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        why = (error.strerror or "unknown reason").lower()
        return Document(None, (Problem("", f"the configuration file {path} cannot be read: {why}"),))
    except UnicodeDecodeError as error:
        return Document(None, (Problem("", f"byte {error.start} of {path} is not UTF-8: save the file as UTF-8"),))
    document = parse_document(text)
    if document.tree is None and not document.problems:
        return Document({})
    if document.tree is not None and not isinstance(document.tree, dict):
        whole = Problem("", "the configuration must be a mapping of keys, as in `listen: 127.0.0.1:8080`")
        return Document(None, (*document.problems, whole))
    return document


def parse_document(text: str) -> Document:
    """Read YAML (and so JSON) text."""
    loader = _CoreLoader("")
    try:
        loader = _CoreLoader(text)
        node = loader.get_single_node()
    except yaml.YAMLError as error:
        return Document(None, (_syntax_problem(error, text),))
    except RecursionError:  # how PyYAML notices
        return Document(None, (Problem("", _TOO_DEEP),))
    finally:
        loader.dispose()
    builder = _Builder()
    tree = None if node is None else builder.value(node, ())
    return Document(tree, tuple(builder.problems))


def _syntax_problem(error: yaml.YAMLError, text: str) -> Problem:
    match error:
        case yaml.MarkedYAMLError(problem_mark=mark) if mark is not None:
            why = error.problem or "it is not YAML"
            hint = ": indent with spaces, not with tabs" if r"'\t'" in why else ""
            begun = error.context_mark
            since = f" ({error.context}, begun in line {begun.line + 1})" if begun and error.context else ""
            return Problem("", f"line {mark.line + 1}, column {mark.column + 1}: {why}{hint}{since}")
        case yaml.reader.ReaderError(position=int(position)):
            before = text[:position]
            column = position - (before.rfind("\n") + 1) + 1
            return Problem("", f"line {before.count(chr(10)) + 1}, column {column}: a control character: take it out")
        case _:
            return Problem("", f"not YAML: {error}")


def _integer(text: str) -> int:
    return int(text, 0 if text[:2] in ("0o", "0x") else 10)


def _number(text: str) -> float:
    return float(text.lower().replace(".inf", "inf").replace(".nan", "nan"))


_SCALARS: Final[Mapping[str, Callable[[str], object]]] = {
    "str": str,
    "merge": str,
    "null": lambda _text: None,
    "bool": lambda text: {"true": True, "false": False}[text.lower()],
    "int": _integer,
    "float": _number,
}


@dataclass(slots=True)
class _Builder:
    """Turns nodes into values, noting what must not be there."""

    problems: list[Problem] = field(default_factory=list)
    _open: set[int] = field(default_factory=set)
    _count: int = 0

    def value(self, node: yaml.Node, place: Place) -> object:
        self._count += 1
        if len(place) > _MAX_DEPTH:
            self._complain(node, place[:1], _TOO_DEEP)
            return None
        if id(node) in self._open or self._count > _MAX_VALUES:
            self._complain(node, place, "the anchor holds itself, or grows without end: write the value out")
            return None
        self._open.add(id(node))
        try:
            return self._value(node, place)
        finally:
            self._open.discard(id(node))

    def _value(self, node: yaml.Node, place: Place) -> object:
        match node:
            case yaml.MappingNode(tag="tag:yaml.org,2002:map"):
                return self._mapping(node, place)
            case yaml.SequenceNode(tag="tag:yaml.org,2002:seq"):
                return [self.value(item, (*place, index)) for index, item in enumerate(node.value)]
            case yaml.ScalarNode():
                return self._scalar(node, place)
            case _:
                self._unknown_tag(node, place)
                return None

    def _mapping(self, node: yaml.MappingNode, place: Place) -> dict[str, object]:
        written: dict[str, object] = {}
        merged: dict[str, object] = {}
        lines: dict[str, int] = {}
        for key_node, value_node in node.value:
            if key_node.tag == _TAG + "merge":
                merged = self._merged(value_node, place) | merged
                continue
            key = self._key(key_node, place)
            if key is None:
                continue
            line = key_node.start_mark.line + 1
            if key in lines:
                self._complain(
                    key_node, (*place, key), f"is written twice, also in line {lines[key]}: keep one of them"
                )
                continue
            lines[key] = line
            written[key] = self.value(value_node, (*place, key))
        return merged | written

    def _merged(self, node: yaml.Node, place: Place) -> dict[str, object]:
        value = self.value(node, place)
        parts = value if isinstance(value, list) else [value]
        merged: dict[str, object] = {}
        for part in parts:
            if isinstance(part, dict):
                merged = part | merged
            else:
                self._complain(node, place, "'<<' takes a mapping, or a list of mappings")
        return merged

    def _key(self, node: yaml.Node, place: Place) -> str | None:
        if isinstance(node, yaml.ScalarNode) and node.value:
            return str(node.value)
        self._complain(node, place, "a key must be a word")
        return None

    def _scalar(self, node: yaml.ScalarNode, place: Place) -> object:
        kind = node.tag.removeprefix(_TAG)
        reader = _SCALARS.get(kind)
        if reader is None:
            self._unknown_tag(node, place)
            return None
        try:
            return reader(node.value)
        except (KeyError, ValueError):
            self._complain(node, place, f"is not a value of the type {kind}")
            return None

    def _unknown_tag(self, node: yaml.Node, place: Place) -> None:
        shown = node.tag.replace(_TAG, "!!")
        self._complain(node, place, f"the type {shown} has no meaning here: write the value without it")

    def _complain(self, node: yaml.Node, place: Place, text: str) -> None:
        mark = node.start_mark
        self.problems.append(problem_at(place, f"{text} (line {mark.line + 1}, column {mark.column + 1})"))
