from dataclasses import dataclass

import pytest

from mfa_gateway.core.account import AccountId, Caller, Person
from mfa_gateway.core.fault import StoreUnavailable
from mfa_gateway.directory.records import RecordDirectory
from mfa_gateway.engine.ports import Directory

ANNA = AccountId("shop", "anna")


@dataclass(frozen=True)
class FakeRecord:
    """A record by shape."""

    email: str | None = "Anna@Example.test"
    email_verified: bool = True
    phone: str | None = "+491701234567"
    phone_verified: bool = True
    locale: str | None = "de"


class FakeRecords:
    """Records by shape."""

    def __init__(self, **records: FakeRecord) -> None:
        self._records = records

    async def record(self, account: AccountId) -> FakeRecord | None:
        return self._records.get(account.subject)


class BrokenRecords:
    """Records that cannot be asked."""

    async def record(self, account: AccountId) -> FakeRecord | None:
        raise StoreUnavailable(f"the store does not answer for realm {account.realm}")


async def look_up(record: FakeRecord) -> Person | None:
    directory: Directory = RecordDirectory(FakeRecords(anna=record))
    return await directory.look_up(Caller(ANNA, "session", "token", {"email": "other@example.test"}))


async def test_a_record_tells_where_somebody_can_be_reached() -> None:
    assert await look_up(FakeRecord()) == Person("Anna@example.test", "+491701234567", "de")


async def test_an_address_that_is_not_verified_does_not_count() -> None:
    assert await look_up(FakeRecord(email_verified=False)) == Person(None, "+491701234567", "de")
    assert await look_up(FakeRecord(phone_verified=False)) == Person("Anna@example.test", None, "de")


async def test_what_is_no_address_is_not_used() -> None:
    assert await look_up(FakeRecord("a@b.test, c@d.test", phone="0170", locale="?")) == Person()


async def test_somebody_without_a_record_is_nobody_whatever_the_token_says() -> None:
    directory = RecordDirectory(FakeRecords())
    assert await directory.look_up(Caller(ANNA, "session", "token", {"email": "anna@example.test"})) is None


async def test_a_store_that_does_not_answer_is_a_fault() -> None:
    directory = RecordDirectory(BrokenRecords())
    with pytest.raises(StoreUnavailable):
        await directory.look_up(Caller(ANNA, "session", "token"))
