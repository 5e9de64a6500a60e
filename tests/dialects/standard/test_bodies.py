import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mfa_gateway.core.ceremony import Failed
from mfa_gateway.core.verdict import Reason
from mfa_gateway.dialects.standard.bodies import Members, Shape, read_body

SHAPE = Shape(frozenset({"type"}), frozenset({"name", "a/b~c d"}))


def read(body: bytes | object, content_type: str = "application/json") -> Members | Failed:
    return read_body(content_type, body if isinstance(body, bytes) else json.dumps(body).encode(), SHAPE)


def place_of(body: bytes | object) -> str | None:
    found = read(body)
    assert isinstance(found, Failed)
    assert found.reason is Reason.BODY_MALFORMED
    assert found.detail
    return found.pointer


def test_known_members_are_read() -> None:
    assert read({"type": "totp", "name": "Ærø"}) == {"type": "totp", "name": "Ærø"}


@pytest.mark.parametrize(
    "content_type",
    [
        "application/json",
        "Application/JSON",
        "application/json;charset=utf-8",
        'application/json ; charset="UTF-8" ',
        "application/json;",
    ],
)
def test_json_is_read_in_every_spelling_of_its_type(content_type: str) -> None:
    assert read({"type": "totp"}, content_type) == {"type": "totp"}


@pytest.mark.parametrize(
    "content_type",
    [
        *("", "text/plain", "application/x-www-form-urlencoded", "application/vnd.api+json", "application/jsonp"),
        *("application/json; charset=utf-16", "application/json, text/plain", "application/problem+json"),
    ],
)
def test_another_media_type_is_not_read(content_type: str) -> None:
    assert read({"type": "totp"}, content_type) == Failed(Reason.BODY_UNSUPPORTED)


@pytest.mark.parametrize(
    "body",
    [
        *(b"", b"null", b"[]", b'"type"', b"1", b"{", b'{"type":"totp"} {}', b"\xef\xbb\xbf{}", b"\xff"),
        *(b'{"type":"totp","type":"totp"}', b'{"type":NaN}', b'{"type":Infinity}', b'{"type":-Infinity}'),
        *(b"[" * 60_000, b'{"type":' * 7_000, b'{"type":1' + b"0" * 60_000 + b"}", b"{'type': 'totp'}"),
    ],
)
def test_what_is_not_one_clear_object_is_wrong_as_a_whole(body: bytes) -> None:
    assert place_of(body) == ""


@pytest.mark.parametrize("value", [None, 5, 5.5, True, [], ["totp"], {}, {"type": "totp"}, "\ud800"])
def test_a_member_that_is_no_text_is_pointed_at(value: object) -> None:
    assert place_of({"type": value}) == "/type"


def test_a_missing_member_is_pointed_at() -> None:
    assert place_of({"name": "x"}) == "/type"


@pytest.mark.parametrize(
    ("member", "place"),
    [("nmae", "/nmae"), ("a/b~c", "/a~1b~0c"), ("ü #", "/%C3%BC%20%23"), ("x" * 64, "/" + "x" * 64)],
)
def test_an_unknown_member_is_pointed_at(member: str, place: str) -> None:
    assert place_of({"type": "totp", member: "x"}) == place


def test_a_known_member_is_escaped_as_well() -> None:
    assert place_of({"type": "totp", "a/b~c d": 5}) == "/a~1b~0c%20d"


@pytest.mark.parametrize("member", ["", "x" * 65, "\ud800"])
def test_an_unknown_member_that_is_no_slip_of_the_pen_is_not_repeated(member: str) -> None:
    assert place_of({"type": "totp", member: "x"}) == ""


@settings(deadline=None)
@given(
    content_type=st.sampled_from(["application/json", "application/json;charset=utf-8"]) | st.text(),
    body=st.binary()
    | st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.sampled_from(["type", "name"]), inner),
    ).map(lambda value: json.dumps(value).encode()),
)
def test_any_body_is_read_or_refused(content_type: str, body: bytes) -> None:
    found = read_body(content_type, body, SHAPE)
    if isinstance(found, Failed):
        assert found.reason in (Reason.BODY_MALFORMED, Reason.BODY_UNSUPPORTED)
        assert found.pointer is None or found.pointer.isascii()
    else:
        assert "type" in found
        assert all(isinstance(value, str) for value in found.values())
