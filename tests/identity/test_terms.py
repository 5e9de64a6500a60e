import math
from pathlib import Path
from typing import Any

import pytest

from mfa_gateway.identity.terms import (
    BearerTerms,
    IntrospectionTerms,
    JwksFile,
    JwksUrl,
    KeySource,
    PublicKey,
    SharedSecret,
)

SECRET = SharedSecret(b"a shared secret of thirty-two by")
PUBLIC: list[KeySource] = [JwksUrl("https://idp.test/keys"), JwksFile(Path("keys.json")), PublicKey(b"pem")]


def terms(**changes: Any) -> BearerTerms:
    written = {
        "realm": "shop",
        "issuer": "https://idp.test",
        "audience": ("a",),
        "algorithms": ("HS256",),
        "keys": SECRET,
    }
    return BearerTerms(**{**written, **changes})


def test_complete_terms_are_accepted() -> None:
    assert terms().session_claims == ("sid", "session_state", "jti")


@pytest.mark.parametrize("name", ["realm", "issuer", "subject_claim"])
def test_names_must_be_given(name: str) -> None:
    with pytest.raises(ValueError, match="must be given"):
        terms(**{name: ""})


@pytest.mark.parametrize("audience", [(), ("",), ("a", ""), "shop-api"])
def test_an_audience_must_be_named(audience: object) -> None:
    with pytest.raises(ValueError, match="name an audience"):
        terms(audience=audience)


@pytest.mark.parametrize("algorithms", [(), ("",), "HS256"])
def test_algorithms_must_be_named(algorithms: object) -> None:
    with pytest.raises(ValueError, match="name the algorithms"):
        terms(algorithms=algorithms)


@pytest.mark.parametrize("leeway", [-1, math.inf, math.nan])
def test_a_leeway_is_zero_or_more(leeway: float) -> None:
    with pytest.raises(ValueError, match="leeway"):
        terms(leeway=leeway)


@pytest.mark.parametrize("keys", PUBLIC)
def test_public_keys_never_meet_a_symmetric_algorithm(keys: KeySource) -> None:
    with pytest.raises(ValueError, match="HS256 cannot be used with a"):
        terms(keys=keys, algorithms=("RS256", "HS256"))
    assert terms(keys=keys, algorithms=("RS256", "ES256", "EdDSA")).keys is keys


@pytest.mark.parametrize("algorithm", ["RS256", "none", "None", "nOnE", "hs256", "HS256 "])
def test_a_shared_secret_takes_only_the_symmetric_algorithms(algorithm: str) -> None:
    with pytest.raises(ValueError, match="cannot be used with a SharedSecret"):
        terms(algorithms=(algorithm,))


@pytest.mark.parametrize("algorithm", ["none", "NONE", "rs256", "http://www.w3.org/2000/09/xmldsig#rsa-sha1"])
def test_no_list_can_name_an_algorithm_that_is_none(algorithm: str) -> None:
    with pytest.raises(ValueError, match="cannot be used with a PublicKey"):
        terms(keys=PublicKey(b"pem"), algorithms=("RS256", algorithm))


def test_what_is_wrong_is_said_with_the_issuer_and_all_at_once() -> None:
    with pytest.raises(
        ValueError, match=r"issuer 'https://idp.test' of realm 'shop': name an audience.*; name the alg"
    ):
        terms(audience=(), algorithms=())


@pytest.mark.parametrize(
    "url", ["", "idp.test/keys", "file:///etc/passwd", "ftp://idp.test/", "http:///keys", "https://u:p@idp.test/"]
)
def test_a_key_set_is_fetched_over_http_and_without_a_password(url: str) -> None:
    with pytest.raises(ValueError, match="URL of a key set"):
        JwksUrl(url)


def test_secrets_do_not_show_in_the_repr() -> None:
    assert "thirty-two" not in repr(terms())


def introspection(**changes: Any) -> IntrospectionTerms:
    written = {"realm": "shop", "url": "https://idp.test/introspect", "client_id": "gate", "client_secret": "hunter2"}
    return IntrospectionTerms(**{**written, **changes})


def test_complete_terms_of_introspection_are_accepted() -> None:
    assert (introspection().timeout, introspection().cache) == (5.0, 60.0)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"realm": ""}, "must be given"),
        ({"client_id": ""}, "must be given"),
        ({"client_secret": ""}, "must be given"),
        ({"url": "ftp://idp.test/"}, "must begin with http"),
        ({"url": "https://u:p@idp.test/"}, "no password"),
        ({"issuer": ""}, "issuer and audience are not empty"),
        ({"audience": ("",)}, "issuer and audience are not empty"),
        ({"audience": "shop-api"}, "issuer and audience are not empty"),
        ({"timeout": 0}, "more than 0 seconds"),
        ({"timeout": math.nan}, "more than 0 seconds"),
        ({"cache": -1}, "0 or more"),
        ({"cache": math.inf}, "0 or more"),
    ],
)
def test_terms_of_introspection_are_whole(changes: dict[str, Any], why: str) -> None:
    with pytest.raises(ValueError, match=rf"introspection of realm '\w*': .*{why}"):
        introspection(**changes)


def test_the_client_secret_does_not_show_in_the_repr() -> None:
    assert "hunter2" not in repr(introspection())
