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

from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Final, NamedTuple, assert_never, final
from urllib.parse import unquote

import structlog
from structlog.typing import FilteringBoundLogger

from mfa_gateway.core.call import Call, Oddity, OddPath, canonical_query
from mfa_gateway.core.policy import OnSuccess
from mfa_gateway.core.verdict import Pass, Reason, Refuse, Verdict
from mfa_gateway.dialects.wire import Asked, Reply, error_code
from mfa_gateway.doors.asgi import (
    HeaderList,
    Receive,
    Scope,
    Send,
    Unreadable,
    asked_of,
    finish_reading,
    read_call,
    reply_headers,
    send_reply,
)
from mfa_gateway.doors.date import http_date
from mfa_gateway.doors.forward_auth.caddy import CADDY
from mfa_gateway.doors.forward_auth.envoy import ENVOY
from mfa_gateway.doors.forward_auth.haproxy import HAPROXY
from mfa_gateway.doors.forward_auth.header import HOST, OF_THE_QUESTION, Asking, Fate, Hygiene, Sequel, Shape
from mfa_gateway.doors.forward_auth.nginx import NGINX
from mfa_gateway.doors.forward_auth.question import (
    LONGEST_KNOWN,
    MOST_KNOWN,
    OVERWRITES,
    Original,
    Proxy,
    Question,
    overwritten,
)
from mfa_gateway.doors.forward_auth.traefik import TRAEFIK
from mfa_gateway.doors.parts import Parts
from mfa_gateway.doors.promptness import Client, Work
from mfa_gateway.doors.request_ids import new_request_id, request_id_of
from mfa_gateway.doors.websocket.reading import Knock, read_knock

_log: FilteringBoundLogger = structlog.get_logger(__name__)

PREFIX: Final = b"/_mfa/forward-auth/"
PROXIES: Final = {proxy.name: proxy for proxy in (NGINX, TRAEFIK, CADDY, HAPROXY, ENVOY)}

_OWN: Final = "_mfa"
_LEAST_REFUSAL: Final = 400
# Each is written by whoever configures a proxy. More of them than anybody has proxies are not remembered.
_MOST_ASKING: Final = 16


class _Place(NamedTuple):
    """What is asked for, read as a call without anything that its client brings along.

    Attributes:
        is_ours: it is an endpoint of the gateway: never the application's, so no proxy may send it there.
    """

    call: Call
    is_ours: bool


class _Heard(NamedTuple):
    """A question that can be judged."""

    asking: Asking
    call: Call
    fate: Fate
    has_body: bool


@dataclass(frozen=True, slots=True)
class _Settled:
    """A question whose answer is known without a verdict; `call` is what it asks about, where that could be read."""

    reply: Reply
    request_id: str
    call: Call | None = None


@final
class ForwardAuth:
    """Answers the questions of proxies."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._hygiene = Hygiene(parts.others, parts.told)
        self._asking: dict[tuple[bytes, bytes], Asking] = {}
        self._places: dict[tuple[str, bytes, bytes], _Place] = {}

    async def serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one question. Some proxies ask about a WebSocket with a handshake of their own."""
        heard = self._hear(scope)
        if isinstance(heard, _Heard):
            await self._go_on(heard, self._parts.judge.begin(heard.call), scope, receive, send)
        else:
            await self._settle(heard, scope, receive, send)

    def serve_promptly(self, scope: Scope, client: Client) -> Work | None:
        """Answer one `http` question, without a task where nothing has to be waited for."""
        heard = self._hear(scope)
        if not isinstance(heard, _Heard):
            return self._settle(heard, scope, client.receive, client.send)
        verdict = self._parts.judge.begin(heard.call)
        if heard.has_body or not client.is_taking or not isinstance(verdict, Pass | Refuse) or _has_sequel(verdict):
            return self._go_on(heard, verdict, scope, client.receive, client.send)
        lines = self._plain_yes(heard, verdict)
        if lines is None:
            self._say(self._reply(heard, self._carried_out(heard, verdict)), heard.call, scope=scope, client=client)
        else:
            client.answer_empty(200, lines)
        return None

    def _plain_yes(self, heard: _Heard, verdict: Verdict) -> bytes | None:
        """The lines of a yes that hands nothing of the call back but names of fields; None for all other answers."""
        if isinstance(verdict, Refuse) or self._parts.cors.origins:
            return None
        sequel = _sequel(heard, verdict)
        lines = None if sequel.handed_on else sequel.lines(verdict.shown)
        if lines is None:
            return None
        return b"%bx-request-id: %b\r\ndate: %b\r\n" % (lines, heard.call.request_id.encode("ascii"), http_date())

    def _say(self, reply: Reply, call: Call, *, scope: Scope, client: Client) -> None:
        headers = reply_headers(reply, scope, request_id=call.request_id)
        client.answer(reply.status, [*headers, *self._parts.cors.for_answer(call)], reply.body)

    async def _go_on(
        self, heard: _Heard, verdict: Verdict | Awaitable[Verdict], scope: Scope, receive: Receive, send: Send
    ) -> None:
        """Answer a question whose judging has begun."""
        call = heard.call
        if not isinstance(verdict, Pass | Refuse):
            verdict = await verdict
        verdict = self._carried_out(heard, verdict)
        if isinstance(verdict, Pass):
            verdict = await self._parts.aftermath.follow(call, verdict) or verdict
        send = self._parts.cors.readable(call, send)
        await _send(self._reply(heard, verdict), scope, receive, send, request_id=call.request_id)

    async def _settle(self, settled: _Settled, scope: Scope, receive: Receive, send: Send) -> None:
        if settled.call is not None:
            send = self._parts.cors.readable(settled.call, send)
        await _send(settled.reply, scope, receive, send, request_id=settled.request_id)

    # --- What is asked ---

    def _hear(self, scope: Scope) -> _Heard | _Settled:
        """A question as far as it can be understood without judging the call that it asks about."""
        path, query = _path(scope), scope.get("query_string", b"")
        known, rest = self._asking.get((path, query)), b""
        proxy = known.proxy if known is not None else None
        if proxy is None:
            name, slash, rest = path[len(PREFIX) :].partition(b"/")
            proxy, rest = PROXIES.get(name.decode("latin-1")), slash + rest
        if proxy is None:
            asked = _nameless()
            return _Settled(self._parts.fallback.refuse(Reason.NOT_FOUND, asked), asked.request_id)
        peer: str = (scope.get("client") or ("",))[0]
        if not self._parts.proxies.trust(peer):
            return self._untrusted(proxy, peer)
        asking = known or self._asking_of(proxy, query)
        fields: HeaderList = scope["headers"]
        shape = asking.shape(tuple([name for name, _ in fields]), peer)
        question = Question(scope.get("method", "GET"), rest, query, fields, shape.places)
        return self._heard(asking, shape, question, scope=scope)

    def _asking_of(self, proxy: Proxy, query: bytes) -> Asking:
        """Who asks. The address that a proxy asks at is written by whoever configures it, and by no client."""
        said = b"" if proxy.removal else query
        address = PREFIX + proxy.name.encode("ascii"), said
        asking = self._asking.get(address)
        if asking is None:
            asking = Asking(proxy, overwritten(said), self._hygiene)
            if len(self._asking) < _MOST_ASKING and len(said) <= LONGEST_KNOWN:
                self._asking[address] = asking
        return asking

    def _heard(self, asking: Asking, shape: Shape, question: Question, *, scope: Scope) -> _Heard | _Settled:
        """The call that is asked about, read as if its client had sent it here."""
        asked = asking.proxy.read(question)
        if isinstance(asked, str):
            return self._unreadable(asking.proxy, Unreadable(asked, _nameless()))
        place = self._place(asked)
        if place is None or shape.is_doubled or (asked.query and isinstance(canonical_query(asked.query), Oddity)):
            return self._unreadable(asking.proxy, self._misread(asking.proxy, asked, scope))
        call = self._call(place.call, shape, asked, scope=scope)
        if shape.fate.stray:
            why = f"the proxy has to take off {_listed(shape.fate.stray)} before it asks"
            return self._unreadable(asking.proxy, Unreadable(why, asked_of(call)))
        heard = _Heard(asking, call, shape.fate, shape.has_body)
        if shape.is_handshake:
            return self._knock(heard, asked, place)
        return self._ours(heard) if place.is_ours else heard

    def _call(self, place: Call, shape: Shape, asked: Original, *, scope: Scope) -> Call:
        """What `asgi.read_call` would make of it, without looking at anything twice."""
        given: HeaderList = scope["headers"]
        peer: str = scope["client"][0]
        headers = ((HOST, asked.host), *[given[at] for at in shape.kept])
        forwarded_for = b",".join([headers[at][1] for at in shape.forwarded_for]) if shape.forwarded_for else None
        return Call(
            place.method,
            place.path,
            place.host,
            asked.query,
            self._parts.proxies.client(peer, forwarded_for),
            peer,
            headers[shape.authorization][1].decode("latin-1") if shape.authorization else None,
            headers[shape.code][1].decode("latin-1").strip(" \t") if shape.code else None,
            headers,
            request_id_of(headers[shape.request_id][1] if shape.request_id else None),
        )

    def _place(self, asked: Original) -> _Place | None:
        """What is asked for; None where it cannot be read in one way. Its query is its client's own."""
        known = asked.method, asked.host, asked.path
        place = self._places.get(known)
        if place is None:
            call = read_call(_asked_scope({}, asked._replace(query=b""), []), self._parts.proxies)
            if isinstance(call, Unreadable):
                return None
            place = _Place(call, self._is_ours(call))
            if sum(map(len, known)) <= LONGEST_KNOWN:
                if len(self._places) >= MOST_KNOWN:
                    del self._places[next(iter(self._places))]
                self._places[known] = place
        return place

    def _misread(self, proxy: Proxy, asked: Original, scope: Scope) -> Unreadable:
        """What is wrong with a question that is no call."""
        foreign = proxy.words | OF_THE_QUESTION
        fields = [pair for pair in scope["headers"] if pair[0] not in foreign]
        read = read_call(_asked_scope(scope, asked, fields), self._parts.proxies)
        return read if isinstance(read, Unreadable) else Unreadable("it is read in two ways here", asked_of(read))

    def _knock(self, heard: _Heard, asked: Original, place: _Place) -> _Heard | _Settled:
        """A handshake as it is judged. No proxy could take a token off the sub-protocols, so there must be none."""
        parts, asking, call = self._parts, heard.asking, heard.call
        names, origins = parts.token_subprotocols, parts.cors.origins
        knock = read_knock(call, {"scheme": asked.scheme}, names=names, origins=origins, proxies=parts.proxies)
        if not isinstance(knock, Knock):
            return self._unreadable(asking.proxy, knock)
        if knock.offer.token is not None or knock.offer.answer is not None:
            why = "a token among the sub-protocols would go on behind a proxy"
            return self._unreadable(asking.proxy, Unreadable(why, asked_of(call)))
        call = knock.call
        fate = Fate(asking, tuple([name for name, _ in call.headers]), is_listed=asking.is_listed(call.peer))
        heard = _Heard(asking, call, fate, heard.has_body)
        return self._ours(heard) if place.is_ours else heard

    # --- What is answered ---

    def _carried_out(self, heard: _Heard, verdict: Verdict) -> Verdict:
        """A verdict that this proxy can carry out."""
        if isinstance(verdict, Refuse) or not (handed_on := _sequel(heard, verdict).handed_on):
            return verdict
        why = f"the proxy does not overwrite {_listed(handed_on)}: see {OVERWRITES} of its recipe"
        _log.info("forward-auth refused", request_id=heard.call.request_id, why=why)
        return Refuse(Reason.TWO_CREDENTIALS, verdict.rule, caller=verdict.caller)

    def _reply(self, heard: _Heard, verdict: Verdict) -> Reply:
        call = heard.call
        match verdict:
            case Pass():
                return Reply(200, _sequel(heard, verdict).headers(call, verdict.shown))
            case Refuse(reason=reason):
                dialect, asked = self._parts.dialect_of(verdict), asked_of(call, verdict.rule)
                reply = dialect.refuse(reason, asked, retry_after_ms=verdict.retry_after_ms)
                return _refusal(heard.asking.proxy, reply, reason)
            case _ as never:
                assert_never(never)

    def _is_ours(self, call: Call) -> bool:
        parts, path = self._parts, call.path
        if not isinstance(path, OddPath) and path.segments[:1] == (_OWN,):
            return True
        is_ceremony = parts.ceremonies.endpoint(call) is not None
        return is_ceremony or (parts.backchannel is not None and parts.backchannel.is_meant(call))

    def _ours(self, heard: _Heard) -> _Settled:
        call = heard.call
        _log.info("forward-auth refused", request_id=call.request_id, why="the proxy has to send this path to us")
        reply = self._refused(heard.asking.proxy, Reason.NOT_FOUND, asked_of(call))
        return _Settled(reply, call.request_id, call)

    def _untrusted(self, proxy: Proxy, peer: str) -> _Settled:
        asked = _nameless()
        why = f"{peer or 'a peer without an address'} is not in trusted_proxies: add it if it is your {proxy.name}"
        _log.warning("forward-auth refused", request_id=asked.request_id, why=why)
        return _Settled(self._refused(proxy, Reason.DENIED, asked), asked.request_id)

    def _unreadable(self, proxy: Proxy, unreadable: Unreadable) -> _Settled:
        asked = unreadable.asked
        _log.info("unreadable", request_id=asked.request_id, why=unreadable.why)
        return _Settled(self._refused(proxy, Reason.AMBIGUOUS_REQUEST, asked), asked.request_id)

    def _refused(self, proxy: Proxy, reason: Reason, asked: Asked) -> Reply:
        return _refusal(proxy, self._parts.fallback.refuse(reason, asked), reason)


def _has_sequel(verdict: Verdict) -> bool:
    """Whether something has to be done before the answer goes out."""
    return isinstance(verdict, Pass) and verdict.on_success is not OnSuccess.NONE


def _sequel(heard: _Heard, verdict: Pass) -> Sequel:
    return heard.fate.protected if verdict.is_protected else heard.fate.opened


def _nameless() -> Asked:
    """What shapes an answer to a question that says nothing of what it is about."""
    return Asked("GET", "", request_id=new_request_id())


def _path(scope: Scope) -> bytes:
    """The path as it stood on the wire; some servers leave the query in that of a handshake."""
    raw: bytes = scope.get("raw_path") or b""
    return raw.partition(b"?")[0] if b"?" in raw else raw


def _asked_scope(scope: Scope, asked: Original, fields: HeaderList) -> Scope:
    """The scope that the client would have made here, with these fields and its Host."""
    return {
        **scope,
        "type": "http",
        "method": asked.method,
        "scheme": asked.scheme,
        "path": unquote(asked.path, errors="surrogateescape"),
        "raw_path": asked.path,
        "query_string": asked.query,
        "headers": [(HOST, asked.host), *fields],
    }


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
