"""What a configuration says about wire forms, put together: which endpoints are served where."""

import json
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path

import pytest

from mfa_gateway.app.description import openapi_page
from mfa_gateway.app.translation import dialects_of, gate_terms, mounts_of
from mfa_gateway.settings import Settings, parse_settings, policy_of

Load = Callable[..., Settings]


@pytest.fixture
def load(tmp_path: Path) -> Load:
    """Settings with these wire forms."""

    def loaded(**dialects: object) -> Settings:
        tree = {
            "secrets": {"keys": [b64encode(bytes(32)).decode()]},
            "access_control": {"default_policy": "open"},
            "senders": {"email": {"log": {}}},
            "codes": {"ttl": "3m"},
            "dialects": dialects,
        }
        return parse_settings(tree, folder=tmp_path)

    return loaded


def served(settings: Settings) -> list[tuple[str, frozenset[str]]]:
    """The first path of each mounted form, and the hosts of it."""
    mounts = mounts_of(settings, dialects_of(settings))
    return [(next(iter(mount.dialect.endpoints)), mount.hosts) for mount in mounts]


def test_both_forms_are_served_unless_the_configuration_says_otherwise(load: Load) -> None:
    every = frozenset[str]()
    assert served(load()) == [("/multi-factor-auth-types", every), ("/mfa/factors", every)]


def test_the_standard_form_stands_where_it_is_put(load: Load) -> None:
    _, standard = served(load(standard={"prefix": "/account/second", "hosts": ["A.test"]}))
    assert standard == ("/account/second/factors", frozenset({"a.test"}))


def described(settings: Settings) -> dict[str, object] | None:
    """The paths of the OpenAPI page."""
    dialects = dialects_of(settings)
    page = openapi_page(settings, [mount.dialect for mount in mounts_of(settings, dialects)], dialects["standard"])
    return None if page is None else json.loads(page.reply.body)["paths"]


def test_the_page_describes_the_forms_that_are_served_where_they_stand(load: Load) -> None:
    both = described(load(standard={"prefix": "/second"})) or {}
    assert {"/second/preflight", "/multi-factor-auth-types"} < {*both}
    alone = described(load(glue={"enabled": False})) or {}
    assert all(path.startswith("/mfa/") for path in alone)
    assert described(load(glue={"enabled": False}, standard={"enabled": False})) is None


def test_a_form_that_is_off_has_no_endpoints(load: Load) -> None:
    assert [path for path, _ in served(load(standard={"enabled": False}))] == ["/multi-factor-auth-types"]


def test_those_who_wait_for_a_code_are_told_how_long_it_lives(load: Load) -> None:
    settings = load()
    assert gate_terms(settings, policy_of(settings)).code_life_ms == 180_000
