"""The stage of the demonstration: starts every part, and ends every part.

The configuration written here is an ordinary one, and the gateway is the ordinary command in a process of its own.
"""

import asyncio
import base64
import os
import secrets
import socket
import sys
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from signal import SIGTERM
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Final, Self

from mfa_gateway.cli.demo.mailbox import Mailbox
from mfa_gateway.cli.demo.upstream import SampleUpstream
from mfa_gateway.cli.tokens import signed_token
from mfa_gateway.settings import load_settings

SUBJECT: Final = "ada"
ADDRESS: Final = "ada@example.test"
_PREFERRED_PORT: Final = 8080
_START_SECONDS: Final = 30.0
_STOP_SECONDS: Final = 15.0

_CONFIGURATION: Final = """\
listen: 127.0.0.1:{port}
upstream: http://127.0.0.1:{upstream}
store: {{url: embedded, data_dir: ./data, timeout: 1s}}
secrets: {{keys_file: ./keys}}
identity:
  bearer:
    - realm: demo
      issuer: https://login.example.test
      audience: demo-api
      algorithms: [HS256]
      secret_file: ./issuer-secret
directory: {{source: store}}
factors:
  totp: {{enabled: false}}
senders:
  email: {{smtp: {{host: 127.0.0.1, port: {smtp}, from: gateway@example.test, starttls: false}}}}
codes: {{resend_after: 1s}}
rate_limits: {{send_per_account: [], send_per_destination: [], send_per_address: []}}
access_control:
  default_policy: open
  rules:
    - name: change-password
      methods: [PATCH]
      paths: ["/customer-password/{{id}}"]
      policy: mfa
      grace: 30m
"""


class StageError(Exception):
    """A part of the demonstration did not start."""


class Stage:
    """The parts of the demonstration, started on entering and ended on leaving."""

    def __init__(self) -> None:
        self._stack = AsyncExitStack()
        self._gateway: asyncio.subprocess.Process | None = None
        self.port = 0
        self.token = ""

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            await self._set_up(stack)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.__aexit__(kind, error, trace)

    async def _set_up(self, stack: AsyncExitStack) -> None:
        self.folder = Path(stack.enter_context(TemporaryDirectory(prefix="mfa-demo-")))
        self.mailbox = _mailbox()
        await self.mailbox.start()
        stack.push_async_callback(self.mailbox.stop)
        self.upstream = SampleUpstream()
        self.upstream.start()
        stack.push_async_callback(self.upstream.stop)
        self.port = _free_port()
        self._write_files()
        await self._put_ada_on_record()
        self._gateway = await self._command("serve")
        stack.push_async_callback(self._end_gateway)
        await self._gateway_listens()

    def _write_files(self) -> None:
        key = base64.b64encode(secrets.token_bytes(32)).decode()
        for name, text in (("keys", key), ("issuer-secret", secrets.token_urlsafe(48))):
            _private(self.folder / name, text)
        text = _CONFIGURATION.format(port=self.port, upstream=self.upstream.port, smtp=self.mailbox.port)
        self.config.write_text(text)
        self.token = signed_token(load_settings(self.config, environ={}), SUBJECT)

    @property
    def config(self) -> Path:
        """The configuration file of the gateway."""
        return self.folder / "mfa-gateway.yaml"

    @property
    def url(self) -> str:
        """Where the gateway answers."""
        return f"http://127.0.0.1:{self.port}"

    async def _put_ada_on_record(self) -> None:
        process = await self._command(
            "accounts", "add", "--realm", "demo", "--subject", SUBJECT, "--email", ADDRESS, "--factor", "email"
        )
        if await process.wait() != 0:
            raise StageError("The sample account could not be made; the lines above say why.")

    async def _command(self, *words: str) -> asyncio.subprocess.Process:
        """One `mfa-gateway` command on this configuration, apart from the environment of the caller's shell."""
        environ = {name: value for name, value in os.environ.items() if not name.startswith("MFA_GATEWAY_")}
        log = (self.folder / "gateway.log").open("ab")
        with log:
            return await asyncio.create_subprocess_exec(
                sys.executable, "-m", "mfa_gateway", *words, "--config", str(self.config),
                env=environ, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=log,
            )  # fmt: skip

    async def _gateway_listens(self) -> None:
        """Wait for the line by which `serve` tells that it is ready. A gateway that ends instead has logged why."""
        line = b""
        if self._gateway is not None and self._gateway.stdout is not None:
            with suppress(TimeoutError):
                async with asyncio.timeout(_START_SECONDS):
                    line = await self._gateway.stdout.readline()
        if not line:
            raise StageError(f"The gateway did not start:\n{(self.folder / 'gateway.log').read_text()}")

    async def gateway_ends(self) -> None:
        """Wait until the gateway ends by itself."""
        if self._gateway is not None:
            await self._gateway.wait()

    async def _end_gateway(self) -> None:
        if self._gateway is None or self._gateway.returncode is not None:
            return
        self._gateway.send_signal(SIGTERM)
        try:
            async with asyncio.timeout(_STOP_SECONDS):
                await self._gateway.wait()
        except TimeoutError:
            self._gateway.kill()
            await self._gateway.wait()


def _mailbox() -> Mailbox:
    try:
        return Mailbox()
    except ImportError as error:
        raise StageError("The demonstration needs its extra: pip install 'mfa-gateway[embedded,demo]'") from error


def _free_port() -> int:
    for port in (_PREFERRED_PORT, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if _binds(probe, port):
                return int(probe.getsockname()[1])
    raise StageError("No port of the loopback interface is free.")


def _binds(probe: socket.socket, port: int) -> bool:
    try:
        probe.bind(("127.0.0.1", port))
    except OSError:
        return False
    return True


def _private(path: Path, text: str) -> None:
    path.touch(mode=0o600)
    path.write_text(text)
