from collections.abc import Callable

import pytest

from mfa_gateway.settings import Settings
from mfa_gateway.settings.cautions import cautions

Load = Callable[..., Settings]

SMS = {"factors.sms": {"enabled": True}, "senders.sms": {"log": {}}}
LIMIT = [{"requests": 1000, "period": "1h"}]


def told(settings: Settings) -> list[str]:
    """The keys that people are cautioned about."""
    return [caution.partition(":")[0] for caution in cautions(settings)]


def test_a_dry_run_is_not_overlooked(load: Load) -> None:
    assert told(load({"senders.dry_run": True})) == ["senders.dry_run", "senders.email.log"]


@pytest.mark.parametrize(
    ("keys", "is_told"),
    [
        ({"policy": "open", "on_success": "revoke"}, True),
        ({"policy": "open", "on_success": "revoke", "enforce": False}, False),
        ({"policy": "open", "on_success": "close_window", "scope": "session"}, False),
        ({"policy": "mfa", "on_success": "revoke"}, False),
    ],
)
def test_revocations_by_whoever_holds_a_token_are_not_overlooked(
    load: Load, keys: dict[str, object], *, is_told: bool
) -> None:
    rules = [{"name": "log-out", "paths": ["/log-out"], **keys}]
    assert ("rule log-out" in told(load({"access_control.rules": rules}))) == is_told


def test_codes_in_the_log_are_not_overlooked(load: Load) -> None:
    assert told(load()) == ["senders.email.log"]


def test_short_messages_without_a_limit_for_all_of_them_are_not_overlooked(load: Load) -> None:
    assert "factors.sms" in told(load(SMS))
    assert "factors.sms" not in told(load(SMS | {"rate_limits.send_total": LIMIT}))
    assert "factors.sms" not in told(load(SMS | {"rate_limits.send_per_country": LIMIT}))


def test_an_alarm_that_is_off_is_not_overlooked(load: Load) -> None:
    assert "rate_limits.conversion" in told(load(SMS | {"rate_limits.conversion.enabled": False}))
    assert "rate_limits.conversion" not in told(load(SMS))


@pytest.mark.parametrize(("length", "is_told"), [(4, True), (5, True), (6, False), (10, False)])
def test_short_codes_are_not_overlooked(load: Load, length: int, *, is_told: bool) -> None:
    assert ("codes.length" in told(load({"codes.length": length}))) == is_told


def test_the_caution_about_short_codes_says_what_a_guess_is_worth_and_which_numbers_hold(load: Load) -> None:
    settings = load({"codes.length": 4, "codes.short": {"tries": 2, "per_day": 7}})
    (caution,) = (one for one in cautions(settings) if one.startswith("codes.length"))
    assert "one try in 10,000" in caution
    assert "2 wrong ones void it, and 7 in 24 hours" in caution


def test_who_sends_no_short_messages_needs_neither(load: Load) -> None:
    assert told(load({"rate_limits.conversion.enabled": False})) == ["senders.email.log"]


@pytest.mark.parametrize(
    ("keys", "is_told"),
    [
        ({"upstream": [], "trusted_proxies": ["127.0.0.1"]}, True),
        ({"trusted_proxies": ["127.0.0.1"]}, False),
        ({"trusted_proxies": ["127.0.0.1"], "ext_authz": {"listen": "127.0.0.1:9092"}}, True),
        ({"upstream": []}, False),
    ],
)
def test_what_a_proxy_never_tells_is_not_overlooked(load: Load, keys: dict[str, object], *, is_told: bool) -> None:
    rules = [{"name": "log-out", "paths": ["/log-out"], "policy": "mfa", "on_success": "close_window"}]
    assert ("rule log-out" in told(load({"access_control.rules": rules, **keys}))) == is_told
