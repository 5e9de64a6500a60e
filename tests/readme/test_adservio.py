"""The README's page on Adservio, as its reader takes it: every command is run, and every output is what it says."""

import asyncio
import json
import os
import re
import shutil
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.e2e.school import PASSWORD, School, school
from tests.e2e.waiting import until
from tests.readme.test_readme import blocks, commands, plain, run

pytestmark = pytest.mark.processes

SECTION = "Adservio"
# Nobody's but the reader's: numbers of options, moments, and what was handed out.
_ONES_OWN = (
    (re.compile(r'"tfaOptID":"\d+"'), '"tfaOptID":"its number"'),
    (re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d"), "a moment"),
    (re.compile(r'"access_token":"[\w-]+\.[\w-]+\.[\w-]+"'), '"access_token":"a token"'),
    (re.compile(r'"tfaToken":"tfa_[0-9a-f]{32}"'), '"tfaToken":"a token"'),
)


def common(text: str) -> str:
    text = plain(text)
    for pattern, instead in _ONES_OWN:
        text = pattern.sub(instead, text)
    return text


@pytest.fixture
async def client(tmp_path: Path) -> AsyncIterator[School]:
    """The configuration of the page, and somebody who has a factor by SMS."""
    (configuration,) = blocks("yaml", SECTION)
    more = f"{configuration}factors: {{sms: {{enabled: true, countries: [RO]}}}}\n"
    async with school(tmp_path, "42", more=more) as running:
        await running.enrol_sms(await running.token())
        yield running


async def test_the_commands_print_what_the_page_says(client: School, tmp_path: Path) -> None:
    if shutil.which("curl") is None:
        pytest.skip("curl is missing; the walk of the README fails in CI where it is")
    listed = list(commands(SECTION))
    assert len(listed) == 5
    environ = {"PASSWORD": PASSWORD}
    for command in listed:
        line = command.line.replace("http://127.0.0.1:8080", str(client.site.client.base_url).rstrip("/"))
        printed = await asyncio.to_thread(run, line, tmp_path, **environ)
        assert common(printed) == common(command.output), command.line
        said = json.loads(printed)
        if "data" in said:
            environ["OPTION"] = said["data"][0]["tfaOptID"]
        elif "result" in said:
            environ["CODE"] = client.sms()
        elif "access_token" in said:
            environ["TOKEN"] = said["access_token"]


async def test_the_client_asks_for_a_code_and_is_in(client: School, tmp_path: Path) -> None:
    (written,) = blocks("python", SECTION)
    script = tmp_path / "client.py"
    script.write_text(written.replace("http://127.0.0.1:8080", str(client.site.client.base_url).rstrip("/")))
    before = client.sent
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(script), env={**os.environ, "PASSWORD": PASSWORD},
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    await until(lambda: client.sent > before)
    async with asyncio.timeout(20):
        printed, _ = await process.communicate(f"{client.sms()}\n".encode())
    assert (process.returncode, printed.decode()) == (0, "Code for +4********02: Logged in as 42\n")
