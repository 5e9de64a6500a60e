"""The JSON Schema of the configuration, and questions to it: which keys are there, what may be written where.

The schema is published for editors (`config/mfa-gateway.schema.json`) and is what unknown keys and environment
variables are looked up in. What stays out: judging values.
"""

import json
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, Final

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaMode, JsonSchemaValue
from pydantic_core import CoreSchema

from mfa_gateway.settings.durations import DURATION_PATTERN, SIZE_PATTERN, duration_text, size_text
from mfa_gateway.settings.problems import Place
from mfa_gateway.settings.root import Settings

Node = Mapping[str, Any]

_DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"


class _Generator(GenerateJsonSchema):
    """Leaves out titles made of names, which say nothing that the name does not."""

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002 - pydantic asks per field
        return False

    def generate(self, schema: CoreSchema, mode: JsonSchemaMode = "validation") -> JsonSchemaValue:
        generated = super().generate(schema, mode)
        for section in generated["$defs"].values():
            section.pop("title", None)
        return {"$schema": _DIALECT, "title": generated.pop("title"), **_polished(generated)}


def _polished(node: Any) -> Any:
    """Descriptions on one line; defaults written as people write them."""
    match node:
        case dict():
            polished = {key: _polished(value) for key, value in node.items()}
            if isinstance(description := polished.get("description"), str):
                polished["description"] = " ".join(description.split())
            if isinstance(default := polished.get("default"), (int, float)) and not isinstance(default, bool):
                polished["default"] = _as_written(default, polished.get("pattern"))
            return polished
        case list():
            return [_polished(item) for item in node]
        case _:
            return node


def _as_written(default: float, pattern: str | None) -> object:
    match pattern:
        case str() if pattern == DURATION_PATTERN:
            return duration_text(default)
        case str() if pattern == SIZE_PATTERN:
            return size_text(int(default))
        case _:
            return default


@cache
def _schema() -> Node:
    return Settings.model_json_schema(schema_generator=_Generator)


def json_schema() -> str:
    """The published JSON Schema (draft 2020-12): pretty, in a stable order, without a final newline."""
    return json.dumps(_schema(), indent=2, ensure_ascii=False)


def alternatives(node: Node) -> Iterator[Node]:
    """The plain nodes that a node stands for, references followed."""
    if "$ref" in node:
        yield from alternatives(_schema()["$defs"][node["$ref"].rpartition("/")[2]])
    elif "anyOf" in node:
        for choice in node["anyOf"]:
            yield from alternatives(choice)
    else:
        yield node


def nodes_at(place: Place) -> tuple[Node, ...]:
    """What may be written at a place; empty where there is no such key. Any position in a list is one."""
    nodes = tuple(alternatives(_schema()))
    for step in place:
        nodes = tuple(found for node in nodes for found in _child(node, step))
    return nodes


def _child(node: Node, step: str | int) -> Iterator[Node]:
    child = node.get("items") if isinstance(step, int) else node.get("properties", {}).get(step)
    if child is not None:
        yield from alternatives(child)


def keys_at(place: Place) -> tuple[str, ...]:
    """The keys that may be written at a place."""
    return tuple(key for node in nodes_at(place) for key in node.get("properties", {}))


def types_at(place: Place) -> frozenset[str]:
    """The JSON types that may be written at a place."""
    return frozenset(kind for node in nodes_at(place) for kind in _types(node))


def _types(node: Node) -> tuple[str, ...]:
    kinds = node.get("type", ())
    return (kinds,) if isinstance(kinds, str) else tuple(kinds)


def description_at(place: Place) -> str:
    """What the key at a place is for, or else its section; "" where nothing is said."""
    keys = [node.get("properties", {}).get(place[-1], {}) for node in nodes_at(place[:-1])]
    said = (node.get("description", "") for node in (*keys, *nodes_at(place)))
    return next(filter(None, said), "")


def every_place() -> Iterator[Place]:
    """Every key there is, sections included, with 0 for the position in a list."""
    yield from _places((), alternatives(_schema()))


def _places(place: Place, nodes: Iterator[Node]) -> Iterator[Place]:
    for node in nodes:
        for key, child in node.get("properties", {}).items():
            yield (*place, key)
            yield from _places((*place, key), alternatives(child))
        if "items" in node:
            yield from _places((*place, 0), alternatives(node["items"]))
