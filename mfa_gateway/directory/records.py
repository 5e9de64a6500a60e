"""The directory that the gateway keeps itself: records made with `mfa-gateway accounts`.

What stays out: where records are kept, which is known by shape alone.
"""

from typing import Protocol

from mfa_gateway.core.account import AccountId, Caller, Person
from mfa_gateway.directory.addresses import canonical_email, canonical_locale, canonical_phone


class Record(Protocol):
    """What is on record of an account, as far as reaching somebody goes."""

    @property
    def email(self) -> str | None:
        """The mailbox."""
        ...

    @property
    def email_verified(self) -> bool:
        """Whether it is known to be theirs."""
        ...

    @property
    def phone(self) -> str | None:
        """The phone number."""
        ...

    @property
    def phone_verified(self) -> bool:
        """Whether it is known to be theirs."""
        ...

    @property
    def locale(self) -> str | None:
        """The language to write in."""
        ...


class Records(Protocol):
    """Where records are kept."""

    async def record(self, account: AccountId) -> Record | None:
        """The record of an account, or None. Raises a `Fault` when it cannot say."""
        ...


class RecordDirectory:
    """People as they are on record."""

    def __init__(self, records: Records) -> None:
        self._records = records

    async def look_up(self, caller: Caller) -> Person | None:
        """The person behind a caller, or None for nobody on record.

        Raises:
            Fault: the records cannot be asked.
        """
        record = await self._records.record(caller.account)
        if record is None:
            return None
        return Person(
            email=canonical_email(record.email) if record.email_verified else None,
            phone=canonical_phone(record.phone) if record.phone_verified else None,
            locale=canonical_locale(record.locale),
        )
