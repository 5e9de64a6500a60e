"""The Adservio form: its area, its realm, and everything that can be wrong with them, all at once."""

from collections.abc import Callable
from typing import Any

import pytest

from mfa_gateway.settings import Settings

Load = Callable[..., Settings]
Complain = Callable[..., list[str]]


def adservio(**more: Any) -> dict[str, object]:
    area = {} if "hosts" in more or "prefix" in more else {"prefix": "/api/v2"}
    return {"dialects.adservio": {"enabled": True, "realm": "school", **area, **more}}


def places(told: list[str]) -> list[str]:
    return [text.partition(":")[0] for text in told]


def test_it_is_off_unless_asked_for(load: Load) -> None:
    assert not load().dialects.adservio.enabled
    assert load({"dialects.adservio.realm": "school"}).dialects.realms() == frozenset()


def test_it_needs_an_area_and_a_realm(load: Load) -> None:
    settings = load(adservio())
    form = settings.dialects.adservio
    assert (form.prefix, form.realm, form.session, form.remember_device, form.errors) == (
        "/api/v2",
        "school",
        3600,
        30 * 86_400,
        "list",
    )
    assert settings.dialects.realms() == {"school"}
    assert load(adservio(hosts=["api.school.test"])).dialects.adservio.hosts == ("api.school.test",)


def test_rules_may_refuse_in_it_and_name_its_realm(load: Load) -> None:
    rule = {"access_control.rules": [{"paths": ["/a"], "realms": ["school"], "dialect": "adservio"}]}
    assert load({**adservio(), **rule}).access_control.rules[0].dialect == "adservio"


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"enabled": True, "realm": "school"}, ["dialects.adservio"]),
        ({"enabled": True, "prefix": "/api"}, ["dialects.adservio.realm"]),
        ({"enabled": True}, ["dialects.adservio", "dialects.adservio.realm"]),
        ({"realm": "a b"}, ["dialects.adservio.realm"]),
        ({"session": "1s"}, ["dialects.adservio.session"]),
        ({"session": "31d"}, ["dialects.adservio.session"]),
        ({"remember_device": "-1s"}, ["dialects.adservio.remember_device"]),
        ({"errors": "xml"}, ["dialects.adservio.errors"]),
        ({"prefix": "api"}, ["dialects.adservio.prefix"]),
    ],
)
def test_what_is_wrong_is_told_at_its_place(complaints: Complain, changes: dict[str, Any], told: list[str]) -> None:
    assert places(complaints({"dialects.adservio": changes})) == told


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"dialects.glue.prefix": "/api/v2/auth"}, "dialects.glue"),
        ({"dialects.standard.prefix": "/api/v2/auth/mfa"}, "dialects.standard"),
        ({"upstream": [{"url": "http://127.0.0.1:1", "prefix": "/api/v2/auth"}]}, "upstream[0].prefix"),
        ({"upstream": [{"url": "http://127.0.0.1:1", "prefix": "/api/v2/auth/x"}]}, "upstream[0].prefix"),
        ({"public_url": "https://idp.example"}, "identity.bearer[0].issuer"),
    ],
)
def test_nothing_else_stands_in_its_area_or_signs_in_its_name(
    complaints: Complain, changes: dict[str, object], place: str
) -> None:
    assert places(complaints({**adservio(), **changes})) == [place]


@pytest.mark.parametrize(
    "changes",
    [
        {"dialects.standard.prefix": "/api/v2/mfa"},
        {"dialects.glue.prefix": "/api/v2"},
        {"upstream": [{"url": "http://127.0.0.1:1", "prefix": "/api/v2"}]},
        {"upstream": [{"url": "http://127.0.0.1:1", "prefix": "/api/v2/authors"}]},
    ],
)
def test_what_stands_beside_its_area_is_nobodys_business(load: Load, changes: dict[str, object]) -> None:
    assert load({**adservio(), **changes}).dialects.adservio.enabled


def test_hosts_of_its_own_keep_it_apart(load: Load, complaints: Complain) -> None:
    own = adservio(hosts=["api.school.test"])
    elsewhere = [{"url": "http://127.0.0.1:1", "host": "www.school.test", "prefix": "/auth"}]
    assert load({**own, "upstream": elsewhere}).dialects.adservio.prefix == ""
    here = [{"url": "http://127.0.0.1:1", "host": "api.school.test", "prefix": "/auth"}]
    assert places(complaints({**own, "upstream": here})) == ["upstream[0].prefix"]
