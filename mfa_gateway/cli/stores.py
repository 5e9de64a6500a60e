"""Stores: how a command gets at the store of a configuration, beside a running gateway or without one.

An embedded store that nobody runs is run for the moment. What stays out: what is asked of it.
"""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace

import typer

from mfa_gateway.app import store_settings
from mfa_gateway.settings import Settings
from mfa_gateway.state.embedded import EmbeddedStore, join
from mfa_gateway.state.opening import open_store
from mfa_gateway.state.store import Store


@asynccontextmanager
async def opened_store(settings: Settings, *, patience: float = 0.0) -> AsyncIterator[Store]:
    """The configured store, found fit for use.

    `patience` is how many seconds an answer may take at least: no call waits behind a command, so a batch that is large
    for a slow disk need not fail.

    Raises:
        Fault: it cannot be used; the text says why.
    """
    async with AsyncExitStack() as stack:
        asked = store_settings(settings, await _private_url(settings, stack))
        store = await open_store(replace(asked, timeout=max(asked.timeout, patience)))
        stack.push_async_callback(store.close)
        yield store


async def _private_url(settings: Settings, stack: AsyncExitStack) -> str | None:
    """Where the embedded store is: that of a running gateway, else one that runs until the stack is closed."""
    if settings.store.kind == "memory":
        raise typer.BadParameter("store.url: memory:// lives and dies with its gateway; there is nothing to change.")
    if settings.store.kind != "embedded":
        return None
    running = join(settings.store.data_dir)
    return running or (await stack.enter_async_context(EmbeddedStore(settings.store.data_dir))).url
