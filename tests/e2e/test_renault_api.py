"""renault-api, a client of the Gigya form that people use, as it is: its whole flow by e-mail, at a running gateway."""

from collections.abc import AsyncIterator

import aiohttp
import pytest
import pytest_asyncio
from renault_api.const import CONF_GIGYA_APIKEY, CONF_GIGYA_URL, CONF_LOCALE
from renault_api.gigya.exceptions import (
    GigyaResponseException,
    InvalidCredentialsException,
    InvalidVerificationCodeException,
    PendingTwoFactorAuthenticationException,
)
from renault_api.renault_session import RenaultSession

from tests.e2e.gigya import KEY, PASSWORD, Shop

# One gateway for all of them: none leaves anything that another would meet.
pytestmark = [pytest.mark.processes, pytest.mark.asyncio(loop_scope="module")]

ADA = "ada@shop.test"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shop(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Shop]:
    async with Shop(tmp_path_factory.mktemp("shop")) as made:
        await made.open()
        yield made


@pytest_asyncio.fixture(loop_scope="module")
async def web() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


def renault(shop: Shop, web: aiohttp.ClientSession) -> RenaultSession:
    details = {
        CONF_GIGYA_URL: f"http://127.0.0.1:{shop.port}/gigya",
        CONF_GIGYA_APIKEY: KEY,
        CONF_LOCALE: "de_DE",
    }
    return RenaultSession(websession=web, locale_details=details)


async def test_its_whole_flow_by_mail_works_a_wrong_code_included(shop: Shop, web: aiohttp.ClientSession) -> None:
    client = renault(shop, web)
    with pytest.raises(PendingTwoFactorAuthenticationException):
        await client.login(ADA, PASSWORD)
    ((email),) = await client.get_two_factor_auth_emails()
    assert email.obfuscated is not None
    assert ADA not in email.obfuscated
    await client.request_two_factor_auth_code()
    code = await shop.mailbox.code()
    wrong = f"{(int(code) + 1) % 1_000_000:06}"
    with pytest.raises(InvalidVerificationCodeException):
        await client.complete_two_factor_auth(wrong)
    await client.complete_two_factor_auth(code)
    assert client.login_token
    assert await client._get_person_id() == "person-1"
    token = await client._get_jwt()
    # Its session is that of a device that is remembered, which proves nothing to the gate: the gate asks for a code.
    stopped = await shop.call("GET", "/orders/1", token=token)
    assert (stopped.status_code, stopped.json()["errorCode"]) == (403, 403101)

    later = renault(shop, web)
    later.set_device_ids(client.device_ids)
    await later.login(ADA, PASSWORD)
    assert later.login_token
    assert later.login_token != client.login_token


async def test_another_device_is_asked_again(shop: Shop, web: aiohttp.ClientSession) -> None:
    client = renault(shop, web)
    with pytest.raises(PendingTwoFactorAuthenticationException):
        await client.login(ADA, PASSWORD)
    await client.request_two_factor_auth_code()
    await client.complete_two_factor_auth(await shop.mailbox.code())
    async with aiohttp.ClientSession() as elsewhere:
        with pytest.raises(PendingTwoFactorAuthenticationException):
            await renault(shop, elsewhere).login(ADA, PASSWORD)


@pytest.mark.parametrize(("name", "password"), [(ADA, "wrong"), ("nobody@shop.test", PASSWORD)])
async def test_it_reads_a_wrong_password_and_an_unknown_name_alike(
    shop: Shop, web: aiohttp.ClientSession, name: str, password: str
) -> None:
    with pytest.raises(InvalidCredentialsException, match="invalid loginID or password"):
        await renault(shop, web).login(name, password)


async def test_it_hears_that_a_login_token_is_over(shop: Shop, web: aiohttp.ClientSession) -> None:
    client = renault(shop, web)
    client.set_login_token("st2.s.nothing")
    with pytest.raises(GigyaResponseException) as raised:
        await client._get_person_id()
    assert raised.value.error_code == 403005
