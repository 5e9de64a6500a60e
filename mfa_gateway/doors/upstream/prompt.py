"""A prompt exchange: a call without a body whose answer comes whole and soon, which most do.

For: asking on a connection that is open already, and handing the answer over when it is there, without a task and
without a message. Nothing here waits. Whatever turns out otherwise, an answer in pieces, a failure, a client that is
slow to take what it got, or a tenth of a second without news, is handed over to an `Exchange`, which goes on with it.
Not here: everything about such exchanges (`exchange`), and who is told what when they fail (`forward`).
"""

from collections.abc import Callable

from mfa_gateway.doors.promptness import Client, Work, failed
from mfa_gateway.doors.upstream.bodies import SizedBody
from mfa_gateway.doors.upstream.connection import Connection
from mfa_gateway.doors.upstream.pool import Pool
from mfa_gateway.doors.upstream.request import Request


class PromptExchange:
    """One call on one connection. `on_delay` makes the work that goes on with the connection where this ends."""

    __slots__ = ("_client", "_connection", "_on_delay", "_pool")

    def __init__(
        self, pool: Pool, connection: Connection, client: Client, on_delay: Callable[[Connection], Work]
    ) -> None:
        self._pool = pool
        self._connection = connection
        self._client = client
        self._on_delay = on_delay

    def ask(self, request: Request) -> None:
        """Send a request that has no body."""
        connection = self._connection
        connection.begin(to_head=request.is_head, on_linger=self._hand_over)
        connection.on_news = self._hear
        connection.ask(request.head)
        connection.mark_sent()

    def _hear(self) -> None:
        connection, answer = self._connection, self._connection.answer
        if (
            answer is None
            or not connection.is_done
            or not isinstance(answer.body, SizedBody)
            or not self._client.is_taking
        ):
            self._hand_over()
            return
        body = connection.read()
        self._pool.give(connection)
        try:
            self._client.answer(answer.status, answer.fields, body)
        except Exception as error:  # noqa: BLE001 - told as what applications raise is, and the client hears of it
            self._client.run(failed(error))

    def _hand_over(self) -> None:
        self._connection.on_news = None
        self._client.run(self._on_delay(self._connection))
