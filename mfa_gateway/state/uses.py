"""Uses: what is remembered of things that may be used once, such as nonces and the last step of a ticket.

One script, so that of any number of uses at a time one is the first. What stays out: what a second use means, and for
how long a thing could come again.
"""

from mfa_gateway.core.entrance.words import Use
from mfa_gateway.state import scripts
from mfa_gateway.state.foundation import Foundation


class Uses:
    """The side of a store that remembers uses. It raises `StoreUnavailable`."""

    def __init__(self, foundation: Foundation) -> None:
        self._foundation = foundation

    async def use_once(self, *names: str, keep_ms: int) -> Use:
        """Remember a use. `names`: what it is, none of which reaches a key as it is."""
        key = (await self._foundation.names()).keys.use(*names)
        is_first = await scripts.USE.run(self._foundation.line, (key,), (max(keep_ms, 1),))
        return Use.FIRST if is_first else Use.REPEATED

    async def was_used(self, *names: str) -> Use:
        """Whether a use is remembered: REPEATED where it is, and FIRST where the next one would be."""
        key = (await self._foundation.names()).keys.use(*names)
        return Use.REPEATED if await self._foundation.line.ask("EXISTS", key) else Use.FIRST
