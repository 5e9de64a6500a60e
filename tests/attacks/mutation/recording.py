"""A plugin of pytest: which test runs which line of `core` and which script of the store, and how long it takes.

What runs while everything is imported and collected is the test's of no name. Given to pytest as
`-p tests.attacks.mutation.recording`; writes JSON to the file that the environment names.
"""

import functools
import json
import os
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import coverage
import pytest

PLACE: Final = "MFA_GATEWAY_RECORDING"
# Whether lines are wanted, too: that makes a run slower by half.
LINES: Final = "MFA_GATEWAY_RECORDING_LINES"
_ROOM: Final = Path("mfa_gateway", "core")


class _Recorder:
    """Goes along with a run."""

    def __init__(self, place: Path, *, notes_lines: bool) -> None:
        self._place = place
        self._now = ""
        self._scripts: defaultdict[str, set[str]] = defaultdict(set)
        self._seconds: dict[str, float] = {}
        self._coverage: coverage.Coverage | None = None
        if notes_lines:
            self._coverage = coverage.Coverage(data_file=None, include=[f"{_ROOM.resolve()}/*"], config_file=False)
            self._coverage.start()

    def watch_scripts(self) -> None:
        """Note which scripts are run; they are not imported before somebody needs them."""
        from mfa_gateway.state.scripts import Script  # noqa: PLC0415 - only once what is recorded is being recorded

        run = Script._run

        @functools.wraps(run)
        async def noted(script: Script, *given: Any) -> Any:
            self._scripts[script.name].add(self._now)
            return await run(script, *given)

        Script._run = noted  # type: ignore[assignment, method-assign]

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        """What runs from here on is this test's."""
        self._now = item.nodeid
        if self._coverage is not None:
            self._coverage.switch_context(item.nodeid)
        return (yield)

    def pytest_collection_finish(self) -> None:
        """Everything is imported."""
        self.watch_scripts()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """How long it took, with what it stands on."""
        self._seconds[report.nodeid] = self._seconds.get(report.nodeid, 0.0) + report.duration

    def pytest_unconfigure(self) -> None:
        """Write it down."""
        scripts = {name: sorted(tests) for name, tests in self._scripts.items()}
        written = {"lines": self._lines(), "scripts": scripts, "seconds": self._seconds}
        self._place.write_text(json.dumps(written))

    def _lines(self) -> dict[str, dict[int, list[str]]]:
        if self._coverage is None:
            return {}
        self._coverage.stop()
        data = self._coverage.get_data()
        return {
            str(Path(file).relative_to(Path.cwd())): {
                line: sorted(tests) for line, tests in data.contexts_by_lineno(file).items()
            }
            for file in data.measured_files()
        }


def pytest_configure(config: pytest.Config) -> None:
    """Begin, where somebody asked for it."""
    if place := os.environ.get(PLACE):
        config.pluginmanager.register(_Recorder(Path(place), notes_lines=bool(os.environ.get(LINES))))
