import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mfa_gateway.core.ceremony import Failed
from mfa_gateway.core.verdict import Reason
from mfa_gateway.dialects.glue.body import named_factor

TRIGGER = "multi-factor-auth-trigger"


def read(body: bytes | dict[str, Any], content_type: str = "application/json") -> str | Failed | None:
    return named_factor(content_type, body if isinstance(body, bytes) else json.dumps(body).encode(), TRIGGER)


def reason_of(body: bytes | dict[str, Any]) -> Reason | None:
    found = read(body)
    return found.reason if isinstance(found, Failed) else None


def with_type(value: object) -> dict[str, Any]:
    return {"data": {"type": TRIGGER, "attributes": {"type": value}}}


@pytest.mark.parametrize("content_type", ["application/json", "application/vnd.api+json"])
def test_the_named_factor_is_read_under_both_types(content_type: str) -> None:
    assert read(with_type("email"), content_type) == "email"


def test_another_media_type_is_refused_before_the_body_is_read() -> None:
    assert read(b"{", "text/plain") == Failed(Reason.BODY_UNSUPPORTED)


@pytest.mark.parametrize("name", ["", " email", "EMAIL", "e-mail", "email\n", "é", "\U0001f600"])
def test_a_name_is_handed_on_as_it_is(name: str) -> None:
    assert read(with_type(name)) == name


@pytest.mark.parametrize(
    "data",
    [
        {"type": TRIGGER},
        {"type": TRIGGER, "attributes": None},
        {"type": TRIGGER, "attributes": {}},
        {"type": TRIGGER, "attributes": []},
        {"type": TRIGGER, "attributes": "email"},
        {"type": TRIGGER, "attributes": {"type": None}},
        {"type": TRIGGER, "attributes": {"type": 5}},
        {"type": TRIGGER, "attributes": {"type": ["email"]}},
        {"type": TRIGGER, "attributes": {"type": {"email": 1}}},
        {"type": TRIGGER, "attributes": {"type": True}},
    ],
)
def test_attributes_of_any_other_shape_name_no_factor(data: dict[str, Any]) -> None:
    assert read({"data": data}) is None


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"data": None},
        {"data": []},
        {"data": TRIGGER},
        {"data": [{"type": TRIGGER}]},
        {"data": {}},
        {"data": {"type": None}},
        {"data": {"type": 5}},
        {"data": {"attributes": {"type": "email"}}},
        {"type": TRIGGER, "attributes": {"type": "email"}},
    ],
)
def test_post_data_without_data_or_its_type_is_invalid(document: dict[str, Any]) -> None:
    assert reason_of(document) is Reason.BODY_MALFORMED


@pytest.mark.parametrize("resource", ["", "multi-factor-auth-types", "Multi-Factor-Auth-Trigger", f"{TRIGGER} "])
def test_the_type_of_the_data_must_be_that_of_the_endpoint(resource: str) -> None:
    assert reason_of({"data": {"type": resource, "attributes": {"type": "email"}}}) is Reason.BODY_TYPE_INVALID


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" ",
        b"{",
        b"[]",
        b"null",
        b'"data"',
        b"1",
        b"data[type]=email",
        b'{"data": {"type": "multi-factor-auth-trigger"}} {}',
        b"{'data': {'type': 'multi-factor-auth-trigger'}}",
        b'{"data": {"type": "multi-factor-auth-trigger",}}',
        b'{"data": {"type": "multi-factor-auth-trigger"}}\x00',
    ],
)
def test_what_is_not_one_json_object_is_invalid(body: bytes) -> None:
    assert reason_of(body) is Reason.BODY_MALFORMED


@pytest.mark.parametrize(
    "body",
    [
        b'{"data": {"type": "multi-factor-auth-trigger"}, "data": {"type": "multi-factor-auth-trigger"}}',
        b'{"data": {"type": "x", "type": "multi-factor-auth-trigger"}}',
        b'{"data": {"type": "multi-factor-auth-trigger", "attributes": {"type": "email", "type": "sms"}}}',
        b'{"data": {"type": "multi-factor-auth-trigger"}, "meta": {"a": 1, "\\u0061": 2}}',
    ],
)
def test_a_key_that_occurs_twice_makes_a_body_invalid(body: bytes) -> None:
    assert reason_of(body) is Reason.BODY_MALFORMED


@pytest.mark.parametrize("number", [b"NaN", b"Infinity", b"-Infinity"])
def test_numbers_that_json_does_not_have_make_a_body_invalid(number: bytes) -> None:
    assert reason_of(b'{"data": {"type": "multi-factor-auth-trigger"}, "meta": %s}' % number) is Reason.BODY_MALFORMED


def test_a_number_too_long_to_read_makes_a_body_invalid() -> None:
    body = b'{"data": {"type": "multi-factor-auth-trigger"}, "meta": %s}' % (b"1" * 60_000)
    assert reason_of(body) is Reason.BODY_MALFORMED


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-32"])
def test_a_body_in_another_encoding_is_invalid(encoding: str) -> None:
    assert reason_of(json.dumps(with_type("email")).encode(encoding)) is Reason.BODY_MALFORMED


def test_bytes_that_are_not_utf8_are_invalid() -> None:
    body = b'{"data": {"type": "multi-factor-auth-trigger", "attributes": {"type": "\xff"}}}'
    assert reason_of(body) is Reason.BODY_MALFORMED


@pytest.mark.parametrize("half", ["\\ud800", "\\udfff", "email\\udc00"])
def test_a_name_with_half_a_character_is_invalid(half: str) -> None:
    body = f'{{"data": {{"type": "{TRIGGER}", "attributes": {{"type": "{half}"}}}}}}'.encode()
    assert reason_of(body) is Reason.BODY_MALFORMED


@pytest.mark.parametrize("opening", [b"[", b'{"a":', b'{"data":', b"[[{"])
def test_a_nesting_bomb_is_invalid_and_harmless(opening: bytes) -> None:
    assert reason_of(opening * (65_536 // len(opening))) is Reason.BODY_MALFORMED


def test_what_else_a_client_sends_along_does_not_matter() -> None:
    document = {"data": {"type": TRIGGER, "id": "1", "attributes": {"type": "email", "phone": "+49"}}, "meta": {}}
    assert read(document) == "email"


json_values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["data", "type", "attributes"]) | st.text(), inner, max_size=4)
    ),
    max_leaves=20,
)


@settings(deadline=None)
@given(st.binary(max_size=200) | json_values.map(lambda value: json.dumps(value).encode()))
def test_any_body_gives_a_name_none_or_a_body_error(body: bytes) -> None:
    found = read(body)
    if isinstance(found, Failed):
        assert found.reason in {Reason.BODY_MALFORMED, Reason.BODY_TYPE_INVALID}
    else:
        assert found is None or found.encode() is not None
