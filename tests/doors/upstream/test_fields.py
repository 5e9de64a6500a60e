import pytest

from mfa_gateway.doors.upstream.fields import (
    ANSWER_KINDS,
    REQUEST_KINDS,
    Kind,
    Kinds,
    is_removable,
    passing_trailers,
    tokens,
)


@pytest.mark.parametrize(
    "name",
    [
        b"keep-alive",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"http2-settings",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"expect",
        b"forwarded",
        b"x-real-ip",
        b"x-original-url",
        b"x-rewrite-url",
        b"x-forwarded-prefix",
        b"x-forwarded-uri",
        b"x-forwarded-method",
        b"x-forwarded-port",
        b"x-original-uri",
    ],
)
def test_a_request_field_of_this_name_stops_here(name: bytes) -> None:
    assert REQUEST_KINDS[name] is Kind.STOP


@pytest.mark.parametrize("name", [b"keep-alive", b"proxy-connection", b"te", b"trailer", b"proxy-authenticate"])
def test_an_answer_field_of_this_name_stops_here(name: bytes) -> None:
    assert ANSWER_KINDS[name] is Kind.STOP


@pytest.mark.parametrize("name", [b"accept", b"cookie", b"authorization", b"x-mfa-verified", b"content-type", b"x_y.z"])
def test_a_request_field_of_this_name_goes_on(name: bytes) -> None:
    assert REQUEST_KINDS[name] is Kind.PASS


@pytest.mark.parametrize(
    "name",
    [
        b"x_forwarded_for",
        b"x.forwarded.for",
        b"X_Forwarded-Host",
        b"x-forwarded_proto",
        b"content_length",
        b"transfer.encoding",
        b"x_real_ip",
        b"proxy_authorization",
    ],
)
def test_h01_an_alias_never_passes(name: bytes) -> None:
    assert Kinds(REQUEST_KINDS)[name] is not Kind.PASS


@pytest.mark.parametrize("name", [b"x_forwarded_for", b"content_length", b"transfer.encoding", b"x.forwarded.proto"])
def test_an_alias_is_never_taken_for_the_real_field(name: bytes) -> None:
    assert Kinds(REQUEST_KINDS)[name] is Kind.STOP


def test_case_does_not_make_an_alias() -> None:
    assert Kinds(REQUEST_KINDS)[b"Host"] is Kind.HOST


def test_a_passing_name_does_not_stop_what_folds_to_it() -> None:
    kinds = Kinds(REQUEST_KINDS)
    assert kinds[b"x-trace-id"] is Kind.PASS
    assert kinds[b"x_trace_id"] is Kind.PASS


def test_names_are_remembered_up_to_a_bound() -> None:
    kinds = Kinds({b"te": Kind.STOP})
    for number in range(Kinds.MOST * 2):
        assert kinds[b"x-%d" % number] is Kind.PASS
    assert len(kinds) == Kinds.MOST
    assert kinds[b"TE"] is Kind.STOP


def test_a_long_name_is_not_remembered() -> None:
    kinds = Kinds({})
    assert kinds[b"x" * 1000] is Kind.PASS
    assert not kinds


def test_connection_tokens_are_read_from_every_copy_in_any_case_with_tabs() -> None:
    assert tokens([b"close, X-One\t,", b" \tx-TWO"]) == {b"close", b"x-one", b"x-two"}


@pytest.mark.parametrize(
    "name",
    [
        b"host",
        b"authorization",
        b"content-length",
        b"x-mfa-verified",
        b"x-forwarded-for",
        b"x_mfa_method",
        b"forwarded",
    ],
)
def test_h03_a_field_of_the_gateway_cannot_be_listed_away(name: bytes) -> None:
    assert not is_removable(name)


def test_a_field_of_the_client_can_be_listed_away() -> None:
    assert is_removable(b"x-session-hint")


@pytest.mark.parametrize("name", [b"x_forwarded.for", b"x~forwarded~for", b"transfer~encoding", b"x!real!ip", b"te_"])
def test_h01_an_alias_stops_whichever_signs_it_is_written_with(name: bytes) -> None:
    known = Kinds(REQUEST_KINDS)
    assert (known[name] is Kind.STOP) == (name != b"te_")


def test_trailers_of_the_applications_own_go_on() -> None:
    trailers = [(b"server-timing", b"db;dur=3"), (b"digest", b"x"), (b"etag", b"y")]
    assert passing_trailers(trailers) == trailers


@pytest.mark.parametrize(
    "name",
    [
        b"content-length",
        b"transfer-encoding",
        b"connection",
        b"trailer",
        b"content-encoding",
        b"set-cookie",
        b"authorization",
        b"www-authenticate",
        b"cache-control",
        b"location",
        b"date",
        b"host",
        b"keep_alive",
    ],
)
def test_trailers_that_would_change_what_was_read_already_stop_here(name: bytes) -> None:
    assert passing_trailers([(name, b"1")]) == []
