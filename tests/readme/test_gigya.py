"""The README's page on Gigya, as its reader takes it: every command is run, and every output is what it says."""

import asyncio
import os
import re
import shutil
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.e2e.gigya import PASSWORD, Shop
from tests.readme.test_readme import blocks, commands, plain, run

pytestmark = pytest.mark.processes

SECTION = "Gigya"
RULES = """
access_control:
  default_policy: open
  rules:
    - {name: orders, paths: ["/orders/**"], policy: mfa, realms: [people], dialect: gigya}
"""
# Nobody's but the reader's: what was handed out.
_TOKEN = re.compile(r'"(gmid|regToken|gigyaAssertion|phvToken|providerAssertion|id)": "[^"]+"')
# Which variable of the page holds what an answer has given.
NAMES = {
    "gmid": "GMID",
    "regToken": "REG",
    "gigyaAssertion": "ASSERTION",
    "id": "EMAIL",
    "phvToken": "PHV",
    "providerAssertion": "ANSWER",
}


def common(text: str) -> str:
    return _TOKEN.sub(r'"\1": "its own"', plain(text)).replace(",\n", "\n").rstrip(",")


@pytest.fixture
async def client(tmp_path: Path) -> AsyncIterator[Shop]:
    """The configuration of the page, and somebody who has a factor by e-mail."""
    (configuration,) = blocks("yaml", SECTION)
    # The people of the shop are of two realms.
    more = configuration.replace("realm: shop}]", "realm: people}, {api_key: 3_PLAIN, realm: plain}]")
    async with Shop(tmp_path, rules=RULES, more=more) as running:
        await running.open()
        yield running


def here(text: str, client: Shop) -> str:
    return text.replace("http://127.0.0.1:8080", f"http://127.0.0.1:{client.port}")


async def test_the_commands_print_what_the_page_says(client: Shop, tmp_path: Path) -> None:
    if shutil.which("curl") is None:
        pytest.skip("curl is missing; the walk of the README fails in CI where it is")
    listed = list(commands(SECTION))
    assert len(listed) == 8
    environ = {"PASSWORD": PASSWORD}
    for command in listed:
        printed = await asyncio.to_thread(run, here(command.line, client), tmp_path, **environ)
        assert common(printed) == common(command.output), command.line
        told = re.findall(r'"(\w+)": "([^"]+)"', printed)
        environ |= {NAMES[name]: value for name, value in told if name in NAMES}
        if "phvToken" in printed:
            environ["CODE"] = await client.mailbox.code()


async def test_the_client_asks_for_a_code_and_is_in(client: Shop, tmp_path: Path) -> None:
    (written,) = blocks("python", SECTION)
    script = tmp_path / "client.py"
    script.write_text(here(written, client))
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(script), env={**os.environ, "PASSWORD": PASSWORD},
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    code = await client.mailbox.code()
    async with asyncio.timeout(20):
        printed, _ = await process.communicate(f"{code}\n".encode())
    assert (process.returncode, printed.decode()) == (0, "Code for a***@shop.test: Logged in as ada\n")
