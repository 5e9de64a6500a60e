import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mfa_gateway.core.verdict import Reason
from mfa_gateway.dialects.glue import Glue
from mfa_gateway.dialects.standard import Standard
from mfa_gateway.dialects.wire import (
    Dialect,
    allow,
    area_of,
    bearer_challenge,
    come_back,
    error_code,
    parsed_json,
    path_pattern,
    retry_after,
)

# RFC 9110 section 11.6.1, as far as a challenge of ours goes: parameters in quotes, without anything to escape.
CHALLENGE = re.compile(
    rb'Bearer [a-z_]+="[\x20-\x21\x23-\x5b\x5d-\x7e]*"(?:, [a-z_]+="[\x20-\x21\x23-\x5b\x5d-\x7e]*")*'
)


def test_every_form_fits_the_protocol() -> None:
    forms: tuple[Dialect, ...] = (Glue(), Standard())
    assert all(isinstance(path, str) for form in forms for path in form.endpoints)


def test_an_area_is_told_from_an_endpoint() -> None:
    assert area_of("/mfa/factors/**") == "/mfa/factors/"
    assert area_of("/mfa/factors") is area_of("/mfa/factors**") is None


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/a.b/0f/x", "0f"),
        (f"/a.b/{'0' * 64}/x", "0" * 64),
        *((f"/a.b/{bad}/x", None) for bad in ("", "0F", "0g", "0" * 65, "0/0", "{id}", "\u0660", "0\n")),
        *(("/a_b/0f/x", None), ("/a.b/0f", None), ("/a.b/0f/x/", None), ("/a.b/0f/x\n", None)),
    ],
)
def test_an_id_is_one_segment_of_lower_case_hexadecimal(path: str, name: str | None) -> None:
    found = path_pattern("/a.b/{id}/x").fullmatch(path)
    assert (found["id"] if found else None) == name


def test_a_path_without_an_id_is_a_pattern_of_itself() -> None:
    assert path_pattern("/a.b").fullmatch("/a.b")
    assert not path_pattern("/a.b").fullmatch("/a/b")


@pytest.mark.parametrize(("left_ms", "seconds"), [(1, b"1"), (1000, b"1"), (1001, b"2"), (900_000, b"900")])
def test_a_wait_is_given_in_whole_seconds_rounded_up(left_ms: int, seconds: bytes) -> None:
    assert retry_after(left_ms) == ((b"retry-after", seconds),)


@pytest.mark.parametrize("left_ms", [0, -1])
def test_where_time_changes_nothing_no_wait_is_named(left_ms: int) -> None:
    assert retry_after(left_ms) == ()


@pytest.mark.parametrize(
    "reason", [Reason.BANNED, Reason.SEND_LIMITED, Reason.STORE_UNAVAILABLE, Reason.IDENTITY_UNAVAILABLE]
)
def test_what_passes_by_itself_always_asks_for_a_second(reason: Reason) -> None:
    assert come_back(reason, 0) == come_back(reason, 1) == ((b"retry-after", b"1"),)


def test_a_longer_wait_is_not_shortened() -> None:
    assert come_back(Reason.BANNED, 4500) == ((b"retry-after", b"5"),)


def test_a_wrong_code_names_a_wait_only_when_it_brought_a_ban() -> None:
    assert come_back(Reason.CODE_INVALID, 0) == ()
    assert come_back(Reason.CODE_INVALID, 900_000) == ((b"retry-after", b"900"),)


def test_the_reason_travels_in_a_header_too() -> None:
    assert error_code("5900") == ((b"x-mfa-error-code", b"5900"),)


def test_an_endpoint_allows_its_method_alone() -> None:
    assert allow("POST") == ((b"allow", b"POST"),)


@pytest.mark.parametrize("method", ["TRACE", "CONNECT"])
def test_no_path_allows_what_is_never_forwarded(method: str) -> None:
    ((_, methods),) = allow(None)
    assert method not in methods.decode("ascii")


def test_a_challenge_without_an_error_names_the_realm_alone() -> None:
    assert bearer_challenge() == ((b"www-authenticate", b'Bearer realm="mfa-gateway"'),)


def test_what_a_challenge_may_not_hold_becomes_a_question_mark() -> None:
    ((_, value),) = bearer_challenge("e", 'a"b\\c\r\nX-Evil: ü')
    assert value.endswith(b'error_description="a?b?c??X-Evil: ?"')


@settings(deadline=None)
@given(error=st.text(), description=st.text())
def test_a_challenge_is_one_well_formed_line_whatever_it_says(error: str, description: str) -> None:
    ((_, value),) = bearer_challenge(error, description)
    assert CHALLENGE.fullmatch(value)


@pytest.mark.parametrize(
    "body", [b'{"a": 1, "a": 2}', b"NaN", b"-Infinity", b"1e999", b"\xff", b"{", b"", b"[" * 100_000]
)
def test_a_text_with_two_readings_or_none_is_no_json(body: bytes) -> None:
    assert parsed_json(body) is None


def test_a_json_text_is_read() -> None:
    assert parsed_json(b'{"a": {"a": [1, "x", true, 1.5]}}') == {"a": {"a": [1, "x", True, 1.5]}}
