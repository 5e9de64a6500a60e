"""The machine: what a run was made on, and with which versions."""

import os
import platform
import re
import subprocess
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

from mfa_gateway.cli.build import build
from mfa_gateway.state.server import find_program
from tests.benchmarks.rivals import VERSIONS, Missing, program

_NUMBER: Final = re.compile(r"\d+\.\d+(\.\d+)?")
_OURS: Final = "mfa-gateway"
_PACKAGES: Final = (_OURS, "uvicorn", "uvloop", "httptools", "fastapi-proxy-lib")


def machine() -> dict[str, str]:
    """What this runs on."""
    return {"cpu": _cpu(), "cores": str(os.cpu_count()), "system": f"{platform.system()} {platform.release()}"}


def _cpu() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown")


def versions() -> dict[str, str]:
    """Of everything that is installed and takes part."""
    return dict(_versions())


def _versions() -> Iterator[tuple[str, str]]:
    yield "Python", platform.python_version()
    for name in _PACKAGES:
        try:
            yield name, version(name) if name != _OURS else f"{version(name)} ({build()})"
        except PackageNotFoundError:
            continue
    yield "store", _said(str(find_program()), "--version")
    for name, (command, *words) in VERSIONS.items():
        try:
            yield name, _said(program(command), *words)
        except Missing:
            continue


def _said(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
    found = _NUMBER.search(done.stdout + done.stderr)
    return found.group() if found else "unknown"
