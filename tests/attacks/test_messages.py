"""Attacks on the bill for messages: the rows T01 and T02 of the corpus, and beyond them numbers in many spellings."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.attacks.estate import EACH, Estate, estate, said
from tests.attacks.ground import dice
from tests.e2e.wire import Answer

pytestmark = [pytest.mark.processes, pytest.mark.asyncio(loop_scope="session")]

LIMITS = (
    "rate_limits: {send_per_account: [{requests: 3, period: 1h}], send_per_destination: [{requests: 4, period: 1h}],"
    " send_per_prefix: [{requests: 10, period: 1h}], send_per_country: [{requests: 60, period: 1h}],"
    " send_per_address: [],"
    " send_total: [{requests: 90, period: 1h}]}"
)
MORE = "workers: 2\nfactors: {sms: {enabled: true, countries: [DE, GB]}}"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def metered(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Estate]:
    async with estate(tmp_path_factory.mktemp("metered"), more=MORE, limits=LIMITS) as made:
        yield made


async def asked(home: Estate, name: str, number: str, *fields: str) -> Answer:
    """Somebody asks for a code to a number that is theirs, as their token says."""
    token = home.token(name, phone_number=number, phone_number_verified=True)
    return await home.step("type-activate", token, None, *fields, factor="sms")


async def test_t01_two_hundred_accounts_with_numbers_of_one_block_get_ten_messages(metered: Estate) -> None:
    calls = (asked(metered, f"t01-{at}", f"+4917012{at:06d}"[:10] + f"{at:04d}") for at in range(200))
    answers = await asyncio.gather(*calls)
    assert Counter(map(said, answers)) == {"204": 10, "429/5910": 190}
    assert len(metered.phones.posts) == 10
    assert all(one.values("retry-after") for one in answers if one.status == 429)


async def test_t01_parallel_triggers_of_one_account_are_within_its_limit(metered: Estate) -> None:
    before = len(metered.phones.posts)
    answers = await asyncio.gather(*(asked(metered, "t01-parallel", "+4915112345678") for _ in range(40)))
    assert len(metered.phones.posts) - before <= 3
    assert Counter(map(said, answers))["429/5910"] >= 37


async def test_t01_every_spelling_of_a_number_is_that_number(metered: Estate) -> None:
    before = len(metered.phones.posts)
    chance = dice("t01")
    spellings = [
        "+447400123456",
        "00447400123456",
        "+44 7400 123456",
        "+44 (0)7400 123456",
        "0044 7400-123-456",
        "+44.7400.123456",
    ]
    spellings += ["".join(one + chance.choice(("", "", " ", "-")) for one in "+447400123456") for _ in range(14)]
    for at, number in enumerate(spellings):
        answer = await asked(metered, f"t01-spelled-{at}", number)
        assert answer.status in (204, 429, 400), number
    sent = [post.document["to"] for post in metered.phones.posts[before:]]
    assert sent == ["+447400123456"] * 4


async def test_t01_a_country_and_everything_together_have_their_limits(metered: Estate) -> None:
    chance = dice("t01/total")
    for at in range(150):
        # Blocks, accounts and addresses of clients are all different.
        number = f"+49{chance.choice(('151', '160', '171', '175'))}{chance.randint(10**6, 10**7 - 1)}{at % 10}"
        await asked(metered, f"t01-total-{at}", number, f"X-Forwarded-For: 203.0.113.{at}")
    countries = Counter(post.document["to"][:3] for post in metered.phones.posts)
    assert countries["+49"] <= 60
    assert len(metered.phones.posts) <= 90
    assert countries["+49"] >= 50


async def test_t02_a_message_goes_to_nobody_but_its_owner(home: Estate) -> None:
    await home.enrolled("t02")
    token, before = home.token("t02"), len(home.installation.mailbox.messages)
    expired = home.token("t02", exp=int(time.time()) - 3600, iat=int(time.time()) - 7200)
    for bad in ("", expired, "x"):
        assert (await home.step("trigger", bad)).status in (401, 403)
        assert (await home.post("/mfa/challenges", {}, bad)).status == 401
        assert (
            await home.post("/adservio/auth/challenge_phone", {"chUaID": "t02", "chPhone": "+491701234567"}, bad)
        ).status >= 400
    assert said(await home.step("trigger", token, factor="pigeon")) == "400/5906"
    assert said(await home.step("trigger", token, factor="sms")) == "400/5906"
    assert (await home.post("/mfa/challenges", {"address": "thief@evil.test"}, token)).status >= 400
    assert (await home.post("/mfa/challenges", {"phone": "+491709999999"}, token)).status >= 400
    assert (
        await home.post("/adservio/auth/challenge_phone", {"chUaID": "ann", "chPhone": "+491701234567"}, token)
    ).status >= 400
    assert len(home.installation.mailbox.messages) == before
    attributes = {"type": "email", "phone": "+491709999999", "email": "thief@evil.test", "address": "thief@evil.test"}
    body = {"data": {"type": "multi-factor-auth-trigger", "attributes": attributes}}
    answer = await home.post("/multi-factor-auth-trigger", body, token)
    assert answer.status in (204, 400)
    assert {to for to, _, _ in home.installation.mailbox.messages[before:]} <= {"t02@shop.test"}
    assert home.phones.posts == [] or all(post.document["to"] != "+491709999999" for post in home.phones.posts)


async def test_t02_an_unverified_address_of_a_token_is_sent_nothing(home: Estate) -> None:
    before = len(home.installation.mailbox.messages)
    token = home.token("t02-unverified", email="victim@shop.test", email_verified=False)
    assert said(await home.step("type-activate", token)) == "400/5906"
    assert len(home.installation.mailbox.messages) == before


async def test_t02_another_message_gives_no_guesses_back_and_no_code_more_life(home: Estate) -> None:
    token, wrong = await home.enrolled("t02-again"), iter(home.wrong())
    first = await home.code("t02-again")
    for _ in range(3):
        await home.refused(EACH, token, next(wrong))
        await home.code("t02-again")
    assert (await home.budget("t02-again")).attempts == 3
    await home.pass_time(500_000)
    second = await home.code("t02-again")
    await home.pass_time(150_000)
    await home.refused(EACH, token, first)
    await home.passes(EACH, token, second)
