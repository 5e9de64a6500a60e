"""Accounts at the entrance: found by what people log in with, made when they come for the first time.

The same ledger as that of operators: a login id is claimed in one step with the account it belongs to, so of two who
come with one address at a time one makes the account and the other is shown it. What stays out: who may have an account
or an address (core.entrance).
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from mfa_gateway.core.account import AccountId, Factor
from mfa_gateway.core.entrance.words import Address, Claim, Portrait, Registered
from mfa_gateway.core.fault import StoreUnavailable
from mfa_gateway.state.ledger import Held, Kept, Ledger, Taken, Wanted
from mfa_gateway.state.records import AccountRecord

# Whoever is faster has made the account by then: each turn ends with one more account than before, or with this one.
_MOST_TRIES: Final = 5


class LedgerAccounts:
    """The ledger, as the entrance asks it. Every method raises `StoreUnavailable`."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    async def find(self, realm: str, login: str) -> AccountId | None:
        """Whose a login id in its canonical form is, in as many trips where it is nobody's."""
        return await self._ledger.account_of(realm, login)

    async def portrait(self, account: AccountId) -> Portrait | None:
        """What is on record of an account."""
        held = await self._ledger.held(account)
        if held.is_new:
            return None
        record = held.record
        return Portrait(
            account,
            is_disabled=held.disabled,
            email=record.email,
            email_verified=record.email_verified,
            phone=record.phone,
            phone_verified=record.phone_verified,
            locale=record.locale,
            login_ids=held.login_ids,
            profile=held.profile,
        )

    async def register(self, account: AccountId, address: Address, *, profile: Mapping[str, object]) -> Registered:
        """Put a new account on record that logs in with an address; or tell whose it is, if somebody was faster."""
        record = _with_address(AccountRecord(), address)
        wanted = Wanted(record, login_ids=(address.text,), profile=profile)
        for _ in range(_MOST_TRIES):
            held = await self._ledger.held(account)
            if not isinstance(await self._ledger.keep(held, wanted), Taken):
                return Registered(account, is_new=True)
            owner = await self.find(account.realm, address.text)
            if owner is not None:
                return Registered(owner, is_new=False)
        raise StoreUnavailable("a login id was taken and given up again all the while")

    async def claim_address(self, account: AccountId, address: Address) -> Claim:
        """Give an account an address, verified, and the login id of it, in place of the one that it had."""
        held = await self._ledger.held(account)
        if not held.has_record:
            return Claim.NOBODY
        others = _login_ids_without(held, address.factor)
        login_ids = (*(other for other in others if other != address.text), address.text)
        return await self._keep(held, record=_with_address(held.record, address), login_ids=login_ids)

    async def drop_address(self, account: AccountId, factor: Factor) -> Claim:
        """Take an address and its login id away."""
        held = await self._ledger.held(account)
        if not held.has_record:
            return Claim.NOBODY
        record = _without_address(held.record, factor)
        return await self._keep(held, record=record, login_ids=_login_ids_without(held, factor))

    async def set_profile(self, portrait: Portrait, profile: Mapping[str, object]) -> Claim:
        """Replace the profile, unless it is another one by now than in this portrait."""
        held = await self._ledger.held(portrait.account)
        if held.profile != portrait.profile:
            return Claim.STALE
        return await self._keep(held, profile=profile)

    async def _keep(
        self,
        held: Held,
        *,
        record: AccountRecord | None = None,
        login_ids: tuple[str, ...] | None = None,
        profile: Mapping[str, object] | None = None,
    ) -> Claim:
        wanted = Wanted(
            held.record if record is None else record,
            login_ids=held.login_ids if login_ids is None else login_ids,
            password=held.password,
            profile=held.profile if profile is None else profile,
            disabled=held.disabled,
        )
        match await self._ledger.keep(held, wanted):
            case Taken():
                return Claim.TAKEN
            case Kept.STALE:
                return Claim.STALE
            case _:
                return Claim.MADE


def _with_address(record: AccountRecord, address: Address) -> AccountRecord:
    if address.factor is Factor.EMAIL:
        return replace(record, email=address.text, email_verified=True)
    return replace(record, phone=address.text, phone_verified=True)


def _without_address(record: AccountRecord, factor: Factor) -> AccountRecord:
    if factor is Factor.EMAIL:
        return replace(record, email=None, email_verified=False)
    return replace(record, phone=None, phone_verified=False)


def _login_ids_without(held: Held, factor: Factor) -> tuple[str, ...]:
    """The login ids but for that of the present address."""
    present = held.record.email if factor is Factor.EMAIL else held.record.phone
    return tuple(login for login in held.login_ids if present is None or login != present.casefold())
