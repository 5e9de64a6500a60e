"""No oracle: whoever has proved nothing learns neither from an answer nor from its time who has an account.

Known and unknown callers take turns on one connection. Messages leave through a service that is slow, and then through
one that answers nothing at all, until so many wait that more are not sent: neither may show in what an answer says,
how long it is, or when it comes.
"""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from math import sqrt
from pathlib import Path
from urllib.parse import urlencode

import pytest
import pytest_asyncio

from tests.e2e.installation import Installation
from tests.e2e.waiting import pause, until
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
regulation: {max_retries: 100, find_time: 1s, ban_time: 1s, ban_max: 1s}
"""
# Nothing that counts messages may cut the pairs short.
LIMITS = "rate_limits: {send_per_account: [], send_per_destination: [], send_per_address: [], conversion: {enabled: false}}"



class Courier(Service):
    """A service that is as fast as it is told to be."""

    def __init__(self) -> None:
        super().__init__(answer=self._take)
        self.seconds = 0.0
        self.is_open = asyncio.Event()
        self.is_open.set()

    async def _take(self, writer: asyncio.StreamWriter) -> None:
        if self.seconds:
            await pause(self.seconds)
        await self.is_open.wait()
        await replies()(writer)

    def reached(self) -> set[str]:
        return {post.document["to"] for post in self.posts}


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
        stack.callback(courier.is_open.set)
        yield Site(installation, courier, await stack.enter_async_context(connected(installation.port)))


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


class Comparison:
    """Answers to a known and to an unknown one."""

    def __init__(self) -> None:
        self._seconds: tuple[list[float], list[float]] = ([], [])
        self._seen: tuple[set[object], set[object]] = (set(), set())

    def add(self, which: int, said: Said) -> None:
        self._seconds[which].append(said.seconds)
        self._seen[which].add(said.seen)

    def tells_nothing(self, bound: float = BOUND) -> bool:
        known, unknown = self._seen
        assert known == unknown
        area = area_under_curve(*self._seconds)
        print("AREA", round(area, 4), len(self._seconds[0]), known)
        assert abs(area - 0.5) < bound, area
        return True


def turns(pairs: int) -> list[int]:
    """Whose turn it is, known (0) or unknown (1): each comes as often behind the one as behind the other."""
    return [which for at in range(pairs) for which in ((0, 1) if at % 2 else (1, 0))]


@SITES
@pytest.mark.parametrize("addresses", [EMAILS, NUMBERS], ids=["email", "phone"])
async def test_who_is_known_is_known(site: Site, addresses: tuple[str, str], key: str, reached: int) -> None:
    site.courier.posts.clear()
    for address in reversed(addresses):
        assert (await send_code(site, key, address)).seen[-2:] == (0, "")
    await until(lambda: len(site.courier.posts) == reached)
    assert site.courier.reached() == set(addresses[:reached])


@SITES
async def test_a_wrong_code_tells_nothing(site: Site, key: str, reached: int) -> None:
    site.courier.posts.clear()
    tokens = [(await send_code(site, key, address)).body["vToken"] for address in EMAILS]
    await until(lambda: len(site.courier.posts) == reached)
    right = {post.document["code"] for post in site.courier.posts}
    wrong = [code for code in (f"{at:06}" for at in range(2 * PAIRS + reached)) if code not in right]
    compared = Comparison()
    for which, code in zip(turns(PAIRS), wrong, strict=False):
        shown = {"vToken": tokens[which], "code": code}
        compared.add(which, await site.ask("accounts.otp.login", apiKey=key, **shown))
    assert compared.tells_nothing()


async def test_a_wrong_password_tells_nothing(site: Site) -> None:
    compared = Comparison()
    for which in turns(PASSWORD_PAIRS):
        shown = {"loginID": EMAILS[which], "password": "wrong"}
        compared.add(which, await site.ask("accounts.login", apiKey="3_OPEN", **shown))
    assert compared.tells_nothing(STANDARD_ERRORS * standard_error(PASSWORD_PAIRS))


@pytest.mark.parametrize("key", ["3_OPEN", "3_CLOSED"])
@pytest.mark.parametrize("addresses", [EMAILS, NUMBERS], ids=["email", "phone"])
async def test_asking_for_a_code_tells_nothing(site: Site, addresses: tuple[str, str], key: str) -> None:
    site.courier.seconds = SLOW_SECONDS
    compared = Comparison()
    for at, which in enumerate(turns(PAIRS)):
        if at == PAIRS:
            site.courier.is_open.clear()
        compared.add(which, await send_code(site, key, addresses[which]))
    assert "too much is waiting to be sent" in site.installation.log
    site.courier.is_open.set()
    assert compared.tells_nothing()
