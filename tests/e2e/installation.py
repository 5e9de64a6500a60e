"""A whole installation as an operator has it: a configuration file, a gateway process, an API behind it, a mail server.

The gateway is the ordinary command in a process of its own; the store is a real Valkey; mails go through real SMTP.
"""

import asyncio
import base64
import os
import re
import secrets
import signal
import socket
import sys
import time
from collections.abc import Mapping
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from email import message_from_bytes
from email.policy import default
from pathlib import Path
from textwrap import dedent
from typing import Any, Self

import httpx2
import jwt
from aiosmtpd.smtp import SMTP

ISSUER_SECRET = secrets.token_urlsafe(48)
START_SECONDS = 30.0

CONFIGURATION = """
listen: 127.0.0.1:{port}
upstream: http://127.0.0.1:{upstream}
store: {{url: "{store}", data_dir: ./data, timeout: 2s, connect_timeout: 2s}}
secrets: {{keys_file: ./keys}}
identity:
  bearer:
    - {{realm: shop, issuer: "https://idp.test", audience: shop-api, algorithms: [HS256], secret_file: ./issuer-secret}}
directory: {{source: claims}}
senders:
  email: {{smtp: {{host: 127.0.0.1, port: {smtp}, from: gateway@shop.test, starttls: false}}}}
codes: {{resend_after: 0s}}
rate_limits: {{send_per_account: [], send_per_destination: [], send_per_address: []}}
"""

DEFAULT_RULES = """
access_control:
  default_policy: open
  rules:
    - {name: change-password, methods: [PATCH], paths: ["/customer-password/{id}"], policy: mfa}
"""


@dataclass(frozen=True)
class Seen:
    """A request as the API saw it."""

    method: str
    target: str
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def values(self, name: str) -> list[str]:
        return [value for found, value in self.headers if found.lower() == name]


@dataclass
class Recorder:
    """An API that answers 200 to everything, unless told otherwise, and remembers every byte of every request."""

    seen: list[Seen] = field(default_factory=list)
    port: int = 0
    status: str = "200 OK"
    held: asyncio.Event | None = None
    """Holds all answers back until it is set."""
    _server: asyncio.Server | None = None

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    def __post_init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            while await self._answer(reader, writer):
                pass
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()
            self._tasks.discard(task)

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = await reader.readuntil(b"\r\n\r\n")
        request, *lines = head.decode("latin-1").strip("\r\n").split("\r\n")
        method, target, _ = request.split(" ")
        pairs = [line.partition(":") for line in lines]
        headers = tuple((name, value.strip()) for name, _, value in pairs)
        length = next((int(value) for name, value in headers if name.lower() == "content-length"), 0)
        body = await reader.readexactly(length)
        self.seen.append(Seen(method, target, headers, body))
        if self.held is not None:
            await self.held.wait()
        answer = b'{"api":"was here"}'
        writer.write(
            b"HTTP/1.1 %b\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
            % (self.status.encode("ascii"), len(answer))
            + (b"" if method == "HEAD" else answer)
        )
        await writer.drain()
        return True


class Mailbox:
    """A real SMTP server that keeps what it gets. Codes have so many `digits`."""

    def __init__(self) -> None:
        self.digits = 6
        self.messages: list[tuple[str, str, str]] = []
        self._arrivals: asyncio.Queue[str] = asyncio.Queue()
        self._server: asyncio.Server | None = None
        self._sessions: list[SMTP] = []
        self.port = 0

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802 - aiosmtpd's name
        message = message_from_bytes(envelope.content, policy=default)
        body = message.get_body(("plain",))
        assert body is not None
        text = str(body.get_content())
        self.messages.append((envelope.rcpt_tos[0], str(message["subject"]), text))
        # Notices hold no code; who waits, waits for one.
        if self._found(text):
            self._arrivals.put_nowait(text)
        return "250 OK"

    async def start(self) -> None:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: self._session(loop), "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    def _session(self, loop: asyncio.AbstractEventLoop) -> SMTP:
        session = SMTP(self, loop=loop)
        self._sessions.append(session)
        return session

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
        # The last mail of a test may be a notice, whose session nobody waits for.
        for session in self._sessions:
            if session.transport is not None:
                session.transport.close()
        await asyncio.sleep(0)

    async def code(self) -> str:
        async with asyncio.timeout(10):
            text = await self._arrivals.get()
        return self._code_in(text)

    def newest_code(self, address: str) -> str:
        """The code of the last message to an address, which is there when its sending was answered."""
        return self._code_in(next(text for to, _, text in reversed(self.messages) if to == address))

    def _found(self, text: str) -> re.Match[str] | None:
        return re.search(rf"\b\d{{{self.digits}}}\b", text)

    def _code_in(self, text: str) -> str:
        found = self._found(text)
        assert found is not None, text
        return found.group()


class Installation:
    """The parts, on free ports, with their files in one folder."""

    def __init__(self, folder: Path, *, rules: str = DEFAULT_RULES, more: str = "", store: str = "embedded") -> None:
        self.folder = folder
        self.port = free_port()
        self.api = Recorder()
        self.mailbox = Mailbox()
        self._rules = rules
        self._more = more
        self._store = store
        self._stack = AsyncExitStack()
        self.process: asyncio.subprocess.Process | None = None

    async def __aenter__(self) -> Self:
        await self.api.start()
        self._stack.push_async_callback(self.api.stop)
        await self.mailbox.start()
        self._stack.push_async_callback(self.mailbox.stop)
        self._write_files()
        self._stack.push_async_callback(self.stop)
        self.client = self._new_client()
        self._stack.push_async_callback(self._close_client)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    @property
    def config(self) -> Path:
        return self.folder / "mfa-gateway.yaml"

    @property
    def log(self) -> str:
        return (self.folder / "gateway.log").read_text()

    def _write_files(self) -> None:
        (self.folder / "keys").write_text(base64.b64encode(secrets.token_bytes(32)).decode())
        (self.folder / "issuer-secret").write_text(ISSUER_SECRET)
        parts = CONFIGURATION.format(port=self.port, upstream=self.api.port, smtp=self.mailbox.port, store=self._store)
        self.config.write_text(parts + dedent(self._rules) + dedent(self._more))

    # --- The process ---

    async def start(self) -> None:
        """Start the gateway and wait until it listens."""
        self.process = await self.command("serve")
        assert self.process.stdout is not None
        async with asyncio.timeout(START_SECONDS):
            line = await self.process.stdout.readline()
        assert b"listens on" in line, self.log

    async def command(self, *words: str) -> asyncio.subprocess.Process:
        environ = {name: value for name, value in os.environ.items() if not name.startswith("MFA_GATEWAY_")}
        with (self.folder / "gateway.log").open("ab") as log:
            return await asyncio.create_subprocess_exec(
                sys.executable, "-m", "mfa_gateway", *words, "--config", str(self.config),
                env=environ, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=log,
            )  # fmt: skip

    async def run(self, *words: str) -> None:
        """One command that has to end well."""
        process = await self.command(*words)
        output, _ = await process.communicate()
        assert process.returncode == 0, output.decode() + self.log

    async def stop(self) -> None:
        """Stop the gateway as an operator does."""
        if self.process is not None and self.process.returncode is None:
            self.process.send_signal(signal.SIGTERM)
            async with asyncio.timeout(20):
                await self.process.wait()

    async def kill(self) -> None:
        """SIGKILL: nothing can be tidied up."""
        assert self.process is not None
        self.process.kill()
        await self.process.wait()

    def _new_client(self) -> httpx2.AsyncClient:
        return httpx2.AsyncClient(base_url=f"http://127.0.0.1:{self.port}", timeout=20)

    async def _close_client(self) -> None:
        await self.client.aclose()

    async def restart(self) -> None:
        """Start again after a kill, with a client that knows nothing of the old connections."""
        await self._close_client()
        self.client = self._new_client()
        await self.start()

    # --- Calls ---

    def token(self, subject: str = "ada", **claims: object) -> str:
        """A token of the issuer, with a verified mail address."""
        now = int(time.time())
        said: dict[str, object] = {
            "iss": "https://idp.test",
            "aud": "shop-api",
            "sub": subject,
            "sid": f"session-of-{subject}",
            "iat": now,
            "exp": now + 3600,
            "email": f"{subject}@shop.test",
            "email_verified": True,
        }
        return jwt.encode(said | claims, ISSUER_SECRET, algorithm="HS256")

    async def call(
        self, method: str, path: str, *, token: str | None = None, code: str | None = None, **more: Any
    ) -> httpx2.Response:
        """One request, with the caller's credentials and code."""
        headers: dict[str, str] = dict(more.pop("headers", {}))
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        if code is not None:
            headers["X-MFA-Code"] = code
        return await self.client.request(method, path, headers=headers, **more)

    async def ceremony(
        self, step: str, *, token: str | None, code: str | None = None, factor: str | None = "email"
    ) -> httpx2.Response:
        """One POST to a Glue endpoint, as in `multi-factor-auth-{step}`."""
        resource = f"multi-factor-auth-{step}"
        attributes: Mapping[str, str] = {"type": factor} if factor is not None else {}
        body = {"data": {"type": resource, "attributes": attributes}}
        return await self.call("POST", f"/{resource}", token=token, code=code, json=body)

    async def enrol(self, token: str) -> str:
        """Activate and verify `email`; the code that was used."""
        assert (await self.ceremony("type-activate", token=token)).status_code == 204
        code = await self.mailbox.code()
        assert (await self.ceremony("type-verify", token=token, code=code)).status_code == 204
        return code

    async def fresh_code(self, token: str) -> str:
        """Trigger, and read the mail."""
        assert (await self.ceremony("trigger", token=token)).status_code == 204
        return await self.mailbox.code()


_given_ports: set[int] = set()


def free_port() -> int:
    """A port that nobody listens on, and that was given to nobody else who does not listen yet."""
    while True:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = int(probe.getsockname()[1])
        if port not in _given_ports:
            _given_ports.add(port)
            return port


def answer(response: httpx2.Response) -> str:
    """Status and error code of an answer, as in "403/5900"."""
    code = response.json()["errors"][0]["code"] if "errors" in response.text else ""
    return f"{response.status_code}/{code}" if code else str(response.status_code)
