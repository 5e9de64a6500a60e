"""The ASGI application that forwards every call to one origin.

For: the scope types, and what becomes of a failure: a problem document while the client has seen nothing, a cut
connection afterwards. The door in front (`MFAMiddleware`) has judged the call; what gets here is allowed to pass.
Not here: the request's bytes (`request`), the exchange (`exchange`), a WebSocket's messages (`websocket`).
"""

import logging

from mfa_gateway.doors.asgi import REQUEST_ID, Reading, Receive, Scope, Send, has_body
from mfa_gateway.doors.promptness import Client, Work
from mfa_gateway.doors.upstream.connection import Connection
from mfa_gateway.doors.upstream.exchange import Exchange
from mfa_gateway.doors.upstream.failures import AnswerCutError, Failure, ForwardingError, status_of
from mfa_gateway.doors.upstream.origin import Origin, Terms
from mfa_gateway.doors.upstream.pool import Pool
from mfa_gateway.doors.upstream.prompt import PromptExchange
from mfa_gateway.doors.upstream.replies import refuse_handshake, send_problem
from mfa_gateway.doors.upstream.request import NOTHING, Writer
from mfa_gateway.doors.upstream.tls import Trust
from mfa_gateway.doors.upstream.websocket import Tunnel

_log = logging.getLogger(__name__)


class Upstream:
    """Forwards calls to `origin` on `terms`. Belongs to the event loop it is first called on; `close` it there.

    Calls need `raw_path` in their scope (ASGI 3 calls it optional; uvicorn, hypercorn and granian give it).
    """

    def __init__(self, origin: Origin, terms: Terms, trust: Trust | None = None) -> None:
        """`trust` says how an https origin is recognised; by default by the system's authorities and its own name."""
        self._origin = origin
        self._terms = terms
        self._pool = Pool(origin, terms, trust)
        self._writer = Writer(origin, terms)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI scope.

        Raises:
            AnswerCutError: the answer broke off after it had begun; the server is to close the connection.
        """
        if scope["type"] != "http":
            await self._serve_other(scope, receive, send)
            return
        exchange = Exchange(self._pool, scope, receive, send)
        failure: Failure | None = None
        try:
            await exchange.run(self._writer.write(scope))
        except ForwardingError as error:
            failure = error.failure
        if failure is not None:
            await self._give_up(failure, exchange=exchange, scope=scope, send=send)

    def serve_promptly(self, scope: Scope, client: Client) -> Work | None:
        """Serve an `http` scope without a task where a connection is open and the request has no body."""
        try:
            request = self._writer.write(scope)
        except ForwardingError:
            return self(scope, client.receive, client.send)  # which meets it again, and answers
        connection = self._pool.take() if request.framing is NOTHING else None
        if connection is None:
            return self(scope, client.receive, client.send)

        def go_on(connection: Connection) -> Work:
            return self._go_on(connection, scope, client)

        PromptExchange(self._pool, connection, client, go_on).ask(request)
        return None

    async def _go_on(self, connection: Connection, scope: Scope, client: Client) -> None:
        exchange = Exchange(self._pool, scope, client.receive, client.send)
        failure: Failure | None = None
        try:
            await exchange.take_over(connection)
        except ForwardingError as error:
            failure = error.failure
        if failure is not None:
            await self._give_up(failure, exchange=exchange, scope=scope, send=client.send)

    async def close(self) -> None:
        """Close every connection to the upstream. Calls under way are cut."""
        await self._pool.close()

    async def _give_up(self, failure: Failure, *, exchange: Exchange, scope: Scope, send: Send) -> None:
        if failure is Failure.CLIENT_GONE:
            return
        self._tell(failure, scope)
        if exchange.has_begun:
            raise AnswerCutError(failure)
        reading = exchange.reading if has_body(scope["headers"]) else Reading.COMPLETE
        await send_problem(send, scope, status_of(failure), reading=reading)

    async def _serve_other(self, scope: Scope, receive: Receive, send: Send) -> None:
        match scope["type"]:
            case "websocket":
                await self._serve_socket(scope, receive, send)
            case "lifespan":
                await self._live(receive, send)
            case other:
                raise ValueError(f"ASGI scope of type {other!r} is not understood by Upstream")

    async def _serve_socket(self, scope: Scope, receive: Receive, send: Send) -> None:
        tunnel = Tunnel(self._pool, self._writer, self._terms, on_lost=lambda: self._tell(Failure.BROKEN, scope))
        failure: Failure | None = None
        try:
            await tunnel.run(scope, receive, send)
        except ForwardingError as error:
            failure = error.failure
        if failure is not None:
            self._tell(failure, scope)
            await refuse_handshake(send, scope, status_of(failure))

    def _tell(self, failure: Failure, scope: Scope) -> None:
        request_id, authority = scope.get(REQUEST_ID, "without a name"), self._origin.authority.decode("ascii")
        _log.warning("call %s to %s failed: %s", request_id, authority, failure.value)

    async def _live(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                await send({"type": "lifespan.startup.complete"})
            else:
                await self.close()
                await send({"type": "lifespan.shutdown.complete"})
                return
