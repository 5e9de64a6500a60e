"""One call on one connection: its request up, its answer down, and the connection given back or closed.

For: the order of things between a client (ASGI's `receive` and `send`) and a `Connection`. A call without a body is one
coroutine and no further task. A call with a body has a second task that carries the body up while the answer is
awaited, since an upstream may answer before it has taken everything.

**A client that leaves.** `send` of an ASGI server drops silently once the client has gone; only `receive` tells.
Asking it beside every call would cost a task per call, so it is asked only for calls that last: from the second tick of
the pool on (0.1 to 0.2 s), a watcher waits for `http.disconnect` and then ends the upstream connection. Shorter calls
are over by then: their answers were read to the end, so nothing of them can reach anyone else. During an upload the
body's own `receive` tells at once.

**Early answers.** An answer that begins before the request is over is forwarded at once with `Connection: close`,
because the rest of the body stands between the client and its next request. A refusal (400 and above) ends the upload;
under another status it goes on until the answer ends, for upstreams that answer while they read. The upstream
connection is closed either way, unless both were complete in the end.

Not here: what the client is told when it fails (`forward`).
"""

import asyncio
from typing import Final

from mfa_gateway.doors.asgi import TRAILERS, Message, Reading, Receive, Scope, Send
from mfa_gateway.doors.upstream.answer import Answer
from mfa_gateway.doors.upstream.bodies import ChunkedBody
from mfa_gateway.doors.upstream.connection import Connection
from mfa_gateway.doors.upstream.failures import Failure
from mfa_gateway.doors.upstream.fields import passing_trailers
from mfa_gateway.doors.upstream.pool import Pool
from mfa_gateway.doors.upstream.request import NOTHING, Request
from mfa_gateway.doors.upstream.upload import Upload

_FIRST_REFUSAL: Final = 400


class Exchange:
    """One call. `run` it once; afterwards `has_begun` says whether the client has been sent any of an answer."""

    _connection: Connection | None = None
    _upload: Upload | None = None
    _uploading: asyncio.Task[None] | None = None
    _watching: asyncio.Task[None] | None = None
    has_begun = False

    def __init__(self, pool: Pool, scope: Scope, receive: Receive, send: Send) -> None:
        self._pool = pool
        self._scope = scope
        self._receive = receive
        self._send = send

    @property
    def reading(self) -> Reading:
        """Whether the request's body, where there is one, was read to its end."""
        is_read = self._upload is not None and self._upload.is_complete
        return Reading.COMPLETE if is_read else Reading.UNFINISHED

    async def run(self, request: Request) -> None:
        """Forward the request and its answer to the end.

        Raises:
            ForwardingError: it went wrong; the connection is closed.
        """
        self._connection = connection = self._pool.take() or await self._pool.connect()
        connection.begin(to_head=request.is_head, on_linger=self._linger)
        await self._see_through(connection, request)

    async def take_over(self, connection: Connection) -> None:
        """Forward an answer to the end. Its request, which has no body, was sent by somebody else.

        Raises:
            ForwardingError: it went wrong; the connection is closed.
        """
        self._connection = connection
        connection.attend(self._linger)
        await self._see_through(connection)

    async def _see_through(self, connection: Connection, request: Request | None = None) -> None:
        caught: BaseException | None = None
        try:
            if request is not None:
                self._ask(connection, request)
            while (answer := connection.answer) is None:
                await connection.news()
            await self._reply(connection, answer)
        except BaseException as error:  # noqa: BLE001 - raised again when all is cleared up
            caught = error
        if self._connection is not None:
            connection.abort()
        if self._uploading is not None or self._watching is not None:
            await self._end_tasks()
        if caught is not None:
            try:
                raise caught
            finally:
                del caught  # it knows this frame, which would know it

    def _ask(self, connection: Connection, request: Request) -> None:
        if request.framing is NOTHING:
            connection.ask(request.head)
            connection.mark_sent()
        else:
            self._upload = Upload(request, connection, self._receive)
            self._uploading = asyncio.create_task(self._upload.run())

    async def _reply(self, connection: Connection, answer: Answer) -> None:
        if self._upload is not None and not self._upload.is_complete:
            self._precede(answer)
        body, is_done = connection.read(), connection.is_done
        if is_done:
            self._leave(connection)
        self.has_begun = True
        start: Message = {"type": "http.response.start", "status": answer.status, "headers": answer.fields}
        if has_trailers := isinstance(answer.body, ChunkedBody) and TRAILERS in self._scope.get("extensions", ()):
            start["trailers"] = True
        await self._send(start)
        while not is_done:
            # Even if empty at first: a server may keep the head back until it sees some body (ASGI specification).
            await self._send({"type": "http.response.body", "body": body, "more_body": True})
            while not (body := connection.read()) and not connection.is_done:
                await connection.news()
            is_done = connection.is_done
            if is_done:
                self._leave(connection)
        await self._send({"type": "http.response.body", "body": body})
        if has_trailers:
            await self._send({"type": TRAILERS, "headers": passing_trailers(answer.body.trailers)})

    def _precede(self, answer: Answer) -> None:
        """Prepare for an answer that comes before the request is over; see above."""
        answer.fields.append((b"connection", b"close"))
        if answer.status >= _FIRST_REFUSAL and self._uploading is not None:
            self._uploading.cancel()

    def _leave(self, connection: Connection) -> None:
        """Give the connection back before the last bytes are sent: a slow client need not keep it."""
        self._connection = None
        self._pool.give(connection)

    def _linger(self) -> None:
        """Called at each tick of a call that lasts: see to what short calls need not see to."""
        if self._upload is not None and self._uploading is not None and not self._uploading.done():
            self._upload.push_head()
        elif self._watching is None:
            self._watching = asyncio.create_task(self._watch())

    async def _watch(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        if self._connection is not None:
            self._connection.fail(Failure.CLIENT_GONE)

    async def _end_tasks(self) -> None:
        tasks = [task for task in (self._uploading, self._watching) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        for task in tasks:
            if not task.cancelled():
                task.result()  # raises what broke in the server's `receive`
