"""What a benchmark may claim: a run counts only if the proxy was what limited it."""

import json

import pytest

from tests.benchmarks.chart import chart
from tests.benchmarks.cores import Ticks, busy_between
from tests.benchmarks.load import Measured, read_output
from tests.benchmarks.ours import GRACE, OPEN, OURS
from tests.benchmarks.promises import PROMISES, State, outcomes
from tests.benchmarks.report import Circumstances, Report
from tests.benchmarks.rivals import DIRECT, NGINX, TRAEFIK

WRK = """Running 3s test @ http://127.0.0.1:1/open
  Latency Distribution
     50%    1.20ms
     75%    2.20ms
     99%  850.00us
  30000 requests in 3.00s, 12.00MB read
Requests/sec:  10000.50
Transfer/sec:      4.00MB
"""
REFUSED = "  Non-2xx or 3xx responses: 30000\n"


def measured(rate: float, *, busy: float = 1.0, wait: float = 1.0, mib: float = 0.0) -> Measured:
    return Measured(rate, p50_ms=wait, p99_ms=2.0, busy=busy, cpu_us=1e6 / rate, resident_mib=mib)


def report(case: str = "small", **rows: list[Measured | None]) -> Report:
    names = {"ours": GRACE, "open": OPEN, "traefik": TRAEFIK, "nginx": NGINX, "none": DIRECT, "gateway": OURS}
    about = Circumstances(
        {"cpu": "a processor", "cores": "2", "system": "Linux"}, {"nginx": "1.22"}, "2026-01-01", rounds=3, seconds=1
    )
    return Report({case: {names[name]: runs for name, runs in rows.items()}}, about)


def state(title: str, found: Report) -> tuple[State, str]:
    outcome = next(one for one in outcomes(found.cases) if title in one.title)
    return outcome.state, outcome.found or outcome.guess


def test_the_output_of_wrk_is_read() -> None:
    expected = Measured(10000.5, p50_ms=1.2, p99_ms=0.85, busy=0.97, cpu_us=50.0)
    assert read_output(WRK, busy=0.97, used=1.5) == expected


@pytest.mark.parametrize(
    "trouble", ["  Non-2xx or 3xx responses: 3\n", "  Socket errors: connect 0, read 3, write 0, timeout 0\n"]
)
def test_a_run_with_trouble_measured_nothing(trouble: str) -> None:
    with pytest.raises(ValueError, match="trouble"):
        read_output(WRK + trouble, busy=1.0, used=1.0)


def test_refusals_are_what_was_asked_for_where_a_code_is_wanting() -> None:
    assert read_output(WRK + REFUSED, busy=1.0, used=1.0, expects=403).rate == 10000.5


@pytest.mark.parametrize("text", [WRK, WRK + REFUSED.replace("30000", "29999")])
def test_a_call_that_passes_where_it_should_be_refused_measured_nothing(text: str) -> None:
    with pytest.raises(ValueError, match="trouble"):
        read_output(text, busy=1.0, used=1.0, expects=403)


def test_ratios_are_those_of_medians_and_their_spread_that_of_rounds() -> None:
    found = report(ours=[measured(900), measured(950), measured(5000)], traefik=[measured(1000)] * 3)
    assert state("against Traefik", found) == (State.BROKEN, "0.95 (0.90 to 5.00)")


def test_a_promise_is_held_at_its_bar() -> None:
    found = report(ours=[measured(1000)], traefik=[measured(1000)])
    assert state("against Traefik", found)[0] is State.HELD


def test_a_run_on_a_core_that_was_not_busy_does_not_count() -> None:
    found = report(ours=[measured(900), measured(9000, busy=0.94)], traefik=[measured(1000)] * 2)
    assert "| 900 | 900 to 900 |" in found.markdown()
    assert state("against Traefik", found) == (State.BROKEN, "0.90 (0.90 to 0.90)")


def test_a_promise_about_a_core_that_was_never_busy_is_neither_held_nor_broken() -> None:
    found = report(ours=[measured(900)], traefik=[measured(1000, busy=0.5)])
    assert state("against Traefik", found) == (State.UNCOUNTED, "0.90")


def test_a_promise_about_somebody_who_was_not_asked_is_not_measured() -> None:
    assert state("against Traefik", report(ours=[measured(900)]))[0] is State.UNMEASURED


def test_a_case_without_a_run_that_counts_has_no_figure() -> None:
    found = report(ours=[measured(987, busy=0.5)], traefik=[measured(1000)])
    assert not found.is_valid
    assert "987" not in found.markdown()
    assert "987" not in chart(found.cases["small"], title="small")


def test_a_round_with_trouble_is_left_out() -> None:
    found = report(ours=[None, measured(500)], traefik=[measured(1), measured(1000)])
    assert state("against Traefik", found)[1].startswith("1.00 (0.50 to 0.50)")
    assert "| met trouble |" in report(ours=[None]).markdown()


def test_added_latency_is_what_remains_without_that_of_the_api() -> None:
    found = report(
        "one",
        ours=[measured(1, wait=0.50, busy=0.1)],
        nginx=[measured(1, wait=0.30, busy=0.1)],
        none=[measured(1, wait=0.10, busy=0.1)],
    )
    assert state("added median latency", found) == (State.BROKEN, "2.00 (2.00 to 2.00)")


def test_the_most_memory_of_any_round_counts() -> None:
    found = report("accounts", gateway=[measured(1, mib=151.0), measured(1, mib=100.0)])
    assert state("resident memory", found)[0] is State.BROKEN


def test_every_promise_is_told_of() -> None:
    text = report(ours=[measured(1)]).markdown()
    assert all(promise.title in text for promise in PROMISES)


def test_a_report_can_be_kept_and_read_again() -> None:
    found = report(ours=[measured(900), None])
    again = Report.of_raw(json.loads(json.dumps(found.raw())))
    assert again.markdown() == found.markdown()


def test_the_chart_has_a_bar_for_everybody_as_long_as_its_figure() -> None:
    picture = chart(report(ours=[measured(500)], traefik=[measured(1000)]).cases["small"], title="a < b")
    assert "a &lt; b" in picture
    assert 'width="420" height="18"' in picture
    assert 'width="210" height="18"' in picture


def test_a_core_is_busy_with_what_is_not_idle() -> None:
    assert busy_between(Ticks(busy=10, total=100), Ticks(busy=105, total=200)) == 0.95
