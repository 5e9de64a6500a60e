"""How an origin is reached: TLS with certificates that are checked, and Unix sockets."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from mfa_gateway.doors.upstream import Origin, Scheme, Terms, Trust, Upstream, read_trust
from tests.doors.upstream.conftest import Backend, Link, serving

NAME = "api.internal"


@dataclass(frozen=True)
class Files:
    """PEM files: a server's certificate with its key, and a client's."""

    server: Path
    client: Path


@pytest.fixture(scope="session")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    folder = tmp_path_factory.mktemp("tls")
    return Files(_certificate(folder / "server.pem", NAME), _certificate(folder / "client.pem", "the gateway"))


def _certificate(path: Path, name: str) -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name.replace(" ", "-"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    )
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path.write_bytes(pem + builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM))
    return path


@asynccontextmanager
async def secure(files: Files, *, asks_for_client: bool = False) -> AsyncIterator[Backend]:
    """An upstream behind TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files.server)
    if asks_for_client:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(files.client)
    backend = Backend()
    server = await asyncio.start_server(backend.accept, "127.0.0.1", 0, ssl=context)
    backend.port = server.sockets[0].getsockname()[1]
    yield backend
    server.close()
    await backend.stop()
    await server.wait_closed()


def reaching(backend: Backend, trust: Trust | None) -> Upstream:
    return Upstream(Origin(Scheme.HTTPS, "127.0.0.1", backend.port), Terms(), trust)


async def test_a_tls_upstream_of_a_trusted_authority_is_forwarded_to_and_kept(files: Files) -> None:
    async with secure(files) as backend:
        trust = read_trust(ca=files.server, server_name=NAME)
        async with serving(reaching(backend, trust)) as gateway:
            client = await gateway.client()
            assert (await client.ask()).body == b"ok"
            assert (await client.ask()).body == b"ok"

    assert len(backend.heads) == 2
    assert len(backend.links) == 1


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param({"server_name": NAME}, id="an authority that nobody named"),
        pytest.param({"ca": "server", "server_name": "other.internal"}, id="another name"),
        pytest.param({"ca": "server"}, id="the address in place of the name"),
        pytest.param({"ca": "client", "server_name": NAME}, id="another authority"),
    ],
)
async def test_a_tls_upstream_that_is_not_the_one_meant_sees_no_request(files: Files, wrong: dict[str, Any]) -> None:
    given = {**wrong, **({"ca": getattr(files, wrong["ca"])} if "ca" in wrong else {})}
    async with secure(files) as backend, serving(reaching(backend, read_trust(**given))) as gateway:
        assert (await gateway.ask()).status == 502

    assert backend.heads == []


async def test_without_terms_of_its_own_the_systems_authorities_count(files: Files) -> None:
    async with secure(files) as backend, serving(reaching(backend, None)) as gateway:
        assert (await gateway.ask()).status == 502

    assert backend.heads == []


async def test_an_upstream_that_asks_for_a_certificate_is_shown_ours(files: Files) -> None:
    trust = read_trust(ca=files.server, server_name=NAME, client_cert=files.client)
    async with secure(files, asks_for_client=True) as backend, serving(reaching(backend, trust)) as gateway:
        assert (await gateway.ask()).body == b"ok"


async def test_an_upstream_that_asks_for_a_certificate_refuses_us_without_one(files: Files) -> None:
    trust = read_trust(ca=files.server, server_name=NAME)
    async with secure(files, asks_for_client=True) as backend, serving(reaching(backend, trust)) as gateway:
        assert (await gateway.ask()).status == 502

    assert backend.heads == []


async def test_a_plain_server_behind_https_is_a_bad_gateway(backend: Backend) -> None:
    async def play(link: Link) -> None:
        await link.send(b"220 this is no TLS\r\n")
        await link.to_end()

    backend.play = play
    async with serving(reaching(backend, None)) as gateway:
        assert (await gateway.ask()).status == 502


def test_files_without_a_certificate_are_named(tmp_path: Path, files: Files) -> None:
    empty = tmp_path / "empty.pem"
    empty.write_text("nothing")

    with pytest.raises(ValueError, match=r"tls\.ca: .*empty\.pem"):
        read_trust(ca=empty)
    with pytest.raises(ValueError, match=r"tls\.client_cert: .*empty\.pem"):
        read_trust(ca=files.server, client_cert=empty)


def test_the_keys_of_a_trust_do_not_show() -> None:
    assert "SSLContext" not in repr(read_trust())


async def test_an_upstream_behind_a_unix_socket_is_forwarded_to_and_kept(tmp_path: Path) -> None:
    backend = Backend()
    path = tmp_path / "api.sock"
    server = await asyncio.start_unix_server(backend.accept, path)
    async with serving(Upstream(Origin.parse(f"unix:{path}"), Terms(preserve_host=False))) as gateway:
        client = await gateway.client()
        assert (await client.ask()).body == b"ok"
        assert (await client.ask()).body == b"ok"
    server.close()
    await backend.stop()
    await server.wait_closed()

    assert len(backend.links) == 1
    assert b"host: localhost\r\n" in backend.heads[0].lower()


async def test_a_socket_that_is_not_there_is_a_bad_gateway(tmp_path: Path) -> None:
    async with serving(Upstream(Origin.parse(f"unix:{tmp_path}/gone.sock"), Terms())) as gateway:
        assert (await gateway.ask()).status == 502
