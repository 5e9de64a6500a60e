"""The alarm: a country from which too few codes come back is not written to for a while.

Pumping shows in no single account and no single number: each gets its few messages, and nobody types the codes in. So
codes sent are held against codes redeemed, per country, over all workers. What stays out: counting (state), the measure
(core.quota), and telling people of it (dispatch).
"""

from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from mfa_gateway.core.account import AccountId, Factor
from mfa_gateway.core.fault import StoreUnavailable
from mfa_gateway.core.phone import PhoneNumber
from mfa_gateway.core.proof import Purpose, Receipt, Redeemed, Redemption
from mfa_gateway.core.quota import Conversion, Stop
from mfa_gateway.engine.ports import Countries


@dataclass(frozen=True, slots=True)
class Watched:
    """Where codes are counted, and how few of them are too few."""

    countries: Countries
    conversion: Conversion


class Alarm:
    """Holds codes sent against codes redeemed. Watching nothing, it lets everything go and makes no trip."""

    def __init__(self, watched: Watched | None = None) -> None:
        self._watched = watched

    async def stopped_ms(self, number: PhoneNumber) -> int:
        """How long the country of a number is not written to, in milliseconds; 0: it is."""
        if self._watched is None:
            return 0
        return await self._watched.countries.stopped_ms(number.country, self._watched.conversion)

    async def expect(self, account: AccountId, number: PhoneNumber, *, purpose: Purpose, life_ms: int) -> Stop | None:
        """Count a code that is about to be sent, unless the country is stopped, by this very code perhaps."""
        if self._watched is None:
            return None
        return await self._watched.countries.expect(
            account,
            purpose=purpose,
            country=number.country,
            conversion=self._watched.conversion,
            life_ms=life_ms,
        )

    async def was_not_sent(self, account: AccountId, purpose: Purpose) -> None:
        """A code that was counted did not leave: an outage of a provider is no pumping."""
        if self._watched is not None:
            await self._watched.countries.was_not_sent(account, purpose=purpose)

    async def hear(self, redemption: Redemption, receipt: Receipt) -> None:
        """Take note of what became of a presented code.

        A store that fails only now has redeemed the code already, and a right code is not refused for its statistics.
        """
        if self._watched is not None and isinstance(receipt, Redeemed) and receipt.factor is Factor.SMS:
            with suppress(StoreUnavailable):
                await self._watched.countries.was_redeemed(redemption.account, purpose=redemption.purpose)


NO_ALARM: Final = Alarm()
