"""Attacks on the question which method is meant: the rows M01 to M07 of the corpus, and beyond them a grammar."""

import pytest

from tests.attacks.ground import Ground, dice
from tests.e2e.wire import exchanged, request, statuses

pytestmark = [pytest.mark.processes, pytest.mark.asyncio(loop_scope="session")]

OVERRIDES = ("X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override", "X_HTTP_Method_Override",
             "x.method.override",
             "X~HTTP~Method~Override")  # fmt: skip
FORM = "Content-Type: application/x-www-form-urlencoded"
HANDSHAKE = (
    "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
)  # fmt: skip
PAGE = "Origin: https://shop.test"
WANTED = "Access-Control-Request-Method: PATCH"


async def test_m01_no_field_says_which_method_is_meant(field: Ground) -> None:
    for name in OVERRIDES:
        await field.passes(request("/patched", field.ada.bearer, f"{name}: PATCH", method="POST"))
        assert all("PATCH" not in value for _, value in field.api.seen[-1].headers)
        await field.api.renew()
        await field.denied(request("/patched", field.ada.bearer, f"{name}: POST", method="PATCH"))
        await field.denied(request("/protected", field.ada.bearer, f"{name}: OPTIONS", method="POST"))
    field.sound()


async def test_m02_a_method_in_the_query_or_the_body_changes_nothing_here(field: Ground) -> None:
    """Which method an API takes from a body it alone knows: a rule without methods covers whatever that is."""
    for target, body in (("/protected?_method=PATCH", b""), ("/protected", b"_method=DELETE"),
                         ("/protected?_METHOD=options", b"_method=<script>")):  # fmt: skip
        await field.denied(request(target, field.ada.bearer, FORM, method="POST", body=body))
    types = "/multi-factor-auth-types"
    for target, method in ((f"{types}?_method=GET", "POST"), (f"{types}?_method=<script>", "PATCH")):
        answer = await field.refused(request(target.replace("<", "%3C"), field.ada.bearer, method=method), 405)
        assert answer is not None
        assert b"script" not in answer.body


async def test_m03_a_rule_for_get_covers_head(field: Ground) -> None:
    await field.denied(request("/read", field.ada.bearer))
    await field.denied(request("/read", field.ada.bearer, method="HEAD"))
    await field.denied(request("/r%65ad/", field.ada.bearer, method="HEAD"))


async def test_m04_only_a_true_preflight_passes_and_the_gateway_answers_it(field: Ground) -> None:
    for fields in (
        (),
        (PAGE,),
        (WANTED,),
        ("Origin: https://evil.test", WANTED),
        (PAGE, WANTED, PAGE),
        ("Origin: null",),
    ):
        answer = await field.say(request("/protected", field.ada.bearer, *fields, method="OPTIONS"))
        assert answer is not None
        assert answer.status in (400, 403), fields
        field.unseen()
    true = await field.say(request("/protected", PAGE, WANTED, method="OPTIONS"))
    assert true is not None
    assert (true.status, true.values("access-control-allow-origin")) == (204, ["https://shop.test"])
    field.unseen()
    # HEAD with the fields of a preflight is a HEAD.
    await field.denied(request("/protected", field.ada.bearer, PAGE, WANTED, method="HEAD"))


async def test_m05_an_odd_method_is_no_method(field: Ground) -> None:
    for method in ("patch", "PaTcH", "gET", "FOO", "G@T", "GET,POST", "", "M-SEARCH", "TRACE", "CONNECT", "PROPFIND"):
        answer = await field.say(request("/protected", field.ada.bearer, method=method))
        assert answer is not None
        assert answer.status in (400, 403, 405), method
        field.unseen()
    await field.refused(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
    await field.refused(request("*", method="OPTIONS"))
    await field.refused(b"CONNECT protected:80 HTTP/1.1\r\nHost: protected:80\r\n\r\n", 400, 405)


async def test_m07_a_websocket_is_judged_before_it_is_one(field: Ground) -> None:
    for target in ("/protected", "/protected/x", "/%70rotected", "/feed"):
        answers = await exchanged(field.front.port, request(target, field.ada.bearer, *HANDSHAKE, "Connection: close"))
        assert statuses(answers)[0] in (400, 403)
        answer = await field.say(request(target, field.ada.bearer, *HANDSHAKE))
        assert answer is not None
        assert (answer.status, b'"5900"' in answer.body) == (403, True)
    field.unseen()


# --- Beyond the rows ---------------------------------------------------------------------------

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "patch", "Get", "PROPFIND", "REPORT", "SEARCH",
           "LINK", "PURGE", "TRACE", "CONNECT", "FOO")  # fmt: skip
PATHS = ("/protected", "/protected/x", "/patched", "/read", "/feed", "/customers/7/password")


async def test_m_no_method_in_any_disguise_reaches_what_is_protected(field: Ground) -> None:
    """A grammar of methods, fields that name others, preflights and upgrades."""
    chance = dice("M")

    def made() -> bytes:
        method, target = chance.choice(METHODS), chance.choice(PATHS)
        fields = [f"{name}: {chance.choice(METHODS)}" for name in OVERRIDES if chance.random() < 0.2]
        fields += [one for one in (PAGE, WANTED, FORM, "Origin: https://evil.test") if chance.random() < 0.3]
        fields += [chance.choice((field.ada.bearer, bearer_in_capitals(field)))] if chance.random() < 0.8 else []
        fields += HANDSHAKE if chance.random() < 0.1 else []
        body = chance.choice((b"", b"", b"_method=PATCH", b'{"_method":"PATCH"}'))
        target += chance.choice(("", "", "?_method=PATCH", "?_method=GET&X-HTTP-Method-Override=GET"))
        chance.shuffle(fields)
        return request(target, *fields, method=method, body=body)

    ends = await field.barrage(made() for _ in range(600))
    assert min(ends["200"], ends["403"], ends["400"]) > 10, ends


def bearer_in_capitals(field: Ground) -> str:
    """The scheme has no case (RFC 9110 section 11.1), and its name neither."""
    return field.ada.bearer.replace("Authorization: Bearer", "AUTHORIZATION: bEARER")
