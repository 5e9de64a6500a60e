from collections.abc import Callable
from typing import Any

import pytest

from mfa_gateway.core.routing import OddTargets, Route
from mfa_gateway.settings import Settings, policy_of, routes_of
from mfa_gateway.settings.upstreams import hosts_of

Load = Callable[..., Settings]
Complain = Callable[..., list[str]]

URL = "http://127.0.0.1:9000"
OTHER = "http://127.0.0.1:9001"


def upstreams(*entries: dict[str, Any]) -> dict[str, object]:
    return {"upstream": [{"url": URL, **entry} for entry in entries]}


# --- Routes -----------------------------------------------------------------------------------


def test_every_entry_is_a_route_named_by_its_place(load: Load) -> None:
    settings = load(
        upstreams(
            {"host": "Api.Test", "prefix": "/shop/caf%C3%A9", "strip_prefix": True, "odd_targets": "strictest"}, {}
        )
    )
    assert routes_of(settings).every == (
        Route("upstream[0]", "api.test", "/shop/caf%C3%A9", strips_prefix=True, odd_targets=OddTargets.STRICTEST),
        Route("upstream[1]"),
    )


def test_an_empty_prefix_is_none(load: Load) -> None:
    assert routes_of(load(upstreams({"prefix": ""}))).every == (Route("upstream[0]"),)


def test_without_an_upstream_there_are_no_routes(load: Load) -> None:
    assert routes_of(load({"upstream": ...})).every == ()


def test_the_hosts_of_upstreams_and_rules_are_those_of_the_policy(load: Load) -> None:
    settings = load({**upstreams({"host": "a.test"}, {}), "access_control.rules.0.hosts": ["b.test"]})
    assert hosts_of(settings) == {"a.test"}
    assert policy_of(settings).hosts == {"a.test", "b.test"}


# --- Problems ---------------------------------------------------------------------------------


def test_several_upstreams_are_right(complaints: Complain) -> None:
    assert complaints(upstreams({}, {"prefix": "/a"}, {"prefix": "/a/b"}, {"host": "a.test"})) == []


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({}, {}),
        ({"host": "a.test"}, {"host": "A.test."}),
        ({"prefix": "/a"}, {"prefix": "/a", "url": OTHER}),
        ({"prefix": "/a!"}, {"prefix": "/a%21"}),
        ({}, {"prefix": ""}),
    ],
)
def test_two_entries_for_the_same_calls_are_told_at_the_second(
    complaints: Complain, one: dict[str, Any], other: dict[str, Any]
) -> None:
    assert complaints(upstreams(one, other)) == [
        "upstream[1]: serves the calls of upstream[0]: give it a host or prefix of its own"
    ]


def test_a_prefix_that_is_taken_off_has_to_be_there(complaints: Complain) -> None:
    assert complaints(upstreams({"strip_prefix": True})) == [
        "upstream[0].strip_prefix: needs a prefix to take off: write prefix as well"
    ]


@pytest.mark.parametrize(
    ("prefix", "why"),
    [
        ("shop", "'shop' is not a plain path (the target does not begin with a slash): write /shop"),
        ("/shop/", "'/shop/' must be written as '/shop'"),
        ("/", "'/' must be written as ''"),
        ("/a//b", "'/a//b' is not a plain path (the path holds an empty segment)"),
        ("/a/../b", "'/a/../b' is not a plain path (the path holds a dot segment)"),
        ("/a%2Fb", "'/a%2Fb' is not a plain path (a separator is percent-encoded)"),
        ("/%61", "'/%61' must be written as '/a'"),
        ("/_mfa/x", "/_mfa belongs to the gateway itself: choose another prefix"),
    ],
)
def test_a_prefix_has_one_spelling(complaints: Complain, prefix: str, why: str) -> None:
    assert complaints(upstreams({"prefix": prefix})) == [f"upstream[0].prefix: {why}"]


def test_a_host_is_exact(complaints: Complain) -> None:
    assert complaints(upstreams({"host": "*.test"})) == [
        "upstream[0].host: '*.test': a host is exact, there are no wildcards: list every host"
    ]


def test_tls_is_for_https(complaints: Complain) -> None:
    assert complaints(upstreams({}, {"prefix": "/a", "tls": {}})) == [
        "upstream[1].tls: is for https:// URLs: write one, or take this out"
    ]


SWALLOWED = "is an endpoint of dialects.glue, which answers it here: choose another prefix or host"


@pytest.mark.parametrize(
    ("prefix", "glue", "host", "told"),
    [
        ("/multi-factor-auth-types", {}, None, [f"upstream[0].prefix: {SWALLOWED}"]),
        ("/api/multi-factor-auth-trigger", {"prefix": "/api"}, None, [f"upstream[0].prefix: {SWALLOWED}"]),
        ("/multi-factor-auth-types", {"hosts": ["a.test"]}, "a.test", [f"upstream[0].prefix: {SWALLOWED}"]),
        ("/multi-factor-auth-types", {"hosts": ["a.test"]}, "b.test", []),
        ("/multi-factor-auth-types", {"prefix": "/api"}, None, []),
        ("/api", {"prefix": "/api"}, None, []),
    ],
)
def test_a_prefix_that_a_ceremony_answers_would_never_be_asked(
    complaints: Complain, prefix: str, glue: dict[str, Any], host: str | None, told: list[str]
) -> None:
    entry = {"prefix": prefix} | ({"host": host} if host else {})
    assert complaints({**upstreams(entry), "dialects": {"glue": glue}}) == told


@pytest.mark.parametrize(
    ("prefix", "standard", "times"),
    [
        ("/mfa/factors", {}, 1),
        ("/mfa/challenges/verify/deeper", {}, 1),
        ("/a/grace", {"prefix": "/a"}, 1),
        ("/mfa/factors", {"hosts": ["b.test"]}, 1),
        ("/mfa", {}, 0),
        ("/mfa/factory", {}, 0),
        ("/mfa/factors", {"prefix": "/second"}, 0),
        ("/mfa/factors", {"enabled": False}, 0),
    ],
)
def test_a_prefix_at_or_below_a_standard_endpoint_would_never_be_asked(
    complaints: Complain, prefix: str, standard: dict[str, Any], times: int
) -> None:
    swallowed = (
        "upstream[0].prefix: is at or below an endpoint of dialects.standard, "
        "which answers it here: choose another prefix or host"
    )
    told = complaints({**upstreams({"prefix": prefix}), "dialects": {"standard": standard}})
    assert told == [swallowed] * times


def test_a_prefix_of_a_dialect_that_is_not_spoken_is_free(complaints: Complain) -> None:
    changes = {
        **upstreams({"prefix": "/multi-factor-auth-types"}),
        "dialects": {"glue": {"enabled": False}},
        "access_control.rules.0.dialect": "standard",
    }
    assert complaints(changes) == []


def test_a_broken_entry_is_not_compared_with_others(complaints: Complain) -> None:
    assert complaints(upstreams({}, {"prefix": "x"})) == [
        "upstream[1].prefix: 'x' is not a plain path (the target does not begin with a slash): write /x"
    ]
