"""The table of calls that go through every door: what is sent, what becomes of it, and where a door differs.

What stays out: how a row is written (rows), and who sends it (parity).
"""

from collections.abc import Iterator
from dataclasses import replace

from tests.e2e.rows import (
    CADDY,
    ENVOY,
    EVERY_PROXY,
    HAPROXY,
    HOST,
    NGINX,
    TRAEFIK,
    VERIFIED,
    Row,
    Who,
    but,
    passes,
    refused,
)
from tests.e2e.spoofs import spoofs
from tests.e2e.targets import hosts, targets

RULES = f"""
trusted_proxies: [127.0.0.1]
access_control:
  default_policy: open
  rules:
    - {{name: open, hosts: [{HOST}], paths: [/open], policy: open}}
    - {{name: standard, paths: ["/protected/**"], policy: mfa, dialect: standard}}
    - {{name: glue, methods: [PATCH], paths: ["/customer-password/{{id}}"], policy: mfa, dialect: glue}}
    - {{name: none, paths: ["/internal/**"], policy: deny, dialect: standard}}
    - {{name: each-time, paths: [/transfer], policy: mfa, grace: 0s, dialect: standard}}
    - {{name: whoever-has-one, paths: [/optional], policy: mfa, require: if_enrolled, dialect: standard}}
    - {{name: shadow, paths: [/shadow], policy: mfa, enforce: false, dialect: standard}}
    - {{name: reading, methods: [GET], paths: [/read-only], policy: mfa, dialect: standard}}
    - {{name: leave, methods: [POST], paths: [/leave], policy: open, on_success: close_window, dialect: standard}}
"""


# --- Methods and credentials ------------------------------------------------------------------

_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


def _methods() -> Iterator[Row]:
    for method in _METHODS:
        yield passes(f"{method} open", "/open", method=method)
        yield refused(f"{method} no token", "token_missing", "/protected", method=method)
        yield refused(f"{method} no code", "code_missing", "/protected", "<bearer>", method=method)
        yield refused(f"{method} wrong code", "code_invalid", "/protected", "<bearer>", "<wrong>", method=method)
        yield passes(f"{method} code", "/protected", "<bearer>", "<code>", method=method, given=VERIFIED)
        yield passes(f"{method} window", "/protected", "<bearer>", who=Who.PROVEN, method=method, given=VERIFIED)
        yield refused(f"{method} denied", "denied", "/internal/x", "<bearer>", who=Who.PROVEN, method=method)
    yield refused("GET of a rule covers HEAD", "token_missing", "/read-only", method="HEAD")
    yield passes("other methods are open there", "/read-only", method="PATCH")
    unknown = refused("unknown method", "", "/protected", method="FOO")
    yield but(unknown, "only our own parser knows no such word", "token_missing", at=(NGINX, TRAEFIK, CADDY, HAPROXY))
    yield but(refused("TRACE", "method_not_allowed", "/open", method="TRACE"), "nginx refuses it itself", at=(NGINX,))
    lower = refused("lower case", "", "/protected", "<bearer>", method="patch")
    yield but(lower, "the proxy takes it for a word of its own", "ambiguous_request", at=(TRAEFIK, CADDY, HAPROXY))


def _bodies() -> Iterator[Row]:
    """The door never sees a body; the API has to see all of it."""
    yield passes("body", "/open", method="POST", body=b"hello")
    yield passes("body and code", "/protected", "<bearer>", "<code>", method="PUT", body=b"x" * 9000, given=VERIFIED)
    chunks = passes("chunks", "/open", "Transfer-Encoding: chunked", method="POST")
    needs = "before 3.2 it would hand on the fields behind a body, so a body needs a length"
    chunks = but(chunks, needs, at=(HAPROXY,))
    yield replace(chunks, sends=chunks.sends + b"5\r\nhello\r\n0\r\n\r\n")
    spoof = b"5\r\nhello\r\n0\r\nX-MFA-Verified: true\r\nX_MFA_Verified: true\r\n\r\n"
    for name, fields in {"trailers": (), "announced trailers": ("Trailer: X-MFA-Verified", "TE: trailers")}.items():
        behind = passes(name, "/open", "Transfer-Encoding: chunked", *fields, method="POST")
        yield replace(but(behind, needs, at=(HAPROXY,)), sends=behind.sends + spoof)
    yield refused("body, no code", "code_missing", "/protected", "<bearer>", method="POST", body=b"hello")


def _credentials() -> Iterator[Row]:
    yield refused("glue, no token", "002", "/customer-password/7", method="PATCH")
    yield refused("glue, no code", "5900", "/customer-password/7", "<bearer>", method="PATCH")
    yield refused("glue, wrong code", "5901", "/customer-password/7", "<bearer>", "<wrong>", method="PATCH")
    yield passes("glue, code", "/customer-password/7", "<bearer>", "<code>", method="PATCH", given=VERIFIED)
    yield passes("glue, other method", "/customer-password/7", "<bearer>")
    yield refused("no JWT", "token_invalid", "/protected", "Authorization: Bearer x")
    yield refused("Basic", "token_invalid", "/protected", "Authorization: Basic YTpi")
    yield refused("padded token", "token_invalid", "/protected", "Authorization: Bearer <token>=", who=Who.PROVEN)
    yield refused("cut token", "token_invalid", "/protected", "Authorization: Bearer <cut>", who=Who.PROVEN)
    yield passes("token, other case of the scheme", "/protected", "Authorization: bearer <token>", who=Who.PROVEN,
                 given=VERIFIED)  # fmt: skip
    yield refused("no factor", "not_enrolled", "/protected", "<bearer>", who=Who.BARE)
    yield refused("disabled", "account_disabled", "/protected", "<bearer>", who=Who.DISABLED)
    yield refused("unknown account", "account_unknown", "/protected", "<bearer>", who=Who.STRANGER)
    yield refused("banned", "banned", "/protected", "<bearer>", "<code>", who=Who.BANNED)
    yield refused("each time, window", "code_missing", "/transfer", "<bearer>", who=Who.PROVEN)
    yield passes("each time, code", "/transfer", "<bearer>", "<code>", given=VERIFIED)
    yield passes("if enrolled, without a factor", "/optional", "<bearer>", who=Who.BARE)
    yield refused("if enrolled, with one", "code_missing", "/optional", "<bearer>")
    yield passes("shadow", "/shadow", "<bearer>")
    yield passes("shadow without a token", "/shadow")
    yield passes("log-out", "/leave", "<bearer>", method="POST")


def _codes() -> Iterator[Row]:
    yield refused("empty code", "code_missing", "/protected", "<bearer>", "X-MFA-Code:")
    yield refused("code in letters", "code_invalid", "/protected", "<bearer>", "X-MFA-Code: abcdef")
    yield refused("short code", "code_invalid", "/protected", "<bearer>", "X-MFA-Code: 12345")
    yield refused("Unicode code", "code_invalid", "/protected", "<bearer>", "X-MFA-Code: \xb9\xb2\xb3\xb9\xb2\xb3")
    yield passes("code with blanks around", "/protected", "<bearer>", "X-MFA-Code:  <digits> ", given=VERIFIED)
    yield refused("token as a code", "code_invalid", "/protected", "<bearer>", "X-MFA-Code: <token>")
    yield refused("code of another length", "code_invalid", "/protected", "<bearer>", "X-MFA-Code: <digits>0")
    yield refused("two codes", "ambiguous_request", "/protected", "<bearer>", "<wrong>", "<code>")
    yield refused("the same code twice", "ambiguous_request", "/protected", "<bearer>", "<code>", "<code>")
    in_one = refused("two codes in one", "code_invalid", "/protected", "<bearer>", "X-MFA-Code: 000000, <digits>")
    yield but(in_one, "Envoy joins fields of a name, so this is two of them", "ambiguous_request", at=(ENVOY,))


def _others() -> Iterator[Row]:
    """More than one credential, and credentials where none belongs."""
    two = ("<bearer>", "Authorization: Bearer <other>")
    for row in (
        refused("two tokens", "ambiguous_request", "/protected", *two, who=Who.PROVEN),
        refused("two tokens, open route", "ambiguous_request", "/open", *two),
        refused("the same token twice", "ambiguous_request", "/protected", "<bearer>", "<bearer>", who=Who.PROVEN),
    ):
        yield but(row, "nginx refuses it itself", at=(NGINX,))
    joined = "Authorization: Bearer <token>, Bearer <other>"
    in_one = refused("two tokens in one", "token_invalid", "/protected", joined, who=Who.PROVEN)
    yield but(in_one, "Envoy joins fields of a name, so this is two of them", "ambiguous_request", at=(ENVOY,))
    yield refused("token in the query", "credential_in_query", "/protected?access_token=<other>", "<bearer>",
                  who=Who.PROVEN)  # fmt: skip
    yield refused("key in the query", "credential_in_query", "/protected?a=b&API_Key=1", "<bearer>", who=Who.PROVEN)
    yield refused("key in the query, encoded", "credential_in_query", "/protected?%61pi_key=1", "<bearer>",
                  who=Who.PROVEN)  # fmt: skip
    yield passes("key in the query, open route", "/open?api_key=1")


def _carriers() -> Iterator[Row]:
    other = {**VERIFIED, "cookie": None, "x-api-key": None, "proxy-authorization": None}
    yield passes("cookie, protected", "/protected", "<bearer>", "Cookie: s=other", who=Who.PROVEN, given=other)
    yield passes("API key, protected", "/protected", "<bearer>", "X-Api-Key: other", who=Who.PROVEN, given=other)
    yield passes("cookie, open", "/open", "Cookie: s=own", given={"cookie": "s=own"})
    braces = "s={http.request.host}{env.HOME}$host%[src]"
    yield passes("cookie with the words of proxies", "/open", f"Cookie: {braces}", given={"cookie": braces})
    long = "s=" + "x" * 6000
    yield passes("long cookie", "/open", f"Cookie: {long}", given={"cookie": long})
    split = ("Cookie: a=1", "Cookie: b=2")
    yield passes("cookies in two fields", "/open", *split, given={"cookie": "a=1; b=2"})
    yield passes("cookies in two fields, protected", "/protected", "<bearer>", *split, who=Who.PROVEN, given=other)
    yield passes("cookies in two fields, shadow", "/shadow", "<bearer>", *split, given={"cookie": "a=1; b=2"})
    yield passes("API key, open", "/open", "X-Api-Key: own", given={"x-api-key": "own"})
    yield passes("cookie, if enrolled", "/optional", "<bearer>", "Cookie: s=x", who=Who.BARE, given={"cookie": None})
    yield passes("cookie, shadow", "/shadow", "<bearer>", "Cookie: s=own", given={"cookie": "s=own"})


# --- What is the gateway's own ----------------------------------------------------------------


def _own() -> Iterator[Row]:
    yield refused("ceremony, other method", "method_not_allowed", "/mfa/factors", "<bearer>", method="PATCH")
    yield refused("ceremony, no token", "token_missing", "/mfa/factors")
    pigeon = b'{"type":"pigeon"}'
    yield refused("ceremony, odd body", "body_malformed", "/mfa/challenges", "<bearer>",
                  "Content-Type: application/json", method="POST", body=pigeon)  # fmt: skip
    yield refused("ceremony, final slash", "not_found", "/mfa/factors/", "<bearer>")
    letters = refused("ceremony in other letters", "token_missing", "/%6Dfa/factors")
    yield but(letters, "it compares the bytes, and asks us about a path of ours", "not_found", at=(HAPROXY, ENVOY))
    yield refused("Glue ceremony, no token", "002", "/multi-factor-auth-types")
    for name in EVERY_PROXY:
        own = refused(f"endpoint of {name}", "denied", f"/_mfa/forward-auth/{name}", "<bearer>")
        yield but(own, "we are asked about a path of ours", "not_found", at=EVERY_PROXY)


def _handshakes() -> Iterator[Row]:
    opening = ("Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13",
               "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==")  # fmt: skip
    yield refused("handshake, no token", "token_missing", "/protected", *opening)
    yield refused("handshake, no code", "code_missing", "/protected", "<bearer>", *opening)
    foreign = ("Origin: https://elsewhere.test", *opening)
    yield refused("handshake of a foreign page", "denied", "/protected", "<bearer>", *foreign, who=Who.PROVEN)
    token = "Sec-WebSocket-Protocol: mfa.bearer.<token>"
    yield refused("handshake, two tokens", "ambiguous_request", "/protected", "<bearer>", token, *opening,
                  who=Who.PROVEN)  # fmt: skip


TABLE: tuple[Row, ...] = (
    *_methods(),
    *_bodies(),
    *_credentials(),
    *_codes(),
    *_others(),
    *_carriers(),
    *targets(),
    *hosts(),
    *spoofs(),
    *_own(),
    *_handshakes(),
)
