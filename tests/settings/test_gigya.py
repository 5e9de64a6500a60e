"""The Gigya form: its area, its sites, and everything that can be wrong with them, all at once."""

from base64 import b64encode
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from mfa_gateway.settings import Settings
from mfa_gateway.settings.cautions import cautions
from mfa_gateway.settings.gigya import read_rsa_key

Load = Callable[..., Settings]
Complain = Callable[..., list[str]]

SECRET = b"0123456789abcdef0123"
SITE: dict[str, Any] = {"api_key": "3_KEY", "realm": "people"}


@pytest.fixture(autouse=True)
def files(tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b64encode(SECRET) + b"\n")
    (tmp_path / "plain").write_text("not base64!")
    (tmp_path / "short").write_bytes(b64encode(b"short"))
    for name, key in (
        ("rsa.pem", rsa.generate_private_key(public_exponent=65537, key_size=2048)),
        ("weak.pem", rsa.generate_private_key(public_exponent=65537, key_size=1024)),
        ("ec.pem", ec.generate_private_key(ec.SECP256R1())),
    ):
        (tmp_path / name).write_bytes(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))


def gigya(*sites: dict[str, Any], **more: Any) -> dict[str, object]:
    area = {} if "hosts" in more else {"prefix": "/gigya"}
    return {"dialects.gigya": {"enabled": True, **area, "sites": list(sites or (SITE,)), **more}}


def test_a_site_needs_a_key_and_a_realm(load: Load) -> None:
    form = load(gigya()).dialects.gigya
    (site,) = form.sites
    assert (form.enabled, form.prefix, form.jsonp, site.session) == (True, "/gigya", False, 3600)
    assert (site.code_length, site.otp_registration, site.return_code, site.tfa.require) == (
        6,
        True,
        False,
        "if_registered",
    )
    assert site.tfa.remember_device == 30 * 86_400


def test_secrets_are_the_bytes_behind_base64(load: Load) -> None:
    keys = [{"key": "K", "secret_file": "secret", "public_key_file": "rsa.pem"}]
    (site,) = load(gigya({**SITE, "secret_file": "secret", "user_keys": keys})).dialects.gigya.sites
    assert site.secret_file is not None
    assert site.secret_file.content.get_secret_value() == SECRET
    assert site.user_keys[0].public_key_file is not None
    assert read_rsa_key(site.user_keys[0].public_key_file).key_size == 2048
    assert "0123456789" not in repr(site)


def test_the_realm_of_a_site_is_one_that_rules_may_name(load: Load, complaints: Complain) -> None:
    rule = {"access_control.rules": [{"paths": ["/a"], "realms": ["people"], "dialect": "gigya"}]}
    assert load({**gigya(), **rule, "identity": ...}).dialects.realms() == {"people"}
    assert [text.partition(":")[0] for text in complaints(rule)] == [
        "access_control.rules[0].realms[0]",
        "access_control.rules[0].dialect",
    ]


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"enabled": True, "sites": [SITE]}, "dialects.gigya"),
        ({"enabled": True, "prefix": "/g"}, "dialects.gigya.sites"),
        ({"sites": [{**SITE, "secret_file": "plain"}]}, "dialects.gigya.sites[0].secret_file"),
        ({"sites": [{**SITE, "secret_file": "short"}]}, "dialects.gigya.sites[0].secret_file"),
        ({"sites": [{**SITE, "api_key": "a b"}]}, "dialects.gigya.sites[0].api_key"),
        ({"sites": [{**SITE, "realm": "a b"}]}, "dialects.gigya.sites[0].realm"),
        ({"sites": [{"realm": "people"}]}, "dialects.gigya.sites[0].api_key"),
        ({"sites": [{**SITE, "code_length": 3}]}, "dialects.gigya.sites[0].code_length"),
        ({"sites": [{**SITE, "required_fields": ["a b"]}]}, "dialects.gigya.sites[0].required_fields[0]"),
        ({"sites": [{**SITE, "tfa": {"require": "maybe"}}]}, "dialects.gigya.sites[0].tfa.require"),
        ({"sites": [{**SITE, "session": "1s"}]}, "dialects.gigya.sites[0].session"),
        ({"base_url": "nowhere"}, "dialects.gigya.base_url"),
    ],
)
def test_what_is_wrong_is_told_at_its_place(complaints: Complain, changes: dict[str, Any], place: str) -> None:
    assert [text.partition(":")[0] for text in complaints({"dialects.gigya": changes})] == [place]


@pytest.mark.parametrize(
    ("key", "place"),
    [
        ({"key": "K"}, "user_keys[0]"),
        ({"key": "K", "public_key_file": "weak.pem"}, "user_keys[0].public_key_file"),
        ({"key": "K", "public_key_file": "ec.pem"}, "user_keys[0].public_key_file"),
        ({"key": "K", "public_key_file": "secret"}, "user_keys[0].public_key_file"),
    ],
)
def test_a_user_key_needs_something_to_verify_with(complaints: Complain, key: dict[str, str], place: str) -> None:
    told = complaints(gigya({**SITE, "user_keys": [key]}))
    assert f"dialects.gigya.sites[0].{place}" in [text.partition(":")[0] for text in told]


def test_everything_is_told_at_once(complaints: Complain) -> None:
    keys = [{"key": "K", "secret_file": "secret"}] * 2
    told = complaints(gigya({**SITE, "user_keys": keys}, SITE, {**SITE, "api_key": "3_B", "return_code": True}))
    assert [text.partition(":")[0] for text in told] == [
        "dialects.gigya.sites[0].user_keys[1].key",
        "dialects.gigya.sites[1].api_key",
        "dialects.gigya.sites[2].return_code",
    ]


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"dialects.glue.prefix": "/gigya"}, "dialects.glue"),
        ({"dialects.standard.prefix": "/gigya/mfa"}, "dialects.standard"),
        ({"upstream": [{"url": "http://127.0.0.1:1", "prefix": "/gigya/x"}]}, "upstream[0].prefix"),
    ],
)
def test_nothing_else_stands_below_its_prefix(complaints: Complain, changes: dict[str, object], place: str) -> None:
    assert [text.partition(":")[0] for text in complaints({**gigya(), **changes})] == [place]


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"dialects.glue.hosts": ["own.test"]}, "dialects.glue"),
        ({"upstream": [{"url": "http://127.0.0.1:1", "host": "own.test"}]}, "upstream[0].host"),
    ],
)
def test_nothing_else_stands_on_its_hosts(complaints: Complain, changes: dict[str, object], place: str) -> None:
    assert [text.partition(":")[0] for text in complaints({**gigya(hosts=["own.test"]), **changes})] == [place]


@pytest.mark.parametrize(
    "changes",
    [
        {"dialects.glue.hosts": ["other.test"]},
        {"upstream": [{"url": "http://127.0.0.1:1", "host": "other.test"}]},
        {},
    ],
)
def test_whatever_names_no_host_simply_is_not_on_its_hosts(load: Load, changes: dict[str, object]) -> None:
    assert load({**gigya(hosts=["own.test"]), **changes}).dialects.gigya.hosts == ("own.test",)


def test_the_old_form_of_assertions_needs_an_address_to_name(complaints: Complain) -> None:
    (problem,) = complaints(gigya({**SITE, "legacy_assertions": True}))
    assert "sites[0].legacy_assertions" in problem
    assert "base_url" in problem


PUSH: dict[str, Any] = {"factors.push": {"enabled": True}, "senders.push": {"log": {}}}


def test_devices_are_asked_where_they_can_be_reached(load: Load, complaints: Complain) -> None:
    asking = gigya({**SITE, "tfa": {"providers": ["gigyaEmail", "gigyaPush"]}})
    assert complaints(asking) == [
        (
            "dialects.gigya.sites[0].tfa.providers[1]: "
            "gigyaPush needs factors.push.enabled: true, and senders.push to reach devices by"
        )
    ]
    assert "push" in load({**asking, **PUSH}).factors.enabled()
    assert complaints({**asking, "factors.push": {"enabled": True}}) == [
        (
            "senders.push: is needed, because the factor push is enabled: "
            "write senders.push.webhook (in development {log: {}} will do)"
        )
    ]
    assert complaints({**asking, **PUSH, "senders.push": {}}) == ["senders.push: needs exactly one of webhook or log"]


def test_devices_alone_let_nobody_in_who_has_none_yet(complaints: Complain) -> None:
    alone: dict[str, Any] = {**SITE, "tfa": {"providers": ["gigyaPush"], "require": "always"}}
    (problem,) = complaints({**gigya(alone), **PUSH})
    assert problem.startswith("dialects.gigya.sites[0].tfa.providers: a device opts in with a session")
    assert complaints({**gigya({**alone, "tfa": {"providers": ["gigyaPush"]}}), **PUSH}) == []


def test_devices_that_can_never_opt_in_are_told_of(load: Load) -> None:
    site = {**SITE, "tfa": {"providers": ["gigyaPush"]}}
    for changes, is_told in ((gigya(), True), (gigya(site), False), ({}, True)):
        told = [text for text in cautions(load({**changes, **PUSH})) if text.startswith("factors.push")]
        assert bool(told) is is_told
    logging = [text for text in cautions(load(PUSH)) if text.startswith("senders.push.log")]
    assert len(logging) == 1


def test_what_should_not_be_overlooked_is_told(load: Load) -> None:
    bold = {**SITE, "legacy_assertions": True, "code_length": 4}
    told = [
        text
        for text in cautions(load(gigya(bold, jsonp=True, base_url="https://accounts.example.test")))
        if text.startswith("dialects.gigya")
    ]
    assert len(told) == 3
    assert [text for text in cautions(load(gigya())) if text.startswith("dialects.gigya")] == []
