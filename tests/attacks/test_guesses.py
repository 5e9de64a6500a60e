"""Attacks on the number of guesses: the rows R01 to R10 of the corpus, and beyond them mixtures of ways to guess."""

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

import pytest

from mfa_gateway.core.entrance.passwords import attempts_at
from mfa_gateway.core.entrance.steps import stand_in
from mfa_gateway.core.proof import Budget, Regulation, ShortCodes
from tests.attacks.estate import EACH, PASSPHRASE, PASSWORD, WINDOW, Estate, said, volley
from tests.attacks.ground import dice
from tests.e2e.front import bearer
from tests.e2e.waiting import until
from tests.e2e.wire import Client, request

README = Path(__file__).parents[2] / "README.md"

pytestmark = [pytest.mark.processes, pytest.mark.asyncio(loop_scope="session")]


async def test_r01_of_200_wrong_codes_at_once_five_are_compared(home: Estate) -> None:
    token, before = await home.enrolled("r01"), await home.commands("rpush")
    wrong = [code for code, _ in zip(home.wrong(), range(200), strict=False)]
    answers = await volley(home.front.port, [request(EACH, bearer(token), f"X-MFA-Code: {code}") for code in wrong])
    assert {said(one) for one in answers} == {"403/5901"}
    assert await home.commands("rpush") - before == 5
    budget = await home.budget("r01")
    assert (budget.attempts, budget.bans) == (0, 1)
    assert home.let_through == 0


async def test_r02_after_eleven_wrong_codes_the_right_one_is_refused(home: Estate) -> None:
    token = await home.enrolled("r02")
    right = await home.code("r02")
    for code, _ in zip(home.wrong(), range(11), strict=False):
        await home.refused(EACH, token, code)
    locked = await home.refused(EACH, token, right)
    assert 800 < int(locked.values("retry-after")[0]) <= 900
    assert (await home.budget("r02")).bans == 1


async def test_r03_neither_a_new_code_nor_a_new_login_gives_guesses_back(home: Estate) -> None:
    token, wrong = await home.enrolled("r03"), iter(home.wrong())
    for at in range(4):
        await home.code("r03")
        await home.refused(EACH, home.token("r03", f"session-{at}"), next(wrong))
    assert (await home.budget("r03")).attempts == 4
    right = await home.code("r03")
    await home.refused(EACH, token, next(wrong))
    for sid in ("there", "session-5"):
        refused = await home.refused(EACH, home.token("r03", sid), right)
        assert refused.values("retry-after")


async def test_r03_the_right_password_gives_no_guesses_at_codes_back(home: Estate) -> None:
    wrong, tokens = iter(home.wrong()), []
    for _ in range(5):
        begun = await home.begun((await home.log_in("ann"))["regToken"])
        tokens.append(await home.gigya("accounts.tfa.email.completeVerification", **begun, code=next(wrong)))
    assert [one["errorCode"] for one in tokens] == [400006] * 5
    assert (await home.budget("ann", realm="people")).bans == 1


@pytest.mark.parametrize("name", ["X-Forwarded-For", "Forwarded", "X-Real-IP", "CF-Connecting-IP", "True-Client-IP"])
async def test_r04_a_new_address_in_a_header_gives_no_guesses(home: Estate, name: str) -> None:
    who = f"r04-{name.lower()}"
    token = await home.enrolled(who)
    addresses = (
        "203.0.113.7",
        "garbage",
        "",
        "::ffff:10.0.0.1",
        "10.0.0.1:99",
        "for=10.0.0.9;by=x",
        "127.0.0.1, 8.8.8.8",
    )
    for code, address in zip(home.wrong(), addresses, strict=False):
        await home.refused(EACH, token, code, f"{name}: {address}")
    assert (await home.budget(who)).bans == 1


async def test_r05_fifty_addresses_have_the_guesses_of_one(home: Estate) -> None:
    token = await home.enrolled("r05")
    for code, at in zip(home.wrong(), range(50), strict=False):
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", home.front.port, local_addr=(f"127.1.0.{at + 1}", 0)
        )
        client = Client(reader, writer)
        assert said(await client.ask(request(EACH, bearer(token), f"X-MFA-Code: {code}"))) == "403/5901"
        client.leave()
    budget = await home.budget("r05")
    assert (budget.attempts, budget.bans) == (0, 1)


WAYS: Mapping[str, Callable[[Estate, str, str], Awaitable[object]]] = {
    "the gate": lambda home, token, code: home.get(WINDOW, token, code),
    "every call": lambda home, token, code: home.get(EACH, token, code),
    "another method": lambda home, token, code: home.get(PASSWORD, token, code, method="PATCH"),
    "deactivation": lambda home, token, code: home.step("type-deactivate", token, code),
    "another activation": lambda home, token, code: home.step("type-activate", token, code, factor="sms"),
    "a challenge": lambda home, token, code: home.post("/mfa/challenges/verify", {"code": code}, token),
    "one more factor": lambda home, token, code: home.post(
        "/mfa/factors", {"type": "totp"}, token, f"X-MFA-Code: {code}"
    ),
    "one less": lambda home, token, code: home.post(
        "/mfa/backup-codes", None, token, f"X-MFA-Code: {code}", method="DELETE"
    ),
}


async def test_r07_every_way_to_show_a_code_uses_the_same_guesses(home: Estate) -> None:
    token = await home.enrolled("r07")
    right, before = await home.code("r07"), await home.commands("rpush")
    for code, way in zip(
        home.wrong(), ("the gate", "deactivation", "another activation", "a challenge", "one more factor"), strict=False
    ):
        await WAYS[way](home, token, code)
    assert (await home.budget("r07")).bans == 1
    assert await home.commands("rpush") - before == 5
    assert said(await home.get(EACH, token, right)) == "403/5901"
    assert (await home.step("type-deactivate", token, right)).values("retry-after")


async def test_r07_every_way_to_show_a_password_uses_the_same_guesses(home: Estate) -> None:
    wrong = {"uaUserName": "kit@shop.test", "uaPassword": "wrong"}
    for at in range(9):
        match at % 3:
            case 0:
                await home.log_in("kit", "wrong")
            case 1:
                await home.post("/adservio/auth", wrong)
            case _:
                await home.post("/adservio/auth/tfa_challenge", {**wrong, "tfaOptID": 1})
    login = attempts_at("people", "kit@shop.test")
    assert (await home.budget_of(login, Budget.FIRST_FACTOR)).bans == 1
    assert (await home.log_in("kit"))["errorCode"] not in (0, 403101)
    right = {**wrong, "uaPassword": PASSPHRASE}
    assert (await home.post("/adservio/auth", right)).status >= 400
    # Whoever has proved something has a budget of their own.
    assert (await home.budget("kit", Budget.STEP_UP, "people")).ban_left_ms == 0


@pytest.mark.parametrize("seed", range(3))
async def test_r07_no_mixture_of_ways_gives_a_sixth_guess(home: Estate, seed: int) -> None:
    name, chance = f"r07-{seed}", dice(f"r07/{seed}")
    await home.enrolled(name)
    right, wrong, before = await home.code(name), iter(home.wrong()), await home.commands("rpush")
    for at in range(25):
        await WAYS[chance.choice(tuple(WAYS))](home, home.token(name, f"session-{at % 4}"), next(wrong))
    assert await home.commands("rpush") - before == 5
    assert (await home.budget(name)).bans == 1
    await home.refused(EACH, home.token(name), right)


async def test_r08_guesses_are_counted_over_workers_and_restarts(home: Estate) -> None:
    token, wrong = await home.enrolled("r08"), iter(home.wrong())
    right = await home.code("r08")
    for _ in range(3):
        await home.refused(EACH, token, next(wrong), "Cookie: attempts=0; gateway=1")
    await home.installation.stop()
    await home.installation.restart()
    for _ in range(3):
        await home.refused(EACH, token, next(wrong), "Cookie: attempts=0; gateway=1")
    refused = await home.refused(EACH, token, right)
    assert refused.values("retry-after")
    assert (await home.budget("r08")).bans == 1


async def test_r09_of_a_thousand_wrong_codes_five_are_compared(home: Estate) -> None:
    token, before = await home.enrolled("r09"), await home.commands("rpush")
    async with home.front.client() as client:
        for code, _ in zip(home.wrong(), range(1000), strict=False):
            assert said(await client.ask(request(EACH, bearer(token), f"X-MFA-Code: {code}"))) == "403/5901"
    assert await home.commands("rpush") - before == 5


async def test_r09_of_a_thousand_codes_of_four_digits_few_are_compared(home: Estate) -> None:
    address = "r09-short@shop.test"
    ticket = (await home.gigya("accounts.auth.otp.email.sendCode", "3_SHORT", email=address))["vToken"]
    await until(lambda: any(to == address for to, _, _ in home.installation.mailbox.messages))
    text = next(text for to, _, text in home.installation.mailbox.messages if to == address)
    (right,) = re.findall(r"\b\d{4}\b", text)
    for at in range(1000):
        code = f"{(int(right) + 1 + at) % 10_000:04}"
        told = await home.gigya("accounts.otp.login", "3_SHORT", vToken=ticket, code=code)
        assert told["errorCode"] in (400006, 400124)
    # The third wrong one has made it void, whoever brings it.
    assert (await home.gigya("accounts.otp.login", "3_SHORT", vToken=ticket, code=right))["errorCode"] != 0
    budget = await home.budget_of(stand_in("short", address), Budget.FIRST_FACTOR)
    assert (budget.attempts, budget.bans) == (0, 1)


async def test_r09_whoever_stays_below_the_ban_has_four_guesses_in_ten_minutes(home: Estate) -> None:
    token, wrong = await home.enrolled("r09-slow"), iter(home.wrong())
    for _ in range(3):
        for _ in range(4):
            await home.refused(EACH, token, next(wrong))
        assert (await home.budget("r09-slow")).bans == 0
        await home.pass_time(600_001)
    for _ in range(5):
        await home.refused(EACH, token, next(wrong))
    assert (await home.budget("r09-slow")).bans == 1


async def test_r09_whoever_stays_below_the_ban_has_a_hundred_guesses_a_day(home: Estate) -> None:
    token, wrong = await home.enrolled("r09-patient"), iter(home.wrong())
    before = await home.commands("rpush")
    for _ in range(30):
        for _ in range(4):
            await home.refused(EACH, token, next(wrong))
        await home.pass_time(600_001)
    assert await home.commands("rpush") - before == 100
    budget = await home.budget("r09-patient")
    assert (budget.bans, budget.ban_left_ms > 18 * 3_600_000) == (0, True)
    locked = await home.refused(EACH, token, await home.code("r09-patient"))
    assert int(locked.values("retry-after")[0]) > 18 * 3_600


async def test_r09_the_chance_of_a_guess_in_a_day_is_what_the_documentation_says() -> None:
    numbers, day, ended, bans = Regulation(), 24 * 3_600_000, 0, 0
    below = (numbers.max_retries - 1) * day // numbers.find_time_ms
    slowly = min(below, numbers.per_day)
    while ended < day:
        ended += min(numbers.ban_time_ms * 2**bans, numbers.ban_max_ms)
        bans += 1
    assert (slowly, numbers.max_retries * bans, ShortCodes().per_day) == (100, 35, 10)
    documentation = await asyncio.to_thread(README.read_text, encoding="utf-8")
    for number in ("100 guesses a day", "35 guesses", "10 guesses a day", "1 in 10,000", "1 in 3,300", "1 in 1,000"):
        assert number in documentation
    assert (10**6 // slowly, 10**6 // (3 * slowly) // 100, 10**4 // 10) == (10_000, 33, 1000)


async def test_r10_a_flood_of_guesses_locks_nobody_out_who_has_proved(home: Estate) -> None:
    await home.enrolled("r10")
    owner = home.token("r10", "owner")
    await home.passes(WINDOW, owner, await home.code("r10"))
    for code, at in zip(home.wrong(), range(40), strict=False):
        assert (await home.step("trigger", f"forged-{at}")).status == 401
        await home.get(EACH, home.token("r10", "thief"), code)
    await home.passes(WINDOW, owner)
    await home.passes(EACH, owner, await home.code("r10"))


async def test_r10_a_limit_looks_the_same_for_those_there_are_not(home: Estate) -> None:
    answers = {}
    for name in ("joe", "nobody"):
        for _ in range(5):
            await home.log_in(name, "wrong")
        body = {"uaUserName": f"{name}@shop.test", "uaPassword": "wrong"}
        answers[name] = [await home.log_in(name, "wrong"), await home.post("/adservio/auth", body)]
    (known, known_too), (unknown, unknown_too) = answers["joe"], answers["nobody"]
    changing = {"callId", "time"}
    assert {key: known[key] for key in known.keys() - changing} == {
        key: unknown[key] for key in unknown.keys() - changing
    }
    assert (known_too.status, known_too.body) == (unknown_too.status, unknown_too.body)
    assert known_too.values("retry-after")
    assert unknown_too.values("retry-after")
