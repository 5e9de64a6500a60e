"""A real browser: Debian's chromium without a screen, and the pages it opens, served from an origin of their own.

A page does what it does by itself and posts the outcome; a test only waits for that. The browser resolves no name but
localhost, so it reaches nothing beyond this machine.
"""

import asyncio
import json
import os
import shutil
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, Self

from tests.e2e.processes import miss

# From starting the browser to the page's last word, on a machine that never ran it before.
PATIENCE = 60.0
_NAMES = ("chromium", "chromium-browser", "google-chrome")
_ALONE = "MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1"
_FLAGS = (
    "--headless=new",
    # Its sandbox needs rights that a container or root does not have. It opens the pages of this file alone.
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--no-default-browser-check",
    f"--host-resolver-rules={_ALONE}",
)
# A page's script may use `say(outcome)` once, and `ask(name)` for what only the test knows.
_SHELL = """<!doctype html><meta charset="utf-8"><title>A page of another origin</title>
<script>
const given = %(given)s;
const ask = async (name) => (await fetch("/ask/" + name)).text();
const say = (outcome) => fetch("/say/%(name)s", {method: "POST", body: JSON.stringify(outcome)});
const read = async (response) => ({status: response.status, error: response.headers.get("X-MFA-Error-Code"),
                                   body: await response.text()});
(async () => { %(script)s })().catch((error) => say({failed: String(error)}));
</script>%(more)s"""

Answers = Callable[[str], Awaitable[str]]


class Pages:
    """A web server of pages by name. `answers` is what a page gets when it asks."""

    def __init__(self, answers: Answers) -> None:
        self.port = 0
        self.outcomes: dict[str, asyncio.Future[Any]] = {}
        self._answers = answers
        self._pages: dict[str, str] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def add(self, name: str, script: str, *, given: dict[str, str], more: str = "") -> None:
        """A page that runs a script; `given` are its words, `more` is HTML behind it."""
        fields = {"name": name, "script": script, "given": json.dumps(given), "more": more}
        self._pages[f"/{name}"] = _SHELL % fields
        self.outcomes[name] = asyncio.get_running_loop().create_future()

    async def outcome(self, name: str) -> Any:
        """What a page said."""
        async with asyncio.timeout(PATIENCE):
            return await self.outcomes[name]

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            while True:
                kind, text = await self._reply(*await _request(reader))
                head = f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {len(text.encode())}\r\n\r\n"
                writer.write((head + text).encode())
                await writer.drain()
        self._tasks.discard(task)
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()

    async def _reply(self, path: str, body: bytes) -> tuple[str, str]:
        match path.split("/"):
            case ["", "ask", name]:
                return "text/plain", await self._answers(name)
            case ["", "say", name] if not self.outcomes[name].done():
                self.outcomes[name].set_result(json.loads(body))
        return "text/html", self._pages.get(path, "")


async def _request(reader: asyncio.StreamReader) -> tuple[str, bytes]:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
    _, path, _ = head.split(" ", 2)
    _, _, length = head.partition("content-length:")
    return path, await reader.readexactly(int(length.split("\r\n")[0])) if length else b""


@asynccontextmanager
async def browsing(folder: Path, url: str) -> AsyncIterator[None]:
    """A browser on a page, until the end of the block. Missing is a skip that shows, and a failure in CI."""
    program = next(filter(None, map(shutil.which, _NAMES)), None)
    if program is None:
        miss("no chromium on the path")
    with (folder / "browser.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            program, *_FLAGS, f"--user-data-dir={folder / 'profile'}", url,
            stdin=asyncio.subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip
    try:
        yield
    finally:
        # Its own group: a browser is a dozen processes.
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
