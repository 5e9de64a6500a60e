"""Standard: refusals as problem details (RFC 9457), with the step-up challenge of RFC 9470.

The form for callers without a product of their own to be compatible with, and for every refusal that no rule answers.

Problem types are `urn:mfa-gateway:problem:` and the reason. They are names, not addresses: the same in every
installation (a URL under `public_url` would not be), good for as long as the reason exists, and never fetched (RFC 9457
section 3.1.1 allows types that cannot be resolved). `code` repeats the reason for those who would rather not compare
URIs.

The challenge names no `max_age` and no `acr_values`, both optional in RFC 9470 section 3: they describe a login that
the issuer of the token could repeat, and a new token would not open this gate. What opens it is a code in `X-MFA-Code`,
as the description says.

What stays out: ceremonies, which this form has none of yet.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, assert_never

from mfa_gateway.core.ceremony import Command, Done, Failed, Listed, Outcome
from mfa_gateway.core.verdict import Reason
from mfa_gateway.dialects.wire import (
    NO_STORE,
    Asked,
    Headers,
    Reply,
    Submission,
    allow,
    bearer_challenge,
    come_back,
    error_code,
)

_TYPE: Final = "urn:mfa-gateway:problem:"
_CONTENT_TYPE: Final[Headers] = ((b"content-type", b"application/problem+json"),)
_NO_ENDPOINTS: Final[Mapping[str, str]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class _Problem:
    """`title` never changes from one occurrence to the next (RFC 9457 section 3.1.3)."""

    status: int
    title: str
    detail: str


@dataclass(frozen=True, slots=True)
class Standard:
    """The standard form: refusals only, for now."""

    @property
    def endpoints(self) -> Mapping[str, str]:
        """None."""
        return _NO_ENDPOINTS

    def decode(self, submission: Submission) -> Command | Failed:  # noqa: ARG002 - the protocol's signature
        """Nothing is a ceremony here."""
        return Failed(Reason.NOT_FOUND)

    def encode(self, outcome: Outcome, asked: Asked) -> Reply:
        """Write a failure. `decode` begins no ceremony, so nothing else can come.

        Raises:
            NotImplementedError: something else came.
        """
        match outcome:
            case Failed(reason=reason, retry_after_ms=left_ms):
                return self.refuse(reason, asked, retry_after_ms=left_ms)
            case Listed() | Done():
                raise NotImplementedError(f"the standard dialect has no ceremony that ends in {outcome}")
            case _ as never:
                assert_never(never)

    def refuse(self, reason: Reason, asked: Asked, *, retry_after_ms: int = 0) -> Reply:
        """Write a refusal. The body names the request where it has a name."""
        problem = _PROBLEMS[reason]
        document = {
            "type": f"{_TYPE}{reason.value}",
            "title": problem.title,
            "status": problem.status,
            "detail": problem.detail,
            "code": reason.value,
        }
        if asked.request_id:
            document["request_id"] = asked.request_id
        headers = NO_STORE + _CONTENT_TYPE + error_code(reason.value) + come_back(reason, retry_after_ms)
        body = json.dumps(document, separators=(",", ":")).encode("ascii")
        return Reply(problem.status, headers + _hints(reason, problem), body)


def _hints(reason: Reason, problem: _Problem) -> Headers:
    """Headers that HTTP wants beside some problems: a challenge with every 401, `Allow` with a 405."""
    match reason:
        case Reason.TOKEN_MISSING:
            # RFC 6750 section 3.1: no error code for a request that brought no credentials.
            return bearer_challenge()
        case Reason.TOKEN_INVALID | Reason.NO_SUBJECT:
            return bearer_challenge("invalid_token", problem.detail)
        case Reason.CODE_MISSING:
            return bearer_challenge("insufficient_user_authentication", problem.detail)
        case Reason.METHOD_NOT_ALLOWED:
            return allow(None)
        case _:
            return ()


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
        Reason.CODE_INVALID: _Problem(
            403, "Code invalid", "The code in the X-MFA-Code header is wrong, used or expired."
        ),
        # RFC 6585 section 4: this is what 429 is for.
        Reason.BANNED: _Problem(
            429, "Too many wrong codes", "Too many wrong codes were sent. Codes are not checked for now."
        ),
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
    }
)
