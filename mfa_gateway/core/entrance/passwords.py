"""Passwords as a first factor: a name and a password, and who that is.

Theory. Every exchange that compares a password does it here, so all of them share one count (spec/attacks.md R07): that
of the name as it was written, whoever it belongs to. An account's own count would tell who has an account, and which
names are of one person, by the ban that one of them brings upon another. For the same reason nothing is asked of the
account before its password was right, and one that is disabled is answered, and counted, like a wrong password.

What stays out: how passwords are kept and compared (directory), and second factors.
"""

from typing import Final

from mfa_gateway.core.account import AccountId
from mfa_gateway.core.entrance.outcomes import Denial, Turned
from mfa_gateway.core.entrance.steps import Visit, recalled
from mfa_gateway.core.entrance.words import (
    Asked,
    Attempt,
    CheckPassword,
    Describe,
    Portrait,
    Settle,
    asked,
    asked_if_any,
)
from mfa_gateway.core.gate import account_obstacle
from mfa_gateway.core.login import Known, Login, Wrong
from mfa_gateway.core.names import canonical_login
from mfa_gateway.core.proof import Budget

# What attempts at a password are counted under. No configured realm has a space in it. Not that of codes for addresses
# that nobody has: those are counted elsewhere where somebody has them, which a shared count would show.
_LOGINS: Final = "logins of "

_BUDGET: Final = Budget.FIRST_FACTOR


def attempts_at(realm: str, login: str) -> AccountId:
    """What attempts at the password of a name are counted under; never a real account.

    All that is no name is counted together: no password of anybody is compared with it.
    """
    return AccountId(f"{_LOGINS}{realm}", canonical_login(login) or "")


def check_password(visit: Visit, login: str, password: str) -> Asked[Portrait | Turned]:
    """Who logs in with this name and this password.

    An unknown name, one without a password, a wrong password and a disabled account are one answer at one cost, and
    count alike. The attempt is counted before anything is compared, and settled after.
    """
    counted, regulation = attempts_at(visit.site.realm, login), visit.terms.gate.regulation
    if left_ms := (yield from asked(Attempt(counted, _BUDGET, regulation), int)):
        return Turned(Denial.PASSWORDS_LIMITED, retry_after_ms=left_ms)
    portrait = yield from _compared(visit, login, password)
    settle = Settle(counted, _BUDGET, regulation, was_right=portrait is not None)
    ban_ms = yield from asked(settle, int)
    return portrait or Turned(Denial.PASSWORD_WRONG, retry_after_ms=ban_ms, begins_ban=ban_ms > 0)


def _compared(visit: Visit, login: str, password: str) -> Asked[Portrait | None]:
    found: Login = yield from asked(CheckPassword(visit.site.realm, login, password), Known | Wrong)  # type: ignore[arg-type]  # a union is a kind as well
    return None if isinstance(found, Wrong) else (yield from _let_in(found.account, visit))


def _let_in(account: AccountId, visit: Visit) -> Asked[Portrait | None]:
    standing = yield from recalled(account)
    if account_obstacle(standing, visit.terms.gate.known_by) is not None:
        return None
    portrait = (yield from asked_if_any(Describe(account), Portrait)) or Portrait(account)
    return None if portrait.is_disabled else portrait
