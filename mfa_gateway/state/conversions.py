"""Conversions: codes sent to a country against codes redeemed, and the stop that too few of them bring.

All countries share one key, and the codes on their way lie beside it, so that each step is one script in one slot. What
stays out: which codes are counted, and who is told of a stop (engine).
"""

from typing import Final

from mfa_gateway.core.account import AccountId
from mfa_gateway.core.proof import Purpose
from mfa_gateway.core.quota import Conversion, Stop
from mfa_gateway.state import scripts
from mfa_gateway.state.foundation import Foundation
from mfa_gateway.state.keys import COUNTRIES, code_on_its_way

# Precision of a window against fields to read: a sixtieth of an hour is a minute.
PARTS: Final = 60


class Conversions:
    """The countries' side of a store. Every method is one step in one trip, and raises `StoreUnavailable`."""

    def __init__(self, foundation: Foundation) -> None:
        self._foundation = foundation
        self._line = foundation.line

    async def stopped_ms(self, country: str, conversion: Conversion) -> int:
        """How long a country is not written to, in milliseconds; 0: it is."""
        await self._foundation.names()
        left_ms: int = await scripts.STOPPED.run(self._line, (COUNTRIES,), (country, conversion.stop_ms))
        return left_ms

    async def expect(
        self, account: AccountId, *, purpose: Purpose, country: str, conversion: Conversion, life_ms: int
    ) -> Stop | None:
        """Count a code on its way to a country, unless nothing is sent there, which this may bring about.

        `life_ms` is how long the code can be redeemed.
        """
        keys = (await self._foundation.names()).keys.of(account)
        args = (
            *(country, conversion.window_ms, PARTS, conversion.least_sent, repr(conversion.least_rate)),
            *(conversion.stop_ms, life_ms),
        )
        left_ms, sent, redeemed = await scripts.EXPECT.run(
            self._line, (COUNTRIES, code_on_its_way(keys, purpose)), args
        )
        return Stop(left_ms, sent, redeemed) if left_ms > 0 else None

    async def was_redeemed(self, account: AccountId, *, purpose: Purpose) -> None:
        """The code that was on its way to an account was redeemed."""
        await self._arrive(account, purpose, "redeemed")

    async def was_not_sent(self, account: AccountId, *, purpose: Purpose) -> None:
        """The code that was on its way to an account never left: it says nothing about its country."""
        await self._arrive(account, purpose, "unsent")

    async def _arrive(self, account: AccountId, purpose: Purpose, fate: str) -> None:
        keys = (await self._foundation.names()).keys.of(account)
        await scripts.ARRIVE.run(self._line, (COUNTRIES, code_on_its_way(keys, purpose)), (fate,))
