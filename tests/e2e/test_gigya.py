"""The Gigya form over HTTP: people log in by a code to their mailbox or phone, and what they get opens the gate."""

import asyncio
import base64
import hmac
import json
import secrets
import time
from collections.abc import AsyncIterator
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import pytest

from mfa_gateway.dialects.gigya.signature import signed_texts
from tests.e2e.installation import Installation
from tests.e2e.waiting import until
from tests.senders.webhooks import Service

pytestmark = pytest.mark.processes

SECRET = secrets.token_bytes(24)
NUMBER = "+491701234567"
PEOPLE = "ada@shop.test"

RULES = """
access_control:
  default_policy: open
  rules:
    - {name: orders, paths: ["/orders/**"], policy: mfa, require: if_enrolled, realms: [people], dialect: gigya}
    - {name: vault, paths: ["/vault/**"], policy: mfa, realms: [people], dialect: gigya}
"""
GIGYA = """
dialects:
  gigya:
    enabled: true
    prefix: /gigya
    jsonp: true
    sites:
      - {{api_key: 3_KEY, realm: people, return_code: true, user_keys: [{{key: AKey, secret_file: ./site-secret}}]}}
      - {{api_key: 3_CLOSED, realm: others, otp_registration: false}}
      - {{api_key: 3_STRICT, realm: strict, required_fields: [profile.firstName]}}
      - {{api_key: 3_SHORT, realm: short, code_length: 4}}
factors: {{sms: {{enabled: true, countries: [DE]}}}}
regulation: {{max_retries: 3}}
"""


@pytest.fixture
async def service() -> AsyncIterator[Service]:
    running = Service()
    await running.start()
    yield running
    await running.stop()


@pytest.fixture
async def site(tmp_path: Path, service: Service) -> AsyncIterator[Installation]:
    async with Installation(tmp_path, rules=RULES, more=GIGYA.format()) as made:
        (tmp_path / "site-secret").write_bytes(base64.b64encode(SECRET))
        (tmp_path / "webhook-secret").write_text(secrets.token_hex(32))
        webhook = f"  sms: {{webhook: {{url: '{service.url}', secret_file: ./webhook-secret, timeout: 2s}}}}\n"
        written = made.config.read_text()
        made.config.write_text(written.replace("senders:\n", f"senders:\n{webhook}", 1))
        await made.start()
        yield made


async def ask(site: Installation, method: str, *, key: str = "3_KEY", **parameters: str) -> dict[str, Any]:
    answer = await site.call("POST", f"/gigya/{method}", data={"apiKey": key, **parameters})
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


async def vtoken(site: Installation, email: str = PEOPLE, *, key: str = "3_KEY") -> str:
    answer = await ask(site, "accounts.auth.otp.email.sendCode", key=key, email=email)
    assert answer["errorCode"] == 0, answer
    token: str = answer["vToken"]
    return token


async def log_in(site: Installation, *, key: str = "3_KEY", **more: str) -> dict[str, Any]:
    token = await vtoken(site, key=key)
    return await ask(
        site, "accounts.auth.otp.email.login", key=key, vToken=token, code=await site.mailbox.code(), **more
    )


def signed(url: str, **parameters: str) -> dict[str, str]:
    sent = {"apiKey": "3_KEY", "userKey": "AKey", "timestamp": str(int(time.time())), **parameters}
    sent.setdefault("nonce", secrets.token_hex(8))
    (text,) = signed_texts("POST", (url,), sent.items())
    return {**sent, "sig": base64.b64encode(hmac.digest(SECRET, text, "sha1")).decode()}


async def test_somebody_new_logs_in_and_the_token_opens_the_gate(site: Installation) -> None:
    body = await log_in(site, include="profile,id_token")
    assert (body["errorCode"], body["isNewUser"], body["profile"]) == (0, True, {"email": PEOPLE})
    assert body["sessionInfo"]["cookieName"] == "glt_3_KEY"
    closed = await site.call("GET", "/orders/1")
    assert (closed.status_code, closed.json()["errorCode"]) == (403, 403005)
    opened = await site.call("GET", "/orders/1", token=body["id_token"])
    assert opened.json() == {"api": "was here"}, site.log


async def test_a_login_is_no_second_factor(site: Installation) -> None:
    body = await log_in(site, include="id_token")
    refused = await site.call("GET", "/vault/1", token=body["id_token"])
    assert (refused.status_code, refused.json()["errorCode"]) == (403, 403102)


async def test_the_same_address_is_the_same_person_and_no_longer_new(site: Installation) -> None:
    first, second = await log_in(site), await log_in(site)
    assert (first["UID"], second["isNewUser"]) == (second["UID"], False)
    elsewhere = await log_in(site, key="3_STRICT")
    assert elsewhere["UID"] != first["UID"]


async def test_a_phone_logs_in_and_a_code_is_good_once(site: Installation, service: Service) -> None:
    sent = await ask(site, "accounts.otp.sendCode", phoneNumber=NUMBER, lang="en")
    code = (await arrived(service))["code"]
    shown = {"vToken": sent["vToken"], "code": code, "targetEnv": "mobile", "sessionExpiration": "-2"}
    answers = await asyncio.gather(*(ask(site, "accounts.otp.login", **shown) for _ in range(8)))
    (good,) = (body for body in answers if body["errorCode"] == 0)
    assert good["isNewUser"] is True
    assert good["sessionInfo"]["expires_in"] == "0"
    assert {(body["errorCode"], body["errorDetails"]) for body in answers if body is not good} == {
        (400006, "Wrong verification code")
    }


async def arrived(service: Service) -> dict[str, Any]:
    await until(lambda: bool(service.posts))
    return service.posts.pop().document


async def test_short_codes_have_their_own_length_and_are_soon_void(site: Installation, service: Service) -> None:
    sent = await ask(site, "accounts.otp.sendCode", key="3_SHORT", phoneNumber=NUMBER, lang="en")
    code = (await arrived(service))["code"]
    assert len(code) == 4
    wrong = f"{(int(code) + 1) % 10_000:04}"
    for _ in range(3):
        body = await ask(site, "accounts.otp.login", key="3_SHORT", vToken=sent["vToken"], code=wrong)
        assert body["errorCode"] == 400006
    body = await ask(site, "accounts.otp.login", key="3_SHORT", vToken=sent["vToken"], code=code)
    assert body["errorCode"] in (400006, 400124)


async def test_wrong_codes_run_out_alike_for_everybody(site: Installation) -> None:
    await log_in(site)
    for email in (PEOPLE, "nobody@shop.test"):
        token = await vtoken(site, email)
        seen = [await ask(site, "accounts.auth.otp.email.login", vToken=token, code=f"00000{n}") for n in range(4)]
        assert [(body["errorCode"], body["errorDetails"]) for body in seen] == [
            *[(400006, "Wrong verification code")] * 3,
            (400124, "Maximum allowed tries exceeded"),
        ]


async def test_a_site_that_is_closed_answers_alike_and_sends_nothing(site: Installation) -> None:
    token = await vtoken(site, "stranger@shop.test", key="3_CLOSED")
    assert len(token) == len(await vtoken(site, "another1@shop.test", key="3_CLOSED"))
    await log_in(site)  # whatever was to be sent before has been sent by now
    assert {to for to, _, _ in site.mailbox.messages} == {PEOPLE}


async def test_required_fields_are_asked_for_before_there_is_a_session(site: Installation) -> None:
    body = await log_in(site, key="3_STRICT")
    assert (body["errorCode"], body["statusReason"]) == (206001, "Partial Content")
    assert body["errorDetails"] == "Missing required fields for registration: profile.firstName"
    assert body["regToken"]
    assert not {"cookieValue", "sessionToken", "login_token"} & set(body.get("sessionInfo", {}))


@pytest.mark.parametrize("vtoken_", ["", "garbage", "A" * 3000])
async def test_garbage_is_no_vtoken(site: Installation, vtoken_: str) -> None:
    body = await ask(site, "accounts.otp.login", vToken=vtoken_, code="123456")
    assert body["errorCode"] in (400002, 400006)


async def test_a_vtoken_of_one_site_is_worth_nothing_at_another(site: Installation) -> None:
    token = await vtoken(site)
    code = await site.mailbox.code()
    body = await ask(site, "accounts.otp.login", key="3_STRICT", vToken=token, code=code)
    assert (body["errorCode"], body["errorDetails"]) == (400006, "Invalid parameter value : vToken")


async def test_a_server_that_signs_is_told_the_code_once(site: Installation) -> None:
    url = f"http://127.0.0.1:{site.port}/gigya/accounts.auth.otp.email.sendCode"
    sent = signed(url, email=PEOPLE, sendCode="false")
    first = await ask(site, "accounts.auth.otp.email.sendCode", **sent)
    assert (first["errorCode"], len(first["code"])) == (0, 6)
    assert (await ask(site, "accounts.auth.otp.email.sendCode", **sent))["errorCode"] == 403004
    entered = await ask(site, "accounts.auth.otp.email.login", vToken=first["vToken"], code=first["code"])
    assert entered["errorCode"] == 0
    assert site.mailbox.messages == []


async def test_a_number_is_proved_and_taken_away_again(site: Installation, service: Service) -> None:
    session = await log_in(site)
    login = {"login_token": session["sessionInfo"]["cookieValue"]}
    sent = await ask(site, "accounts.otp.sendCode", phoneNumber=NUMBER, lang="en", **login)
    code = (await arrived(service))["code"]
    assert (await ask(site, "accounts.otp.update", vToken=sent["vToken"], code=code))["errorCode"] == 403007
    assert (await ask(site, "accounts.otp.update", vToken=sent["vToken"], code=code, **login))["errorCode"] == 0
    sent = await ask(site, "accounts.otp.sendCode", phoneNumber=NUMBER, lang="en")
    shown = {"vToken": sent["vToken"], "code": (await arrived(service))["code"]}
    assert (await ask(site, "accounts.otp.login", **shown))["UID"] == session["UID"]
    url = f"http://127.0.0.1:{site.port}/gigya/accounts.otp.delete"
    assert (await ask(site, "accounts.otp.delete", UID=session["UID"]))["errorCode"] == 403007
    assert (await ask(site, "accounts.otp.delete", **signed(url, UID=session["UID"])))["errorCode"] == 0


async def test_a_statement_about_an_address_opens_nothing(site: Installation) -> None:
    token = await vtoken(site)
    body = await ask(site, "accounts.auth.otp.verify", vToken=token, code=await site.mailbox.code())
    head, claims, _ = body["id_token"].split(".")
    assert json.loads(base64.urlsafe_b64decode(head + "=="))["typ"] == "address+jwt"
    assert json.loads(base64.urlsafe_b64decode(claims + "=="))["email"] == PEOPLE
    assert (await site.call("GET", "/orders/1", token=body["id_token"])).status_code == 403


async def test_the_whole_area_is_answered_here(site: Installation) -> None:
    seen = len(site.api.seen)
    unknown = await site.call("GET", "/gigya/accounts.nothing")
    assert (unknown.status_code, unknown.json()["errorCode"]) == (200, 405001)
    assert abs(time.time() - parsedate_to_datetime(unknown.headers["date"]).timestamp()) < 5
    assert (await site.call("DELETE", "/gigya/accounts.otp.login")).status_code == 405
    script = await site.call("GET", "/gigya/accounts.otp.login?format=jsonp&callback=a.b&httpStatusCodes=true")
    assert (script.status_code, script.text[:8]) == (400, "/**/a.b(")
    assert (await site.call("GET", "/gigya")).json()["errorCode"] == 405001
    large = await site.call("POST", "/gigya/accounts.otp.login", data={"a": "x" * 70_000})
    assert (large.status_code, large.json()["errorCode"]) == (413, 413001)
    assert len(site.api.seen) == seen
