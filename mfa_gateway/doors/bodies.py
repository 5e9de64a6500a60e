"""Bodies of requests that the gateway answers itself, read whole.

What stays out: what is in them, and bodies that are forwarded (upstream), which are never held.
"""

from typing import Final

from mfa_gateway.doors.asgi import Receive

# spec/glue.md: bodies over 64 KiB are refused.
MAX_BODY: Final = 65_536


async def read_body(receive: Receive) -> bytes | None:
    """The whole body, or None when it is too large or the client left."""
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return None
        body += message.get("body", b"")
        if len(body) > MAX_BODY:
            return None
        if not message.get("more_body", False):
            return bytes(body)
