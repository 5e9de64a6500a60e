"""Door 1: the gate as pure ASGI middleware. Door 2, the reverse proxy, is this around an app that forwards.

    MFAMiddleware(app, gateway=gateway)

Reads a call, asks for the verdict, and either lets the application answer or answers itself. The life of the gateway's
store and connections follows the ASGI lifespan. What stays out: every decision, every wire form.
"""

from collections.abc import Awaitable
from typing import Final, assert_never

import structlog
from structlog.typing import FilteringBoundLogger

from mfa_gateway.core.call import Call
from mfa_gateway.core.credential import CarrierAction
from mfa_gateway.core.policy import OnSuccess
from mfa_gateway.core.routing import ANYWHERE, Routes
from mfa_gateway.core.verdict import Pass, Reason, Refuse, Verdict
from mfa_gateway.dialects.wire import Reply
from mfa_gateway.doors.asgi import (
    JUDGED,
    REQUEST_ID,
    ASGIApp,
    HeaderList,
    Reading,
    Receive,
    Scope,
    Send,
    Unreadable,
    asked_of,
    clean_headers,
    finish_reading,
    has_body,
    proof_headers,
    read_call,
    reply_headers,
    send_reply,
)
from mfa_gateway.doors.backchannel import Backchannel
from mfa_gateway.doors.ceremonies import Met
from mfa_gateway.doors.forward_auth import PREFIX, ForwardAuth
from mfa_gateway.doors.held import HeldAnswer, Replacement
from mfa_gateway.doors.life import live
from mfa_gateway.doors.parts import Gatekeeping
from mfa_gateway.doors.promptness import Client, Work, promptly
from mfa_gateway.doors.telling import telling, tells_grace
from mfa_gateway.doors.websocket.reading import Knock, read_knock
from mfa_gateway.doors.websocket.subprotocols import choosing
from mfa_gateway.doors.websocket.watching import WatchedSocket

_log: FilteringBoundLogger = structlog.get_logger(__name__)

# RFC 6455 section 7.4.1: what a handshake refused after the fact would say; servers turn it into a 403.
_POLICY_VIOLATION: Final = 1008


class MFAMiddleware:
    """Lets a call through to `app` when the gateway's verdict is `Pass`."""

    def __init__(self, app: ASGIApp, *, gateway: Gatekeeping, routes: Routes = ANYWHERE) -> None:
        """`routes`: where `app` forwards to, if it does."""
        self._app = app
        self._serve_app = promptly(app)
        self._routes = routes
        self._gateway = gateway
        self._parts = gateway.parts
        self._forward_auth = ForwardAuth(gateway.parts)
        told = self._parts.told
        self._never_on = frozenset((told.folded,)) if told is not None else frozenset[bytes]()
        self._never_on_protected = self._never_on | self._parts.others.headers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI scope.

        Raises:
            ValueError: the scope is of a type that nobody here could judge.
        """
        match scope["type"]:
            case "http" | "websocket" if (scope.get("raw_path") or b"").startswith(PREFIX):
                await self._forward_auth.serve(scope, receive, send)
            case "http":
                call = read_call(scope, self._parts.proxies, self._routes)
                await self._guard(call, scope, receive, send)
            case "websocket":
                await self._guard_socket(scope, receive, send)
            case "lifespan":
                await live(self._app, self._gateway, scope, receive=receive, send=send)
            case other:
                raise ValueError(f"ASGI scope of type {other!r} is not understood by MFAMiddleware")

    def serve_promptly(self, scope: Scope, client: Client) -> Work | None:
        """Serve an `http` scope of our own server, without a task where nothing has to be waited for."""
        if scope["raw_path"].startswith(PREFIX):
            return self._forward_auth.serve_promptly(scope, client)
        call = read_call(scope, self._parts.proxies, self._routes)
        if isinstance(call, Unreadable) or self._met(call) is not None:
            return self._guard(call, scope, client.receive, client.send)
        verdict = self._parts.judge.begin(call)
        if isinstance(verdict, Pass) and verdict.on_success is OnSuccess.NONE and not tells_grace(verdict):
            # Our own server's scope, which nobody else reads: it need not be copied.
            return self._serve_app(self._open(scope, call, verdict), client)
        return self._obey(verdict, call, scope, client.receive, client.send)

    # --- Calls ---

    def _met(self, call: Call) -> Reply | Backchannel | Met | None:
        """What of the gateway's own a call meets, however it would be judged; None: it is for the application."""
        parts = self._parts
        if (preflight := parts.cors.preflight(call)) is not None:
            return preflight
        if (backchannel := parts.backchannel) is not None and backchannel.is_meant(call):
            return backchannel
        return parts.ceremonies.endpoint(call)

    async def _guard_socket(self, scope: Scope, receive: Receive, send: Send) -> None:
        parts = self._parts
        call = read_call(scope, parts.proxies, self._routes)
        if isinstance(call, Call):
            origins, names = parts.cors.origins, parts.token_subprotocols
            knock = read_knock(call, scope, names=names, origins=origins, proxies=parts.proxies)
            if isinstance(knock, Knock):
                scope = {**scope, "subprotocols": list(knock.offer.offered)}
                await self._guard(knock.call, scope, receive, choosing(send, knock.offer))
                return
            call = knock
        await self._guard(call, scope, receive, send)

    async def _guard(self, call: Call | Unreadable, scope: Scope, receive: Receive, send: Send) -> None:
        if isinstance(call, Unreadable):
            await self._refuse_unreadable(call, scope, send)
            return
        match self._met(call):
            case None:
                await self._judge(call, scope, receive, send)
            case Reply() as preflight:
                await self._reply(preflight, call, scope, receive, send)
            case Backchannel() as backchannel:
                await self._part(backchannel, call, scope, receive, send)
            case endpoint if scope["type"] == "http":
                send = self._parts.cors.readable(call, send)
                await self._parts.ceremonies.serve(endpoint, call, scope, receive, send)
            case endpoint:
                reply = endpoint.dialect.refuse(Reason.NOT_FOUND, asked_of(call))
                await self._reply(reply, call, scope, receive, send)

    async def _part(self, door: Backchannel, call: Call, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await door.serve(call, scope, receive, send)
        else:
            await self._reply(self._parts.fallback.refuse(Reason.NOT_FOUND, asked_of(call)), call, scope, receive, send)

    async def _judge(self, call: Call, scope: Scope, receive: Receive, send: Send) -> None:
        await self._obey(self._parts.judge.begin(call), call, scope, receive, send)

    async def _obey(
        self, verdict: Verdict | Awaitable[Verdict], call: Call, scope: Scope, receive: Receive, send: Send
    ) -> None:
        if not isinstance(verdict, Pass | Refuse):
            verdict = await verdict
        match verdict:
            case Pass():
                opened = self._open({**scope}, call, verdict)
                given = telling(send, verdict) if tells_grace(verdict) else send
                if scope["type"] == "websocket" and (watch := self._parts.watch) is not None and _is_watched(verdict):
                    socket = WatchedSocket(receive, send, lambda: watch.revoked(call, verdict))
                    await socket.run(self._app, opened)
                elif verdict.on_success is not OnSuccess.NONE and scope["type"] == "http":
                    answer = HeldAnswer(given, lambda: self._end(call, verdict, scope=scope, send=send))
                    await answer.run(self._app, opened, receive)
                else:
                    await self._app(opened, receive, given)
            case Refuse():
                dialect = self._parts.dialect_of(verdict)
                asked = asked_of(call, verdict.rule)
                reply = dialect.refuse(verdict.reason, asked, retry_after_ms=verdict.retry_after_ms)
                send = self._parts.cors.readable(call, send)
                await self._reply(reply, call, scope, receive, send)
            case _ as never:
                assert_never(never)

    async def _end(self, call: Call, verdict: Pass, *, scope: Scope, send: Send) -> Replacement | None:
        """End what a good answer ends; what goes out in place of the answer where that cannot be done."""
        refusal = await self._parts.aftermath.follow(call, verdict)
        if refusal is None:
            return None
        dialect, left_ms = self._parts.dialect_of(refusal), refusal.retry_after_ms
        reply = dialect.refuse(refusal.reason, asked_of(call), retry_after_ms=left_ms)
        # The application may still be reading the request, so nobody else does.
        reading = Reading.UNFINISHED if has_body(call.headers) else Reading.COMPLETE
        readable = self._parts.cors.readable(call, send)
        return lambda: _answer(reply, scope, readable, request_id=call.request_id, reading=reading)

    async def _reply(self, reply: Reply, call: Call, scope: Scope, receive: Receive, send: Send) -> None:
        is_http = scope["type"] == "http"
        reading = await finish_reading(receive, call.headers) if is_http else Reading.COMPLETE
        await _answer(reply, scope, send, request_id=call.request_id, reading=reading)

    async def _refuse_unreadable(self, unreadable: Unreadable, scope: Scope, send: Send) -> None:
        request_id = unreadable.asked.request_id
        _log.info("unreadable", request_id=request_id, why=unreadable.why)
        reply = self._parts.fallback.refuse(Reason.AMBIGUOUS_REQUEST, unreadable.asked)
        await _answer(reply, scope, send, request_id=request_id, reading=Reading.UNFINISHED)

    def _open(self, scope: Scope, call: Call, verdict: Pass) -> Scope:
        """Make a scope what the application sees: the path that was judged, and only headers that may be believed."""
        told = self._parts.told
        kept = told.kept(call) if told is not None else None
        headers: HeaderList = clean_headers(call.headers, also_drop=self._foreign_headers(verdict), kept=kept)
        headers += proof_headers(verdict.shown)
        scope["raw_path"] = call.path.wire
        scope["headers"] = headers
        scope[REQUEST_ID] = call.request_id
        scope[JUDGED] = (call.path, call.host)
        return scope

    def _foreign_headers(self, verdict: Pass) -> frozenset[bytes]:
        """What the application is not to read: everybody's copy of the trusted header, and on a protected route other
        credentials. A shadow rule changes nothing.
        """
        is_stripped = verdict.is_protected and self._parts.others.on_header is CarrierAction.STRIP
        return self._never_on_protected if is_stripped else self._never_on


def _is_watched(verdict: Pass) -> bool:
    """Whether what was let through ends with a revocation."""
    return verdict.is_protected and verdict.caller is not None


async def _answer(reply: Reply, scope: Scope, send: Send, *, request_id: str, reading: Reading) -> None:
    """Refuse in place of the application; a WebSocket is refused before it is accepted (HTTP 403 at least)."""
    if scope["type"] == "http":
        await send_reply(send, reply, scope, request_id=request_id, reading=reading)
    elif "websocket.http.response" in scope.get("extensions", {}):
        headers = reply_headers(reply, scope, request_id=request_id)
        await send({"type": "websocket.http.response.start", "status": reply.status, "headers": headers})
        await send({"type": "websocket.http.response.body", "body": reply.body})
    else:
        await send({"type": "websocket.close", "code": _POLICY_VIOLATION})
