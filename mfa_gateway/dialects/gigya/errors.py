"""Errors: the codes of the contract, their fixed texts, and the details that clients compare.

The code and its text are one table (spec/gigya.md section 3.1); a code's first three digits are its status. What stays
out: which error a request meets.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, assert_never

from mfa_gateway.core.entrance import Denial, Turned

# spec/gigya.md section 3.1: `errorMessage`, word for word.
MESSAGES: Final[Mapping[int, str]] = MappingProxyType(
    {
        206001: "Account Pending Registration",
        206002: "Account Pending Verification",
        400001: "Invalid request format",
        400002: "Missing required parameter",
        400003: "Unique identifier exists",
        400004: "Invalid parameter format",
        400006: "Invalid parameter value",
        400008: "Invalid authentication header",
        400009: "Validation error",
        400028: "Email not verified",
        400093: "Invalid ApiKey parameter",
        400096: "Not supported",
        400100: "No providers",
        400106: "Not connected",
        400120: "Invalid site domain",
        400124: "Limit Reached",
        400125: "Frequency limit reached",
        400128: "Signature timestamp expired",
        403000: "Forbidden",
        403001: "Invalid session token",
        403002: "Request has expired",
        403003: "Invalid request signature",
        403004: "Duplicate nonce",
        403005: "Unauthorized user",
        403006: "Secret Sent Over Http",
        403007: "Permission denied",
        403010: "Invalid Secret",
        403012: "No valid session",
        403025: "Invalid token",
        403041: "Account Disabled",
        403042: "Invalid LoginID",
        403047: "Login ID does not exist",
        403048: "Api rate limit exceeded",
        403101: "Account Pending TFA Verification",
        403102: "Account Pending TFA Registration",
        403110: "Account Pending Recent Login",
        403120: "Account temporarily locked out",
        403300: "Authentication method is currently disabled",
        404000: "Not found",
        405001: "Invalid API method",
        413001: "Request entity too large",
        500001: "General Server Error",
        500026: "Network error",
        503001: "Service unavailable for this operation",
    }
)

# spec/gigya.md section 3.2: clients branch on these.
WRONG_CODE: Final = "Wrong verification code"
TRIES_EXCEEDED: Final = "Maximum allowed tries exceeded"
WRONG_LOGIN: Final = "invalid loginID or password"
BAD_ASSERTION: Final = "Invalid jwt"
# The id of a device: a cookie of this name, or a parameter.
DEVICE: Final = "gmid"


@dataclass(frozen=True, slots=True)
class GigyaError:
    """What a request meets instead of an answer. `details` says more than the fixed text of its code."""

    code: int
    details: str = ""
    retry_after_ms: int = 0

    @property
    def message(self) -> str:
        """The fixed text."""
        return MESSAGES[self.code]


def missing(name: str) -> GigyaError:
    """A required parameter is not there. The space before the colon is the contract's."""
    return GigyaError(400002, f"Missing required parameter : {name}")


def invalid(name: str) -> GigyaError:
    """A parameter has a value that it cannot have."""
    return GigyaError(400006, f"Invalid parameter value : {name}")


def error_of(turned: Turned) -> GigyaError:
    """The error of a denial."""
    code, details = _denied(turned)
    return GigyaError(code, details, turned.retry_after_ms)


def _denied(turned: Turned) -> tuple[int, str]:  # noqa: C901, PLR0911, PLR0912 - one error for each denial
    match turned.denial:
        case Denial.FORBIDDEN:
            return 403007, "Permission denied"
        case Denial.NOBODY:
            return 403005, "Unauthorized user"
        case Denial.SIGNATURE_WRONG:
            return 403003, ""
        case Denial.NONCE_REPEATED:
            return 403004, ""
        case Denial.CALLS_LIMITED:
            return 403048, "Api rate limit exceeded"
        case Denial.VALUE_MISSING:
            return 400002, missing(turned.about).details
        case Denial.DEVICE_MISSING:
            # The id of a device comes as a cookie or as a parameter; this names both (spec/gigya.md section 8).
            return 400002, missing(DEVICE).details
        case Denial.ADDRESS_UNPROVEN:
            return 400028, f"{turned.about}: verify it with accounts.otp.sendCode and accounts.otp.update"
        case Denial.VALUE_WRONG | Denial.TICKET_BAD:
            return 400006, invalid(turned.about).details
        case Denial.CODE_WRONG:
            return 400006, WRONG_CODE
        case Denial.CODES_LIMITED:
            return 400124, TRIES_EXCEEDED
        case Denial.PASSWORD_WRONG:
            return 403042, WRONG_LOGIN
        case Denial.PASSWORDS_LIMITED:
            return 403120, "Account temporarily locked out"
        case Denial.ASSERTION_BAD:
            return 400006, BAD_ASSERTION
        case Denial.TAKEN:
            return 400003, ""
        case Denial.SWITCHED_OFF:
            return 403300, ""
        case Denial.NO_PROVIDER:
            return 400100, ""
        case Denial.DISABLED:
            return 403041, "Account Disabled"
        case Denial.LOGIN_STALE:
            return 403110, ""
        case Denial.SENDS_LIMITED:
            return 400125, ""
        case Denial.SEND_FAILED:
            return 500026, ""
        case Denial.CHANGED | Denial.UNAVAILABLE:
            return 503001, ""
        case _ as never:
            assert_never(never)
