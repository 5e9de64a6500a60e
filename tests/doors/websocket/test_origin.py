from ipaddress import ip_network

import pytest

from mfa_gateway.core.call import Call
from mfa_gateway.doors.asgi import read_call
from mfa_gateway.doors.peers import TrustedProxies
from mfa_gateway.doors.websocket.origin import foreign_page
from tests.doors.scopes import handshake

LISTED = frozenset({b"https://shop.test"})
TRUSTED = TrustedProxies([ip_network("192.0.2.0/24")])


def page(*fields: tuple[bytes, bytes], proxies: TrustedProxies | None = None, **given: str) -> str:
    scope = handshake("/protected", *fields, **{"scheme": "ws", **given})
    proxies = proxies or TrustedProxies()
    call = read_call(scope, proxies)
    assert isinstance(call, Call)
    return foreign_page(call, scope, listed=LISTED, proxies=proxies)


def origin(value: str) -> tuple[bytes, bytes]:
    return (b"origin", value.encode())


def test_who_names_no_page_is_no_browser() -> None:
    assert page() == ""


@pytest.mark.parametrize("value", ["https://shop.test", "http://gw.test", "HTTP://GW.test"])
def test_our_own_pages_and_the_listed_ones_are_not_foreign(value: str) -> None:
    assert page(origin(value)) == ""


@pytest.mark.parametrize(
    "value",
    [
        *(
            "http://evil.test",
            "https://gw.test",
            "http://gw.test:8080",
            "http://shop.test",
            "https://shop.test.evil.test",
        ),
        *("null", "http://gw.test/", "https://shop.test, https://evil.test"),
    ],
)
def test_every_other_page_is_foreign(value: str) -> None:
    assert page(origin(value)) == value


def test_an_empty_origin_is_foreign() -> None:
    assert page(origin("")) != ""


def test_two_origins_are_foreign() -> None:
    assert page(origin("https://shop.test"), origin("https://shop.test")) != ""


@pytest.mark.parametrize(
    ("host", "scheme", "own"),
    [
        ("gw.test:8080", "ws", "http://gw.test:8080"),
        ("gw.test:80", "ws", "http://gw.test"),
        ("gw.test:443", "wss", "https://gw.test"),
        ("gw.test", "wss", "https://gw.test"),
        ("GW.test", "https", "https://gw.test"),
        ("[2001:db8::1]:8443", "wss", "https://[2001:db8::1]:8443"),
    ],
)
def test_an_own_page_has_scheme_host_and_port_of_the_call(host: str, scheme: str, own: str) -> None:
    assert page((b"host", host.encode()), origin(own), scheme=scheme) == ""


FORWARDED = ((b"x-forwarded-proto", b"https"), (b"x-forwarded-host", b"public.test"))


def test_a_trusted_proxy_is_believed_about_what_the_client_asked_for() -> None:
    assert page(*FORWARDED, origin("https://public.test"), proxies=TRUSTED) == ""
    assert page(*FORWARDED, origin("http://gw.test"), proxies=TRUSTED) == "http://gw.test"


def test_nobody_else_is() -> None:
    assert page(*FORWARDED, origin("https://public.test")) == "https://public.test"
