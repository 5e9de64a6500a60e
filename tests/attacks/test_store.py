"""Attacks on what is kept, and on what is done while it cannot be asked: the rows K01 to K05 of the corpus.

Beyond them, subjects that resemble each other, and a store that answers whatever it likes.
"""

import asyncio
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from ipaddress import ip_network
from pathlib import Path
from random import Random

import pytest
import pytest_asyncio

from mfa_gateway.doors.peers import TrustedProxies, read_address
from tests.attacks.estate import EACH, SESSION, WINDOW, Estate, estate, said
from tests.attacks.ground import dice
from tests.e2e.front import rewrite
from tests.e2e.waiting import pause, until
from tests.senders.webhooks import hang_up

pytestmark = [pytest.mark.processes, pytest.mark.asyncio(loop_scope="session")]

# --- K01, K02: keys -----------------------------------------------------------------------------


async def test_k01_no_other_name_shares_anything(home: Estate) -> None:
    token = await home.enrolled("k01")
    await home.passes(WINDOW, token, await home.code("k01"))
    for subject in likenesses(dice("k01"), "k01"):
        for told in ({}, {"iss": "https://club.test"}):
            resembling = home.installation.token(subject, sid="there-of-k01", **told)
            answer = await home.get(WINDOW, resembling)
            assert answer.status in (401, 403), subject
            assert (await home.get(WINDOW, resembling, "999999")).status in (401, 403), subject
    same = home.token("k01", iss="https://club.test")
    assert said(await home.get(WINDOW, same)) == "403/5906"
    assert (await home.budget("k01")).attempts == 0
    huge = await home.ask(f"GET {WINDOW} HTTP/1.1\r\nHost: gw.test\r\nX: {'k' * 1_000_000}\r\n\r\n".encode())
    assert huge is None or huge.status == 431


def likenesses(chance: Random, name: str) -> list[str]:
    """Subjects that some key might take for this one."""
    odd = [
        ":",
        "*",
        "?",
        "{",
        "}",
        "\n",
        "\r\n",
        "\x00",
        "/",
        "\\",
        "[a-z]",
        " ",
        "\t",
        "]]",
        "'",
        '"',
        ":email",
        "\u200b",
        "\uff4b",
    ]
    made = (
        [name + one for one in odd]
        + [one + name for one in odd]
        + [name.upper(), f"{{{name}}}", f"shop:{name}", "*", "?*", ""]
    )
    return made + [
        name[:at] + chance.choice(odd) + name[at:] + chance.choice(odd) for at in range(len(name)) for _ in range(8)
    ]


async def test_k02_no_text_of_a_client_is_ever_a_script(home: Estate) -> None:
    token = await home.enrolled("k02")
    evil = (
        "\"]] redis.call('FLUSHALL') --",
        "'..redis.call('FLUSHALL')..'",
        "]]return 1--",
        "%s%s%n",
        "\\0",
        "*1\\r\\n$8\\r\\nFLUSHALL",
    )
    keys = await home.store._line.ask("DBSIZE")
    for text in evil:
        await home.refused(EACH, token, text)
        await home.unlock("k02")
        assert (await home.get(EACH, home.installation.token(text), text)).status in (401, 403)
        assert (await home.post("/mfa/challenges/verify", {"code": text}, token)).status in (401, 403, 422, 400)
        assert (await home.gigya("accounts.otp.login", vToken=text, code=text))["errorCode"] != 0
        await home.unlock("k02")
    assert await home.store._line.ask("DBSIZE") >= keys - 2
    for never in ("eval", "eval_ro", "flushall", "flushdb", "keys", "fcall"):
        assert never == "keys" or await home.commands(never) == 0, never
    await home.passes(EACH, token, await home.code("k02"))


# --- K03: a store that cannot be asked, or answers nonsense ----------------------------------------


@pytest_asyncio.fixture(loop_scope="session")
async def frail(spared: Estate) -> Estate:
    """One whose every worker has found its store again."""
    token = spared.token("well")

    async def is_well() -> bool:
        return all([(await spared.get(WINDOW, token)).status != 503 for _ in range(8)])

    await until(is_well)
    await spared.api.renew()
    return spared


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def spared(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Estate]:
    """A gateway whose store is not spared."""
    async with estate(
        tmp_path_factory.mktemp("frail"), more="workers: 2\nfactors: {sms: {enabled: true, countries: [DE]}}"
    ) as made:
        yield made


async def told(home: Estate, path: str, token: str, code: str | None = None) -> str:
    """A protected call that must not get through: nothing of it is seen by the API."""
    before = len(home.api.heads)
    answer = await home.get(path, token, code)
    assert answer.status != 200
    assert len(home.api.heads) == before
    return said(answer)


async def returned(home: Estate, token: str) -> None:
    """Wait until an open window counts again."""
    home.proved.add(token)

    async def is_open() -> bool:
        return (await home.get(WINDOW, token)).status == 200

    await until(is_open)


async def open_window(home: Estate, name: str) -> str:
    token = await home.enrolled(name)
    await home.passes(WINDOW, token, await home.code(name))
    return token


async def test_k03_a_store_that_is_slow_lets_nobody_through(frail: Estate) -> None:
    token = await open_window(frail, "slow")
    await frail.valkey.freeze()
    try:
        answers = {await told(frail, WINDOW, token) for _ in range(6)}
        assert {answer[:3] for answer in answers} == {"503"}
        assert (await frail.step("trigger", token)).status == 503
        assert said(await frail.get("/public")) == "200"
    finally:
        await frail.valkey.thaw()
    await returned(frail, token)
    frail.sound()


@pytest.mark.parametrize("state", ["OOM", "READONLY"])
async def test_k03_a_store_that_cannot_write_redeems_nothing(frail: Estate, state: str) -> None:
    ask = frail.store._line.ask
    token, code = await open_window(frail, state), await frail.code(state)
    wrong, right = {"OOM": (("CONFIG", "SET", "maxmemory", "1"), ("CONFIG", "SET", "maxmemory", "0")),
                    "READONLY": (("REPLICAOF", "127.0.0.1", "1"), ("REPLICAOF", "NO", "ONE"))}[state]  # fmt: skip
    await ask(*wrong)
    try:
        assert (await told(frail, EACH, token, code))[:3] == "503"
        assert (await told(frail, SESSION, token, code))[:3] == "503"
    finally:
        await ask(*right)
    await returned(frail, token)
    await frail.passes(EACH, token, code)
    frail.sound()


async def test_k03_a_store_that_has_forgotten_the_scripts_goes_on(frail: Estate) -> None:
    token, code = await open_window(frail, "noscript"), await frail.code("noscript")
    await frail.store._line.ask("SCRIPT", "FLUSH")
    await frail.passes(WINDOW, token)
    await frail.store._line.ask("SCRIPT", "FLUSH")
    await frail.passes(EACH, token, code)
    await frail.store._line.ask("SCRIPT", "FLUSH")
    await frail.refused(EACH, token, code)


async def test_k03_a_message_that_cannot_be_sent_opens_nothing(frail: Estate) -> None:
    token = frail.token("k03-phone", phone_number="+491701234567", phone_number_verified=True)
    frail.phones.answer = hang_up
    answer = await frail.step("type-activate", token, factor="sms")
    assert said(answer) == "503/5910"
    assert (await frail.step("type-verify", token, "000000", factor="sms")).status >= 400
    assert (await told(frail, WINDOW, token)) == "403/5906"


async def test_k03_a_bad_policy_on_reload_changes_nothing(frail: Estate) -> None:
    token = await frail.enrolled("reload")
    good = frail.installation.config.read_text()
    rewrite(frail.installation, "name: window, paths", "name: window, pathz")
    assert frail.installation.process is not None
    frail.installation.process.send_signal(signal.SIGHUP)
    await until(lambda: "configuration not reloaded" in frail.installation.log)
    assert await told(frail, SESSION, token) == "403/5900"
    frail.installation.config.write_text(good)


@asynccontextmanager
async def posing(path: Path, answer: Callable[[], bytes]) -> AsyncIterator[None]:
    """Something in the place of a store, which answers every word that comes with whatever `answer` gives."""
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            while await reader.read(65_536):
                writer.write(answer())
                await writer.drain()
        except (ConnectionError, asyncio.CancelledError):
            pass
        finally:
            tasks.discard(task)
            writer.close()

    server = await asyncio.start_unix_server(serve, path)
    try:
        yield
    finally:
        server.close()
        for task in tuple(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await server.wait_closed()


REPLIES = (
    b"-LOADING Valkey is loading the dataset in memory\r\n",
    b"-MASTERDOWN Link with MASTER is down\r\n",
    b"-CLUSTERDOWN x\r\n",
    b"-NOSCRIPT No matching script\r\n",
    b"-BUSY x\r\n",
    b"-MISCONF x\r\n",
    b"-NOAUTH x\r\n",
    b"-ERR x\r\n",
    b"+OK\r\n",
    b":1\r\n",
    b"$-1\r\n",
    b"*0\r\n",
    b"*-1\r\n",
    b"*3\r\n+rode\r\n+email\r\n:1\r\n",
    b"*2\r\n+redeemed\r\n+email\r\n",
    b"$5\r\nhello\r\n",
    b"garbage\r\n",
    b"\x00\xff",
    b"*1\r\n*1\r\n*1\r\n:0\r\n",
    b"_\r\n",
    b"#t\r\n",
    b",1.5\r\n",
    b"%1\r\n+server\r\n+valkey\r\n",
)


async def test_k03_whatever_is_answered_in_the_place_of_a_store_lets_nobody_through(
    frail: Estate, tmp_path: Path
) -> None:
    token = await open_window(frail, "posing")
    code = await frail.code("posing")
    path = Path(frail.valkey.url.removeprefix("unix://"))
    chance = dice("k03")
    await frail.valkey.stop()
    _unlink(path)
    assert (await told(frail, WINDOW, token))[:3] == "503"
    for loading in (lambda: REPLIES[0], lambda: chance.choice(REPLIES) * chance.choice((1, 1, 1, 7))):
        async with posing(path, loading):
            for at in range(25):
                answer = await frail.get(*((WINDOW, token) if at % 2 else (EACH, token, code)))
                assert answer.status == 503, (at, answer)
                await pause(0.1)
            assert said(await frail.get("/public")) == "200"
        _unlink(path)
    await frail.valkey.start()
    # It has forgotten everything: who was enrolled, and every code.
    await until(lambda: _is_back(frail, token))
    # Each worker finds that out by itself, when it probes.
    await until(lambda: _is_turned_away(frail, token, code))
    frail.sound()


def _unlink(path: Path) -> None:
    path.unlink(missing_ok=True)


async def _is_turned_away(home: Estate, token: str, code: str) -> bool:
    seen = [await told(home, EACH, token, code) for _ in range(4)]
    return set(seen) == {"403/5906"}


async def _is_back(home: Estate, token: str) -> bool:
    return (await home.get(WINDOW, token)).status != 503


# --- K05: addresses ------------------------------------------------------------------------------

SPELLED = {
    "::ffff:127.0.0.1": "127.0.0.1", "0:0::1": "::1", "0:0:0:0:0:ffff:7f00:1": "127.0.0.1", "::1": "::1",
    "[::ffff:7f00:1]": "127.0.0.1", "127.0.0.1": "127.0.0.1", "fe80::1%eth0": "fe80::1",
}  # fmt: skip
UNREADABLE = (
    "garbage",
    "",
    "127.1",
    "0x7f.0.0.1",
    "127.0.0.1.",
    "2130706433",
    "127.0.0.1:80",
    "localhost",
    "::ffff:",
    "0177.0.0.1",
)


async def test_k05_an_address_has_one_form_and_one_that_cannot_be_read_is_trusted_by_nobody() -> None:
    for text, form in SPELLED.items():
        assert str(read_address(text)) == form
    everybody = TrustedProxies((ip_network("0.0.0.0/0"), ip_network("::/0")))
    for text in UNREADABLE:
        assert read_address(text) is None, text
        assert not everybody.trust(text)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def behind(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Estate]:
    """A gateway that trusts this machine, written as some would write it, and counts messages by client address."""
    limits = (
        "rate_limits: {send_per_account: [], send_per_destination: [], send_per_address: [{requests: 2, period: 1h}]}"
    )
    more = 'workers: 2\ntrusted_proxies: ["::ffff:127.0.0.1/128", "0:0::1"]'
    async with estate(tmp_path_factory.mktemp("behind"), more=more, limits=limits) as made:
        yield made


async def test_k05_every_spelling_of_an_address_is_that_address(behind: Estate) -> None:
    spellings = ("203.0.113.9", "::ffff:203.0.113.9", "0:0:0:0:0:ffff:cb00:7109", "[::ffff:cb00:7109]")
    statuses = [
        (await behind.step("type-activate", behind.token(f"k05-{at}"), None, f"X-Forwarded-For: {text}")).status
        for at, text in enumerate(spellings)
    ]
    assert statuses == [204, 204, 429, 429]
    other = await behind.step("type-activate", behind.token("k05-other"), None, "X-Forwarded-For: 203.0.113.10")
    assert other.status == 204


async def test_k05_an_address_that_cannot_be_read_is_that_of_the_peer(behind: Estate) -> None:
    statuses = [
        (await behind.step("type-activate", behind.token(f"k05-g{at}"), None, f"X-Forwarded-For: {text}")).status
        for at, text in enumerate(("garbage", "203.0.113.50, garbage", "127.1", "203.0.113.51:80"))
    ]
    assert statuses == [204, 204, 429, 429]
