import pytest
from hypothesis import given
from hypothesis import strategies as st

from mfa_gateway.dialects.gigya.bag import Bag, read_bag
from mfa_gateway.dialects.gigya.errors import GigyaError
from mfa_gateway.dialects.wire import Received
from tests.dialects.gigya.calls import received


def bag_of(read: Received) -> Bag:
    bag = read_bag(read)
    assert isinstance(bag, Bag), bag
    return bag


def test_query_and_form_are_one_bag_without_case() -> None:
    bag = bag_of(received("m", query=b"apiKey=3_KEY", body=b"PhoneNumber=%2B49&context=R1"))
    assert (bag.get("APIKey"), bag.get("phoneNumber"), bag.get("context")) == ("3_KEY", "+49", "R1")
    assert bag.sent == (("apiKey", "3_KEY"), ("PhoneNumber", "+49"), ("context", "R1"))


def test_a_missing_value_is_told_with_the_space_of_the_contract() -> None:
    assert Bag().need("vToken") == GigyaError(400002, "Missing required parameter : vToken")
    assert Bag((), {"vtoken": ""}).need("vToken") == GigyaError(400002, "Missing required parameter : vToken")


@pytest.mark.parametrize(
    ("query", "body"),
    [
        (b"apiKey=1&apikey=2", b""),
        (b"a=1&a=1", b""),
        (b"apiKey=1", b"APIKey=1"),
        (b"a=%ff", b""),
        (b"", b"a=%ff"),
        (b"", b"a=\xff"),
        (b"&".join(b"a%d=1" % n for n in range(201)), b""),
    ],
    ids=["two spellings", "twice", "in query and form", "not text", "no text in the form", "raw bytes", "too many"],
)
def test_what_two_readers_could_read_differently_is_not_read(query: bytes, body: bytes) -> None:
    read = read_bag(received("m", query=query, body=body))
    assert isinstance(read, GigyaError)
    assert read.code == 400001


@pytest.mark.parametrize("kind", ["application/json", "text/plain", "multipart/form-data; boundary=x", ""])
def test_a_body_of_another_kind_is_not_read(kind: str) -> None:
    read = received("m")
    other = Received(read.asked, (), True, 0, "", body=b"{}", headers=((b"content-type", kind.encode()),))
    assert read_bag(other) == GigyaError(400001, "Send parameters as application/x-www-form-urlencoded")


def test_a_form_may_say_its_charset() -> None:
    kind = (b"content-type", b"Application/X-WWW-Form-Urlencoded; charset=UTF-8")
    assert bag_of(Received(received("m").asked, (), True, 0, "", body=b"a=1", headers=(kind,))).get("a") == "1"


@pytest.mark.parametrize(
    ("text", "flag"),
    [("true", True), ("True", True), ("1", True), ("false", False), ("False", False), ("0", False), ("", False)],
)
def test_truth_is_written_in_many_ways(text: str, *, flag: bool) -> None:
    assert Bag((), {"sendcode": text}).flag("sendCode") is flag


def test_what_is_no_truth_value_is_told() -> None:
    assert Bag((), {"sendcode": "maybe"}).flag("sendCode") == GigyaError(400006, "Invalid parameter value : sendCode")


@given(st.binary(max_size=200), st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(query: bytes, body: bytes) -> None:
    assert isinstance(read_bag(received("m", query=query, body=body)), Bag | GigyaError)
