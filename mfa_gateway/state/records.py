"""Records: what operators keep of accounts, for `directory: store` and for the commands of `mfa-gateway accounts`.

A record is sealed as a whole. Operators are trusted: they may make a factor active without a code, reset factors and
end bans. Keys do not tell whose they are, so a record does, and only accounts with one can be listed (ledger). What
stays out: everything that a caller may do for itself (store).
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from mfa_gateway.core.account import AccountId, Factor, FactorState
from mfa_gateway.core.fault import StoreUnavailable
from mfa_gateway.core.otp import TOTP_DEFAULT, TotpProfile
from mfa_gateway.core.proof import Budget
from mfa_gateway.state import scripts
from mfa_gateway.state.enrolments import kept, sealed, value_of
from mfa_gateway.state.foundation import Foundation
from mfa_gateway.state.keys import AccountKeys
from mfa_gateway.state.line import Word
from mfa_gateway.state.vault import CannotUnseal, Vault

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
        self,
        account: AccountId,
        record: AccountRecord,
        *,
        factors: Mapping[Factor, str | bytes] | None = None,
        profile: TotpProfile = TOTP_DEFAULT,
    ) -> None:
        """Put an account on record, replacing the record it had.

        `factors` become active, each with one enrolment: e-mail and SMS pinned to an address, TOTP with a secret
        and the parameters of `profile`. That begins a new epoch; a record alone does not.

        Raises:
            TypeError: a factor takes something else.
            ValueError: a secret is too short to be one.
        """
        names = await self._foundation.names()
        keys = names.keys.of(account)
        args: list[Word] = [sealed_record(self._vault, account, record, tag=keys.tag)]
        for factor, given in (factors or {}).items():
            one = kept(names.digests, keys.tag, factor, value=value_of(factor, given), profile=profile)
            args += (factor.value, one.id, sealed(self._vault, one, tag=keys.tag, factor=factor))
        await scripts.RECORD.run(self._line, (keys.account, *_codes(keys, tuple(factors or ()))), args)

    async def record(self, account: AccountId) -> AccountRecord | None:
        """The record of an account, or None for an account that nobody put on record."""
        keys = (await self._foundation.names()).keys.of(account)
        found = await self._line.ask("HGET", keys.account, _RECORD)
        return None if found is None else read_record(self._vault, found, keys.tag)[1]

    async def reset(self, account: AccountId) -> None:
        """Remove all factors, and void all proofs and codes. Record, attempts and bans stay."""
        keys = (await self._foundation.names()).keys.of(account)
        factors = [factor.value for factor in Factor]
        await scripts.RESET.run(self._line, (keys.account, *_codes(keys, tuple(Factor))), factors)

    async def unlock(self, account: AccountId) -> int:
        """End the bans of an account and give it its attempts back. The number of bans that were in force."""
        keys = (await self._foundation.names()).keys.of(account)
        script_keys = [
            key
            for budget in Budget
            for key in (keys.attempts(budget), keys.bans(budget), keys.short(budget), keys.daily(budget))
        ]
        ended: int = await scripts.UNLOCK.run(self._line, script_keys, ())
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


def sealed_record(vault: Vault, account: AccountId, record: AccountRecord, *, tag: str) -> bytes:
    """A record as it is kept. It says whose it is, because the keys do not."""
    said = {"of": [account.realm, account.subject], **asdict(record)}
    return vault.seal(json.dumps(said).encode(), tag, _RECORD)


def read_record(vault: Vault, sealed: bytes, tag: str) -> tuple[AccountId | None, AccountRecord]:
    """A record, and whose it is; None where it does not say.

    Raises:
        StoreUnavailable: it is sealed with a key that is not configured.
    """
    try:
        said = json.loads(vault.unseal(sealed, tag, _RECORD))
    except CannotUnseal as error:
        raise StoreUnavailable(f"a record cannot be read: {error}") from error
    name = said.pop("of", None)
    return (AccountId(*name) if name else None), AccountRecord(**said)


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
