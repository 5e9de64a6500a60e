"""No oracle: whoever has proved nothing learns neither from an answer nor from its time who has an account.

Known and unknown take turns on a connection. Messages leave through a service that is prompt, and then through one so
slow that they pile up until no more are taken: neither may show in what an answer says, how long it is, or when
it comes.
"""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from math import sqrt
from random import Random
from urllib.parse import urlencode

import pytest
import pytest_asyncio

from tests.e2e.installation import Installation
from tests.e2e.waiting import PATIENCE, pause
from tests.e2e.wire import Client, connected, request
from tests.senders.webhooks import Service, replies

# One gateway for all of them: known and unknown find it in the same state.
pytestmark = [pytest.mark.processes, pytest.mark.asyncio(loop_scope="module")]

# Each pair is of one length, and so are the sealed tokens that are made of it.
EMAILS = ("ada@shop.test", "eve@shop.test")
NUMBERS = ("+491701234567", "+491701234568")
PASSWORD = "correct horse battery staple"
ADA = {
    "realm": "people",
    "subject": "ada",
    "login_ids": [EMAILS[0], NUMBERS[0]],
    "password": PASSWORD,
    "email": EMAILS[0],
    "email_verified": True,
    "phone": NUMBERS[0],
    "phone_verified": True,
}

# Each site, and to how many of the two it sends.
SITES = pytest.mark.parametrize(("key", "reached"), [("3_OPEN", 2), ("3_CLOSED", 1)], ids=["open", "closed"])

ADDRESSES = pytest.mark.parametrize("addresses", [EMAILS, NUMBERS], ids=["email", "phone"])

# The bound of 0.05 on both sides is five standard errors away at this number.
PAIRS, BOUND = 2000, 0.05
# A comparison of passwords takes the time that it is made to take, so there are fewer of these. Their bound is what
# chance alone goes beyond once in 16,000 runs. It sees a comparison that is left out, and no finer difference.
PASSWORD_PAIRS, STANDARD_ERRORS = 150, 4.0
SLOW_SECONDS = 0.2

OPTIONS = """
factors: {sms: {enabled: true, countries: [DE]}}
dialects:
  gigya:
    enabled: true
    prefix: /gigya
    calls_per_address: []
    sites:
      - {api_key: 3_OPEN, realm: people}
      - {api_key: 3_CLOSED, realm: people, otp_registration: false}
regulation: {max_retries: 100, per_day: 10000, find_time: 1ms, ban_time: 1ms, ban_max: 1ms}
"""
# Nothing that counts messages may cut the pairs short.
LIMITS = (
    "rate_limits: {send_per_account: [], send_per_destination: [], send_per_address: [], conversion: {enabled: false}}"
)


class Courier(Service):
    """A service that is as fast as it is told to be."""

    def __init__(self) -> None:
        super().__init__(answer=self._take)
        self.seconds = 0.0
        self._arrived = asyncio.Event()

    async def _take(self, writer: asyncio.StreamWriter) -> None:
        if self.seconds:
            await pause(self.seconds)
        await replies()(writer)
        self._arrived.set()

    async def took(self, messages: int) -> None:
        """Wait until so many have arrived."""
        async with asyncio.timeout(PATIENCE):
            while len(self.posts) < messages:
                self._arrived.clear()
                await self._arrived.wait()


@dataclass(frozen=True, slots=True)
class Said:
    """An answer: how long it took, and all of it that could tell something."""

    seconds: float
    seen: tuple[object, ...]
    body: dict[str, str] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Site:
    """A gateway that sends through a courier, and a connection to it."""

    installation: Installation
    courier: Courier
    client: Client

    async def ask(self, method: str, **parameters: str) -> Said:
        body = urlencode(parameters).encode()
        form = "Content-Type: application/x-www-form-urlencoded"
        call = request(f"/gigya/{method}", form, method="POST", body=body)
        began = time.perf_counter()
        answer = await self.client.ask(call)
        seconds = time.perf_counter() - began
        said = json.loads(answer.body)
        fields = tuple(name for name, _ in answer.fields)
        error = (said["errorCode"], said.get("errorDetails", ""))
        return Said(seconds, (answer.status, fields, len(answer.body), tuple(said), *error), said)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def site(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Site]:
    async with AsyncExitStack() as stack:
        courier = Courier()
        await courier.start()
        stack.push_async_callback(courier.stop)
        installation = Installation(tmp_path_factory.mktemp("oracle"), more=OPTIONS)
        await stack.enter_async_context(installation)
        await furnish(installation, courier)
        yield Site(installation, courier, await stack.enter_async_context(connected(installation.port)))
        # What still waits is sent before the gateway stops.
        courier.seconds = 0.0


async def furnish(installation: Installation, courier: Courier) -> None:
    """Have all messages sent through the courier, bring Ada in, and start."""
    (installation.folder / "webhook-secret").write_text("0123456789abcdef0123456789abcdef")
    webhook = f"{{webhook: {{url: '{courier.url}', secret_file: ./webhook-secret}}}}"
    text = installation.config.read_text().replace("source: claims", "source: store")
    replaced = {"  email:": f"  email: {webhook}\n  sms: {webhook}", "rate_limits:": LIMITS}
    lines = (
        next((new for start, new in replaced.items() if line.startswith(start)), line) for line in text.splitlines()
    )
    installation.config.write_text("\n".join(lines))
    (installation.folder / "people.ndjson").write_text(json.dumps(ADA) + "\n")
    await installation.run("accounts", "import", str(installation.folder / "people.ndjson"))
    await installation.start()


async def send_code(site: Site, key: str, address: str) -> Said:
    if "@" in address:
        return await site.ask("accounts.auth.otp.email.sendCode", apiKey=key, email=address)
    return await site.ask("accounts.otp.sendCode", apiKey=key, phoneNumber=address, lang="en")


def area_under_curve(some: Sequence[float], others: Sequence[float]) -> float:
    """How often one of `some` takes longer than one of `others` (Mann and Whitney)."""
    ranked = sorted([(one, True) for one in some] + [(one, False) for one in others])
    total = sum(rank for rank, (_, is_some) in enumerate(ranked, 1) if is_some)
    return (total - len(some) * (len(some) + 1) / 2) / (len(some) * len(others))


def standard_error(pairs: int) -> float:
    """That of the area where there is nothing to tell."""
    return sqrt((2 * pairs + 1) / (12 * pairs * pairs))


@dataclass(frozen=True, slots=True)
class Comparison:
    """Answers to known (0) and unknown (1)."""

    answers: tuple[list[Said], list[Said]] = field(default_factory=lambda: ([], []))

    def add(self, which: int, said: Said) -> None:
        self.answers[which].append(said)

    @property
    def area(self) -> float:
        known, unknown = ([said.seconds for said in answers] for answers in self.answers)
        return area_under_curve(known, unknown)

    @property
    def seen(self) -> set[tuple[object, ...]]:
        """What was seen of all of them: one thing where they do not differ."""
        return {said.seen for answers in self.answers for said in answers}


def turns(pairs: int) -> list[int]:
    """Whose turn it is, known (0) or unknown (1). By lot: in any pattern the one has other predecessors than the other,
    and a gateway is busy with what they left behind.
    """
    return Random(pairs).sample([0, 1] * pairs, 2 * pairs)


# --- Nobody is sent anything slowly yet -------------------------------------------------------


@SITES
@ADDRESSES
async def test_who_is_known_is_known(site: Site, addresses: tuple[str, str], key: str, reached: int) -> None:
    site.courier.posts.clear()
    for address in reversed(addresses):
        await send_code(site, key, address)
    await site.courier.took(reached)
    assert {post.document["to"] for post in site.courier.posts} == set(addresses[:reached])


@SITES
async def test_a_wrong_code_tells_nothing(site: Site, key: str, reached: int) -> None:
    site.courier.posts.clear()
    tokens = [(await send_code(site, key, address)).body["vToken"] for address in EMAILS]
    await site.courier.took(reached)
    right = {post.document["code"] for post in site.courier.posts}
    wrong = [code for code in (f"{at:06}" for at in range(2 * PAIRS + reached)) if code not in right]
    compared = Comparison()
    for which, code in zip(turns(PAIRS), wrong, strict=False):
        shown = {"vToken": tokens[which], "code": code}
        compared.add(which, await site.ask("accounts.otp.login", apiKey=key, **shown))
    assert [seen[-2] for seen in compared.seen] == [400006]
    assert abs(compared.area - 0.5) < BOUND


async def test_a_wrong_password_tells_nothing(site: Site) -> None:
    compared = Comparison()
    for which in turns(PASSWORD_PAIRS):
        shown = {"loginID": EMAILS[which], "password": "wrong"}
        compared.add(which, await site.ask("accounts.login", apiKey="3_OPEN", **shown))
    assert [seen[-2] for seen in compared.seen] == [403042]
    assert abs(compared.area - 0.5) < STANDARD_ERRORS * standard_error(PASSWORD_PAIRS)


async def test_asking_for_a_code_tells_nothing_while_one_gets_it_and_one_does_not(site: Site) -> None:
    site.courier.posts.clear()
    compared, known = Comparison(), 0
    for which in turns(PAIRS):
        compared.add(which, await send_code(site, "3_CLOSED", NUMBERS[which]))
        known += which == 0
        await site.courier.took(known)
    assert [seen[-2] for seen in compared.seen] == [0]
    assert abs(compared.area - 0.5) < BOUND


# --- A slow sender, and from now on so much that waits ----------------------------------------


@pytest.mark.parametrize("key", ["3_OPEN", "3_CLOSED"], ids=["open", "closed"])
@ADDRESSES
async def test_asking_for_a_code_tells_nothing_while_messages_pile_up(
    site: Site, addresses: tuple[str, str], key: str
) -> None:
    site.courier.seconds = SLOW_SECONDS
    compared = Comparison()
    for which in turns(PAIRS):
        compared.add(which, await send_code(site, key, addresses[which]))
    assert [seen[-2] for seen in compared.seen] == [0]
    assert abs(compared.area - 0.5) < BOUND
    # Not all of them found room, whichever of the two they were for.
    assert "too much is waiting to be sent" in site.installation.log
