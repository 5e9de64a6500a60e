"""Event loops for what stands on sockets: asyncio's and uvloop, because their transports end and pause differently."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack

import pytest
import uvloop

from mfa_gateway.doors.asgi import ASGIApp
from mfa_gateway.doors.server import ServerTerms
from tests.doors.listening import Listening, listening

Serve = Callable[..., Awaitable[Listening]]

_ON_SOCKETS = ("test_protocol", "test_server", "test_upgrading", "test_link")


@pytest.hookimpl(optionalhook=True)
def pytest_asyncio_loop_factories(item: pytest.Item) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    if item.path.stem.startswith(_ON_SOCKETS):
        return {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}
    return {"asyncio": asyncio.new_event_loop}


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    """Puts an application behind the gateway's server."""
    async with AsyncExitStack() as stack:

        async def serve_(app: ASGIApp, terms: ServerTerms | None = None) -> Listening:
            return await stack.enter_async_context(listening(app, terms or ServerTerms()))

        yield serve_
