"""The messages of ext_authz: what Envoy says is read, and what it is told it can read."""

import pytest

from mfa_gateway.doors.ext_authz.wire import (
    Denied,
    Granted,
    Health,
    read_check,
    read_health_request,
    write_answer,
    write_health,
)
from tests.doors.ext_authz.envoy import described, message, read


@pytest.mark.parametrize("joined", [False, True])
def test_a_request_is_read_with_its_headers_in_either_form(*, joined: bool) -> None:
    asked = described("/a?b", (b"x-one", b"1"), (b"x-one", b"2"), method="PUT", joined=joined)
    assert read_check(message(asked)) == asked


def test_bytes_that_are_no_text_are_read_as_they_are() -> None:
    asked = described("/\xff", (b"x-one", b"\xff\xfe"), joined=True)
    assert read_check(message(asked)) == asked


def test_a_request_that_says_nothing_is_read_as_nothing() -> None:
    empty = read_check(b"")
    assert (empty.method, empty.target, empty.host, list(empty.headers), empty.peer) == (b"", b"", b"", [], "")


@pytest.mark.parametrize("noise", [b"\xff", b"\x0a\xff\xff\xff\xff\xff", b"\x0a\x05abc"])
def test_what_is_no_request_is_told_apart(noise: bytes) -> None:
    with pytest.raises(ValueError, match="not a CheckRequest"):
        read_check(noise)


def test_a_known_message_is_written_with_the_published_numbers() -> None:
    """`CheckResponse{status{code: 7} denied_response{status{code: 403}}}`, byte by byte."""
    assert write_answer(Denied(403)) == b"\x0a\x02\x08\x07" + b"\x12\x05\x0a\x03\x08\x93\x03"


def test_a_yes_is_told_apart_from_a_no_by_its_code() -> None:
    assert read(write_answer(Granted())).code == 0
    assert read(write_answer(Denied(401))).code == 7


def test_the_first_of_a_name_replaces_and_the_others_join_it() -> None:
    answer = read(write_answer(Denied(403, [(b"vary", b"a"), (b"vary", b"b")])))
    assert (answer.set_, answer.added) == ({b"vary": b"a"}, [(b"vary", b"b")])


def test_what_is_only_offered_replaces_nothing() -> None:
    answer = read(write_answer(Granted(answered=[(b"a", b"1")], offered=[(b"b", b"2")])))
    assert (answer.answered, answer.offered) == ({b"a": b"1"}, {b"b": b"2"})


def test_a_health_check_names_a_service_and_gets_a_status() -> None:
    assert read_health_request(b"\x0a\x03abc") == "abc"
    assert read_health_request(b"") == ""
    assert (write_health(Health.SERVING), write_health(Health.NOT_SERVING)) == (b"\x08\x01", b"\x08\x02")
