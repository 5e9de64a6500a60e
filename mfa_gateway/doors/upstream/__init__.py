"""An ASGI application that forwards HTTP to one upstream. Door 2, the reverse proxy, is `MFAMiddleware(Upstream(…))`.

For: transport. Framing, back-pressure both ways, a keep-alive pool, hop-by-hop and `X-Forwarded-*` hygiene, deadlines,
and an honest status when the upstream fails. Nothing in here decides who may call what.

    from mfa_gateway.doors.upstream import Origin, Terms, Upstream
    app = Upstream(Origin.parse("http://127.0.0.1:9000"), Terms())

Kept apart so that more can join: an origin is reached in one place (`Pool._dial`: TLS, Unix sockets), one
`Upstream` has one origin (`Upstreams` is a table in front of several), WebSocket is a scope type of its own in
`forward`.
"""

from mfa_gateway.doors.upstream.choosing import Upstreams
from mfa_gateway.doors.upstream.failures import AnswerCutError, Failure, ForwardingError, status_of
from mfa_gateway.doors.upstream.forward import Upstream
from mfa_gateway.doors.upstream.origin import Origin, Scheme, Terms
from mfa_gateway.doors.upstream.tls import Trust, read_trust

__all__ = [
    "AnswerCutError",
    "Failure",
    "ForwardingError",
    "Origin",
    "Scheme",
    "Terms",
    "Trust",
    "Upstream",
    "Upstreams",
    "read_trust",
    "status_of",
]
