"""Attacks on the question who says so: the rows H01 to H11 of the corpus, and beyond them a grammar of fields."""

import asyncio
import random
import re

import pytest

from tests.attacks.ground import Ground, Person, dice, get
from tests.e2e.front import bearer
from tests.e2e.wire import request

pytestmark = [pytest.mark.processes, pytest.mark.asyncio(loop_scope="session")]

OWNED = (
    "X-MFA-Verified", "X-MFA-User", "X-MFA-Method", "X-MFA-Age", "X-Forwarded-User", "X-User-Id", "X-Auth-Request-User",
    "Remote-User", "X-Remote-User", "X-Authentik-Username", "X-WebAuth-User", "X-Pomerium-Claim-Email",
    "X-Goog-Authenticated-User-Email", "X-MS-Client-Principal-Id", "X-Forwarded-Email", "X-Forwarded-Groups",
)  # fmt: skip
ALIASES = ("X_MFA_Verified", "X_Forwarded_User", "X.MFA.User", "X-MFA_Verified", "x.mfa-verified", "X~MFA~Verified",
           "X!Forwarded+User", "REMOTE_USER", "X'User'Id")  # fmt: skip
CHUNKED = "Transfer-Encoding: chunked"
PROTECTED = {"x-mfa-verified": ["true"], "x-mfa-method": ["email"]}


def home(person: Person) -> str:
    """The session in which the factor was shown."""
    return bearer(person.home)


async def test_h01_every_alias_of_a_field_of_ours_is_removed(field: Ground) -> None:
    for name in ALIASES:
        await field.passes(get("/public", f"{name}: true"))
        await field.passes(get("/protected", home(field.ada), f"{name}: root"))
        assert "root" not in {value for _, value in field.api.seen[-1].headers}
    field.sound(home(field.ada))


async def test_h02_nobody_says_who_calls_on_any_route(field: Ground) -> None:
    for name in OWNED:
        spoof = f"{name}: b"
        await field.passes(get("/public", spoof))
        await field.passes(get("/public", spoof, field.ada.bearer))
        await field.passes(get("/protected", spoof, home(field.ada)))
        assert all(value != "b" for seen in field.api.heads for _, value in seen.headers), name
        await field.api.renew()
        await field.denied(get("/protected", spoof), "002")
        await field.denied(get("/protected", spoof, field.ada.bearer))


LISTS = (
    ("Connection: close, X-MFA-User, authorization, host, x-forwarded-for, X-MFA-Verified, x-mfa-method, x-mfa-code",),
    ("Connection: close", "cOnNeCtIoN:\t AUTHORIZATION\t,\tX-Mfa-Verified", "connection: X-MFA-METHOD,Host"),
    ("Connection: x-mfa-verified, x_mfa_verified, X-Request-Id, , ,", "Connection: keep-alive,content-length"),
)


async def test_h03_a_client_cannot_have_fields_of_ours_removed(field: Ground) -> None:
    for lists in LISTS:
        await field.passes(get("/protected", home(field.ada), *lists))
        seen = field.api.seen[-1]
        assert seen.values("authorization") == [home(field.ada).partition(": ")[2]]
        assert {name: seen.values(name) for name in PROTECTED} == PROTECTED
        assert len(seen.values("x-forwarded-for")) == 1
        await field.api.renew()
        await field.denied(get("/protected", field.ada.bearer, *lists))
    bob = await field.person("bob")
    code = await field.code(bob)
    await field.passes(get("/protected", bob.bearer, LISTS[0][0], f"X-MFA-Code: {code}"))
    field.sound(home(field.ada), bob.bearer)
    assert code.encode() not in field.api.received


async def test_h04_of_two_copies_neither_is_tried(field: Ground) -> None:
    cyd = await field.person("cyd")
    code = await field.code(cyd)
    wrong = "000000" if code != "000000" else "000001"
    for first, second in ((wrong, code), (code, wrong), (code, code), ("", code)):
        await field.refused(get("/protected", cyd.bearer, f"X-MFA-Code: {first}", f"x-mfa-code: {second}"))
    for one, other in (
        (cyd.bearer, home(field.ada)),
        (home(field.ada), cyd.bearer),
        (home(field.ada), home(field.ada)),
    ):
        await field.refused(get("/protected", one, other))
    await field.denied(get("/protected", cyd.bearer, f"X-MFA-Code: {wrong}, {code}"), "5901")
    # At most one attempt was counted, and the code was not spent on any.
    await field.passes(get("/protected", cyd.bearer, f"X-MFA-Code: {code}"))
    field.sound(cyd.bearer)


async def test_h05_the_api_sees_one_copy_and_it_is_ours(field: Ground) -> None:
    for name in ("x-mfa-verified", "X-mfa-VERIFIED", "X-MFA-VERIFIED", "x-MFA-method", "X-Mfa-Age"):
        await field.passes(get("/protected", home(field.ada), f"{name}: b", f"{name.upper()}: c"))
        seen = field.api.seen[-1]
        assert {name: seen.values(name) for name in PROTECTED} == PROTECTED
        assert len(seen.values("x-mfa-age")) == 1
    field.sound(home(field.ada))


async def test_h06_no_field_is_a_way_past_the_gate(field: Ground) -> None:
    for spoof in (
        "User-Agent: kube-probe/1.30", "User-Agent: ELB-HealthChecker/2.0", "User-Agent: GoogleHC/1.0", "X-Internal: 1",
        "X-Health-Check: 1", "x-middleware-subrequest: middleware", "X-Forwarded-For: 127.0.0.1",
        "X-Real-IP: 127.0.0.1",
        "X-Debug: true", "Upgrade-Insecure-Requests: 1", "X-MFA-Bypass: 1", "Purpose: prefetch", "Sec-Fetch-Mode: cors",
    ):  # fmt: skip
        await field.denied(get("/protected", field.ada.bearer, spoof))
    for target in ("/healthz", "/readyz", "/metrics", "/_mfa/healthz", "/health"):
        await field.denied(get(target, field.ada.bearer, "User-Agent: kube-probe/1.30", host="closed.test"))


# --- H07: trailers -----------------------------------------------------------------------------


async def _in_chunks(field: Ground, target: str, *fields: str, trailers: tuple[str, ...], is_late: bool) -> int:
    head = request(target, CHUNKED, *fields, method="POST") + b"5\r\nhello\r\n"
    tail = "\r\n".join(["0", *trailers, "", ""]).encode()
    async with field.front.client() as client:
        if not is_late:
            return (await client.ask(head + tail)).status
        await client.send(head)
        await client.is_silent_for(0.1)
        try:
            return (await client.ask(tail)).status
        except (ConnectionError, asyncio.IncompleteReadError):
            return 0


@pytest.mark.parametrize("is_late", [False, True], ids=["one packet", "late"])
async def test_h07_trailers_reach_neither_the_gate_nor_the_api(field: Ground, is_late: bool) -> None:  # noqa: FBT001 - a row of the table
    dan = await field.person(f"dan-{is_late}")
    code = await field.code(dan)
    spoofs = ("X-MFA-Verified: true", f"X-MFA-Code: {code}", home(field.ada), "X-User-Id: b", "X-HTTP-Method: PUT")
    assert await _in_chunks(field, "/protected", dan.bearer, trailers=spoofs, is_late=is_late) in (0, 403)
    assert await _in_chunks(field, "/protected", trailers=spoofs, is_late=is_late) in (0, 403)
    field.unseen()
    assert await _in_chunks(field, "/public", trailers=spoofs, is_late=is_late) == 200
    assert await _in_chunks(field, "/protected", home(field.ada), trailers=spoofs, is_late=is_late) == 200
    field.sound(home(field.ada))
    assert [seen.body for seen in field.api.seen] == [b"hello", b"hello"]
    for secret in (code.encode(), b"X-User-Id", b"x-user-id"):
        assert secret not in field.api.received
    # The code was looked at by nobody.
    await field.passes(get("/protected", dan.bearer, f"X-MFA-Code: {code}"))


# --- Hosts, line ends, secrets -----------------------------------------------------------------

EVIL = ("X-Forwarded-Host: evil.test", "Forwarded: host=evil.test;proto=https", "X-Forwarded-Proto: gopher",
        "X-Forwarded-Server: evil.test", "X-Original-Host: evil.test", "X-Forwarded-Port: 666")  # fmt: skip
JSON = "Content-Type: application/vnd.api+json"
TRIGGER = b'{"data":{"type":"multi-factor-auth-trigger","attributes":{"type":"email"}}}'


async def test_h08_what_is_sent_to_people_is_not_made_of_fields(field: Ground) -> None:
    eve, mailbox = await field.person("eve"), field.installation.mailbox
    for host in ("gw.test", "evil.test"):
        sends = request("/multi-factor-auth-trigger", eve.bearer, JSON, *EVIL, method="POST", body=TRIGGER, host=host)
        answer = await field.say(sends)
        assert answer is not None
        assert answer.status in (204, 421)
        if answer.status == 204:
            await mailbox.code()
        assert b"evil" not in answer.body
        assert answer.values("location") == []
    assert not any("evil" in text for message in mailbox.messages for text in message)
    await field.passes(get("/public", *EVIL))
    seen = field.api.seen[-1]
    assert (seen.values("x-forwarded-host"), seen.values("x-forwarded-proto")) == (["gw.test"], ["http"])
    assert all("evil" not in value for _, value in seen.headers)


async def test_h10_no_line_end_gets_into_a_head(field: Ground) -> None:
    for target in (
        "/public/%0d%0aX-MFA-User:%20b",
        "/public%0aX",
        "/public\r\nX-MFA-User: b\r\n",
        "/%E5%98%8D%E5%98%8A",
    ):
        answer = await field.say(get(target))
        assert answer is None or answer.status == 400 or "%E5" in target
    for path in ("/multi-factor-auth-trigger", "/gigya/accounts.getJWT", "/mfa/factors", "/protected"):
        for text in ("a%0d%0aSet-Cookie:x=y", "a%0aSet-Cookie:x=y", "a\u560d\u560a", "%E5%98%8D%E5%98%8ASet-Cookie:x"):
            query = text.encode("utf-8").decode("latin-1")
            answer = await field.say(get(f"{path}?context={query}&apiKey=3_KEY&callback={query}", field.ada.bearer))
            assert answer is not None
            assert answer.values("set-cookie") == []
    await field.passes(get("/public?x=%0d%0aX-MFA-User:%20b"))
    assert field.api.seen[-1].target == "/public?x=%0d%0aX-MFA-User:%20b"
    field.sound()
    for raw in (
        b"X: a\rX-MFA-User: b",
        b"X: a\nX-MFA-User: b",
        b"X: a\x00b",
        b"X: a\r\n X-MFA-User: b",
        b"X : a",
        b": a",
    ):
        await field.api.renew()
        answer = await field.say(b"GET /public HTTP/1.1\r\nHost: gw.test\r\n" + raw + b"\r\n\r\n")
        assert answer is None or answer.status == 400, raw
        field.unseen()


async def test_h11_codes_and_tokens_go_where_they_belong_alone(field: Ground) -> None:
    fay = await field.person("fay")
    code = await field.code(fay)
    wrong = "999999" if code != "999999" else "999998"
    refused = await field.denied(get("/protected", fay.bearer, f"X-MFA-Code: {wrong}"), "5901")
    passed = await field.passes(get("/protected", fay.bearer, f"X-MFA-Code: {code}"))
    for secret in (code, wrong, fay.token):
        assert secret.encode() not in refused.body + passed.body
        assert secret not in field.installation.log
    assert b"x-mfa-code" not in field.api.received.lower()
    for secret in (code, wrong):
        assert secret.encode() not in field.api.received
    for _, subject, text in field.installation.mailbox.messages:
        assert fay.token not in subject + text
        assert code not in subject
    # On an open route a code is nobody's either.
    await field.passes(get("/public", f"X-MFA-Code: {code}", f"X_MFA_Code: {code}", f"X~MFA~Code: {code}"))
    assert code.encode() not in field.api.received


# --- Beyond the rows ---------------------------------------------------------------------------


def _disguised(chance: random.Random, name: str) -> str:
    """A name as some reader takes it for the same."""
    written = "".join(chance.choice((one.lower(), one.upper())) for one in name)
    return re.sub("-", lambda _: chance.choice("---_.~!+"), written)


async def test_h_no_field_in_any_disguise_speaks_for_the_gateway(field: Ground) -> None:
    """A grammar of owned names in disguise, lists in Connection, copies, empty and odd values."""
    chance = dice("H")
    values = ("true", "root", "", "\t", "a,b", "b" * 300, "\xe9", '"x"', "0", "/public", "PATCH", "gw.test")
    carriers = (field.ada.bearer, home(field.ada), "Authorization: Basic Yjpi", "Authorization: b", "X-MFA-Code: 1")

    def made() -> bytes:
        names = [_disguised(chance, chance.choice(OWNED)) for _ in range(chance.randrange(5))]
        fields = [f"{name}: {chance.choice(values)}" for name in names for _ in range(chance.choice((1, 1, 2)))]
        listed = [*names, "authorization", "x-mfa-verified", "host", "content-length", "X-MFA-Code", "close"]
        if chance.random() < 0.5:
            fields.append(f"Connection: {chance.choice((',', ', ', chr(9) + ','))}".join(chance.sample(listed, 3)))
        if chance.random() < 0.3:
            fields.append(f"Connection: {', '.join(chance.sample(listed, 2))}")
        fields += chance.sample(carriers, chance.choice((0, 1, 1, 1, 2)))
        chance.shuffle(fields)
        return get(chance.choice(("/public", "/protected", "/protected/x", "/%70rotected", "/feed")), *fields)

    # Of Ada's session in which a factor was shown, nothing may be left over for whoever comes next on its connection.
    ends = await field.barrage((made() for _ in range(900)), home(field.ada))
    assert min(ends["200"], ends["403"], ends["400"], ends["401"]) > 10, ends
