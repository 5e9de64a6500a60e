"""Errors: how each reason reads in the Glue form (spec/glue.md, "Errors").

The texts and codes are wire values that clients compare; where the interface knows no code, none is made up. What stays
out: headers and JSON (codec).
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import Enum, StrEnum
from types import MappingProxyType
from typing import Final

from mfa_gateway.core.verdict import Reason


class Audience(StrEnum):
    """Whom the interface serves: the same errors speak of a customer, or of a back-office user."""

    CUSTOMER = "customer"
    USER = "user"


class Place(Enum):
    """Where a refusal is written: on one of the five endpoints, or on a protected route."""

    CEREMONY = "ceremony"
    GATE = "gate"


@dataclass(frozen=True, slots=True)
class Wording:
    """An error as it is written. `code` is None where the interface has none."""

    status: int
    detail: str
    code: str | None = None


def wording(reason: Reason, audience: Audience, place: Place) -> Wording:
    """The wording of a reason, for this audience and at this place."""
    found = _OF_AUDIENCE[audience].get(reason) or _COMMON[reason]
    return replace(found, status=403) if place is Place.GATE and reason in _FORBIDDEN_AT_GATE else found


# A ceremony was asked for something that is not there: a bad request (400). A protected route cannot be had: forbidden.
_FORBIDDEN_AT_GATE: Final = frozenset(
    {Reason.ACCOUNT_UNKNOWN, Reason.ACCOUNT_DISABLED, Reason.NOT_ENROLLED, Reason.FACTOR_NOT_FOUND}
)

_TYPE_NOT_FOUND: Final = Wording(400, "MFA type is not found.", "5906")
_CODE_INVALID: Final = Wording(403, "X-MFA-Code is invalid.", "5901")
_CUSTOMER_NOT_FOUND: Final = Wording(400, "Customer not found.", "5907")
_USER_NOT_FOUND: Final = Wording(400, "User not found.", "5908")

# A disabled account is not told apart from an unknown one: the interface has one error for both.
_OF_AUDIENCE: Final[Mapping[Audience, Mapping[Reason, Wording]]] = MappingProxyType(
    {
        Audience.CUSTOMER: {
            Reason.NO_SUBJECT: Wording(400, "No customer identifier provided.", "5905"),
            Reason.ACCOUNT_UNKNOWN: _CUSTOMER_NOT_FOUND,
            Reason.ACCOUNT_DISABLED: _CUSTOMER_NOT_FOUND,
        },
        Audience.USER: {
            Reason.NO_SUBJECT: Wording(400, "No user identifier provided.", "5909"),
            Reason.ACCOUNT_UNKNOWN: _USER_NOT_FOUND,
            Reason.ACCOUNT_DISABLED: _USER_NOT_FOUND,
        },
    }
)

_COMMON: Final[Mapping[Reason, Wording]] = MappingProxyType(
    {
        Reason.AMBIGUOUS_REQUEST: Wording(400, "The request can be read in more than one way."),
        Reason.METHOD_NOT_ALLOWED: Wording(405, "Method is not allowed."),
        Reason.CREDENTIAL_IN_QUERY: Wording(400, "Credentials are not accepted in the query."),
        Reason.TWO_CREDENTIALS: Wording(400, "More than one credential was sent."),
        Reason.MISDIRECTED: Wording(421, "This host is not served here."),
        Reason.TOKEN_MISSING: Wording(403, "Missing access token.", "002"),
        Reason.TOKEN_INVALID: Wording(401, "Invalid access token.", "001"),
        Reason.DENIED: Wording(403, "Access is denied."),
        Reason.NOT_ENROLLED: _TYPE_NOT_FOUND,
        Reason.CODE_MISSING: Wording(403, "X-MFA-Code header is missing.", "5900"),
        Reason.CODE_INVALID: _CODE_INVALID,
        # The wire code of a ban stays that of a wrong code; only Retry-After tells.
        Reason.BANNED: _CODE_INVALID,
        # No ceremony of this interface asks for a recent login.
        Reason.LOGIN_STALE: Wording(403, "A recent login is required."),
        Reason.FACTOR_MISSING: Wording(400, "MFA type is missing.", "5902"),
        Reason.FACTOR_NOT_FOUND: _TYPE_NOT_FOUND,
        Reason.ALREADY_ACTIVE: Wording(400, "MFA type already activated.", "5904"),
        Reason.DEACTIVATION_FAILED: Wording(400, "Failed to deactivate MFA.", "5903"),
        Reason.SEND_FAILED: Wording(503, "The code could not be sent.", "5910"),
        Reason.SEND_LIMITED: Wording(429, "The code could not be sent.", "5910"),
        Reason.BODY_MALFORMED: Wording(400, "Post data is invalid."),
        Reason.BODY_TYPE_INVALID: Wording(400, "Invalid type."),
        Reason.BODY_TOO_LARGE: Wording(413, "Post data is too large."),
        Reason.BODY_UNSUPPORTED: Wording(415, "Content type must be application/json or application/vnd.api+json."),
        Reason.NOT_FOUND: Wording(404, "Not found."),
        Reason.STORE_UNAVAILABLE: Wording(503, "MFA is temporarily unavailable."),
        Reason.IDENTITY_UNAVAILABLE: Wording(503, "The access token cannot be checked at the moment."),
        Reason.DIRECTORY_UNAVAILABLE: Wording(503, "The account cannot be checked at the moment."),
    }
)
