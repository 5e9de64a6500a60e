import json
from pathlib import Path
from typing import Any

import pytest

from mfa_gateway.settings import json_schema
from mfa_gateway.settings.schema import description_at, every_place, keys_at, nodes_at, types_at

PUBLISHED = Path(__file__).parents[2] / "config" / "mfa-gateway.schema.json"


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(json_schema())
    return loaded


def test_the_published_schema_is_not_stale() -> None:
    assert PUBLISHED.read_text() == json_schema() + "\n", "run `make schema`"


def test_the_schema_says_which_dialect_it_is_written_in(schema: dict[str, Any]) -> None:
    assert next(iter(schema)) == "$schema"
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"


def test_the_schema_has_a_title_and_no_address(schema: dict[str, Any]) -> None:
    assert schema["title"] == "mfa_gateway configuration"
    assert "$id" not in schema


def test_every_key_is_described() -> None:
    assert [place for place in every_place() if not description_at(place)] == []


def test_no_section_takes_unknown_keys(schema: dict[str, Any]) -> None:
    assert [name for name, section in schema["$defs"].items() if section["additionalProperties"] is not False] == []
    assert schema["additionalProperties"] is False


def test_a_duration_is_text_of_its_pattern_or_a_number(schema: dict[str, Any]) -> None:
    grace = schema["$defs"]["Rule"]["properties"]["grace"]
    assert grace["type"] == ["string", "number"]
    assert grace["pattern"] == r"^[0-9]+(\.[0-9]+)?(ms|s|m|h|d)?$"


def test_defaults_are_written_as_people_write_them(schema: dict[str, Any]) -> None:
    assert schema["$defs"]["Rule"]["properties"]["grace"]["default"] == "30m"
    assert schema["$defs"]["Limits"]["properties"]["head"]["default"] == "32KiB"
    assert schema["$defs"]["Store"]["properties"]["url"]["default"] == "embedded"
    assert schema["$defs"]["Regulation"]["properties"]["max_retries"]["default"] == 5


def test_one_upstream_may_be_text(schema: dict[str, Any]) -> None:
    assert [form["type"] for form in schema["properties"]["upstream"]["anyOf"]] == ["string", "array"]


def test_what_must_be_written_is_required(schema: dict[str, Any]) -> None:
    assert schema["required"] == ["secrets", "access_control"]
    assert schema["$defs"]["AccessControl"]["required"] == ["default_policy"]


def test_exactly_one_key_source_is_written(schema: dict[str, Any]) -> None:
    assert {"required": ["jwks_url"]} in schema["$defs"]["Bearer"]["oneOf"]


def test_a_place_in_a_list_is_found() -> None:
    assert "issuer" in keys_at(("identity", "bearer", 7))


def test_a_place_that_is_not_there_is_not_found() -> None:
    assert nodes_at(("identity", "beaver")) == ()


def test_what_may_be_null_says_so() -> None:
    assert types_at(("ops_listen",)) == {"string", "null"}
