"""Records: what operators keep of accounts, for `directory: store` and for the commands of `mfa-gateway accounts`.

A record is sealed as a whole. Operators are trusted: they may make a factor active without a code, reset factors and
end bans. There is no list of accounts, because keys do not tell whose they are. What stays out: everything that a
caller may do for itself (store).
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from mfa_gateway.core.account import AccountId, Factor, FactorState
from mfa_gateway.core.fault import StoreUnavailable
from mfa_gateway.core.proof import Budget
from mfa_gateway.state import scripts
from mfa_gateway.state.foundation import Foundation
from mfa_gateway.state.keys import AccountKeys
from mfa_gateway.state.vault import CannotUnseal

# What a record is sealed for, beside the account: no factor has this name.
_RECORD: Final = "record"
_SHOWN: Final = ("epoch", "disabled", "recorded", _RECORD, *(factor.value for factor in Factor))


@dataclass(frozen=True, slots=True)
class AccountRecord:
    """Where somebody can be reached, as an operator put it on record."""

    email: str | None = field(default=None, repr=False)
    email_verified: bool = False
    phone: str | None = field(default=None, repr=False)
    phone_verified: bool = False
    locale: str | None = None


@dataclass(frozen=True, slots=True)
class BudgetFacts:
    """How a budget of attempts stands: those counted, the rest of a ban (0: none), bans without a success since."""

    attempts: int
    ban_left_ms: int
    bans: int


@dataclass(frozen=True, slots=True)
class AccountFacts:
    """What an operator may know of an account. Nothing here is secret.

    Attributes:
        recorded: somebody put it on record, or it has enrolled.
        has_record: there is a record to read.
        disabled: nothing is allowed any more.
        epoch: how often everything that was proved became void.
        factors: those that are pending or active.
        budgets: attempts and bans.
    """

    recorded: bool
    has_record: bool
    disabled: bool
    epoch: int
    factors: Mapping[Factor, FactorState]
    budgets: Mapping[Budget, BudgetFacts]


class Records:
    """The operators' side of a store. Every method is one step in one trip, and raises `StoreUnavailable`."""

    def __init__(self, foundation: Foundation) -> None:
        self._foundation = foundation
        self._line = foundation.line
        self._vault = foundation.vault

    async def put_record(
        self, account: AccountId, record: AccountRecord, *, factors: Mapping[Factor, str | bytes] | None = None
    ) -> None:
        """Put an account on record, replacing the record it had.

        `factors` become active: e-mail and SMS pinned to an address, TOTP with a secret of bytes. That begins a new
        epoch; a record alone does not.
        """
        names = await self._foundation.names()
        keys = names.keys.of(account)
        args = [self._vault.seal(json.dumps(asdict(record)).encode(), keys.tag, _RECORD)]
        for factor, given in (factors or {}).items():
            value = _value(factor, given)
            mark = names.digests.mark(keys.tag, factor, value)
            args += (factor.value.encode(), self._vault.seal(value, keys.tag, factor.value), mark.encode())
        await scripts.RECORD.run(self._line, (keys.account, *_codes(keys, tuple(factors or ()))), args)

    async def record(self, account: AccountId) -> AccountRecord | None:
        """The record of an account, or None for an account that nobody put on record."""
        keys = (await self._foundation.names()).keys.of(account)
        sealed = await self._line.ask("HGET", keys.account, _RECORD)
        if sealed is None:
            return None
        try:
            return AccountRecord(**json.loads(self._vault.unseal(sealed, keys.tag, _RECORD)))
        except CannotUnseal as error:
            raise StoreUnavailable(f"a record cannot be read: {error}") from error

    async def reset(self, account: AccountId) -> None:
        """Remove all factors, and void all proofs and codes. Record, attempts and bans stay."""
        keys = (await self._foundation.names()).keys.of(account)
        factors = [factor.value for factor in Factor]
        await scripts.RESET.run(self._line, (keys.account, *_codes(keys, tuple(Factor))), factors)

    async def unlock(self, account: AccountId) -> int:
        """End the bans of an account and give it its attempts back. The number of bans that were in force."""
        keys = (await self._foundation.names()).keys.of(account)
        ended: int = await scripts.UNLOCK.run(self._line, _budgets(keys), ())
        return ended

    async def disable(self, account: AccountId) -> None:
        """Allow an account nothing any more, and void all proofs and codes."""
        await self._switch(account, "disable")

    async def enable(self, account: AccountId) -> None:
        """Allow an account again what its factors allow. Nothing that was void comes back."""
        await self._switch(account, "enable")

    async def show(self, account: AccountId) -> AccountFacts:
        """What is known of an account."""
        keys = (await self._foundation.names()).keys.of(account)
        return _facts(await scripts.SHOW.run(self._line, (keys.account, *_budgets(keys)), _SHOWN))

    async def _switch(self, account: AccountId, how: str) -> None:
        keys = (await self._foundation.names()).keys.of(account)
        await scripts.SWITCH.run(self._line, (keys.account,), (how,))


def _value(factor: Factor, given: str | bytes) -> bytes:
    match factor, given:
        case Factor.TOTP, bytes():
            return given
        case Factor.EMAIL | Factor.SMS, str():
            return given.encode()
        case _:
            raise TypeError(f"{factor.value} takes {'a secret of bytes' if factor is Factor.TOTP else 'an address'}")


def _codes(keys: AccountKeys, factors: Sequence[Factor]) -> list[str]:
    return [code for factor in factors for code in keys.codes(factor)]


def _budgets(keys: AccountKeys) -> list[str]:
    return [key for budget in Budget for key in (keys.attempts(budget), keys.bans(budget))]


def _facts(reply: Sequence[Any]) -> AccountFacts:
    (epoch, disabled, recorded, record, *states), numbers = reply
    return AccountFacts(
        recorded=recorded is not None,
        has_record=record is not None,
        disabled=disabled is not None,
        epoch=int(epoch or 0),
        factors={
            factor: FactorState(state.decode())
            for factor, state in zip(Factor, states, strict=True)
            if state is not None
        },
        budgets={budget: BudgetFacts(*numbers[3 * at : 3 * at + 3]) for at, budget in enumerate(Budget)},
    )
