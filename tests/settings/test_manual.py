import re
import shutil
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mfa_gateway.settings import Settings, load_settings
from mfa_gateway.settings.document import parse_document
from mfa_gateway.settings.problems import Place
from mfa_gateway.settings.root import Settings as Root
from mfa_gateway.settings.schema import every_place

MANUAL = Path(__file__).parents[2] / "config" / "mfa-gateway.yaml"


@pytest.fixture
def manual(tmp_path: Path) -> Settings:
    """The manual as it is, beside the one file that it asks for."""
    shutil.copy(MANUAL, tmp_path / "mfa-gateway.yaml")
    (tmp_path / "mfa-gateway.keys").write_text(b64encode(bytes(32)).decode() + "\n")
    return load_settings(tmp_path / "mfa-gateway.yaml", environ={})


def test_the_manual_begins_with_its_schema() -> None:
    assert MANUAL.read_text().startswith("# yaml-language-server: $schema=./mfa-gateway.schema.json\n")


def test_the_manual_loads_as_it_is(manual: Settings) -> None:
    assert [rule.name for rule in manual.access_control.rules] == ["change-password", "carts"]


def _keys() -> set[str]:
    """Every key that stands in the manual, behind a "#" or not."""
    return set(re.findall(r"(?:^|[{,#\s-])([a-z_]+):(?=\s|$)", MANUAL.read_text(), re.MULTILINE))


def test_the_manual_knows_every_key() -> None:
    assert sorted({str(place[-1]) for place in every_place() if isinstance(place[-1], str)} - _keys()) == []


def _written(tree: object, place: Place = ()) -> Iterator[tuple[Place, object]]:
    if isinstance(tree, dict):
        for key, value in tree.items():
            yield from _written(value, (*place, key))
    elif tree is not None:
        yield place, tree


# What a newcomer has to think about, and so stands in the manual with an example instead of a default.
EXAMPLES = {("upstream",), ("secrets", "keys_file"), ("identity", "bearer"), ("access_control", "rules")}


def test_what_the_manual_shows_without_a_hash_is_the_default(manual: Settings, tmp_path: Path) -> None:
    bare = {"secrets": {}, "access_control": {"default_policy": "open"}}
    defaults: Any = Root.model_validate(bare).model_dump(mode="json")
    shown: Any = manual.model_dump(mode="json")
    for place, _ in _written(parse_document(MANUAL.read_text()).tree):
        if place[0] == "senders" or any(place[: len(example)] == example for example in EXAMPLES):
            continue
        default: Any = defaults
        value: Any = shown
        for step in place:
            default, value = default[step], value[step]
        assert value == (str(tmp_path / "data") if place == ("store", "data_dir") else default), place
