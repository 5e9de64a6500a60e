"""Envoy: the filter `ext_authz` over HTTP.

It asks with the method, the Host and the target of the client, the latter behind `path_prefix`. 200 and nothing else is
yes. Any other answer goes to the client, except 5xx: Envoy takes that for a failure of ours, drops the answer, and lets
the call through where `failure_mode_allow` says so. So what we refuse is never 5xx here: a store that is away must not
open a route.

It sets the fields of `allowed_upstream_headers`, and takes off what we name in a field of its own. It hands us no
fields but those in `allowed_headers`: what it does not show us, we cannot judge.
"""

import re
from typing import Final

from mfa_gateway.doors.forward_auth.forwarded import HOST, PROTO
from mfa_gateway.doors.forward_auth.question import Original, Proxy, Question, known_original

_FAILED: Final = 500
_REMOVAL: Final = b"x-envoy-auth-headers-to-remove"


# Envoy joins the fields of a name with commas. No code holds one, and no credential holds another behind one: the
# parameters of a scheme such as Digest are followed by "=" (RFC 9110 section 11.4).
_CREDENTIALS: Final = re.compile(rb",[ \t]*[A-Za-z][A-Za-z0-9\-]*[ \t]+[^ \t=]")


def _are_joined(question: Question) -> bool:
    """Whether there were two of what there may be one of."""
    token, code = question.only(b"authorization") or b"", question.only(b"x-mfa-code") or b""
    return b"," in code or (b"," in token and _CREDENTIALS.search(token) is not None)


def _read(question: Question) -> Original | str:
    if _are_joined(question):
        return "there are two tokens or two codes, joined to one"
    # Meshes may not hand the scheme on. It decides nothing but whose page is behind a WebSocket.
    scheme = question.only(PROTO) if question.has(PROTO) else b"http"
    target = question.rest + (b"?" + question.query if question.query else b"")
    method, host = question.method.encode("latin-1"), question.only(b"host")
    return known_original(method, scheme=scheme, host=host, target=target)


def _status(status: int) -> int:
    return status if status < _FAILED else 403


ENVOY: Final = Proxy("envoy", _read, frozenset({PROTO, HOST}), _status, _REMOVAL)
