"""Door 1: the gate as pure ASGI middleware. Door 2, the reverse proxy, is this around an app that forwards.

    MFAMiddleware(app, gateway=gateway)

Reads a call, asks for the verdict, and either lets the application answer or answers itself. The life of the gateway's
store and connections follows the ASGI lifespan. What stays out: every decision, every wire form.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol, assert_never

import structlog
from structlog.typing import FilteringBoundLogger

from mfa_gateway.core.call import Call
from mfa_gateway.core.credential import CarrierAction, OtherCredentials
from mfa_gateway.core.policy import Access, Enforcement, OnSuccess
from mfa_gateway.core.routing import ANYWHERE, Routes
from mfa_gateway.core.verdict import Pass, Reason, Refuse, Verdict
from mfa_gateway.dialects.wire import Dialect, Reply
from mfa_gateway.doors.asgi import (
    JUDGED,
    REQUEST_ID,
    ASGIApp,
    HeaderList,
    Message,
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
from mfa_gateway.doors.ceremonies import Ceremonies
from mfa_gateway.doors.cors import Cors
from mfa_gateway.doors.held import HeldAnswer, Replacement
from mfa_gateway.doors.peers import PeerHeader, TrustedProxies
from mfa_gateway.doors.websocket.reading import Knock, read_knock
from mfa_gateway.doors.websocket.subprotocols import choosing
from mfa_gateway.doors.websocket.watching import WatchedSocket

_log: FilteringBoundLogger = structlog.get_logger(__name__)

# RFC 6455 section 7.4.1: what a handshake refused after the fact would say; servers turn it into a 403.
_POLICY_VIOLATION = 1008


class Judging(Protocol):
    """Gives verdicts."""

    async def judge(self, call: Call) -> Verdict:
        """Decide whether a call goes on."""
        ...


class Watching(Protocol):
    """Knows who is revoked."""

    async def revoked(self, call: Call, verdict: Pass) -> None:
        """Return when the caller of a verdict is revoked."""
        ...


class Following(Protocol):
    """Does what a good answer does to what its caller has proved."""

    async def follow(self, call: Call, verdict: Pass) -> Refuse | None:
        """Do it now. A refusal to go out in place of the answer where it could not be done."""
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
        aftermath: ends what good answers end, before they go out.
        told: the header by which listed peers say who is calling, where there is one.
        cors: which pages of other origins may read our answers.
        backchannel: where issuers tell of log-outs; None where none may.
        watch: tells when the caller behind an open WebSocket is revoked; None where nobody does.
        token_subprotocols: the WebSocket sub-protocols that bring a token behind a dot.
    """

    judge: Judging
    ceremonies: Ceremonies
    dialects: Mapping[str, Dialect]
    fallback: Dialect
    proxies: TrustedProxies
    others: OtherCredentials
    aftermath: Following
    told: PeerHeader | None = None
    cors: Cors = field(default_factory=Cors)
    backchannel: Backchannel | None = None
    watch: Watching | None = None
    token_subprotocols: frozenset[str] = frozenset()


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
        """Close everything. May be called twice, and without `start`."""
        ...


class MFAMiddleware:
    """Lets a call through to `app` when the gateway's verdict is `Pass`."""

    def __init__(self, app: ASGIApp, *, gateway: Gatekeeping, routes: Routes = ANYWHERE) -> None:
        """`routes`: where `app` forwards to, if it does."""
        self._app = app
        self._routes = routes
        self._gateway = gateway
        self._parts = gateway.parts
        told = self._parts.told
        self._never_on = frozenset((told.folded,)) if told is not None else frozenset[bytes]()
        self._never_on_protected = self._never_on | self._parts.others.headers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI scope.

        Raises:
            ValueError: the scope is of a type that nobody here could judge.
        """
        match scope["type"]:
            case "http":
                call = read_call(scope, self._parts.proxies, self._routes)
                await self._guard(call, scope, receive, send)
            case "websocket":
                await self._guard_socket(scope, receive, send)
            case "lifespan":
                await self._live(scope, receive, send)
            case other:
                raise ValueError(f"ASGI scope of type {other!r} is not understood by MFAMiddleware")

    # --- Calls ---

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
        elif (preflight := self._parts.cors.preflight(call)) is not None:
            await self._reply(preflight, call, scope, receive, send)
        elif (backchannel := self._parts.backchannel) is not None and backchannel.is_meant(call):
            await self._part(backchannel, call, scope, receive, send)
        elif (endpoint := self._parts.ceremonies.endpoint(call)) is None:
            await self._judge(call, scope, receive, send)
        elif scope["type"] == "http":
            send = self._parts.cors.readable(call, send)
            await self._parts.ceremonies.serve(endpoint, call, scope, receive, send)
        else:
            reply = endpoint.dialect.refuse(Reason.NOT_FOUND, asked_of(call))
            await self._reply(reply, call, scope, receive, send)

    async def _part(self, door: Backchannel, call: Call, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await door.serve(call, scope, receive, send)
        else:
            await self._reply(self._parts.fallback.refuse(Reason.NOT_FOUND, asked_of(call)), call, scope, receive, send)

    async def _judge(self, call: Call, scope: Scope, receive: Receive, send: Send) -> None:
        verdict = await self._parts.judge.judge(call)
        match verdict:
            case Pass():
                opened = self._opened(scope, call, verdict)
                if scope["type"] == "websocket" and (watch := self._parts.watch) is not None and _is_watched(verdict):
                    socket = WatchedSocket(receive, send, lambda: watch.revoked(call, verdict))
                    await socket.run(self._app, opened)
                elif verdict.on_success is not OnSuccess.NONE and scope["type"] == "http":
                    answer = HeldAnswer(send, lambda: self._end(call, verdict, scope=scope, send=send))
                    await answer.run(self._app, opened, receive)
                else:
                    await self._app(opened, receive, send)
            case Refuse():
                dialect = self._dialect_of(verdict)
                reply = dialect.refuse(verdict.reason, asked_of(call), retry_after_ms=verdict.retry_after_ms)
                send = self._parts.cors.readable(call, send)
                await self._reply(reply, call, scope, receive, send)
            case _ as never:
                assert_never(never)

    async def _end(self, call: Call, verdict: Pass, *, scope: Scope, send: Send) -> Replacement | None:
        """End what a good answer ends; what goes out in place of the answer where that cannot be done."""
        refusal = await self._parts.aftermath.follow(call, verdict)
        if refusal is None:
            return None
        dialect, left_ms = self._dialect_of(refusal), refusal.retry_after_ms
        reply = dialect.refuse(refusal.reason, asked_of(call), retry_after_ms=left_ms)
        # The application may still be reading the request, so nobody else does.
        reading = Reading.UNFINISHED if has_body(call.headers) else Reading.COMPLETE
        readable = self._parts.cors.readable(call, send)
        return lambda: _answer(reply, scope, readable, request_id=call.request_id, reading=reading)

    async def _reply(self, reply: Reply, call: Call, scope: Scope, receive: Receive, send: Send) -> None:
        is_http = scope["type"] == "http"
        reading = await finish_reading(receive, call.headers) if is_http else Reading.COMPLETE
        await _answer(reply, scope, send, request_id=call.request_id, reading=reading)

    def _dialect_of(self, refusal: Refuse) -> Dialect:
        if refusal.rule is None:
            return self._parts.fallback
        return self._parts.dialects.get(refusal.rule.requirement.dialect, self._parts.fallback)

    async def _refuse_unreadable(self, unreadable: Unreadable, scope: Scope, send: Send) -> None:
        request_id = unreadable.asked.request_id
        _log.info("unreadable", request_id=request_id, why=unreadable.why)
        reply = self._parts.fallback.refuse(Reason.AMBIGUOUS_REQUEST, unreadable.asked)
        await _answer(reply, scope, send, request_id=request_id, reading=Reading.UNFINISHED)

    def _opened(self, scope: Scope, call: Call, verdict: Pass) -> Scope:
        """The scope as the application sees it: the path that was judged, and only headers that may be believed."""
        told = self._parts.told
        kept = told.kept(call) if told is not None else None
        headers: HeaderList = clean_headers(call.headers, also_drop=self._foreign_headers(verdict), kept=kept)
        headers += proof_headers(verdict.shown)
        return {
            **scope,
            "raw_path": call.path.wire,
            "headers": headers,
            REQUEST_ID: call.request_id,
            JUDGED: (call.path, call.host),
        }

    def _foreign_headers(self, verdict: Pass) -> frozenset[bytes]:
        """What the application is not to read: everybody's copy of the trusted header, and on a protected route other
        credentials. A shadow rule changes nothing.
        """
        is_stripped = _is_protected(verdict) and self._parts.others.on_header is CarrierAction.STRIP
        return self._never_on_protected if is_stripped else self._never_on

    # --- Life ---

    async def _live(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Open the gateway before the application starts, and close it when the application has ended."""
        has_begun = False

        async def starting() -> Message:
            nonlocal has_begun
            message = await receive()
            if message["type"] == "lifespan.startup":
                has_begun = True
                await self._gateway.start()
            return message

        async def stopping(message: Message) -> None:
            if message["type"] != "lifespan.startup.complete":
                await self._gateway.stop()
            await send(message)

        try:
            await self._app(scope, starting, stopping)
        except Exception:
            if has_begun:
                raise
            await _live_alone(starting, stopping)
        finally:
            await self._gateway.stop()


def _is_protected(verdict: Pass) -> bool:
    """Whether what was let through is on a protected route; a shadow rule protects nothing."""
    requirement = verdict.rule.requirement
    return requirement.access is Access.MFA and requirement.enforcement is Enforcement.ENFORCED


def _is_watched(verdict: Pass) -> bool:
    """Whether what was let through ends with a revocation."""
    return _is_protected(verdict) and verdict.caller is not None


async def _live_alone(receive: Receive, send: Send) -> None:
    """A life in place of an application that knows none: it raises before it asks for anything (ASGI lifespan)."""
    try:
        await receive()
    except Exception as error:
        await send({"type": "lifespan.startup.failed", "message": str(error)})
        raise
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await send({"type": "lifespan.shutdown.complete"})


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
