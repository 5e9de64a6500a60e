"""Publishing: the results of a run become those that the README shows.

python -m tests.benchmarks.publish [RAW]

`results/latest.*` are those of the last run, and stay on this machine. `results/published.json`, `published.md` and
`chart.svg` are kept with the project, and the part of the README between two marks is made of them.
"""

import json
import sys
from pathlib import Path
from typing import Final

from tests.benchmarks.cases import QUESTIONS
from tests.benchmarks.chart import chart
from tests.benchmarks.report import Report

RESULTS: Final = Path(__file__).with_name("results")
README: Final = Path(__file__).parents[2] / "README.md"
BEGIN: Final = "<!-- make bench: begin -->"
END: Final = "<!-- make bench: end -->"


def write(report: Report, folder: Path, name: str, *, picture: str) -> None:
    """Write raw figures, tables and chart."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.json").write_text(json.dumps(report.raw(), indent=1) + "\n", encoding="utf-8")
    (folder / f"{name}.md").write_text(report.markdown(), encoding="utf-8")
    (folder / picture).write_text(chart_of(report), encoding="utf-8")


def chart_of(report: Report) -> str:
    """The chart of a report."""
    return chart(report.cases.get("small", {}), title=f"Requests a second, one core: {QUESTIONS['small'].title}")


def section_of(report: Report) -> str:
    """What the README shows between its marks: the chart, where it was made, what must hold."""
    picture = ["![Requests a second, one core each](tests/benchmarks/results/chart.svg)"]
    parts = [picture, [report.circumstances()], report.promises(), report.remarks()]
    text = "\n\n".join("\n".join(part) for part in parts).strip()
    return f"{BEGIN}\n{text}\n{END}"


def section_in(readme: str) -> str:
    """That part of a README.

    Raises:
        ValueError: the marks are not there.
    """
    return readme[readme.index(BEGIN) : readme.index(END) + len(END)]


def published() -> Report:
    """The report that the project shows."""
    return Report.of_raw(json.loads((RESULTS / "published.json").read_text(encoding="utf-8")))


def publish(report: Report) -> None:
    """Write the results of a report where the project shows them."""
    write(report, RESULTS, "published", picture="chart.svg")
    text = README.read_text(encoding="utf-8")
    README.write_text(text.replace(section_in(text), section_of(report)), encoding="utf-8")


if __name__ == "__main__":
    raw = Path(sys.argv[1]) if len(sys.argv) > 1 else RESULTS / "latest.json"
    publish(Report.of_raw(json.loads(raw.read_text(encoding="utf-8"))))
