"""Caddy: the directive `forward_auth`.

It asks with GET, writes the four `X-Forwarded-*` fields over whatever the client sent, and takes 2xx for yes. Any other
answer goes to the client as it is. On yes the fields in `copy_headers` are set to what we said; the recipe takes the
client's off first, in every spelling, before Caddy asks.
"""

from typing import Final

from mfa_gateway.doors.forward_auth.forwarded import WORDS, read_forwarded
from mfa_gateway.doors.forward_auth.question import Proxy

CADDY: Final = Proxy("caddy", read_forwarded, WORDS)
