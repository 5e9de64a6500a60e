"""Passages: logins and sessions in which second factors are shown, before there is a session or within one.

A passage is named like a session, and what is proved in it is a session's proof. It is bound to the epoch of its
account, and whoever changes a factor in it moves it along: the login in which a first factor was enrolled goes on. What
stays out: who may begin one, and what a finished one is worth (core.entrance).
"""

from typing import Final

from mfa_gateway.core.account import AccountId, Factor
from mfa_gateway.core.entrance.second_words import Passage
from mfa_gateway.core.proof import Budget, Scope
from mfa_gateway.state import scripts
from mfa_gateway.state.foundation import Foundation
from mfa_gateway.state.redemption import KNOWN_MS

_FACTORS: Final = {factor.value.encode(): factor for factor in Factor}


class Passages:
    """The side of a store that keeps passages. It raises `StoreUnavailable`."""

    def __init__(self, foundation: Foundation) -> None:
        self._foundation = foundation
        self._line = foundation.line

    async def begin_passage(self, account: AccountId, *, name: str, epoch: int, life_ms: int) -> Passage | None:
        """Begin one, or find the one that began; None where it is over. `life_ms` 0: only one that began."""
        keys = (await self._foundation.names()).keys.of(account)
        return _passage(
            await scripts.BEGIN_PASSAGE.run(self._line, (keys.account, keys.opened(name)), (epoch, life_ms))
        )

    async def finish_passage(self, account: AccountId, *, name: str, factor: Factor) -> Passage | None:
        """A second factor was shown in it; None where it is over."""
        keys = (await self._foundation.names()).keys.of(account)
        return _passage(
            await scripts.FINISH_PASSAGE.run(self._line, (keys.account, keys.opened(name)), (factor.value,))
        )

    async def carry_proofs(self, account: AccountId, *, source: str, target: str) -> None:
        """What was proved in one session counts in another, and for the account, at its true age.

        A passage that gave its proofs to a session is over; with one name for both, they only count for the account.
        """
        keys = (await self._foundation.names()).keys.of(account)
        known, _, _ = keys.of_session(Budget.STEP_UP, target)
        takers = (keys.proofs(Scope.SESSION, target), keys.proofs(Scope.ACCOUNT, ""))
        script_keys = (keys.account, keys.proofs(Scope.SESSION, source), keys.opened(source), known, *takers)
        await scripts.CARRY_PROOFS.run(self._line, script_keys, (KNOWN_MS, "" if source == target else "1"))


def _passage(reply: list[int | bytes] | None) -> Passage | None:
    match reply:
        case [int(epoch), bytes(second), int(age_ms)]:
            return Passage(epoch, _FACTORS.get(second), age_ms)
        case _:
            return None
