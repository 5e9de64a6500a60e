import pytest

from mfa_gateway.core.account import AccountId, Caller, Person
from mfa_gateway.core.fault import StoreUnavailable
from mfa_gateway.directory.numbers import NumberPlan
from mfa_gateway.directory.reach import ReachableDirectory

ANNA = Caller(AccountId("shop", "anna"), session="s", token="t")


class Fixed:
    """A directory of one answer."""

    def __init__(self, person: Person | None) -> None:
        self._person = person

    async def look_up(self, caller: Caller) -> Person | None:
        assert caller is ANNA
        return self._person


async def seen(person: Person | None) -> Person | None:
    return await ReachableDirectory(Fixed(person), NumberPlan(["DE"])).look_up(ANNA)


async def test_a_number_is_pinned_in_its_one_form() -> None:
    assert await seen(Person(phone="0049 170 1234567")) == Person(phone="+491701234567")


@pytest.mark.parametrize("phone", ["+436641234567", "+499001234567", "+4930123456", "garbage"])
async def test_a_number_that_is_not_written_to_is_not_known_at_all(phone: str) -> None:
    assert await seen(Person("anna@example.test", phone, "de")) == Person("anna@example.test", None, "de")


@pytest.mark.parametrize("person", [None, Person("anna@example.test", None, "de")])
async def test_whoever_has_no_number_is_left_as_they_are(person: Person | None) -> None:
    assert await seen(person) is person


async def test_a_directory_that_cannot_say_is_not_spoken_for() -> None:
    class Away:
        async def look_up(self, _: Caller) -> Person | None:
            raise StoreUnavailable("away")

    with pytest.raises(StoreUnavailable):
        await ReachableDirectory(Away(), NumberPlan(["DE"])).look_up(ANNA)
