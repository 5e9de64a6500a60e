import json
from typing import Any

import pytest

from mfa_gateway.core.account import AccountId, Caller
from mfa_gateway.identity.claims import Accepted, is_moment, is_plain_name, read_claims, shared_claims
from mfa_gateway.identity.flaw import Flaw
from mfa_gateway.identity.terms import BearerTerms, SharedSecret

NOW = 1_800_000_000.0
TERMS = BearerTerms(
    realm="shop",
    issuer="https://idp.test",
    audience=("shop-api", "shop-web"),
    algorithms=("HS256",),
    keys=SharedSecret(b"s" * 32),
    leeway=10.0,
)


ABSENT = object()


def read(terms: BearerTerms = TERMS, /, **claims: object) -> Accepted | Flaw:
    written = {"aud": "shop-api", "exp": NOW + 300, "iat": NOW - 1, "sub": "anna", **claims}
    present = {name: value for name, value in written.items() if value is not ABSENT}
    return read_claims(present, terms, now=NOW, digest="d1935t")


def caller(**claims: object) -> Caller:
    accepted = read(**claims)
    assert isinstance(accepted, Accepted)
    return accepted.caller


def test_the_caller_is_named_by_realm_and_subject() -> None:
    assert caller().account == AccountId("shop", "anna")


def test_the_claims_of_a_caller_cannot_be_changed() -> None:
    claims: Any = caller(email="anna@example.test").claims
    with pytest.raises(TypeError):
        claims["email"] = "otto@example.test"


def test_another_claim_may_name_the_subject() -> None:
    terms = BearerTerms("shop", "i", ("shop-api",), ("HS256",), SharedSecret(b"s" * 32), subject_claim="customer")
    accepted = read(terms, customer="DE--21", sub=ABSENT)
    assert isinstance(accepted, Accepted)
    assert accepted.caller.account.subject == "DE--21"
    assert read(terms) is Flaw.BAD_SUBJECT


# --- Audience ---------------------------------------------------------------------------------


@pytest.mark.parametrize("audience", ["shop-api", "shop-web", ["shop-api"], ["other", "shop-web"]])
def test_an_audience_of_ours_is_accepted(audience: object) -> None:
    assert isinstance(read(aud=audience), Accepted)


@pytest.mark.parametrize(
    "audience",
    [
        "shop",
        "shop-api ",
        "SHOP-API",
        "",
        [],
        None,
        True,
        5,
        {"shop-api": 1},
        ["shop-api", 5],
        ["shop-api", None],
        [["shop-api"]],
        ["other"],
        ["shop-api", "shop-api"],
        ["shop-api", "shop-web"],
    ],
)
def test_every_other_audience_is_refused(audience: object) -> None:
    assert read(aud=audience) is Flaw.OTHER_AUDIENCE


def test_a_token_without_an_audience_is_refused() -> None:
    assert read(aud=ABSENT) is Flaw.OTHER_AUDIENCE


# --- Time -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["exp", "iat"])
def test_expiry_and_issue_date_must_be_there(name: str) -> None:
    assert read(**{name: ABSENT}) is Flaw.BAD_TIME


@pytest.mark.parametrize("name", ["exp", "iat", "nbf"])
@pytest.mark.parametrize("value", [None, "1800000300", True, [], {}, -1, 1e300, float("inf"), float("nan"), 10**400])
def test_dates_are_numbers_of_a_real_year(name: str, value: object) -> None:
    assert read(**{name: value}) is Flaw.BAD_TIME


def test_an_expiry_in_milliseconds_is_not_taken_for_a_date() -> None:
    assert read(exp=(NOW + 300) * 1000) is Flaw.BAD_TIME


def test_a_token_is_good_until_just_before_its_expiry_and_the_leeway() -> None:
    assert isinstance(read(exp=NOW - 10 + 0.001), Accepted)
    assert read(exp=NOW - 10) is Flaw.EXPIRED


def test_it_is_said_until_when_a_token_is_good() -> None:
    accepted = read(exp=NOW + 300)
    assert isinstance(accepted, Accepted)
    assert accepted.until == NOW + 310


@pytest.mark.parametrize("name", ["iat", "nbf"])
def test_a_token_from_beyond_the_leeway_is_not_valid_yet(name: str) -> None:
    assert isinstance(read(**{name: NOW + 10}), Accepted)
    assert read(**{name: NOW + 10.5}) is Flaw.NOT_YET


# --- Subject ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "subject", ["a", "x" * 255, "otto@example.test", "a:b*{c}", "J\u00fcrgen M\u00fcller", "\U0001f600"]
)
def test_a_plain_text_is_a_subject(subject: str) -> None:
    assert caller(sub=subject).account.subject == subject


@pytest.mark.parametrize(
    "subject",
    [None, "", 5, True, ["anna"], {}, "x" * 256, "a\nb", "a\x00", "\x7f", "\x85", "\ud800", "a\u2028b", "a\u2029b"],
)
def test_everything_else_is_no_subject(subject: object) -> None:
    assert read(sub=subject) is Flaw.BAD_SUBJECT


def test_a_token_without_a_subject_is_refused() -> None:
    assert read(sub=ABSENT) is Flaw.BAD_SUBJECT


# --- Session ----------------------------------------------------------------------------------


def test_the_first_session_claim_names_the_session() -> None:
    assert caller(jti="j", session_state="s", sid="x").session == "3:sid:x"
    assert caller(jti="j").session == "3:jti:j"


@pytest.mark.parametrize("value", ["", None, 5, True, ["x"], "a\nb", "x" * 256])
def test_a_session_claim_that_is_no_plain_text_is_passed_over(value: object) -> None:
    assert caller(sid=value, jti="j").session == "3:jti:j"


def test_a_token_without_a_session_claim_is_its_own_session() -> None:
    assert caller().session == caller().token == "d1935t"


def test_two_claims_never_name_the_same_session() -> None:
    assert caller(sid="x").session != caller(jti="x").session


def test_who_is_calling_from_which_session_does_not_show_in_the_repr() -> None:
    text = repr(caller(sid="s3cr3t", email="anna@example.test"))
    assert not any(secret in text for secret in ("s3cr3t", "d1935t", "example.test"))


# --- Shapes -----------------------------------------------------------------------------------


def test_false_and_true_are_no_dates() -> None:
    assert [is_moment(value) for value in (0, 0.5, False, True)] == [True, True, False, False]


def test_a_name_has_a_length_of_1_to_255() -> None:
    assert [is_plain_name("n" * length) for length in (0, 1, 255, 256)] == [False, True, True, False]


def test_what_tokens_say_alike_is_kept_once() -> None:
    text = '{"iss": "https://idp.test", "sub": "ada", "exp": 1, "roles": ["one"]}'
    one, other = shared_claims(json.loads(text)), shared_claims(json.loads(text))
    assert one == other == json.loads(text)
    assert all(mine is theirs for mine, theirs in zip(one, other, strict=True))
    assert one["iss"] is other["iss"]
