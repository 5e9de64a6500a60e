"""Load: one run of wrk (or of our own program, for WebSockets) against one stand, and what it says.

A run counts only if the contender's core was busy: else something else was measured.
"""

import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from tests.benchmarks.cases import QUESTIONS, Stand
from tests.benchmarks.cores import Cores, busy_between, pinned_to, ticks_of
from tests.benchmarks.processes import cpu_seconds, resident_mib

# Below this the contender was waiting for somebody: its figure is that of the load, not its own.
LEAST_BUSY: Final = 0.95
# Beyond what a run should take: to connect, to read a feed, to end.
_PATIENCE: Final = 60

_RATE: Final = re.compile(r"Requests/sec:\s+([0-9.]+)")
_TOTAL: Final = re.compile(r"(\d+) requests in ")
_LATENCY: Final = re.compile(r"(50|99)%\s+([0-9.]+)(us|ms|s)\b")
_REFUSED: Final = re.compile(r"Non-2xx or 3xx responses: (\d+)")
_ERRORS: Final = re.compile(r"Socket errors: .*")
_IN_MS: Final = {"us": 0.001, "ms": 1.0, "s": 1000.0}
_LEAST_REFUSAL: Final = 400

_UPLOAD: Final = Path(__file__).with_name("upload.lua")
_FEED: Final = Path(__file__).with_name("feed.lua")


@dataclass(frozen=True, slots=True)
class Measured:
    """One run.

    Attributes:
        rate: requests a second.
        p50_ms: half of all answers took no longer.
        p99_ms: all but one in a hundred took no longer.
        busy: how busy the contender's core was, 0 to 1, with whoever ran there.
        cpu_us: the contender's own processor time for a request, which strangers on its core do not change.
        resident_mib: of the contender's largest process, at the end.
    """

    rate: float
    p50_ms: float
    p99_ms: float
    busy: float
    cpu_us: float
    resident_mib: float = 0.0

    @property
    def is_busy(self) -> bool:
        """Whether the contender was what limited it."""
        return self.busy >= LEAST_BUSY


def put_load(stand: Stand, *, seconds: int, cores: Cores) -> Measured:
    """Ask as often as it is answered.

    Raises:
        ValueError: an answer was not the expected one, or a connection broke: then nothing was measured.
    """
    command = _command(stand, seconds)
    before, used = ticks_of(cores.contender), cpu_seconds(*stand.pids)
    done = _run(command, seconds + _PATIENCE, core=cores.others)
    after, used = ticks_of(cores.contender), cpu_seconds(*stand.pids) - used
    if done.returncode:
        raise ValueError(f"the load failed: {done.stderr[-500:]}")
    memory = resident_mib(*stand.pids)
    return read_output(
        done.stdout, expects=stand.expects, busy=busy_between(before, after), used=used, resident_mib=memory
    )


def _run(command: list[str], patience: int, *, core: int) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=patience, preexec_fn=pinned_to(core)
        )
    except subprocess.TimeoutExpired as error:
        raise ValueError(f"the load did not end: {error}") from error


def _command(stand: Stand, seconds: int) -> list[str]:
    question, fields = QUESTIONS[stand.case], [f"{name}: {value}" for name, value in stand.headers.items()]
    connections = question.connections
    if stand.case == "websocket":
        url = urlsplit(stand.url)
        program = [sys.executable, "-m", "tests.benchmarks.sockets", str(url.port), url.path]
        return [*program, str(connections), str(seconds), *fields]
    command = ["wrk", "--latency", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "10s"]
    for field in fields:
        command += ["-H", field]
    if stand.feed is not None:
        return [*command, "-s", str(_FEED), stand.url, "--", str(stand.feed.refill(seconds))]
    if question.upload:
        return [*command, "-s", str(_UPLOAD), stand.url, "--", str(question.upload)]
    return [*command, stand.url]


def read_output(text: str, *, busy: float, used: float, expects: int = 200, resident_mib: float = 0.0) -> Measured:
    """Read what wrk printed. `used` are the seconds of processor that the contender took.

    Raises:
        ValueError: there was trouble, so nothing was measured.
    """
    rate, total = _RATE.search(text), _TOTAL.search(text)
    waits = {share: float(number) * _IN_MS[unit] for share, number, unit in _LATENCY.findall(text)}
    refused, errors = _REFUSED.search(text), _ERRORS.search(text)
    if errors is not None or not (rate and total and waits.keys() == {"50", "99"}) or not int(total.group(1)):
        raise ValueError(f"the load met trouble: {errors.group() if errors else text}")
    wanted = int(total.group(1)) if expects >= _LEAST_REFUSAL else 0
    if (int(refused.group(1)) if refused else 0) != wanted:
        raise ValueError(f"the load met trouble: {refused.group() if refused else 'no refusals'}, not {wanted}")
    cpu_us = used / int(total.group(1)) * 1e6
    return Measured(float(rate.group(1)), waits["50"], waits["99"], busy, cpu_us, resident_mib)
