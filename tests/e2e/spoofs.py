"""The rows about fields that say more than a client may: who says so? (attacks H*, M01)"""

from collections.abc import Iterator

from tests.e2e.rows import (
    CADDY,
    ENVOY,
    HAPROXY,
    HOST,
    NGINX,
    TRAEFIK,
    UNVERIFIED,
    VERIFIED,
    Row,
    Who,
    but,
    passes,
    refused,
)

# What names another target, method or caller, each with a value that would open something.
_SPOOFS = {
    "X-Forwarded-Uri": "/open",
    "X-Forwarded-Method": "OPTIONS",
    "X-Forwarded-Host": "other.test",
    "X-Forwarded-Proto": "gopher",
    "X-Forwarded-Prefix": "/open",
    "X-Forwarded-Path": "/open",
    "X-Original-URL": f"http://{HOST}/open",
    "X-Original-URI": "/open",
    "X-Original-Method": "OPTIONS",
    "X-Rewrite-URL": "/open",
    "X-HTTP-Method-Override": "PATCH",
    "X-HTTP-Method": "PATCH",
    "X-Method-Override": "PATCH",
    "X-MFA-Verified": "true",
    "X-MFA-Method": "totp",
    "X-MFA-Age": "0",
    "X_MFA_Verified": "true",
    "X.MFA.Verified": "true",
    "x-mfa-verified": "true",
    "X-Forwarded-User": "root",
    "X-User-Id": "root",
    "X-Auth-Request-User": "root",
    "Remote-User": "root",
    "Forwarded": "host=other.test;proto=https;for=10.0.0.1",
    "X-Envoy-Original-Path": "/open",
}  # fmt: skip
# The rest may go on: applications take nothing from it that the gateway would have said.
_MAY_GO_ON = {"X-Forwarded-Host", "X-Forwarded-Proto", "Forwarded", "X-Envoy-Original-Path"}


def spoofs() -> Iterator[Row]:
    for name, value in _SPOOFS.items():
        field_ = f"{name}: {value}"
        hidden = {} if name in _MAY_GO_ON else {name.lower(): None}
        yield refused(f"{name}, protected", "code_missing", "/protected", "<bearer>", field_)
        yield passes(f"{name}, open", "/open", field_, given={**UNVERIFIED, **hidden})
    twice = {
        name: passes(f"{name} twice, open", "/open", f"{name}: true", f"{name}: true",
                     given={**UNVERIFIED, name.lower(): None})
        for name in ("X-MFA-Verified", "X_MFA_Verified", "X-MFA_Verified", "X-Remote-Group", "X-MFA-Remove")
    }  # fmt: skip
    unlisted = "its recipe does not list it, so it would go on"
    twice["X-MFA_Verified"] = but(twice["X-MFA_Verified"], unlisted, "ambiguous_request", at=(TRAEFIK,))
    twice["X-Remote-Group"] = but(twice["X-Remote-Group"], unlisted, "ambiguous_request", at=(NGINX, TRAEFIK))
    twice["X-MFA-Remove"] = but(twice["X-MFA-Remove"], unlisted, "ambiguous_request", at=(NGINX, TRAEFIK, CADDY))
    yield from twice.values()
    yield passes("X-MFA-Verified in a window", "/protected", "<bearer>", "X-MFA-Verified: no", "x-mfa-method: sms",
                 who=Who.PROVEN, given=VERIFIED)  # fmt: skip
    alias = passes("X_Api_Key, protected", "/protected", "<bearer>", "X_Api_Key: other", who=Who.PROVEN,
                   given={**VERIFIED, "x_api_key": None})  # fmt: skip
    yield but(alias, "Traefik overwrites names as they are listed, so it would go on", "two_credentials", at=(TRAEFIK,))
    named = "Connection: close, X-MFA-Verified, x-mfa-method, X-MFA-Code, Authorization, Host, X-Forwarded-Uri"
    window = passes("fields named in Connection, window", "/protected", "<bearer>", named, who=Who.PROVEN,
                    given=VERIFIED)  # fmt: skip
    neither = passes("fields named in Connection, open", "/open", named, "X-MFA-Verified: true")
    no_code = refused("fields named in Connection, no code", "code_missing", "/protected", "<bearer>", named)
    obeyed = "Go obeys Connection, so the token is gone before anybody looks"
    for row in (window, no_code):
        yield but(but(row, "Envoy refuses it itself", at=(ENVOY,)), obeyed, "token_missing", at=(TRAEFIK, CADDY))
    yield but(neither, "Envoy refuses it itself", at=(ENVOY,))
    for name in ("X-Remote-Group", "X-MFA_Verified", "X-Http_Method-Override"):
        row = passes(f"{name} named in Connection", "/open", f"{name}: x", f"Connection: close, {name}",
                     given={**UNVERIFIED, name.lower(): None})  # fmt: skip
        yield but(row, unlisted, "ambiguous_request", at=(NGINX,)) if "_" not in name else row
    to_http2 = ("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA")
    http2 = refused("upgrade to HTTP/2", "code_missing", "/protected", "<bearer>", *to_http2)
    yield but(http2, "its recipe knows no other upgrade than to a WebSocket", at=(TRAEFIK, CADDY, HAPROXY))
    upgrades = ("Connection: Upgrade", "Upgrade: h2c", "Upgrade: websocket")
    one_goes_on = {"first": (NGINX, CADDY), "last": (NGINX, TRAEFIK, CADDY)}
    for name, fields in {"first": upgrades, "last": (upgrades[0], *upgrades[:0:-1])}.items():
        both = refused(f"two upgrades, HTTP/2 {name}", "", "/open", *fields)
        yield but(both, "one to a WebSocket goes on, if any", target="/open", at=one_goes_on[name])
    single = passes("upgrade to HTTP/2, open", "/open", *upgrades[:2], given={"upgrade": None})
    yield but(single, "its recipe knows no other upgrade than to a WebSocket", at=(TRAEFIK, CADDY, HAPROXY))
