"""The methods of logins: `accounts.login`, `accounts.finalizeRegistration`, `accounts.identifiers.createToken`.

spec/gigya.md section 1.8. What stays out: who may log in (core.entrance.logins), and what a login shows (account).
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from mfa_gateway.core.entrance import Command, Outcome, Stay
from mfa_gateway.core.entrance.account_outcomes import TicketGiven
from mfa_gateway.core.entrance.logins import FinishRegistration, LogIn, LoginMode, NameSomebody
from mfa_gateway.dialects.gigya.account import login_body, stay_of
from mfa_gateway.dialects.gigya.envelope import Body
from mfa_gateway.dialects.gigya.errors import GigyaError, invalid, missing
from mfa_gateway.dialects.gigya.method import Method, Request, not_mine

# `link`, which puts two accounts together, is for social logins.
_MODES: Final[Mapping[str, LoginMode]] = MappingProxyType({"standard": LoginMode.STANDARD, "reauth": LoginMode.AGAIN})
# As long as a login id is anywhere here: a mail address at its longest, and one more.
_LONGEST_NAME: Final = 255


def _login(request: Request) -> Command | GigyaError:
    mode = request.bag.get("loginMode", "standard").lower()
    if mode == "link":
        return GigyaError(400096, "loginMode=link is not supported")
    if mode not in _MODES:
        return invalid("loginMode")
    named = _who(request)
    if isinstance(named, GigyaError):
        return named
    stay = _wished(request)
    return stay if isinstance(stay, GigyaError) else LogIn(*named, stay, _MODES[mode])


def _who(request: Request) -> tuple[str, str, str] | GigyaError:
    """Name, ticket that stands for one, and password; one of the first two is empty."""
    name, identifier = request.bag.get("loginID"), request.bag.get("aToken")
    if name and identifier:
        return GigyaError(400001, "Send loginID or aToken, not both")
    if not name and not identifier:
        return missing("loginID")
    password = request.bag.need("password")
    return password if isinstance(password, GigyaError) else (name, identifier, password)


def _wished(request: Request) -> Stay | GigyaError:
    """How the session is to be, where the answer to a login holds one."""
    legacy = request.bag.flag("includeUserInfo")
    return legacy if isinstance(legacy, GigyaError) else stay_of(request)


def _finish(request: Request) -> Command | GigyaError:
    ticket = request.bag.need("regToken")
    if isinstance(ticket, GigyaError):
        return ticket
    stay = _wished(request)
    return stay if isinstance(stay, GigyaError) else FinishRegistration(ticket, stay)


def _name(request: Request) -> Command | GigyaError:
    name = request.bag.need("identifier")
    if isinstance(name, GigyaError):
        return name
    # Which kind of name it is makes no difference here: login ids of all kinds are one list.
    return NameSomebody(name) if len(name) <= _LONGEST_NAME else invalid("identifier")


def _named(outcome: Outcome, request: Request) -> Body:
    del request
    if not isinstance(outcome, TicketGiven):
        raise not_mine(outcome)
    return Body({"aToken": outcome.ticket})


METHODS: Final = (
    Method("accounts.login", _login, login_body),
    Method("accounts.finalizeRegistration", _finish, login_body),
    Method("accounts.identifiers.createToken", _name, _named),
)
