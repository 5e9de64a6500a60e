"""Whose page is behind a handshake (RFC 6455 section 10.2, RFC 6454).

Browsers let every page open a WebSocket to everywhere, with the cookies of wherever it goes, and no preflight asks.
All they do is to say whose page it is. So on protected routes a page has to be one of ours, or a listed one; clients
that are no browsers name no page. Pure. What stays out: what becomes of a foreign page (gate).
"""

from typing import Final

from mfa_gateway.core.call import Call
from mfa_gateway.doors.asgi import Scope, field_of
from mfa_gateway.doors.peers import TrustedProxies

_DEFAULT_PORTS: Final = {"http": ":80", "https": ":443"}
_SECURE: Final = frozenset({"https", "wss"})


def foreign_page(call: Call, scope: Scope, *, listed: frozenset[bytes], proxies: TrustedProxies) -> str:
    """The origin of the page behind a handshake if it is neither the call's own nor among `listed`; else ""."""
    origins = [value.strip(b" \t") for name, value in call.headers if name == b"origin"]
    if not origins:
        return ""
    if len(origins) > 1:
        return "several origins"
    if origins[0] in listed or origins[0].decode("latin-1").lower() == _own_origin(call, scope, proxies):
        return ""
    return origins[0].decode("latin-1") or "no name"


def _own_origin(call: Call, scope: Scope, proxies: TrustedProxies) -> str:
    """The origin that the call itself goes to, as its client knows it: trusted proxies are believed about it."""
    scheme = "https" if scope.get("scheme") in _SECURE else "http"
    host = field_of(call, b"host")
    if proxies.trust(call.peer):
        told = field_of(call, b"x-forwarded-proto").strip(" \t").lower()
        scheme = told if told in _DEFAULT_PORTS else scheme
        host = field_of(call, b"x-forwarded-host").rpartition(",")[2].strip(" \t") or host
    return f"{scheme}://{host.lower().removesuffix(_DEFAULT_PORTS[scheme])}"
