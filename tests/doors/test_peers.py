"""Peers: addresses in one form, nobody trusted by default, and a client's address that no client chooses."""

from ipaddress import ip_address, ip_network

import pytest

from mfa_gateway.doors.peers import TrustedProxies, plain_address, read_address

INSIDE = TrustedProxies([ip_network("10.0.0.0/8"), ip_network("fd00::/8"), ip_network("fe80::/10")])


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("192.0.2.7", "192.0.2.7"),
        (" 192.0.2.7\t", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("0:0::1", "::1"),
        ("[2001:db8::1]", "2001:db8::1"),
        ("2001:DB8:0:0:0:0:0:1", "2001:db8::1"),
        ("fe80::1%eth0", "fe80::1"),
        ("fe80::1%a\nb", "fe80::1"),
    ],
)
def test_k05_an_address_has_one_form(text: str, address: str) -> None:
    assert read_address(text) == ip_address(address)
    assert plain_address(text) == address


@pytest.mark.parametrize(
    "text",
    ["", "garbage", "192.0.2.7:80", "[::1]:80", "[::1", "192.0.2.07", "1.2.3", "192.0.2.7%eth0", "\uff11.2.3.4", "_x"],
)
def test_k05_what_is_no_address_is_not_guessed_at(text: str) -> None:
    assert read_address(text) is None
    assert plain_address(text) == text


@pytest.mark.parametrize(
    ("written", "peer", "is_trusted"),
    [
        ("::ffff:127.0.0.1/128", "127.0.0.1", True),
        ("::ffff:127.0.0.1/128", "127.0.0.2", False),
        ("::ffff:10.0.0.0/104", "10.9.8.7", True),
        ("::ffff:10.0.0.0/104", "11.0.0.1", False),
        ("::ffff:0:0/96", "192.0.2.7", True),
        ("::/0", "2001:db8::1", True),
    ],
)
def test_k05_a_network_has_one_form(written: str, peer: str, is_trusted: bool) -> None:  # noqa: FBT001 - a column
    assert TrustedProxies([ip_network(written)]).trust(peer) is is_trusted


@pytest.mark.parametrize("peer", ["127.0.0.1", "::1", "10.0.0.1", "", "testclient"])
def test_r04_nobody_is_trusted_by_default(peer: str) -> None:
    assert not TrustedProxies().trust(peer)


@pytest.mark.parametrize(
    ("peer", "is_trusted"),
    [
        ("10.0.0.1", True),
        ("::ffff:10.0.0.1", True),
        ("fd12::1", True),
        ("fe80::1%eth0", True),
        ("11.0.0.1", False),
        ("::1", False),
        ("garbage", False),
        ("", False),
    ],
)
def test_k05_a_peer_is_trusted_by_its_network(peer: str, is_trusted: bool) -> None:  # noqa: FBT001 - a table's column
    assert INSIDE.trust(peer) is is_trusted


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        # Nobody asked for more than the peer itself.
        ("192.0.2.7", None, "192.0.2.7"),
        ("::ffff:192.0.2.7", None, "192.0.2.7"),
        ("10.0.0.1", None, "10.0.0.1"),
        # Whoever is not trusted says nothing about others.
        ("192.0.2.7", b"198.51.100.1", "192.0.2.7"),
        # A trusted proxy appends the one it was asked by; what stands before that may be anybody's word.
        ("10.0.0.1", b"198.51.100.1", "198.51.100.1"),
        ("10.0.0.1", b"203.0.113.9, 198.51.100.1", "198.51.100.1"),
        ("10.0.0.1", b"203.0.113.9, 198.51.100.1, 10.0.0.2", "198.51.100.1"),
        ("10.0.0.1", b"10.0.0.3, 10.0.0.2", "10.0.0.3"),
        ("10.0.0.1", b"::ffff:198.51.100.1", "198.51.100.1"),
        ("10.0.0.1", b"[2001:db8::1]", "2001:db8::1"),
        # What cannot be read ends the chain: the nearest address that could be counts.
        ("10.0.0.1", b"", "10.0.0.1"),
        ("10.0.0.1", b"garbage", "10.0.0.1"),
        ("10.0.0.1", b"198.51.100.1:4711", "10.0.0.1"),
        ("10.0.0.1", b"203.0.113.9, garbage, 10.0.0.2", "10.0.0.2"),
        ("10.0.0.1", b"\xff\xfe", "10.0.0.1"),
    ],
)
def test_r04_the_client_is_the_rightmost_that_no_trusted_proxy_is(
    peer: str, forwarded: bytes | None, client: str
) -> None:
    assert INSIDE.client(peer, forwarded) == client


def test_r04_a_new_address_in_every_request_is_the_same_client_still() -> None:
    nobody = TrustedProxies()
    assert {nobody.client("192.0.2.7", b"203.0.113.%d" % n) for n in range(256)} == {"192.0.2.7"}
