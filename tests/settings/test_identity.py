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


# --- Opaque tokens ----------------------------------------------------------------------------


def introspection(**keys: object) -> dict[str, object]:
    written = {"realm": "shop", "url": "https://idp.example/introspect", "client_id": "gate"}
    return {"identity.introspection": {**written, "client_secret_file": "client.secret", **keys}}


@pytest.fixture
def client_secret(tmp_path: Path) -> Path:
    path = tmp_path / "client.secret"
    path.write_text("hunter2\n")
    return path


@pytest.mark.usefixtures("client_secret")
def test_opaque_tokens_are_looked_up_for_a_minute_each(load: Load) -> None:
    found = load(introspection()).identity.introspection
    assert found is not None
    assert found.client_secret_file.content.get_secret_value() == b"hunter2"
    assert (found.issuer, found.audience, found.timeout, found.cache) == (None, None, 5.0, 60.0)


@pytest.mark.usefixtures("client_secret")
def test_opaque_tokens_need_no_signed_ones_beside_them(load: Load) -> None:
    identity = load({**introspection(), "identity.bearer": []}).identity
    assert identity.realms() == {"shop"}


@pytest.mark.usefixtures("client_secret")
@pytest.mark.parametrize("cache", ["0s", "10m"])
def test_an_answer_counts_for_ten_minutes_at_most(load: Load, complaints: Complain, cache: str) -> None:
    assert load(introspection(cache=cache)).identity.introspection
    assert complaints(introspection(cache="601s")) == ["identity.introspection.cache: must be 0s to 10m"]


@pytest.mark.usefixtures("client_secret")
def test_a_look_up_has_some_time(complaints: Complain) -> None:
    assert complaints(introspection(timeout="0s")) == ["identity.introspection.timeout: must be 100ms to 30s"]


def test_the_secret_of_a_client_is_text(complaints: Complain, client_secret: Path) -> None:
    client_secret.write_bytes(b"\xff\xfe")
    (problem,) = complaints(introspection())
    assert problem.startswith("identity.introspection.client_secret_file: is not UTF-8 text")


@pytest.mark.usefixtures("client_secret")
def test_an_audience_of_opaque_tokens_is_not_empty(complaints: Complain) -> None:
    (problem,) = complaints(introspection(audience=[]))
    assert problem.startswith("identity.introspection.audience")


# --- Trusted header ---------------------------------------------------------------------------


def header(name: str = "X-Forwarded-User", *networks: str) -> dict[str, object]:
    return {"identity.header": {"realm": "staff", "name": name, "from": list(networks or ("10.0.0.0/8",))}}


def test_a_trusted_header_has_a_name_and_peers(load: Load) -> None:
    found = load(header("X-Forwarded-User", "10.0.0.0/8", "192.168.7.4")).identity.header
    assert found is not None
    assert found.name == "x-forwarded-user"
    assert [str(network) for network in found.peers] == ["10.0.0.0/8", "192.168.7.4/32"]


@pytest.mark.parametrize("networks", [("0.0.0.0/0",), ("::/0",)])
def test_not_everybody_can_be_trusted(complaints: Complain, networks: tuple[str, ...]) -> None:
    (problem,) = complaints(header("X-User", *networks))
    assert "means everybody" in problem


def test_somebody_is_trusted(complaints: Complain) -> None:
    assert complaints({"identity.header": {"realm": "staff", "name": "X-User", "from": []}}) == [
        "identity.header.from: must have at least 1 entry"
    ]


@pytest.mark.parametrize(
    "name", ["Authorization", "Cookie", "Host", "X-Forwarded-For", "X_Forwarded_For", "X-MFA-User"]
)
def test_a_header_that_means_something_else_names_nobody(complaints: Complain, name: str) -> None:
    assert complaints(header(name)) == [
        f"identity.header.name: '{name.lower()}' means something else: name a header that holds the caller alone"
    ]


def test_a_trusted_header_is_no_other_credential(complaints: Complain) -> None:
    others = {"identity.other_credentials": {"headers": ["cookie", "x_forwarded_user"]}}
    assert complaints({**header(), **others}) == [
        "identity.other_credentials.headers[1]: is identity.header.name, which is judged: take it off this list"
    ]
    assert complaints({**header("X-Other"), **others}) == []


def test_tokens_come_as_a_sub_protocol_unless_that_is_switched_off(load: Load) -> None:
    assert load().identity.token_subprotocols() == {"mfa.bearer"}
    other = load({"identity.bearer.0.websocket_subprotocol": "shop.token"})
    assert other.identity.token_subprotocols() == {"shop.token"}
    off = load({"identity.bearer.0.websocket_subprotocol": None})
    assert off.identity.token_subprotocols() == frozenset()


def test_a_sub_protocol_has_a_plain_name(complaints: Complain) -> None:
    (problem,) = complaints({"identity.bearer.0.websocket_subprotocol": "mfa bearer"})
    assert problem.startswith("identity.bearer[0].websocket_subprotocol: must be a short name")


# --- Back-channel logout ----------------------------------------------------------------------


def test_issuers_tell_of_log_outs_only_where_that_is_wished(load: Load) -> None:
    off, on = load(), load({"identity.bearer.0.backchannel_logout": True, "identity.bearer.0.logout_audience": "web"})
    assert [one.identity.bearer[0].backchannel_logout for one in (off, on)] == [False, True]
    assert on.identity.bearer[0].logout_audience == ("web",)


def test_an_audience_of_tokens_that_are_not_taken_means_nothing(complaints: Complain) -> None:
    (problem,) = complaints({"identity.bearer.0.logout_audience": "web"})
    assert problem.startswith("identity.bearer[0].logout_audience: means nothing without backchannel_logout: true")
