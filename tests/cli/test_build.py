"""Which build runs is told, and is the one that is meant."""

import os

import pytest

from mfa_gateway import __version__
from mfa_gateway.cli.build import PROGRAM, build, version

MEANT = os.environ.get("BUILD_UNDER_TEST", "interpreted")


def test_the_build_is_known_by_its_gate() -> None:
    assert build().value == MEANT


def test_the_version_is_told_with_the_build(capsys: pytest.CaptureFixture[str]) -> None:
    version()
    assert capsys.readouterr().out == f"mfa-gateway {__version__} ({MEANT})\n" == f"{PROGRAM}\n"
