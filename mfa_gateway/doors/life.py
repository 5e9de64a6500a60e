"""The life of an application around which a gateway opens and closes (ASGI lifespan).

Apart from the gate: nothing here is met by a call. What stays out: what opening and closing are (`Gatekeeping`).
"""

from mfa_gateway.doors.asgi import ASGIApp, Message, Receive, Scope, Send
from mfa_gateway.doors.parts import Gatekeeping


async def live(app: ASGIApp, gateway: Gatekeeping, scope: Scope, *, receive: Receive, send: Send) -> None:
    """Open the gateway before the application starts, and close it when the application has ended."""
    has_begun = False

    async def starting() -> Message:
        nonlocal has_begun
        message = await receive()
        if message["type"] == "lifespan.startup":
            has_begun = True
            await gateway.start()
        return message

    async def stopping(message: Message) -> None:
        if message["type"] != "lifespan.startup.complete":
            await gateway.stop()
        await send(message)

    try:
        await app(scope, starting, stopping)
    except Exception:
        if has_begun:
            raise
        await _live_alone(starting, stopping)
    finally:
        await gateway.stop()


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
