"""Description: the Glue dialect for its readers, made of the tables that its codec works with.

What stays out: the document around it (openapi), and which endpoints there are (codec).
"""

from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Final

from mfa_gateway.core.account import UNTYPED, Factor
from mfa_gateway.core.ceremony import FAILURES, Action
from mfa_gateway.core.verdict import Reason
from mfa_gateway.dialects.describing import (
    BODY_REASONS,
    IDENTITY_REASONS,
    Answer,
    Body,
    Operation,
    Schema,
    exactly,
    items,
    number,
    one_of,
    refer,
    text,
)
from mfa_gateway.dialects.glue.errors import Audience, Place, wording
from mfa_gateway.dialects.glue.media import JSON, JSON_API
from mfa_gateway.dialects.wire import may_wait

# What JSON:API clients of the interface know. Backup codes have no type of their own.
_TYPES: Final = one_of(factor.value for factor in Factor if factor not in {Factor.BACKUP, *UNTYPED})
ERRORS: Final = "GlueErrors"
SCHEMAS: Final[Mapping[str, Schema]] = {
    ERRORS: exactly(
        {
            "errors": items(
                exactly(
                    {"status": number(minimum=400, maximum=599), "code": text(), "detail": text(), "message": text()},
                    optional=("code",),
                )
            )
        }
    )
}
_SUMMARIES: Final[Mapping[Action, str]] = {
    Action.LIST: "The types of second factors and their states",
    Action.TRIGGER: "Send a code of an active type",
    Action.ACTIVATE: "Begin with a type: a code goes to the caller's address",
    Action.VERIFY: "Make a pending type active by its code",
    Action.DEACTIVATE: "Remove a type",
}


def described(path: str, method: str, *, action: Action, audience: Audience, status: Schema) -> Operation:
    """One endpoint. `status` is how the state of a type is written; the resource is the last segment of the path."""
    resource = path.rpartition("/")[2]
    is_listing = action is Action.LIST
    reasons = FAILURES[action] | IDENTITY_REASONS | ({Reason.BODY_TOO_LARGE} if is_listing else _OF_BODIES)
    done = Answer("The types.", _both(_listing(resource, status))) if is_listing else Answer("It is done.")
    return Operation(
        path=path,
        method=method,
        name=resource.replace("-", "_"),
        summary=_SUMMARIES[action],
        answers={200 if is_listing else 204: done, **_errors(reasons, audience)},
        body=None if is_listing else Body(_both(_wanted(resource))),
        takes_code=Reason.CODE_INVALID in FAILURES[action],
    )


_OF_BODIES: Final = BODY_REASONS | {Reason.BODY_TYPE_INVALID}


def _both(schema: Schema) -> Mapping[str, Schema]:
    """Both media types of the interface hold the same bytes."""
    return {JSON: schema, JSON_API: schema}


def _wanted(resource: str) -> Schema:
    named = {"type": "object", "properties": {"type": _TYPES}}
    data = {"type": "object", "properties": {"type": {"const": resource}, "attributes": named}, "required": ["type"]}
    return {"type": "object", "properties": {"data": data}, "required": ["data"]}


def _listing(resource: str, status: Schema) -> Schema:
    links = exactly({"self": text(format="uri-reference")})
    attributes = exactly({"type": _TYPES, "status": status})
    one = exactly({"type": {"const": resource}, "id": {"type": "null"}, "attributes": attributes, "links": links})
    return exactly({"data": items(one), "links": links})


def _errors(reasons: Iterable[Reason], audience: Audience) -> Mapping[int, Answer]:
    found: dict[int, list[Reason]] = {}
    for reason in sorted(reasons):
        found.setdefault(wording(reason, audience, Place.CEREMONY).status, []).append(reason)
    return {status: _error(status, found[status], audience) for status in sorted(found)}


def _error(status: int, reasons: list[Reason], audience: Audience) -> Answer:
    fields = {"X-MFA-Error-Code"}
    challenging = {Reason.TOKEN_MISSING, Reason.TOKEN_INVALID}
    fields |= {"WWW-Authenticate"} if challenging & {*reasons} or status == HTTPStatus.UNAUTHORIZED else set()
    fields |= {"Retry-After"} if may_wait(reasons) else set()
    worded = [wording(reason, audience, Place.CEREMONY) for reason in reasons]
    said = dict.fromkeys(" ".join(filter(None, (one.code, one.detail))) for one in worded)
    return Answer("; ".join(said), _both(refer(ERRORS)), frozenset(fields))
