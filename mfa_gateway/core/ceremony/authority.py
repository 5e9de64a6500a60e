"""Authority: who may add, change or remove a factor.

Where the account has an active factor, it takes a code of sufficient level, redeemed in this very ceremony: a bearer
token alone changes nothing, and neither does a window that somebody opened before. Where it has none yet, it takes a
recent login, of this session through the gateway or as `auth_time` tells. What stays out: levels themselves (account).
"""

from typing import Final

from mfa_gateway.core.account import Caller, Factor, Standing, sufficient_factors
from mfa_gateway.core.ceremony.steps import failure_of, redeem, redemption_of
from mfa_gateway.core.ceremony.words import Asked, AskLogin, Command, Failed, LoggedIn, wrong_answer
from mfa_gateway.core.gate import Terms
from mfa_gateway.core.verdict import Reason

# design, section 1: how long after a login factors may be added.
FRESH_LOGIN_MS: Final = 300_000
# The issuer's clock may be a little ahead of the store's.
_AHEAD_MS: Final = 10_000


def authorised(command: Command, standing: Standing, target: Factor, *, terms: Terms) -> Asked[Failed | None]:
    """Make sure that this caller may add or change `target`. None: yes."""
    if standing.active():
        return (yield from code_of_level(command, standing, target, terms=terms))
    if claims_recent_login(command.caller, standing.now_ms):
        return None
    answer = yield AskLogin()
    if not isinstance(answer, LoggedIn):
        raise wrong_answer("AskLogin", answer)
    is_recent = answer.age_ms is not None and 0 <= answer.age_ms < FRESH_LOGIN_MS
    return None if is_recent else Failed(Reason.LOGIN_STALE)


def code_of_level(command: Command, standing: Standing, target: Factor, *, terms: Terms) -> Asked[Failed | None]:
    """Redeem the presented code as one of sufficient level. None: it was."""
    if not command.code:
        return Failed(Reason.CODE_MISSING)
    redemption = redemption_of(command, standing, terms, factors=sufficient_factors(standing, target))
    return failure_of((yield from redeem(redemption, standing)))


def claims_recent_login(caller: Caller, now_ms: int) -> bool:
    """Whether the token says that its holder logged in within the last five minutes (OpenID Connect Core, section 2).

    `iat` would not do: a token is refreshed without anybody logging in.
    """
    at = caller.claims.get("auth_time")
    if isinstance(at, bool) or not isinstance(at, int | float):
        return False
    return -_AHEAD_MS <= now_ms - at * 1000 < FRESH_LOGIN_MS
