"""Door 3: a question of any proxy is judged like the call itself, and answered so that no proxy can mistake it."""

import json
from dataclasses import replace
from ipaddress import ip_network
from typing import Any, Final

import pytest
from structlog.testing import capture_logs

from mfa_gateway.core.call import Call
from mfa_gateway.core.credential import CarrierAction, OtherCredentials
from mfa_gateway.core.policy import Access, Enforcement, OnSuccess
from mfa_gateway.core.verdict import Reason, Refuse, Verdict
from mfa_gateway.doors.cors import Cors
from mfa_gateway.doors.peers import PeerHeader, TrustedProxies
from tests.doors.forward_auth.asking import FORWARDED, PROXIES, REMOVING, TRUSTED, ask, code, question, rebuilt, world
from tests.doors.scopes import BEARER, Exchange, play, scope
from tests.engine.fakes import GOOD_CODE, policy, rule

CODE: Final = (b"x-mfa-code", GOOD_CODE.encode())
every_proxy = pytest.mark.parametrize("name", PROXIES)
OVERWRITING: Final = [name for name in PROXIES if name not in REMOVING]
HANDSHAKE: Final = (
    (b"sec-websocket-key", b"dGhlIHNhbXBsZSBub25jZQ=="),
    (b"sec-websocket-version", b"13"),
)


class Keeping:
    """A judge that keeps what it is asked about."""

    def __init__(self) -> None:
        self.calls: list[Call] = []

    async def judge(self, call: Call) -> Verdict:
        return self.begin(call)

    def begin(self, call: Call) -> Verdict:
        self.calls.append(call)
        return Refuse(Reason.DENIED)


def removed(exchange: Exchange, name: str) -> list[bytes]:
    """What a proxy is told to take off."""
    (names,) = exchange.values(REMOVING[name])
    return names.split(b",")


# --- The verdict ------------------------------------------------------------------------------


@every_proxy
async def test_an_open_route_is_allowed_and_nothing_is_said_to_the_application(name: str) -> None:
    exchange = await ask(world(), name, "/public")
    assert exchange.status == 200
    assert exchange.values(b"x-mfa-verified") == []
    assert exchange.values(b"cache-control") == [b"no-store"]


@every_proxy
async def test_a_protected_route_without_a_code_is_refused_with_the_reason_in_the_header(name: str) -> None:
    exchange = await ask(world(), name, "/protected", BEARER)
    assert (exchange.status, code(exchange)) == (401, "code_missing")
    assert len(exchange.values(b"www-authenticate")) == 1
    assert json.loads(exchange.body)["code"] == "code_missing"


@every_proxy
async def test_a_good_code_is_allowed_and_told_to_the_application(name: str) -> None:
    exchange = await ask(world(), name, "/protected", BEARER, CODE)
    assert exchange.status == 200
    told = [exchange.values(field) for field in (b"x-mfa-verified", b"x-mfa-method", b"x-mfa-age")]
    assert told == [[b"true"], [b"email"], [b"0"]]
    assert len(exchange.values(b"x-request-id")) == 1


@every_proxy
async def test_the_method_that_counts_is_that_of_the_client(name: str) -> None:
    asked = world(policy(replace(rule(), methods=frozenset({"PATCH"}))))
    assert (await ask(asked, name, "/protected", BEARER, method="PATCH")).status == 401
    assert (await ask(asked, name, "/protected", BEARER, method="POST")).status == 200


@every_proxy
async def test_the_host_that_counts_is_that_of_the_client(name: str) -> None:
    asked = world(policy(replace(rule(), hosts=frozenset({"gw.test"}))))
    assert code(await ask(asked, name, "/protected", BEARER, host="GW.test:8443")) == "code_missing"
    assert code(await ask(asked, name, "/public", host="other.test")) == "misdirected"


@every_proxy
@pytest.mark.parametrize("target", ["/public/../protected", "//protected", "/protected%2fx", "/a;b", "/x%00", "/x#y"])
async def test_a_target_with_two_readings_is_refused(name: str, target: str) -> None:
    exchange = await ask(world(), name, target)
    assert (exchange.status, code(exchange)) == (403 if name == "nginx" else 400, "ambiguous_request")


@every_proxy
@pytest.mark.parametrize(
    "fields",
    [
        [BEARER, (b"authorization", b"Bearer B")],
        [BEARER, CODE, CODE],
        [BEARER, (b"x-mfa-code", b"000000"), CODE],
    ],
)
async def test_two_of_what_there_may_be_one_of_are_refused(name: str, fields: list[tuple[bytes, bytes]]) -> None:
    assert code(await ask(world(), name, "/protected", *fields)) == "ambiguous_request"


@every_proxy
async def test_a_credential_in_the_query_is_refused(name: str) -> None:
    exchange = await ask(world(), name, "/protected?access_token=B", BEARER, CODE)
    assert code(exchange) == "credential_in_query"


@every_proxy
async def test_a_refusal_is_in_the_dialect_of_the_rule(name: str) -> None:
    exchange = await ask(world(policy(rule(dialect="glue"))), name, "/protected", BEARER)
    assert (exchange.status, code(exchange)) == (403, "5900")


@every_proxy
async def test_a_reason_without_a_code_in_its_dialect_is_in_the_header_all_the_same(name: str) -> None:
    asked = world(policy(rule(Access.DENY, dialect="glue")))
    assert code(await ask(asked, name, "/protected", BEARER)) == "denied"


@every_proxy
@pytest.mark.parametrize(
    "target", ["/multi-factor-auth-types", "/mfa/factors", "/_mfa/forward-auth/nginx", "/_mfa/else", "/%5Fmfa/x"]
)
async def test_a_path_of_ours_is_never_let_through_to_the_application(name: str, target: str) -> None:
    exchange = await ask(world(), name, target, BEARER, CODE)
    assert code(exchange) == "not_found"


@every_proxy
async def test_what_is_judged_is_the_call_of_the_client_and_nothing_of_the_question(name: str) -> None:
    judge = Keeping()
    asked = rebuilt(world(), judge=judge)
    fields = ((b"x-forwarded-for", b"198.51.100.9"), (b"x-request-id", b"request-1"), (b"accept", b"text/plain"))
    await ask(asked, name, "/%70rotected/a?b=c", BEARER, CODE, *fields, method="PUT", host="Shop.test:8443")
    (call,) = judge.calls
    assert (call.method, str(call.path), call.query, call.host) == ("PUT", "/protected/a", b"b=c", "shop.test")
    assert (call.client, call.peer, call.request_id) == ("198.51.100.9", "192.0.2.7", "request-1")
    assert (call.authorization, call.code) == ("Bearer A", GOOD_CODE)
    kept = {b"host", b"authorization", b"x-mfa-code", b"x-forwarded-for", b"x-request-id", b"accept"}
    assert {field for field, _ in call.headers} == kept


# --- Who may ask ------------------------------------------------------------------------------


@every_proxy
@pytest.mark.parametrize("trusted", [(), (ip_network("10.0.0.0/8"),)])
async def test_who_is_no_trusted_proxy_is_refused_and_told_in_the_log_what_to_configure(
    name: str, trusted: Any
) -> None:
    with capture_logs() as lines:
        exchange = await ask(world(trusted=trusted), name, "/public")
    assert (exchange.status, code(exchange)) == (403, "denied")
    (line,) = lines
    assert line["log_level"] == "warning"
    assert "192.0.2.7 is not in trusted_proxies" in line["why"]


async def test_a_peer_without_an_address_is_refused() -> None:
    asked = world()
    exchange = await play(asked.app, question("traefik", "/public", client=None))
    assert exchange.status == 403


async def test_an_endpoint_of_no_proxy_is_not_found() -> None:
    exchange = await play(world().app, scope("/_mfa/forward-auth/apache"))
    assert exchange.status == 404


# --- What must not go on ----------------------------------------------------------------------

SPOOFS: Final = (
    (b"x-mfa-verified", b"true"),
    (b"x_mfa_verified", b"true"),
    (b"x.mfa.verified", b"true"),
    (b"x-mfa_age", b"0"),
    (b"x-http-method-override", b"PATCH"),
    (b"x-rewrite-url", b"/public"),
    (b"remote-user", b"root"),
    (b"x-auth-request-user", b"root"),
)


@pytest.mark.parametrize("spoof", SPOOFS)
@pytest.mark.parametrize("name", OVERWRITING)
async def test_what_only_we_may_say_is_refused_where_the_proxy_would_hand_it_on(
    name: str, spoof: tuple[bytes, bytes]
) -> None:
    with capture_logs() as lines:
        exchange = await ask(world(), name, "/public", spoof)
    assert code(exchange) == "ambiguous_request"
    assert spoof[0].decode() in lines[0]["why"]


@pytest.mark.parametrize("spoof", SPOOFS)
@pytest.mark.parametrize("name", REMOVING)
async def test_what_only_we_may_say_is_taken_off_where_the_proxy_can(name: str, spoof: tuple[bytes, bytes]) -> None:
    exchange = await ask(world(), name, "/public", spoof)
    assert exchange.status == 200
    assert spoof[0] in removed(exchange, name)


@pytest.mark.parametrize("name", REMOVING)
async def test_what_we_say_ourselves_is_not_taken_off_again(name: str) -> None:
    exchange = await ask(world(), name, "/protected", BEARER, CODE, (b"x-mfa-verified", b"no"))
    assert exchange.values(b"x-mfa-verified") == [b"true"]
    assert b"x-mfa-code" in removed(exchange, name)
    assert b"x-mfa-verified" not in removed(exchange, name)


@pytest.mark.parametrize("name", FORWARDED)
@pytest.mark.parametrize("target", ["/public", "/protected"])
async def test_other_words_of_other_proxies_change_nothing(name: str, target: str) -> None:
    plain = await ask(world(), name, target, BEARER)
    spoofed = await ask(world(), name, target, BEARER, (b"forwarded", b"host=other.test"), (b"x-real-ip", b"10.0.0.1"))
    assert plain.status == spoofed.status


@pytest.mark.parametrize("name", OVERWRITING)
async def test_another_credential_goes_on_where_we_hand_it_back(name: str) -> None:
    cookies = ((b"cookie", b"a=1"), (b"cookie", b"b=2"), (b"x-api-key", b"k"))
    on_open = await ask(world(), name, "/public", *cookies)
    assert (on_open.values(b"cookie"), on_open.values(b"x-api-key")) == ([b"a=1; b=2"], [b"k"])
    on_protected = await ask(world(), name, "/protected", BEARER, CODE, *cookies)
    assert on_protected.status == 200
    assert (on_protected.values(b"cookie"), on_protected.values(b"x-api-key")) == ([], [])


@pytest.mark.parametrize("name", REMOVING)
async def test_another_credential_is_taken_off_by_name(name: str) -> None:
    fields = ((b"cookie", b"a=1"), (b"x_api_key", b"k"))
    assert b"cookie" not in removed(await ask(world(), name, "/public", *fields), name)
    exchange = await ask(world(), name, "/protected", BEARER, CODE, *fields)
    assert {b"cookie", b"x_api_key"} <= set(removed(exchange, name))


@pytest.mark.parametrize("name", OVERWRITING)
async def test_what_a_proxy_does_not_say_that_it_overwrites_is_refused_on_protected_routes(name: str) -> None:
    cookie = (b"cookie", b"a=1")
    assert code(await ask(world(), name, "/protected", BEARER, CODE, cookie, overwrites="")) == "two_credentials"
    assert (await ask(world(), name, "/public", cookie, overwrites="")).status == 200
    own = OtherCredentials(headers=frozenset({b"x-own-session"}))
    exchange = await ask(
        world(others=own),
        name,
        "/protected",
        BEARER,
        CODE,
        (b"x-own-session", b"k"),
        overwrites="?overwrites=x-own-session",
    )
    assert (exchange.status, exchange.values(b"x-own-session")) == (200, [])


@pytest.mark.parametrize("name", OVERWRITING)
async def test_a_code_is_never_handed_back(name: str) -> None:
    exchange = await ask(world(), name, "/public", CODE, overwrites="?overwrites=x-mfa-code,authorization")
    assert (exchange.status, exchange.values(b"x-mfa-code")) == (200, [])


@pytest.mark.parametrize("name", OVERWRITING)
async def test_what_only_we_may_say_can_be_overwritten_as_well(name: str) -> None:
    spoof = (b"x-http-method-override", b"PATCH")
    exchange = await ask(world(), name, "/public", spoof, overwrites="?overwrites=X-HTTP-Method-Override")
    assert (exchange.status, exchange.values(spoof[0])) == (200, [])


@pytest.mark.parametrize("carrier", [b"x_api_key", b"x-own-session"])
@pytest.mark.parametrize("name", OVERWRITING)
async def test_a_credential_that_no_recipe_overwrites_is_refused_on_protected_routes(name: str, carrier: bytes) -> None:
    others = OtherCredentials(headers=frozenset({b"x-api-key", b"x-own-session"}))
    exchange = await ask(world(others=others), name, "/protected", BEARER, CODE, (carrier, b"k"))
    assert code(exchange) == "two_credentials"
    assert (await ask(world(others=others), name, "/public", (carrier, b"k"))).status == 200


@every_proxy
async def test_another_credential_is_refused_or_goes_on_as_the_configuration_says(name: str) -> None:
    refusing = world(others=OtherCredentials(on_header=CarrierAction.REFUSE))
    assert (await ask(refusing, name, "/protected", BEARER, CODE, (b"cookie", b"a=1"))).status != 200
    forwarding = world(others=OtherCredentials(on_header=CarrierAction.FORWARD))
    exchange = await ask(forwarding, name, "/protected", BEARER, CODE, (b"cookie", b"a=1"))
    assert exchange.status == 200
    if name in REMOVING:
        assert b"cookie" not in removed(exchange, name)
    else:
        assert exchange.values(b"cookie") == [b"a=1"]


@every_proxy
async def test_a_shadow_rule_takes_nothing_off(name: str) -> None:
    asked = world(policy(rule(enforcement=Enforcement.SHADOW)))
    exchange = await ask(asked, name, "/protected", (b"cookie", b"a=1"))
    assert exchange.status == 200
    assert exchange.values(b"cookie") == ([] if name in REMOVING else [b"a=1"])


TOLD: Final = (b"x-forwarded-user", b"ada")


@every_proxy
async def test_what_a_listed_peer_says_of_the_caller_goes_on_as_it_is(name: str) -> None:
    asked = rebuilt(world(), told=PeerHeader(b"X-Forwarded-User", TrustedProxies(TRUSTED)))
    exchange = await ask(asked, name, "/public", TOLD)
    assert exchange.status == 200
    if name in REMOVING:
        assert TOLD[0] not in removed(exchange, name)


@every_proxy
@pytest.mark.parametrize("fields", [[TOLD, (b"x_forwarded_user", b"eve")], [TOLD, TOLD]])
async def test_what_somebody_else_says_of_the_caller_does_not(name: str, fields: list[tuple[bytes, bytes]]) -> None:
    asked = rebuilt(world(), told=PeerHeader(b"X-Forwarded-User", TrustedProxies(TRUSTED)))
    exchange = await ask(asked, name, "/public", *fields)
    if name in REMOVING:
        assert {field for field, _ in fields} <= set(removed(exchange, name))
    else:
        assert code(exchange) == "ambiguous_request"


# --- What an answer of the application would have done ----------------------------------------


@every_proxy
async def test_what_a_good_answer_ends_is_ended_when_the_call_is_let_through(name: str) -> None:
    asked = world(policy(rule(on_success=OnSuccess.REVOKE)))
    assert (await ask(asked, name, "/protected", BEARER, CODE)).status == 200
    assert asked.store.trips[-1] == "revoke"


@every_proxy
async def test_what_cannot_be_ended_is_not_let_through(name: str) -> None:
    asked = world(policy(rule(on_success=OnSuccess.REVOKE)))
    asked.store.down = {"revoke"}
    exchange = await ask(asked, name, "/protected", BEARER, CODE)
    assert code(exchange) == "store_unavailable"


# --- Browsers ---------------------------------------------------------------------------------

PAGE: Final = (b"origin", b"https://shop.test")


@every_proxy
async def test_a_preflight_is_judged_like_any_other_call(name: str) -> None:
    asked = world(cors=Cors(frozenset({b"https://shop.test"})))
    preflight = (PAGE, (b"access-control-request-method", b"PATCH"))
    assert code(await ask(asked, name, "/protected", *preflight, method="OPTIONS")) == "token_missing"
    assert (await ask(asked, name, "/public", *preflight, method="OPTIONS")).status == 200


@every_proxy
async def test_a_refusal_is_readable_for_listed_pages(name: str) -> None:
    asked = world(cors=Cors(frozenset({b"https://shop.test"})))
    exchange = await ask(asked, name, "/protected", BEARER, PAGE)
    assert exchange.values(b"access-control-allow-origin") == [b"https://shop.test"]


@every_proxy
async def test_a_handshake_of_a_foreign_page_is_refused(name: str) -> None:
    assert (await ask(world(), name, "/protected", BEARER, CODE, PAGE, *HANDSHAKE)).status == 403
    own = (b"origin", b"http://gw.test")
    assert (await ask(world(), name, "/protected", BEARER, CODE, own, *HANDSHAKE)).status == 200


@every_proxy
async def test_a_token_among_the_sub_protocols_is_refused(name: str) -> None:
    asked = rebuilt(world(), token_subprotocols=frozenset({"mfa.bearer"}))
    offer = (b"sec-websocket-protocol", b"mfa.bearer.A")
    assert code(await ask(asked, name, "/protected", offer, CODE, *HANDSHAKE)) == "ambiguous_request"
    other = (b"sec-websocket-protocol", b"chat")
    assert (await ask(asked, name, "/protected", BEARER, other, CODE, *HANDSHAKE)).status == 200


@pytest.mark.parametrize("target", ["/public", "/protected"])
async def test_a_question_that_is_a_handshake_itself_is_answered_in_http(target: str) -> None:
    asked = world()
    asking = question("caddy", target, *HANDSHAKE, type="websocket", extensions={"websocket.http.response": {}})
    exchange = await play(asked.app, asking)
    assert exchange.sent[0]["type"] == "websocket.http.response.start"
    assert exchange.status == (200 if target == "/public" else 401)


async def test_a_question_that_is_a_handshake_is_closed_where_it_cannot_be_answered() -> None:
    exchange = await play(world().app, question("caddy", "/public", *HANDSHAKE, type="websocket"))
    assert exchange.sent == [{"type": "websocket.close", "code": 1008}]
