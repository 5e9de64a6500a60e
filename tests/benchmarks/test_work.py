"""A call takes no more steps than it took before: who adds work to every call has to say so."""

import json
import sys
from asyncio import create_subprocess_exec, timeout
from asyncio.subprocess import PIPE

import pytest

from tests.benchmarks.work import kept_steps, strayed, version

_DEADLINE = 120
# By itself, because whoever measures coverage traces as well.
_COMMAND = (sys.executable, "-m", "tests.benchmarks.work")


async def test_no_call_takes_other_steps_than_before() -> None:
    if version() not in kept_steps():
        pytest.skip(f"no steps are kept for Python {version()}: python -m tests.benchmarks.work --keep")
    process = await create_subprocess_exec(*_COMMAND, stdout=PIPE, stderr=PIPE)
    async with timeout(_DEADLINE):
        told, complaints = await process.communicate()
    assert process.returncode == 0, complaints.decode()[-2000:]
    wrong = strayed(json.loads(told), kept_steps()[version()])
    assert not wrong, f"{wrong}; if that is meant, or fewer: python -m tests.benchmarks.work --keep"


# A tenth of what an open route takes, in the gate itself, as somebody might write it.
_SLOWER = """
import asyncio, json, sys
from mfa_gateway.cli.log import configure_log
from mfa_gateway.doors.middleware import MFAMiddleware
from tests.benchmarks.work import count

serve = MFAMiddleware.serve_promptly

def slower(self, scope, client):
    for _ in range(%d):
        len(scope)
    return serve(self, scope, client)

MFAMiddleware.serve_promptly = slower
configure_log()
sys.stdout.write(json.dumps(asyncio.run(count())))
"""


async def test_a_tenth_more_work_in_the_gate_is_noticed() -> None:
    if version() not in kept_steps():
        pytest.skip(f"no steps are kept for Python {version()}: python -m tests.benchmarks.work --keep")
    before = kept_steps()[version()]
    code = _SLOWER % (before["open"] // 10 // 10)  # a turn of the loop takes some ten steps
    process = await create_subprocess_exec(sys.executable, "-c", code, stdout=PIPE, stderr=PIPE)
    async with timeout(_DEADLINE):
        told, complaints = await process.communicate()
    assert process.returncode == 0, complaints.decode()[-2000:]
    assert any(case.startswith("open: ") for case in strayed(json.loads(told), before)), told


@pytest.mark.parametrize("factor", [1.06, 1.1, 0.9])
def test_a_tenth_of_work_more_or_less_is_told(factor: float) -> None:
    assert strayed({"open": round(1000 * factor)}, {"open": 1000})


def test_what_libraries_differ_by_is_not_told() -> None:
    assert not strayed({"open": 1040}, {"open": 1000})


def test_a_case_that_is_not_counted_any_more_is_told() -> None:
    assert strayed({}, {"open": 1000})
    assert strayed({"open": 1000}, {})
