"""Accounts and sessions of the Gigya form over HTTP: logins with a password, tokens at the gate, and log-outs."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from tests.e2e.gigya import PASSWORD, Shop

# One gateway for all of them: none leaves anything that another would meet.
pytestmark = [pytest.mark.processes, pytest.mark.asyncio(loop_scope="module")]

DEVICE = "gmid.ver4.0123456789abcdef"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shop(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Shop]:
    async with Shop(tmp_path_factory.mktemp("shop")) as made:
        await made.open()
        yield made


async def second_factor(shop: Shop, ticket: str, *, temporary: str = "true", **more: str) -> None:
    """Show the mailbox in the login of a ticket."""
    said = {"regToken": ticket, "provider": "gigyaEmail", "mode": "verify", **more}
    assertion = (await shop.ask("accounts.tfa.initTFA", **said))["gigyaAssertion"]
    held = {"gigyaAssertion": assertion, **more}
    (email,) = (await shop.ask("accounts.tfa.email.getEmails", **held))["emails"]
    sent = await shop.ask("accounts.tfa.email.sendVerificationCode", emailID=email["id"], lang="en", **held)
    shown = await shop.ask(
        "accounts.tfa.email.completeVerification", phvToken=sent["phvToken"], code=await shop.mailbox.code(), **held
    )
    finalized = {"regToken": ticket, "providerAssertion": shown["providerAssertion"], "tempDevice": temporary, **held}
    assert (await shop.ask("accounts.tfa.finalizeTFA", **finalized))["errorCode"] == 0


async def test_a_login_with_fields_missing_is_finished_and_ends_with_a_log_out(shop: Shop) -> None:
    waiting = await shop.log_in("bob", key="3_PLAIN")
    assert (waiting["errorCode"], waiting["UID"]) == (206001, "bob"), shop.log
    ticket = waiting["regToken"]
    again = await shop.ask("accounts.finalizeRegistration", key="3_PLAIN", regToken=ticket)
    assert (again["errorCode"], again["regToken"]) == (206001, ticket)
    written = await shop.ask("accounts.setAccountInfo", key="3_PLAIN", regToken=ticket, profile='{"firstName": "Bob"}')
    assert written["errorCode"] == 0, written
    done = await shop.ask("accounts.finalizeRegistration", key="3_PLAIN", regToken=ticket, include="profile,id_token,")
    assert (done["errorCode"], done["profile"]) == (0, {"firstName": "Bob"}), done
    session = {"login_token": done["sessionInfo"]["cookieValue"], "key": "3_PLAIN"}
    assert (await shop.ask("accounts.getAccountInfo", **session))["UID"] == "bob"
    assert (await shop.ask("accounts.session.verify", **session))["errorCode"] == 0
    assert (await shop.ask("accounts.logout", **session))["errorCode"] == 0
    for method in ("accounts.getAccountInfo", "accounts.getJWT", "accounts.session.verify"):
        assert (await shop.ask(method, **session))["errorCode"] == 403005
    spent = await shop.ask("accounts.finalizeRegistration", key="3_PLAIN", regToken=ticket)
    assert (spent["errorCode"], spent["errorDetails"]) == (400006, "Invalid parameter value : regToken")


async def test_a_password_and_a_second_factor_open_the_gate_until_the_log_out(shop: Shop) -> None:
    waiting = await shop.log_in()
    assert (waiting["errorCode"], waiting["UID"], waiting["sessionInfo"]) == (403101, "ada", {"expires_in": "3600"})
    ticket = waiting["regToken"]
    early = await shop.ask("accounts.finalizeRegistration", regToken=ticket)
    assert (early["errorCode"], early["regToken"]) == (403101, ticket)
    await second_factor(shop, ticket)
    done = await shop.ask("accounts.finalizeRegistration", regToken=ticket)
    assert done["errorCode"] == 0, done
    session = {"login_token": done["sessionInfo"]["cookieValue"]}
    token = (await shop.ask("accounts.getJWT", **session))["id_token"]
    passed = await shop.call("GET", "/orders/1", token=token)
    assert passed.json() == {"api": "was here"}, shop.log
    assert (await shop.ask("accounts.logout", **session))["errorCode"] == 0
    assert (await shop.call("GET", "/orders/1", token=token)).status_code == 403


async def test_what_was_proved_before_a_log_out_does_not_count_after_it(shop: Shop) -> None:
    async def token(body: dict[str, Any]) -> str:
        jwt: str = (await shop.ask("accounts.getJWT", login_token=body["sessionInfo"]["cookieValue"]))["id_token"]
        return jwt

    ticket = (await shop.log_in(gmid=DEVICE))["regToken"]
    await second_factor(shop, ticket, temporary="false", gmid=DEVICE)
    first = await shop.ask("accounts.finalizeRegistration", regToken=ticket, gmid=DEVICE)
    for path in ("/orders/1", "/shared/1"):
        assert (await shop.call("GET", path, token=await token(first))).status_code == 200, path
    again = await shop.log_in(gmid=DEVICE)
    assert again["errorCode"] == 0
    # Another session: what counts for the account as a whole counts there, and nothing else.
    assert (await shop.call("GET", "/orders/1", token=await token(again))).status_code == 403
    assert (await shop.call("GET", "/shared/1", token=await token(again))).status_code == 200
    assert (await shop.ask("accounts.logout", login_token=first["sessionInfo"]["cookieValue"]))["errorCode"] == 0
    assert (await shop.call("GET", "/shared/1", token=await token(again))).status_code == 403


async def test_a_device_is_told_that_it_has_to_say_who_it_is(shop: Shop) -> None:
    ticket = (await shop.log_in(gmid="gmid.ver4.another0123456789"))["regToken"]
    silent = await shop.ask("accounts.finalizeRegistration", regToken=ticket)
    assert (silent["errorCode"], silent["errorDetails"]) == (400002, "Missing required parameter : gmid")
    other = await shop.ask("accounts.finalizeRegistration", regToken=ticket, gmid=DEVICE)
    assert (other["errorCode"], other["errorDetails"]) == (400006, "Invalid parameter value : regToken")


async def test_a_password_alone_gives_an_account_no_address(shop: Shop) -> None:
    ticket = (await shop.log_in())["regToken"]
    sent = await shop.ask("accounts.auth.otp.email.sendCode", email="eve@shop.test")
    shown = {"vToken": sent["vToken"], "code": await shop.mailbox.code(), "regToken": ticket}
    assert (await shop.ask("accounts.otp.update", **shown))["errorCode"] == 403101
    assert (await shop.ask("accounts.getAccountInfo", regToken=ticket))["errorCode"] == 403101
    assert (await shop.ask("accounts.setAccountInfo", regToken=ticket, profile='{"a": 1}'))["errorCode"] == 403101


async def test_unknown_names_wrong_passwords_and_locks_read_alike(shop: Shop) -> None:
    async def said(name: str, password: str) -> dict[str, Any]:
        parameters = {"key": "3_PLAIN", "loginID": name, "password": password}
        body = await shop.ask("accounts.login", **parameters)
        return {key: value for key, value in body.items() if key not in ("callId", "time")}

    answers = {name: [await said(name, "wrong") for _ in range(6)] for name in ("carol", "nobody")}
    assert answers["carol"] == answers["nobody"]
    assert [one["errorCode"] for one in answers["carol"]] == [403042] * 5 + [403120]
    assert (await said("carol", PASSWORD)) == answers["nobody"][-1]
