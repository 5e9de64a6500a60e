"""Mail servers on sockets: a real one (aiosmtpd, in a thread of its own), and one that stalls or hangs up on demand."""

import asyncio
import ipaddress
import ssl
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, Envelope, LoginPassword
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

USER: Final = "mailer"
PASSWORD: Final = "correct horse battery"
EVENT_DEADLINE: Final = 5.0


# --- Certificates -----------------------------------------------------------------------------


@dataclass(frozen=True)
class Certificates:
    """A server for 127.0.0.1 alone, and a client that trusts its authority."""

    server: Callable[[], ssl.SSLContext]
    client: ssl.SSLContext


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    folder = tmp_path_factory.mktemp("certificates")
    key, certificate = _self_signed("127.0.0.1")
    chain = folder / "server.pem"
    chain.write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()) + certificate.public_bytes(Encoding.PEM)
    )
    return Certificates(lambda: _server_context(chain), ssl.create_default_context(cafile=chain))


def _self_signed(address: str) -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "mail server of the tests")])
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    )
    return key, builder.sign(key, hashes.SHA256())


def _server_context(chain: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain)
    return context


# --- A real mail server -----------------------------------------------------------------------


@dataclass
class Inbox:
    """What a mail server does with mails: keeps them, or answers as it is told to."""

    envelopes: list[Envelope] = field(default_factory=list)
    over_tls: list[bool] = field(default_factory=list)
    logins: list[str] = field(default_factory=list)
    on_mail: str | None = None
    on_rcpt: str | None = None
    on_data: str | None = None

    async def handle_MAIL(self, _: Any, session: Any, envelope: Any, address: str, options: list[str]) -> str:  # noqa: N802
        self.over_tls.append(session.ssl is not None)
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return self.on_mail or "250 OK"

    async def handle_RCPT(self, _: Any, __: Any, envelope: Any, address: str, ___: list[str]) -> str:  # noqa: N802
        envelope.rcpt_tos.append(address)
        return self.on_rcpt.format(address) if self.on_rcpt else "250 OK"

    async def handle_DATA(self, _: Any, __: Any, envelope: Envelope) -> str:  # noqa: N802
        if self.on_data is None:
            self.envelopes.append(envelope)
        return self.on_data or "250 OK"

    def authenticate(self, _: Any, __: Any, ___: Any, mechanism: str, data: Any) -> AuthResult:
        right = isinstance(data, LoginPassword) and (data.login, data.password) == (USER.encode(), PASSWORD.encode())
        self.logins.append(mechanism)
        return AuthResult(success=right, handled=False)


class MailServer(Controller):
    """A mail server on a free port."""

    async def _listen(self) -> asyncio.AbstractServer:
        server = await self.loop.create_server(self._factory_invoker, host=self.hostname, port=0, ssl=self.ssl_context)
        self.port = server.sockets[0].getsockname()[1]
        return server

    def _create_server(self) -> Coroutine[Any, Any, asyncio.AbstractServer]:
        return self._listen()


Serve = Callable[..., int]


@pytest.fixture
def inbox() -> Inbox:
    return Inbox()


@pytest.fixture
def serve(inbox: Inbox) -> Iterator[Serve]:
    """Start a mail server with these settings of aiosmtpd; gives its port."""
    running: list[MailServer] = []

    def start(**settings: Any) -> int:
        server = MailServer(inbox, hostname="127.0.0.1", port=0, **settings)
        server.start()
        running.append(server)
        port: int = server.port
        return port

    yield start
    for server in running:
        server.stop()


# --- A server that misbehaves -----------------------------------------------------------------


@dataclass
class Rogue:
    """Speaks just enough SMTP, but stalls or hangs up at one word: "" is connecting, "." the end of a mail."""

    extensions: tuple[str, ...] = ()
    stall_at: str | None = None
    hang_up_at: str | None = None
    port: int = 0
    heard: list[str] = field(default_factory=list)
    reached: asyncio.Event = field(default_factory=asyncio.Event)
    gone: asyncio.Event = field(default_factory=asyncio.Event)

    async def converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            word = await self._talk(reader, writer)
            self.reached.set()
            if word == self.stall_at:
                await reader.read()
        self.gone.set()
        writer.transport.abort()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> str:
        """Answer until the word at which something else is to happen."""
        word = ""
        while word not in {self.stall_at, self.hang_up_at}:
            writer.write(self._reply(word))
            ending = b"\r\n.\r\n" if word == "DATA" else b"\r\n"
            line = (await reader.readuntil(ending)).decode("latin-1").strip()
            self.heard.append(line)
            word = "." if word == "DATA" else line.partition(" ")[0].upper()
        return word

    def _reply(self, word: str) -> bytes:
        if word == "EHLO":
            lines = ["rogue.test", *self.extensions]
            return b"".join(f"250-{line}\r\n".encode() for line in lines[:-1]) + f"250 {lines[-1]}\r\n".encode()
        replies = {"": "220 rogue.test", "DATA": "354 go on", "QUIT": "221 bye", "STARTTLS": "454 not now"}
        return f"{replies.get(word, '250 OK')}\r\n".encode()


Misbehave = Callable[..., Coroutine[Any, Any, Rogue]]


@pytest.fixture
async def misbehave() -> AsyncIterator[Misbehave]:
    """Start a rogue with these habits."""
    listeners: list[asyncio.Server] = []

    async def start(**habits: Any) -> Rogue:
        tls = habits.pop("tls", None)
        rogue = Rogue(**habits)
        listeners.append(await asyncio.start_server(rogue.converse, "127.0.0.1", 0, ssl=tls))
        rogue.port = listeners[-1].sockets[0].getsockname()[1]
        return rogue

    yield start
    for listener in listeners:
        listener.close()
        await listener.wait_closed()
