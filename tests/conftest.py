"""Which build is tested: the sources as they are, or the compiled build where BUILD_UNDER_TEST says `compiled`."""

import os

import pytest

from mfa_gateway.cli.build import Build, build

_COMPILED = os.environ.get("BUILD_UNDER_TEST") == "compiled"


def pytest_configure() -> None:
    """Processes that tests start inherit the environment, and with it the build."""
    if _COMPILED and build() is not Build.COMPILED:
        raise pytest.UsageError("BUILD_UNDER_TEST=compiled, but the compiled build is not what is imported")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        marker = item.get_closest_marker("interpreted")
        if _COMPILED and marker is not None:
            item.add_marker(pytest.mark.skip(reason=f"the interpreted build alone: {marker.args[0]}"))
