from base64 import b64encode
from collections.abc import Callable
from pathlib import Path

import pytest

from mfa_gateway.settings import Settings
from tests.certificates import certificate

Load = Callable[..., Settings]
Complain = Callable[..., list[str]]

KEY = b64encode(bytes(32)).decode()
BEARER = "identity.bearer.0"


def keyed(source: str, *algorithms: str) -> dict[str, object]:
    return {f"{BEARER}.jwks_url": ..., f"{BEARER}.{source}": source, f"{BEARER}.algorithms": list(algorithms)}


@pytest.fixture
def sources(tmp_path: Path) -> None:
    (tmp_path / "jwks_file").write_text('{"keys": [{"kty": "RSA"}]}')
    (tmp_path / "public_key_file").write_text("-----BEGIN PUBLIC KEY-----\n")
    (tmp_path / "secret_file").write_bytes(b"s" * 48)


def test_secrets_come_from_one_place(complaints: Complain) -> None:
    assert complaints({"secrets": {"keys": [KEY], "keys_file": None}}) == []
    assert complaints({"secrets": {}}) == [
        "secrets: needs exactly one of keys or keys_file: make a key with `openssl rand -base64 32`"
    ]


def test_secrets_do_not_come_from_two_places(complaints: Complain, tmp_path: Path) -> None:
    (tmp_path / "keys").write_text(KEY)
    assert complaints({"secrets.keys_file": "keys"})[0] == (
        "secrets: keys and keys_file are written: keep exactly one of them"
    )


def test_there_is_at_least_one_key(complaints: Complain) -> None:
    assert complaints({"secrets.keys": []}) == ["secrets.keys: holds no key: make a key with `openssl rand -base64 32`"]


def test_a_key_is_there_once(complaints: Complain) -> None:
    assert complaints({"secrets.keys": [KEY, KEY]}) == [
        "secrets.keys: holds the same key twice: keep it where it is newest"
    ]


def test_memory_is_not_shared_between_workers(complaints: Complain) -> None:
    told = complaints({"store": {"url": "memory://"}, "workers": 2})
    assert "store.url: memory:// lives in one process: use workers: 1 or another store" in told


def test_the_target_is_part_of_the_header_section(complaints: Complain) -> None:
    assert complaints({"limits": {"head": "4KiB", "target": "8KiB"}}) == [
        "limits.target: must not be above limits.head: the target is part of the header section"
    ]


def test_operation_listens_apart_from_clients(complaints: Complain) -> None:
    told = complaints({"listen": "127.0.0.1:8080", "ops_listen": "127.0.0.1:8080"})
    assert "ops_listen: is the address of listen: take another port" in told


def test_envoy_asks_apart_from_clients_and_from_operation(complaints: Complain) -> None:
    asked = {"ext_authz.listen": "127.0.0.1:8080", "trusted_proxies": ["127.0.0.1"]}
    told = "ext_authz.listen: is the address of another listener: take another port"
    assert complaints({**asked, "listen": "127.0.0.1:8080"}) == [told]
    assert complaints({**asked, "ops_listen": "127.0.0.1:8080", "listen": "127.0.0.1:8081"}) == [told]


def test_decisions_for_nobody_are_a_mistake(complaints: Complain) -> None:
    assert complaints({"ext_authz.listen": "127.0.0.1:9092"}) == [
        "ext_authz: answers nobody: write the network of your Envoy into trusted_proxies"
    ]


def test_a_bearer_has_keys(complaints: Complain) -> None:
    assert complaints({f"{BEARER}.jwks_url": ...}) == [
        (
            "identity.bearer[0]: needs exactly one of jwks_url, jwks_file, public_key_file or secret_file: "
            "where do the keys come from that tokens are checked with?"
        )
    ]


@pytest.mark.usefixtures("sources")
def test_a_bearer_has_keys_of_one_source(complaints: Complain) -> None:
    assert complaints({f"{BEARER}.jwks_file": "jwks_file"}) == [
        "identity.bearer[0]: jwks_url and jwks_file are written: keep exactly one of them"
    ]


@pytest.mark.usefixtures("sources")
@pytest.mark.parametrize(
    "changes",
    [
        keyed("secret_file", "HS256", "HS384"),
        keyed("jwks_file", "RS256", "ES256", "EdDSA"),
        keyed("public_key_file", "RS256", "PS512"),
        keyed("public_key_file", "EdDSA"),
    ],
)
def test_algorithms_fit_their_keys(complaints: Complain, changes: dict[str, object]) -> None:
    assert complaints(changes) == []


@pytest.mark.usefixtures("sources")
@pytest.mark.parametrize(
    ("changes", "why"),
    [
        (keyed("secret_file", "HS256", "RS256"), "RS256 cannot be used with secret_file: only HS256, HS384, HS512"),
        (keyed("jwks_file", "HS256"), "HS256 cannot be used with jwks_file: only RS*, PS*, ES* or EdDSA"),
        (
            keyed("public_key_file", "RS256", "HS512"),
            "HS512 cannot be used with public_key_file: only RS*, PS*, ES* or EdDSA",
        ),
        (
            keyed("public_key_file", "RS256", "ES256"),
            "one public key is of one kind, these are for EC and RSA keys: keep one kind",
        ),
    ],
)
def test_a_public_key_is_never_a_shared_secret(complaints: Complain, changes: dict[str, object], why: str) -> None:
    assert complaints(changes) == [f"identity.bearer[0].algorithms: {why}"]


@pytest.mark.usefixtures("sources")
def test_a_shared_secret_is_as_long_as_its_hash(complaints: Complain) -> None:
    assert complaints(keyed("secret_file", "HS256", "HS512")) == [
        "identity.bearer[0].secret_file: holds 48 bytes, and HS512 needs at least 64"
    ]


def test_a_public_key_in_the_place_of_a_secret_is_found_out(complaints: Complain, tmp_path: Path) -> None:
    (tmp_path / "secret_file").write_text("-----BEGIN PUBLIC KEY-----\n" + "A" * 64)
    assert complaints(keyed("secret_file", "HS256")) == [
        (
            "identity.bearer[0].secret_file: holds a PEM key, not a shared secret: "
            "a public key used as a secret lets everybody sign"
        )
    ]


@pytest.mark.parametrize("url", ["http://127.0.0.1:9000", "unix:/run/api.sock"])
def test_certificates_are_for_tls(complaints: Complain, url: str) -> None:
    assert complaints({"upstream": [{"url": url, "tls": {"server_name": "api.internal"}}]}) == [
        "upstream[0].tls: is for https:// URLs: write one, or take this out"
    ]


def test_a_tls_upstream_is_fine(complaints: Complain) -> None:
    assert complaints({"upstream": [{"url": "https://api.internal", "tls": {"server_name": "api.internal"}}]}) == []


def second(realm: str, issuer: str, audience: object) -> dict[str, object]:
    bearer = {"realm": realm, "issuer": issuer, "audience": audience, "algorithms": ["RS256"], "jwks_url": "http://a"}
    return {"identity.bearer.1": bearer}


def test_a_realm_has_each_issuer_once(complaints: Complain) -> None:
    assert complaints(second("shop", "https://idp.example", "other")) == [
        "identity.bearer[1]: has the realm and issuer of identity.bearer[0]: make them one entry"
    ]


@pytest.mark.parametrize("audience", ["staff-api", ["x", "shop-api"]])
def test_one_token_never_belongs_to_two_accounts(complaints: Complain, audience: object) -> None:
    assert complaints(second("staff", "https://idp.example", audience)) == [
        (
            "identity.bearer[1]: has the issuer of identity.bearer[0] but another realm: "
            "the issuer alone tells by which entry a token is judged, so each has one"
        )
    ]


@pytest.mark.parametrize("realm", ["staff", "shop"])
def test_issuers_that_can_be_told_apart_are_fine(complaints: Complain, realm: str) -> None:
    assert complaints(second(realm, "https://idp2.example", "shop-api")) == []


def test_codes_by_mail_need_somebody_to_send_them(complaints: Complain) -> None:
    assert complaints({"senders": {}}) == [
        (
            "senders.email: is needed, because the factor email is enabled: write senders.email.smtp "
            "(in development {log: {}} will do), or set factors.email.enabled: false"
        )
    ]


def test_without_the_factor_email_nobody_has_to_send_mails(complaints: Complain) -> None:
    assert complaints({"senders": {}, "factors": {"email": {"enabled": False}}}) == []


def test_mails_go_one_way(complaints: Complain) -> None:
    assert complaints({"senders.email": {}}) == ["senders.email: needs exactly one of smtp, log or webhook"]
    assert complaints({"senders.email": {"log": {}, "smtp": {"host": "h", "from": "a@b.example"}}}) == [
        "senders.email: smtp and log are written: keep exactly one of them"
    ]


def smtp(**keys: object) -> dict[str, object]:
    return {"senders.email": {"smtp": {"host": "mail.example", "from": "a@b.example", **keys}}}


def test_a_mail_server_is_spoken_to_in_one_way(complaints: Complain) -> None:
    (problem,) = complaints(smtp(tls=True, starttls=True))
    assert problem.startswith("senders.email.smtp: tls and starttls are both true")


def test_a_user_name_has_a_password(complaints: Complain) -> None:
    assert complaints(smtp(username="joe")) == [
        "senders.email.smtp.password_file: must be written, because username is"
    ]


@pytest.mark.usefixtures("sources")
def test_a_password_has_a_user_name(complaints: Complain) -> None:
    assert complaints(smtp(password_file="secret_file")) == [
        "senders.email.smtp.username: must be written, because password_file is"
    ]


@pytest.mark.usefixtures("sources")
def test_no_password_goes_out_in_clear(complaints: Complain) -> None:
    login = {"username": "joe", "password_file": "secret_file", "starttls": False}
    assert complaints(smtp(**login)) == [
        "senders.email.smtp: would send the password in clear: set starttls or tls to true"
    ]
    assert complaints(smtp(**login, host="127.0.0.1")) != []


def test_short_messages_need_somebody_to_send_them(complaints: Complain) -> None:
    told = complaints({"factors": {"sms": {"enabled": True}}})
    assert "senders.sms: is needed, because the factor sms is enabled" in told


def test_short_messages_go_one_way(complaints: Complain) -> None:
    assert "senders.sms: needs exactly one of webhook, twilio, vonage or log" in complaints({"senders.sms": {}})


def test_another_code_can_be_had_before_the_last_one_dies(complaints: Complain) -> None:
    assert complaints({"codes": {"ttl": "1m", "resend_after": "2m"}}) == [
        "codes.resend_after: must not be above codes.ttl (1m): there would be times without any code"
    ]


def test_a_day_has_room_for_every_try_at_one_code(complaints: Complain) -> None:
    assert complaints({"codes.short": {"per_day": 2}}) == [
        "codes.short.per_day: must be at least codes.short.tries (3): no code would ever be tried so often"
    ]


def test_bans_only_grow(complaints: Complain) -> None:
    assert complaints({"regulation": {"ban_time": "2h", "ban_max": "1h"}}) == [
        "regulation.ban_max: must be at least regulation.ban_time (2h): bans only grow"
    ]


def test_a_day_holds_a_whole_window(complaints: Complain) -> None:
    assert complaints({"regulation": {"max_retries": 5, "per_day": 4}}) == [
        "regulation.per_day: must be at least regulation.max_retries (5): no window would ever be so full"
    ]
    assert complaints({"regulation": {"max_retries": 5, "per_day": 5}}) == []


def test_a_period_is_limited_once(complaints: Complain) -> None:
    windows = [{"requests": 1, "period": "1h"}, {"requests": 5, "period": "60m"}]
    assert complaints({"rate_limits": {"send_total": windows}}) == [
        "rate_limits.send_total[1]: has the period of rate_limits.send_total[0]: keep one of them"
    ]


def test_dialects_do_not_stand_in_the_same_place(complaints: Complain) -> None:
    assert complaints({"dialects": {"glue": {"prefix": "/mfa"}}}) == [
        "dialects.standard: has the prefix and hosts of dialects.glue: give it a prefix or hosts of its own"
    ]


@pytest.mark.parametrize(
    ("glue", "standard", "times"),
    [
        ("/mfa/factors", {}, 1),
        ("/mfa/factors/deep", {}, 1),
        ("/mfa/factorsx", {}, 0),
        ("/mfa/other", {}, 0),
        ("/mfa/factors", {"prefix": "/second"}, 0),
        ("/mfa/factors", {"hosts": ["b.test"]}, 0),
        ("/mfa/factors", {"enabled": False}, 0),
    ],
)
def test_glue_does_not_stand_where_the_standard_dialect_answers_everything(
    complaints: Complain, glue: str, standard: dict[str, object], times: int
) -> None:
    changes = {"dialects": {"glue": {"prefix": glue, "hosts": ["a.test"]}, "standard": standard}}
    problem = "dialects.glue.prefix: is below an endpoint of dialects.standard: choose another"
    assert complaints(changes) == [problem] * times


def test_a_certificate_and_its_key_are_fine(complaints: Complain, tmp_path: Path) -> None:
    made = certificate(tmp_path)
    assert complaints({"tls": {"cert": str(made.cert), "key": str(made.key)}}) == []


def test_a_certificate_and_the_key_of_another_are_not(complaints: Complain, tmp_path: Path) -> None:
    cert, key = certificate(tmp_path, "one.test").cert, certificate(tmp_path, "other.test").key
    assert complaints({"tls": {"cert": str(cert), "key": str(key)}}) == [
        f"tls: {cert} and {key} do not belong together"
    ]


def test_files_that_are_no_certificates_are_told(complaints: Complain, tmp_path: Path) -> None:
    (nothing := tmp_path / "nothing.pem").write_text("not PEM")
    (problem,) = complaints({"tls": {"cert": str(nothing), "key": str(nothing)}})
    assert problem.endswith("hold no certificate and key in PEM")
