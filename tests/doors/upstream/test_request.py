from ipaddress import ip_network
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mfa_gateway.doors.asgi import TRAILERS
from mfa_gateway.doors.upstream import Failure, ForwardingError, Origin, Terms
from mfa_gateway.doors.upstream.request import NOTHING, Request, Sized, Unsized, Writer, read_peer

Fields = list[tuple[bytes, bytes]]
HOST = (b"host", b"api.test")
LOCAL = (ip_network("127.0.0.0/8"),)


def scope(*fields: tuple[bytes, bytes], **changes: Any) -> dict[str, Any]:
    return {
        "type": "http",
        "method": "GET",
        "http_version": "1.1",
        "scheme": "http",
        "path": "/decoded",
        "raw_path": b"/",
        "query_string": b"",
        "client": ("127.0.0.1", 50_000),
        "headers": [HOST, *fields],
    } | changes


def write(
    *fields: tuple[bytes, bytes], terms: Terms | None = None, url: str = "http://up.test", **changes: Any
) -> Request:
    return Writer(Origin.parse(url), terms or Terms()).write(scope(*fields, **changes))


def written(request: Request) -> Fields:
    """The fields of a head, after a look at its form."""
    start, *lines, end, rest = request.head.split(b"\r\n")
    assert start.endswith(b" HTTP/1.1")
    assert end == rest == b""
    return [(name, value) for name, _, value in (line.partition(b": ") for line in lines)]


def values(request: Request, name: bytes) -> list[bytes]:
    return [value for key, value in written(request) if key == name]


def failure(*fields: tuple[bytes, bytes], **changes: Any) -> Failure:
    with pytest.raises(ForwardingError) as caught:
        write(*fields, **changes)
    return caught.value.failure


# --- The request line -------------------------------------------------------------------------


def test_the_target_is_made_of_the_raw_path_and_the_query() -> None:
    request = write(raw_path=b"/a%20b", query_string=b"x=%0d%0a")
    assert request.head.startswith(b"GET /a%20b?x=%0d%0a HTTP/1.1\r\n")


def test_h10_the_decoded_path_is_never_used() -> None:
    request = write(path="/public/\r\nX-MFA-User: b", raw_path=b"/public/%0d%0aX-MFA-User:%20b")
    assert request.head.startswith(b"GET /public/%0d%0aX-MFA-User:%20b HTTP/1.1\r\n")


def test_the_origins_prefix_comes_first() -> None:
    assert write(url="http://up.test/v1/api/", raw_path=b"/x").head.startswith(b"GET /v1/api/x HTTP/1.1\r\n")


def test_a_prefix_that_was_taken_off_is_told() -> None:
    listed = (
        (b"connection", b"x-forwarded-prefix"),
        (b"x-forwarded-prefix", b"/evil"),
        (b"X_Forwarded_Prefix", b"/evil"),
    )
    request = write(*listed, terms=Terms(stripped_prefix="/caf%C3%A9"))
    assert [value for name, value in written(request) if b"prefix" in name.lower()] == [b"/caf%C3%A9"]


def test_a_prefix_that_was_not_taken_off_is_not_told() -> None:
    assert values(write((b"x-forwarded-prefix", b"/evil")), b"x-forwarded-prefix") == []


@pytest.mark.parametrize(
    "raw", [b"", b"*", b"x", b"/a b", b"/a\r\nX: y", b"/a\n", b"/a#b", b"/\xc3\xa4", b"/\x00", b"/\x7f", b"http://x/"]
)
def test_a_target_that_is_not_a_plain_path_is_refused(raw: bytes) -> None:
    assert failure(raw_path=raw) is Failure.BAD_TARGET


@pytest.mark.parametrize("query", [b"a b", b"a\r\nX: y", b"a#b", b"\xff"])
def test_a_query_that_is_not_plain_is_refused(query: bytes) -> None:
    assert failure(query_string=query) is Failure.BAD_TARGET


def test_a_server_that_gives_no_raw_path_is_refused() -> None:
    broken = scope()
    del broken["raw_path"]
    with pytest.raises(ForwardingError) as caught:
        Writer(Origin.parse("http://up.test"), Terms()).write(broken)
    assert caught.value.failure is Failure.BAD_TARGET


@pytest.mark.parametrize("method", ["CONNECT", "TRACE", "GE T", "GET\r\nX: y", "", "GÉT"])
def test_a_method_that_is_not_forwarded(method: str) -> None:
    assert failure(method=method) is Failure.BAD_METHOD


def test_an_unusual_method_goes_on_as_it_is() -> None:
    assert write(method="PROPFIND").head.startswith(b"PROPFIND / HTTP/1.1\r\n")


# --- Fields -----------------------------------------------------------------------------------


def test_fields_go_on_in_their_order_after_the_host() -> None:
    names = [name for name, _ in written(write((b"accept", b"*/*"), (b"cookie", b"a=b"), (b"accept", b"x/y")))]
    assert names[0] == b"host"
    assert names[-3:] == [b"accept", b"cookie", b"accept"]


@pytest.mark.parametrize(
    "name",
    [b"te", b"trailer", b"keep-alive", b"proxy-connection", b"proxy-authorization", b"expect", b"http2-settings"],
)
def test_a_hop_by_hop_field_stops(name: bytes) -> None:
    assert values(write((name, b"x")), name) == []


def test_s06_an_upgrade_is_not_forwarded() -> None:
    request = write((b"connection", b"Upgrade, HTTP2-Settings"), (b"upgrade", b"h2c"), (b"http2-settings", b"AAMAAABk"))
    assert {name for name, _ in written(request)} & {b"connection", b"upgrade", b"http2-settings"} == set()


def test_h03_what_connection_lists_is_removed_from_every_copy_case_and_tab() -> None:
    request = write(
        (b"x-one", b"1"),
        (b"connection", b"close,\tX-ONE"),
        (b"x-two", b"2"),
        (b"Connection", b"x-two\t"),
        (b"x-three", b"3"),
    )
    assert [name for name, _ in written(request)][-1:] == [b"x-three"]
    assert values(request, b"x-one") == values(request, b"x-two") == values(request, b"connection") == []


def test_h03_the_gateways_own_fields_survive_being_listed() -> None:
    own = {b"authorization": b"Bearer a", b"x-mfa-verified": b"true", b"x-request-id": b"12345678"}
    listed = b", ".join((*own, b"host", b"x-forwarded-for", b"content-length", b"X_MFA_Verified"))
    request = write(*own.items(), (b"connection", listed), (b"content-length", b"3"), method="POST")
    for name, value in own.items():
        assert values(request, name) == [value]
    assert values(request, b"host") == [b"api.test"]
    assert values(request, b"x-forwarded-for") == [b"127.0.0.1"]
    assert values(request, b"content-length") == [b"3"]


@pytest.mark.parametrize(
    "name",
    [
        b"forwarded",
        b"x-real-ip",
        b"x-original-url",
        b"x-rewrite-url",
        b"x-forwarded-prefix",
        b"x-forwarded-uri",
        b"x-forwarded-method",
        b"x-original-uri",
        b"x-forwarded-port",
        b"x_forwarded_for",
        b"X.Forwarded.Proto",
    ],
)
@pytest.mark.parametrize("trusted", [(), LOCAL], ids=["stranger", "trusted"])
def test_p19_what_only_proxies_say_is_not_forwarded(name: bytes, trusted: Any) -> None:
    request = write((name, b"/public"), terms=Terms(trusted_proxies=trusted))
    assert b"/public" not in request.head


@pytest.mark.parametrize("value", [b"a\r\nx: y", b"a\nb", b"a\rb"])
def test_a_line_end_in_a_value_sends_nothing(value: bytes) -> None:
    assert failure((b"x-note", value)) is Failure.BAD_FIELD


def test_h05_the_gateways_copy_is_the_only_one() -> None:
    request = write((b"x-forwarded-for", b"6.6.6.6"), (b"X-Forwarded-For", b"7.7.7.7"))
    assert values(request, b"x-forwarded-for") == [b"127.0.0.1"]
    assert b"X-Forwarded" not in request.head


@given(st.lists(st.tuples(st.sampled_from([b"x-a", b"Connection", b"x_forwarded_for", b"te"]), st.binary(max_size=20))))
def test_whatever_the_fields_a_head_has_one_empty_line_at_its_end(fields: Fields) -> None:
    try:
        request = write(*fields)
    except ForwardingError:
        return
    assert request.head.find(b"\r\n\r\n") == len(request.head) - 4
    assert request.head.count(b"\r") == request.head.count(b"\n")


# --- Host and X-Forwarded ---------------------------------------------------------------------


def test_the_clients_host_is_preserved() -> None:
    request = write()
    assert values(request, b"host") == [b"api.test"]
    assert values(request, b"x-forwarded-host") == [b"api.test"]


def test_the_origins_host_is_sent_where_the_clients_is_not_wanted() -> None:
    request = write(terms=Terms(preserve_host=False), url="http://up.test:9000")
    assert values(request, b"host") == [b"up.test:9000"]
    assert values(request, b"x-forwarded-host") == [b"api.test"]


def test_a_request_without_a_host_gets_the_origins() -> None:
    request = write(headers=[], http_version="1.0")
    assert values(request, b"host") == [b"up.test"]
    assert values(request, b"x-forwarded-host") == [b"up.test"]


def test_h04_two_hosts_are_refused() -> None:
    assert failure((b"host", b"other.test")) is Failure.BAD_FIELD


def test_a_strangers_word_about_the_client_is_replaced() -> None:
    fields = ((b"x-forwarded-for", b"6.6.6.6"), (b"x-forwarded-proto", b"https"), (b"x-forwarded-host", b"evil.test"))
    request = write(*fields)
    assert values(request, b"x-forwarded-for") == [b"127.0.0.1"]
    assert values(request, b"x-forwarded-proto") == [b"http"]
    assert values(request, b"x-forwarded-host") == [b"api.test"]


def test_a_trusted_proxys_word_is_kept_and_continued() -> None:
    fields = ((b"x-forwarded-for", b"1.2.3.4"), (b"x-forwarded-proto", b"https"), (b"x-forwarded-host", b"shop.test"))
    request = write(*fields, (b"x-forwarded-for", b"10.0.0.1"), terms=Terms(trusted_proxies=LOCAL))
    assert values(request, b"x-forwarded-for") == [b"1.2.3.4, 10.0.0.1, 127.0.0.1"]
    assert values(request, b"x-forwarded-proto") == [b"https"]
    assert values(request, b"x-forwarded-host") == [b"shop.test"]


def test_two_words_of_a_trusted_proxy_are_none() -> None:
    fields = ((b"x-forwarded-proto", b"https"), (b"x-forwarded-proto", b"http"))
    request = write(*fields, terms=Terms(trusted_proxies=LOCAL), scheme="https")
    assert values(request, b"x-forwarded-proto") == [b"https"]
    fields = ((b"x-forwarded-host", b"a.test"), (b"x-forwarded-host", b"b.test"))
    assert values(write(*fields, terms=Terms(trusted_proxies=LOCAL)), b"x-forwarded-host") == [b"api.test"]


def test_the_scheme_is_that_of_the_listener() -> None:
    assert values(write(scheme="https"), b"x-forwarded-proto") == [b"https"]


@pytest.mark.parametrize(
    ("host", "address"),
    [("::ffff:10.1.2.3", b"10.1.2.3"), ("2001:db8::0:1", b"2001:db8::1"), ("garbage", b"unknown"), (None, b"unknown")],
)
def test_k05_the_peers_address_is_normalised(host: str | None, address: bytes) -> None:
    assert read_peer(host, ()).address == address


@pytest.mark.parametrize("host", ["10.1.2.3", "::ffff:10.1.2.3", "::ffff:a01:203"])
def test_k05_a_mapped_address_is_trusted_as_what_it_is(host: str) -> None:
    assert read_peer(host, (ip_network("10.0.0.0/8"),)).is_trusted


@pytest.mark.parametrize("host", ["garbage", "", None, "11.1.1.1", "::1"])
def test_k05_what_cannot_be_read_is_not_trusted(host: str | None) -> None:
    assert not read_peer(host, (ip_network("10.0.0.0/8"),)).is_trusted


def test_a_client_without_an_address_is_unknown() -> None:
    assert values(write(client=None), b"x-forwarded-for") == [b"unknown"]


# --- Framing ----------------------------------------------------------------------------------


def test_a_length_is_written_again() -> None:
    request = write((b"content-length", b"0042"), method="POST")
    assert request.framing == Sized(42)
    assert values(request, b"content-length") == [b"42"]


def test_a_length_of_zero_needs_no_body() -> None:
    request = write((b"content-length", b"0"), method="POST")
    assert request.framing is NOTHING
    assert values(request, b"content-length") == [b"0"]


def test_chunks_stay_chunks() -> None:
    request = write((b"transfer-encoding", b"Chunked"), method="POST")
    assert request.framing is Unsized.CHUNKED
    assert values(request, b"transfer-encoding") == [b"chunked"]


@pytest.mark.parametrize("method", ["GET", "HEAD", "DELETE", "OPTIONS"])
def test_a_request_without_a_body_is_not_framed(method: str) -> None:
    request = write(method=method)
    assert request.framing is NOTHING
    assert values(request, b"content-length") == values(request, b"transfer-encoding") == []


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH"])
def test_a_method_that_expects_a_body_says_that_there_is_none(method: str) -> None:
    request = write(method=method)
    assert request.framing is NOTHING
    assert values(request, b"content-length") == [b"0"]


LENGTH = (b"content-length", b"3")
CHUNKED = (b"transfer-encoding", b"chunked")


@pytest.mark.parametrize(
    "fields",
    [
        (LENGTH, LENGTH),
        (LENGTH, (b"content-length", b"4")),
        (LENGTH, CHUNKED),
        (CHUNKED, CHUNKED),
        ((b"transfer-encoding", b"gzip, chunked"),),
        ((b"transfer-encoding", b"identity"),),
        ((b"content-length", b"3, 3"),),
        ((b"content-length", b"+3"),),
        ((b"content-length", b"-1"),),
        ((b"content-length", b"0x3"),),
        ((b"content-length", b""),),
        ((b"content-length", b"9" * 19),),
        (LENGTH, (b"upgrade", b"h2c")),
        (CHUNKED, (b"upgrade", b"websocket")),
    ],
)
def test_s01_a_body_with_two_readings_is_refused(fields: tuple[tuple[bytes, bytes], ...]) -> None:
    assert failure(*fields, method="POST") is Failure.BAD_FRAMING


def test_chunks_in_http_1_0_are_refused() -> None:
    assert failure(CHUNKED, method="POST", http_version="1.0") is Failure.BAD_FRAMING


def test_an_upgrade_that_says_it_has_no_body_goes_on_as_plain_http() -> None:
    assert write((b"upgrade", b"h2c"), (b"content-length", b"0")).framing is NOTHING


def test_http_2_may_have_a_body_that_no_field_announces() -> None:
    assert write(method="POST", http_version="2").framing is Unsized.CHUNKED
    assert write(method="GET", http_version="2").framing is NOTHING


# --- Trailers ---------------------------------------------------------------------------------


def test_the_upstream_is_told_that_trailers_are_welcome_where_the_client_takes_them() -> None:
    request = write((b"te", b"trailers"), extensions={TRAILERS: {}})
    assert (values(request, b"te"), values(request, b"connection")) == ([b"trailers"], [b"te"])


def test_it_is_told_nothing_where_the_client_takes_none() -> None:
    request = write((b"te", b"trailers"))
    assert (values(request, b"te"), values(request, b"connection")) == ([], [])
