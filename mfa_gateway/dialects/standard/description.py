"""Description: the standard dialect for its readers, made of the tables that its codec works with.

What stays out: the document around it (openapi).
"""

from collections.abc import Iterator
from typing import Final

from mfa_gateway.core.ceremony import FAILURES
from mfa_gateway.core.verdict import Reason
from mfa_gateway.dialects.describing import (
    BODY_REASONS,
    IDENTITY_REASONS,
    JSON,
    Answer,
    Body,
    Description,
    Operation,
    Schema,
    exactly,
)
from mfa_gateway.dialects.standard.answers import PROOF
from mfa_gateway.dialects.standard.bodies import Shape
from mfa_gateway.dialects.standard.names import ID
from mfa_gateway.dialects.standard.problems import PROBLEM, described
from mfa_gateway.dialects.standard.steps import MEMBERS, STEPS, Step
from mfa_gateway.dialects.wire import ID as ID_IN_PATH

_ID_PARAMETER: Final = {"name": "id", "in": "path", "required": True, "schema": ID, "description": "of a second factor"}


def described_below(prefix: str) -> Description:
    """The dialect with its endpoints below a prefix."""
    operations = (
        _operation(prefix, path, method=method, step=step) for path, of in STEPS.items() for method, step in of.items()
    )
    return Description(
        "standard",
        "Second factors as plain JSON resources, refusals as problem details (RFC 9457).",
        tuple(operations),
        {"Problem": PROBLEM, "Proof": PROOF},
    )


def _operation(prefix: str, path: str, *, method: str, step: Step) -> Operation:
    has_id = ID_IN_PATH in path
    content = {} if step.schema is None else {JSON: step.schema}
    reasons = FAILURES[step.action] | set(_reasons(step, has_id=has_id))
    words = path.replace(ID_IN_PATH, "one").strip("/").replace("-", "_").split("/")
    return Operation(
        path=f"{prefix}{path}",
        method=method,
        name="_".join((method.lower(), *words)),
        summary=step.summary,
        answers={step.status: Answer("It is done.", content), **described(reasons)},
        body=None if step.shape is None else Body({JSON: _body(step.shape)}),
        takes_code=step.takes_code,
        parameters=(_ID_PARAMETER,) if has_id else (),
    )


def _reasons(step: Step, *, has_id: bool) -> Iterator[Reason]:
    """What this room and the door refuse with, before there is a ceremony."""
    yield from IDENTITY_REASONS
    # A body where none belongs is malformed, and too large a body is so everywhere.
    yield from BODY_REASONS if step.shape is not None else (Reason.BODY_MALFORMED, Reason.BODY_TOO_LARGE)
    if has_id:
        yield Reason.FACTOR_NOT_FOUND
        yield Reason.NOT_FOUND


def _body(shape: Shape) -> Schema:
    names = [name for name in MEMBERS if name in shape.needed | shape.allowed]
    return exactly({name: MEMBERS[name] for name in names}, optional=shape.allowed)
