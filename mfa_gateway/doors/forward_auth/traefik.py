"""Traefik: the middleware `ForwardAuth`.

It asks with GET, writes the four `X-Forwarded-*` fields over whatever the client sent, and takes 2xx for yes. Any
other answer goes to the client as it is. On yes the fields in `authResponseHeaders` are taken off the request, and then
set to what we said, if anything: nothing of the client's survives there.

It asks about the path that it forwards. In its default that is the cleaned one: dot segments resolved, slashes merged.
Fields are taken off by name alone, so a spelling that its recipe does not list comes this far, and is refused.
"""

from typing import Final

from mfa_gateway.doors.forward_auth.forwarded import WORDS, read_forwarded
from mfa_gateway.doors.forward_auth.question import Proxy

TRAEFIK: Final = Proxy("traefik", read_forwarded, WORDS)
