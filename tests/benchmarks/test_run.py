"""The benchmark itself still runs: a moment of load on our own gateway, from start to table."""

import json
import os
import sys
from asyncio import create_subprocess_exec
from asyncio.subprocess import PIPE
from pathlib import Path
from shutil import which

import pytest

pytestmark = pytest.mark.processes


async def test_a_short_run_measures_an_open_route_and_a_protected_one(tmp_path: Path) -> None:
    if not hasattr(os, "sched_getaffinity") or len(os.sched_getaffinity(0)) < 2:
        pytest.skip("a benchmark needs Linux and two cores")
    if which("wrk") is None and os.environ.get("CI") != "true":
        pytest.skip("wrk is not installed")
    results = tmp_path / "results.json"
    process = await create_subprocess_exec(
        sys.executable, "-m", "tests.benchmarks", "--only", "mfa_gateway", "--rounds", "1", "--seconds", "1",
        "--results", str(results), stdout=PIPE, stderr=PIPE,
    )  # fmt: skip
    table, complaints = await process.communicate()
    # 3 says that no run counts, which on a busy machine is the truth.
    assert process.returncode in (0, 3), complaints.decode()
    assert b"| mfa_gateway, open route |" in table
    cases = json.loads(results.read_text())["cases"]
    assert all(runs[0]["rate"] > 0 for runs in cases.values())
    assert len(cases) == 2
