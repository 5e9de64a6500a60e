"""Signing: the key that the gateway signs its own tokens with, made once and kept sealed, the same for all replicas.

Whoever needs it first makes one, and all agree on the first that is kept. It has no end: exchanging it would void every
token that is out. What stays out: what kind of key it is, and signing (the room of identities).
"""

from collections.abc import Awaitable, Callable

from mfa_gateway.core.fault import StoreUnavailable
from mfa_gateway.state import scripts
from mfa_gateway.state.foundation import Foundation
from mfa_gateway.state.keys import SIGNING_KEY
from mfa_gateway.state.vault import CannotUnseal


class SigningKeys:
    """The side of a store that keeps the signing key."""

    def __init__(self, foundation: Foundation) -> None:
        self._foundation = foundation
        self._line = foundation.line
        self._vault = foundation.vault

    async def signing_key(self, draw: Callable[[], Awaitable[bytes]]) -> bytes:
        """The key that is kept; what `draw` gives becomes it where there is none. One trip, or two.

        Raises:
            StoreUnavailable: the store cannot be asked, or the key is sealed with one that is not configured.
        """
        # Whatever is kept is kept in a store that was found fit.
        await self._foundation.names()
        kept = await scripts.KEEP_ONCE.run(self._line, (SIGNING_KEY,), ("",))
        if kept is None:
            drawn = self._vault.seal(await draw(), SIGNING_KEY)
            kept = await scripts.KEEP_ONCE.run(self._line, (SIGNING_KEY,), (drawn,))
        try:
            return self._vault.unseal(kept, SIGNING_KEY)
        except CannotUnseal as error:
            raise StoreUnavailable(
                f"the signing key cannot be read ({SIGNING_KEY}: {error}). Add the key to secrets.keys that it was "
                "sealed with"
            ) from error
