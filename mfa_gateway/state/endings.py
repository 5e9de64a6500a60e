"""Endings: windows end before their time, for one scope or for the whole account.

What stays out: who asks for it, and opening them (redemption).
"""

from mfa_gateway.core.account import AccountId
from mfa_gateway.core.logout import Farewell, Heard
from mfa_gateway.core.proof import Scope
from mfa_gateway.state import scripts
from mfa_gateway.state.foundation import Foundation


class Endings:
    """The side of a store that ends windows. Every method is one step in one trip, and raises `StoreUnavailable`."""

    def __init__(self, foundation: Foundation) -> None:
        self._foundation = foundation
        self._line = foundation.line

    async def close_window(self, account: AccountId, *, scope: Scope, session: str) -> None:
        """Forget what was proved in a scope's value."""
        keys = (await self._foundation.names()).keys.of(account)
        await scripts.CLOSE.run(self._line, (keys.proofs(scope, session),), ())

    async def revoke(self, account: AccountId) -> None:
        """Void all proofs, codes and tickets of an account, at every worker."""
        keys = (await self._foundation.names()).keys.of(account)
        await scripts.REVOKE.run(self._line, (keys.account,), ())

    async def bid_farewell(self, farewell: Farewell) -> Heard:
        """Void the same because an issuer says so; once for each time that it is said."""
        keys = (await self._foundation.names()).keys.of(farewell.account)
        said = keys.farewell(farewell.issuer, farewell.token_id)
        is_new = await scripts.FAREWELL.run(self._line, (keys.account, said), (farewell.life_ms,))
        return Heard.FIRST if is_new else Heard.AGAIN
