"""What the client is told when a call is not forwarded.

For: problem details (RFC 9457) with a status, its usual title, and nothing of the inside.
Not here: which status (`failures`).
"""

import http
import json
from typing import Final

from mfa_gateway.doors.asgi import REQUEST_ID, UNDATED, Message, Reading, Scope, Send
from mfa_gateway.doors.date import http_date

# RFC 6455 section 7.4.1.
_INTERNAL_ERROR: Final = 1011


async def send_problem(send: Send, scope: Scope, status: int, *, reading: Reading) -> None:
    """Answer with a problem document; close where some of a request was left unread (RFC 9112 section 9.6)."""
    title = http.HTTPStatus(status).phrase
    body = json.dumps({"type": "about:blank", "title": title, "status": status}).encode("ascii")
    headers = [
        (b"content-type", b"application/problem+json"),
        (b"content-length", b"%d" % len(body)),
        (b"cache-control", b"no-store"),
    ]
    if REQUEST_ID in scope:
        headers.append((b"x-request-id", scope[REQUEST_ID].encode("ascii")))
    if UNDATED in scope.get("extensions", ()):
        headers.append((b"date", http_date()))
    if reading is Reading.UNFINISHED:
        headers.append((b"connection", b"close"))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def refuse_handshake(send: Send, scope: Scope, status: int) -> None:
    """Refuse a WebSocket: with a problem document where the server can say so, else by a close that it makes a 403."""
    if "websocket.http.response" not in scope.get("extensions", ()):
        await send({"type": "websocket.close", "code": _INTERNAL_ERROR})
        return

    async def sending(message: Message) -> None:
        await send({**message, "type": f"websocket.{message['type']}"})

    await send_problem(sending, scope, status, reading=Reading.COMPLETE)
