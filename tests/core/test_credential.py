"""Other credentials: found in every spelling that some server reads as the name that was configured."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mfa_gateway.core.call import Call, CanonicalPath
from mfa_gateway.core.credential import (
    CarrierAction,
    OtherCredentials,
    folded_name,
    folded_parameter,
    namesakes,
    refused_carrier,
)

REFUSING = OtherCredentials(on_header=CarrierAction.REFUSE)


def call(query: bytes = b"", headers: tuple[tuple[bytes, bytes], ...] = ()) -> Call:
    return Call("GET", CanonicalPath(b"/p", ("p",)), query=query, headers=headers)


@pytest.mark.parametrize(
    "query",
    [
        *(b"access_token=x", b"a=b&access_token=x", b"access_token", b"api_key=", b"a;access_token=x"),
        *(b"access%5Ftoken=x", b"%61ccess_token=x", b"Access_Token=x", b"API_KEY=x"),
        *(b"access.token=x", b"access+token=x", b"access%20token=x", b"+access_token=x", b"%20%20access_token=x"),
        *(b"access_token[]=x", b"access_token%5B0%5D=x", b"access_token%00x=y"),
    ],
)
def test_a_credential_in_the_query_is_found_in_every_spelling(query: bytes) -> None:
    found = refused_carrier(call(query), OtherCredentials())
    assert found in ("query parameter access_token", "query parameter api_key")


@pytest.mark.parametrize(
    "query",
    [b"", b"q=access_token", b"token=x", b"xaccess_token=x", b"access_token2=x", b"a=%26access_token=x", b"&&;="],
)
def test_a_query_without_a_credential_goes_on(query: bytes) -> None:
    assert refused_carrier(call(query), OtherCredentials()) is None


def test_a_query_goes_on_where_the_configuration_says_so() -> None:
    assert refused_carrier(call(b"access_token=x"), OtherCredentials(on_query=CarrierAction.FORWARD)) is None


@pytest.mark.parametrize(
    "name", [b"cookie", b"x-api-key", b"x_api_key", b"x.api.key", b"x~api~key", b"proxy-authorization"]
)
def test_a_credential_in_a_header_is_refused_in_every_spelling(name: bytes) -> None:
    found = refused_carrier(call(headers=((b"accept", b"*/*"), (name, b"x"))), REFUSING)
    assert found == f"header {folded_name(name).decode()}"


@pytest.mark.parametrize("action", [CarrierAction.STRIP, CarrierAction.FORWARD])
def test_a_credential_in_a_header_is_no_reason_to_refuse_where_it_is_stripped_or_forwarded(
    action: CarrierAction,
) -> None:
    others = OtherCredentials(on_header=action)
    assert refused_carrier(call(headers=((b"cookie", b"x"),)), others) is None


def test_other_headers_go_on() -> None:
    assert refused_carrier(call(headers=((b"authorization", b"x"), (b"x-cookie", b"x"))), REFUSING) is None


def test_nothing_of_the_value_is_told() -> None:
    headers = ((b"cookie", b"hidden"),)
    assert "hidden" not in str(refused_carrier(call(b"access_token=hidden"), REFUSING))
    assert "hidden" not in str(refused_carrier(call(headers=headers), REFUSING))


def test_a_field_is_found_with_all_its_aliases() -> None:
    alike = ((b"x-user", b"1"), (b"x_user", b"2"), (b"X.User", b"3"))
    headers = (*alike, (b"x-users", b"4"), (b"xuser", b"5"))
    assert namesakes(headers, b"x-user") == namesakes(headers, b"x_user") == alike


@given(st.text("aB_.- []\x00", max_size=12))
def test_folding_twice_is_folding_once(name: str) -> None:
    assert folded_parameter(folded_parameter(name)) == folded_parameter(name)
    assert folded_name(folded_name(name.encode())) == folded_name(name.encode())
