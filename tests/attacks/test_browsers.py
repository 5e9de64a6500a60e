"""Attacks by way of browsers: the rows U01 and U03 of the corpus, and beyond them callbacks from a grammar."""

import itertools
import json
import re

import pytest

from mfa_gateway.settings.access import GigyaDialect
from tests.attacks.estate import EACH, Estate
from tests.attacks.ground import dice
from tests.e2e.front import bearer
from tests.e2e.wire import Answer, request

pytestmark = [pytest.mark.processes, pytest.mark.asyncio(loop_scope="session")]

PATH = "/gigya/accounts.getAccountInfo?apiKey=3_KEY&format=jsonp"
SCRIPT = re.compile(rb"/\*\*/[A-Za-z_$][\w$.]{0,63}\(\{.*\}\);", re.DOTALL | re.ASCII)
EVIL = (
    "<script>",
    "alert(1)//",
    "a" * 1_200,
    "a%0d%0ab",
    "",
    "a;b",
    "a(b",
    "%00a",
    "a%20b",
    "a[0]",
    "%E2%80%A8",
    "a%0a",
    "1a",
    "a%",
    "a-b",
    "%22",
)


def is_harmless(answer: Answer | None) -> bool:
    """Either a script that calls one plain function, or no script at all."""
    assert answer is not None
    (kind,) = answer.values("content-type")
    assert answer.values("x-content-type-options") == ["nosniff"]
    if "javascript" in kind:
        return SCRIPT.fullmatch(answer.body) is not None
    return kind.startswith("application/json") and json.loads(answer.body)["errorCode"] != 0


async def test_u01_only_a_plain_name_is_called_back(home: Estate) -> None:
    good = await home.ask(request(f"{PATH}&callback=gigya.on.answer"))
    assert good is not None
    assert good.body.startswith(b"/**/gigya.on.answer({")
    assert is_harmless(good)
    for callback in EVIL:
        answer = await home.ask(request(f"{PATH}&callback={callback}"))
        assert is_harmless(answer), callback
        assert b"<script" not in answer.body  # type: ignore[union-attr] # is_harmless has looked
    assert is_harmless(await home.ask(request(PATH)))
    for twice in ("&callback=a&callback=b", "&callback=a&format=json", "&CALLBACK=alert(1)"):
        assert is_harmless(await home.ask(request(f"{PATH}{twice}")))


async def test_u01_no_callback_of_a_grammar_becomes_more_than_a_call(home: Estate) -> None:
    chance = dice("u01")
    parts = (
        "a",
        "_",
        "$",
        ".",
        "1",
        "(",
        ")",
        "//",
        "/*",
        "<",
        ">",
        "%0a",
        "%3c",
        "%27",
        "%22",
        "`",
        "%5c",
        "%u0041",
        "\\u0041",
        "=",
        "%26",
        "%E2%80%A9",
    )
    for _ in range(150):
        callback = "".join(chance.choice(parts) for _ in range(chance.randint(1, 8)))
        extra = chance.choice(
            ("", "&context=%3C/script%3E%3Cscript%3E", "&context=*/alert(1)/*", "&apiKey=%3Cscript%3E")
        )
        answer = await home.ask(request(f"{PATH}&callback={callback}{extra}"))
        assert is_harmless(answer), callback
        assert b"</script" not in answer.body or b"json" in answer.values("content-type")[0].encode()  # type: ignore[union-attr]


async def test_u01_no_script_is_answered_for_a_cookie(home: Estate) -> None:
    _, login = await home.signed_in("cat")
    mine = f"Cookie: glt_3_KEY={login}"
    plain = await home.ask(request(PATH.replace("format=jsonp", "format=json"), mine))
    assert plain is not None
    assert json.loads(plain.body)["UID"] == "cat"
    for fields in ((mine,), (mine, "Referer: https://evil.test/"), (mine, "Sec-Fetch-Site: cross-site")):
        answer = await home.ask(request(f"{PATH}&callback=steal", *fields))
        assert answer is not None
        assert b"cat" not in answer.body
        assert b'"errorCode": 403' in answer.body


async def test_u01_scripts_are_off_unless_somebody_wants_them() -> None:
    assert GigyaDialect().jsonp is False


@pytest.mark.parametrize("foreign", ["Sec-Fetch-Site: cross-site", "Origin: https://evil.test", "Origin: null"])
async def test_u03_what_a_foreign_page_makes_a_browser_send_does_nothing(home: Estate, foreign: str) -> None:
    _, login = await home.signed_in("ben" if "null" in foreign else "gus" if "Origin" in foreign else "hal")
    mine = f"Cookie: glt_3_KEY={login}"
    form = "Content-Type: application/x-www-form-urlencoded"
    for method, more in (
        ("accounts.logout", ""),
        ("accounts.setAccountInfo", "&profile=%7B%22firstName%22%3A%22evil%22%7D"),
        ("accounts.getJWT", ""),
        ("accounts.getAccountInfo", ""),
        ("accounts.tfa.deactivateProvider", "&provider=gigyaEmail"),
        ("accounts.tfa.unregisterDevice", ""),
    ):
        sends = request(f"/gigya/{method}", form, mine, foreign, method="POST", body=f"apiKey=3_KEY{more}".encode())
        answer = await home.ask(sends)
        assert answer is not None
        # Whoever is not logged in is told that they are logged out now.
        assert method == "accounts.logout" or json.loads(answer.body)["errorCode"] != 0, method
    assert (await home.gigya("accounts.getAccountInfo", login_token=login))["errorCode"] == 0


async def test_u03_a_plain_form_is_no_json_whatever_it_holds(home: Estate) -> None:
    token = await home.enrolled("u03")
    bodies = {
        "/multi-factor-auth-type-deactivate": {
            "data": {"type": "multi-factor-auth-type-deactivate", "attributes": {"type": "email"}}
        },
        "/mfa/challenges": {},
        "/mfa/factors": {"type": "totp"},
    }
    kinds = (
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "text/json",
        "application/jsonp",
        "text/plain;application/json",
    )
    for (path, body), kind in itertools.product(bodies.items(), kinds):
        answer = await home.post(path, body, token, f"Content-Type: {kind}")
        assert answer.status == 415, (path, kind)
        assert (await home.post(path, body, "", f"Content-Type: {kind}", f"Cookie: session={token}")).status in (
            401,
            403,
        )
    # A cookie is no credential of the gate or of its ceremonies.
    assert (await home.ask(request(EACH, f"Cookie: token={token}", bearer("")))).status in (401, 403)  # type: ignore[union-attr]
