"""Attacks on statements that we sign ourselves: the row J09 of the corpus, and beyond it everything in every place.

What each step of a second factor does with a good statement is in tests/e2e (tfa). Here, each of them turns up where
another one belongs.
"""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.e2e.second_factors import Client, Shop, error, furnished, somebody

pytestmark = [pytest.mark.processes, pytest.mark.asyncio(loop_scope="module")]

# Where a statement is asked for: the method, and the parameter.
PLACES = (
    ("email.getEmails", "gigyaAssertion"), ("phone.getRegisteredPhoneNumbers", "gigyaAssertion"),
    ("totp.register", "gigyaAssertion"), ("totp.verify", "gigyaAssertion"), ("backupcodes.create", "gigyaAssertion"),
    ("email.sendVerificationCode", "gigyaAssertion"), ("finalizeTFA", "gigyaAssertion"),
    ("finalizeTFA", "providerAssertion"), ("finalizeTFA", "regToken"), ("email.completeVerification", "phvToken"),
    ("accounts.finalizeRegistration", "regToken"), ("accounts.getAccountInfo", "login_token"),
    ("push.sendVerification", "gigyaAssertion"), ("push.isVerified", "gigyaAssertion"),
    ("push.verify", "gigyaAssertion"), ("push.verify", "verificationToken"),
)  # fmt: skip


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shop() -> AsyncIterator[Shop]:
    async with furnished() as made:
        yield made


async def opens(shop: Shop, token: str) -> bool:
    """Whether this is a bearer of anything at the gate."""
    answer = await shop.call("GET", "/orders/1", token=token)
    return answer.status_code == 200 and "api" in answer.json()


async def is_taken(one: Client, method: str, /, **parameters: str) -> bool:
    """Whether a method does what it is for."""
    return error(await one.ask(method, **parameters))[0] == 0


async def test_j09_an_assertion_to_verify_neither_registers_nor_edits(shop: Shop) -> None:
    one = await somebody(shop, "sms", "totp")
    totp, phone = await one.assertion("gigyaTotp", "verify"), await one.assertion("gigyaPhone", "verify")
    assert not await is_taken(one, "totp.register", gigyaAssertion=totp)
    assert not await is_taken(one, "backupcodes.create", gigyaAssertion=totp)
    new = {"phone": one.one.new_phone, "method": "sms", "lang": "en"}
    assert not await is_taken(one, "phone.sendVerificationCode", gigyaAssertion=phone, **new)
    # Nor does that of one provider speak for another.
    assert not await is_taken(one, "totp.verify", gigyaAssertion=phone, code="000000")


async def test_j09_an_answer_is_taken_once_and_for_its_own_question(shop: Shop) -> None:
    one = await somebody(shop, "sms", "totp")
    assertion, answer = await one.answered("gigyaTotp", "verify")
    other = await one.assertion("gigyaPhone", "verify")
    assert error(await one.finalize(other, answer))[0] != 0
    assert error(await one.finalize(assertion, assertion))[0] != 0
    assert error(await one.finalize(answer, answer))[0] != 0
    assert error(await one.finalize(assertion, answer))[0] == 0
    assert error(await one.finalize(assertion, answer))[0] != 0


async def test_j09_a_device_answers_one_assertion_of_its_own_account_once(shop: Shop) -> None:
    one, other = await somebody(shop, "push"), await somebody(shop, "push")
    device, of_other = shop.telephones[one.one.name], shop.telephones[other.one.name]
    assertion, second = await one.assertion("gigyaPush", "verify"), await one.assertion("gigyaPush", "verify")
    token = (await one.send("gigyaPush", "verify", assertion)).code
    assert error(await of_other.answer(assertion, token))[0] != 0
    assert error(await device.answer(second, token))[0] != 0
    assert error(await device.answer(assertion, token, login_token="", gmid="gmid.of.a.thief"))[0] != 0
    assert error(await device.answer(assertion, token))[0] == 0
    assert error(await device.answer(assertion, token))[0] != 0
    assert "providerAssertion" not in await one.ask("push.isVerified", gigyaAssertion=second)


async def test_j09_nothing_that_was_signed_for_one_place_is_taken_in_another(shop: Shop) -> None:
    """Every statement and ticket of one login, in every place where another one belongs, and at the gate."""
    one, guest = await somebody(shop, "email"), await somebody(shop, "email")
    assertion, answer = await one.answered("gigyaEmail", "verify")
    sent = await guest.send("gigyaEmail", "verify", await guest.assertion("gigyaEmail", "verify"))
    reached = len(shop.api.seen)
    signed = {
        "gigyaAssertion": assertion, "providerAssertion": answer, "regToken": one.ticket,
        "phvToken": sent.beside["phvToken"], "two": f"{assertion}.{answer}",
    }  # fmt: skip
    for name, statement in signed.items():
        assert not await opens(shop, statement), name
        for method, place in PLACES:
            if place != name:
                beside = {"regToken": one.ticket, "code": sent.code, "emailID": "x", place: statement}
                assert not await is_taken(one, method, **beside), (name, method, place)
    assert len(shop.api.seen) == reached
    # All of it is still good where it belongs, and only the token that it leads to opens the gate.
    assert error(await one.finalize(assertion, answer))[0] == 0
    bearer = (await one.enter())["id_token"]
    assert await opens(shop, bearer)
    for method, place in PLACES:
        assert not await is_taken(guest, method, **{place: bearer, "code": sent.code}), (method, place)
