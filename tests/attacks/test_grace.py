"""Attacks on how long a proof lasts: the rows G01 to G09 of the corpus, and days in the life of a window."""

import asyncio
import json
import signal
import time

import pytest

from mfa_gateway.core.account import AccountId
from tests.attacks.estate import EACH, LEAVE, PASSWORD, SESSION, STRONG, WINDOW, Estate, heard, said
from tests.attacks.ground import dice
from tests.attacks.test_codes import shown, ticket_and_code
from tests.e2e.backend import Link, honest
from tests.e2e.front import bearer, rewrite
from tests.e2e.processes import ON_LINUX, workers
from tests.e2e.waiting import until
from tests.e2e.wire import request

pytestmark = [pytest.mark.processes, pytest.mark.asyncio(loop_scope="session")]


async def opened(home: Estate, name: str, *paths: str) -> str:
    """The token of somebody with an open window at these paths."""
    token = await home.enrolled(name)
    for path in paths or (WINDOW,):
        await home.passes(path, token, await home.code(name))
    return token


async def everywhere(home: Estate, path: str, token: str) -> set[str]:
    """What all workers say."""
    return {said(one) for one in await asyncio.gather(*(home.get(path, token) for _ in range(12)))}


async def test_g01_after_a_log_out_nothing_is_open(home: Estate) -> None:
    token = await opened(home, "g01", WINDOW, SESSION)
    assert said(await home.get(LEAVE, token, method="POST")) == "200"
    await home.api.renew()
    for path in (WINDOW, SESSION):
        for again in (token, home.token("g01", "new login")):
            assert await everywhere(home, path, again) == {"403/5900"}


async def test_g01_after_a_log_out_the_session_is_over_at_every_worker(home: Estate) -> None:
    token, login = await home.signed_in("dan")
    home.proved.add(token)
    assert await everywhere(home, SESSION, token) == {"200"}
    assert (await home.gigya("accounts.logout", login_token=login))["errorCode"] == 0
    await home.api.renew()
    assert await everywhere(home, SESSION, token) == {"401/001"}
    assert (await home.gigya("accounts.getJWT", login_token=login))["errorCode"] == 403005


async def test_g02_after_a_change_of_password_no_session_has_a_window(home: Estate) -> None:
    await opened(home, "g02")
    tokens = [home.token("g02", sid) for sid in ("one", "two")]
    for token in tokens:
        await home.passes(SESSION, token, await home.code("g02"))
    await home.passes(PASSWORD, tokens[0], method="PATCH")
    await home.api.renew()
    for token in tokens:
        assert await everywhere(home, WINDOW, token) == {"403/5900"}
        assert await everywhere(home, SESSION, token) == {"403/5900"}


async def test_g03_whoever_is_disabled_is_refused_at_once(home: Estate) -> None:
    token = await opened(home, "g03")
    code = await home.code("g03")
    await home.store.disable(AccountId("shop", "g03"))
    await home.api.renew()
    assert await everywhere(home, WINDOW, token) == {"403/5907"}
    assert said(await home.get(EACH, token, code)) == "403/5907"
    assert (await home.step("trigger", token)).status == 400


async def test_g03_whoever_is_disabled_logs_in_by_no_code_and_no_password(home: Estate) -> None:
    token, login = await home.signed_in("eva")
    ticket, code = await ticket_and_code(home, "eva@shop.test")
    await home.store.disable(AccountId("people", "eva"))
    assert await everywhere(home, SESSION, token) == {"401/001"}
    for told in (
        await home.gigya("accounts.otp.login", vToken=ticket, code=code),
        await home.log_in("eva"),
        await home.gigya("accounts.getJWT", login_token=login),
    ):
        assert told["errorCode"] != 0
        assert not {"UID", "sessionInfo", "id_token", "regToken"} & told.keys()


@pytest.mark.parametrize("change", ["one more", "one less", "a reset by an operator"])
async def test_g04_a_changed_factor_ends_what_was_proved_before(home: Estate, change: str) -> None:
    name = f"g04-{change.replace(' ', '-')}"
    token = await opened(home, name, WINDOW, SESSION)
    elsewhere = home.token(name, "the one that changes it", phone_number="+491701234567", phone_number_verified=True)
    pending = await home.code(name)
    match change:
        case "one more":
            assert (await home.step("type-activate", elsewhere, pending, factor="sms")).status == 204
            sent = home.phones.posts[-1].document["code"]
            assert (await home.step("type-verify", elsewhere, sent, factor="sms")).status == 204
        case "one less":
            assert (await home.step("type-deactivate", elsewhere, pending)).status == 204
        case _:
            await home.store.reset(AccountId("shop", name))
    await home.api.renew()
    for path in (SESSION, STRONG):
        assert await everywhere(home, path, token) <= {"403/5900", "403/5906"}
    await home.unlock(name)
    # A code of before is void as well.
    assert said(await home.get(EACH, token, pending)) in ("403/5901", "403/5906")
    assert home.let_through == 0


async def test_g04_a_ticket_of_before_is_void(home: Estate) -> None:
    ticket = (await home.log_in("fay"))["regToken"]
    begun = await home.begun(ticket)
    await home.store.reset(AccountId("people", "fay"))
    told = await home.gigya("accounts.tfa.email.completeVerification", **begun, code=home.mailed("fay"))
    assert told["errorCode"] != 0
    assert (await home.gigya("accounts.finalizeRegistration", regToken=ticket))["errorCode"] != 0


async def test_g05_a_window_of_one_session_is_none_of_another(home: Estate) -> None:
    token = await opened(home, "g05", SESSION)
    stolen = home.token("g05", "stolen", jti="another")
    assert await everywhere(home, SESSION, stolen) == {"403/5900"}
    # `scope: account`, the published behaviour of Glue, opens it to the whole account: `check` says so.
    await home.passes(WINDOW, token, await home.code("g05"))
    await home.passes(WINDOW, stolen)


async def test_g06_a_weaker_proof_opens_nothing_that_asks_for_a_stronger_one(home: Estate) -> None:
    token, secret = await home.with_app("g06")
    await home.passes(WINDOW, token, await home.code("g06"))
    assert await everywhere(home, STRONG, token) == {"403/5900"}
    await home.passes(STRONG, token, shown(secret))
    # Nor does a proof by mail, however fresh, take the authenticator away.
    await home.refused(EACH, token, "000000")
    taken = await home.step("type-deactivate", token, await home.code("g06"), factor="totp")
    assert said(taken) == "403/5901"
    await home.passes(STRONG, token)


async def test_g06_a_login_by_code_is_no_second_factor(home: Estate) -> None:
    ticket, code = await ticket_and_code(home, "max@shop.test")
    told = await home.gigya("accounts.otp.login", vToken=ticket, code=code, include="id_token")
    assert told["UID"] == "max"
    for path in (WINDOW, SESSION, EACH, STRONG):
        answer = await home.get(path, told.get("id_token", "none"))
        assert answer.status in (401, 403)


async def test_g06_an_old_login_adds_no_factor(home: Estate) -> None:
    old = home.token("g06-old", auth_time=int(time.time()) - 3600, iat=int(time.time()))
    for body in ({"type": "totp"}, {"type": "email"}):
        answer = await home.post("/mfa/factors", body, old)
        assert answer.status in (401, 403), answer


@ON_LINUX
async def test_g08_a_raised_rule_holds_for_windows_that_are_open(home: Estate) -> None:
    token = await opened(home, "g08")
    lenient = '{name: window, paths: ["/protected/window"], policy: mfa, dialect: glue}'
    strict = '{name: window, paths: ["/protected/window"], policy: mfa, dialect: glue, factors: [totp]}'
    await reconfigured(home, lenient, strict)
    try:
        await home.api.renew()
        assert await everywhere(home, WINDOW, token) == {"403/5906"}
    finally:
        await reconfigured(home, strict, lenient)
    await home.passes(WINDOW, token)


async def reconfigured(home: Estate, old: str, new: str) -> None:
    """Change the configuration of the gateway while it runs."""
    rewrite(home.installation, old, new)
    await reloaded(home)


async def reloaded(home: Estate) -> None:
    """Have it load its configuration, and wait until nobody serves under the old one."""
    old = set(workers(home.installation))
    assert home.installation.process is not None
    home.installation.process.send_signal(signal.SIGHUP)
    await until(lambda: not old & set(workers(home.installation)))


async def test_g09_nothing_less_than_a_verification_opens_a_window(home: Estate) -> None:
    token = await home.enrolled("g09")
    code = await home.code("g09")
    # A wrong code; a code where none is asked for; a right code of a token that is over, or of nobody.
    await home.refused(SESSION, token, "999999")
    assert said(await home.get("/public", token, code)) == "200"
    over = home.token("g09", exp=int(time.time()) - 3600, iat=int(time.time()) - 7200)
    assert (await home.get(SESSION, over, code)).status == 401
    assert (await home.get(SESSION, "", code)).status == 403
    # A client that leaves within its request.
    async with home.front.client() as client:
        await client.send(request(SESSION, bearer(token), f"X-MFA-Code: {code}")[:-2])
    assert await everywhere(home, SESSION, token) == {"403/5900"}
    assert home.let_through == 0
    await home.passes(SESSION, token, code)


async def test_g09_what_the_api_answers_proves_nothing(home: Estate) -> None:
    token = await home.enrolled("g09-api")

    async def friendly(link: Link) -> None:
        while True:
            await link.request()
            body = json.dumps({"errorCode": 0, "mfa": True}).encode()
            fields = "X-MFA-Verified: true\r\nSet-Cookie: mfa=1\r\nContent-Type: application/json"
            await link.send(f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n{fields}\r\n\r\n".encode() + body)

    await home.api.renew(friendly)
    async with home.front.client() as client:
        answer = await heard(client, request("/multi-factor-auth-verified", bearer(token)))
    assert said(answer) == "200"
    await home.api.renew(honest)
    for fields in ((), ("Cookie: mfa=1",), ("X-MFA-Verified: true",)):
        await home.refused(SESSION, token, None, *fields)


async def test_g09_a_verification_counts_whatever_the_api_says(home: Estate) -> None:
    """It is the gateway that verifies: the code is spent and the window open, also where the API then fails."""
    token = await home.enrolled("g09-500")
    home.proved.add(token)
    code = await home.code("g09-500")

    async def failing(link: Link) -> None:
        await link.request()
        await link.send(b"HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n")

    await home.api.renew(failing)
    assert said(await home.ask(request(SESSION, bearer(token), f"X-MFA-Code: {code}"))) == "500"
    await home.api.renew(honest)
    assert await everywhere(home, SESSION, token) == {"200"}
    await home.refused(EACH, token, code)


@pytest.mark.parametrize("seed", range(4))
async def test_g_no_sequence_of_proofs_endings_and_time_leaves_a_window_open_too_long(home: Estate, seed: int) -> None:
    chance, name = dice(f"g/{seed}"), f"g-{seed}"
    await home.enrolled(name)
    tokens = [home.token(name, sid) for sid in ("one", "two")]
    home.proved |= set(tokens)
    # Milliseconds left of the windows: of the account, and of each session.
    left: dict[str, int] = {}
    for _ in range(20):
        token = chance.choice(tokens)
        match chance.choice(("prove", "prove", "prove one", "leave", "time", "guess")):
            case "prove":
                assert said(await home.get(WINDOW, token, await home.code(name))) == "200"
                left["account"] = 1_800_000
            case "prove one":
                assert said(await home.get(SESSION, token, await home.code(name))) == "200"
                left[token] = 1_800_000
            case "leave":
                assert said(await home.get(LEAVE, token, method="POST")) == "200"
                left.clear()
            case "time":
                ms = chance.choice((600_000, 1_000_000, 1_799_000))
                await home.pass_time(ms)
                left = {who: rest - ms for who, rest in left.items()}
            case _:
                await home.unlock(name)
                await home.refused(SESSION, token, "999998")
        for one in tokens:
            for path, who in ((WINDOW, "account"), (SESSION, one)):
                # What is left of a second is nobody's business here.
                is_open = left.get(who, 0) > 0
                if not 0 < abs(left.get(who, 0)) < 20_000:
                    assert said(await home.get(path, one)) == ("200" if is_open else "403/5900"), (path, left)
