"""Errors: which field is wrong, the number and the text of its page, and the status.

Numbers are those of the page of each call (spec/adservio.md): the same field has others on other pages. Where a page
has none for a field, the number is ours, and not one that the page uses. What stays out: which error a call meets.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from mfa_gateway.core.entrance import Denial, Turned
from mfa_gateway.core.verdict import Reason
from mfa_gateway.dialects.wire import NO_STORE, Headers, Reply, bearer_challenge, error_code, retry_after

# spec/adservio.md, "POST ./auth": asked for on a field of another name than the one that answers it.
CODE_NEEDED: Final = 107
JSON_ANSWER: Final[Headers] = ((b"content-type", b"application/json"), *NO_STORE)


class ErrorForm(StrEnum):
    """How errors are written; the contract shows none."""

    LIST = "list"
    OBJECT = "object"


@dataclass(frozen=True, slots=True)
class AdservioError:
    """What a call meets instead of an answer. `name`: the field; "" where none is wrong."""

    status: int
    name: str
    code: int
    message: str
    retry_after_ms: int = 0
    headers: Headers = field(default=(), repr=False)


class Page(StrEnum):
    """The pages of the contract, each of which numbers its errors itself."""

    LOGIN = "POST ./auth"
    LIST = "GET ./auth/tfa_options"
    ADD = "POST ./auth/tfa_options"
    REMOVE = "DELETE ./auth/tfa_options"
    CHALLENGE = "POST ./auth/tfa_challenge"
    PHONE = "POST ./auth/challenge_phone"
    TOTP = "GET ./auth/totp"


class Item(StrEnum):
    """What of a call can be wrong; the first of them are words of the entrance as well."""

    ACCOUNT = "account"
    OPTION = "option"
    CODE = "code"
    FACTOR = "factor"
    CHALLENGE = "challenge"
    ADDRESS = "address"
    PASSWORD = "password"  # noqa: S105 - the name of an item
    NAME = "name"
    SECRET = "secret"  # noqa: S105 - the name of an item
    NEW_PASSWORD = "new password"  # noqa: S105 - the name of an item
    INTENT = "intent"
    SAVE = "save"


_Numbered = Mapping[Item, tuple[str, int]]

_PAGES: Final[Mapping[Page, _Numbered]] = MappingProxyType(
    {
        Page.LOGIN: {
            Item.NAME: ("uaUserName", 101),
            Item.PASSWORD: ("uaPassword", 102),
            Item.OPTION: ("tfaOptID", 103),
            Item.INTENT: ("intent", 104),
            Item.SAVE: ("tfaSave", 105),
            Item.CODE: ("tfaResponse", 106),
            Item.NEW_PASSWORD: ("uaNewPassword", 108),
        },
        Page.LIST: {
            Item.ACCOUNT: ("uaID", 101),
            Item.NAME: ("uaUserName", 102),
            Item.PASSWORD: ("uaPassword", 103),
        },
        Page.ADD: {
            Item.FACTOR: ("tfaOptType", 101),
            Item.CHALLENGE: ("chID", 102),
            Item.SECRET: ("chSecret", 103),
            Item.ACCOUNT: ("uaID", 104),
            Item.CODE: ("chResponse", 106),
        },
        Page.REMOVE: {
            Item.OPTION: ("tfaOptID", 101),
            Item.PASSWORD: ("uaPassword", 103),
            Item.ACCOUNT: ("uaID", 104),
            Item.CODE: ("tfaResponse", 106),
        },
        Page.CHALLENGE: {
            Item.NAME: ("uaUserName", 101),
            Item.PASSWORD: ("uaPassword", 102),
            Item.OPTION: ("tfaOptID", 103),
        },
        Page.PHONE: {
            Item.ACCOUNT: ("chUaID", 101),
            Item.INTENT: ("chIntent", 102),
            Item.ADDRESS: ("chPhone", 103),
            Item.CODE: ("tfaResponse", 106),
        },
        Page.TOTP: {
            Item.ACCOUNT: ("uaID", 101),
            Item.FACTOR: ("tfaOptType", 102),
            Item.CODE: ("tfaResponse", 106),
        },
    }
)
# spec/adservio.md: the texts of the seed; the others are written like them.
_MESSAGES: Final[Mapping[str, str]] = MappingProxyType(
    {"uaUserName": "Invalid username.", "uaPassword": "Invalid password."}
)

_LIMITED: Final = "Too many attempts. Try again later."
_LATER: Final = "The service is not available at the moment."


def invalid(page: Page, item: Item, *, status: int = 400) -> AdservioError:
    """An item of a call is wrong, or is not there."""
    name, code = _PAGES[page][item]
    return AdservioError(status, name, code, _MESSAGES.get(name, f"Invalid {name}."))


def code_needed() -> AdservioError:
    """Everything was right, and a code of a factor has to come with it."""
    return AdservioError(403, "tfaID", CODE_NEEDED, "Two factor authentication is required.")


def plain(status: int, message: str, retry_after_ms: int = 0, *, headers: Headers = ()) -> AdservioError:
    """No field is wrong."""
    return AdservioError(status, "", status, message, retry_after_ms, headers)


# Denials that have a field, and their statuses. What it is about is told by the denial, or fixed.
_FIELDS: Final[Mapping[Denial, tuple[int, Item | None]]] = MappingProxyType(
    {
        Denial.NOBODY: (403, None),
        Denial.VALUE_WRONG: (400, None),
        Denial.TICKET_BAD: (400, None),
        Denial.TAKEN: (400, None),
        Denial.SWITCHED_OFF: (400, None),
        Denial.CODE_WRONG: (403, None),
        Denial.CODES_LIMITED: (429, None),
        Denial.PASSWORD_WRONG: (403, Item.PASSWORD),
        Denial.PASSWORDS_LIMITED: (429, Item.PASSWORD),
    }
)
_PLAIN: Final[Mapping[Denial, tuple[int, str]]] = MappingProxyType(
    {
        Denial.FORBIDDEN: (403, "This is not allowed."),
        Denial.CALLS_LIMITED: (429, _LIMITED),
        Denial.LOGIN_STALE: (403, "Log in again: a recent login is required."),
        Denial.SENDS_LIMITED: (429, "Too many codes were sent. Try again later."),
        Denial.SEND_FAILED: (503, "The code could not be sent."),
        Denial.CHANGED: (409, "The account has changed meanwhile. Try again."),
        Denial.UNAVAILABLE: (503, _LATER),
    }
)
_ITEMS: Final = MappingProxyType({item.value: item for item in Item})
_NO_TOKEN: Final = "token"  # noqa: S105 - a word of the entrance


def error_of(turned: Turned, page: Page) -> AdservioError:
    """The error of a denial on a page. One that no errand of this form ends in reads like a failure of ours."""
    if turned.denial is Denial.NOBODY and turned.about == _NO_TOKEN:
        return plain(401, "Invalid access token.", headers=bearer_challenge("invalid_token"))
    if turned.denial in _FIELDS:
        status, fixed = _FIELDS[turned.denial]
        item = fixed or _ITEMS.get(turned.about)
        if item is not None and item in _PAGES[page]:
            return replace(invalid(page, item, status=status), retry_after_ms=turned.retry_after_ms)
        return plain(status, "Invalid request.", turned.retry_after_ms)
    status, message = _PLAIN.get(turned.denial, (503, _LATER))
    return plain(status, message, turned.retry_after_ms)


# --- Refusals ---------------------------------------------------------------------------------

_REFUSALS: Final[Mapping[Reason, tuple[int, str]]] = MappingProxyType(
    {
        Reason.AMBIGUOUS_REQUEST: (400, "The request can be read in more than one way."),
        Reason.METHOD_NOT_ALLOWED: (405, "Method is not allowed."),
        Reason.CREDENTIAL_IN_QUERY: (400, "Credentials are not accepted in the query."),
        Reason.TWO_CREDENTIALS: (400, "More than one credential was sent."),
        Reason.MISDIRECTED: (421, "This host is not served here."),
        Reason.TOKEN_MISSING: (401, "Missing access token."),
        Reason.TOKEN_INVALID: (401, "Invalid access token."),
        Reason.NO_SUBJECT: (403, "The access token names no user."),
        Reason.ACCOUNT_UNKNOWN: (403, "Invalid uaID."),
        Reason.ACCOUNT_DISABLED: (403, "Invalid uaID."),
        Reason.DENIED: (403, "Access is denied."),
        Reason.NOT_ENROLLED: (403, "Two factor authentication has to be activated first."),
        Reason.BANNED: (429, _LIMITED),
        Reason.LOGIN_STALE: (403, "Log in again: a recent login is required."),
        Reason.FACTOR_MISSING: (400, "Invalid tfaOptID."),
        Reason.FACTOR_NOT_FOUND: (400, "Invalid tfaOptID."),
        Reason.ALREADY_ACTIVE: (400, "Invalid tfaOptType."),
        Reason.DEACTIVATION_FAILED: (409, "The account has changed meanwhile. Try again."),
        Reason.SEND_FAILED: (503, "The code could not be sent."),
        Reason.SEND_LIMITED: (429, "Too many codes were sent. Try again later."),
        Reason.BODY_MALFORMED: (400, "The parameters cannot be read."),
        Reason.BODY_TYPE_INVALID: (400, "The parameters cannot be read."),
        Reason.BODY_TOO_LARGE: (413, "The request is too large."),
        Reason.BODY_UNSUPPORTED: (415, "Send parameters as a form or as JSON."),
        Reason.NOT_FOUND: (404, "Not found."),
        Reason.STORE_UNAVAILABLE: (503, _LATER),
        Reason.IDENTITY_UNAVAILABLE: (503, _LATER),
        Reason.DIRECTORY_UNAVAILABLE: (503, _LATER),
    }
)
_BEARER_ERRORS: Final[Mapping[Reason, str]] = MappingProxyType(
    {Reason.TOKEN_MISSING: "", Reason.TOKEN_INVALID: "invalid_token"}
)


def refusal_error(reason: Reason) -> AdservioError:
    """The error of a refusal: at the gate, or of a request that no errand comes of."""
    if reason is Reason.CODE_MISSING:
        return code_needed()
    if reason is Reason.CODE_INVALID:
        return invalid(Page.LOGIN, Item.CODE, status=403)
    status, message = _REFUSALS[reason]
    is_challenged = reason in _BEARER_ERRORS
    return plain(status, message, headers=bearer_challenge(_BEARER_ERRORS[reason]) if is_challenged else ())


def written(error: AdservioError, form: ErrorForm, *, headers: Headers = ()) -> Reply:
    """An error as a whole answer."""
    entries = [{"field": error.name, "code": error.code, "message": error.message}]
    body = entries if form is ErrorForm.LIST else {"errors": entries}
    own = (*error_code(str(error.code)), *error.headers, *(headers or retry_after(error.retry_after_ms)))
    return Reply(error.status, (*JSON_ANSWER, *own), json.dumps(body, separators=(",", ":")).encode("ascii"))
