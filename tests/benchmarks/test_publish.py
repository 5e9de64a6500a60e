"""What the README says about speed is what was measured: it, the tables and the chart are made of the same figures."""

from tests.benchmarks.publish import README, RESULTS, chart_of, published, section_in, section_of


def test_the_readme_shows_the_published_results() -> None:
    shown = section_in(README.read_text(encoding="utf-8"))
    assert shown == section_of(published()), (
        "run: python -m tests.benchmarks.publish tests/benchmarks/results/published.json"
    )


def test_tables_and_chart_are_those_of_the_published_figures() -> None:
    report = published()
    assert (RESULTS / "published.md").read_text(encoding="utf-8") == report.markdown()
    assert (RESULTS / "chart.svg").read_text(encoding="utf-8") == chart_of(report)


def test_every_case_of_a_run_without_options_was_published() -> None:
    assert {"small", "one", "10m", "code", "refused", "checks", "accounts"} <= published().cases.keys()
