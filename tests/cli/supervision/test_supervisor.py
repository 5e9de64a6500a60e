"""What a reload may change, and what it leaves until the next start."""

import base64
from pathlib import Path

from mfa_gateway.cli.supervision.supervisor import changed
from mfa_gateway.settings import Settings, parse_settings


def settings(**more: object) -> Settings:
    tree = {
        "secrets": {"keys": [base64.b64encode(bytes(32)).decode()]},
        "factors": {"email": {"enabled": False}},
        "access_control": {"default_policy": "open"},
    }
    return parse_settings(tree | more, folder=Path("/nowhere"))


def test_most_keys_change() -> None:
    new = settings(workers=4, access_control={"default_policy": "deny"}, timeouts={"drain": "1s"}, limits={"fields": 9})
    assert changed(settings(), new) == (new, [])


def test_addresses_stay_and_are_named() -> None:
    old = settings()
    new = settings(listen="127.0.0.1:1", ops_listen="127.0.0.1:2", workers=3)
    result, kept = changed(old, new)
    assert kept == ["listen", "ops_listen"]
    assert (result.listen, result.ops_listen, result.workers) == (old.listen, None, 3)
    # It was never written, so it says where clients really come in.
    assert result.public_url == old.public_url


def test_where_envoy_asks_stays() -> None:
    asked = {"listen": "127.0.0.1:3"}
    result, kept = changed(settings(), settings(ext_authz=asked, trusted_proxies=["127.0.0.1"]))
    assert (kept, result.ext_authz) == (["ext_authz"], None)


def test_a_public_url_that_is_written_changes_with_or_without_the_address() -> None:
    new = settings(listen="127.0.0.1:1", public_url="https://api.example")
    assert str(changed(settings(), new)[0].public_url) == "https://api.example"


def test_an_embedded_store_stays_where_it_is() -> None:
    old = settings()
    for store in ({"data_dir": "./other"}, {"url": "redis://h:1"}):
        result, kept = changed(old, settings(store=store))
        assert kept == ["store"]
        assert result.store == old.store
    assert changed(settings(store={"url": "redis://h:1"}), settings())[1] == ["store"]


def test_a_store_of_somebody_else_may_change_and_so_may_time_outs() -> None:
    old, new = settings(store={"url": "redis://h:1"}), settings(store={"url": "redis://h:2"})
    assert changed(old, new) == (new, [])
    patient = settings(store={"timeout": "1s"})
    assert changed(settings(), patient) == (patient, [])
