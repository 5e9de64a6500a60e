"""What the client is told when a call is not forwarded.

For: problem details (RFC 9457) with a status, its usual title, and nothing of the inside.
Not here: which status (`failures`).
"""

import http
import json

from mfa_gateway.doors.asgi import UNDATED, Reading, Scope, Send
from mfa_gateway.doors.date import http_date


async def send_problem(send: Send, scope: Scope, status: int, *, reading: Reading) -> None:
    """Answer with a problem document; close where some of a request was left unread (RFC 9112 section 9.6)."""
    title = http.HTTPStatus(status).phrase
    body = json.dumps({"type": "about:blank", "title": title, "status": status}).encode("ascii")
    headers = [
        (b"content-type", b"application/problem+json"),
        (b"content-length", b"%d" % len(body)),
        (b"cache-control", b"no-store"),
    ]
    if UNDATED in scope.get("extensions", ()):
        headers.append((b"date", http_date()))
    if reading is Reading.UNFINISHED:
        headers.append((b"connection", b"close"))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def refuse_websocket(send: Send, *, can_answer: bool) -> None:
    """Refuse a WebSocket handshake: 501 where the server can say so, else a close that servers turn into 403."""
    if not can_answer:
        await send({"type": "websocket.close", "code": 1011, "reason": "WebSocket is not forwarded yet"})
        return
    headers = [(b"content-length", b"0"), (b"cache-control", b"no-store")]
    await send({"type": "websocket.http.response.start", "status": 501, "headers": headers})
    await send({"type": "websocket.http.response.body", "body": b""})
