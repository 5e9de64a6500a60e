from collections.abc import Callable
from typing import Any

import pytest

from mfa_gateway.settings import Settings
from mfa_gateway.settings.later import LATER
from mfa_gateway.settings.schema import nodes_at

Load = Callable[..., Settings]
Complain = Callable[..., list[str]]

URL = "http://127.0.0.1:1"


def upstream(**keys: Any) -> dict[str, object]:
    return {"upstream": [{"url": URL, **keys}]}


ASKED = [
    ("tls", {"tls": {"cert": "conf.yaml", "key": "conf.yaml"}}),
    ("upstream", {"upstream": [{"url": URL}, {"url": "http://127.0.0.1:2"}]}),
    ("upstream[].host", upstream(host="api.example")),
    ("upstream[].prefix", upstream(prefix="/shop")),
    ("upstream[].strip_prefix", upstream(strip_prefix=True)),
    ("upstream[].odd_targets", upstream(odd_targets="strictest")),
    ("store.url", {"store": {"url": "redis+sentinel://h:26379/main"}}),
    ("store.url", {"store": {"url": "redis+cluster://h"}}),
    ("identity.bearer[].websocket_subprotocol", {"identity.bearer.0.websocket_subprotocol": "mfa.bearer"}),
    ("directory.source", {"directory": {"source": "http"}}),
    ("senders.sms", {"senders.sms": {"log": {}}}),
    ("factors.sms.enabled", {"factors": {"sms": {"enabled": True}}, "senders.sms": {"log": {}}}),
    ("rate_limits.send_per_prefix", {"rate_limits": {"send_per_prefix": [{"requests": 1, "period": "1h"}]}}),
    ("rate_limits.send_per_country", {"rate_limits": {"send_per_country": [{"requests": 1, "period": "1h"}]}}),
    ("access_control.rules[].on_success", {"access_control.rules.0.on_success": "revoke"}),
    ("dialects.gigya.enabled", {"dialects": {"gigya": {"enabled": True, "prefix": "/g"}}}),
    ("dialects.adservio.enabled", {"dialects": {"adservio": {"enabled": True, "prefix": "/a"}}}),
    ("dialects.standard.prefix", {"dialects": {"standard": {"prefix": "/mfa"}}}),
    ("dialects.standard.hosts", {"dialects": {"standard": {"hosts": ["a.example"]}}}),
    ("near_cache.enabled", {"near_cache": {"enabled": True}}),
]


@pytest.fixture(autouse=True)
def some_file(tmp_path: Any) -> None:
    (tmp_path / "conf.yaml").write_text("a secret")


@pytest.mark.parametrize(("key", "changes"), ASKED)
def test_what_comes_later_parses_and_is_refused_at_its_place(
    complaints: Complain, key: str, changes: dict[str, object]
) -> None:
    told = complaints(changes)
    assert any(f": not supported yet: {key}; " in problem for problem in told)
    assert all(": not supported yet: " in problem for problem in told)


def test_every_line_of_the_table_is_tried() -> None:
    assert {later.key for later in LATER} == {key for key, _ in ASKED}


@pytest.mark.parametrize("later", LATER, ids=lambda later: later.key)
def test_what_comes_later_is_in_the_schema(later: Any) -> None:
    steps = later.key.replace("[]", ".0").split(".")
    assert nodes_at(tuple(0 if step == "0" else step for step in steps))


def test_the_place_of_a_rule_is_told_by_its_number(complaints: Complain) -> None:
    assert complaints({"access_control.rules.0.on_success": "close_window"}) == [
        "access_control.rules[0].on_success: not supported yet: access_control.rules[].on_success; use none"
    ]


@pytest.mark.parametrize(
    "changes",
    [
        {"upstream": [{"url": URL, "preserve_host": True, "strip_prefix": False, "odd_targets": "refuse"}]},
        {"cors": {"origins": [], "credentials": True}},
        {"factors": {"sms": {"enabled": False, "countries": ["CH"]}}},
        {"access_control.rules.0.on_success": "none"},
        {"dialects": {"gigya": {"enabled": False}, "standard": {"enabled": True, "hosts": []}}},
        {"near_cache": {"enabled": False, "entries": 5}},
        {"rate_limits": {"send_per_prefix": []}},
        {"timeouts": {"head": "1s", "body_idle": "1s"}, "limits": {"connections": 5}},
    ],
)
def test_writing_a_key_without_asking_for_it_is_fine(complaints: Complain, changes: dict[str, object]) -> None:
    assert complaints(changes) == []
