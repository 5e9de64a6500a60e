"""Attacks on what is told and written down: the rows L02 and L03 of the corpus, and beyond them control characters."""

import json
import re
from typing import Any

import pytest

from tests.attacks.estate import EACH, PASSPHRASE, WINDOW, Estate
from tests.attacks.ground import dice
from tests.e2e.front import bearer
from tests.e2e.waiting import until
from tests.e2e.wire import Answer, request

pytestmark = [pytest.mark.processes, pytest.mark.asyncio(loop_scope="session")]

CHANGING = {"callId", "time", "vToken", "aToken", "identifier"}
# `zoe` has no factor, `ida` has one, and the others are nobody. A ticket is as long as the name in it.
WHO = ("ida", "zoe", "nix", "not")


def kept(answer: dict[str, Any]) -> str:
    """What of an answer depends on who was asked about: all but ids and times, whose lengths count."""
    return json.dumps(
        {name: len(str(value)) if name in CHANGING else value for name, value in answer.items()}, sort_keys=True
    )


def shape(answer: Answer) -> tuple[int, bytes, tuple[str, ...]]:
    told = re.sub(rb'"request_id":"[0-9a-f]{16}"', b"", answer.body)
    return answer.status, told, tuple(name for name, _ in answer.fields)


async def test_l02_a_wrong_password_and_an_unknown_name_are_one_answer(home: Estate) -> None:
    gigya, adservio = set(), set()
    for name in WHO:
        gigya.add(kept(await home.log_in(name, "wrong")))
        for path, more in (("/adservio/auth", {}), ("/adservio/auth/tfa_options", {"_method": "GET"})):
            body = {"uaUserName": f"{name}@shop.test", "uaPassword": "wrong", **more}
            adservio.add((path, *shape(await home.post(path, body))))
    assert len(gigya) == 1
    assert len(adservio) == 2


@pytest.mark.parametrize(
    "method", ["accounts.auth.otp.email.sendCode", "accounts.otp.sendCode", "accounts.identifiers.createToken"]
)
@pytest.mark.parametrize("key", ["3_KEY", "3_CLOSED"])
async def test_l02_nothing_that_is_asked_before_a_login_tells_who_there_is(home: Estate, method: str, key: str) -> None:
    answers = set()
    for name in WHO:
        about = {"email": f"{name}@shop.test", "identifier": f"{name}@shop.test", "identifierType": "email"}
        answers.add(kept(await home.gigya(method, key, lang="en", **about)))
    assert len(answers) == 1


async def test_l02_without_a_good_token_nobody_hears_more_than_that(home: Estate) -> None:
    await home.enrolled("l02")
    for path in ("/multi-factor-auth-types", "/mfa/factors", WINDOW):
        answers = set()
        for token in (forged(home.token("l02")), forged(home.token("l02-nobody"))):
            answers.add(shape(await home.get(path, token)))
        assert len({(status, body) for status, body, _ in answers}) == 1
        assert {status for status, _, _ in answers} == {401}
    for method in ("accounts.tfa.getProviders", "accounts.tfa.initTFA", "accounts.getAccountInfo", "accounts.getJWT"):
        told = {
            kept(await home.gigya(method, UID=name, regToken="x", provider="gigyaEmail", mode="verify")) for name in WHO
        }
        assert len(told) == 1


def forged(token: str) -> str:
    """The same token under another signature."""
    head, claims, signature = token.split(".")
    return f"{head}.{claims}.{signature[::-1]}"


async def test_l03_nothing_that_is_written_down_has_control_characters_or_a_second_line(home: Estate) -> None:
    chance = dice("l03")
    odd = ("%1b[31m", "%0a", "%0d%0a", "%00", "%7f", "%c2%9b", "%e2%80%a8", "%ff", "\x80", "%22", "%5c", "%%", "%")
    for at in range(60):
        target = (
            "/"
            + "".join(chance.choice((*odd, "x", "/", "fake")) for _ in range(12))
            + f"fake line {at}".replace(" ", "%20")
        )
        await home.ask(
            request(
                target, f"User-Agent: fake line\x1b[31m {at}".replace("\x1b", chance.choice(("\x80", "\x9b", "\t")))
            )
        )
        named = home.installation.token(
            chance.choice(("a\nfake line", "a\x1b[31m", "a\u2028fake", "a\x85fake", "a\u202efake"))
        )
        await home.get(EACH, named, chance.choice(("1\x80", "fake line", "\xff\xfe")))
    marked = await home.ask(request("/x%1b[31m%0afake line", "X-Request-Id: fake\tline"))
    assert marked is None or marked.status == 400
    await home.refused("/protected/each", home.token("l03"), how="403/5906")
    for line in home.installation.log.splitlines():
        assert not line.startswith("fake")
    text = home.installation.log
    assert not {
        one for one in text if one != "\n" and (ord(one) < 32 or 127 <= ord(one) < 160 or one in "\u2028\u2029")
    }


async def test_l03_no_secret_is_written_down(home: Estate) -> None:
    token, code = await home.enrolled("l03-secret"), await home.code("l03-secret")
    secret = "hunter2-of-l03"
    assert (await home.get(f"/public?password={secret}&code={secret}", token)).status == 200
    assert (await home.get(f"{WINDOW}?access_token={secret}&api_key={secret}", token)).status == 400
    await home.get(EACH, secret, secret)
    await home.get(EACH, token, secret, f"Cookie: glt_3_KEY={secret}", f"X-Api-Key: {secret}")
    await home.log_in("ida", secret)
    await home.gigya("accounts.otp.login", vToken=secret, code=secret)
    await home.gigya("accounts.getAccountInfo", login_token=secret)
    await home.gigya("accounts.getAccountInfo", oauth_token=secret, sig=secret)
    await home.installation.call("GET", f"/gigya/accounts.login?apiKey=3_KEY&loginID=ida&password={secret}")
    await home.post("/adservio/auth", {"uaUserName": "ida@shop.test", "uaPassword": secret})
    await home.installation.call("POST", f"/adservio/auth?uaPassword={secret}", content=b"")
    await home.post("/mfa/challenges/verify", {"code": secret}, token)
    await home.post("/multi-factor-auth-trigger", f'{{"{secret}'.encode(), token)
    await home.ask(request(f"/{WINDOW}?x={secret}", bearer(token), "Content-Length: nine", f"X-MFA-Code: {code}"))
    await home.refused("/protected/each", home.token("l03"), how="403/5906")
    # The last call is written down; and so is whatever came before it.
    await until(lambda: '"l03"' in home.installation.log or "not_enrolled" in home.installation.log)
    for hidden in (secret, token, token.split(".")[2], PASSPHRASE, f'"{code}"'):
        assert hidden not in home.installation.log
