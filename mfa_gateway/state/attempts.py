"""Attempts: counting tries at something that is compared elsewhere, such as a password, in the budgets of codes.

Codes are counted and compared in one script (redemption). A password is compared by the directory, which takes a while,
so it is counted before and settled after; what was never settled stays counted. What stays out: the comparing.
"""

from mfa_gateway.core.account import AccountId
from mfa_gateway.core.proof import Budget, Regulation
from mfa_gateway.state import scripts
from mfa_gateway.state.foundation import Foundation
from mfa_gateway.state.redemption import BANS_MS, DAY_MS


class Attempts:
    """The side of a store that counts. Every method is one step in one trip, and raises `StoreUnavailable`."""

    def __init__(self, foundation: Foundation) -> None:
        self._foundation = foundation
        self._line = foundation.line

    async def attempt(self, account: AccountId, *, budget: Budget, regulation: Regulation) -> int:
        """Count one attempt. 0: compare it, and settle it then; else the milliseconds until one may be made."""
        keys = (await self._foundation.names()).keys.of(account)
        script_keys = (keys.attempts(budget), keys.bans(budget), keys.daily(budget))
        args = (regulation.max_retries, regulation.find_time_ms, regulation.per_day, DAY_MS)
        left_ms: int = await scripts.ATTEMPT.run(self._line, script_keys, args)
        return left_ms

    async def was_right(self, account: AccountId, *, budget: Budget) -> None:
        """An attempt that was counted was right: it takes back its own count, and ends the doubling of bans."""
        await self._settle(account, "right", budget=budget, rules=Regulation())

    async def was_wrong(self, account: AccountId, *, budget: Budget, regulation: Regulation) -> int:
        """An attempt that was counted was wrong. The milliseconds of the ban that it brought, or 0."""
        return await self._settle(account, "wrong", budget=budget, rules=regulation)

    async def _settle(self, account: AccountId, how: str, *, budget: Budget, rules: Regulation) -> int:
        keys = (await self._foundation.names()).keys.of(account)
        script_keys = (keys.attempts(budget), keys.bans(budget), keys.daily(budget))
        args = (how, rules.max_retries, rules.find_time_ms, rules.ban_time_ms, rules.ban_max_ms, BANS_MS)
        ban_ms: int = await scripts.SETTLE.run(self._line, script_keys, (*args, rules.per_day, DAY_MS))
        return ban_ms
