"""What a benchmark may claim: a run counts only if the proxy was what limited it."""

import pytest

from tests.benchmarks.cores import Ticks, busy_between
from tests.benchmarks.load import Measured, read_output
from tests.benchmarks.report import Report

WRK = """Running 3s test @ http://127.0.0.1:1/open
  Latency Distribution
     50%    1.20ms
     99%  850.00us
  30000 requests in 3.00s, 12.00MB read
Requests/sec:  10000.50
Transfer/sec:      4.00MB
"""


def measured(rate: float, *, busy: float = 1.0) -> Measured:
    return Measured(rate, p99_ms=1.0, busy=busy, cpu_us=100.0)


def table(**cases: list[Measured]) -> str:
    names = {"ours": "mfa_gateway, open route", "traefik": "Traefik, forwarding plainly"}
    runs = {names[name]: runs for name, runs in cases.items()}
    return Report(runs, {"cpu": "a processor", "python": "3.11"}, rounds=3, seconds=1).table()


def test_the_output_of_wrk_is_read() -> None:
    assert read_output(WRK, busy=0.97, used=1.5) == Measured(10000.5, p99_ms=0.85, busy=0.97, cpu_us=50.0)


@pytest.mark.parametrize(
    "trouble", ["  Non-2xx or 3xx responses: 3\n", "  Socket errors: connect 0, read 3, write 0, timeout 0\n"]
)
def test_a_run_with_trouble_measured_nothing(trouble: str) -> None:
    with pytest.raises(ValueError, match="trouble"):
        read_output(WRK + trouble, busy=1.0, used=1.0)


def test_ratios_are_those_of_medians() -> None:
    text = table(ours=[measured(900), measured(950), measured(5000)], traefik=[measured(1000)] * 3)
    assert "| 950 | 900 to 5,000 | 0.95 |" in text


def test_a_run_on_a_core_that_was_not_busy_does_not_count() -> None:
    text = table(ours=[measured(900), measured(9000, busy=0.94)], traefik=[measured(1000)])
    assert "| 900 | 900 to 900 | 0.90 |" in text


def test_a_case_without_a_run_that_counts_has_no_figure() -> None:
    runs = {"ours": [measured(900, busy=0.5)], "Traefik, forwarding plainly": [measured(1000)]}
    report = Report(runs, {"cpu": "a processor", "python": "3.11"}, rounds=1, seconds=1)
    assert not report.is_valid
    assert "900" not in report.table()


def test_a_core_is_busy_with_what_is_not_idle() -> None:
    assert busy_between(Ticks(busy=10, total=100), Ticks(busy=105, total=200)) == 0.95
