"""Door 1: the gate as pure ASGI middleware. Door 2, the reverse proxy, is this around an app that forwards.

    MFAMiddleware(app, gateway=gateway)

Reads a call, asks for the verdict, and either lets the application answer or answers itself. The life of the gateway's
store and connections follows the ASGI lifespan. What stays out: every decision, every wire form.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol, assert_never

from mfa_gateway.core.call import Call
from mfa_gateway.core.credential import CarrierAction, OtherCredentials
from mfa_gateway.core.policy import Access
from mfa_gateway.core.verdict import Pass, Reason, Refuse, Verdict
from mfa_gateway.dialects.wire import Asked, Dialect, Reply
from mfa_gateway.doors.asgi import (
    ASGIApp,
    HeaderList,
    Message,
    Reading,
    Receive,
    Scope,
    Send,
    Unreadable,
    clean_headers,
    finish_reading,
    proof_headers,
    read_call,
    send_reply,
)
from mfa_gateway.doors.ceremonies import Ceremonies
from mfa_gateway.doors.peers import TrustedProxies

# RFC 6455 section 7.4.1: what a handshake refused after the fact would say; servers turn it into a 403.
_POLICY_VIOLATION = 1008


class Judging(Protocol):
    """Gives verdicts."""

    async def judge(self, call: Call) -> Verdict:
        """Decide whether a call goes on."""
        ...


@dataclass(frozen=True, slots=True)
class Parts:
    """What a door needs of a gateway.

    Attributes:
        judge: gives the verdicts.
        ceremonies: the endpoints that the gateway answers itself.
        dialects: by name, for the refusals of rules.
        fallback: for the refusals that no rule stands behind.
        proxies: who may speak for others.
        others: which carriers a protected route keeps from the application.
    """

    judge: Judging
    ceremonies: Ceremonies
    dialects: Mapping[str, Dialect]
    fallback: Dialect
    proxies: TrustedProxies
    others: OtherCredentials


class Gatekeeping(Protocol):
    """A gateway with a life of its own: its store and connections."""

    @property
    def parts(self) -> Parts:
        """The parts; complete before `start`, usable after it."""
        ...

    async def start(self) -> None:
        """Open what has to be open. Raises when the gateway could not serve."""
        ...

    async def stop(self) -> None:
        """Close everything. May be called twice."""
        ...


class MFAMiddleware:
    """Lets a call through to `app` when the gateway's verdict is `Pass`."""

    def __init__(self, app: ASGIApp, *, gateway: Gatekeeping) -> None:
        self._app = app
        self._gateway = gateway
        self._parts = gateway.parts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI scope."""
        if scope["type"] == "lifespan":
            await self._live(scope, receive, send)
            return
        call = read_call(scope, self._parts.proxies)
        if isinstance(call, Unreadable):
            await self._refuse_unreadable(call, scope, send)
        elif scope["type"] == "http" and (endpoint := self._parts.ceremonies.endpoint(call)) is not None:
            await self._parts.ceremonies.serve(endpoint, call, receive, send)
        else:
            await self._judge(call, scope, receive, send)

    async def _judge(self, call: Call, scope: Scope, receive: Receive, send: Send) -> None:
        verdict = await self._parts.judge.judge(call)
        match verdict:
            case Pass():
                await self._app(self._opened(scope, call, verdict), receive, send)
            case Refuse():
                asked = _asked(call)
                dialect = self._dialect_of(verdict)
                reply = dialect.refuse(verdict.reason, asked, retry_after_ms=verdict.retry_after_ms)
                is_http = scope["type"] == "http"
                reading = await finish_reading(receive, call.headers) if is_http else Reading.COMPLETE
                await _answer(reply, scope, send, request_id=call.request_id, reading=reading)
            case _ as never:
                assert_never(never)

    def _dialect_of(self, refusal: Refuse) -> Dialect:
        if refusal.rule is None:
            return self._parts.fallback
        return self._parts.dialects[refusal.rule.requirement.dialect]

    async def _refuse_unreadable(self, unreadable: Unreadable, scope: Scope, send: Send) -> None:
        reply = self._parts.fallback.refuse(Reason.AMBIGUOUS_REQUEST, unreadable.asked)
        await _answer(reply, scope, send, request_id=unreadable.asked.request_id, reading=Reading.UNFINISHED)

    def _opened(self, scope: Scope, call: Call, verdict: Pass) -> Scope:
        """The scope as the application sees it: the path that was judged, and only headers that may be believed."""
        headers: HeaderList = clean_headers(call.headers, also_drop=self._foreign_headers(verdict))
        headers += proof_headers(verdict.shown)
        return {**scope, "raw_path": call.path.wire, "headers": headers}

    def _foreign_headers(self, verdict: Pass) -> frozenset[bytes]:
        """The other credentials that a protected route keeps from the application. A shadow rule changes nothing."""
        is_protected = verdict.rule.requirement.access is Access.MFA and verdict.overruled is None
        others = self._parts.others
        return others.headers if is_protected and others.on_header is CarrierAction.STRIP else frozenset()

    async def _live(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def starting() -> Message:
            message = await receive()
            if message["type"] == "lifespan.startup":
                await self._gateway.start()
            return message

        async def stopping(message: Message) -> None:
            if message["type"] in ("lifespan.shutdown.complete", "lifespan.shutdown.failed"):
                await self._gateway.stop()
            await send(message)

        await self._app(scope, starting, stopping)


def _asked(call: Call) -> Asked:
    accept = b",".join(value for name, value in call.headers if name == b"accept").decode("latin-1")
    return Asked(call.method, str(call.path), accept, call.request_id)


async def _answer(reply: Reply, scope: Scope, send: Send, *, request_id: str, reading: Reading) -> None:
    """Refuse in place of the application; a WebSocket is refused before it is accepted (HTTP 403 at least)."""
    if scope["type"] == "http":
        await send_reply(send, reply, request_id=request_id, reading=reading)
    elif "websocket.http.response" in scope.get("extensions", {}):
        await send({"type": "websocket.http.response.start", "status": reply.status, "headers": [*reply.headers]})
        await send({"type": "websocket.http.response.body", "body": reply.body})
    else:
        await send({"type": "websocket.close", "code": _POLICY_VIOLATION})
