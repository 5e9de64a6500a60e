from collections.abc import Callable

import pytest

from mfa_gateway.settings import Settings

Load = Callable[..., Settings]
Complain = Callable[..., list[str]]


def rule(**keys: object) -> dict[str, object]:
    return {"access_control.rules": [{"paths": ["/a"], **keys}]}


def test_a_rule_asks_for_a_factor_unless_it_says_otherwise(load: Load) -> None:
    (one,) = load(rule()).access_control.rules
    assert (one.policy, one.require, one.grace, one.dialect, one.enforce) == ("mfa", "always", 1800.0, "glue", True)


def test_a_rule_without_a_name_is_called_by_its_position(load: Load) -> None:
    rules = [{"paths": ["/a"]}, {"paths": ["/b"], "name": "b"}, {"paths": ["/c"]}]
    names = [one.name for one in load({"access_control.rules": rules}).access_control.rules]
    assert names == ["rules[0]", "b", "rules[2]"]


def test_a_name_is_fit_for_logs_and_metrics(complaints: Complain) -> None:
    (problem,) = complaints(rule(name="a\nb"))
    assert problem.startswith("access_control.rules[0].name: must be a short name")


def test_a_rule_is_about_paths(complaints: Complain) -> None:
    assert complaints(rule(paths=[])) == ["access_control.rules[0].paths: must have at least 1 entry"]


def test_a_method_in_small_letters_would_never_match(complaints: Complain) -> None:
    assert complaints(rule(methods=["patch"])) == [
        "access_control.rules[0].methods[0]: 'patch' is not a method: write PATCH"
    ]


@pytest.mark.parametrize("method", ["TRACE", "CONNECT"])
def test_no_rule_is_about_what_is_always_refused(complaints: Complain, method: str) -> None:
    (problem,) = complaints(rule(methods=[method]))
    assert problem.startswith(f"access_control.rules[0].methods[0]: {method} is always refused (405)")


@pytest.mark.parametrize("method", ["GET /a", "*", ""])
def test_a_method_is_a_word(complaints: Complain, method: str) -> None:
    (problem,) = complaints(rule(methods=[method]))
    assert problem.startswith(f"access_control.rules[0].methods[0]: '{method}' is not a method")


def test_a_host_is_compared_in_small_letters(load: Load) -> None:
    assert load(rule(hosts=["API.Example."])).access_control.rules[0].hosts == ("api.example",)


@pytest.mark.parametrize(
    ("host", "why"),
    [
        ("*.example", "a host is exact, there are no wildcards"),
        ("https://a.example", "must be a host alone"),
        ("a.example:8080", "write a.example alone: hosts are compared without port"),
        ("a b", "is not the name of a host"),
        ("", "is not the name of a host"),
    ],
)
def test_a_host_is_nothing_else(complaints: Complain, host: str, why: str) -> None:
    (problem,) = complaints(rule(hosts=[host]))
    assert problem.startswith("access_control.rules[0].hosts[0]: ")
    assert why in problem


def test_a_fresh_code_for_every_call_may_be_asked_for(load: Load) -> None:
    assert load(rule(grace="0s")).access_control.rules[0].grace == 0


def test_a_grace_has_an_end(complaints: Complain) -> None:
    assert complaints(rule(grace="31d")) == ["access_control.rules[0].grace: must be 0s to 30d"]


def test_a_scope_is_of_an_account_or_a_session(complaints: Complain) -> None:
    assert complaints(rule(scope="sesion")) == [
        "access_control.rules[0].scope: 'sesion' is not account or session; did you mean session?"
    ]


def test_a_scope_that_is_not_written_is_not_decided_yet(load: Load) -> None:
    assert load(rule()).access_control.rules[0].scope is None


@pytest.mark.parametrize("prefix", ["", "/api", "/api/v1", "/a-b~c"])
def test_a_prefix_is_a_plain_path_or_nothing(load: Load, prefix: str) -> None:
    assert load({"dialects": {"glue": {"prefix": prefix}}}).dialects.glue.prefix == prefix


@pytest.mark.parametrize(
    ("prefix", "why"),
    [
        ("api/", "'api/' is not a plain path (the target does not begin with a slash): write /api"),
        ("/api/", "'/api/' must be written as '/api'"),
        ("/", "'/' must be written as ''"),
        ("/%61pi", "'/%61pi' must be written as '/api'"),
        ("/a//b", "'/a//b' is not a plain path (the path holds an empty segment)"),
        ("/a/../b", "'/a/../b' is not a plain path (the path holds a dot segment)"),
        ("/a?b", "'/a?b' is not a plain path (the target holds a byte that has to be percent-encoded)"),
        ("/_mfa", "/_mfa belongs to the gateway itself: choose another prefix"),
    ],
)
def test_a_prefix_is_nothing_else(complaints: Complain, prefix: str, why: str) -> None:
    assert complaints({"dialects": {"glue": {"prefix": prefix}}}) == [f"dialects.glue.prefix: {why}"]
