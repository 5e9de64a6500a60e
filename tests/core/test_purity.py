"""The core in a fresh interpreter: what comes along when it is imported, and what does not."""

import subprocess
import sys
from pathlib import Path

import mfa_gateway.core

FORBIDDEN = {
    *("starlette", "redis", "pydantic", "uvicorn", "structlog", "httpx2", "httptools", "jwt", "yaml", "anyio"),
    *("asyncio", "logging", "socket", "ssl", "concurrent", "multiprocessing", "subprocess", "secrets", "random"),
}

CORE = Path(mfa_gateway.core.__file__).parent
MODULES = sorted(
    "mfa_gateway.core." + ".".join(path.relative_to(CORE).with_suffix("").parts)
    for path in CORE.rglob("*.py")
    if path.stem != "__init__"
)


def test_importing_the_core_brings_nothing_of_the_world_along() -> None:
    # -S: no site-packages at all, so the core also proves that it needs none.
    program = f"import sys; sys.path.insert(0, {str(CORE.parents[1])!r})\n" + "".join(
        f"import {module}\nprint(*sys.modules)\n" for module in MODULES
    )
    run = subprocess.run([sys.executable, "-I", "-S", "-c", program], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    lines = run.stdout.splitlines()
    assert len(lines) == len(MODULES) > 10
    for module, line in zip(MODULES, lines, strict=True):
        loaded = {name.partition(".")[0] for name in line.split()}
        assert not loaded & FORBIDDEN, module
