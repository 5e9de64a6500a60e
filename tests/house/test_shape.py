"""The shape of the house: sizes, names, words, and what is never written."""

import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from .shape import CHECKS, checked_out, foreign_places, stray_top_level


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_the_house_keeps_its_habits(checkout: Path, check: Callable[[Path], list[str]]) -> None:
    assert check(checkout) == []


@pytest.fixture(scope="module")
def names(checkout: Path) -> list[str]:
    found = checked_out(checkout)
    if found is None:
        pytest.skip("not a git checkout")
    return found


def test_the_top_level_is_the_fixed_list(names: list[str]) -> None:
    assert stray_top_level(names) == []


def test_no_file_names_a_registry_or_a_path_of_one_machine(checkout: Path, names: list[str]) -> None:
    assert foreign_places(checkout, names) == []


def test_every_dialect_is_named_in_the_contract_of_strangers(checkout: Path) -> None:
    configured = tomllib.loads((checkout / "pyproject.toml").read_text(encoding="utf-8"))
    contracts = configured["tool"]["importlinter"]["contracts"]
    (named,) = (set(contract["modules"]) for contract in contracts if contract["type"] == "independence")
    modules = {path.stem for path in (checkout / "mfa_gateway" / "dialects").iterdir() if not path.name.startswith("_")}
    assert named == {f"mfa_gateway.dialects.{module}" for module in modules - {"describing", "openapi", "qr", "wire"}}
