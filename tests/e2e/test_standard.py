"""The standard dialect on a running gateway: what a person with nothing but a bearer token can do, step by step."""

import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import pyotp
import pytest

from tests.e2e.installation import Installation

pytestmark = pytest.mark.processes

RULES = """
access_control:
  default_policy: open
  rules:
    - {name: window, paths: ["/window"], policy: mfa, dialect: standard}
    - {name: shared, paths: ["/shared"], policy: mfa, dialect: standard, scope: account, tell_grace: true}
    - {name: every-time, paths: ["/every-time"], policy: mfa, dialect: standard, grace: 0s}
"""
# The pause between two messages, which the other tests do without.
SLOW = "codes: {resend_after: 30s}"


@pytest.fixture
async def gateway(tmp_path: Path) -> AsyncIterator[Installation]:
    async with Installation(tmp_path, rules=RULES) as running:
        await running.start()
        yield running


class Person:
    """Ada, with the token that she logged in for just now."""

    def __init__(self, gateway: Installation, *, logged_in_ago: int = 0, session: str = "session-of-ada") -> None:
        self.gateway = gateway
        self.token = gateway.token(auth_time=int(time.time()) - logged_in_ago, sid=session)

    async def asks(
        self, method: str, path: str, said: dict[str, str] | None = None, *, code: str | None = None
    ) -> httpx2.Response:
        more: dict[str, Any] = {} if said is None else {"json": said}
        return await self.gateway.call(method, f"/mfa{path}", token=self.token, code=code, **more)

    async def opens(self, path: str, code: str | None = None) -> int:
        return (await self.gateway.call("GET", path, token=self.token, code=code)).status_code

    async def enrols_email(self) -> str:
        """Begin, read the mail, confirm; the id."""
        begun = await self.asks("POST", "/factors", {"type": "email"})
        assert begun.status_code == 201, begun.text
        name = str(begun.json()["id"])
        confirmed = await self.asks("POST", f"/factors/{name}/confirm", {"code": await self.gateway.mailbox.code()})
        assert confirmed.status_code == 204, confirmed.text
        return name

    async def mailed(self) -> str:
        assert (await self.asks("POST", "/challenges", {"type": "email"})).status_code == 200
        return await self.gateway.mailbox.code()

    async def enrols_totp(self) -> tuple[str, "Authenticator"]:
        begun = (
            await self.asks("POST", "/factors", {"type": "totp", "name": "Phone"}, code=await self.mailed())
        ).json()
        app = Authenticator(begun["secret"])
        confirmed = await self.asks("POST", f"/factors/{begun['id']}/confirm", {"code": app.code()})
        assert confirmed.status_code == 204, confirmed.text
        return begun["id"], app


class Authenticator:
    """An app that never shows a step twice, as each is good once: it goes one ahead, which drift allows."""

    def __init__(self, secret: str) -> None:
        self._totp = pyotp.TOTP(secret)
        self._last = 0

    def code(self) -> str:
        # The first code is that of the step before now, so that two more can follow at once.
        step = max(int(time.time()) // 30 - 1, self._last + 1)
        self._last = step
        return self._totp.at(step * 30)


def problem(answer: httpx2.Response) -> tuple[int, str]:
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.json()["request_id"] == answer.headers["x-request-id"]
    return answer.status_code, answer.json()["code"]


async def test_a_person_with_a_bearer_alone_enrols_uses_and_removes_factors(gateway: Installation) -> None:
    ada = Person(gateway)
    assert (await ada.asks("GET", "/factors")).json() == {"factors": [], "backup_codes": None}

    begun = await ada.asks("POST", "/factors", {"type": "email", "name": "Home"})
    assert begun.status_code == 201
    mail = begun.json()
    assert (mail["type"], mail["state"], mail["to"], mail["expires_in"]) == ("email", "pending", "a***@shop.test", 600)
    code = await gateway.mailbox.code()
    assert (await ada.asks("POST", f"/factors/{mail['id']}/confirm", {"code": code})).status_code == 204

    app_id, app = await ada.enrols_totp()
    listed = (await ada.asks("GET", "/factors")).json()
    assert [(one["id"], one["type"], one["name"], one["address"]) for one in listed["factors"]] == [
        (mail["id"], "email", "Home", "a***@shop.test"),
        (app_id, "totp", "Phone", None),
    ]
    assert all(one["state"] == "active" and one["added_at"].endswith("Z") for one in listed["factors"])

    printed = await ada.asks("POST", "/backup-codes", {}, code=app.code())
    assert printed.status_code == 201
    codes = printed.json()["codes"]
    assert len(set(codes)) == printed.json()["remaining"] == 10

    assert await ada.opens("/every-time") == 401
    assert await ada.opens("/every-time", codes[0]) == 200
    assert await ada.opens("/every-time", codes[0]) == 403
    assert (await ada.asks("GET", "/factors")).json()["backup_codes"] == {"remaining": 9}

    by_mail = await ada.asks("DELETE", f"/factors/{app_id}", code=await ada.mailed())
    assert problem(by_mail) == (403, "code_invalid")
    assert problem(await ada.asks("DELETE", f"/factors/{app_id}")) == (401, "code_missing")
    assert (await ada.asks("DELETE", f"/factors/{app_id}", code=app.code())).status_code == 204
    left = (await ada.asks("GET", "/factors")).json()["factors"]
    assert [one["type"] for one in left] == ["email"]
    assert (await ada.asks("DELETE", "/backup-codes", code=await ada.mailed())).status_code == 204
    assert (await ada.asks("GET", "/factors")).json()["backup_codes"] is None
    assert await ada.opens("/every-time", codes[1]) == 403
    assert gateway.api.seen
    assert not any("/mfa" in seen.target or seen.values("x-mfa-code") for seen in gateway.api.seen)


async def test_a_code_opens_the_window_of_this_session_or_of_the_account(gateway: Installation) -> None:
    ada, elsewhere = Person(gateway), Person(gateway, session="another session")
    await ada.enrols_email()
    assert (await ada.asks("DELETE", "/grace")).status_code == 204
    assert (await ada.asks("GET", "/grace")).json() == {"proofs": []}
    assert await ada.opens("/window") == 401

    sent = (await ada.asks("POST", "/challenges", {})).json()
    assert (sent["type"], sent["to"], sent["expires_in"]) == ("email", "a***@shop.test", 600)
    code = await gateway.mailbox.code()
    proven = await ada.asks("POST", "/challenges/verify", {"code": code})
    assert (proven.status_code, proven.json()) == (200, {"type": "email", "scope": "session", "age": 0})
    assert (await ada.asks("POST", "/challenges/verify", {"code": code})).status_code == 200
    assert [await ada.opens("/window"), await elsewhere.opens("/window"), await ada.opens("/shared")] == [200, 401, 401]

    code = await ada.mailed()
    said = {"scope": "account"}
    assert (await ada.asks("POST", "/challenges/verify", said, code=code)).json()["scope"] == "account"
    assert await elsewhere.opens("/shared") == 200
    proofs = (await ada.asks("GET", "/grace")).json()["proofs"]
    assert [(proof["type"], proof["scope"]) for proof in proofs] == [("email", "session"), ("email", "account")]
    assert all(0 <= proof["age"] < 60 for proof in proofs)

    assert (await ada.asks("DELETE", "/grace")).status_code == 204
    assert [await ada.opens("/window"), await elsewhere.opens("/shared")] == [401, 401]
    assert problem(await ada.asks("POST", "/challenges/verify", {"code": code})) == (403, "code_invalid")


async def test_a_factor_is_renamed_with_a_code_of_its_level(gateway: Installation) -> None:
    ada = Person(gateway)
    name = await ada.enrols_email()
    assert problem(await ada.asks("PATCH", f"/factors/{name}", {"name": "Home"})) == (401, "code_missing")
    assert (await ada.asks("PATCH", f"/factors/{name}", {"name": "Home"}, code=await ada.mailed())).status_code == 204
    assert (await ada.asks("GET", "/factors")).json()["factors"][0]["name"] == "Home"
    other = name[:2] + "0" * 24
    gone = await ada.asks("PATCH", f"/factors/{other}", {"name": "x"}, code=await ada.mailed())
    assert problem(gone) == (404, "factor_not_found")


async def test_a_first_factor_takes_a_login_of_the_last_minutes(gateway: Installation) -> None:
    late = Person(gateway, logged_in_ago=400)
    refused = await late.asks("POST", "/factors", {"type": "totp"})
    assert problem(refused) == (401, "login_stale")
    challenge = refused.headers["www-authenticate"]
    assert 'error="insufficient_user_authentication"' in challenge
    assert 'max_age="300"' in challenge


async def test_the_code_of_one_address_confirms_no_other(gateway: Installation) -> None:
    ada = Person(gateway)
    first = (await ada.asks("POST", "/factors", {"type": "email", "address": "one@shop.test"})).json()
    code = await gateway.mailbox.code()
    assert gateway.mailbox.messages[-1][0] == "one@shop.test"
    other = (await ada.asks("POST", "/factors", {"type": "email", "address": "two@shop.test"})).json()
    await gateway.mailbox.code()
    assert first["id"] != other["id"]
    for name in (first["id"], other["id"]):
        assert problem(await ada.asks("POST", f"/factors/{name}/confirm", {"code": code})) == (403, "code_invalid")
    # Of a factor the last one that was begun waits, for whoever comes back to it.
    (waits,) = (await ada.asks("GET", "/factors")).json()["factors"]
    assert (waits["id"], waits["state"], waits["address"]) == (other["id"], "pending", "t***@shop.test")
    assert 86_000 < waits["expires_in"] <= 86_400


async def test_the_challenge_of_a_refused_call_says_what_its_rule_asks(gateway: Installation) -> None:
    ada = Person(gateway)
    await ada.enrols_email()
    challenge = (await gateway.call("GET", "/every-time", token=ada.token)).headers["www-authenticate"]
    assert 'error="insufficient_user_authentication"' in challenge
    assert 'acr_values="urn:mfa-gateway:factor:any", max_age="0"' in challenge


async def test_who_passes_is_told_how_long_the_window_is_open_where_the_rule_says_so(gateway: Installation) -> None:
    ada = Person(gateway)
    await ada.enrols_email()
    code = await ada.mailed()
    opened = await gateway.call("GET", "/shared", token=ada.token, code=code)
    assert (opened.status_code, opened.headers["x-mfa-grace-remaining"]) == (200, "1800")
    later = await gateway.call("GET", "/shared", token=ada.token)
    assert 1790 <= int(later.headers["x-mfa-grace-remaining"]) <= 1800
    assert "x-mfa-grace-remaining" not in (await gateway.call("GET", "/window", token=ada.token)).headers


async def test_a_preflight_is_for_callers_with_a_token(gateway: Installation) -> None:
    answer = await gateway.call("POST", "/mfa/preflight", json={"method": "GET", "path": "/window"})
    assert problem(answer) == (401, "token_missing")


async def test_what_is_asked_for_too_soon_is_429(tmp_path: Path) -> None:
    async with Installation(tmp_path, rules=RULES) as running:
        text = running.config.read_text()
        running.config.write_text(text.replace("codes: {resend_after: 0s}", SLOW))
        await running.start()
        ada = Person(running)
        await ada.enrols_email()
        await ada.mailed()
        again = await ada.asks("POST", "/challenges", {})
        assert problem(again) == (429, "send_limited")
        assert 0 < int(again.headers["retry-after"]) <= 30


async def test_glue_and_standard_see_the_same_account(gateway: Installation) -> None:
    ada = Person(gateway)
    await gateway.enrol(ada.token)
    (one,) = (await ada.asks("GET", "/factors")).json()["factors"]
    assert (one["type"], one["address"]) == ("email", "a***@shop.test")
    assert (await ada.asks("DELETE", f"/factors/{one['id']}", code=await ada.mailed())).status_code == 204
    types = await gateway.call("GET", "/multi-factor-auth-types", token=ada.token)
    assert {one["attributes"]["status"] for one in types.json()["data"]} == {"deactivated"}


async def test_what_is_no_endpoint_below_ours_never_reaches_the_api(gateway: Installation) -> None:
    ada = Person(gateway)
    for path in ("/factors/", "/factors/XYZ", "/challenges/x", "/grace/", "/backup-codes/x"):
        assert problem(await ada.asks("GET", path)) == (404, "not_found")
    assert gateway.api.seen == []
    assert (await ada.asks("GET", "/settings")).json() == {"api": "was here"}


async def test_nothing_of_a_persons_secrets_is_in_the_log(gateway: Installation) -> None:
    ada = Person(gateway)
    await ada.enrols_email()
    begun = (await ada.asks("POST", "/factors", {"type": "totp"}, code=await ada.mailed())).json()
    await ada.asks("POST", "/factors", {"type": "email", "address": "secret@home.test", "naem": "xyzzy"})
    secrets = (begun["secret"], begun["otpauth_uri"], "ada@shop.test", "secret@home.test", "xyzzy")
    assert not any(secret in gateway.log for secret in secrets)
