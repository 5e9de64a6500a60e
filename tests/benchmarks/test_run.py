"""The benchmark itself still runs: a moment of load on our own gateway, from start to table."""

import json
import os
import sys
from asyncio import create_subprocess_exec
from asyncio.subprocess import PIPE
from pathlib import Path
from shutil import which

import pytest

from tests.benchmarks.ours import GRACE, OPEN, OURS

pytestmark = pytest.mark.processes


async def test_a_short_run_measures_open_routes_grace_codes_refusals_and_checks(tmp_path: Path) -> None:
    if not hasattr(os, "sched_getaffinity") or len(os.sched_getaffinity(0)) < 2:
        pytest.skip("a benchmark needs Linux and two cores")
    if which("wrk") is None and os.environ.get("CI") != "true":
        pytest.skip("wrk is not installed")
    cases = ("small", "code", "refused", "checks", "upload", "websocket")
    process = await create_subprocess_exec(
        sys.executable, "-m", "tests.benchmarks", *(word for case in cases for word in ("--case", case)),
        "--only", "mfa_gateway", "--only", "checks", "--rounds", "1", "--seconds", "1",
        "--results", str(tmp_path), stdout=PIPE, stderr=PIPE,
    )  # fmt: skip
    table, complaints = await process.communicate()
    # 3 says that no run counts, which on a busy machine is the truth.
    assert process.returncode in (0, 3), complaints.decode()
    raw = json.loads((tmp_path / "latest.json").read_text())
    assert (raw["troubles"], raw["skipped"]) == ([], {}), complaints.decode()
    asked = {(case, who) for case, rows in raw["cases"].items() for who in rows}
    forwarded = {(case, who) for case in ("small", "upload", "websocket") for who in (OPEN, GRACE)}
    assert asked == forwarded | {("code", OURS), ("refused", OURS), ("checks", OURS)}
    assert all(runs[0]["rate"] > 0 for rows in raw["cases"].values() for runs in rows.values())
    assert f"| {OPEN} |".encode() in table
    assert (tmp_path / "latest.svg").read_text().startswith("<svg")
