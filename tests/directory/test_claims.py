import pytest

from mfa_gateway.core.account import AccountId, Caller, Person
from mfa_gateway.directory.claims import ClaimsDirectory
from mfa_gateway.engine.ports import Directory


async def look_up(**claims: object) -> Person | None:
    directory: Directory = ClaimsDirectory()
    return await directory.look_up(Caller(AccountId("shop", "anna"), "session", "token", claims))


async def test_claims_tell_where_somebody_can_be_reached() -> None:
    person = await look_up(email="Anna@Example.test", phone_number="+491701234567", locale="de_AT")
    assert person == Person("Anna@example.test", "+491701234567", "de-AT")


async def test_somebody_without_claims_is_somebody_without_addresses() -> None:
    assert await look_up() == Person()


@pytest.mark.parametrize("value", [True, "true"])
async def test_an_address_that_is_verified_counts(value: object) -> None:
    person = await look_up(
        email="a@example.test", email_verified=value, phone_number="+491701234567", phone_number_verified=value
    )
    assert person == Person("a@example.test", "+491701234567")


@pytest.mark.parametrize("value", [False, None, 0, 1, 1.0, "", "false", "0", "1", "True", "yes", [], ["true"], {}])
async def test_an_address_whose_claim_says_anything_but_yes_does_not_count(value: object) -> None:
    person = await look_up(
        email="a@example.test", email_verified=value, phone_number="+491701234567", phone_number_verified=value
    )
    assert person == Person()


async def test_each_address_has_a_claim_of_its_own() -> None:
    person = await look_up(email="a@example.test", phone_number="+491701234567", email_verified=False)
    assert person == Person(None, "+491701234567")
    person = await look_up(email="a@example.test", phone_number="+491701234567", phone_number_verified=False)
    assert person == Person("a@example.test")


@pytest.mark.parametrize("value", ["a@example.test\r\nBcc: b@example.test", "a@example.test,b@example.test", 5, None])
async def test_what_is_no_address_is_not_used(value: object) -> None:
    assert await look_up(email=value, phone_number=value, locale=5) == Person()


async def test_addresses_do_not_show_in_the_repr() -> None:
    assert "example.test" not in repr(await look_up(email="a@example.test"))
