"""What Envoy says of a request, as the scope that every door judges."""

import pytest

from mfa_gateway.core.call import Call
from mfa_gateway.doors.asgi import Unreadable, read_call
from mfa_gateway.doors.ext_authz.reading import scope_of
from mfa_gateway.doors.peers import TrustedProxies
from tests.doors.ext_authz.envoy import Field, described


def read(target: str = "/protected", *fields: Field, joined: bool = False) -> Call | Unreadable:
    return read_call(scope_of(described(target, *fields, joined=joined)), TrustedProxies())


def test_a_request_is_a_call_with_envoys_word_for_its_peer_and_host() -> None:
    call = read("/a/b?c=d", (b"x-mfa-code", b"123456"), (b"x-forwarded-host", b"evil.test"))
    assert isinstance(call, Call)
    assert (str(call.path), call.query, call.host, call.peer) == ("/a/b", b"c=d", "gw.test", "192.0.2.7")
    assert call.code == "123456"
    assert {name for name, _ in call.headers} == {b"host", b"x-mfa-code"}


def test_a_host_header_beside_the_authority_counts_if_it_says_the_same() -> None:
    assert isinstance(read("/a", (b"host", b"gw.test")), Call)
    assert isinstance(read("/a", (b"host", b"other.test")), Unreadable)


@pytest.mark.parametrize("target", ["/a/../b", "//a", "/a%2fb", "/a;b", "/a#b", "http://x/a", "", "*", "/%zz", "/\xff"])
def test_a_target_with_two_readings_is_no_call(target: str) -> None:
    assert isinstance(read(target), Unreadable)


@pytest.mark.parametrize("joined", [False, True])
@pytest.mark.parametrize("value", [b"Bearer a,Bearer b", b"Bearer a, bearer b", b"Bearer a,b", b"Basic x,Digest a=1"])
def test_h04_two_credentials_that_envoy_has_joined_are_refused(value: bytes, *, joined: bool) -> None:
    unreadable = read("/a", (b"authorization", value), joined=joined)
    assert isinstance(unreadable, Unreadable)
    assert "authorization" in unreadable.why


@pytest.mark.parametrize("value", [b'Digest a="x, y z", b=1, c = "2"', b"Bearer a", b"Bearer a==", b"Digest a=1 ,b=2"])
def test_one_credential_with_parameters_is_one(value: bytes) -> None:
    call = read("/a", (b"authorization", value))
    assert isinstance(call, Call)
    assert call.authorization == value.decode()


def test_h04_two_codes_are_refused_whether_they_are_joined_or_not() -> None:
    assert isinstance(read("/a", (b"x-mfa-code", b"1,2"), joined=True), Unreadable)
    assert isinstance(read("/a", (b"x-mfa-code", b"1"), (b"x-mfa-code", b"2")), Unreadable)


def test_names_are_read_in_any_case() -> None:
    call = read("/a", (b"X-MFA-Code", b"1"))
    assert isinstance(call, Call)
    assert call.code == "1"


def test_a_handshake_is_one_by_its_upgrade() -> None:
    assert scope_of(described("/a", (b"upgrade", b"WebSocket")))["type"] == "websocket"
    assert scope_of(described("/a", (b"upgrade", b"h2c")))["type"] == "http"
