"""The methods of accounts: `accounts.getAccountInfo`, `accounts.setAccountInfo` (spec/gigya.md section 1.8).

What is written is what a registration needs: `profile` and `data`, each one JSON object. Members that would say
something of the account itself are refused, and so is what is not kept here: nobody should believe that a password was
changed, or a consent recorded. What stays out: who may see or amend what (core.entrance.profiles).
"""

from collections.abc import Mapping
from typing import Final

from mfa_gateway.core.entrance import Command, Finished, Outcome
from mfa_gateway.core.entrance.account_outcomes import Pending, Seen
from mfa_gateway.core.entrance.profiles import Amend, Look
from mfa_gateway.dialects.gigya.account import OWN, account_fields, pending
from mfa_gateway.dialects.gigya.envelope import Body
from mfa_gateway.dialects.gigya.errors import GigyaError, invalid, missing
from mfa_gateway.dialects.gigya.method import Method, Request, not_mine
from mfa_gateway.dialects.wire import parsed_json

# Deeper than any object of the contract.
_DEEPEST: Final = 16
_NOT_KEPT: Final = (
    *("password", "newPassword", "passwordHash", "loginIDs", "username", "addLoginEmails", "removeLoginEmails"),
    *("subscriptions", "preferences", "isActive", "isVerified", "rba", "internal"),
)


def _get(request: Request) -> Command | GigyaError:
    legacy = request.bag.flag("includeUserInfo")
    if isinstance(legacy, GigyaError):
        return legacy
    return Look(request.bag.get("UID"), request.bag.get("regToken"))


def _shown(outcome: Outcome, request: Request) -> Body:
    match outcome:
        case Seen(portrait=portrait, login_ms=login_ms):
            return Body(account_fields(portrait, request, login_ms=login_ms))
        case Pending():
            return pending(outcome, request)
        case _:
            raise not_mine(outcome)


def _set(request: Request) -> Command | Body | GigyaError:
    if unkept := [name for name in _NOT_KEPT if request.bag.get(name)]:
        return GigyaError(400096, f"Not supported here: {', '.join(unkept)}")
    profile, data = _object(request, "profile"), _object(request, "data")
    if isinstance(profile, GigyaError):
        return profile
    if isinstance(data, GigyaError):
        return data
    if not profile and not data:
        return missing("profile")
    if own := sorted(OWN & profile.keys()):
        return _not_written(own)
    return Amend(profile, data, request.bag.get("UID"), request.bag.get("regToken"))


def _object(request: Request, name: str) -> Mapping[str, object] | GigyaError:
    """A parameter that is one JSON object; an empty one where it is missing."""
    text = request.bag.get(name)
    value = parsed_json(text.encode("utf-8", "replace")) if text else {}
    is_fit = isinstance(value, dict) and not _is_deep(value)
    return value if is_fit and isinstance(value, dict) else invalid(name)


def _is_deep(value: object) -> bool:
    level: list[object] = [value]
    for _ in range(_DEEPEST):
        level = [child for one in level for child in _children(one)]
    return bool(level)


def _children(value: object) -> list[object]:
    match value:
        case dict():
            return list(value.values())
        case list():
            return value
        case _:
            return []


def _not_written(names: list[str]) -> Body:
    errors = [
        {"errorCode": 400006, "message": "This member is not written by clients", "fieldName": f"profile.{name}"}
        for name in names
    ]
    return Body({"validationErrors": errors}, GigyaError(400009))


def _written(outcome: Outcome, request: Request) -> Body:
    match outcome:
        case Finished():
            return Body()
        case Pending():
            return pending(outcome, request)
        case _:
            raise not_mine(outcome)


METHODS: Final = (
    Method("accounts.getAccountInfo", _get, _shown),
    Method("accounts.setAccountInfo", _set, _written),
)
