"""Load: one run of wrk against one port, and what it says.

A run counts only if the contender's core was busy: else something else was measured.
"""

import re
import subprocess
from dataclasses import dataclass
from typing import Final

from tests.benchmarks.contenders import Case
from tests.benchmarks.cores import Cores, busy_between, pinned_to, ticks_of
from tests.benchmarks.processes import cpu_seconds

CONNECTIONS: Final = 32
# Below this the contender was waiting for somebody: its figure is that of the load, not its own.
LEAST_BUSY: Final = 0.95

_RATE: Final = re.compile(r"Requests/sec:\s+([0-9.]+)")
_TOTAL: Final = re.compile(r"(\d+) requests in ")
_LATENCY: Final = re.compile(r"99%\s+([0-9.]+)(us|ms|s)")
_TROUBLE: Final = re.compile(r"(Non-2xx or 3xx responses: \d+|Socket errors: .*)")
_IN_MS: Final = {"us": 0.001, "ms": 1.0, "s": 1000.0}


@dataclass(frozen=True, slots=True)
class Measured:
    """One run: requests a second, the 99th percentile of latency in milliseconds, how busy the core was (0 to 1), and
    the contender's own processor time for a request in microseconds, which strangers on its core do not change.
    """

    rate: float
    p99_ms: float
    busy: float
    cpu_us: float

    @property
    def counts(self) -> bool:
        """Whether the contender was what limited it."""
        return self.busy >= LEAST_BUSY


def put_load(case: Case, *, seconds: int, cores: Cores, connections: int = CONNECTIONS) -> Measured:
    """Ask as often as it is answered.

    Raises:
        ValueError: an answer was not 2xx, or a connection broke: then nothing was measured.
    """
    command = ["wrk", "--latency", "-t1", f"-c{connections}", f"-d{seconds}s", case.url]
    for name, value in case.headers.items():
        command += ["-H", f"{name}: {value}"]
    before, used = ticks_of(cores.contender), cpu_seconds(case.pid)
    done = subprocess.run(command, capture_output=True, text=True, check=True, preexec_fn=pinned_to(cores.others))
    after, used = ticks_of(cores.contender), cpu_seconds(case.pid) - used
    return read_output(done.stdout, busy=busy_between(before, after), used=used)


def read_output(text: str, *, busy: float, used: float) -> Measured:
    """Read what wrk printed. `used` are the seconds of processor that the contender took.

    Raises:
        ValueError: there was trouble, so nothing was measured.
    """
    rate, latency, total = _RATE.search(text), _LATENCY.search(text), _TOTAL.search(text)
    if (trouble := _TROUBLE.search(text)) is not None or not (rate and latency and total):
        raise ValueError(f"the load met trouble: {trouble.group(1) if trouble else text}")
    p99_ms = float(latency.group(1)) * _IN_MS[latency.group(2)]
    return Measured(float(rate.group(1)), p99_ms, busy, used / int(total.group(1)) * 1e6)
