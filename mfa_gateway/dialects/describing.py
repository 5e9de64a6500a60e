"""Describing: what a dialect says of its own endpoints, for people and programs that read OpenAPI.

Each dialect describes what it decodes from the tables that it decodes with, and its answers beside the code that writes
them, so that no second copy can grow old. What stays out: the document that all descriptions become (openapi).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, Protocol, runtime_checkable

from mfa_gateway.core.verdict import Reason

# JSON Schema 2020-12, as OpenAPI 3.1 takes it.
Schema = Mapping[str, object]

JSON: Final = "application/json"

# Header fields that answers may have besides those of every answer, and what they hold.
FIELDS: Final = {
    "Allow": "The methods that this path takes.",
    "Retry-After": "After how many seconds it makes sense to come back.",
    "WWW-Authenticate": "What is missing (RFC 6750, RFC 9470).",
    "X-MFA-Error-Code": "The error once more, for those behind a proxy that drops the body.",
}

# What the identity room and the reader of bodies refuse with, whatever is asked for.
IDENTITY_REASONS: Final = frozenset(
    {
        *(Reason.AMBIGUOUS_REQUEST, Reason.TWO_CREDENTIALS, Reason.TOKEN_MISSING, Reason.TOKEN_INVALID),
        Reason.IDENTITY_UNAVAILABLE,
    }
)
BODY_REASONS: Final = frozenset({Reason.BODY_MALFORMED, Reason.BODY_UNSUPPORTED, Reason.BODY_TOO_LARGE})


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer of an operation. `content`: its media types, each with the schema of its body; none for no body."""

    summary: str
    content: Mapping[str, Schema] = field(default_factory=dict)
    fields: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Body:
    """What an operation takes: its media types with the schema of each."""

    content: Mapping[str, Schema]


@dataclass(frozen=True, slots=True)
class Operation:
    """One method at one path.

    Attributes:
        path: as in `Dialect.endpoints`, the prefix included.
        method: in capitals.
        name: unique among those of the dialect, for programs that call it.
        summary: what it does, in a line.
        answers: by status.
        body: what it takes; None for no body.
        takes_code: whether `X-MFA-Code` means something.
        takes_bearer: whether it is asked by somebody who has logged in.
        parameters: further parameters, as OpenAPI writes them.
    """

    path: str
    method: str
    name: str
    summary: str
    answers: Mapping[int, Answer]
    body: Body | None = None
    takes_code: bool = False
    takes_bearer: bool = True
    parameters: tuple[Mapping[str, object], ...] = ()


@dataclass(frozen=True, slots=True)
class Description:
    """A dialect for its readers: `name` tells it from the others, `schemas` are those that answers refer to."""

    name: str
    summary: str
    operations: tuple[Operation, ...]
    schemas: Mapping[str, Schema] = field(default_factory=dict)


@runtime_checkable
class Described(Protocol):
    """A dialect that can say what it takes and gives."""

    def describe(self) -> Description:
        """Every operation of every endpoint."""
        ...


# --- Schemas ----------------------------------------------------------------------------------


def text(**limits: object) -> Schema:
    """A string, within these limits."""
    return {"type": "string", **limits}


def one_of(values: Iterable[str]) -> Schema:
    """One of these strings."""
    return {"type": "string", "enum": list(values)}


def number(**limits: object) -> Schema:
    """A whole number, not below 0 unless the limits say so."""
    return {"type": "integer", "minimum": 0, **limits}


def items(schema: Schema) -> Schema:
    """A list of these."""
    return {"type": "array", "items": schema}


def nullable(schema: Schema) -> Schema:
    """The same, or null."""
    return {"anyOf": [schema, {"type": "null"}]}


def exactly(members: Mapping[str, Schema], *, optional: Iterable[str] = ()) -> Schema:
    """An object of these members and no other, all of which are there but for the optional ones."""
    missing = set(optional)
    return {
        "type": "object",
        "properties": dict(members),
        "required": [name for name in members if name not in missing],
        "additionalProperties": False,
    }


def refer(name: str) -> Schema:
    """A schema of the description's, by its name."""
    return {"$ref": f"#/components/schemas/{name}"}
