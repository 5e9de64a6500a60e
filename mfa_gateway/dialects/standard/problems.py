"""Problems: every refusal as problem details (RFC 9457), with the step-up challenge of RFC 9470.

Problem types are `urn:mfa-gateway:problem:` and the reason. They are names, not addresses: the same in every
installation (a URL under `public_url` would not be), good for as long as the reason exists, and never fetched (RFC 9457
section 3.1.1 allows types that cannot be resolved). `code` repeats the reason for those who would rather not compare
URIs. Where one member of a body is wrong, `errors` points at it (RFC 6901), in the manner of RFC 9457 section 3.

The challenge of a missing code says what the rule asks, in the words of RFC 9470 section 3: `acr_values` are the
factors that it accepts, `urn:mfa-gateway:factor:` and a type or "any", and `max_age` its grace in seconds. They name
what opens this gate, which a code in `X-MFA-Code` does; no issuer could vouch for them, and a new token alone opens
nothing. At a ceremony, which no rule is about, both are left out. Where a recent login is what is missing, `max_age`
says how recent.

What stays out: bodies that are no refusal (answers), and reading requests (bodies, codec).
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from types import MappingProxyType
from typing import Final

from mfa_gateway.core.ceremony import FRESH_LOGIN_MS, Failed
from mfa_gateway.core.policy import Requirement
from mfa_gateway.core.verdict import Reason
from mfa_gateway.dialects.describing import Answer, Schema, exactly, items, number, one_of, refer, text
from mfa_gateway.dialects.wire import (
    NO_STORE,
    Asked,
    Headers,
    Reply,
    allow,
    bearer_challenge,
    come_back,
    error_code,
    may_wait,
)

_TYPE: Final = "urn:mfa-gateway:problem:"
_CONTENT_TYPE: Final[Headers] = ((b"content-type", b"application/problem+json"),)


@dataclass(frozen=True, slots=True)
class _Problem:
    """`title` never changes from one occurrence to the next (RFC 9457 section 3.1.3)."""

    status: int
    title: str
    detail: str


def problem(failed: Failed, asked: Asked, *, methods: str | None = None) -> Reply:
    """Write a refusal. The body names the request where it has a name; `methods` are those of an endpoint."""
    worded = _PROBLEMS[failed.reason]
    document: dict[str, object] = {
        "type": f"{_TYPE}{failed.reason.value}",
        "title": worded.title,
        "status": worded.status,
        "detail": worded.detail,
        "code": failed.reason.value,
    }
    if failed.pointer is not None:
        document["errors"] = [{"pointer": f"#{failed.pointer}", "detail": failed.detail}]
    if asked.request_id:
        document["request_id"] = asked.request_id
    headers = NO_STORE + _CONTENT_TYPE + error_code(failed.reason.value)
    headers += come_back(failed.reason, failed.retry_after_ms) + _hints(failed.reason, worded, asked, methods=methods)
    return Reply(worded.status, headers, json.dumps(document, separators=(",", ":")).encode("ascii"))


def detail_of(reason: Reason) -> str:
    """What a reason means, for people."""
    return _PROBLEMS[reason].detail


def described(reasons: Iterable[Reason]) -> Mapping[int, Answer]:
    """The answers that these reasons become, by status."""
    found: dict[int, list[Reason]] = {}
    for reason in sorted(reasons):
        found.setdefault(_PROBLEMS[reason].status, []).append(reason)
    return {status: _answer(status, found[status]) for status in sorted(found)}


def _answer(status: int, reasons: list[Reason]) -> Answer:
    fields = {"X-MFA-Error-Code"}
    fields |= {"WWW-Authenticate"} if status == HTTPStatus.UNAUTHORIZED else set()
    fields |= {"Retry-After"} if may_wait(reasons) else set()
    schema = {"allOf": [refer("Problem"), {"properties": {"code": one_of(reason.value for reason in reasons)}}]}
    titles = dict.fromkeys(_PROBLEMS[reason].title for reason in reasons)
    return Answer("; ".join(titles), {"application/problem+json": schema}, frozenset(fields))


PROBLEM: Final[Schema] = exactly(
    {
        "type": text(pattern=f"^{_TYPE}[a-z_]+$"),
        "title": text(),
        "status": number(minimum=400, maximum=599),
        "detail": text(),
        "code": one_of(reason.value for reason in Reason),
        "errors": items(exactly({"pointer": text(pattern="^#(/.*)?$"), "detail": text()})),
        "request_id": text(),
    },
    optional=("errors", "request_id"),
)


def _hints(reason: Reason, worded: _Problem, asked: Asked, *, methods: str | None) -> Headers:
    """Headers that HTTP wants beside some problems: a challenge with every 401, `Allow` with a 405."""
    match reason:
        case Reason.TOKEN_MISSING:
            # RFC 6750 section 3.1: no error code for a request that brought no credentials.
            return bearer_challenge()
        case Reason.TOKEN_INVALID | Reason.NO_SUBJECT:
            return bearer_challenge("invalid_token", worded.detail)
        case Reason.CODE_MISSING:
            return _step_up(worded.detail, asked.requirement)
        case Reason.LOGIN_STALE:
            return bearer_challenge(_STEP_UP, worded.detail, max_age=str(FRESH_LOGIN_MS // 1000))
        case Reason.METHOD_NOT_ALLOWED:
            return allow(methods)
        case _:
            return ()


def _step_up(detail: str, requirement: Requirement | None) -> Headers:
    if requirement is None:
        return bearer_challenge(_STEP_UP, detail)
    accepted = sorted(factor.value for factor in requirement.factors) or ["any"]
    names = " ".join(f"{_ACR}{name}" for name in accepted)
    return bearer_challenge(_STEP_UP, detail, acr_values=names, max_age=str(requirement.grace_ms // 1000))


# RFC 9470 section 3.
_STEP_UP: Final = "insufficient_user_authentication"
_ACR: Final = "urn:mfa-gateway:factor:"

_PROBLEMS: Final[Mapping[Reason, _Problem]] = MappingProxyType(
    {
        Reason.AMBIGUOUS_REQUEST: _Problem(
            400, "Ambiguous request", "The target or the headers can be read in more than one way. Send one plain form."
        ),
        Reason.METHOD_NOT_ALLOWED: _Problem(405, "Method not allowed", "This method is not allowed here."),
        Reason.CREDENTIAL_IN_QUERY: _Problem(
            400, "Credential in the query", "Send the access token in the Authorization header, never in the query."
        ),
        Reason.TWO_CREDENTIALS: _Problem(
            400, "Two credentials", "Two credentials that name a caller came with this request. Send one of them."
        ),
        Reason.MISDIRECTED: _Problem(421, "Misdirected request", "This host is not served here."),
        Reason.TOKEN_MISSING: _Problem(
            401, "Access token missing", "Send an access token in the Authorization header."
        ),
        Reason.TOKEN_INVALID: _Problem(
            401, "Access token invalid", "The access token is expired, malformed or not for this API."
        ),
        Reason.NO_SUBJECT: _Problem(401, "Subject missing", "The access token does not say whose it is."),
        Reason.ACCOUNT_UNKNOWN: _Problem(403, "Account unknown", "No account belongs to this access token."),
        Reason.ACCOUNT_DISABLED: _Problem(403, "Account disabled", "The account of this access token is disabled."),
        Reason.DENIED: _Problem(403, "Access denied", "Nobody has access to this resource through this gateway."),
        Reason.NOT_ENROLLED: _Problem(
            403,
            "No second factor",
            "This account has no active second factor that opens this resource. Activate one first.",
        ),
        Reason.CODE_MISSING: _Problem(
            401, "Code missing", "Send a code of an active second factor in the X-MFA-Code header."
        ),
        Reason.CODE_INVALID: _Problem(403, "Code invalid", "The code is wrong, used or expired."),
        # RFC 6585 section 4: this is what 429 is for.
        Reason.BANNED: _Problem(
            429, "Too many wrong codes", "Too many wrong codes were sent. Codes are not checked for now."
        ),
        # RFC 9470 section 3: the login is too old for this.
        Reason.LOGIN_STALE: _Problem(401, "Recent login required", "Log in again before adding a first factor."),
        Reason.FACTOR_MISSING: _Problem(400, "Factor missing", "Name the second factor that is meant."),
        Reason.FACTOR_NOT_FOUND: _Problem(404, "Factor not found", "There is no such second factor to do this with."),
        Reason.ALREADY_ACTIVE: _Problem(409, "Factor already active", "This second factor is active already."),
        Reason.DEACTIVATION_FAILED: _Problem(
            409, "Factor not deactivated", "This second factor could not be deactivated."
        ),
        Reason.SEND_FAILED: _Problem(503, "Code not sent", "The code could not be sent."),
        Reason.SEND_LIMITED: _Problem(429, "Too many codes", "Too many codes were asked for, or too soon."),
        Reason.BODY_MALFORMED: _Problem(400, "Body malformed", "The body is not what this request takes."),
        Reason.BODY_TYPE_INVALID: _Problem(400, "Body of another type", "The body is that of another request."),
        Reason.BODY_TOO_LARGE: _Problem(413, "Body too large", "The body is larger than this request takes."),
        Reason.BODY_UNSUPPORTED: _Problem(
            415, "Media type not supported", "The body has a media type that is not read here."
        ),
        Reason.NOT_FOUND: _Problem(404, "Not found", "There is nothing here."),
        Reason.STORE_UNAVAILABLE: _Problem(
            503, "Temporarily unavailable", "Second factors cannot be checked at the moment."
        ),
        Reason.IDENTITY_UNAVAILABLE: _Problem(
            503, "Temporarily unavailable", "Access tokens cannot be checked at the moment."
        ),
        Reason.DIRECTORY_UNAVAILABLE: _Problem(
            503, "Temporarily unavailable", "Accounts cannot be checked at the moment."
        ),
    }
)
