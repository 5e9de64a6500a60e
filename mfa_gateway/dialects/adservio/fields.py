"""Fields: the parameters of a call, from its query and its body, each once.

Bodies are forms or JSON objects of text and whole numbers. A name that is there twice, or in both places, could be read
two ways, so it is refused. Secrets, and what tells of a person, never stand in a query. What stays out: which fields a
call has.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import parse_qsl

from mfa_gateway.core.verdict import Reason
from mfa_gateway.dialects.wire import Received, parsed_json

FORM: Final = "application/x-www-form-urlencoded"
JSON: Final = "application/json"
OVERRIDE: Final = "_method"

# Everything else is no secret: numbers of users and factors, types, intents.
_IN_BODIES: Final = frozenset(
    {
        *("uaUserName", "uaPassword", "uaNewPassword", "uaNewPassword2", "tfaResponse", "tfaToken"),
        *("chPhone", "chSecret", "chResponse", "access_token", "token", "code"),
    }
)
# The longest call has ten fields.
_MOST: Final = 50
# Names and passwords have at most some hundred characters; what compares them is stricter.
_LONGEST: Final = 4096
_WITH_BODY: Final = frozenset({"POST", "DELETE"})


@dataclass(frozen=True, slots=True)
class Fields:
    """The fields of one call. `override` is `_method` of its body; None where there is none."""

    values: Mapping[str, str] = field(default_factory=dict, repr=False)
    override: str | None = None

    def get(self, name: str) -> str:
        """A value; "" where there is none."""
        return self.values.get(name, "")


def read_fields(received: Received) -> Fields | Reason:
    """All fields of a call, or what is wrong with them."""
    query = _pairs(received.query)
    if query is None:
        return Reason.AMBIGUOUS_REQUEST
    if any(name in _IN_BODIES for name, _ in query):
        return Reason.CREDENTIAL_IN_QUERY
    body = _body(received)
    if isinstance(body, Reason):
        return body
    values = dict((*query, *body))
    if len(values) < len(query) + len(body) or not _is_one_method(query, received.asked.method):
        return Reason.AMBIGUOUS_REQUEST
    if any(len(value) > _LONGEST for value in values.values()):
        return Reason.BODY_MALFORMED
    override = values.pop(OVERRIDE, None)
    return Fields(values, override)


def _is_one_method(query: tuple[tuple[str, str], ...], method: str) -> bool:
    """A query may repeat the method, as the contract's list has it, and never changes it."""
    return all(value == method for name, value in query if name == OVERRIDE)


def _pairs(text: bytes) -> tuple[tuple[str, str], ...] | None:
    """The pairs of a query or form (WHATWG URL section 5.1); None for what is not UTF-8 text, or is too many."""
    try:
        return tuple(parse_qsl(text.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=_MOST))
    except ValueError:
        return None


def _body(received: Received) -> tuple[tuple[str, str], ...] | Reason:
    if not received.body:
        return ()
    if received.asked.method not in _WITH_BODY:
        return Reason.AMBIGUOUS_REQUEST
    kind = received.header(b"content-type").partition(";")[0].strip().lower()
    if kind == JSON:
        return _members(parsed_json(received.body))
    if kind != FORM:
        return Reason.BODY_UNSUPPORTED
    form = _pairs(received.body)
    return Reason.BODY_MALFORMED if form is None else form


def _members(document: object) -> tuple[tuple[str, str], ...] | Reason:
    """The members of an object; those that are null are not there."""
    if not isinstance(document, dict) or len(document) > _MOST:
        return Reason.BODY_MALFORMED
    written = {name: _written(value) for name, value in document.items() if value is not None}
    members = tuple((name, value) for name, value in written.items() if value is not None)
    return members if len(members) == len(written) else Reason.BODY_MALFORMED


def _written(value: object) -> str | None:
    """Text, or a whole number in writing; None for anything else. JSON can write text that has no bytes (RFC 8259)."""
    if isinstance(value, str):
        return value if value.isascii() or value == value.encode("utf-8", "replace").decode("utf-8") else None
    return str(value) if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**63 else None
