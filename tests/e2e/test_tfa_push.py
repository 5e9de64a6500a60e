"""Devices that answer by themselves, in the Gigya form over HTTP: opting in, good and bad, and what a login can expect.

A device opts in with a session. How it then answers a login stands in the table of all providers (test_tfa).
"""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
import pytest_asyncio

from tests.e2e.push_devices import Telephone, telephone
from tests.e2e.second_factors import (
    BAD_JWT,
    GIGYA_ASSERTION,
    GOOD,
    NO_MORE_TRIES,
    PASSWORD,
    PROVIDER_ASSERTION,
    RECENT_LOGIN,
    WRONG,
    WRONG_CODE,
    Client,
    Shop,
    client,
    error,
    furnished,
    somebody,
)

pytestmark = [pytest.mark.processes, pytest.mark.asyncio(loop_scope="module")]

UNAUTHORIZED = (403005, "Unauthorized user")
NO_PROVIDERS = (400100, "No providers")
MODES = pytest.mark.parametrize("mode", ["register", "add", "edit"])


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shop() -> AsyncIterator[Shop]:
    async with furnished() as made:
        yield made


async def owner_of(shop: Shop, mode: str) -> Telephone:
    """A telephone with a session that may opt in: of somebody without such a one, or their second with `edit`."""
    if mode != "edit":
        waiting = await somebody(shop, "email")
        return await telephone(shop, await on(shop, waiting, "telephone"))
    waiting = await somebody(shop, "push")
    tablet = await on(shop, waiting, "tablet")
    await tablet.show("gigyaPush")
    session = (await tablet.enter())["sessionInfo"]["cookieValue"]
    return Telephone(shop, waiting.one, session, "tablet")


async def on(shop: Shop, waiting: Client, model: str) -> Client:
    """The same person at a login on a device of theirs."""
    device = f"gmid.{model}.{waiting.one.name}"
    return replace(await client(shop, waiting.one, gmid=device), device=device)


async def providers(one: Telephone) -> dict[str, set[str]]:
    told = await one.ask("getProviders")
    return {
        kind: {provider["name"] for provider in told[kind]}
        for kind in ("activeProviders", "inactiveProviders", "pendingOptin")
    }


# --- Opting in --------------------------------------------------------------------------------


@MODES
async def test_right(shop: Shop, mode: str) -> None:
    one = await owner_of(shop, mode)
    known = await providers(one)
    assert ("gigyaPush" in known["pendingOptin"]) is (mode != "edit")
    assert "gigyaPush" not in known["inactiveProviders"]
    assertion = await one.init(mode)
    assert error(await one.opt_in(assertion)) == GOOD
    token = await one.hears(assertion)
    assert one.told["mode"] == "optin"
    said = await one.answer(assertion, token)
    assert error(said) == GOOD, shop.log
    end = {"gigyaAssertion": assertion, "providerAssertion": said["providerAssertion"]}
    assert error(await one.ask("finalizeTFA", **end)) == GOOD
    known = await providers(one)
    assert "gigyaPush" in known["activeProviders"]
    assert known["pendingOptin"] == set()
    assert shop.mailbox.messages[-1][0] == one.one.mail
    assert "a device that confirms logins" in shop.mailbox.messages[-1][2]


@MODES
async def test_wrong_too_often(shop: Shop, mode: str) -> None:
    one = await owner_of(shop, mode)
    assertion = await one.init(mode)
    await one.opt_in(assertion)
    token = await one.hears(assertion)
    answers = [error(await one.answer(assertion, WRONG)) for _ in range(9)]
    assert answers[:3] == [WRONG_CODE] * 3
    assert answers[-1] == NO_MORE_TRIES
    assert error(await one.answer(assertion, token)) == NO_MORE_TRIES


@MODES
async def test_expired(shop: Shop, mode: str) -> None:
    one = await owner_of(shop, mode)
    assertion = await one.init(mode)
    aged = await shop.aged(assertion, GIGYA_ASSERTION)
    assert error(await one.opt_in(aged)) == BAD_JWT
    await one.opt_in(assertion)
    token = await one.hears(assertion)
    assert error(await one.answer(aged, token)) == BAD_JWT
    answer = (await one.answer(assertion, token))["providerAssertion"]
    old = await shop.aged(answer, PROVIDER_ASSERTION)
    assert error(await one.ask("finalizeTFA", gigyaAssertion=assertion, providerAssertion=old)) == BAD_JWT
    assert error(await one.ask("finalizeTFA", gigyaAssertion=assertion, providerAssertion=answer)) == GOOD


@MODES
async def test_replayed(shop: Shop, mode: str) -> None:
    one = await owner_of(shop, mode)
    assertion = await one.init(mode)
    await one.opt_in(assertion)
    token = await one.hears(assertion)
    answer = (await one.answer(assertion, token))["providerAssertion"]
    # Nothing waits for a first answer any more.
    assert error(await one.answer(assertion, token)) == (400006, "Invalid parameter value : verificationToken")
    end = {"gigyaAssertion": assertion, "providerAssertion": answer}
    assert [error(await one.ask("finalizeTFA", **end)) for _ in range(2)] == [GOOD, BAD_JWT]
    # The device is there already; it is asked, but not taken in twice.
    assert error(await one.opt_in(await one.init("edit"))) == (400006, "Invalid parameter value : deviceInfo")


@MODES
async def test_somebody_elses(shop: Shop, mode: str) -> None:
    one, other = await owner_of(shop, mode), await owner_of(shop, mode)
    mine, theirs = await one.init(mode), await other.init(mode)
    assert error(await one.opt_in(theirs)) == BAD_JWT
    # On their device, with their assertion, and somebody else's session.
    assert error(await one.opt_in(theirs, gmid=other.device)) == UNAUTHORIZED
    await one.opt_in(mine)
    await other.opt_in(theirs)
    token, their_token = await one.hears(mine), await other.hears(theirs)
    assert error(await one.answer(theirs, their_token)) == BAD_JWT
    assert error(await one.answer(mine, their_token)) == WRONG_CODE
    assert error(await one.answer(mine, token)) == GOOD
    assert error(await other.answer(theirs, their_token)) == GOOD


@MODES
async def test_another_providers(shop: Shop, mode: str) -> None:
    one = await owner_of(shop, mode)
    of_mail = await one.ask("initTFA", provider="gigyaEmail", mode="verify")
    assert error(await one.opt_in(of_mail["gigyaAssertion"])) == BAD_JWT
    assertion = await one.init(mode)
    assert error(await one.ask("email.getEmails", gigyaAssertion=assertion)) == BAD_JWT
    assert error(await one.ask("totp.register", gigyaAssertion=assertion)) == BAD_JWT


async def test_a_login_without_a_session_opts_nothing_in(shop: Shop) -> None:
    one = await somebody(shop)
    assertion = await one.assertion("gigyaPush", "register")
    beside = '{"platform": "ios", "pushToken": "a-device-of-mine"}'
    assert error(await one.ask("push.optin", gigyaAssertion=assertion, deviceInfo=beside)) == UNAUTHORIZED
    told = await one.ask("getProviders", regToken=one.ticket)
    assert [provider["name"] for provider in told["pendingOptin"]] == ["gigyaPush"]
    assert error(await one.ask("push.sendVerification", gigyaAssertion=assertion)) == NO_PROVIDERS


# --- Answering --------------------------------------------------------------------------------


async def test_a_page_that_waits_hears_nothing_before_the_answer_and_the_same_after_it(shop: Shop) -> None:
    one = await somebody(shop, "push")
    phone = shop.telephones[one.one.name]
    assertion = await one.assertion("gigyaPush", "verify")
    assert "providerAssertion" not in await one.ask("push.isVerified", gigyaAssertion=assertion)
    shown = await one.send("gigyaPush", "verify", assertion)
    assert "providerAssertion" not in await one.ask("push.isVerified", gigyaAssertion=assertion)
    held = (await phone.answer(assertion, shown.code))["providerAssertion"]
    # What the device holds is no answer of the page's: it ends no login.
    assert error(await one.finalize(assertion, held)) == BAD_JWT
    told = [await one.ask("push.isVerified", gigyaAssertion=assertion) for _ in range(2)]
    assert error(await one.finalize(assertion, told[-1]["providerAssertion"])) == GOOD


async def test_a_message_says_whom_it_is_for_and_the_page_never_sees_its_token(shop: Shop) -> None:
    one = await somebody(shop, "push")
    phone = shop.telephones[one.one.name]
    assertion = await one.assertion("gigyaPush", "verify")
    sent = await one.ask("push.sendVerification", gigyaAssertion=assertion)
    assert sent.keys() == {"callId", "errorCode", "apiVersion", "statusCode", "statusReason", "time"}
    token = await phone.hears(assertion)
    last = phone.heard()[-1]
    assert (last["channel"], last["platform"], last["purpose"], last["expires_in"]) == ("push", "android", "gate", 120)
    assert last["push"].keys() == {"mode", "title", "body", "gigyaAssertion", "verificationToken"}
    assert last["push"]["mode"] == "verify"
    assert token not in f"{last['push']['title']} {last['push']['body']}"


async def test_whoever_has_the_token_alone_answers_nothing(shop: Shop) -> None:
    one = await somebody(shop, "push")
    assertion = await one.assertion("gigyaPush", "verify")
    shown = await one.send("gigyaPush", "verify", assertion)
    told = {"gigyaAssertion": assertion, "verificationToken": shown.code}
    assert error(await one.ask("push.verify", **told, gmid="gmid.of.a.stranger")) == UNAUTHORIZED
    assert error(await one.ask("push.verify", **told, gmid="")) == UNAUTHORIZED
    assert error(await one.complete(shown, assertion)) == GOOD


async def test_a_second_message_makes_the_first_one_worthless(shop: Shop) -> None:
    one = await somebody(shop, "push")
    phone = shop.telephones[one.one.name]
    first = await one.assertion("gigyaPush", "verify")
    of_first = (await one.send("gigyaPush", "verify", first)).code
    second = await one.assertion("gigyaPush", "verify")
    of_second = (await one.send("gigyaPush", "verify", second)).code
    assert error(await phone.answer(first, of_first)) == WRONG_CODE
    assert error(await phone.answer(first, of_second)) == WRONG_CODE
    assert error(await phone.answer(second, of_second)) == GOOD
    assert "providerAssertion" not in await one.ask("push.isVerified", gigyaAssertion=first)


async def test_of_many_answers_at_a_time_one_is_taken(shop: Shop) -> None:
    one = await somebody(shop, "push")
    phone = shop.telephones[one.one.name]
    assertion = await one.assertion("gigyaPush", "verify")
    token = (await one.send("gigyaPush", "verify", assertion)).code
    answers = await asyncio.gather(*(phone.answer(assertion, token) for _ in range(20)))
    assert sorted(map(error, answers)) == [GOOD] + [WRONG_CODE] * 19


async def test_either_device_answers_for_both(shop: Shop) -> None:
    tablet = await owner_of(shop, "edit")
    await tablet.join()
    page = await client(shop, tablet.one)
    assertion = await page.assertion("gigyaPush", "verify")
    assert error(await page.ask("push.sendVerification", gigyaAssertion=assertion)) == GOOD
    phone = shop.telephones[tablet.one.name]
    token = await tablet.hears(assertion)
    assert token == await phone.hears(assertion)
    assert error(await tablet.answer(assertion, token)) == GOOD
    # To opt the tablet in was a change of the account, which ended the telephone's session.
    assert error(await phone.answer(assertion, token)) == UNAUTHORIZED
    assert "providerAssertion" in await page.ask("push.isVerified", gigyaAssertion=assertion)


async def test_a_telephone_without_a_session_answers_a_login_of_its_own(shop: Shop) -> None:
    one = await somebody(shop, "push")
    phone = shop.telephones[one.one.name]
    assert error(await phone.ask("unregisterDevice", allDevices="true")) == GOOD
    assert error(await phone.ask("accounts.logout")) == GOOD
    again = await on(shop, one, "telephone")
    assertion = await again.assertion("gigyaPush", "verify")
    token = (await again.send("gigyaPush", "verify", assertion)).code
    answer = await again.ask("push.verify", gigyaAssertion=assertion, verificationToken=token)
    assert error(answer) == GOOD, shop.log
    assert error(await again.finalize(assertion, answer["providerAssertion"])) == GOOD
    assert error(await again.enter()) == GOOD


async def test_a_device_that_was_taken_away_answers_nothing_any_more(shop: Shop) -> None:
    one = await somebody(shop, "push")
    phone = shop.telephones[one.one.name]
    page = await client(shop, one.one)
    assertion = await page.assertion("gigyaPush", "verify")
    token = (await page.send("gigyaPush", "verify", assertion)).code
    assert error(await phone.ask("deactivateProvider", provider="gigyaPush")) == GOOD
    assert error(await phone.answer(assertion, token)) == BAD_JWT
    known = await providers(phone)
    assert "gigyaPush" in known["pendingOptin"]
    assert error(await shop.log_in(one.one)) == (403101, "Pending Two-Factor Authentication")


async def test_an_operator_takes_a_lost_device_away(shop: Shop) -> None:
    one = await somebody(shop, "push")
    phone = shop.telephones[one.one.name]
    assertion = await one.assertion("gigyaPush", "verify")
    token = (await one.send("gigyaPush", "verify", assertion)).code
    await shop.run("accounts", "factors", "remove", "push", "--realm", "people", "--subject", one.one.name)
    assert error(await phone.answer(assertion, token)) == UNAUTHORIZED
    assert error(await one.ask("push.isVerified", gigyaAssertion=assertion)) == BAD_JWT


async def test_a_password_alone_takes_no_device_away(shop: Shop) -> None:
    one = await somebody(shop, "push")
    await one.show("gigyaEmail")
    session = (await one.enter())["sessionInfo"]["cookieValue"]
    page = Telephone(shop, one.one, session, "page")
    told = {"provider": "gigyaPush", "gmid": one.one.device}
    assert error(await page.ask("deactivateProvider", **told)) == RECENT_LOGIN
    assert error(await page.ask("initTFA", **told, mode="edit")) == RECENT_LOGIN


async def test_nothing_that_answers_is_written_down(shop: Shop) -> None:
    one = await somebody(shop, "push")
    await one.show("gigyaPush")
    phone = shop.telephones[one.one.name]
    assert len(phone.heard()) == 2
    told = [message["push"] for message in phone.heard()]
    secrets = [said[name] for said in told for name in ("verificationToken", "gigyaAssertion")]
    assert not any(secret in shop.log for secret in (*secrets, phone.address, PASSWORD))
