"""This checkout, and copies of it to plant violations in."""

import shutil
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def checkout() -> Path:
    return ROOT


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The package and its configuration, in a place where they may be spoilt."""
    shutil.copytree(ROOT / "mfa_gateway", tmp_path / "mfa_gateway", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path
