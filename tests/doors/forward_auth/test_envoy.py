"""Envoy: the request itself behind a prefix, fields of one name joined, and no answer that looks like a failure."""

import pytest

from mfa_gateway.doors.forward_auth.envoy import ENVOY
from mfa_gateway.doors.forward_auth.question import Original, Question, places_of

HOST = (b"host", b"shop.test")


def read(rest: bytes = b"/a", *fields: tuple[bytes, bytes], query: bytes = b"", method: str = "GET") -> Original | str:
    given = (HOST, *fields)
    return ENVOY.read(Question(method, rest, query, given, places_of(tuple(name for name, _ in given))))


def test_the_question_is_the_original() -> None:
    asked = read(b"/a//b", (b"x-forwarded-proto", b"https"), query=b"c=d", method="PATCH")
    assert asked == Original("PATCH", "https", b"shop.test", b"/a//b", b"c=d")


def test_a_mesh_may_keep_the_scheme_to_itself() -> None:
    assert read() == Original("GET", "http", b"shop.test", b"/a", b"")


@pytest.mark.parametrize("values", [[b"https", b"http"], [b""], [b"https,http"]])
def test_two_schemes_are_none(values: list[bytes]) -> None:
    assert isinstance(read(b"/a", *((b"x-forwarded-proto", value) for value in values)), str)


@pytest.mark.parametrize("rest", [b"", b"*", b"a"])
def test_a_target_that_is_no_path_is_no_original(rest: bytes) -> None:
    assert isinstance(read(rest), str)


@pytest.mark.parametrize(
    ("token", "is_joined"),
    [
        (b"Bearer a,Bearer b", True),
        (b"Bearer a, bearer b", True),
        (b"Digest a=b,Bearer c", True),
        (b'Digest realm="x", uri="/", nc=1', False),
        (b'Digest realm = "x", uri = "/"', False),
        (b"Bearer a", False),
    ],
)
def test_two_tokens_are_told_from_the_parameters_of_one(token: bytes, *, is_joined: bool) -> None:
    assert isinstance(read(b"/a", (b"authorization", token)), str) == is_joined


def test_two_codes_are_known_by_their_comma() -> None:
    assert isinstance(read(b"/a", (b"x-mfa-code", b"000000,123456")), str)
    assert isinstance(read(b"/a", (b"x-mfa-code", b"123456")), Original)


@pytest.mark.parametrize(("status", "sent"), [(400, 400), (401, 401), (429, 429), (500, 403), (503, 403)])
def test_no_refusal_looks_like_a_failure_of_ours(status: int, sent: int) -> None:
    assert ENVOY.status(status) == sent
