"""The Adservio form put together from settings: where it stands, whose accounts log in, and in whose name."""

from base64 import b64encode
from collections.abc import Callable
from pathlib import Path

import pytest

from mfa_gateway.app.entrance import adservio_of, gigya_of, residences_of, sites_of
from mfa_gateway.core.site import Site, Tfa
from mfa_gateway.dialects.adservio import Adservio, ErrorForm
from mfa_gateway.settings import Settings, parse_settings

Load = Callable[..., Settings]

ON = {"enabled": True, "prefix": "/api/v2", "realm": "school", "hosts": ["a.test"]}


@pytest.fixture
def load(tmp_path: Path) -> Load:
    """Settings with this form."""

    def loaded(**adservio: object) -> Settings:
        tree = {
            "public_url": "https://gate.test/",
            "secrets": {"keys": [b64encode(bytes(32)).decode()]},
            "access_control": {"default_policy": "open"},
            "senders": {"email": {"log": {}}},
            "dialects": {"adservio": adservio},
        }
        return parse_settings(tree, folder=tmp_path)

    return loaded


def test_its_site_is_that_of_the_configuration(load: Load) -> None:
    settings = load(**ON, session="30m", remember_device="1d", errors="object")
    site = Site("adservio", "school", "https://gate.test", session_ms=1_800_000, tfa=Tfa(remember_ms=86_400_000))
    assert adservio_of(settings) == Adservio(site, "/api/v2", ErrorForm.OBJECT)
    assert sites_of(settings) == (site,)


def test_it_lives_on_its_hosts(load: Load) -> None:
    settings = load(**ON)
    (residence,) = residences_of(settings, gigya_of(settings), adservio_of(settings))
    assert (dict(residence.dialect.endpoints), residence.hosts) == ({"/api/v2/auth/**": ""}, frozenset({"a.test"}))


def test_where_it_is_off_nobody_logs_in_and_rules_may_refuse_in_it(load: Load) -> None:
    settings = load()
    form = adservio_of(settings)
    assert list(residences_of(settings, gigya_of(settings), form)) == []
    assert (sites_of(settings), form.prefix) == ((), "")
