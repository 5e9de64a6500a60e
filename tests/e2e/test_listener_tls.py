"""TLS towards clients, on a whole gateway: what is served, who is turned away, and how certificates are renewed."""

import asyncio
import shutil
import signal
import ssl
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import httpx2
import pytest

from tests.certificates import Certificate, certificate
from tests.e2e.installation import Installation
from tests.e2e.waiting import until

pytestmark = pytest.mark.processes

MORE = """
tls: {cert: ./listener.pem, key: ./listener-key.pem}
timeouts: {head: 1s, drain: 2s}
"""


def put_in_place(made: Certificate, folder: Path) -> None:
    shutil.copy(made.cert, folder / "listener.pem")
    shutil.copy(made.key, folder / "listener-key.pem")


def trusting(made: Certificate) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(made.cert))


@pytest.fixture
def made(tmp_path: Path) -> Certificate:
    return certificate(tmp_path, "first.test")


@pytest.fixture
async def installation(tmp_path: Path, made: Certificate) -> AsyncIterator[Installation]:
    async with Installation(tmp_path, more=MORE, store="memory://") as installation:
        put_in_place(made, tmp_path)
        await installation.start()
        yield installation


async def shown(installation: Installation) -> bytes:
    """The certificate that the listener shows."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    _, writer = await asyncio.open_connection("127.0.0.1", installation.port, ssl=context)
    found: bytes = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    writer.close()
    await writer.wait_closed()
    return found


async def test_the_gate_works_behind_tls_and_the_api_is_told(installation: Installation, made: Certificate) -> None:
    async with httpx2.AsyncClient(verify=trusting(made)) as client:
        base = f"https://127.0.0.1:{installation.port}"
        opened = await client.get(f"{base}/open")
        refused = await client.patch(f"{base}/customer-password/1")
    assert (opened.status_code, refused.status_code) == (200, 403)
    assert [seen.values("x-forwarded-proto") for seen in installation.api.seen] == [["https"]]


async def test_a_megabyte_goes_both_ways(installation: Installation, made: Certificate) -> None:
    async with httpx2.AsyncClient(verify=trusting(made)) as client:
        answer = await client.post(f"https://127.0.0.1:{installation.port}/open", content=b"x" * 1_000_000)
    assert answer.status_code == 200
    assert len(installation.api.seen[0].body) == 1_000_000


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1])
async def test_old_versions_are_turned_away(installation: Installation, version: ssl.TLSVersion) -> None:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with pytest.warns(DeprecationWarning, match="deprecated"):
        context.minimum_version = context.maximum_version = version
    context.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.raises((ssl.SSLError, ConnectionError)):
        await asyncio.open_connection("127.0.0.1", installation.port, ssl=context)


async def test_a_client_that_never_shakes_hands_is_closed_in_time(installation: Installation) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", installation.port)
    async with asyncio.timeout(5):
        assert await reader.read() == b""
    writer.close()
    await writer.wait_closed()


async def test_plain_http_is_not_answered(installation: Installation) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", installation.port)
    writer.write(b"GET /open HTTP/1.1\r\nHost: shop.test\r\n\r\n")
    async with asyncio.timeout(5):
        assert b"HTTP/1.1" not in await reader.read()
    writer.close()
    await writer.wait_closed()
    assert installation.api.seen == []


async def test_sighup_brings_a_renewed_certificate(installation: Installation, made: Certificate) -> None:
    before = await shown(installation)
    renewed = certificate(installation.folder, "second.test")
    put_in_place(renewed, installation.folder)
    assert installation.process is not None
    installation.process.send_signal(signal.SIGHUP)

    async def has_changed() -> bool:
        return await shown(installation) != before

    async def is_trusted() -> bool:
        # A process that is being replaced still takes what the kernel hands it, with the certificate that it has.
        with suppress(httpx2.ConnectError):
            async with httpx2.AsyncClient(verify=trusting(renewed)) as client:
                return (await client.get(f"https://127.0.0.1:{installation.port}/open")).status_code == 200
        return False

    await until(has_changed)
    await until(is_trusted)


async def test_a_key_of_another_certificate_stops_the_start(tmp_path: Path, made: Certificate) -> None:
    async with Installation(tmp_path, more=MORE, store="memory://") as installation:
        put_in_place(Certificate(made.cert, certificate(tmp_path, "other.test").key), tmp_path)
        process = await installation.command("check")
        output, _ = await process.communicate()
        assert process.returncode == 2
        assert "do not belong together" in output.decode() + installation.log
