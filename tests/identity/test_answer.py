import json
from typing import Any

import pytest

from mfa_gateway.core.account import AccountId
from mfa_gateway.identity.answer import read_answer
from mfa_gateway.identity.claims import Accepted
from mfa_gateway.identity.flaw import Flaw
from mfa_gateway.identity.terms import IntrospectionTerms
from tests.identity.conftest import NOW

TERMS = IntrospectionTerms("shop", "https://idp.test/introspect", "gate", "hunter2")
STRICT = IntrospectionTerms(
    "shop", "https://idp.test/introspect", "gate", "hunter2", issuer="https://idp.test", audience=("shop-api", "desk")
)


def read(terms: IntrospectionTerms = TERMS, **said: Any) -> Accepted | Flaw:
    document = json.dumps({"active": True, "sub": "anna", **said}).encode()
    return read_answer(document, terms, now=NOW, digest="d1")


def accepted(terms: IntrospectionTerms = TERMS, **said: Any) -> Accepted:
    answer = read(terms, **said)
    assert isinstance(answer, Accepted)
    return answer


def test_an_active_token_names_its_subject() -> None:
    caller = accepted(username="Anna M.", scope="read").caller
    assert caller.account == AccountId("shop", "anna")
    assert (caller.session, caller.token) == ("d1", "d1")
    assert caller.claims["scope"] == "read"


def test_a_session_claim_names_the_session() -> None:
    assert accepted(sid="s1").caller.session == "3:sid:s1"


def test_the_claims_cannot_be_changed() -> None:
    with pytest.raises(TypeError):
        accepted().caller.claims["sub"] = "otto"  # type: ignore[index]


def test_a_token_that_is_not_active_names_nobody() -> None:
    assert read(active=False) is Flaw.INACTIVE


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"null",
        b"[]",
        b"{}",
        b'"active"',
        b'{"active": null, "sub": "anna"}',
        b'{"active": "true", "sub": "anna"}',
        b'{"active": 1, "sub": "anna"}',
        b'{"active": true, "active": true, "sub": "anna"}',
        b'{"active": true, "sub": "anna", "exp": NaN}',
        b'{"active": true, "sub": "anna"',
        b"\xff",
        b"[" * 100_000,
        b"<html>",
    ],
)
def test_what_is_no_answer_says_nothing_about_the_token(document: bytes) -> None:
    with pytest.raises(ValueError, match="active: true or false"):
        read_answer(document, TERMS, now=NOW, digest="d1")


@pytest.mark.parametrize("subject", [None, "", 7, True, ["anna"], "a" * 256, "anna\n", "\ud800"])
def test_a_token_without_a_plain_subject_names_nobody(subject: object) -> None:
    assert read(sub=subject) is Flaw.BAD_SUBJECT


def test_the_user_name_is_no_subject() -> None:
    document = json.dumps({"active": True, "username": "anna"}).encode()
    assert read_answer(document, TERMS, now=NOW, digest="d1") is Flaw.BAD_SUBJECT


def test_a_token_lives_until_it_expires() -> None:
    assert accepted(exp=NOW + 1).until == NOW + 1
    assert read(exp=NOW) is Flaw.EXPIRED
    assert read(exp=0) is Flaw.EXPIRED


def test_a_token_that_is_not_said_to_expire_does_not() -> None:
    assert accepted().until == float("inf")


@pytest.mark.parametrize("expires", ["9999999999", None, True, [], -1, 1e15])
def test_an_expiry_is_a_date(expires: object) -> None:
    assert read(exp=expires) is Flaw.BAD_TIME


@pytest.mark.parametrize(
    "said",
    [
        {"token_type": "refresh_token"},
        {"token_type": "DPoP"},
        {"token_type": "N_A"},
        {"token_type": None},
        {"token_use": "refresh_token"},
        {"token_use": "id"},
        {"token_use": 1},
    ],
)
def test_only_an_access_token_counts(said: dict[str, Any]) -> None:
    assert read(**said) is Flaw.OTHER_TYPE


@pytest.mark.parametrize(
    "said", [{"token_type": "Bearer"}, {"token_type": "bearer"}, {"token_use": "access"}, {"token_use": "access_token"}]
)
def test_an_access_token_has_several_names(said: dict[str, Any]) -> None:
    assert accepted(**said).caller.account.subject == "anna"


@pytest.mark.parametrize("issuer", ["https://idp.test/", "https://other.test", None, ["https://idp.test"]])
def test_a_configured_issuer_is_compared_exactly(issuer: object) -> None:
    assert read(STRICT, iss=issuer, aud="desk") is Flaw.OTHER_ISSUER


def test_a_configured_issuer_has_to_be_there() -> None:
    assert read(STRICT, aud="desk") is Flaw.OTHER_ISSUER


@pytest.mark.parametrize("audience", ["other", [], ["other"], ["desk", "shop-api"], ["desk", 1], None, {"desk": 1}])
def test_a_configured_audience_is_named_exactly_once(audience: object) -> None:
    assert read(STRICT, iss="https://idp.test", aud=audience) is Flaw.OTHER_AUDIENCE


@pytest.mark.parametrize("audience", ["desk", ["desk"], ["other", "shop-api"]])
def test_the_right_issuer_and_audience_are_accepted(audience: object) -> None:
    assert accepted(STRICT, iss="https://idp.test", aud=audience).caller.account.subject == "anna"


def test_without_a_configured_issuer_and_audience_nothing_is_compared() -> None:
    assert accepted(iss=7, aud="anything").caller.account.subject == "anna"
