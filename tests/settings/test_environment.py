from collections.abc import Callable
from pathlib import Path

import pytest

from mfa_gateway.settings import ConfigurationError, Settings, load_settings

Load = Callable[..., Settings]
Complain = Callable[..., list[str]]


def test_a_variable_sets_a_key(load: Load) -> None:
    assert load(CODES__LENGTH="8").codes.length == 8


def test_a_variable_wins_over_the_file(load: Load) -> None:
    assert load({"codes.length": 7}, CODES__LENGTH="8").codes.length == 8


def test_a_variable_sets_a_key_of_a_section_that_is_not_written(load: Load) -> None:
    assert load({"near_cache": None}, NEAR_CACHE__ENTRIES="5").near_cache.entries == 5


def test_a_variable_names_keys_with_underscores(load: Load) -> None:
    assert load(ACCESS_CONTROL__DEFAULT_POLICY="deny").access_control.default_policy == "deny"


def test_a_duration_may_be_text_or_a_number(load: Load) -> None:
    settings = load(TIMEOUTS__HEAD="1500ms", TIMEOUTS__DRAIN="3")
    assert (settings.timeouts.head, settings.timeouts.drain) == (1.5, 3.0)


def test_text_stays_text_whatever_it_looks_like(load: Load) -> None:
    assert load(FACTORS__TOTP__ISSUER="007").factors.totp.issuer == "007"


def test_a_boolean_is_true_or_false(load: Load) -> None:
    assert load(FACTORS__TOTP__ENABLED="false").factors.totp.enabled is False


def test_a_list_is_json(load: Load) -> None:
    assert len(load(TRUSTED_PROXIES='["10.0.0.0/8", "192.168.7.4"]').trusted_proxies) == 2


def test_a_mapping_is_json(load: Load) -> None:
    settings = load(RATE_LIMITS='{"send_total": [{"requests": 3, "period": "1h"}]}')
    assert settings.rate_limits.send_total[0].requests == 3


def test_a_mapping_can_be_refined_by_its_keys(load: Load) -> None:
    settings = load(CODES='{"length": 7, "ttl": "5m"}', CODES__LENGTH="8")
    assert (settings.codes.length, settings.codes.ttl) == (8, 300.0)


def test_an_entry_of_a_list_is_set_by_its_number(load: Load) -> None:
    bearer = load(IDENTITY__BEARER__0__ISSUER="https://other.example").identity.bearer[0]
    assert (bearer.issuer, bearer.realm) == ("https://other.example", "shop")


def test_a_whole_entry_of_a_list_is_set_by_its_number(load: Load) -> None:
    rules = load(ACCESS_CONTROL__RULES__0='{"paths": ["/b"]}', ACCESS_CONTROL__RULES__1='{"paths": ["/c"]}')
    assert [rule.paths for rule in rules.access_control.rules] == [("/b",), ("/c",)]


def test_an_entry_is_added_to_a_list_by_the_next_number(load: Load) -> None:
    rules = load(ACCESS_CONTROL__RULES__1__PATHS='["/b"]', ACCESS_CONTROL__RULES__1__POLICY="deny").access_control.rules
    assert [rule.policy for rule in rules] == ["mfa", "deny"]


def test_entries_are_numbered_without_gaps(complaints: Complain) -> None:
    assert complaints(ACCESS_CONTROL__RULES__3__POLICY="deny") == [
        (
            "MFA_GATEWAY_ACCESS_CONTROL__RULES__3__POLICY: cannot be set: access_control.rules is not a list with so "
            "many entries: they are numbered from 0 without gaps"
        )
    ]


def test_a_key_below_what_is_no_mapping_cannot_be_set(complaints: Complain) -> None:
    assert "MFA_GATEWAY_CODES__LENGTH: cannot be set: codes is written as something else than a mapping" in complaints(
        {"codes": "six"}, CODES__LENGTH="8"
    )


def test_one_upstream_may_be_a_url_or_a_list(load: Load) -> None:
    plain = load(UPSTREAM="http://127.0.0.1:1").upstream
    listed = load(UPSTREAM='[{"url": "http://127.0.0.1:1"}]').upstream
    assert plain == listed


def test_the_name_of_a_secret_file_is_a_key_like_any_other(load: Load, tmp_path: Path) -> None:
    (tmp_path / "keys").write_text("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n")
    settings = load({"secrets": {}}, SECRETS__KEYS_FILE="keys")
    assert settings.secrets.newest_first[0].get_secret_value() == bytes(range(32))


def test_a_value_may_come_from_a_file(load: Load, tmp_path: Path) -> None:
    (tmp_path / "url").write_text("redis://:secret@cache:6379/0\n")
    assert load(STORE__URL_FILE="url").store.url.get_secret_value() == "redis://:secret@cache:6379/0"


def test_a_list_may_come_from_a_file(load: Load, tmp_path: Path) -> None:
    (tmp_path / "proxies").write_text('["10.0.0.0/8"]\n')
    assert len(load(TRUSTED_PROXIES_FILE="proxies").trusted_proxies) == 1


def test_a_file_that_is_not_there_is_a_problem_of_its_variable(complaints: Complain, tmp_path: Path) -> None:
    assert complaints(STORE__URL_FILE="none") == [
        f"MFA_GATEWAY_STORE__URL_FILE: the file cannot be read: no such file or directory ({tmp_path / 'none'})"
    ]


def test_a_file_that_is_not_text_is_a_problem_of_its_variable(complaints: Complain, tmp_path: Path) -> None:
    (tmp_path / "url").write_bytes(b"\xff")
    assert complaints(STORE__URL_FILE="url") == [
        f"MFA_GATEWAY_STORE__URL_FILE: the file {tmp_path / 'url'} is not UTF-8 text"
    ]


def test_a_value_and_its_file_cannot_both_be_given(complaints: Complain, tmp_path: Path) -> None:
    (tmp_path / "url").write_text("embedded")
    assert complaints(STORE__URL="embedded", STORE__URL_FILE="url") == [
        "MFA_GATEWAY_STORE__URL_FILE: sets store.url, and so does MFA_GATEWAY_STORE__URL: set one of them"
    ]


def test_an_unknown_variable_is_a_problem_with_its_neighbour(complaints: Complain) -> None:
    assert complaints(STORE__ULR="embedded") == [
        "MFA_GATEWAY_STORE__ULR: sets no key of the configuration: did you mean MFA_GATEWAY_STORE__URL?"
    ]


def test_a_strange_variable_is_told_how_they_are_made(complaints: Complain) -> None:
    (problem,) = complaints(XQ="1")
    assert problem.endswith("write MFA_GATEWAY_ and the key, with two underscores between its parts")


def test_a_wrong_value_names_its_variable(complaints: Complain) -> None:
    assert complaints(CODES__LENGTH="3") == ["codes.length: must be at least 4 (set by MFA_GATEWAY_CODES__LENGTH)"]


def test_a_wrong_value_inside_a_mapping_names_its_variable(complaints: Complain) -> None:
    assert complaints(CODES='{"length": 3}') == ["codes.length: must be at least 4 (set by MFA_GATEWAY_CODES)"]


def test_a_list_that_cannot_be_read_is_never_repeated(complaints: Complain) -> None:
    assert complaints({"secrets": ...}, SECRETS__KEYS="[hunter2, {") == [
        'MFA_GATEWAY_SECRETS__KEYS: cannot be read: write a list, as in ["a", "b"]'
    ]


def test_a_section_that_cannot_be_read_is_told_how_to_write_it(complaints: Complain) -> None:
    assert complaints(CODES="{length: 6") == ['MFA_GATEWAY_CODES: cannot be read: write a mapping, as in {"a": "b"}']


def test_a_key_below_a_number_that_is_not_there_cannot_be_set(complaints: Complain) -> None:
    (problem,) = complaints(IDENTITY__BEARER__5__ISSUER="x")
    assert problem.startswith("MFA_GATEWAY_IDENTITY__BEARER__5__ISSUER: cannot be set: identity.bearer is not a list")


def test_the_one_upstream_is_not_a_list(complaints: Complain) -> None:
    (problem,) = complaints(UPSTREAM__0__URL="http://127.0.0.1:1")
    assert problem.startswith("MFA_GATEWAY_UPSTREAM__0__URL: cannot be set: upstream is not a list")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SERVICE_HOST", "10.0.0.7"),
        ("SERVICE_PORT", "8080"),
        ("SERVICE_PORT_HTTP", "8080"),
        ("PORT", "tcp://10.0.0.7:8080"),
        ("PORT_8080_TCP", "tcp://10.0.0.7:8080"),
        ("PORT_8080_TCP_ADDR", "10.0.0.7"),
        ("REDIS_SERVICE_HOST", "10.0.0.8"),
        ("REDIS_PORT", "tcp://10.0.0.8:6379"),
    ],
)
def test_what_kubernetes_tells_of_a_service_named_mfa_gateway_is_not_meant_for_us(
    complaints: Complain, name: str, value: str
) -> None:
    assert complaints(**{name: value}) == []


@pytest.mark.parametrize(
    ("name", "value"), [("SMTP_PORT", "25"), ("SERVICE", "10.0.0.7"), ("SENDERS__SMS__PORT", "tcp://10.0.0.7:25")]
)
def test_what_only_looks_like_a_service_is_a_problem(complaints: Complain, name: str, value: str) -> None:
    (problem,) = complaints(**{name: value})
    assert problem.startswith(f"MFA_GATEWAY_{name}: sets no key of the configuration")


def test_a_key_that_ends_in_port_is_not_taken_for_a_service(load: Load) -> None:
    smtp = {"senders.email": {"smtp": {"host": "127.0.0.1", "from": "a@b.example"}}}
    email = load(smtp, SENDERS__EMAIL__SMTP__PORT="2525").senders.email
    assert email is not None
    assert email.smtp is not None
    assert email.smtp.port == 2525


def test_other_variables_are_none_of_our_business(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load_settings(None, environ={"PATH": "/bin", "HOME": str(tmp_path), "MFA_GATEWAYS": "x"})
    assert not [problem for problem in caught.value.problems if "MFA_GATEWAYS" in str(problem)]


def test_the_environment_alone_can_be_enough() -> None:
    key = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
    settings = load_settings(
        None,
        environ={
            "MFA_GATEWAY_SECRETS__KEYS": f'["{key}"]',
            "MFA_GATEWAY_ACCESS_CONTROL__DEFAULT_POLICY": "open",
            "MFA_GATEWAY_SENDERS__EMAIL__LOG": "{}",
        },
    )
    assert settings.store.data_dir == Path.cwd() / "data"
