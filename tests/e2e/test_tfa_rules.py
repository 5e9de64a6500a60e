"""Second factors in the Gigya form, the rules around them over HTTP: devices, authority, servers, signed statements."""

import base64
import hmac
import json
import secrets
import time
from asyncio import gather
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
import pytest_asyncio
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.x509 import load_pem_x509_certificate

from mfa_gateway.dialects.gigya.signature import signed_texts
from tests.e2e.second_factors import (
    BAD_JWT,
    GIGYA_ASSERTION,
    GOOD,
    KEY,
    OLD,
    RECENT_LOGIN,
    WRONG_CODE,
    Shop,
    client,
    error,
    furnished,
    somebody,
)

pytestmark = [pytest.mark.processes, pytest.mark.asyncio(loop_scope="module")]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shop() -> AsyncIterator[Shop]:
    async with furnished() as made:
        yield made


# --- Devices ----------------------------------------------------------------------------------


async def test_a_device_is_remembered_and_logs_in_with_the_password_alone(shop: Shop) -> None:
    one = await somebody(shop, "email")
    await one.show("gigyaEmail")
    again = await shop.log_in(one.one)
    assert error(again) == GOOD, again
    # No second factor was shown in this session, and the gate knows.
    assert (await shop.call("GET", "/orders/1", token=again["id_token"])).status_code == 403
    assert error(await shop.log_in(one.one, gmid="another"))[0] == 403101
    assert error(await shop.log_in(one.one, key="3_TWIN"))[0] == 403101


async def test_a_session_shows_a_second_factor_and_the_gate_opens(shop: Shop) -> None:
    one = await somebody(shop, "email")
    await one.show("gigyaEmail")
    again = await shop.log_in(one.one)
    shown = session_of(again)
    assertion = (await one.init("gigyaEmail", "verify", regToken="", **shown))["gigyaAssertion"]
    body = await one.complete(await one.send("gigyaEmail", "verify", assertion), assertion)
    told = {"gigyaAssertion": assertion, "providerAssertion": body["providerAssertion"]}
    assert error(await one.ask("finalizeTFA", **told, regToken=one.ticket)) == BAD_JWT
    assert error(await one.ask("finalizeTFA", **told, **shown)) == GOOD
    for path in ("/orders/1", "/shared/1"):
        assert (await shop.call("GET", path, token=again["id_token"])).status_code == 200


async def test_the_assertions_of_a_login_are_over_with_it(shop: Shop) -> None:
    one = await somebody(shop, "sms", first="gigyaPhone")
    assertion = await one.assertion("gigyaPhone", "edit")
    assert error(await one.ask("phone.getRegisteredPhoneNumbers", gigyaAssertion=assertion)) == GOOD
    assert error(await one.enter()) == GOOD
    assert error(await one.ask("phone.getRegisteredPhoneNumbers", gigyaAssertion=assertion)) == BAD_JWT
    assert error(await one.init("gigyaPhone", "verify")) == (400006, "Invalid parameter value : regToken")


async def test_a_device_that_is_temporary_is_not_remembered(shop: Shop) -> None:
    one = await somebody(shop, "email")
    await one.show("gigyaEmail", tempDevice="1")
    assert error(await one.enter()) == GOOD
    assert error(await shop.log_in(one.one))[0] == 403101


async def test_a_device_that_adds_a_factor_is_as_known_as_before(shop: Shop) -> None:
    one = await somebody(shop, "email")
    await one.show("gigyaEmail", tempDevice="true")
    await one.show("gigyaTotp", "add")
    assert error(await shop.log_in(one.one))[0] == 403101


async def test_a_device_is_forgotten_when_a_factor_changes_or_its_owner_says_so(shop: Shop) -> None:
    one = await somebody(shop, "email")
    await one.show("gigyaEmail")
    session = session_of(await shop.log_in(one.one))
    assert error(await one.ask("unregisterDevice", **session)) == GOOD
    waiting = await shop.log_in(one.one)
    assert error(waiting)[0] == 403101
    assert error(await one.ask("unregisterDevice")) == (403005, "Unauthorized user")


def session_of(entered: dict[str, Any]) -> dict[str, str]:
    """How a client shows its session."""
    return {"login_token": entered["sessionInfo"]["cookieValue"]}


# --- Authority --------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["register", "add", "edit"])
async def test_a_password_alone_changes_no_factor_of_somebody_who_has_one(shop: Shop, mode: str) -> None:
    one = await somebody(shop, "email", "sms")
    assert error(await one.init("gigyaPhone", mode)) == RECENT_LOGIN


async def test_a_mailbox_does_not_change_a_phone(shop: Shop) -> None:
    one = await somebody(shop, "email", "sms")
    await one.show("gigyaEmail")
    assert error(await one.init("gigyaPhone", "edit")) == RECENT_LOGIN
    assert error(await one.init("gigyaTotp", "register")) == RECENT_LOGIN
    assert error(await one.init("gigyaEmail", "edit")) == GOOD


async def test_an_assertion_to_verify_enrols_nothing(shop: Shop) -> None:
    one = await somebody(shop, "sms", "totp")
    assertion = await one.assertion("gigyaPhone", "verify")
    told = {"gigyaAssertion": assertion, "method": "sms", "lang": "en", "phone": one.one.new_phone}
    wrong = (400006, "Invalid parameter value : phone")
    assert error(await one.ask("phone.sendVerificationCode", **told)) == wrong
    totp = await one.assertion("gigyaTotp", "verify")
    assert error(await one.ask("totp.register", gigyaAssertion=totp)) == BAD_JWT
    assert error(await one.ask("backupcodes.create", gigyaAssertion=totp)) == BAD_JWT
    (known,) = (await one.ask("totp.getRegistered", gigyaAssertion=totp))["authenticators"]
    assert error(await one.ask("totp.remove", gigyaAssertion=totp, id=known["id"])) == BAD_JWT


async def test_a_login_that_is_finished_without_a_second_factor_is_not(shop: Shop) -> None:
    one = await somebody(shop, "email")
    await one.assertion("gigyaEmail", "verify")
    assert error(await one.enter()) == (403101, "Pending Two-Factor Authentication")
    none = await somebody(shop)
    assert error(await none.enter()) == (403102, "Pending Two-Factor Registration")


async def test_a_phone_is_exchanged_for_another_one(shop: Shop) -> None:
    one = await somebody(shop, "sms", first="gigyaPhone")
    assertion = await one.assertion("gigyaPhone", "edit")
    (old,) = (await one.ask("phone.getRegisteredPhoneNumbers", gigyaAssertion=assertion))["phones"]
    assert (old["plain"], old["lastMethod"]) == (one.one.phone, "sms")
    answer = (await one.complete(await one.send("gigyaPhone", "edit", assertion), assertion))["providerAssertion"]
    assert error(await one.ask("phone.removePhone", gigyaAssertion=assertion, phoneId=old["id"])) == GOOD
    assert error(await one.ask("phone.removePhone", gigyaAssertion=assertion, phoneId=old["id"]))[0] == 400006
    assert error(await one.finalize(assertion, answer)) == GOOD
    later = replace(await client(shop, one.one, gmid="another"), device="another")
    verifying = await later.assertion("gigyaPhone", "verify")
    (only,) = (await later.ask("phone.getRegisteredPhoneNumbers", gigyaAssertion=verifying))["phones"]
    assert only["obfuscated"] == f"+{'#' * 9}{one.one.new_phone[-3:]}"
    assert "plain" not in only


async def test_codes_on_paper_stand_in_for_an_authenticator_once_each(shop: Shop) -> None:
    one = await somebody(shop, "totp", first="gigyaTotp")
    editing = await one.assertion("gigyaTotp", "edit")
    printed = (await one.ask("backupcodes.create", gigyaAssertion=editing))["backupCodes"]
    assert len(set(printed)) == 9
    waiting = await client(shop, one.one, gmid="elsewhere")
    paper = replace(waiting, device="elsewhere")
    assertion = await paper.assertion("gigyaTotp", "verify")
    shown = {"gigyaAssertion": assertion, "code": printed[0]}
    body = await paper.ask("backupcodes.verify", **shown)
    assert body["gigyaAssertion"] == body["providerAssertion"]
    assert error(await paper.ask("backupcodes.verify", **shown)) == WRONG_CODE
    assert error(await paper.finalize(assertion, body["providerAssertion"])) == GOOD
    assert error(await paper.enter()) == GOOD
    left = (await one.ask("backupcodes.get", gigyaAssertion=editing))["backupCodes"]
    assert left == ["*" * 10] * 8


async def test_a_factor_is_taken_away_by_whoever_has_just_shown_it(shop: Shop) -> None:
    one = await somebody(shop, "sms", first="gigyaPhone")
    session = session_of(await one.enter())
    assert error(await one.ask("deactivateProvider", provider="gigyaTotp", **session)) == (400100, "No providers")
    assert error(await one.ask("deactivateProvider", provider="gigyaPhone", **session)) == GOOD
    assert error(await one.ask("getProviders", **session)) == GOOD
    stale = await somebody(shop, "sms")
    await stale.show("gigyaPhone")
    bare = session_of(await shop.log_in(stale.one))
    assert error(await stale.ask("deactivateProvider", provider="gigyaPhone", **bare)) == RECENT_LOGIN
    cookie = {"cookie": f"glt_{KEY}={session['login_token']}"}
    told = await shop.call(
        "GET", f"/gigya/accounts.tfa.deactivateProvider?apiKey={KEY}&provider=gigyaTotp", headers=cookie
    )
    assert error(told.json())[0] == 403007


# --- At once ----------------------------------------------------------------------------------


async def test_of_many_who_show_one_code_one_is_answered(shop: Shop) -> None:
    one = await somebody(shop, "email")
    assertion = await one.assertion("gigyaEmail", "verify")
    shown = await one.send("gigyaEmail", "verify", assertion)
    answers = [error(body) for body in await gather(*(one.complete(shown, assertion) for _ in range(8)))]
    assert sorted(answers) == [GOOD] + [WRONG_CODE] * 7


async def test_of_many_who_bring_one_assertion_back_one_has_finished(shop: Shop) -> None:
    one = await somebody(shop, "email")
    assertion, answer = await one.answered("gigyaEmail", "verify")
    answers = [error(body) for body in await gather(*(one.finalize(assertion, answer) for _ in range(8)))]
    assert sorted(answers) == [GOOD] + [BAD_JWT] * 7


async def test_a_new_factor_is_told_to_its_owner_and_ends_every_other_login(shop: Shop) -> None:
    one = await somebody(shop, "email")
    other = await client(shop, one.one, gmid="elsewhere")
    await one.show("gigyaEmail")
    await one.show("gigyaTotp", "add")
    assert error(await one.enter()) == GOOD
    expired = (400006, "Invalid parameter value : regToken")
    assert error(await other.ask("getProviders", regToken=other.ticket, gmid="elsewhere")) == expired
    to, _, text = shop.mailbox.messages[-1]
    assert to == one.one.mail
    assert "authenticator" in text.lower()
    assert '"happening":"added"' in shop.log


# --- Servers ----------------------------------------------------------------------------------


async def test_a_server_resets_and_imports(shop: Shop) -> None:
    one = await somebody(shop, "sms", "totp")
    uid = one.one.name
    for method in ("resetTFA", "importTFA"):
        told = {"UID": uid, "provider": "gigyaPhone", "phones": '[{"phone": "+491701234567"}]'}
        assert error(await one.ask(method, **told)) == (403007, "Permission denied")
    assert error(await server(shop, "resetTFA", UID=uid, provider="gigyaEmail")) == (400100, "No providers")
    assert error(await server(shop, "resetTFA", UID="nobody")) == (403005, "Unauthorized user")
    assert error(await server(shop, "resetTFA", UID=uid)) == GOOD
    assert error(await server(shop, "resetTFA", UID=uid)) == (400100, "No providers")
    assert error(await one.enter())[0] == 400006
    phones = json.dumps([{"phone": one.one.phone.lstrip("+"), "method": "sms"}])
    assert error(await server(shop, "phone.importTFA", UID=uid, provider="gigyaPhone", phones=phones)) == GOOD
    assert (
        error(await server(shop, "importTFA", UID=uid, provider="gigyaPhone", phones='[{"phone": "1"}]'))[0] == 400006
    )
    later = await client(shop, one.one)
    await later.show("gigyaPhone")
    assert error(await later.enter()) == GOOD


async def test_a_server_shows_a_second_factor_for_somebody(shop: Shop) -> None:
    one = await somebody(shop, "email")
    uid = one.one.name
    told = await server(shop, "getProviders", UID=uid)
    assert [provider["name"] for provider in told["activeProviders"]] == ["gigyaEmail"]
    assert error(await server(shop, "initTFA", UID=uid, provider="gigyaPhone", mode="register")) == RECENT_LOGIN
    assertion = (await server(shop, "initTFA", UID=uid, provider="gigyaEmail", mode="verify"))["gigyaAssertion"]
    shown = await one.send("gigyaEmail", "verify", assertion)
    answer = (await one.complete(shown, assertion))["providerAssertion"]
    told = {"UID": uid, "gigyaAssertion": assertion, "providerAssertion": answer}
    assert error(await one.finalize(assertion, answer)) == BAD_JWT
    assert error(await server(shop, "finalizeTFA", **told, gmid=one.one.device)) == GOOD
    assert error(await server(shop, "initTFA", UID=uid, provider="gigyaEmail", mode="edit")) == GOOD


async def server(shop: Shop, method: str, **parameters: str) -> dict[str, Any]:
    """One call, signed by a server of the site."""
    name = f"accounts.tfa.{method}"
    sent = {"apiKey": KEY, "userKey": "AKey", "timestamp": str(int(time.time())), "nonce": secrets.token_hex(8)}
    sent |= parameters
    (text,) = signed_texts("POST", (f"https://accounts.shop.test/{name}",), sent.items())
    signature = base64.b64encode(hmac.digest(shop.site_secret, text, "sha1")).decode()
    del sent["apiKey"]
    return await shop.ask(name, **sent, sig=signature)


# --- Assertions -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "claims",
    [
        {"action": "registerOrVerify"},
        {"aud": ["gigyaTotp"]},
        {"aud": "gigyaEmail"},
        {"sub": "somebody else"},
        {"iss": "m"},
        {"jti": "another"},
        {"ctx": "garbage"},
        {"more": 1},
    ],
    ids=str,
)
async def test_no_claim_in_clear_says_other_than_what_is_sealed(shop: Shop, claims: dict[str, object]) -> None:
    one = await somebody(shop, "email")
    assertion = await one.assertion("gigyaEmail", "verify")
    altered = await shop.altered(assertion, GIGYA_ASSERTION, **claims)
    assert error(await one.ask("email.getEmails", gigyaAssertion=altered)) == BAD_JWT
    assert error(await one.ask("email.getEmails", gigyaAssertion=assertion)) == GOOD


async def test_an_assertion_is_no_bearer_and_a_bearer_no_assertion(shop: Shop) -> None:
    one = await somebody(shop, "email")
    assertion, answer = await one.answered("gigyaEmail", "verify")
    for token in (assertion, answer):
        refused = await shop.call("GET", "/orders/1", token=token)
        assert (refused.status_code, refused.json()["errorCode"]) == (403, 403001)
    for wrong in ({"gigyaAssertion": answer}, {"gmid": "another"}, {"key": "3_TWIN"}):
        assert error(await one.ask("email.getEmails", **{"gigyaAssertion": assertion, **wrong})) == BAD_JWT
    assert error(await one.finalize(assertion, answer)) == GOOD
    bearer = (await one.enter())["id_token"]
    assert error(await one.ask("email.getEmails", gigyaAssertion=bearer)) == BAD_JWT


async def test_the_old_form_is_signed_with_what_get_certificate_shows(shop: Shop) -> None:
    one = await client(shop, OLD, key="3_OLD")
    assertion, answer = await one.answered("gigyaEmail", "register")
    for token, name in ((assertion, "getCertificate"), (answer, "phone.getCertificate")):
        told = load_pem_x509_certificate((await one.ask(name))["certificate"].encode())
        signed, _, signature = token.rpartition(".")
        head = json.loads(base64.urlsafe_b64decode(signed.partition(".")[0] + "=="))
        assert list(head.items()) == [
            ("typ", "JWT"),
            ("alg", "http://www.w3.org/2000/09/xmldsig#rsa-sha1"),
            ("x5u", f"https://accounts.shop.test/accounts.tfa.{name}"),
        ]
        key = told.public_key()
        assert isinstance(key, RSAPublicKey)
        key.verify(base64.urlsafe_b64decode(signature + "=="), signed.encode(), PKCS1v15(), SHA1())
        assert (await shop.call("GET", "/orders/1", token=token)).status_code == 403
    # Neither serves as the other: the address tells them apart.
    assert error(await one.finalize(answer, assertion)) == BAD_JWT
    assert error(await one.finalize(assertion, answer)) == GOOD
    assert error(await one.enter()) == GOOD
