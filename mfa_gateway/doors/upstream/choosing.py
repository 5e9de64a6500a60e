"""Several upstreams behind one door: each call goes to the one that serves it, or to none.

For: handing a judged call to the `Upstream` of its route, with the prefix taken off where that is wished. The choice is
made on the path and host that the door has judged (`JUDGED`), so nothing is read a second time here.
Not here: which route that is (core.routing), and everything about forwarding (`forward`).
"""

import logging
from collections.abc import Mapping
from typing import Final

from mfa_gateway.core.routing import Astray, Route, Routes
from mfa_gateway.doors.asgi import JUDGED, REQUEST_ID, Receive, Scope, Send, finish_reading
from mfa_gateway.doors.promptness import Client, Work
from mfa_gateway.doors.upstream.forward import Upstream
from mfa_gateway.doors.upstream.replies import refuse_handshake, send_problem

_log = logging.getLogger(__name__)

_STATUSES: Final = {Astray.UNSERVED: 404, Astray.AMBIGUOUS: 400}


class Upstreams:
    """Forwards each call by its route. Belongs to the event loop it is first called on, as each `Upstream` does."""

    def __init__(self, routes: Routes, upstreams: Mapping[str, Upstream]) -> None:
        """`upstreams` are found by the names of the routes."""
        self._routes = routes
        self._upstreams = dict(upstreams)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI scope that a door let through.

        Raises:
            AnswerCutError: the answer broke off after it had begun; the server is to close the connection.
        """
        if scope["type"] == "lifespan":
            await self._live(receive, send)
            return
        path, host = scope[JUDGED]
        route = self._routes.direct(path, host)
        if isinstance(route, Route):
            await self._upstreams[route.name](_aimed(scope, route.target(path)), receive, send)
        else:
            await _decline(route, scope, receive, send)

    def serve_promptly(self, scope: Scope, client: Client) -> Work | None:
        """Serve an `http` scope that a door let through, without a task where its upstream can."""
        path, host = scope[JUDGED]
        route = self._routes.direct(path, host)
        if isinstance(route, Route):
            return self._upstreams[route.name].serve_promptly(_aimed(scope, route.target(path)), client)
        return _decline(route, scope, client.receive, client.send)

    async def close(self) -> None:
        """Close every connection to every upstream. Calls under way are cut."""
        for upstream in self._upstreams.values():
            await upstream.close()

    async def _live(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                await send({"type": "lifespan.startup.complete"})
            else:
                await self.close()
                await send({"type": "lifespan.shutdown.complete"})
                return


def _aimed(scope: Scope, target: bytes) -> Scope:
    """A scope with the path that the upstream is asked for."""
    return scope if scope["raw_path"] == target else {**scope, "raw_path": target}


async def _decline(astray: Astray, scope: Scope, receive: Receive, send: Send) -> None:
    _log.info("call %s goes nowhere: %s", scope.get(REQUEST_ID, "without a name"), astray.value)
    if scope["type"] == "http":
        reading = await finish_reading(receive, tuple(scope["headers"]))
        await send_problem(send, scope, _STATUSES[astray], reading=reading)
    else:
        await receive()
        await refuse_handshake(send, scope, _STATUSES[astray])
