"""Attacks on codes, and on whose they are: the rows O01 to O11 of the corpus, and beyond them spellings and swaps."""

import asyncio
import base64
import hashlib
import json
import sys
import time
import unicodedata
from collections import Counter
from collections.abc import Iterator
from random import Random

import pyotp
import pytest

from tests.attacks.estate import APP, EACH, PASSPHRASE, SESSION, WINDOW, Estate, said
from tests.attacks.ground import dice
from tests.e2e.front import bearer
from tests.e2e.waiting import until
from tests.e2e.wire import request

pytestmark = [pytest.mark.processes, pytest.mark.asyncio(loop_scope="session")]

STEP = 30


def shown(secret: bytes, steps: int = 0, at: float | None = None) -> str:
    """What an authenticator shows, so many steps from now."""
    moment = (time.time() if at is None else at) + STEP * steps
    return pyotp.TOTP(base64.b32encode(secret).decode()).at(int(moment))


async def test_o01_a_code_is_good_once(home: Estate) -> None:
    token = await home.enrolled("o01")
    code = await home.code("o01")
    await home.passes(EACH, token, code)
    for path in (EACH, SESSION):
        await home.refused(path, token, code)


async def test_o01_a_step_of_an_authenticator_is_good_once_and_no_earlier_one_after_it(home: Estate) -> None:
    token, secret = await home.with_app("o01-app")
    now = time.time()
    code, earlier = shown(secret, 0, now), shown(secret, -1, now)
    await home.passes(APP, token, code)
    for spent in (code, earlier):
        await home.refused(APP, token, spent)


async def test_o01_a_code_opens_nothing_again_when_its_window_was_closed(home: Estate) -> None:
    token = await home.enrolled("o01-closed")
    code = await home.code("o01-closed")
    await home.passes(SESSION, token, code)
    assert (await home.post("/mfa/grace", None, token, method="DELETE")).status == 204
    await home.refused(SESSION, token, code)
    await home.refused(SESSION, token)


async def test_o02_of_fifty_calls_with_one_code_one_is_a_verification(home: Estate) -> None:
    await home.enrolled("o02")
    tokens = [home.token("o02", sid) for sid in ("one", "two")]
    code = await home.code("o02")
    answers = await asyncio.gather(*(home.get(EACH, tokens[at % 2], code) for at in range(50)))
    assert Counter(map(said, answers)) == {"200": 1, "403/5901": 49}
    assert home.let_through == 1
    code = await home.code("o02")
    answers = await asyncio.gather(*(home.get(SESSION, tokens[at % 2], code) for at in range(50)))
    # All of one session ride on the window that one of them opened; the other session has none.
    assert Counter(map(said, answers)) == {"200": 25, "403/5901": 25}
    assert len({said(one) for one in answers[::2]}) == 1
    home.proved |= set(tokens)


def spellings(code: str) -> Iterator[bytes]:
    """Other ways to write these digits, as header bytes."""
    for zero in ("\uff10", "\U0001d7ce", "\U0001d7d8", "\u0660", "\u06f0", "\u0966"):
        digits = "".join(chr(ord(zero) + int(digit)) for digit in code)
        yield digits.encode()
        yield code[:5].encode() + digits[5].encode()
    yield code.translate(str.maketrans("123", "\xb9\xb2\xb3")).encode("latin-1").ljust(7, b"\xb9")
    for text in (f"{code[:3]} {code[3:]}", f"{code[:3]}\t{code[3:]}", f"+{code}", f"{code}.0", f'"{code}"', f"0{code}"):
        yield text.encode()
    for text in (
        f"{code},",
        f"{code};q=1",
        f"{code[:3]}-{code[3:]}",
        code.lstrip("0")[:5],
        f"{int(code):x}",
        f"{code}e0",
    ):
        yield text.encode()
    for byte in (b"\xa0", b"\xc2\xa0", b"\xe2\x80\x8b", b"\x0b", b"\x85", b"\xef\xbb\xbf"):
        yield byte + code.encode()
        yield code.encode() + byte


def respelled(chance: Random, code: str) -> bytes:
    """At least one digit in another script."""
    places = chance.sample(range(len(code)), chance.randint(1, len(code)))
    return "".join(chance.choice(DIGITS[int(one)]) if at in places else one for at, one in enumerate(code)).encode()


DIGITS = {
    value: [chr(at) for at in range(128, sys.maxunicode) if unicodedata.digit(chr(at), None) == value]
    for value in range(10)
}


async def test_o03_no_other_spelling_of_a_code_is_that_code(home: Estate) -> None:
    token = await home.enrolled("o03")
    spent, live = await home.code("o03"), ""
    await home.passes(EACH, token, spent)
    live = await home.code("o03")
    chance = dice("o03")
    forms = [one for code in (spent, live) for one in spellings(code)]
    forms += [respelled(chance, live) for _ in range(120)]
    for at, form in enumerate(forms):
        if at % 4 == 0:
            await home.unlock("o03")
        sends = request(EACH, bearer(token), "X-MFA-Code: @")
        answer = await home.ask(sends.replace(b"@", form))
        # A control character is no field at all, and refused before any code is.
        assert said(answer) in ("403/5901", "400"), form
    assert home.let_through == 1
    await home.unlock("o03")
    await home.passes(EACH, token, live)


async def test_o04_the_code_of_somebody_else_is_wrong_and_counts_for_who_shows_it(home: Estate) -> None:
    await home.enrolled("o04-a")
    token = await home.enrolled("o04-b")
    await home.refused(EACH, token, await home.code("o04-a"))
    assert (await home.budget("o04-a")).attempts == 0
    assert (await home.budget("o04-b")).attempts == 1


@pytest.mark.parametrize(
    ("owner", "other"), [("1", "01"), ("o04x", "o04X"), ("o04", "o04 "), ("2", "2.0"), ("3", "+3")]
)
async def test_o04_subjects_are_compared_as_text(home: Estate, owner: str, other: str) -> None:
    await home.enrolled(owner)
    code = await home.code(owner)
    token = home.token(other, email="somebody@shop.test")
    assert (await home.get(WINDOW, token, code)).status in (401, 403)
    await home.passes(WINDOW, home.token(owner, "own"), code)
    assert (await home.get(WINDOW, token)).status in (401, 403)


async def test_o04_the_ticket_of_one_address_takes_no_code_of_another(home: Estate) -> None:
    tickets, codes = {}, {}
    for name in ("o04-p", "o04-q"):
        tickets[name], codes[name] = await ticket_and_code(home, f"{name}@shop.test")
    for ticket, code in (("o04-p", "o04-q"), ("o04-q", "o04-p")):
        told = await home.gigya("accounts.otp.login", vToken=tickets[ticket], code=codes[code])
        assert told["errorCode"] == 400006
        assert "UID" not in told
    assert (await home.gigya("accounts.otp.login", vToken=tickets["o04-p"], code=codes["o04-p"]))["errorCode"] == 0


async def ticket_and_code(home: Estate, address: str) -> tuple[str, str]:
    """What a login by code needs; the message leaves behind the answer."""
    mailbox = home.installation.mailbox
    before = len(mailbox.messages)
    ticket = (await home.gigya("accounts.auth.otp.email.sendCode", email=address))["vToken"]
    await until(lambda: any(to == address for to, _, _ in mailbox.messages[before:]))
    return ticket, mailbox.newest_code(address)


@pytest.mark.parametrize("seed", range(3))
async def test_o04_no_swap_of_codes_among_people_lets_anybody_through(home: Estate, seed: int) -> None:
    chance, names = dice(f"o04/{seed}"), [f"o04-{seed}-{at}" for at in range(3)]
    codes = {}
    for name in names:
        await home.enrolled(name)
        codes[name] = await home.code(name)
    for at in range(30):
        if at % 4 == 0:
            for name in names:
                await home.unlock(name)
        owner, presenter = chance.sample(names, 2)
        code = chance.choice(
            (
                codes[owner],
                f"{codes[owner]}{presenter}",
                codes[presenter][:3] + codes[owner][3:],
                codes[presenter][::-1],
            )
        )
        if code != codes[presenter]:
            await home.refused(chance.choice((EACH, WINDOW, SESSION)), home.token(presenter), code)
    assert home.let_through == 0


@pytest.mark.parametrize("ms", [601_000, -300_000])
async def test_o06_a_code_is_over_after_its_life_and_when_the_clock_was_set_back(home: Estate, ms: int) -> None:
    name = f"o06-{abs(ms)}"
    token = await home.enrolled(name)
    code = await home.code(name)
    await home.pass_time(ms)
    await home.refused(EACH, token, code)


async def test_o06_of_two_codes_the_newer_one_is_good(home: Estate) -> None:
    token = await home.enrolled("o06")
    older, newer = await home.code("o06"), await home.code("o06")
    await home.refused(EACH, token, older)
    await home.passes(EACH, token, newer)


async def test_o07_an_authenticator_may_be_one_step_off(home: Estate) -> None:
    token, secret = await home.with_app("o07")
    await within_a_step()
    for steps in (-2, 2, -3, 3):
        await home.refused(APP, token, shown(secret, steps))
    for steps in (-1, 0, 1):
        await home.passes(APP, token, shown(secret, steps))


async def within_a_step() -> None:
    """Wait until what is computed now still holds in a few seconds."""
    await until(lambda: time.time() % STEP < STEP - 8)


async def test_o08_no_other_way_to_sign_in_goes_round_the_factor(home: Estate) -> None:
    token = await home.enrolled("o08")
    basic = base64.b64encode(b"o08:password").decode()
    for field in (
        *(
            f"Authorization: {scheme}"
            for scheme in (f"Basic {basic}", f"Digest username={token}", "Negotiate x", f"Token {token}")
        ),
        *(
            f"{name}: {token}"
            for name in ("X-Api-Key", "X-Access-Token", "Proxy-Authorization", "Cookie", "X-Auth-Token")
        ),
        f"Cookie: session={token}",
        "X-Forwarded-User: o08",
        "Remote-User: o08",
    ):
        assert (await home.get(WINDOW, "", None, field)).status in (401, 403), field
    for name in ("access_token", "api_key", "ACCESS_TOKEN", "%61ccess_token"):
        assert (await home.get(f"{WINDOW}?{name}={token}", token)).status == 400
    elsewhere = home.token("o08", iss="https://club.test")
    assert said(await home.get(WINDOW, elsewhere)) == "403/5906"
    assert (await home.get(WINDOW, home.token("o08", iss="https://evil.test"))).status == 401
    service = home.token("o08-machine", email=None, client_id="o08-machine", scope="admin")
    assert said(await home.get(WINDOW, service)) == "403/5906"
    assert home.let_through == 0


async def test_o08_other_credentials_do_not_come_along(home: Estate) -> None:
    token = await home.enrolled("o08-along")
    home.proved.add(token)
    await home.passes(WINDOW, token, await home.code("o08-along"))
    await home.get(
        WINDOW, token, None, "Cookie: session=of-somebody-else", "X-Api-Key: k", "Proxy-Authorization: Basic x"
    )
    for head in home.api.heads:
        assert not any(head.values(name) for name in ("cookie", "x-api-key", "proxy-authorization", "x-mfa-code"))


async def test_o10_no_factor_comes_or_goes_by_a_bare_session(home: Estate) -> None:
    await home.enrolled("o10")
    token = home.token("o10", phone_number="+491701234567", phone_number_verified=True)
    sent = len(home.phones.posts)
    assert said(await home.step("type-activate", token, factor="sms")) == "403/5900"
    assert said(await home.step("type-deactivate", token)) == "403/5900"
    kept = json.loads((await home.post("/mfa/factors", None, token, method="GET")).body)["factors"]
    for method, path, body in (
        ("POST", "/mfa/factors", {"type": "totp"}),
        ("POST", "/mfa/factors", {"type": "email", "address": "thief@shop.test"}),
        ("POST", "/mfa/factors", {"type": "email", "address": "thief@shop.test", "verified": True}),
        ("DELETE", f"/mfa/factors/{kept[0]['id']}", None),
        ("POST", "/mfa/backup-codes", {}),
        ("PATCH", "/adservio/auth/tfa_options", {}),
        ("GET", "/adservio/auth/totp?uaID=o10", None),
    ):
        assert (await home.post(path, body, token, method=method)).status >= 400, (method, path)
    assert json.loads((await home.post("/mfa/factors", None, token, method="GET")).body)["factors"] == kept
    assert len(home.phones.posts) == sent
    believed = {"type": "multi-factor-auth-type-deactivate", "attributes": {"type": "email", "verified": True}}
    assert said(await home.post("/multi-factor-auth-type-deactivate", {"data": believed}, token)) == "403/5900"


async def test_o10_an_activation_is_done_once(home: Estate) -> None:
    token = home.token("o10-again")
    assert (await home.step("type-activate", token)).status == 204
    code = home.mailed("o10-again")
    assert (await home.step("type-verify", token, code)).status == 204
    assert said(await home.step("type-verify", token, code)) == "400/5904"
    await home.refused(EACH, token, code)
    # Nor does a code for the gate activate anything, or one for an activation open the gate.
    other = home.token("o10-other")
    assert (await home.step("type-activate", other)).status == 204
    assert said(await home.get(EACH, other, home.mailed("o10-other"))) == "403/5906"


async def test_o11_no_token_is_taken_for_a_code(home: Estate) -> None:
    token = await home.enrolled("o11")
    saved = "tfa_" + "A" * 43
    for text in (token, saved, (await home.log_in("lea"))["regToken"], home.token("o11", "other")):
        await home.refused(EACH, token, text[:4000])
        assert (await home.post("/mfa/challenges/verify", {"code": text}, token)).status >= 400
        await home.unlock("o11")
    assert home.let_through == 0


async def test_o11_a_token_that_is_remembered_is_no_code(home: Estate) -> None:
    who = {"uaUserName": "hal@shop.test", "uaPassword": PASSPHRASE}
    listed = await home.post("/adservio/auth/tfa_options", {**who, "_method": "GET"})
    number = json.loads(listed.body)["data"][0]["tfaOptID"]
    assert (await home.post("/adservio/auth/tfa_challenge", {**who, "tfaOptID": number})).status < 300
    shown_once = {**who, "tfaOptID": number, "tfaResponse": home.mailed("hal"), "tfaSave": "1"}
    entered = await home.post("/adservio/auth", shown_once)
    told = json.loads(entered.body)
    token, saved = told["access_token"], told["tfaToken"]
    await home.refused(EACH, token, saved)
    assert (await home.post("/mfa/challenges/verify", {"code": saved}, token)).status >= 400
    removing = {"_method": "DELETE", "uaID": "hal", "tfaOptID": number, "uaPassword": PASSPHRASE, "tfaResponse": saved}
    assert (await home.post("/adservio/auth/tfa_options", removing, token)).status >= 400
    assert (await home.post("/adservio/auth", {**who, "uaPassword": saved})).status >= 400
    assert (await home.get(WINDOW, saved)).status == 401


async def test_o11_no_answer_log_or_dump_holds_a_code_or_an_address(home: Estate) -> None:
    token, name = await home.enrolled("o11-told"), "o11-told"
    trigger = await home.step("trigger", token)
    code = home.mailed(name)
    answers = [trigger, await home.post("/mfa/factors", None, token, method="GET"), await home.get(EACH, token)]
    answers.append(await home.post("/multi-factor-auth-types", None, token, method="GET"))
    answers.append(await home.post("/mfa/challenges", {}, token))
    codes = {code, home.mailed(name)}
    for answer in answers:
        assert not any(one.encode() in answer.body for one in codes)
        assert f"{name}@shop.test".encode() not in answer.body
    dump = await dumped(home)
    for secret in (*codes, f"{name}@shop.test", name, token, PASSPHRASE):
        for form in (secret, *(hashlib.new(kind, secret.encode()).hexdigest() for kind in ("md5", "sha1", "sha256"))):
            # Six digits alone are somewhere in any time or digest; a code would stand by itself.
            assert f"|{form}|".encode() not in dump
            assert len(form) == 6 or form.encode() not in dump
    for secret in (*(f'"{one}"' for one in codes), f"{name}@shop.test", token):
        assert secret not in home.installation.log


async def dumped(home: Estate) -> bytes:
    """All keys and values of the store, each between bars."""
    found: list[bytes] = []
    ask = home.store._line.ask
    readers = {b"string": ("GET",), b"hash": ("HGETALL",), b"list": ("LRANGE", 0, -1), b"set": ("SMEMBERS",)}
    for key in await ask("KEYS", "*"):
        command, *more = readers[await ask("TYPE", key)]
        value = await ask(command, key, *more)
        found += [key, *(value if isinstance(value, list) else [value])]
    return b"|" + b"|".join(found) + b"|"
