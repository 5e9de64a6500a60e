"""The mail server of the demonstration: real SMTP, and every message ends here."""

import asyncio
import re
from email import message_from_bytes
from email.policy import default
from importlib import import_module
from typing import Any, Final

from rich.panel import Panel

from mfa_gateway.cli.terminal import out

_CODE: Final = re.compile(r"\b\d{6}\b")


class Mailbox:
    """Takes every message. With `shows`, prints it as it comes."""

    def __init__(self) -> None:
        # Only the demonstration needs the extra `demo`.
        self._smtp = import_module("aiosmtpd.smtp").SMTP
        self.shows = False
        self._texts: asyncio.Queue[str] = asyncio.Queue()
        self._server: asyncio.Server | None = None

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802 - aiosmtpd's name
        """Take one message."""
        message = message_from_bytes(envelope.content, policy=default)
        body = message.get_body(("plain",))
        text = str(body.get_content()) if body is not None else ""
        if self.shows:
            title = f"Mail to {', '.join(envelope.rcpt_tos)}: {message['subject']}"
            out.print(Panel(text.strip(), title=title, border_style="cyan"), soft_wrap=False)
        # Who waits, waits for a code: notices hold none.
        if _CODE.search(text):
            self._texts.put_nowait(text)
        return "250 OK"

    @property
    def port(self) -> int:
        """The port of the mail server; 0 while it does not listen."""
        return int(self._server.sockets[0].getsockname()[1]) if self._server is not None else 0

    async def start(self) -> None:
        """Listen on a free port of the loopback interface."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: self._smtp(self, loop=loop), "127.0.0.1", 0)

    async def stop(self) -> None:
        """Stop listening."""
        if self._server is not None:
            self._server.close()

    async def code(self, *, seconds: float) -> str:
        """The code in the next message.

        Raises:
            TimeoutError: no message came in time.
            ValueError: the message holds no code.
        """
        async with asyncio.timeout(seconds):
            text = await self._texts.get()
        found = _CODE.search(text)
        if found is None:
            raise ValueError("the mail holds no code")
        return found.group()
