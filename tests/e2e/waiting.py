"""Waiting for another process: asked again and again, with a deadline, and leaving it the processor in between."""

import asyncio
from collections.abc import Awaitable, Callable

PATIENCE = 20.0
_ASKED_EVERY = 0.02


async def until(holds: Callable[[], Awaitable[bool] | bool]) -> None:
    """Wait until a condition holds, which only another process can bring about."""
    async with asyncio.timeout(PATIENCE):
        while True:
            answer = holds()
            if answer if isinstance(answer, bool) else await answer:
                return
            await pause(_ASKED_EVERY)


async def pause(seconds: float) -> None:
    """Leave the processor to others between two questions."""
    is_over = asyncio.Event()
    asyncio.get_running_loop().call_later(seconds, is_over.set)
    await is_over.wait()
