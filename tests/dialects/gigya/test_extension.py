"""The word of a server that a session goes on: who may give it, for which session, and how long."""

import base64
import hmac
from urllib.parse import quote

import pytest

from mfa_gateway.core.entrance.visitors import SessionShown
from tests.dialects.gigya.calls import NOW, SECRET, accept

SECONDS = NOW // 1000
LATER = SECONDS + 60


def word(token: str = "t1", ends: int | str = LATER, *, key: str = "", secret: bytes = SECRET) -> str:
    text = f"{token}_{ends}_{key}" if key else f"{token}_{ends}"
    signature = base64.b64encode(hmac.digest(secret, text.encode(), "sha1")).decode()
    return f"{ends}_{key}_{signature}" if key else f"{ends}_{signature}"


def shown(cookie: str, *, key: str = "3_KEY") -> object:
    fields = {"cookie": f"gltexp_{key}={cookie}"}
    return accept("accounts.getAccountInfo", {"login_token": "t1", "apiKey": key}, fields=fields).errand.credential


@pytest.mark.parametrize("written", [word(), quote(word(), safe=""), word(key="AKey")], ids=["site", "quoted", "key"])
def test_a_server_of_the_site_says_that_a_session_goes_on(written: str) -> None:
    assert shown(written) == SessionShown("t1", is_extended=True)


@pytest.mark.parametrize(
    "written",
    [
        "",
        "garbage",
        f"{LATER}_",
        f"{LATER}_AAAA",
        word("another"),
        word(ends=SECONDS),
        word(ends=f"{LATER}0"),
        word(ends="x" * 10),
        word(secret=b"something else"),
        word(key="ANobody"),
        word(key="Signer"),
        word(key="AKey").replace("_AKey_", "_"),
    ],
)
def test_nobody_else_does(written: str) -> None:
    assert shown(written) == SessionShown("t1")


def test_a_site_without_a_secret_has_nobody_who_could() -> None:
    assert shown(word(), key="3_BARE") == SessionShown("t1")


def test_a_cookie_of_a_session_goes_on_as_well_and_what_stands_behind_its_token_is_no_part_of_it() -> None:
    fields = {"cookie": f"glt_3_KEY=t1|more; gltexp_3_KEY={word()}"}
    asked = accept("accounts.getAccountInfo", {}, fields=fields)
    assert asked.errand.credential == SessionShown("t1", is_ambient=True, is_extended=True)
