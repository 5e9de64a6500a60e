from collections.abc import Callable
from pathlib import Path

import pytest

from mfa_gateway.settings import Settings

Load = Callable[..., Settings]
Complain = Callable[..., list[str]]

BEARER = "identity.bearer.0"


def source(name: str, value: str) -> dict[str, object]:
    return {f"{BEARER}.jwks_url": ..., f"{BEARER}.{name}": value}


def test_an_audience_may_be_one_or_several(load: Load) -> None:
    assert load({f"{BEARER}.audience": "a"}).identity.bearer[0].audience == ("a",)
    assert load({f"{BEARER}.audience": ["a", "b"]}).identity.bearer[0].audience == ("a", "b")


def test_a_token_is_for_somebody(complaints: Complain) -> None:
    assert complaints({f"{BEARER}.audience": []}) == ["identity.bearer[0].audience: must have at least 1 entry"]


def test_algorithms_must_be_named(complaints: Complain) -> None:
    assert complaints({f"{BEARER}.algorithms": []}) == ["identity.bearer[0].algorithms: must have at least 1 entry"]


@pytest.mark.parametrize("name", ["none", "None", "rs256", "ES256K", "http://www.w3.org/2000/09/xmldsig#rsa-sha1"])
def test_only_known_algorithms_are_taken(complaints: Complain, name: str) -> None:
    (problem,) = complaints({f"{BEARER}.algorithms": [name]})
    assert problem.startswith("identity.bearer[0].algorithms[0]: ")
    assert "HS256, HS384, HS512, RS256" in problem


def test_a_realm_is_a_short_name(complaints: Complain) -> None:
    (problem,) = complaints({f"{BEARER}.realm": "my shop:1"})
    assert problem.startswith("identity.bearer[0].realm: must be a short name of letters, digits")


def test_the_session_is_found_as_designed(load: Load) -> None:
    assert load().identity.bearer[0].session_claims == ("sid", "session_state", "jti")


def test_a_key_set_is_read_once(load: Load, tmp_path: Path) -> None:
    (tmp_path / "keys.json").write_text('{"keys": [{"kty": "RSA"}]}')
    assert load(source("jwks_file", "keys.json")).identity.bearer[0].jwks_file == tmp_path / "keys.json"


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("{", "is not a JSON Web Key Set"),
        ("[]", "is not a JSON Web Key Set"),
        ('{"key": 1}', "is not a JSON Web Key Set"),
        ('{"keys": []}', "holds no keys"),
        ('{"keys": {}}', "holds no keys"),
        (" ", "is empty"),
    ],
)
def test_what_is_no_key_set_is_refused(complaints: Complain, tmp_path: Path, content: str, why: str) -> None:
    (tmp_path / "keys.json").write_text(content)
    (problem,) = complaints(source("jwks_file", "keys.json"))
    assert problem.startswith(f"identity.bearer[0].jwks_file: {why}")


def test_a_private_key_is_not_wanted(complaints: Complain, tmp_path: Path) -> None:
    (tmp_path / "key.pem").write_text("-----BEGIN PRIVATE KEY-----\nhunter2\n-----END PRIVATE KEY-----\n")
    (problem,) = complaints(source("public_key_file", "key.pem"))
    assert problem.startswith("identity.bearer[0].public_key_file: holds a private key: put only the public key here")
    assert "hunter2" not in problem


def test_a_public_key_is_pem(complaints: Complain, tmp_path: Path) -> None:
    (tmp_path / "key.pem").write_text("AAAA")
    (problem,) = complaints(source("public_key_file", "key.pem"))
    assert problem.startswith("identity.bearer[0].public_key_file: holds no key in PEM form")


def test_the_key_set_has_a_plain_url(complaints: Complain) -> None:
    assert complaints({f"{BEARER}.jwks_url": "file:///etc/passwd"}) == [
        "identity.bearer[0].jwks_url: must begin with http:// or https:// and name a host"
    ]


def test_other_credentials_default_to_the_known_carriers(load: Load) -> None:
    others = load().identity.other_credentials
    assert others.headers == ("cookie", "x-api-key", "proxy-authorization")
    assert others.query == ("access_token", "api_key")
    assert others.action is None


def test_header_names_are_lower_case(load: Load) -> None:
    assert load({"identity.other_credentials": {"headers": ["X-Token"]}}).identity.other_credentials.headers == (
        "x-token",
    )


@pytest.mark.parametrize("name", ["Authorization", "x-mfa-code"])
def test_what_the_gateway_judges_is_no_other_credential(complaints: Complain, name: str) -> None:
    (problem,) = complaints({"identity.other_credentials": {"headers": [name]}})
    assert problem.startswith(
        f"identity.other_credentials.headers[0]: '{name.lower()}' is judged by the gateway itself"
    )


def test_a_header_has_a_name(complaints: Complain) -> None:
    assert complaints({"identity.other_credentials": {"headers": ["x token"]}}) == [
        "identity.other_credentials.headers[0]: 'x token' is not the name of a header"
    ]


def test_the_action_is_one_of_three(complaints: Complain) -> None:
    assert complaints({"identity.other_credentials": {"action": "ignore"}}) == [
        "identity.other_credentials.action: 'ignore' is not refuse, strip or forward"
    ]
