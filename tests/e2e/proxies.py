"""The real proxies, each with the very recipe of `deploy/`: only its ports are others, and where it writes files."""

import asyncio
import os
import shutil
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from tests.e2e.installation import free_port
from tests.e2e.processes import miss
from tests.e2e.waiting import until
from tests.e2e.wire import connected, request

DEPLOY = Path(__file__).parents[2] / "deploy"
# What every recipe has: where clients connect, and where the gateway and the API are.
PORTS = {"127.0.0.1:8000": "clients", "127.0.0.1:8080": "gateway", "127.0.0.1:9000": "api"}
_STOP_SECONDS = 10.0
_NO_WAY = 404


@dataclass(frozen=True)
class Recipe:
    """How a proxy is started in the folder of its recipe, and what has to be written otherwise to run as a test."""

    command: tuple[str, ...]
    rewritten: Mapping[str, str] = field(default_factory=dict)


_NGINX_FILES = "http {\n" + "".join(
    f"    {what}_temp_path {what};\n" for what in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
)
RECIPES = {
    "nginx": Recipe(
        ("nginx", "-p", ".", "-c", "nginx.conf", "-e", "stderr", "-g", "daemon off; pid nginx.pid;"),
        {"http {\n": f"{_NGINX_FILES}    access_log off;\n"},
    ),
    "traefik": Recipe(("traefik", "--configfile=traefik.yaml")),
    "caddy": Recipe(
        ("caddy", "run", "--config", "Caddyfile", "--adapter", "caddyfile"), {"http://:8000": "http://:<clients>"}
    ),
    "haproxy": Recipe(("haproxy", "-f", "haproxy.cfg", "-db")),
    "envoy": Recipe(
        ("envoy", "-c", "envoy.yaml", "--concurrency", "1", "--disable-hot-restart", "--log-level", "warning"),
        {f"port_value: {port[-4:]}": f"port_value: <{name}>" for port, name in PORTS.items()},
    ),
}


def program(name: str) -> str:
    """Where a proxy is: beside this Python, where its package puts it, or on the path."""
    beside = Path(sys.executable).with_name(name)
    found = str(beside) if beside.exists() else shutil.which(name)
    return found or miss(f"{name} is not there: the doors behind it cannot be tried")


@asynccontextmanager
async def proxy(name: str, folder: Path, *, gateway: int, api: int) -> AsyncIterator[int]:
    """A proxy on its recipe, in front of a gateway and an API; the port that it listens on."""
    recipe, port = RECIPES[name], free_port()
    path, *words = recipe.command
    _write(name, folder, (port, gateway, api))
    environ = {**os.environ, "HOME": str(folder), "XDG_DATA_HOME": str(folder), "XDG_CONFIG_HOME": str(folder)}
    with (folder / f"{name}.log").open("ab") as log:
        process = await asyncio.create_subprocess_exec(
            program(path), *words, cwd=folder, env=environ, stdin=asyncio.subprocess.DEVNULL,
            stdout=log, stderr=log,
        )  # fmt: skip
    try:
        await until(lambda: True if process.returncode is not None else _serves(port))
        assert process.returncode is None, (folder / f"{name}.log").read_text()
        yield port
    finally:
        await _end(process)


def _write(proxy_name: str, folder: Path, ports: tuple[int, int, int]) -> None:
    for source in (DEPLOY / proxy_name).iterdir():
        text = source.read_text()
        for old, new in RECIPES[proxy_name].rewritten.items():
            text = text.replace(old, new)
        for (address, name), number in zip(PORTS.items(), ports, strict=True):
            text = text.replace(address, f"127.0.0.1:{number}").replace(f"<{name}>", str(number))
        (folder / source.name).write_text(text)


async def _serves(port: int) -> bool:
    """Whether a proxy knows the way to the gateway, be it there or not: some listen before they know any."""
    try:
        async with connected(port) as client:
            return (await client.ask(request("/mfa/grace"))).status != _NO_WAY
    except (OSError, asyncio.IncompleteReadError):
        return False


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        process.send_signal(signal.SIGTERM)
        with suppress(TimeoutError):
            async with asyncio.timeout(_STOP_SECONDS):
                await process.wait()
    if process.returncode is None:
        process.kill()
        await process.wait()
