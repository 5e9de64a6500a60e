"""Partings: an issuer tells that somebody has logged out, and what they had proved ends at every worker.

A token that cannot be acted on now is not used up: its issuer may bring it again. What stays out: what a token has to
look like (identity), and how it comes and is answered (doors).
"""

from typing import assert_never

from mfa_gateway.core.call import Call
from mfa_gateway.core.fault import IdentityUnavailable, StoreUnavailable
from mfa_gateway.core.logout import Farewell, Heard, Hearsay, Parting
from mfa_gateway.engine.journal import Journal
from mfa_gateway.engine.ports import Farewells, Issuers


class Partings:
    """Acts on what issuers tell."""

    def __init__(self, *, issuers: Issuers, store: Farewells, journal: Journal) -> None:
        self._issuers = issuers
        self._store = store
        self._journal = journal

    async def part(self, token: str, call: Call) -> Parting:
        """Act on one logout token. Never raises for anything that a stranger, an issuer or the store can do."""
        try:
            heard = await self._issuers.hear_farewell(token, request_id=call.request_id)
            match heard:
                case Farewell():
                    return await self._end(heard, call)
                case Hearsay(is_nameless=is_nameless):
                    return Parting.NAMELESS if is_nameless else Parting.REFUSED
                case _ as never:
                    assert_never(never)
        except (StoreUnavailable, IdentityUnavailable) as fault:
            self._journal.faulted(call, fault)
            return Parting.POSTPONED

    async def _end(self, farewell: Farewell, call: Call) -> Parting:
        heard = await self._store.bid_farewell(farewell)
        self._journal.parted(call, farewell.account, heard)
        return Parting.DONE if heard is Heard.FIRST else Parting.REPEATED
