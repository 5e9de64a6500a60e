"""Attacks on the question which resource is meant: the rows P01 to P21 of the corpus, and beyond them a grammar."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import unquote

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route
from starlette.types import Message, Scope

from mfa_gateway import Gateway, MFAMiddleware, load_settings
from tests.attacks.ground import Ground, dice, get
from tests.attacks.targets import targets
from tests.attacks.witness import is_protected
from tests.e2e.wire import request

pytestmark = [pytest.mark.processes, pytest.mark.asyncio(loop_scope="session")]


async def test_p01_an_encoded_letter_is_the_letter(field: Ground) -> None:
    for target in ("/%70rotected", "/pro%74ected/x", "/%70%72%6F%74%65%63%74%65%64"):
        await field.denied(get(target, field.ada.bearer))


async def test_p02_dot_segments_are_refused(field: Ground) -> None:
    for target in ("/public/../protected", "/public/./../protected", "/./protected", "/protected/..", "/.", "/.."):
        await field.refused(get(target, field.ada.bearer))


async def test_p03_no_prefix_is_cut_from_another_reading(field: Ground) -> None:
    for target in ("/public/%2e%2e/protected", "/api/%2e%2e/protected", "/api/../protected", "/api/.%2e/protected"):
        await field.refused(get(target, field.ada.bearer))
    # `/api` is stripped: what is left is judged with it, and neither neighbour is taken for it.
    await field.denied(get("/api/protected", field.ada.bearer))
    for target, seen in (
        ("/api%2e/protected", "/api./protected"), ("/public../protected", "/public../protected"), ("/api/public",
                                                                                                   "/public"),
    ):  # fmt: skip
        await field.passes(get(target, field.ada.bearer))
        assert field.api.seen[-1].target == seen
    field.sound()


async def test_p04_an_encoded_separator_is_refused(field: Ground) -> None:
    for target in ("/protected%2fx", "/public%2f..%2fprotected", "/public%5c..%5cprotected", "/public\\..\\protected"):
        await field.refused(get(target, field.ada.bearer))


async def test_p06_doubled_slashes_are_refused_and_never_a_redirect(field: Ground) -> None:
    for target in ("//protected", "///protected", "/public//..//protected", "/protected//x", "//gw.test/protected"):
        answer = await field.refused(get(target, field.ada.bearer))
        assert answer is not None
        assert answer.values("location") == []


async def test_p07_a_prefix_ends_at_a_slash_or_at_the_end(field: Ground) -> None:
    await field.passes(get("/public/x", host="closed.test"))
    await field.api.renew()
    for target in ("/publicX", "/public..", "/public.", "/publi%20c", "/Public"):
        await field.denied(get(target, field.ada.bearer, host="closed.test"))
    await field.passes(get("/protectedX", field.ada.bearer))
    field.sound()


async def test_p08_path_parameters_are_refused(field: Ground) -> None:
    for target in ("/protected;v=1", "/public/..;/protected", "/protected/;x/y", "/protected%3bv=1", "/;/protected"):
        await field.refused(get(target, field.ada.bearer))


async def test_p09_a_fragment_is_refused_and_an_encoded_one_is_data(field: Ground) -> None:
    for target in ("/protected#x", "/public#/../protected", "/public#"):
        await field.refused(get(target, field.ada.bearer))
    await field.passes(get("/protected%23x", field.ada.bearer))
    assert field.api.seen[-1].target == "/protected%23x"
    await field.api.renew()
    await field.denied(get("/protected/%23x", field.ada.bearer))


async def test_p10_a_query_is_no_part_of_the_path(field: Ground) -> None:
    for target in ("/protected?x=/public", "/protected?/public", "/protected??", "/protected?", "/protected/?/../.."):
        await field.denied(get(target, field.ada.bearer))
    await field.refused(get("/protected%3f/public", field.ada.bearer))


async def test_p11_the_absolute_form_is_refused(field: Ground) -> None:
    for target in (
        "http://other.test/protected", "HTTP://other.test/protected", "http://u@h:9/..", "http://gw.test/public",
        "protected", "@gw.test/protected", "*", "http:/protected", "",
    ):  # fmt: skip
        await field.refused(get(target, field.ada.bearer))


async def test_p13_a_host_that_is_none_is_refused(field: Ground) -> None:
    for host in (
        "gw.test/public?z=",
        "gw.test/public#",
        "gw.test\\public",
        "gw.test?",
        "a@gw.test",
        "gw.test:80:80",
        "",
    ):
        await field.refused(get("/protected", field.ada.bearer, host=host))
        await field.refused(get("/public", host=host))


async def test_p14_control_characters_are_refused(field: Ground) -> None:
    for byte in (*range(0x20), 0x7F):
        for target in (f"/protected%{byte:02x}", f"/public%{byte:02X}/protected"):
            await field.refused(get(target, field.ada.bearer))
    for target in ("/protected%c2%85", "/protected\x01", "/prot\x7fected"):
        await field.refused(get(target, field.ada.bearer))


async def test_p15_what_cannot_be_decoded_is_refused(field: Ground) -> None:
    for target in ("/protected%00", "/protected%zz", "/%c0%afprotected", "/protected%ff", "/protected%", "/protected%2",
                   "/protected%u002f", "/%2570rotected", "/protected%ed%a0%80"):  # fmt: skip
        await field.refused(get(target, field.ada.bearer))


async def test_p17_case_is_exact_in_every_form_and_a_final_slash_counts_for_nothing(field: Ground) -> None:
    for target in ("/protected/", "/%70rotected/"):
        await field.denied(get(target, field.ada.bearer))
    for target in ("/protected/.", "/protected%20", "/%20protected", "/protected%20/x", "/protected%C2%A0"):
        await field.refused(get(target, field.ada.bearer))
    for target in ("/PROTECTED", "/%50ROTECTED", "/%EF%BD%90rotected", "/protecte%C5%BF"):
        await field.passes(get(target, field.ada.bearer))
    field.sound()
    await field.api.renew()
    # Where everything is closed, nothing of this is a way out.
    for target in ("/PUBLIC", "/%50ublic", "/%EF%BD%90ublic", "/publi%E2%85%BD"):
        await field.denied(get(target, field.ada.bearer, host="closed.test"))


async def test_p18_the_most_specific_rule_wins_whatever_a_segment_holds(field: Ground) -> None:
    await field.passes(get("/customers/1", field.ada.bearer))
    await field.api.renew()
    for target in ("/customers/1/password", "/customers/%31/p%61ssword", "/customers/password/password/"):
        await field.denied(get(target, field.ada.bearer))
    await field.refused(get("/customers/1%2fpassword", field.ada.bearer))


REWRITING = ("X-Forwarded-Uri", "X-Original-URL", "X-Rewrite-URL", "X-Original-URI", "X-Forwarded-Prefix",
             "X_Original_URL",
             "X-Forwarded-Path", "x.rewrite.url")  # fmt: skip


async def test_p19_no_field_says_which_path_is_meant(field: Ground) -> None:
    for name in REWRITING:
        await field.denied(get("/protected", field.ada.bearer, f"{name}: /public"))
    for name in REWRITING:
        await field.passes(get("/public", field.ada.bearer, f"{name}: /protected"))
        assert all("protected" not in value for _, value in field.api.seen[-1].headers)
    field.sound()


async def test_p20_a_host_is_the_same_host_however_it_is_written(field: Ground) -> None:
    for host in ("a.gw.test", "A.GW.TEST", "a.gw.test.", "a.gw.test:80", "A.gw.test.:8080", "a.gw.test:"):
        await field.denied(get("/hosted", field.ada.bearer, host=host))
    await field.passes(get("/hosted", field.ada.bearer))
    await field.api.renew()
    for host in ("b.gw.test", "gw.test.evil.test", "evil.test", "[::1]", "a.gw.test.."):
        await field.refused(get("/hosted", field.ada.bearer, host=host), 421, 400)


# --- P21: mounted ------------------------------------------------------------------------------


async def _handler(_: Request) -> PlainTextResponse:
    return PlainTextResponse("handled")


@asynccontextmanager
async def _mounted(field: Ground) -> AsyncIterator[Starlette]:
    """Somebody's application with our middleware, mounted below `/api` in a larger one."""
    gateway = Gateway(load_settings(field.installation.config, environ={}), runs_store=False)
    inner = Starlette(routes=[Route("/{rest:path}", _handler)])
    inner.add_middleware(MFAMiddleware, gateway=gateway)
    await gateway.start()
    try:
        yield Starlette(routes=[Mount("/api", app=inner)])
    finally:
        await gateway.stop()


async def _status(app: Starlette, target: str, authorization: str) -> int:
    """What it answers, asked as uvicorn asks: the raw path, and the path decoded once."""
    statuses: list[int] = []

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    path, _, query = target.partition("?")
    scope: Scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET", "scheme": "http",
        "path": unquote(path), "raw_path": path.encode("ascii"), "root_path": "", "query_string": query.encode("ascii"),
        "headers": [(b"host", b"gw.test"), (b"authorization", authorization.encode("ascii"))],
        "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 80),
    }  # fmt: skip
    await app(scope, receive, send)
    return statuses[0]


async def test_p21_mounted_and_alone_agree(field: Ground) -> None:
    async with _mounted(field) as app:
        for target, expected in (
            ("/api/protected", 403), ("/api//protected", 400), ("/api/public/../protected", 400), ("/api/x", 200),
            ("/api/%70rotected?x", 403), ("/api/public%2f..%2fprotected", 400), ("/api/protectedX", 200),
        ):  # fmt: skip
            alone = await field.say(get(target, field.ada.bearer))
            assert alone is not None
            mounted = await _status(app, target, field.ada.bearer.partition(": ")[2])
            assert (target, alone.status, mounted) == (target, expected, expected)
    field.sound()


# --- Beyond the rows ---------------------------------------------------------------------------


async def test_p_no_way_to_write_a_target_reaches_a_protected_path(field: Ground) -> None:
    """A grammar of encodings, separators, dots, ends and forms."""
    made = list(targets(dice("P"), 1500))
    assert sum(map(is_protected, made)) > 500
    ends = await field.barrage(get(target, field.ada.bearer) for target in made)
    # The test would prove nothing if everything was refused alike.
    assert min(ends["200"], ends["400"], ends["403"]) > 100, ends


async def test_p_where_odd_paths_are_taken_every_reading_is_judged(field: Ground) -> None:
    made = [f"/odd{target}" for target in targets(dice("odd"), 300) if target.startswith("/")]
    await field.barrage(request(target, field.ada.bearer) for target in made)
