"""Promptness: a call served without a task of its own, where nothing has to be waited for here.

A task, the futures it waits for and the messages it exchanges cost more than judging an open route. So our own server
asks an application to serve a call promptly. What the application needs no waiting for it does at once, and leaves the
rest to callbacks; whatever takes waiting it gives back as work, which then runs as it would behind any ASGI server.

    server -- serve_promptly(scope, client) --> application
                                            <-- None: it is being served
                                            <-- work: await this

An application that does not know how is served by a task, as ever. What stays out: when an answer is prompt
(middleware, forward_auth, upstream.prompt), and how it is written (cycle).
"""

from collections.abc import Awaitable, Callable
from typing import Protocol

from mfa_gateway.doors.asgi import ASGIApp, HeaderList, Message, Scope

Work = Awaitable[None]


class Client(Protocol):
    """Whoever waits for the answer to one call."""

    async def receive(self) -> Message:
        """What comes of the request, as in ASGI."""
        ...

    async def send(self, message: Message) -> None:
        """Take a part of the answer, as in ASGI."""
        ...

    @property
    def is_taking(self) -> bool:
        """Whether a whole answer can be given now: nothing waits to be taken."""
        ...

    def answer(self, status: int, headers: HeaderList, body: bytes) -> None:
        """Take a whole answer, once, in place of every `send`.

        Raises:
            RuntimeError: the body is not as long as announced.
            ValueError: a field has a name or value that would be read as something else.
        """
        ...

    def answer_empty(self, status: int, lines: bytes) -> None:
        """Take a whole answer without a body, in place of `answer`.

        `lines` are its fields as they go on the wire, each with its line end, its date among them and nothing of how it
        is framed. They are not looked at: no byte in a value may be one that ends it.
        """
        ...

    def run(self, work: Work) -> None:
        """Have the rest done by a task. Whatever it raises ends the answer."""
        ...


Serving = Callable[[Scope, Client], Work | None]


def promptly(app: ASGIApp) -> Serving:
    """How to have an application serve calls: promptly if it knows how, else by work alone."""
    serving: Serving | None = getattr(app, "serve_promptly", None)
    return serving if serving is not None else lambda scope, client: app(scope, client.receive, client.send)


def served(app: ASGIApp, scope: Scope, client: Client) -> Work | None:
    """Have an application serve a call. What goes wrong at once comes back as work that raises it."""
    try:
        return promptly(app)(scope, client)
    except Exception as error:  # noqa: BLE001 - a parser's callback calls this: it would blame the client
        return failed(error)


async def failed(error: Exception) -> None:
    """The work of a call that could not even be begun: it raises what went wrong, where applications do."""
    raise error
