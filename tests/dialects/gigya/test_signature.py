"""Signatures: the vectors of the contract (spec/gigya.md sections 4.2 and 4.3), and what makes a text another one."""

import base64
import hmac

import pytest

from mfa_gateway.dialects.gigya.signature import read_signature, signed_texts, uid_signature
from tests.dialects.gigya.calls import SECRET

VECTOR = {
    "apiKey": "3_KEY",
    "format": "json",
    "httpStatusCodes": "false",
    "mode": "verify",
    "nonce": "179528899365816",
    "provider": "gigyaEmail",
    "regToken": "st2.s.r*~ é",
    "sdk": "python_3.6.0",
    "timestamp": "1795288993",
}
URL = "http://accounts.eu1.gigya.com/accounts.tfa.initTFA"
SIGNATURE = "bCoDtoFiAoeJAd5lYDt+ve5zaXE="


def sign(method: str, url: str, parameters: dict[str, str]) -> str:
    (text,) = signed_texts(method, (url,), parameters.items())
    return base64.b64encode(hmac.digest(SECRET, text, "sha1")).decode()


def test_a_request_is_signed_as_the_official_sdk_does() -> None:
    assert sign("POST", URL, VECTOR) == SIGNATURE


@pytest.mark.parametrize(
    "url",
    ["HTTP://Accounts.EU1.gigya.com/accounts.tfa.initTFA", "http://accounts.eu1.gigya.com:80/accounts.tfa.initTFA"],
)
def test_spellings_of_one_address_are_one(url: str) -> None:
    assert sign("post", url, VECTOR | {"sig": "anything"}) == SIGNATURE


@pytest.mark.parametrize(
    ("method", "url", "changes"),
    [
        ("GET", URL, {}),
        ("POST", URL.replace("http:", "https:"), {}),
        ("POST", URL.replace(".com/", ".com:8080/"), {}),
        ("POST", URL.replace("initTFA", "finalizeTFA"), {}),
        ("POST", URL, {"mode": "edit"}),
        ("POST", URL, {"Mode": "verify"}),
    ],
)
def test_another_request_has_another_signature(method: str, url: str, changes: dict[str, str]) -> None:
    assert sign(method, url, VECTOR | changes) != SIGNATURE


def test_names_are_sorted_by_their_code_points() -> None:
    (text,) = signed_texts("POST", ("http://h/m",), [("apiKey", "1"), ("UID", "2"), ("_a", "3")])
    assert text == b"POST&http%3A%2F%2Fh%2Fm&UID%3D2%26_a%3D3%26apiKey%3D1"


def test_each_address_is_written_down_once() -> None:
    urls = ("https://h/m", "http://h/m", "https://h:443/m")
    assert len(signed_texts("POST", urls, ())) == 2


def test_the_id_of_an_account_is_signed_as_sites_verify_it() -> None:
    assert uid_signature(SECRET, "user-1", 1_700_000_000) == "6WSCHhBHbNw9fc+aiNVx3ew6UJc="


@pytest.mark.parametrize("text", [SIGNATURE, SIGNATURE.replace("+", "-").replace("/", "_")])
def test_a_signature_is_read_in_either_alphabet(text: str) -> None:
    assert read_signature(text) == base64.b64decode(SIGNATURE)


@pytest.mark.parametrize("text", ["", "garbage!", "YWJj", SIGNATURE + "=", SIGNATURE[:-1], "é" * 28])
def test_what_is_no_signature_is_not_read(text: str) -> None:
    assert read_signature(text) is None
