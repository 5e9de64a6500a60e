"""A Check: the same verdicts as everywhere, in the form that Envoy carries out."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mfa_gateway.core.account import Factor, Proof
from mfa_gateway.core.policy import Access, OnSuccess
from mfa_gateway.core.verdict import Reason
from mfa_gateway.dialects.wire import Asked, Reply
from mfa_gateway.doors.cors import Cors
from mfa_gateway.doors.ext_authz.check import Checker
from mfa_gateway.doors.ext_authz.wire import Denied, Described, Granted, write_answer
from tests.doors.ext_authz.envoy import Field, described, read
from tests.doors.gateways import GLUE, World
from tests.engine.fakes import ENROLLED, GOOD_CODE, policy, rule

BEARER = (b"authorization", b"Bearer A")
CODE = (b"x-mfa-code", GOOD_CODE.encode())
IN_GRACE = replace(ENROLLED, proofs=(Proof(Factor.EMAIL, 61_000),))


async def check(world: World, target: str = "/protected", *fields: Field, method: str = "GET") -> Granted | Denied:
    return await Checker(world.parts).check(described(target, *fields, method=method))


async def granted(world: World, target: str = "/protected", *fields: Field, method: str = "GET") -> Granted:
    answer = await check(world, target, *fields, method=method)
    assert isinstance(answer, Granted), answer
    return answer


async def denied(world: World, target: str = "/protected", *fields: Field, method: str = "GET") -> Denied:
    answer = await check(world, target, *fields, method=method)
    assert isinstance(answer, Denied), answer
    return answer


async def test_an_open_route_goes_on_as_it_is() -> None:
    assert await granted(World(), "/open", (b"x-other", b"1")) == Granted(headers=[], removed=[], answered=[])


async def test_whoever_shows_a_factor_goes_on_with_the_gateways_word_for_it() -> None:
    answer = await granted(World(), "/protected", BEARER, CODE, (b"x-mfa-verified", b"no"), (b"x-mfa-age", b"0"))
    assert answer.headers == [(b"x-mfa-verified", b"true"), (b"x-mfa-method", b"email")]
    assert answer.removed == [b"x-mfa-code"]


async def test_what_only_the_gateway_may_say_is_removed_in_every_spelling() -> None:
    spoofed = [b"x-mfa-verified", b"x_mfa_user", b"x.mfa.user", b"x-forwarded-uri", b"x-original-url", b"x-mfa-code"]
    answer = await granted(World(), "/open", *((name, b"1") for name in spoofed))
    assert (answer.headers, sorted(answer.removed)) == ([], sorted(spoofed))


async def test_other_credentials_are_removed_on_protected_routes() -> None:
    world = World()
    world.store.standing = IN_GRACE
    assert (await granted(world, "/protected", BEARER, (b"cookie", b"a=b"))).removed == [b"cookie"]
    assert (await granted(world, "/open", (b"cookie", b"a=b"))).removed == []


async def test_a_path_goes_on_in_the_form_that_was_judged() -> None:
    assert (await granted(World(), "/%6Fpen?a=%6F")).headers == [(b":path", b"/open?a=%6F")]


async def test_a_refusal_is_the_dialects() -> None:
    answer = await denied(World(policy(rule(dialect="glue"))), "/protected", BEARER)
    expected = GLUE.refuse(Reason.CODE_MISSING, Asked("GET", "/protected"))
    assert (answer.status, answer.body) == (403, expected.body)
    assert dict(answer.headers)[b"x-mfa-error-code"] == b"5900"
    assert b"content-length" not in dict(answer.headers)


async def test_a_target_with_two_readings_is_refused() -> None:
    assert (await denied(World(), "/open/../protected")).status == 400


async def test_a_large_upload_is_refused_without_words_about_its_connection() -> None:
    answer = await denied(World(), "/protected", BEARER, (b"content-length", b"9999999"), method="PUT")
    assert b"connection" not in dict(answer.headers)


@given(reason=st.sampled_from(Reason), status=st.integers(200, 599), dialect=st.sampled_from(["glue", "standard"]))
async def test_no_refusal_ever_has_a_status_below_400(reason: Reason, status: int, dialect: str) -> None:
    """Whatever a dialect says no with: some say it with 200."""

    class Meek:
        def refuse(self, reason: Reason, asked: Asked, *, retry_after_ms: int = 0) -> Reply:
            return replace(world.parts.fallback.refuse(reason, asked, retry_after_ms=retry_after_ms), status=status)

    world = World(policy(rule(Access.DENY, dialect=dialect)))
    meek = replace(world.parts, dialects={dialect: Meek()}, fallback=Meek())  # type: ignore[dict-item, arg-type] # enough of one
    for target in ("/protected", "/a//b"):
        answer = await Checker(meek).check(described(target))
        assert isinstance(answer, Denied)
        assert answer.status == (status if status >= 400 else 403)


async def test_ceremonies_and_what_is_the_gateways_own_are_elsewhere() -> None:
    world = World()
    for target in ("/multi-factor-auth-trigger", "/mfa/grace", "/mfa/challenges", "/_mfa/backchannel-logout"):
        assert (await denied(world, target, BEARER, method="POST")).status == 404
    assert world.commands.carried_out == []


async def test_a_true_preflight_is_answered_by_the_gateway() -> None:
    world = World(cors=Cors(frozenset({b"https://shop.test"})))
    preflight = ((b"origin", b"https://shop.test"), (b"access-control-request-method", b"GET"))
    answer = await denied(world, "/protected", *preflight, method="OPTIONS")
    assert answer.status == 204
    assert (b"access-control-allow-origin", b"https://shop.test") in answer.headers


async def test_a_refusal_can_be_read_by_a_listed_page() -> None:
    world = World(cors=Cors(frozenset({b"https://shop.test"})))
    answer = await denied(world, "/protected", (b"origin", b"https://shop.test"))
    assert (b"access-control-allow-origin", b"https://shop.test") in answer.headers


async def test_what_ends_on_success_ends_before_the_application_is_asked() -> None:
    world = World(policy(rule(on_success=OnSuccess.REVOKE)))
    world.store.standing = IN_GRACE
    await granted(world, "/protected", BEARER)
    assert world.store.trips == ["recall", "revoke"]


async def test_what_cannot_be_ended_is_not_begun() -> None:
    world = World(policy(rule(on_success=OnSuccess.REVOKE)))
    world.store.standing = IN_GRACE
    world.store.down = {"revoke"}
    assert (await denied(world, "/protected", BEARER)).status == 503


async def test_how_long_a_proof_lasts_is_told_with_the_answer() -> None:
    world = World(policy(rule(tells_grace=True, grace_ms=100_000)))
    world.store.standing = IN_GRACE
    assert (await granted(world, "/protected", BEARER)).answered == [(b"x-mfa-grace-remaining", b"39")]


@pytest.mark.parametrize("target", ["/protected", "//odd"])
async def test_a_request_is_called_what_envoy_calls_it(target: str) -> None:
    name = b"45a41f54-3c80-4eb7-9da7-630dfdc8bb46"
    answer = await denied(World(), target, (b"x-request-id", name))
    assert dict(answer.headers)[b"x-request-id"] == name
    other = await denied(World(), target, (b"x-request-id", b"what a client says"))
    assert dict(other.headers)[b"x-request-id"] != b"what a client says"


ANY = st.binary(max_size=24)
NAMES = st.sampled_from([
    b"authorization", b"x-mfa-code", b"upgrade", b"content-length", b"host", b"cookie", b"origin", b"x-request-id",
    b"sec-websocket-protocol", b"x-forwarded-for", b"accept", b":path", b"X_MFA_Verified", b"transfer-encoding",
])  # fmt: skip
VALUES = ANY | st.sampled_from([b"Bearer A", b"websocket", b"1", b"a,b", b"mfa.bearer.A", b"https://shop.test"])


@given(
    method=ANY | st.sampled_from([b"GET", b"OPTIONS", b"POST"]),
    target=ANY | st.sampled_from([b"/protected", b"/open", b"/%6Fpen", b"/mfa/grace", b"/_mfa/x"]),
    host=ANY | st.just(b"gw.test"),
    headers=st.lists(st.tuples(ANY | NAMES, VALUES), max_size=6),
    peer=st.text(max_size=12) | st.just("192.0.2.7"),
    joined=st.booleans(),
)
async def test_whatever_is_described_is_answered(
    *, method: bytes, target: bytes, host: bytes, headers: list[Field], peer: str, joined: bool
) -> None:
    world = World(cors=Cors(frozenset({b"https://shop.test"})))
    asked = Described(method, target, host, b"http", headers, peer, joined)
    answer = await Checker(world.parts).check(asked)
    if isinstance(answer, Granted):
        kept = {name.lower() for name, _ in headers} - {*answer.removed}
        assert not any(name.startswith((b"x-mfa-", b"x_mfa_")) for name in kept)
    assert read(write_answer(answer)).code == (0 if isinstance(answer, Granted) else 7)


# --- WebSockets ---

KNOCK = (b"upgrade", b"websocket")


async def test_a_handshake_is_judged_like_a_call() -> None:
    world = World()
    assert (await denied(world, "/protected", KNOCK)).status == 401
    world.store.standing = IN_GRACE
    assert dict((await granted(world, "/protected", KNOCK, BEARER)).headers)[b"x-mfa-verified"] == b"true"


async def test_a_handshake_of_a_foreign_page_is_refused() -> None:
    world = World()
    world.store.standing = IN_GRACE
    assert (await denied(world, "/protected", KNOCK, BEARER, (b"origin", b"https://evil.test"))).status == 403


async def test_a_token_among_the_sub_protocols_becomes_the_credential_and_goes_no_further() -> None:
    world = World()
    world.parts = replace(world.parts, token_subprotocols=frozenset({"mfa.bearer"}))
    world.store.standing = IN_GRACE
    alone = await granted(world, "/protected", KNOCK, (b"sec-websocket-protocol", b"mfa.bearer, mfa.bearer.A"))
    assert (b"authorization", b"Bearer A") in alone.headers
    assert alone.removed == [b"sec-websocket-protocol"]
    assert alone.offered == [(b"sec-websocket-protocol", b"mfa.bearer")]

    beside = await granted(world, "/protected", KNOCK, (b"sec-websocket-protocol", b"chat, mfa.bearer.A"))
    assert (b"sec-websocket-protocol", b"chat") in beside.headers


@pytest.mark.parametrize("target", ["/multi-factor-auth-trigger", "/_mfa/x"])
async def test_a_handshake_to_what_is_ours_is_not_found(target: str) -> None:
    assert (await denied(World(), target, KNOCK)).status == 404
