"""SMTP (RFC 5321, submission RFC 6409): mails through a mail server, one connection each.

Where TLS is wanted it is had, or nothing is sent: a server that offers no STARTTLS, or shows a certificate that does
not check, is a failure and never a reason to go on in clear. One deadline covers a whole delivery. Failures are told in
words of our own: a server's answer may quote the address, and its transcript holds the code.

What stays out: words (texts), the form of a mail (mail), and trying again: the code would be old by then.
"""

import asyncio
import ssl
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.headerregistry import Address
from enum import StrEnum
from secrets import token_hex
from typing import Final, cast

import aiosmtplib

from mfa_gateway.core.fault import DeliveryFailed
from mfa_gateway.core.message import CodeMessage, NoticeMessage
from mfa_gateway.senders.mail import compose, read_mailbox, read_sender
from mfa_gateway.senders.texts import Text, Texts

# Seconds for the good-bye of a server that has accepted the mail: nothing depends on it any more.
_FAREWELL: Final = 1.0


class Security(StrEnum):
    """How the connection is protected."""

    STARTTLS = "starttls"
    """TLS before anything is said (RFC 3207)."""
    TLS = "tls"
    """TLS from the first byte (RFC 8314 section 3.3)."""
    PLAIN = "plain"
    """Not at all: for a mail server on this machine."""


@dataclass(frozen=True, slots=True)
class SmtpTerms:
    """A mail server and how to talk to it.

    Attributes:
        host: its name or address; its certificate has to be for this.
        port: 587 with STARTTLS, 465 with TLS, 25 else, by custom.
        sender: the address that mails come from, with or without a name.
        security: how the connection is protected.
        username: the name to log in with; None for no login.
        password: the password to log in with.
        timeout: seconds for one whole delivery, more than 0.

    Raises:
        ValueError: a name without a password or the other way round, a password in clear, or no time at all.
    """

    host: str
    port: int
    sender: str
    security: Security = Security.STARTTLS
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    timeout: float = 10.0

    def __post_init__(self) -> None:
        if (self.username is None) != (self.password is None):
            raise ValueError(f"mail server {self.host}: user name and password go together: give both or none")
        if self.password is not None and self.security is Security.PLAIN:
            raise ValueError(f"mail server {self.host}: a password must not travel in clear: use starttls or tls")
        if not self.timeout > 0:
            raise ValueError(f"mail server {self.host}: the time-out must be more than 0 seconds")


class SmtpSender:
    """Sends codes as mails.

    Args:
        terms: the mail server.
        texts: the words.
        clock: seconds since 1970, for the date of a mail.
        tls: whom to trust; by default the authorities of the system.

    Raises:
        ValueError: the sender is not an address.
    """

    def __init__(
        self,
        terms: SmtpTerms,
        *,
        texts: Texts,
        clock: Callable[[], float] = time.time,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._terms = terms
        self._texts = texts
        self._clock = clock
        self._sender = read_sender(terms.sender)
        self._tls = tls or ssl.create_default_context()

    async def send(self, message: CodeMessage) -> None:
        """Hand a message over to the mail server.

        Raises:
            DeliveryFailed: it was not accepted in time. The text names neither address nor code.
        """
        await self._hand_over(message.address, self._texts.render(message))

    async def tell(self, notice: NoticeMessage) -> None:
        """Hand a notice over to the mail server.

        Raises:
            DeliveryFailed: it was not accepted in time. The text does not name the address.
        """
        await self._hand_over(notice.address, self._texts.notice(notice))

    async def _hand_over(self, address: str, text: Text) -> None:
        try:
            reader = read_mailbox(address)
        except ValueError as error:
            raise DeliveryFailed(f"the address {error}") from None
        await self._deliver(reader, self._mail(text, reader))

    async def close(self) -> None:
        """Nothing is open between two mails."""

    def _mail(self, text: Text, reader: Address) -> bytes:
        sent = datetime.fromtimestamp(self._clock(), UTC)
        return compose(text, sender=self._sender, reader=reader, sent=sent, unique=token_hex(16)).as_bytes()

    async def _deliver(self, reader: Address, mail: bytes) -> None:
        client = self._client()
        try:
            async with asyncio.timeout(self._terms.timeout):
                await self._open(client)
                await client.sendmail(self._sender.addr_spec, [reader.addr_spec], mail)
        except (aiosmtplib.SMTPException, OSError, ValueError) as error:
            # Without its cause, which may quote the address.
            raise DeliveryFailed(f"mail server {self._terms.host}:{self._terms.port}: {_cause(error)}") from None
        else:
            with suppress(aiosmtplib.SMTPException, OSError):
                await client.quit(timeout=_FAREWELL)
        finally:
            client.close()

    def _client(self) -> aiosmtplib.SMTP:
        return _Connection(
            hostname=self._terms.host,
            port=self._terms.port,
            local_hostname=self._sender.domain,
            timeout=None,
            use_tls=self._terms.security is Security.TLS,
            start_tls=False,
            tls_context=self._tls,
        )

    async def _open(self, client: aiosmtplib.SMTP) -> None:
        await client.connect()
        await client.ehlo()
        if self._terms.security is Security.STARTTLS:
            if not client.supports_extension("starttls"):
                raise _Unsuitable(
                    "it does not offer STARTTLS, and nothing is sent in clear: set tls or correct the port"
                )
            await client.starttls()
            await client.ehlo()
        if self._terms.username is not None and self._terms.password is not None:
            if not client.supported_auth_methods:
                raise _Unsuitable(
                    "it offers no login by password: leave user name and password out, or ask its operator"
                )
            await client.login(self._terms.username, self._terms.password)


class _Connection(aiosmtplib.SMTP):
    """A connection that ends at once. TLS would wait half a minute for the good-bye of a server that stalls."""

    def close(self) -> None:
        if self.transport is not None:
            cast("asyncio.WriteTransport", self.transport).abort()
        super().close()


class _Unsuitable(aiosmtplib.SMTPException):
    """The server does not offer what the configuration demands. The text is ours."""


def _cause(error: Exception) -> str:
    """What went wrong, in words that hold nothing of the message."""
    match error:
        case _Unsuitable():
            return error.message
        case aiosmtplib.SMTPRecipientsRefused(recipients=refused):
            return f"the recipient was refused ({', '.join(str(one.code) for one in refused)})"
        case aiosmtplib.SMTPResponseException():
            return _refusal(error)
        case TimeoutError():
            return "it did not take the mail in time"
        case _:
            return _broken(error.__cause__ or error)


def _refusal(error: aiosmtplib.SMTPResponseException) -> str:
    match error:
        case aiosmtplib.SMTPSenderRefused():
            return f"the sender was refused ({error.code}): it must be an address that this login may use"
        case aiosmtplib.SMTPAuthenticationError():
            return f"the login was refused ({error.code}): check user name and password"
        case _:
            return f"the mail was refused ({error.code})"


def _broken(error: BaseException) -> str:
    match error:
        case ssl.SSLCertVerificationError():
            return f"its certificate was not accepted: {error.verify_message}"
        case ssl.SSLError():
            return "no TLS connection could be made: check port, starttls and tls"
        case aiosmtplib.SMTPServerDisconnected():
            return "the connection was closed"
        case OSError():
            return "it could not be reached"
        case _:
            return f"the delivery failed ({type(error).__name__})"
