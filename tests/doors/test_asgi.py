"""ASGI: one reading of each request, headers that may be believed, and whole answers."""

import asyncio
import timeit
from ipaddress import ip_network
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mfa_gateway.core.account import Factor, Proof
from mfa_gateway.core.call import Call, CanonicalPath
from mfa_gateway.dialects.wire import Reply
from mfa_gateway.doors.asgi import (
    LINGER_BYTES,
    UNDATED,
    Blindness,
    Message,
    Reading,
    Unreadable,
    _names,
    asked_of,
    clean_headers,
    field_of,
    finish_reading,
    has_body,
    proof_headers,
    read_call,
    send_reply,
)
from mfa_gateway.doors.peers import TrustedProxies
from tests.doors.scopes import BEARER, HOST, Exchange, handshake, pieces, scope

NOBODY = TrustedProxies()
PROXIES = TrustedProxies([ip_network("10.0.0.0/8")])
FROM_PROXY = {"client": ("10.0.0.1", 4711)}


def read(target: str = "/protected", *fields: tuple[bytes, bytes], **given_: Any) -> Call:
    call = read_call(scope(target, *fields, **given_), PROXIES)
    assert isinstance(call, Call), call
    return call


def refused(target: str = "/protected", *fields: tuple[bytes, bytes], **given_: Any) -> str:
    unreadable = read_call(scope(target, *fields, **given_), PROXIES)
    assert isinstance(unreadable, Unreadable)
    return unreadable.why


# --- Reading a call ---------------------------------------------------------------------------


def test_a_call_is_what_the_scope_says() -> None:
    fields = (HOST, BEARER, (b"x-mfa-code", b" 123456\t"), (b"accept", b"application/json"))
    call = read("/a/b%20c/?d=e", *fields, method="PATCH")
    assert (call.method, call.path) == ("PATCH", CanonicalPath(b"/a/b%20c/", ("a", "b c")))
    assert (call.host, call.query, call.client) == ("gw.test", b"d=e", "192.0.2.7")
    assert (call.authorization, call.code) == ("Bearer A", "123456")
    assert call.headers == fields


def test_what_is_not_there_is_none() -> None:
    call = read()
    assert (call.authorization, call.code) == (None, None)


def test_h07_fields_that_arrive_later_are_not_among_those_of_the_call() -> None:
    scope_ = scope()
    call = read_call(scope_, NOBODY)
    scope_["headers"].append((b"x-mfa-verified", b"true"))
    assert isinstance(call, Call)
    assert call.headers == (HOST,)


def test_a_code_in_other_digits_is_kept_for_the_gate_to_refuse() -> None:
    fullwidth = "\uff11\uff12\uff13".encode()
    assert read("/", (b"x-mfa-code", fullwidth)).code == fullwidth.decode("latin-1")


@pytest.mark.parametrize("name", ["authorization", "x-mfa-code", "host", "content-length", "transfer-encoding"])
@pytest.mark.parametrize("values", [(b"1", b"1"), (b"1", b"2"), (b"", b"1")])
def test_h04_a_single_field_that_is_there_twice_is_refused(name: str, values: tuple[bytes, bytes]) -> None:
    fields = [(name.encode(), value) for value in values]
    assert refused("/", *fields) == f"the {name} header is there twice"


def test_h04_two_codes_in_one_field_are_one_wrong_code() -> None:
    assert read("/", (b"x-mfa-code", b"000000, 123456")).code == "000000, 123456"


def test_other_fields_may_come_several_times() -> None:
    call = read("/", (b"accept", b"text/html"), (b"accept", b"*/*"), (b"cookie", b"a=b"), (b"cookie", b"c=d"))
    assert field_of(call, b"accept") == "text/html,*/*"
    assert asked_of(call).accept == "text/html,*/*"


@pytest.mark.parametrize("method", ["patch", "PaTcH", "", "GET ", "GET\n", "P\u00d6ST", "G@T", "1GET", "X" * 33])
def test_m05_a_method_that_is_none_is_refused(method: str) -> None:
    assert refused("/", method=method) == "the method is not one"


@pytest.mark.parametrize("method", ["FOO", "PRI", "M-SEARCH", "QUERY"])
def test_m05_a_method_nobody_heard_of_is_a_call_to_be_judged(method: str) -> None:
    assert read("/", method=method).method == method


@pytest.mark.parametrize("length", [b"", b"+3", b"-1", b"0x3", b"3, 3", b"3 ", b"1_0", b"9" * 19])
def test_s03_a_length_that_is_no_number_is_refused(length: bytes) -> None:
    assert refused("/", (b"content-length", length)) == "the content-length header is not a number"


def test_s01_a_body_framed_in_two_ways_is_refused() -> None:
    fields = ((b"content-length", b"6"), (b"transfer-encoding", b"chunked"))
    assert refused("/", *fields) == "the body is framed in two ways"
    assert refused("/", *reversed(fields)) == "the body is framed in two ways"


@pytest.mark.parametrize("framing", [(b"content-length", b"60"), (b"transfer-encoding", b"chunked")])
def test_an_upgrade_with_a_body_is_refused(framing: tuple[bytes, bytes]) -> None:
    assert refused("/", (b"upgrade", b"h2c"), framing) == "an upgrade with a body"


def test_an_upgrade_without_a_body_is_a_plain_call() -> None:
    read("/", (b"upgrade", b"h2c"), (b"http2-settings", b"x"), (b"content-length", b"0"))


# --- The target -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "target",
    [
        "/public/../protected",
        "/public/./../protected",
        "/public/%2e%2e/protected",
        "/protected%2fx",
        "/public%5c..%5cprotected",
        "//protected",
        "/public//..//protected",
        "/protected;v=1",
        "/protected\\x",
        "/protected%00",
        "/protected%zz",
        "/%c0%afprotected",
        "/protected%ff",
        "/protected%0a",
        "/public/%0d%0aX-MFA-User:%20b",
        "/protected%252f",
        "/caf\u00e9",
        "/a b",
        "protected",
        "http://other.test/protected",
        "*",
        "",
    ],
)
def test_p_h10_a_target_with_two_readings_is_refused(target: str) -> None:
    assert refused(target)


def test_p09_an_encoded_number_sign_is_plain_data() -> None:
    assert read("/protected%23x").path == CanonicalPath(b"/protected%23x", ("protected#x",))


@pytest.mark.parametrize("target", ["/protected#x", "/public#/../protected", "/protected?a#b"])
def test_p09_a_number_sign_is_refused(target: str) -> None:
    assert refused(target)


@pytest.mark.parametrize("query", [b"a#b", b"a b", b"a\n", b"\xff", b"\x00"])
def test_a_query_that_could_end_early_is_refused(query: bytes) -> None:
    assert refused("/", query_string=query)


def test_p11_an_absolute_form_left_in_the_scope_is_refused() -> None:
    assert refused("/", raw_path=b"http://other.test/protected", path="http://other.test/protected")


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        (b"/protected", "/public"),
        (b"/protected", "/protected/"),
        (b"/protected/", "/protected"),
        (b"/", "//"),
        (b"/%70rotected", "/%70rotected"),
        (b"/a%20b", "/a%20b"),
        (b"/a%20b", "/a+b"),
        (b"/api/protected", "/protected"),
    ],
)
def test_a_server_that_shows_another_path_is_not_served(raw: bytes, shown: str) -> None:
    assert refused("/", raw_path=raw, path=shown) == Blindness.OTHER_PATH.value


def test_a_server_without_raw_paths_is_refused_and_told_why() -> None:
    scope_ = scope()
    del scope_["raw_path"]
    unreadable = read_call(scope_, NOBODY)
    assert isinstance(unreadable, Unreadable)
    assert unreadable.why == Blindness.NO_RAW_PATH.value
    assert "raw_path" in unreadable.why


@pytest.mark.parametrize("target", ["/api/public/../protected", "/api//protected", "/api/%2e%2e/x"])
def test_p21_a_mounted_application_refuses_what_one_by_itself_refuses(target: str) -> None:
    assert refused(target, root_path="/api")


def test_p21_a_mounted_application_is_judged_by_the_whole_path() -> None:
    assert read("/api/protected", root_path="/api").path == read("/api/protected").path


def test_a_long_path_is_read_like_a_short_one() -> None:
    assert read("/" + "x/" * 4000).path == CanonicalPath(b"/" + b"x/" * 4000, ("x",) * 4000)
    assert refused("/" + "x/" * 4000 + "..")


@given(target=st.text(alphabet="/.%25abF;#\\ \u00e9\x00~", max_size=12))
def test_whatever_is_read_is_shown_to_the_application_as_it_was_judged(target: str) -> None:
    call = read_call(scope(f"/{target}"), NOBODY)
    if isinstance(call, Call):
        assert isinstance(call.path, CanonicalPath)
        decoded = "/" + "/".join(call.path.segments)
        assert scope(f"/{target}")["path"] in (decoded, decoded + "/")
        assert read(call.path.wire.decode()).path == call.path


# --- WebSockets -------------------------------------------------------------------------------


def test_a_handshake_is_a_get() -> None:
    call = read_call(handshake(), NOBODY)
    assert isinstance(call, Call)
    assert call.method == "GET"


def test_a_handshake_is_judged_without_the_query_that_some_servers_leave_in_the_path() -> None:
    call = read_call(handshake("/protected?a=b", raw_path=b"/protected?a=b"), NOBODY)
    assert isinstance(call, Call)
    assert call.path.wire == b"/protected"


@pytest.mark.parametrize("raw", [b"/protected#x", b"ws://other.test/protected", b"/a/../protected"])
def test_a_handshake_with_two_readings_is_refused(raw: bytes) -> None:
    assert isinstance(read_call(handshake(raw_path=raw), NOBODY), Unreadable)


# --- Hosts, clients, request ids --------------------------------------------------------------


@pytest.mark.parametrize("host", [b"A.GW.TEST", b"a.gw.test.", b"a.gw.test:80", b"A.gw.TEST.:8443"])
def test_p20_a_host_has_one_form(host: bytes) -> None:
    assert read("/", (b"host", host)).host == "a.gw.test"


@pytest.mark.parametrize(
    "host", [b"gw/public?z=", b"gw/public#", b"gw\\public", b"gw\n", b"u@gw", b"gw, gw2", b"", b"[x"]
)
def test_p13_a_malformed_host_is_refused(host: bytes) -> None:
    assert refused("/protected", (b"host", host)) == "the host is missing or malformed"


def test_a_call_without_a_host_is_refused() -> None:
    assert isinstance(read_call(scope(headers=[]), NOBODY), Unreadable)


def test_h08_a_forwarded_host_is_nothing_to_a_client() -> None:
    assert read("/", HOST, (b"x-forwarded-host", b"evil.test")).host == "gw.test"


def test_h08_a_forwarded_host_is_the_one_a_trusted_proxy_was_asked_for() -> None:
    fields = (HOST, (b"x-forwarded-host", b"evil.test, shop.test"))
    assert read("/", *fields, **FROM_PROXY).host == "shop.test"


@pytest.mark.parametrize(
    "fields", [(HOST, (b"x-forwarded-host", b"a/b")), ((b"host", b"a/b"), (b"x-forwarded-host", b"x"))]
)
def test_p13_both_hosts_have_to_be_hosts(fields: tuple[tuple[bytes, bytes], ...]) -> None:
    assert refused("/", *fields, **FROM_PROXY)


@pytest.mark.parametrize(
    "name", [b"x-forwarded-for", b"forwarded", b"x-real-ip", b"cf-connecting-ip", b"true-client-ip"]
)
def test_r04_no_field_of_a_client_changes_who_it_is(name: bytes) -> None:
    assert {read("/", (name, b"203.0.113.%d" % n)).client for n in range(20)} == {"192.0.2.7"}


def test_r04_a_trusted_proxy_says_who_asked_it() -> None:
    fields = ((b"x-forwarded-for", b"203.0.113.9"), (b"x-forwarded-for", b"198.51.100.1"))
    assert read("/", *fields, **FROM_PROXY).client == "198.51.100.1"


@pytest.mark.parametrize("client", [None, ("", 0), ("unix", 0)])
def test_r04_a_peer_without_an_address_is_nobody_to_be_trusted(client: tuple[str, int] | None) -> None:
    call = read("/", (b"x-forwarded-for", b"198.51.100.1"), client=client)
    assert call.client == (client[0] if client else "")


def test_a_request_id_is_made_here() -> None:
    ids = {read("/", (b"x-request-id", b"chosen-by-client")).request_id for _ in range(100)}
    assert len(ids) == 100
    assert all(len(made) == 16 and made.isalnum() for made in ids)


def test_a_trusted_proxy_names_the_request() -> None:
    assert read("/", (b"x-request-id", b"abc-123_X.9"), **FROM_PROXY).request_id == "abc-123_X.9"


@pytest.mark.parametrize("given_", [b"short", b"x" * 65, b"with space", b"new\nline1", b"", "ümlaut-id".encode()])
def test_a_name_that_could_spoil_a_log_is_not_taken(given_: bytes) -> None:
    assert len(read("/", (b"x-request-id", given_), **FROM_PROXY).request_id) == 16


# --- On the way to the application ------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    [
        b"x-mfa-code",
        b"x-mfa-verified",
        b"X-MFA-User",
        b"x-Mfa-UsEr",
        b"x_mfa_verified",
        b"X_MFA_Code",
        b"x.mfa.user",
        b"x-mfa_age",
        b"x-mfa-anything",
        b"x-forwarded-user",
        b"X_Forwarded_User",
        b"x-auth-request-user",
        b"x_auth_request_email",
        b"x-user-id",
        b"remote-user",
        b"Remote_User",
        b"x-remote-user",
        b"x-authentik-username",
        b"x-webauth-user",
        b"x-goog-authenticated-user-email",
        b"x-ms-client-principal",
        b"x-ms-client-principal-id",
    ],
)
def test_h01_h02_h05_names_that_only_the_gateway_may_use_are_removed_in_every_spelling(name: bytes) -> None:
    assert clean_headers([HOST, (name, b"x")]) == [HOST]


@pytest.mark.parametrize(
    "name", [b"x-http-method-override", b"X-HTTP-Method", b"x_method_override", b"x-original-method"]
)
def test_m01_names_that_change_the_method_are_removed(name: bytes) -> None:
    assert clean_headers([(name, b"PATCH")]) == []


@pytest.mark.parametrize(
    "name",
    [
        b"x-forwarded-uri",
        b"x-original-url",
        b"X-Rewrite-URL",
        b"x_original_uri",
        b"x-forwarded-prefix",
        b"x-forwarded-path",
    ],
)
def test_p19_names_that_change_the_path_are_removed(name: bytes) -> None:
    assert clean_headers([(name, b"/public")]) == []


@pytest.mark.parametrize("name", [b"x-forwarded-uri", b"x-original-url", b"x-rewrite-url", b"x-forwarded-prefix"])
def test_p19_names_that_change_the_path_change_no_reading(name: bytes) -> None:
    for peer in ({}, FROM_PROXY):
        assert read("/protected", (name, b"/public"), **peer).path.wire == b"/protected"


def test_what_is_nobodys_business_goes_on_as_it_came_and_in_order() -> None:
    fields = [
        HOST,
        BEARER,
        (b"cookie", b"a"),
        (b"x-custom", b"1"),
        (b"cookie", b"b"),
        (b"x-mfaq", b"2"),
        (b"x-user", b"3"),
    ]
    assert clean_headers(fields) == fields


def test_other_credentials_are_removed_in_every_spelling_where_asked_for() -> None:
    fields = [HOST, (b"cookie", b"a"), (b"x_api_key", b"b"), (b"X-Api.Key", b"c"), BEARER]
    dropped = frozenset({b"cookie", b"x-api-key"})
    assert clean_headers(fields, also_drop=dropped) == [HOST, BEARER]
    assert clean_headers(fields) == fields


def test_h03_what_connection_lists_changes_nothing_here() -> None:
    connection = (b"connection", b"close, X-MFA-User,\tauthorization, host")
    call = read("/", HOST, connection, BEARER, (b"x-mfa-code", b"123456"))
    assert (call.authorization, call.code) == ("Bearer A", "123456")
    assert clean_headers(call.headers) == [HOST, connection, BEARER]


def test_names_of_strangers_do_not_fill_the_memory() -> None:
    for n in range(5000):
        clean_headers([(b"x-stranger-%d" % n, b"")])
    assert len(_names(frozenset())) <= 2048
    assert clean_headers([(b"y" * 10_000, b""), (b"x-mfa-late", b"")]) == [(b"y" * 10_000, b"")]
    assert clean_headers([(b"x_mfa_later", b"")]) == []


def test_the_application_hears_of_a_proof() -> None:
    assert proof_headers(Proof(Factor.TOTP, age_ms=61_999)) == [
        (b"x-mfa-verified", b"true"),
        (b"x-mfa-method", b"totp"),
        (b"x-mfa-age", b"61"),
    ]


def test_the_application_hears_of_nothing_where_nothing_was_proved() -> None:
    assert proof_headers(None) == []


# --- On the way to the client -----------------------------------------------------------------

REPLY = Reply(403, ((b"content-type", b"application/json"),), b"{}")


async def sent(reply: Reply, reading: Reading = Reading.COMPLETE, **given_: Any) -> Exchange:
    exchange = Exchange()
    await send_reply(exchange.send, reply, scope(**given_), request_id="id-1", reading=reading)
    return exchange


async def test_an_answer_is_whole_and_named() -> None:
    exchange = await sent(REPLY)
    assert (exchange.status, exchange.body) == (403, b"{}")
    assert exchange.values(b"content-length") == [b"2"]
    assert exchange.values(b"x-request-id") == [b"id-1"]
    assert exchange.values(b"connection") == []


async def test_an_answer_without_content_has_no_length() -> None:
    assert (await sent(Reply(204))).values(b"content-length") == []


async def test_an_unfinished_request_is_the_last_on_its_connection() -> None:
    assert (await sent(REPLY, Reading.UNFINISHED)).values(b"connection") == [b"close"]


async def test_an_answer_has_a_date_where_the_server_leaves_that_to_us() -> None:
    assert len((await sent(REPLY, extensions={UNDATED: {}})).values(b"date")) == 1


async def test_an_answer_has_no_second_date_behind_any_other_server() -> None:
    assert (await sent(REPLY)).values(b"date") == []
    assert (await sent(REPLY, extensions={"http.response.push": {}})).values(b"date") == []


# --- Finishing a refused request --------------------------------------------------------------

WITH_BODY = ((b"content-length", b"10"),)
CHUNKED = ((b"transfer-encoding", b"chunked"),)


async def test_a_request_without_a_body_is_complete_without_asking() -> None:
    exchange = Exchange()
    assert await finish_reading(exchange.receive, (HOST, (b"content-length", b"0"))) is Reading.COMPLETE
    assert exchange.received == 0


async def test_a_short_body_is_read_to_its_end() -> None:
    exchange = Exchange(pieces(b"12345", b"67890"))
    assert await finish_reading(exchange.receive, WITH_BODY) is Reading.COMPLETE
    assert exchange.received == 2


async def test_a_client_that_waits_for_100_continue_is_not_told_to_go_on() -> None:
    exchange = Exchange()
    assert await finish_reading(exchange.receive, (*WITH_BODY, (b"expect", b"100-continue"))) is Reading.UNFINISHED
    assert exchange.received == 0


async def test_a_body_announced_as_long_is_not_begun() -> None:
    exchange = Exchange()
    headers = ((b"content-length", b"%d" % (LINGER_BYTES + 1)),)
    assert await finish_reading(exchange.receive, headers) is Reading.UNFINISHED
    assert exchange.received == 0


async def test_a_body_that_turns_out_long_is_not_read_to_its_end() -> None:
    exchange = Exchange(pieces(*[b"x" * 10_000] * 20))
    assert await finish_reading(exchange.receive, CHUNKED) is Reading.UNFINISHED
    assert exchange.received == LINGER_BYTES // 10_000 + 1


async def test_a_client_that_left_has_not_finished() -> None:
    assert await finish_reading(Exchange().receive, WITH_BODY) is Reading.UNFINISHED


async def test_a_body_that_does_not_come_is_not_waited_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mfa_gateway.doors.asgi.LINGER", 0.01)

    async def never() -> Message:
        await asyncio.Event().wait()
        raise AssertionError

    assert await asyncio.wait_for(finish_reading(never, WITH_BODY), 5) is Reading.UNFINISHED


@pytest.mark.parametrize(
    ("headers", "expected"),
    [((), False), (((b"content-length", b"0"),), False), (WITH_BODY, True), (CHUNKED, True)],
)
def test_a_body_is_announced_by_its_framing(headers: tuple[tuple[bytes, bytes], ...], expected: bool) -> None:  # noqa: FBT001
    assert has_body(headers) is expected


# --- Cost -------------------------------------------------------------------------------------


def test_reading_and_cleaning_a_usual_request_stays_cheap() -> None:
    """The budget is 5 µs on the machine it was set for. Ten times that is a change of kind, on any machine."""
    fields = (HOST, BEARER, (b"accept", b"*/*"), (b"cookie", b"a=b"), *((b"x-%d" % n, b"y") for n in range(8)))
    scope_ = scope("/customers/17/orders?page=2", *fields)
    dropped = frozenset({b"cookie"})

    def both() -> None:
        call = read_call(scope_, NOBODY)
        if isinstance(call, Call):
            clean_headers(call.headers, also_drop=dropped)

    assert min(timeit.repeat(both, number=500, repeat=10)) / 500 < 50e-6
