"""Refusals of the gate in this form, for rules that say so: the envelope around a protected call that did not go on.

There a status below 400 would read as success to whoever knows nothing of envelopes, so an error has the status of its
code unless the query itself says `httpStatusCodes=false`. What stays out: the errors of methods (errors).
"""

from typing import Final, assert_never
from urllib.parse import parse_qsl

from mfa_gateway.core.verdict import Reason
from mfa_gateway.dialects.gigya.errors import TRIES_EXCEEDED, WRONG_CODE, GigyaError
from mfa_gateway.dialects.wire import Asked

_NO: Final = frozenset({"false", "0"})


def wants_plain_status(asked: Asked) -> bool:
    """Whether the client said that it reads errors out of the body, in so many words."""
    pairs = parse_qsl(asked.query.decode("ascii", "replace"))
    return any(name.lower() == "httpstatuscodes" and value.lower() in _NO for name, value in pairs)


def refusal_error(reason: Reason, retry_after_ms: int = 0) -> GigyaError:
    """The error of a refusal."""
    code, details = _refused(reason)
    return GigyaError(code, details, retry_after_ms)


def _refused(reason: Reason) -> tuple[int, str]:  # noqa: C901, PLR0911, PLR0912 - one error for each reason
    match reason:
        case Reason.TOKEN_MISSING | Reason.NO_SUBJECT | Reason.ACCOUNT_UNKNOWN:
            return 403005, ""
        case Reason.TOKEN_INVALID:
            return 403001, ""
        case Reason.ACCOUNT_DISABLED:
            return 403041, "Account Disabled"
        case Reason.DENIED:
            return 403007, ""
        case Reason.NOT_ENROLLED:
            return 403102, "Pending Two-Factor Registration"
        case Reason.CODE_MISSING:
            return 403101, "Pending Two-Factor Authentication"
        case Reason.CODE_INVALID:
            return 400006, WRONG_CODE
        case Reason.BANNED:
            return 400124, TRIES_EXCEEDED
        case Reason.LOGIN_STALE:
            return 403110, ""
        case Reason.SEND_LIMITED:
            return 400125, ""
        case Reason.SEND_FAILED:
            return 500026, ""
        case Reason.ALREADY_ACTIVE | Reason.DEACTIVATION_FAILED:
            return 400006, ""
        case Reason.FACTOR_MISSING:
            return 400002, ""
        case Reason.FACTOR_NOT_FOUND:
            return 400100, ""
        case Reason.METHOD_NOT_ALLOWED:
            return 405001, ""
        case Reason.NOT_FOUND:
            return 404000, ""
        case Reason.MISDIRECTED:
            return 400120, ""
        case Reason.AMBIGUOUS_REQUEST | Reason.CREDENTIAL_IN_QUERY | Reason.BODY_MALFORMED:
            return 400001, ""
        case Reason.BODY_TYPE_INVALID | Reason.BODY_UNSUPPORTED:
            return 400001, ""
        case Reason.TWO_CREDENTIALS:
            return 400008, ""
        case Reason.BODY_TOO_LARGE:
            return 413001, ""
        case Reason.STORE_UNAVAILABLE | Reason.IDENTITY_UNAVAILABLE | Reason.DIRECTORY_UNAVAILABLE:
            return 503001, ""
        case _ as never:
            assert_never(never)
