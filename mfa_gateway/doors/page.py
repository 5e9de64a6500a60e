"""Pages: what the gateway shows to everybody who asks, at a path of its own.

A page stands among the ceremonies: its path matches before policy, exactly and on every host. What stays out: what
stands on it (app).
"""

from dataclasses import dataclass
from typing import Final

from mfa_gateway.core.call import Call
from mfa_gateway.core.verdict import Reason
from mfa_gateway.dialects.wire import Dialect, Reply, allow
from mfa_gateway.doors.asgi import Receive, Scope, Send, asked_of, finish_reading, send_reply

OPENAPI: Final = "/_mfa/openapi.json"
_METHODS: Final = ("GET", "HEAD")


@dataclass(frozen=True, slots=True)
class Page:
    """A page; `dialect` refuses what does not ask for it."""

    path: str
    reply: Reply
    dialect: Dialect

    async def serve(self, call: Call, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one `http` request to the page, or to what resembles its path."""
        reading = await finish_reading(receive, call.headers)
        await send_reply(send, self._reply(call), scope, request_id=call.request_id, reading=reading)

    def _reply(self, call: Call) -> Reply:
        if str(call.path) != self.path:
            return self.dialect.refuse(Reason.NOT_FOUND, asked_of(call))
        if call.method in _METHODS:
            return self.reply
        refusal = self.dialect.refuse(Reason.METHOD_NOT_ALLOWED, asked_of(call))
        others = tuple(field for field in refusal.headers if field[0] != b"allow")
        return Reply(refusal.status, others + allow(", ".join(_METHODS)), refusal.body)
