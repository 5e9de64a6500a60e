from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mfa_gateway.settings import ConfigurationError, Problem, Settings, parse_settings
from mfa_gateway.settings.decoding import ALL_OR_NOTHING, STAND_INS
from mfa_gateway.settings.schema import every_place, keys_at, nodes_at

Load = Callable[..., Settings]
Complain = Callable[..., list[str]]


def test_an_unknown_key_finds_its_neighbour(complaints: Complain) -> None:
    assert complaints({"codes": {"lenght": 6}}) == ["codes.lenght: is not a key; did you mean length?"]


def test_an_unknown_key_may_belong_elsewhere(complaints: Complain) -> None:
    assert complaints({"ban_time": "5m"}) == ["ban_time: is not a key here; did you mean regulation.ban_time?"]


def test_a_strange_key_is_shown_the_keys_there_are(complaints: Complain) -> None:
    assert complaints({"codes": {"xyz": 6}}) == [
        "codes.xyz: is not a key; here are length, short, ttl and resend_after"
    ]


def test_a_misspelled_choice_finds_its_neighbour(complaints: Complain) -> None:
    assert complaints({"access_control.default_policy": "opne"}) == [
        "access_control.default_policy: 'opne' is not open, mfa or deny; did you mean open?"
    ]


def test_the_default_policy_must_be_written(complaints: Complain) -> None:
    assert complaints({"access_control.default_policy": ...}) == [
        (
            "access_control.default_policy: must be written: open, mfa or deny; it decides over every call that no "
            "rule matches, so there is no default"
        )
    ]


def test_a_configuration_without_rules_is_asked_for_a_policy(complaints: Complain) -> None:
    assert complaints({"access_control": ...}) == [
        "access_control: must be written, with at least `default_policy: open`, `mfa` or `deny`"
    ]


def test_missing_secrets_are_told_how_to_be_made(complaints: Complain) -> None:
    assert complaints({"secrets": ...}) == [
        (
            "secrets: must be written: `secrets: {keys: [...]}` or `{keys_file: ...}`; "
            "make a key with `openssl rand -base64 32`"
        )
    ]


def test_a_missing_key_tells_what_it_is_for(complaints: Complain) -> None:
    assert complaints({"identity.bearer.0.issuer": ...}) == [
        "identity.bearer[0].issuer: must be written: the token's `iss`, compared exactly"
    ]


@pytest.mark.parametrize("word", ["yes", "on", 1, "true", None])
def test_only_true_and_false_are_booleans(complaints: Complain, word: object) -> None:
    assert complaints({"factors": {"totp": {"enabled": word}}}) == [
        "factors.totp.enabled: must be true or false (yes, no, on and off are words here)"
    ]


@pytest.mark.parametrize("value", ["6", 6.0, True])
def test_only_a_whole_number_is_one(complaints: Complain, value: object) -> None:
    assert complaints({"codes.length": value}) == ["codes.length: must be a whole number"]


def test_text_that_looks_like_a_number_wants_quotes(complaints: Complain) -> None:
    assert complaints({"factors": {"totp": {"issuer": 7}}}) == [
        "factors.totp.issuer: must be text; put it in quotes if it looks like a number, true, false or null"
    ]


def test_one_word_is_not_a_list(complaints: Complain) -> None:
    assert complaints({"access_control.rules.0.paths": "/a"}) == [
        'access_control.rules[0].paths: must be a list, as in ["a", "b"]'
    ]


def test_a_word_is_not_a_section(complaints: Complain) -> None:
    assert complaints({"codes": 6}) == ["codes: must be a mapping of keys"]


def test_an_empty_section_means_its_defaults(load: Load) -> None:
    assert load({"codes": None}).codes.length == 6


def test_a_problem_of_the_one_upstream_is_told_at_upstream(complaints: Complain) -> None:
    assert complaints({"upstream": "ftp://x"}) == ["upstream: must begin with http:// or https:// and name a host"]


def test_a_problem_of_a_listed_upstream_is_told_at_its_url(complaints: Complain) -> None:
    assert complaints({"upstream": [{"url": "ftp://x"}]}) == [
        "upstream[0].url: must begin with http:// or https:// and name a host"
    ]


def test_problems_of_every_kind_are_told_in_one_go(complaints: Complain) -> None:
    told = complaints(
        {
            "listne": "x",  # an unknown key
            "codes.length": 3,  # a value out of range
            "secrets": {"keys_file": "none"},  # a file that is not there
            "regulation": {"ban_time": "2d", "ban_max": "1h"},  # keys that contradict each other
            "near_cache": {"entries": 0},
            "access_control.rules": [  # a bad pattern, and a conflict among the others
                {"paths": ["x"]},
                {"paths": ["/a/{x}"], "grace": "5m"},
                {"paths": ["/{x}/b"], "grace": "1m"},
            ],
        },
        NO_SUCH="1",  # an unknown variable
    )
    assert [problem.partition(":")[0] for problem in told] == [
        "MFA_GATEWAY_NO_SUCH",
        "secrets.keys_file",
        "access_control.rules[0].paths[0]",
        "access_control.rules[2]",
        "listne",
        "codes.length",
        "regulation.ban_max",
        "near_cache.entries",
    ]


def test_a_broken_key_does_not_make_others_look_wrong(complaints: Complain) -> None:
    rule = {"paths": ["/a"], "realms": ["shop"], "factors": ["totp"]}
    told = complaints(
        {"identity.bearer.0.realm": 5, "factors": {"totp": {"enabled": "yes"}}, "access_control.rules.0": rule}
    )
    assert [problem.partition(":")[0] for problem in told] == ["identity.bearer[0].realm", "factors.totp.enabled"]


def test_a_list_with_several_wrong_entries_does_not_hide_other_problems(complaints: Complain) -> None:
    told = complaints({"trusted_proxies": ["a", "b"], "regulation": {"ban_time": "2d", "ban_max": "1h"}})
    assert [problem.partition(":")[0] for problem in told] == [
        "trusted_proxies[0]",
        "trusted_proxies[1]",
        "regulation.ban_max",
    ]


def test_a_list_whose_only_entry_is_wrong_is_not_called_empty(complaints: Complain) -> None:
    assert len(complaints({"identity.bearer.0.algorithms": ["none"]})) == 1


def test_a_default_made_of_other_keys_is_no_problem_of_its_own(complaints: Complain) -> None:
    assert complaints({"listen": "nowhere"}) == ["listen: must be host:port, as in 127.0.0.1:8080 or [::1]:8080"]


def test_a_wrong_value_of_a_secret_is_never_repeated(complaints: Complain) -> None:
    told = complaints({"secrets.keys": ["hunter2"], "store": {"url": "hunter2://x"}, "senders.email": "hunter2"})
    assert len(told) == 3
    assert "hunter2" not in "".join(told)


def test_every_key_that_is_needed_has_a_stand_in() -> None:
    """Otherwise a broken one takes the section around it along, and later checks judge what nobody wrote."""
    needed = [
        (*place, key)
        for place in [(), *every_place()]
        for node in nodes_at(place)
        for key in node.get("required", ())
        if not any(place[: len(whole)] == whole for whole in ALL_OR_NOTHING) and place[0:1] != ("rate_limits",)
    ]
    missing = [place for place in needed if tuple(-1 if step == 0 else step for step in place) not in STAND_INS]
    assert missing == []


_SCALARS = st.none() | st.booleans() | st.integers(-5, 100_000) | st.floats() | st.text(max_size=12)
_WORDS = st.sampled_from(
    ["open", "mfa", "30m", "glue", "http://127.0.0.1:1", "/a/{x}", "/**", "embedded", "HS256", "ES256"]
)


def _subtrees(place: tuple[str | int, ...], depth: int) -> st.SearchStrategy[Any]:
    """Something like a configuration: known keys, and values that fit or do not."""
    keys = keys_at(place)
    choices: list[st.SearchStrategy[Any]] = [_SCALARS | _WORDS | st.lists(_WORDS | _SCALARS, max_size=3)]
    if keys and depth:
        fields = {key: _subtrees((*place, key), depth - 1) for key in keys}
        choices = [st.fixed_dictionaries({}, optional=fields)] * 4 + choices
    if any("items" in node for node in nodes_at(place)) and depth:
        choices = [st.lists(_subtrees((*place, 0), depth - 1), max_size=3)] * 3 + choices
    return st.one_of(choices)


@given(tree=st.fixed_dictionaries({}, optional={key: _subtrees((key,), 4) for key in keys_at(())}))
@settings(max_examples=150, deadline=None)
def test_whatever_is_written_is_loaded_or_complained_about(tree: dict[str, Any]) -> None:
    problems: tuple[Problem, ...] | None = None
    try:
        parse_settings(tree, folder=Path("/nowhere"))
    except ConfigurationError as error:
        problems = error.problems
    assert problems is None or problems
    assert all(problem.text and "\n" not in str(problem) for problem in problems or ())
