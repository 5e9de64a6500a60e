"""HAProxy: it asks nobody by itself, so the recipe brings a small Lua script that does, with HAProxy's own HTTP client.

The script asks with GET and the four `X-Forwarded-*` fields, takes 200 and nothing else for yes, and sends any other
answer to the client as it is. It takes off what we name in `X-MFA-Remove` and sets the `X-MFA-*` that we say.
"""

from typing import Final

from mfa_gateway.doors.forward_auth.forwarded import WORDS, read_forwarded
from mfa_gateway.doors.forward_auth.question import Proxy

HAPROXY: Final = Proxy("haproxy", read_forwarded, WORDS, removal=b"x-mfa-remove")
