"""Devices: those on which somebody showed a second factor, and which are not asked for one again for a while.

A device is known by what it says of itself, so this is a convenience and no proof. Of its id only a keyed digest is
kept, bound to the account; so many for each account and site, beyond which the first to be forgotten go at once. A new
epoch forgets all of them. What stays out: when a device is remembered, and what that is worth (core.entrance).
"""

from typing import Final

from mfa_gateway.core.account import AccountId
from mfa_gateway.core.entrance.second_words import Recognition
from mfa_gateway.state import scripts
from mfa_gateway.state.foundation import Foundation

# Nobody has more at a time; each is one more way around a second factor.
MOST_DEVICES: Final = 20


class Devices:
    """The side of a store that remembers devices. It raises `StoreUnavailable`."""

    def __init__(self, foundation: Foundation) -> None:
        self._foundation = foundation
        self._line = foundation.line

    async def remember_device(self, account: AccountId, *, site: str, device: str, life_ms: int, epoch: int) -> None:
        """Remember a device, unless the epoch moved. One that has no id, or for no time at all, is not remembered."""
        if not device or life_ms <= 0:
            return
        names = await self._foundation.names()
        keys = names.keys.of(account)
        args = (epoch, names.digests.device(keys.tag, site, device), life_ms, MOST_DEVICES)
        await scripts.REMEMBER_DEVICE.run(self._line, (keys.account, keys.devices(site)), args)

    async def knows_device(self, account: AccountId, *, site: str, device: str) -> Recognition:
        """Whether a device is remembered, in the account's epoch."""
        names = await self._foundation.names()
        keys = names.keys.of(account)
        digest = names.digests.device(keys.tag, site, device)
        is_known = await scripts.KNOWS_DEVICE.run(self._line, (keys.account, keys.devices(site)), (digest,))
        return Recognition.KNOWN if device and is_known else Recognition.UNKNOWN

    async def forget_devices(self, account: AccountId, *, site: str) -> None:
        """Forget all of them at one site."""
        keys = (await self._foundation.names()).keys.of(account)
        await self._line.ask("DEL", keys.devices(site))
