"""The door: a question becomes a call, and a verdict becomes an answer that a proxy understands.

The door owns the status. A proxy takes 2xx for yes, so yes is 200 and nothing else is, whatever status a dialect has
for no. The reason is in the header as well, for proxies that drop the body.

What nobody but the gateway may say, and what carries another credential, has to be off the request that goes on. Some
proxies take off what we name. The others take off what their recipe lists before they ask, and overwrite with what we
answer the fields that their address names (`?overwrites=cookie`). Whatever else comes here would go on, so the call is
refused: that closes what a recipe leaves open.

An answer of the application never comes by here. So what a rule does `on_success` is done when its call is let through:
better a window closed too early than one that stays open. For the same reason no preflight can be answered here (it
would take a 2xx), and no open WebSocket is closed.

What stays out: what each proxy says and understands (one module each), and every decision.
"""

from dataclasses import dataclass
from typing import Final, assert_never
from urllib.parse import unquote

import structlog
from structlog.typing import FilteringBoundLogger

from mfa_gateway.core.call import Call, OddPath
from mfa_gateway.core.credential import CarrierAction
from mfa_gateway.core.verdict import Pass, Reason, Refuse
from mfa_gateway.dialects.wire import NO_STORE, Asked, Headers, Reply, error_code
from mfa_gateway.doors.asgi import (
    HeaderList,
    Receive,
    Scope,
    Send,
    Unreadable,
    asked_of,
    clean_headers,
    finish_reading,
    new_request_id,
    proof_headers,
    read_call,
    reply_headers,
    send_reply,
)
from mfa_gateway.doors.forward_auth.caddy import CADDY
from mfa_gateway.doors.forward_auth.envoy import ENVOY
from mfa_gateway.doors.forward_auth.haproxy import HAPROXY
from mfa_gateway.doors.forward_auth.nginx import NGINX
from mfa_gateway.doors.forward_auth.question import OVERWRITES, Fields, Original, Proxy, Question, overwritten
from mfa_gateway.doors.forward_auth.traefik import TRAEFIK
from mfa_gateway.doors.parts import Parts
from mfa_gateway.doors.websocket.reading import Knock, read_knock

_log: FilteringBoundLogger = structlog.get_logger(__name__)

PREFIX: Final = b"/_mfa/forward-auth/"
PROXIES: Final = {proxy.name: proxy for proxy in (NGINX, TRAEFIK, CADDY, HAPROXY, ENVOY)}

_OWN: Final = "_mfa"
_CODE: Final = b"x-mfa-code"
# What belongs to the question and not to what it asks about: whose it is, how it came here, how its body is framed.
_OF_THE_QUESTION: Final = frozenset(
    {b"host", b"x-forwarded-host", b"x-forwarded-proto", b"content-length", b"transfer-encoding", b"upgrade"}
)
# What our answer says of itself, whatever a proxy would like to be handed back.
_OF_THE_ANSWER: Final = frozenset(
    {b"cache-control", b"connection", b"content-length", b"date", b"transfer-encoding", b"x-mfa-code", b"x-request-id"}
)
_LEAST_REFUSAL: Final = 400


@dataclass(frozen=True, slots=True)
class _Asking:
    """A proxy that asks, and the fields of our answer that it takes over."""

    proxy: Proxy
    overwrites: frozenset[bytes]

    def hands_on(self, names: frozenset[bytes]) -> frozenset[bytes]:
        """Those of these fields that would go on whatever we answer."""
        return names - self.overwrites if self.proxy.removal is None else frozenset()


class ForwardAuth:
    """Answers the questions of proxies."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        told = parts.told
        self._never_on = frozenset((told.folded,)) if told is not None else frozenset[bytes]()

    async def serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one question. Some proxies ask about a WebSocket with a handshake of their own."""
        name, slash, rest = _path(scope)[len(PREFIX) :].partition(b"/")
        proxy = PROXIES.get(name.decode("latin-1"))
        peer: str = (scope.get("client") or ("",))[0]
        if proxy is None:
            asked = _nameless()
            reply, request_id = self._parts.fallback.refuse(Reason.NOT_FOUND, asked), asked.request_id
        elif not self._parts.proxies.trust(peer):
            reply, request_id = self._untrusted(proxy, peer)
        else:
            query: bytes = scope.get("query_string", b"")
            asking = _Asking(proxy, frozenset() if proxy.removal else overwritten(query))
            call = self._call(asking, scope, Question(scope.get("method", "GET"), slash + rest, query, _fields(scope)))
            if isinstance(call, Call):
                reply, request_id = await self._answer(asking, call), call.request_id
                send = self._parts.cors.readable(call, send)
            else:
                reply, request_id = self._unreadable(proxy, call), call.asked.request_id
        await _send(reply, scope, receive, send, request_id=request_id)

    # --- What is asked ---

    def _call(self, asking: _Asking, scope: Scope, question: Question) -> Call | Unreadable:
        """The call that is asked about, read as if its client had sent it here."""
        asked = asking.proxy.read(question)
        if isinstance(asked, str):
            return Unreadable(asked, _nameless())
        call = read_call(_asked_scope(scope, asking.proxy, asked), self._parts.proxies)
        if isinstance(call, Unreadable):
            return call
        stray = asking.hands_on(self._foreign(call, self._never_on))
        if stray:
            return Unreadable(f"the proxy has to take off {_listed(stray)} before it asks", asked_of(call))
        return self._knock(call, asked) if _is_handshake(call) else call

    def _knock(self, call: Call, asked: Original) -> Call | Unreadable:
        """A handshake as it is judged. No proxy could take a token off the sub-protocols, so there must be none."""
        parts = self._parts
        scope = {"scheme": asked.scheme}
        names, origins = parts.token_subprotocols, parts.cors.origins
        knock = read_knock(call, scope, names=names, origins=origins, proxies=parts.proxies)
        if isinstance(knock, Knock) and (knock.offer.token is not None or knock.offer.answer is not None):
            return Unreadable("a token among the sub-protocols would go on behind a proxy", asked_of(call))
        return knock.call if isinstance(knock, Knock) else knock

    def _foreign(self, call: Call, dropped: frozenset[bytes]) -> frozenset[bytes]:
        """The fields of a call that must not go on; the code, which every recipe takes off, is not among them."""
        told = self._parts.told
        kept = told.kept(call) if told is not None else None
        goes_on = {name for name, _ in clean_headers(call.headers, also_drop=dropped, kept=kept)}
        return frozenset(name for name, _ in call.headers) - goes_on - {_CODE}

    # --- What is answered ---

    async def _answer(self, asking: _Asking, call: Call) -> Reply:
        if self._is_ours(call):
            _log.info("forward-auth refused", request_id=call.request_id, why="the proxy has to send this path to us")
            return self._refused(asking.proxy, Reason.NOT_FOUND, asked_of(call))
        verdict = await self._parts.judge.judge(call)
        foreign = frozenset[bytes]()
        if isinstance(verdict, Pass):
            foreign = self._foreign(call, self._dropped(verdict))
            verdict = await self._concluded(call, verdict, handed_on=asking.hands_on(foreign))
        match verdict:
            case Pass():
                return Reply(200, (*NO_STORE, *_upstream_headers(asking, call, verdict, foreign=foreign)))
            case Refuse(reason=reason):
                dialect, asked = self._parts.dialect_of(verdict), asked_of(call, verdict.rule)
                reply = dialect.refuse(reason, asked, retry_after_ms=verdict.retry_after_ms)
                return _refusal(asking.proxy, reply, reason)
            case _ as never:
                assert_never(never)

    async def _concluded(self, call: Call, verdict: Pass, *, handed_on: frozenset[bytes]) -> Pass | Refuse:
        """A verdict that this proxy can carry out, with everything done that the good answer of a call would do."""
        if handed_on:
            why = f"the proxy does not overwrite {_listed(handed_on)}: see {OVERWRITES} of its recipe"
            _log.info("forward-auth refused", request_id=call.request_id, why=why)
            return Refuse(Reason.TWO_CREDENTIALS, verdict.rule, caller=verdict.caller)
        return await self._parts.aftermath.follow(call, verdict) or verdict

    def _dropped(self, verdict: Pass) -> frozenset[bytes]:
        others = self._parts.others
        is_stripped = verdict.is_protected and others.on_header is CarrierAction.STRIP
        return self._never_on | others.headers if is_stripped else self._never_on

    def _is_ours(self, call: Call) -> bool:
        """Whether a call is for an endpoint of the gateway: never the application's, so no proxy may send it there."""
        parts, path = self._parts, call.path
        if not isinstance(path, OddPath) and path.segments[:1] == (_OWN,):
            return True
        is_ceremony = parts.ceremonies.endpoint(call) is not None
        return is_ceremony or (parts.backchannel is not None and parts.backchannel.is_meant(call))

    def _untrusted(self, proxy: Proxy, peer: str) -> tuple[Reply, str]:
        asked = _nameless()
        why = f"{peer or 'a peer without an address'} is not in trusted_proxies: add it if it is your {proxy.name}"
        _log.warning("forward-auth refused", request_id=asked.request_id, why=why)
        return self._refused(proxy, Reason.DENIED, asked), asked.request_id

    def _unreadable(self, proxy: Proxy, unreadable: Unreadable) -> Reply:
        _log.info("unreadable", request_id=unreadable.asked.request_id, why=unreadable.why)
        return self._refused(proxy, Reason.AMBIGUOUS_REQUEST, unreadable.asked)

    def _refused(self, proxy: Proxy, reason: Reason, asked: Asked) -> Reply:
        return _refusal(proxy, self._parts.fallback.refuse(reason, asked), reason)


def _upstream_headers(asking: _Asking, call: Call, verdict: Pass, *, foreign: frozenset[bytes]) -> Headers:
    """What the application is to be told, and what it must not be told."""
    shown = proof_headers(verdict.shown)
    if (removal := asking.proxy.removal) is None:
        return (*shown, *_carriers(call, asking.overwrites - foreign - _OF_THE_ANSWER))
    # The client's copies of the words of the question were overwritten in it, so they were not seen here.
    removed = (foreign | {_CODE} | (asking.proxy.words - _OF_THE_QUESTION)) - {name for name, _ in shown}
    return (*shown, (removal, b",".join(sorted(removed))))


def _fields(scope: Scope) -> Fields:
    return tuple(scope["headers"])


def _nameless() -> Asked:
    """What shapes an answer to a question that says nothing of what it is about."""
    return Asked("GET", "", request_id=new_request_id())


def _path(scope: Scope) -> bytes:
    """The path as it stood on the wire; some servers leave the query in that of a handshake."""
    raw: bytes = scope.get("raw_path") or b""
    return raw.partition(b"?")[0]


def _asked_scope(scope: Scope, proxy: Proxy, asked: Original) -> Scope:
    """The scope that the client would have made here."""
    foreign = proxy.words | _OF_THE_QUESTION
    fields = [pair for pair in scope["headers"] if pair[0] not in foreign]
    return {
        **scope,
        "type": "http",
        "method": asked.method,
        "scheme": asked.scheme,
        "path": unquote(asked.path, errors="surrogateescape"),
        "raw_path": asked.path,
        "query_string": asked.query,
        "headers": [(b"host", asked.host), *fields],
    }


def _is_handshake(call: Call) -> bool:
    """Whether a call may open a WebSocket. Its Upgrade field is the proxy's to read, and not every proxy shows it."""
    return any(name == b"sec-websocket-key" for name, _ in call.headers)


def _carriers(call: Call, names: frozenset[bytes]) -> HeaderList:
    """These fields as they go on, each as one: RFC 6265 section 5.4 joins cookies, RFC 9110 section 5.3 the others."""
    found: HeaderList = []
    for name in sorted(names):
        values = [value for found_name, value in call.headers if found_name == name]
        if values:
            found.append((name, (b"; " if name == b"cookie" else b", ").join(values)))
    return found


def _refusal(proxy: Proxy, reply: Reply, reason: Reason) -> Reply:
    """A refusal that this proxy cannot take for anything else, with its reason in the header."""
    status = max(proxy.status(reply.status if reply.status >= _LEAST_REFUSAL else 403), _LEAST_REFUSAL)
    is_told = any(name == b"x-mfa-error-code" for name, _ in reply.headers)
    return Reply(status, reply.headers if is_told else reply.headers + error_code(reason.value), reply.body)


def _listed(names: frozenset[bytes]) -> str:
    return ", ".join(sorted(name.decode("ascii", "backslashreplace") for name in names))


async def _send(reply: Reply, scope: Scope, receive: Receive, send: Send, *, request_id: str) -> None:
    """Answer a question of either kind. A handshake that cannot be answered in HTTP is closed, which is a 403."""
    if scope["type"] == "http":
        reading = await finish_reading(receive, tuple(scope["headers"]))
        await send_reply(send, reply, scope, request_id=request_id, reading=reading)
    elif "websocket.http.response" in scope.get("extensions", {}):
        headers = reply_headers(reply, scope, request_id=request_id)
        await send({"type": "websocket.http.response.start", "status": reply.status, "headers": headers})
        await send({"type": "websocket.http.response.body", "body": reply.body})
    else:
        await send({"type": "websocket.close", "code": 1008})
