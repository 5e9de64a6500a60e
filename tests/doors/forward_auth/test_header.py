"""The header: by its names alone, a question is read as if its client had sent the call here, whatever it brings."""

from dataclasses import replace
from ipaddress import ip_network
from typing import Any, Final
from urllib.parse import unquote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mfa_gateway.core.account import Factor, Proof
from mfa_gateway.core.call import Call, CanonicalPath
from mfa_gateway.core.credential import CarrierAction, OtherCredentials
from mfa_gateway.doors.asgi import Scope, Unreadable, clean_headers, proof_headers, read_call
from mfa_gateway.doors.forward_auth.door import PROXIES as READERS
from mfa_gateway.doors.forward_auth.door import _Heard
from mfa_gateway.doors.forward_auth.header import CODE, OF_THE_QUESTION, Asking, Fate, Hygiene
from mfa_gateway.doors.forward_auth.question import Question, places_of
from mfa_gateway.doors.peers import PeerHeader, TrustedProxies
from tests.doors.forward_auth.asking import PROXIES, REMOVING, TRUSTED, question, rebuilt, world

Fields = list[tuple[bytes, bytes]]

NAMES: Final = st.sampled_from(
    [
        *(b"authorization", b"x-mfa-code", b"x-request-id", b"x-forwarded-for", b"accept", b"cookie", b"x-api-key"),
        *(b"host", b"x-forwarded-host", b"x-forwarded-uri", b"x-forwarded-method", b"x-forwarded-proto"),
        *(b"x-original-url", b"x-original-method", b"content-length", b"transfer-encoding", b"upgrade", b"connection"),
        *(b"x-mfa-verified", b"x_mfa_age", b"x-http-method-override", b"x-forwarded-user", b"x_forwarded_user"),
        *(b"x-own-session", b"proxy-authorization", b"x-envoy-auth-headers-to-remove", b"x-auth-request-redirect"),
    ]
)
VALUES: Final = st.sampled_from(
    [
        b"",
        b"Bearer A",
        b"Bearer B, C",
        b"Basic \xff",
        b" 123456\t",
        b"request-1",
        b"198.51.100.9",
        b"192.0.2.7, x",
        b"3",
    ]
)
TARGETS: Final = st.sampled_from(
    ["/public", "/protected/a%20b?c=d", "/%70ublic/", "/", "/a//b", "/a/../b", "/a;b", "/%2f", "/x#y", "/a?b#c", "/%ff"]
)
METHODS: Final = st.sampled_from(["GET", "PATCH", "get", "A" * 40, "M-SEARCH"])
HOSTS: Final = st.sampled_from(["gw.test", "GW.test:8443", "[::1]", "a b", "gw.test."])
HOST: Final = (b"host", b"gw.test")
PATH: Final = CanonicalPath(b"/public", ("public",))
ANYBODY: Final = (ip_network("0.0.0.0/0"),)
every_proxy = pytest.mark.parametrize("name", PROXIES)


def as_its_client_sent_it(name: str, asked: Scope) -> Call | Unreadable | None:
    """The call, read like any other; None where the proxy does not say what it asks about."""
    proxy, fields = READERS[name], asked["headers"]
    rest = asked["raw_path"].removeprefix(f"/_mfa/forward-auth/{name}".encode())
    places = places_of(tuple(found for found, _ in fields))
    original = proxy.read(Question(asked["method"], rest, asked["query_string"], fields, places))
    if isinstance(original, str):
        return None
    kept = [pair for pair in fields if pair[0] not in proxy.words | OF_THE_QUESTION]
    shown = unquote(original.path, errors="surrogateescape")
    sent = {"method": original.method, "path": shown, "raw_path": original.path, "query_string": original.query}
    headers = [(b"host", original.host), *kept]
    return read_call({**asked, **sent, "headers": headers}, TrustedProxies(TRUSTED))


@every_proxy
@settings(max_examples=120, deadline=None)
@given(fields=st.lists(st.tuples(NAMES, VALUES), max_size=7), target=TARGETS, method=METHODS, host=HOSTS)
def test_a_question_is_the_call_that_its_client_would_have_made(
    name: str, fields: Fields, target: str, method: str, host: str
) -> None:
    asked = question(name, target, *fields, method=method, host=host)
    read = as_its_client_sent_it(name, asked)
    door = world(others=OtherCredentials(headers=frozenset())).app._forward_auth
    for _ in range(2):  # what was met before is remembered
        heard = door._hear(asked)
        if not isinstance(heard, _Heard):
            # What must not go on is refused as well, although it can be read.
            is_stray = isinstance(read, Call) and foreign(read, None, frozenset()) and name not in REMOVING
            assert is_stray or not isinstance(read, Call)
            continue
        assert isinstance(read, Call)
        assert replace(heard.call, request_id="") == replace(read, request_id="")
        if (b"x-request-id", b"request-1") in fields:
            assert (heard.call.request_id == "request-1") == (read.request_id == "request-1")


@every_proxy
def test_a_code_is_what_is_written_between_the_blanks(name: str) -> None:
    heard = world().app._forward_auth._hear(question(name, "/public", (b"x-mfa-code", b" 123456\t")))
    assert isinstance(heard, _Heard)
    assert heard.call.code == "123456"


@every_proxy
def test_of_two_names_neither_counts(name: str) -> None:
    named = (b"x-request-id", b"request-1")
    door = world().app._forward_auth
    for fields, is_named in (((named,), True), ((named, (b"x-request-id", b"request-2")), False)):
        heard = door._hear(question(name, "/public", *fields))
        assert isinstance(heard, _Heard)
        assert (heard.call.request_id == "request-1") == is_named


def foreign(call: Call, told: PeerHeader | None, dropped: frozenset[bytes]) -> frozenset[bytes]:
    """What must not go on of a call, looked at by itself."""
    kept = told.kept(call) if told is not None else None
    goes_on = {found for found, _ in clean_headers(call.headers, also_drop=dropped, kept=kept)}
    return frozenset(found for found, _ in call.headers) - goes_on - {CODE}


OTHERS: Final = {action: OtherCredentials(on_header=action) for action in CarrierAction}


@every_proxy
@pytest.mark.parametrize("action", CarrierAction)
@pytest.mark.parametrize("is_listed", [True, False])
@settings(max_examples=30, deadline=None)
@given(fields=st.lists(st.tuples(NAMES, VALUES), max_size=7))
def test_what_must_not_go_on_is_told_by_the_names(
    name: str, action: CarrierAction, *, is_listed: bool, fields: Fields
) -> None:
    others, told = OTHERS[action], PeerHeader(b"X-Forwarded-User", TrustedProxies(TRUSTED if is_listed else ()))
    made = Call("GET", PATH, peer="192.0.2.7", headers=(HOST, *fields))
    asking = Asking(READERS[name], frozenset({b"cookie"}), Hygiene(others, told))
    fate = Fate(asking, tuple(found for found, _ in made.headers), is_listed=is_listed)
    never = frozenset({b"x-forwarded-user"})
    stray, guarded = foreign(made, told, never), foreign(made, told, never | stripped(others))
    handed_on = frozenset() if name in REMOVING else frozenset({b"cookie"})
    expected = [frozenset() if name in REMOVING else each - handed_on for each in (stray, stray, guarded)]
    assert [fate.stray, fate.opened.handed_on, fate.protected.handed_on] == expected


def stripped(others: OtherCredentials) -> frozenset[bytes]:
    return others.headers if others.on_header is CarrierAction.STRIP else frozenset()


@every_proxy
@pytest.mark.parametrize("shown", [None, *(Proof(factor, 61_999) for factor in Factor)])
def test_the_lines_of_an_answer_are_its_headers(name: str, shown: Proof | None) -> None:
    asking = Asking(READERS[name], frozenset({b"cookie"}), Hygiene(OtherCredentials(), None))
    made = Call("GET", PATH, headers=(HOST, (b"x-mfa-verified", b"no"), (b"x-own", b"k")))
    fate = Fate(asking, tuple(found for found, _ in made.headers), is_listed=False)
    for sequel in (fate.opened, fate.protected):
        headers = sequel.headers(made, shown)
        assert sequel.lines(shown) == b"".join(b"%b: %b\r\n" % pair for pair in headers)
        assert set(proof_headers(shown)) <= set(headers)


@pytest.mark.parametrize("name", [name for name in PROXIES if name not in REMOVING])
def test_what_is_handed_back_of_a_call_is_not_written_down_unseen(name: str) -> None:
    asking = Asking(READERS[name], frozenset({b"cookie"}), Hygiene(OtherCredentials(), None))
    fate = Fate(asking, (b"host", b"cookie", b"accept", b"cookie"), is_listed=False)
    assert fate.opened.lines(None) is None
    assert fate.protected.lines(None) is not None


@every_proxy
def test_what_one_peer_may_say_another_may_not(name: str) -> None:
    listed = TrustedProxies(TRUSTED)
    made = rebuilt(world(trusted=ANYBODY), told=PeerHeader(b"X-Forwarded-User", listed))
    door: Any = made.app._forward_auth
    asked = question(name, "/public", (b"x-forwarded-user", b"ada"))
    for peer in ("192.0.2.7", "203.0.113.9", "192.0.2.7", "203.0.113.9"):
        heard = door._hear({**asked, "client": (peer, 1)})
        is_kept = isinstance(heard, _Heard) and b"x-forwarded-user" not in (heard.fate.opened.lines(None) or b"")
        assert is_kept == (peer == "192.0.2.7")
