from ipaddress import IPv4Network, IPv6Network
from pathlib import Path

import pytest

from mfa_gateway.settings.addresses import (
    Address,
    HttpOrigin,
    UnixOrigin,
    read_http_origin,
    read_http_url,
    read_listen,
    read_network,
    read_upstream,
)


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("127.0.0.1:8080", Address("127.0.0.1", 8080)),
        ("[::1]:8080", Address("::1", 8080)),
        ("LocalHost:0", Address("localhost", 0)),
    ],
)
def test_listen_is_a_host_and_a_port(text: str, address: Address) -> None:
    assert read_listen(text) == address


@pytest.mark.parametrize(
    "text", ["8080", 8080, "http://127.0.0.1:80", "127.0.0.1", "::1:80", "a b:80", "1.2.3:80", "h:x"]
)
def test_listen_is_nothing_else(text: object) -> None:
    with pytest.raises(ValueError, match=r"must be host:port|is not"):
        read_listen(text)


def test_a_port_alone_is_asked_for_its_address() -> None:
    with pytest.raises(ValueError, match=r"must name an address before the port: 127\.0\.0\.1 for this machine only"):
        read_listen(":8080")


def test_a_port_has_a_limit() -> None:
    with pytest.raises(ValueError, match="the port 65536 is above 65535"):
        read_listen("localhost:65536")


def test_an_ipv6_address_is_written_back_with_brackets() -> None:
    assert str(read_listen("[0:0::1]:80")) == "[::1]:80"


@pytest.mark.parametrize(
    ("text", "origin"),
    [
        ("http://127.0.0.1:9000", HttpOrigin("http", "127.0.0.1", 9000)),
        ("http://127.0.0.1:9000/", HttpOrigin("http", "127.0.0.1", 9000)),
        ("HTTPS://Api.Example", HttpOrigin("https", "api.example", 443)),
        ("http://[::1]", HttpOrigin("http", "::1", 80)),
    ],
)
def test_an_origin_is_scheme_host_and_port(text: str, origin: HttpOrigin) -> None:
    assert read_http_origin(text) == origin


def test_an_origin_is_written_without_its_usual_port() -> None:
    assert str(read_http_origin("http://a.example:80")) == "http://a.example"


def test_an_origin_with_a_path_is_refused_and_written_out_without() -> None:
    with pytest.raises(ValueError, match=r"without a path: write http://a\.example:81, without '/v1'"):
        read_http_origin("http://a.example:81/v1")


@pytest.mark.parametrize(
    "text", ["http://a.example?x=1", "http://a.example#x", "http://a.example/?", "http://a.example#"]
)
def test_an_origin_has_no_query_and_no_fragment(text: str) -> None:
    with pytest.raises(ValueError, match="must be an origin without"):
        read_http_origin(text)


@pytest.mark.parametrize("read", [read_http_origin, read_upstream, read_http_url])
def test_a_password_in_a_url_is_refused_and_not_repeated(read: object) -> None:
    assert callable(read)
    with pytest.raises(ValueError, match="holds a user name or password") as caught:
        read("http://joe:hunter2@a.example/")
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    "text",
    ["a.example", "ftp://a.example", "http://", "http:///x", "http://a:b", "http://[::1", "http://a b", "", 7, "//a"],
)
def test_what_is_no_url_is_no_origin(text: object) -> None:
    with pytest.raises(ValueError, match=r"must|not|names|holds"):
        read_http_origin(text)


@pytest.mark.parametrize("text", ["http://a.example/\x7f", "http://a b", "http://a.example\\@b", "http://ä.example"])
def test_a_url_is_plain_ascii(text: str) -> None:
    with pytest.raises(ValueError, match="holds a space, a backslash or a character beyond ASCII"):
        read_http_url(text)


def test_an_upstream_may_be_a_socket() -> None:
    assert read_upstream("unix:/run/app.sock") == UnixOrigin(Path("/run/app.sock"))


def test_a_socket_is_written_as_it_was() -> None:
    assert str(read_upstream("unix:///run/app.sock")) == "unix:/run/app.sock"


def test_the_path_of_a_socket_is_absolute() -> None:
    with pytest.raises(ValueError, match="must name an absolute path after unix:"):
        read_upstream("unix:app.sock")


def test_a_url_to_fetch_keeps_its_path_and_query() -> None:
    assert read_http_url("https://idp.example/keys?x=1") == "https://idp.example/keys?x=1"


def test_a_url_to_fetch_has_no_fragment() -> None:
    with pytest.raises(ValueError, match="must not hold a fragment"):
        read_http_url("https://idp.example/keys#x")


@pytest.mark.parametrize(
    ("text", "network"),
    [
        ("10.0.0.0/8", IPv4Network("10.0.0.0/8")),
        ("10.1.2.3/8", IPv4Network("10.0.0.0/8")),
        ("192.168.7.4", IPv4Network("192.168.7.4/32")),
        ("fd00::1/64", IPv6Network("fd00::/64")),
    ],
)
def test_a_network_is_normalised(text: str, network: object) -> None:
    assert read_network(text) == network


@pytest.mark.parametrize("text", ["10.0.0.0/33", "proxy", "", "10.0.0", "10.0.0.0/8,10.1.0.0/8"])
def test_garbage_is_no_network(text: str) -> None:
    with pytest.raises(ValueError, match=f"'{text}' is not a network: write an address or a CIDR"):
        read_network(text)


@pytest.mark.parametrize("text", ["0.0.0.0/0", "::/0"])
def test_everybody_is_not_a_proxy(text: str) -> None:
    with pytest.raises(ValueError, match="means everybody, and everybody could forge these headers"):
        read_network(text)
