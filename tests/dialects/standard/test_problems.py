import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mfa_gateway.core.account import Factor
from mfa_gateway.core.ceremony import Failed
from mfa_gateway.core.policy import Access, Requirement
from mfa_gateway.core.verdict import Reason
from mfa_gateway.dialects.standard import Standard
from mfa_gateway.dialects.wire import Asked, Reply

FORM = Standard()
ASKED = Asked("GET", "/carts")


def header(reply: Reply, name: bytes) -> bytes | None:
    found = [value for key, value in reply.headers if key == name]
    assert len(found) <= 1
    return found[0] if found else None


def test_a_failure_is_written_like_a_refusal() -> None:
    written = FORM.encode(Failed(Reason.BANNED, 5000), ASKED)
    assert written == FORM.refuse(Reason.BANNED, ASKED, retry_after_ms=5000)


def test_no_two_reasons_share_a_problem_type() -> None:
    types = {json.loads(FORM.refuse(reason, ASKED).body)["type"] for reason in Reason}
    assert len(types) == len(Reason)


def test_a_request_without_a_name_has_no_request_id() -> None:
    assert "request_id" not in json.loads(FORM.refuse(Reason.DENIED, ASKED).body)


def test_a_missing_token_names_no_error() -> None:
    reply = FORM.refuse(Reason.TOKEN_MISSING, ASKED)
    assert (reply.status, header(reply, b"www-authenticate")) == (401, b'Bearer realm="mfa-gateway"')


def test_a_missing_code_asks_for_a_step_up() -> None:
    reply = FORM.refuse(Reason.CODE_MISSING, ASKED)
    assert reply.status == 401
    assert b'error="insufficient_user_authentication"' in (header(reply, b"www-authenticate") or b"")


def test_at_a_ceremony_a_step_up_names_no_age_and_no_factor() -> None:
    challenge = header(FORM.refuse(Reason.CODE_MISSING, ASKED), b"www-authenticate") or b""
    assert b"max_age" not in challenge
    assert b"acr_values" not in challenge


@pytest.mark.parametrize(
    ("asks", "written"),
    [
        (Requirement(Access.MFA), b'acr_values="urn:mfa-gateway:factor:any", max_age="1800"'),
        (Requirement(Access.MFA, grace_ms=0), b'acr_values="urn:mfa-gateway:factor:any", max_age="0"'),
        (
            Requirement(Access.MFA, factors=frozenset({Factor.TOTP, Factor.EMAIL}), grace_ms=59_999),
            b'acr_values="urn:mfa-gateway:factor:email urn:mfa-gateway:factor:totp", max_age="59"',
        ),
    ],
)
def test_under_a_rule_a_step_up_says_which_factor_and_how_recently(asks: Requirement, written: bytes) -> None:
    reply = FORM.refuse(Reason.CODE_MISSING, Asked("GET", "/carts", requirement=asks))
    assert (header(reply, b"www-authenticate") or b"").endswith(written)


def test_other_refusals_under_a_rule_ask_for_no_step_up() -> None:
    reply = FORM.refuse(Reason.NOT_ENROLLED, Asked("GET", "/carts", requirement=Requirement(Access.MFA)))
    assert header(reply, b"www-authenticate") is None


def test_a_stale_login_is_asked_to_be_at_most_five_minutes_old() -> None:
    challenge = header(FORM.refuse(Reason.LOGIN_STALE, ASKED), b"www-authenticate") or b""
    assert b'error="insufficient_user_authentication"' in challenge
    assert challenge.endswith(b', max_age="300"')


def test_the_wrong_member_of_a_body_is_pointed_at() -> None:
    failed = Failed(Reason.BODY_MALFORMED, detail="is missing", pointer="/code")
    assert json.loads(FORM.encode(failed, ASKED).body)["errors"] == [{"pointer": "#/code", "detail": "is missing"}]
    assert "errors" not in json.loads(FORM.refuse(Reason.BODY_MALFORMED, ASKED).body)


def test_a_detail_that_is_for_the_log_alone_is_not_told() -> None:
    assert b"stale" not in FORM.encode(Failed(Reason.CODE_INVALID, detail="stale"), ASKED).body


@pytest.mark.parametrize("reason", Reason)
def test_a_challenge_comes_with_every_401_and_with_nothing_else(reason: Reason) -> None:
    reply = FORM.refuse(reason, ASKED)
    assert (reply.status == 401) == (header(reply, b"www-authenticate") is not None)


@settings(deadline=None)
@given(
    reason=st.sampled_from(Reason),
    asked=st.builds(Asked, st.text(), st.text(), st.text(), st.text(st.characters(), min_size=1)),
    left_ms=st.integers(-1, 10**12),
)
def test_every_refusal_is_a_whole_problem(reason: Reason, asked: Asked, left_ms: int) -> None:
    reply = FORM.refuse(reason, asked, retry_after_ms=left_ms)
    problem = json.loads(reply.body)
    assert reply.status >= 400
    assert problem["status"] == reply.status
    assert problem["code"] == reason.value
    assert problem["type"] == f"urn:mfa-gateway:problem:{reason.value}"
    assert problem["title"]
    assert problem["detail"]
    assert problem["request_id"] == asked.request_id
    assert header(reply, b"content-type") == b"application/problem+json"
    assert header(reply, b"cache-control") == b"no-store"
    assert header(reply, b"x-mfa-error-code") == reason.value.encode()


@settings(deadline=None)
@given(reason=st.sampled_from(Reason), asked=st.builds(Asked, st.text(), st.text(), st.text(), st.text()))
def test_headers_are_single_lines_and_leave_the_length_to_the_door(reason: Reason, asked: Asked) -> None:
    headers = FORM.refuse(reason, asked).headers
    assert all(name == name.lower() and value.isascii() and value.decode().isprintable() for name, value in headers)
    assert b"content-length" not in dict(headers)
    assert len(dict(headers)) == len(headers)
