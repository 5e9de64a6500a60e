import math
from typing import Any

import pytest

from mfa_gateway.doors.upstream import Origin, Scheme, Terms


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("http://127.0.0.1:9000", Origin(Scheme.HTTP, "127.0.0.1", 9000)),
        ("http://api", Origin(Scheme.HTTP, "api", 80)),
        ("HTTP://Api_1.internal:8080/", Origin(Scheme.HTTP, "api_1.internal", 8080)),
        ("http://[::1]:9000", Origin(Scheme.HTTP, "::1", 9000)),
        ("http://api/v1/shop", Origin(Scheme.HTTP, "api", 80, "/v1/shop")),
        ("http://api/v1/", Origin(Scheme.HTTP, "api", 80, "/v1")),
        ("https://api", Origin(Scheme.HTTPS, "api", 443)),
        ("https://[::1]:8443/v1", Origin(Scheme.HTTPS, "::1", 8443, "/v1")),
        ("unix:/run/api.sock", Origin(Scheme.UNIX, "/run/api.sock", 0)),
    ],
)
def test_an_origin_is_read(url: str, origin: Origin) -> None:
    assert Origin.parse(url) == origin


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("unix:api.sock", "absolute path"),
        ("unix://run/api.sock", "absolute path"),
        ("unix:", "absolute path"),
        ("unix:/run/a\n.sock", "absolute path"),
        ("ftp://api", "begins with none of"),
        ("api:9000", "begins with none of"),
        ("", "begins with none of"),
        ("http://", "no host"),
        ("http:///x", "no host"),
        ("http:api", "no host"),
        ("http://user:secret@api", "user name or password"),
        ("http://api?x=y", "query or fragment"),
        ("http://api#x", "query or fragment"),
        ("http://api?", "query or fragment"),
        ("http://api:0", "port"),
        ("http://api:99999", "port"),
        ("http://api:x", "port"),
        ("http://api:", "port"),
        ("http://api/a/../b", "plain segments"),
        ("http://api//a", "plain segments"),
        ("http://api/a%2fb", "plain segments"),
        ("http://api/.", "plain segments"),
        ("http://a b", "printable ASCII"),
        ("http://api\n", "printable ASCII"),
        ("http://bücher.test", "ASCII form"),
        ("http://-api", "no host"),
        ("http://[fe80::g]", "IPv6"),
    ],
)
def test_what_is_not_understood_is_said(url: str, words: str) -> None:
    with pytest.raises(ValueError, match="upstream") as caught:
        Origin.parse(url)
    assert words in str(caught.value)


def test_a_password_is_not_repeated_in_the_message() -> None:
    with pytest.raises(ValueError, match="password") as caught:
        Origin.parse("http://user:hunter2@api")
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "authority"),
    [("http://api", b"api"), ("http://api:80", b"api"), ("http://api:81", b"api:81"), ("http://[::1]:81", b"[::1]:81")],
)
def test_the_authority_is_what_a_host_field_says(url: str, authority: bytes) -> None:
    assert Origin.parse(url).authority == authority


@pytest.mark.parametrize("name", ["connect", "first_byte", "body_idle", "keep_alive"])
@pytest.mark.parametrize("seconds", [0, -1, math.inf, math.nan])
def test_a_time_that_is_no_time_is_refused(name: str, seconds: float) -> None:
    terms: dict[str, Any] = {name: seconds}
    with pytest.raises(ValueError, match=name):
        Terms(**terms)


def test_a_pool_of_less_than_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="max_idle"):
        Terms(max_idle=-1)
