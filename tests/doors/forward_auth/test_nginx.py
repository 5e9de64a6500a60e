"""nginx: a URL and a method, and three answers that it understands."""

import pytest

from mfa_gateway.doors.forward_auth.nginx import NGINX
from mfa_gateway.doors.forward_auth.question import Original, Question, places_of


def read(*urls: bytes, method: bytes = b"GET") -> Original | str:
    fields = ((b"x-original-method", method), *((b"x-original-url", url) for url in urls))
    return NGINX.read(Question("GET", b"/ignored", b"ignored", fields, places_of(tuple(name for name, _ in fields))))


def test_the_url_is_host_and_target() -> None:
    url = b"https://shop.test:8443/a%2Fb//c?d=http://e/f"
    assert read(url, method=b"PUT") == Original("PUT", "https", b"shop.test:8443", b"/a%2Fb//c", b"d=http://e/f")


@pytest.mark.parametrize("url", [b"", b"/a", b"http://shop.test", b"http:///a", b"ftp://shop.test/a", b"http://h*"])
def test_what_has_no_host_or_no_path_is_no_original(url: bytes) -> None:
    assert isinstance(read(url), str)


def test_two_urls_are_none() -> None:
    assert isinstance(read(b"http://shop.test/a", b"http://shop.test/b"), str)
    assert isinstance(read(), str)


def test_what_a_host_hides_behind_it_stays_part_of_the_host() -> None:
    hiding = read(b"http://shop.test?x/a")
    assert isinstance(hiding, Original)
    assert (hiding.host, hiding.path) == (b"shop.test?x", b"/a")


def test_a_long_url_is_read_like_any_other() -> None:
    path = b"/" + b"a" * 600
    assert read(b"http://shop.test" + path + b"?b=c?d") == Original("GET", "http", b"shop.test", path, b"b=c?d")


@pytest.mark.parametrize(
    ("status", "understood"), [(400, 403), (401, 401), (403, 403), (404, 403), (429, 403), (503, 403)]
)
def test_a_refusal_is_one_of_the_two_that_it_understands(status: int, understood: int) -> None:
    assert NGINX.status(status) == understood
