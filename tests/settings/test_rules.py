from collections.abc import Callable

import pytest

from mfa_gateway.core.account import Factor
from mfa_gateway.core.policy import (
    Access,
    Enforcement,
    OnStoreError,
    OnSuccess,
    Policy,
    Require,
    Requirement,
    Rule,
)
from mfa_gateway.core.proof import Scope
from mfa_gateway.settings import Settings, policy_of

Load = Callable[..., Settings]
Complain = Callable[..., list[str]]


def rules(*entries: dict[str, object]) -> dict[str, object]:
    return {"access_control.rules": list(entries)}


def only(load: Load, **keys: object) -> Rule:
    (rule,) = policy_of(load(rules({"paths": ["/a/{x}", "/b/**"], **keys}))).rules
    return rule


def test_a_rule_becomes_one_of_the_core(load: Load) -> None:
    rule = only(
        load,
        name="n",
        methods=["PATCH"],
        hosts=["a.example"],
        realms=["shop"],
        require="if_enrolled",
        factors=["totp"],
        grace="1500ms",
        scope="session",
        enforce=False,
        on_store_error="allow",
        tell_grace=True,
    )
    assert rule.requirement == Requirement(
        Access.MFA,
        require=Require.IF_ENROLLED,
        factors=frozenset({Factor.TOTP}),
        grace_ms=1500,
        scope=Scope.SESSION,
        dialect="glue",
        enforcement=Enforcement.SHADOW,
        on_store_error=OnStoreError.ALLOW,
        tells_grace=True,
    )
    assert [str(path) for path in rule.paths] == ["/a/{x}", "/b/**"]
    assert (rule.name, rule.methods, rule.hosts) == ("n", frozenset({"PATCH"}), frozenset({"a.example"}))
    assert rule.realms == {"shop"}


def log_out(**keys: object) -> dict[str, object]:
    return rules({"paths": ["/log-out"], "policy": "open", "on_success": "revoke", **keys})


@pytest.mark.parametrize("on_success", OnSuccess)
def test_what_a_good_answer_does_reaches_the_core(load: Load, on_success: OnSuccess) -> None:
    assert only(load, on_success=on_success.value).requirement.on_success is on_success


def test_a_rule_in_shadow_does_nothing_on_success(load: Load) -> None:
    assert only(load, on_success="revoke", enforce=False).requirement.on_success is OnSuccess.NONE


def test_an_open_route_may_end_windows_and_say_whose(load: Load, complaints: Complain) -> None:
    closing = log_out(on_success="close_window", scope="session")
    assert complaints(closing) == complaints(log_out()) == []
    (rule,) = policy_of(load(closing)).rules
    assert (rule.requirement.on_success, rule.requirement.scope) == (OnSuccess.CLOSE_WINDOW, Scope.SESSION)


@pytest.mark.parametrize(
    ("keys", "problem"),
    [
        ({"policy": "deny"}, "on_success: means nothing on a rule with policy: deny"),
        ({"on_store_error": "allow"}, "on_success: cannot be kept with on_store_error: allow"),
        ({"scope": "session"}, "scope: means nothing on a rule with policy: open"),
    ],
)
def test_what_a_good_answer_could_not_do_is_not_promised(
    complaints: Complain, keys: dict[str, object], problem: str
) -> None:
    (told,) = complaints(log_out(**keys))
    assert told.startswith(f"access_control.rules[0].{problem}")


def test_nobodys_windows_end_where_nobody_is_known(complaints: Complain) -> None:
    (told,) = complaints({**log_out(), "identity": {}})
    assert told.startswith("access_control.rules[0].on_success: means nothing while nobody can say who is calling")


def test_a_rule_keeps_its_position_as_its_name(load: Load) -> None:
    assert only(load).name == "rules[0]"


def test_under_glue_a_proof_is_the_accounts(load: Load) -> None:
    assert only(load, dialect="glue").requirement.scope is Scope.ACCOUNT


def test_elsewhere_a_proof_is_the_sessions(load: Load) -> None:
    assert only(load, dialect="standard").requirement.scope is Scope.SESSION


def test_a_scope_that_is_written_holds(load: Load) -> None:
    assert only(load, dialect="standard", scope="account").requirement.scope is Scope.ACCOUNT


def default_of(policy: Policy) -> Requirement:
    return policy.default.requirement


def test_the_default_policy_becomes_the_cores(load: Load) -> None:
    assert default_of(policy_of(load({"access_control.default_policy": "deny"}))).access is Access.DENY


def test_the_default_policy_speaks_the_first_dialect_there_is(load: Load) -> None:
    glue = default_of(policy_of(load()))
    standard = default_of(
        policy_of(load({"dialects": {"glue": {"enabled": False}}, "access_control.rules.0.dialect": "standard"}))
    )
    assert (glue.dialect, glue.scope) == ("glue", Scope.ACCOUNT)
    assert (standard.dialect, standard.scope) == ("standard", Scope.SESSION)


def test_the_core_refuses_what_was_never_loaded(load: Load) -> None:
    settings = load()
    broken = settings.access_control.rules[0].model_copy(update={"paths": ("x",)})
    control = settings.access_control.model_copy(update={"rules": (broken,)})
    with pytest.raises(ValueError, match="'x': a path begins with a slash"):
        policy_of(settings.model_copy(update={"access_control": control}))


@pytest.mark.parametrize("path", ["a", "/a/**/b", "/a*", "/a/{}", "/a/../b", "/a//b", "/a%2Fb"])
def test_a_pattern_that_cannot_be_read_is_told_at_its_place(complaints: Complain, path: str) -> None:
    (problem,) = complaints(rules({"paths": ["/ok", path]}))
    assert problem.startswith(f"access_control.rules[0].paths[1]: '{path}': ")


def test_a_conflict_shows_a_call_that_both_rules_match(complaints: Complain) -> None:
    entries: list[dict[str, object]] = [
        {"name": "one", "paths": ["/a/{x}"], "methods": ["PATCH"], "grace": "5m"},
        {"name": "other", "paths": ["/{x}/b"], "methods": ["PATCH", "PUT"], "grace": "1m"},
    ]
    assert complaints(rules(*entries)) == [
        (
            "access_control.rules[1]: 'other' and 'one' both match PATCH /a/b, ask for different things, and neither "
            "is more specific: make one narrower, or let them ask for the same"
        )
    ]


def test_a_conflict_is_told_at_its_place_behind_broken_rules(complaints: Complain) -> None:
    entries: list[dict[str, object]] = [
        {"paths": ["x"]},
        {"paths": ["/a/{x}"], "grace": "5m"},
        {"paths": ["/{x}/b"], "grace": "1m"},
    ]
    assert complaints(rules(*entries))[1].startswith("access_control.rules[2]: 'rules[2]' and 'rules[1]' both match")


@pytest.mark.parametrize("broken", [{"grace": "x"}, {"paths": ["/{x}/b", "y"]}])
def test_a_broken_rule_is_not_compared_with_others(complaints: Complain, broken: dict[str, object]) -> None:
    (problem,) = complaints(rules({"paths": ["/a/{x}"]}, {"paths": ["/{x}/b"], "require": "if_enrolled", **broken}))
    assert "both match" not in problem


def test_rules_that_ask_for_the_same_do_not_conflict(complaints: Complain) -> None:
    assert complaints(rules({"paths": ["/a/{x}"]}, {"paths": ["/{x}/b"]})) == []


def test_names_are_unique(complaints: Complain) -> None:
    assert complaints(rules({"name": "a", "paths": ["/a"]}, {"name": "a", "paths": ["/b"]})) == [
        "access_control.rules[1].name: 'a' is also the name of rules[0]: names are unique"
    ]


def test_a_factor_of_nobody_is_an_error(complaints: Complain) -> None:
    assert complaints({"identity": {}, **rules({"name": "a", "paths": ["/a"]})}) == [
        "identity: must say who is calling (identity.bearer): a second factor is asked for by a"
    ]


def test_a_default_policy_that_asks_needs_an_identity_too(complaints: Complain) -> None:
    changes = {"identity": {}, "access_control": {"default_policy": "mfa"}}
    assert complaints(changes) == [
        "identity: must say who is calling (identity.bearer): a second factor is asked for by default_policy"
    ]


def test_many_rules_are_not_all_named(complaints: Complain) -> None:
    entries = [{"name": name, "paths": [f"/{name}"]} for name in "abcd"]
    (problem,) = complaints({"identity": {}, "access_control.rules": entries})
    assert problem.endswith("is asked for by a, b, c and others")


def test_a_rule_that_cannot_be_read_asks_for_nothing(complaints: Complain) -> None:
    assert len(complaints({"identity": {}, **rules({"paths": ["/a"], "policy": "mfaa"})})) == 1


def test_nobody_has_to_be_known_where_nothing_is_asked(complaints: Complain) -> None:
    assert complaints({"identity": {}, **rules({"paths": ["/a"], "policy": "deny"})}) == []


def test_a_factor_of_none_is_an_error(complaints: Complain) -> None:
    factors = {"email": {"enabled": False}, "totp": {"enabled": False}}
    assert complaints({"factors": factors, **rules({"name": "a", "paths": ["/a"]})}) == [
        "factors: every factor is off: enable one, because one is asked for by a"
    ]


def test_a_realm_that_nobody_has_is_an_error(complaints: Complain) -> None:
    assert complaints(rules({"paths": ["/a"], "realms": ["shop", "shp"]})) == [
        "access_control.rules[0].realms[1]: 'shp' is a realm of no entry of identity; did you mean shop?"
    ]


def test_a_factor_that_is_off_is_an_error(complaints: Complain) -> None:
    assert complaints(rules({"paths": ["/a"], "factors": ["totp", "sms"]})) == [
        "access_control.rules[0].factors[1]: 'sms' is not enabled: set factors.sms.enabled: true"
    ]


def test_a_dialect_that_is_off_is_an_error(complaints: Complain) -> None:
    assert complaints(rules({"paths": ["/a"], "dialect": "gigya"})) == [
        "access_control.rules[0].dialect: 'gigya' is not enabled: set dialects.gigya.enabled: true"
    ]


@pytest.mark.parametrize(("key", "value"), [("grace", "5m"), ("factors", ["totp"]), ("scope", "account")])
def test_a_promise_that_an_open_rule_cannot_keep_is_an_error(complaints: Complain, key: str, value: object) -> None:
    assert complaints(rules({"paths": ["/a"], "policy": "open", key: value})) == [
        f"access_control.rules[0].{key}: means nothing on a rule with policy: open; take it out, or write policy: mfa"
    ]
