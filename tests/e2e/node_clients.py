"""Node, and the clients that are written for it: installed once from a lock file, into a folder that nobody keeps.

The lock file pins every package by its digest and names no host: npm asks whichever registry it is configured for, once
for each content of the lock file. A machine without Node, or without such a registry, skips these tests; CI does not.
"""

import asyncio
import fcntl
import hashlib
import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

from tests.e2e.processes import miss

_HERE = Path(__file__).parent / "node"
# Git ignores it, and `make clean` takes it away.
_CACHE = Path(__file__).parents[2] / "build" / "node"
_PINS = ("package.json", "package-lock.json")
# npm fetches some 70 small packages.
_INSTALL_SECONDS = 180.0
_RUN_SECONDS = 60.0


def node_modules() -> Path:
    """The installed packages. Skips the test, or fails it in CI, where they cannot be had."""
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        miss("node and npm are missing: install Debian's nodejs and npm")
    content = b"".join((_HERE / name).read_bytes() for name in _PINS)
    folder = _CACHE / hashlib.sha256(content).hexdigest()[:16]
    folder.mkdir(parents=True, exist_ok=True)
    # Workers of one test run come here at the same time.
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = folder / "done"
        if not done.exists():
            _install(npm, folder)
            done.touch()
    return folder / "node_modules"


def _install(npm: str, folder: Path) -> None:
    for name in _PINS:
        shutil.copy(_HERE / name, folder / name)
    # No package gets to run a program of its own while it is installed.
    words = (npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund")
    ended = subprocess.run(words, cwd=folder, capture_output=True, text=True, timeout=_INSTALL_SECONDS, check=False)
    if ended.returncode != 0:
        miss(f"npm could not install the clients: {ended.stderr.strip()[-500:]}")


async def run_node(script: str, asked: object) -> Any:
    """What a script of the folder `node` answers; both are JSON."""
    environ = {**os.environ, "NODE_PATH": str(node_modules())}
    process = await asyncio.create_subprocess_exec(
        "node", str(_HERE / script), env=environ,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    async with asyncio.timeout(_RUN_SECONDS):
        out, err = await process.communicate(json.dumps(asked).encode())
    assert process.returncode == 0, err.decode()
    return json.loads(out)
