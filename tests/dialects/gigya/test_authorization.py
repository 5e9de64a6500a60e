"""What a request presents, way by way, and what is wrong with it."""

import base64
import hmac
import json
from typing import Any

import jwt
import pytest

from mfa_gateway.core.entrance.visitors import Nonce, Nothing, SessionShown, Vouched, is_signed_with
from mfa_gateway.dialects.gigya.signature import signed_texts
from tests.dialects.gigya.calls import GIGYA, HOST, KEY_PAIR, NOW, SECRET, SECRET_TEXT, accept, answer, call

METHOD = "accounts.auth.otp.email.sendCode"
ASKED = {"email": "ada@x.test"}
SECONDS = NOW // 1000


# The same cookies in one line.
WHOLE = {"cookie": "gmid=mine; glt_3_KEY=token; other=a,b"}


def credential(parameters: dict[str, str] | None = None, **more: Any) -> object:
    return accept(METHOD, {**ASKED, **(parameters or {})}, **more).errand.credential


def error(parameters: dict[str, str] | None = None, **more: Any) -> tuple[int, str]:
    body = json.loads(answer(METHOD, {**ASKED, **(parameters or {})}, **more).body)
    return body["errorCode"], body["errorDetails"]


def signed(secret: bytes = SECRET, *, url: str = f"https://{HOST}/{METHOD}", **changes: str) -> dict[str, str]:
    parameters = {"apiKey": "3_KEY", **ASKED, "timestamp": str(SECONDS), "nonce": "n1", **changes}
    (text,) = signed_texts("POST", (url,), parameters.items())
    return {**parameters, "sig": base64.b64encode(hmac.digest(secret, text, "sha1")).decode()}


def bearer(
    key: Any = KEY_PAIR, *, kid: object = "Signer", algorithm: str = "RS256", **claims: object
) -> dict[str, str]:
    said = {"iat": SECONDS, "jti": "n1", **claims}
    token = jwt.encode({k: v for k, v in said.items() if v is not None}, key, algorithm, headers={"kid": kid})
    return {"authorization": f"Bearer {token}"}


def test_an_api_key_alone_is_nobody() -> None:
    assert credential() == Nothing()


# --- Secrets ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("more", "key"), [({}, "partner"), ({"userKey": "AKey"}, "AKey")])
def test_the_secret_of_a_site_or_of_a_key_vouches_for_its_server(more: dict[str, str], key: str) -> None:
    assert credential({"secret": SECRET_TEXT, **more}) == Vouched(key)


def test_no_secret_is_taken_that_came_in_clear() -> None:
    assert error({"secret": SECRET_TEXT}, is_secure=False) == (403006, "Secret Sent Over Http")


@pytest.mark.parametrize("secret", ["", "AAAA", "not base64", SECRET_TEXT[:-4]])
def test_a_wrong_secret_vouches_for_nobody(secret: str) -> None:
    assert error({"secret": secret}) == (403010, "Invalid parameter: secret")


def test_a_key_without_a_secret_has_none_to_show() -> None:
    assert error({"secret": SECRET_TEXT, "userKey": "Signer"})[0] == 403010
    assert error({"secret": SECRET_TEXT, "apiKey": "3_BARE"})[0] == 403010


@pytest.mark.parametrize("more", [{"secret": SECRET_TEXT}, {"sig": "x", "timestamp": "1", "nonce": "1"}])
def test_a_key_that_nobody_has_is_told(more: dict[str, str]) -> None:
    assert error({"userKey": "Nobody", **more}) == (403005, "The supplied userkey was not found")


# --- Signatures -------------------------------------------------------------------------------


@pytest.mark.parametrize("stamp", [str(SECONDS), f"{SECONDS}999", str(SECONDS - 119), str(SECONDS + 119)])
def test_a_signed_request_vouches_for_its_server_once(stamp: str) -> None:
    assert credential(signed(timestamp=stamp)) == Vouched("partner", Nonce("partner", "n1", 250_000))


def test_a_user_key_signs_in_its_own_name() -> None:
    assert credential(signed(userKey="AKey")) == Vouched("AKey", Nonce("AKey", "n1", 250_000))


def test_the_address_that_was_signed_may_be_that_of_the_other_scheme_or_of_the_configuration() -> None:
    urls = (f"http://inner/{METHOD}", f"https://{HOST}/{METHOD}")
    assert isinstance(credential(signed(), urls=urls), Vouched)
    public = type(GIGYA)(GIGYA.sites, base_url=f"https://{HOST}")
    assert not hasattr(public.receive(call(METHOD, signed(), urls=(f"http://inner/{METHOD}",))), "body")


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        (signed(b"another secret"), (403003, "Invalid request signature")),
        ({**signed(), "email": "eve@x.test"}, (403003, "Invalid request signature")),
        ({**signed(), "sig": "garbage"}, (403003, "Invalid request signature")),
        (signed(timestamp=str(SECONDS - 121)), (403002, "Request has expired")),
        (signed(timestamp=str(SECONDS + 121)), (403002, "Request has expired")),
        (signed(timestamp="yesterday"), (400006, "Invalid parameter value : timestamp")),
        (signed(timestamp="\u0661" * 10), (400006, "Invalid parameter value : timestamp")),
        (signed(nonce="n" * 129), (400006, "Invalid parameter value : nonce")),
        (signed(nonce=""), (400002, "Missing required parameter : nonce")),
        (signed(timestamp=""), (400002, "Missing required parameter : timestamp")),
        (signed(userKey="Signer"), (403003, "Invalid request signature")),
    ],
)
def test_a_signature_that_is_not_good_is_told_why(parameters: dict[str, str], expected: tuple[int, str]) -> None:
    assert error(parameters) == expected


# --- Sessions ---------------------------------------------------------------------------------


def test_a_mobile_client_signs_with_the_secret_of_its_session() -> None:
    secret = b"s" * 32
    shown = credential(signed(secret, oauth_token="token"))
    assert isinstance(shown, SessionShown)
    assert shown.signed is not None
    assert (shown.token, shown.is_ambient, shown.signed.nonce.signer) == ("token", False, "session token")
    assert is_signed_with(secret, shown.signed)
    assert not is_signed_with(b"t" * 32, shown.signed)


def test_a_token_without_a_signature_is_taken_over_tls_alone() -> None:
    assert credential({"oauth_token": "token"}) == SessionShown("token")
    assert error({"oauth_token": "token"}, is_secure=False)[0] == 403006


@pytest.mark.parametrize("scheme", ["Bearer", "OAuth", "bearer"])
def test_a_session_may_come_in_the_header(scheme: str) -> None:
    assert credential(fields={"authorization": f"{scheme} token"}) == SessionShown("token")


def test_a_web_session_comes_as_a_parameter_or_as_a_cookie() -> None:
    assert credential({"login_token": "token"}) == SessionShown("token")
    cookies = {"cookie": "other=1; glt_3_KEY=token"}
    assert credential(fields=cookies) == SessionShown("token", is_ambient=True)


def test_no_cookie_speaks_for_a_script_or_for_another_page() -> None:
    cookies = {"cookie": "glt_3_KEY=token"}
    assert credential({"format": "jsonp", "callback": "f"}, fields=cookies) == Nothing()
    for site in ("cross-site", "same-origin,cross-site", "nonsense"):
        assert credential(fields={**cookies, "sec-fetch-site": site}) == Nothing()


@pytest.mark.parametrize("origin", ["https://evil.test", "null", "http://accounts.eu1.gigya.com", "https://accounts"])
def test_u03_no_cookie_speaks_for_a_page_of_which_a_browser_tells_the_origin_alone(origin: str) -> None:
    cookies = {"cookie": "glt_3_KEY=token"}
    mine = SessionShown("token", is_ambient=True)
    assert credential(fields={**cookies, "origin": origin}) == Nothing()
    assert credential(fields={**cookies, "origin": origin, "sec-fetch-site": "same-site"}) == mine
    assert credential(fields={**cookies, "origin": "https://accounts.eu1.gigya.com"}) == mine


def test_a_cookie_counts_in_whichever_line_it_comes() -> None:
    """Proxies that speak HTTP/2 to browsers may hand on a line for each cookie (RFC 9113 section 8.2.3)."""
    lines = tuple((b"cookie", pair) for pair in (b"gmid=mine", b"glt_3_KEY=token", b"other=a,b"))
    assert credential(headers=lines) == SessionShown("token", is_ambient=True)
    assert accept(METHOD, ASKED, headers=lines).errand == accept(METHOD, ASKED, fields=WHOLE).errand


def test_cookies_with_odd_names_hide_no_others() -> None:
    cookies = {"cookie": "a@b=1; c; =; glt_3_KEY=token; glt_3_KEY=other"}
    assert credential(fields=cookies) == SessionShown("token", is_ambient=True)


@pytest.mark.parametrize("cookies", ["glt_3_OTHER=token", "glt_3_KEY", "\x00=;;", "glt_3_KEY="])
def test_cookies_that_say_nothing_are_nothing(cookies: str) -> None:
    assert credential(fields={"cookie": cookies}) == Nothing()


# --- Signed tokens ----------------------------------------------------------------------------


def test_a_token_that_a_user_key_signed_vouches_for_its_server_once() -> None:
    assert credential(fields=bearer(exp=SECONDS + 1)) == Vouched("Signer", Nonce("Signer", "n1", 250_000))


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        (bearer(kid="Nobody"), 403005),
        (bearer(kid="AKey"), 403005),
        (bearer(jti=None), 403003),
        (bearer(iat=None), 403003),
        (bearer(iat=SECONDS - 121), 403002),
        (bearer(iat=SECONDS + 121), 403002),
        (bearer(exp=SECONDS), 403002),
        (bearer(iat=True), 400008),
        (bearer(exp="soon"), 400008),
        (bearer(jti="n" * 129), 400008),
        (bearer("k" * 64, algorithm="HS256"), 403003),
        (bearer("", algorithm="none"), 403003),
        ({"authorization": bearer()["authorization"] + "="}, 400008),
        ({"authorization": bearer()["authorization"][:-4] + "AAAA"}, 403003),
        ({"authorization": "Bearer a.b.c"}, 400008),
        ({"authorization": "Basic abc"}, 400008),
        ({"authorization": "Bearer " + "a" * 9000}, 400008),
    ],
)
def test_a_header_that_is_not_good_is_told_why(fields: dict[str, str], code: int) -> None:
    assert error(fields=fields)[0] == code
