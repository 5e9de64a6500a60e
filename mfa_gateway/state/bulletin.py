"""The bulletin: one connection that hears which accounts begin a new epoch.

Messages of a store are told once and to those who listen, so whoever listens has to know when that begins, and that it
ended: the first thing heard is `None`, and the end is an error. In between, a connection that says nothing is asked
whether it is there, because a network may lose one end without telling the other. What stays out: what is made of the
news (engine), and who tells them (lua/parts/epoch.lua).
"""

import asyncio
from collections.abc import AsyncGenerator
from typing import Any, Final

from redis.asyncio.connection import AbstractConnection, BlockingConnectionPool
from redis.exceptions import RedisError

from mfa_gateway.core.fault import StoreUnavailable
from mfa_gateway.state.keys import REVOCATIONS

# How long, in seconds, nothing is heard before the other end is asked. With `store.timeout`, that is how late the news
# of a connection that broke without a word can be.
_SILENCE: Final = 5.0


async def listen(
    pool: BlockingConnectionPool, *, timeout: float, connect_timeout: float, silence: float = _SILENCE
) -> AsyncGenerator[str | None]:
    """The account keys that are told of, after one `None`: whatever is told from there on is heard.

    `timeout` is for an answer, `connect_timeout` for the connection, which is none of the pool's own.

    Raises:
        StoreUnavailable: nothing more can be heard.
    """
    connection: AbstractConnection = pool.make_connection()  # type: ignore[no-untyped-call]
    try:
        async with asyncio.timeout(connect_timeout):
            await connection.connect()  # type: ignore[no-untyped-call]
        await _subscribe(connection, timeout)
        yield None
        while True:
            yield await _next(connection, timeout, silence)
    except (RedisError, OSError) as error:
        raise StoreUnavailable(f"revocations cannot be heard: {str(error) or type(error).__name__}") from error
    finally:
        await connection.disconnect(nowait=True)


async def _subscribe(connection: AbstractConnection, timeout: float) -> None:
    async with asyncio.timeout(timeout):
        await connection.send_command("SUBSCRIBE", REVOCATIONS)
        await connection.read_response()


async def _next(connection: AbstractConnection, timeout: float, silence: float) -> str:
    """The next account key that is told of."""
    while True:
        reply = await _read(connection, silence)
        if reply is None:
            async with asyncio.timeout(timeout):
                await connection.send_command("PING", check_health=False)
            reply = await _read(connection, timeout)
            if reply is None:
                raise TimeoutError("no answer to a ping")
        match reply:
            case [b"message", _, bytes() as account]:
                return account.decode("ascii", "replace")
            case _:
                pass  # the answer to a ping


async def _read(connection: AbstractConnection, seconds: float) -> Any:
    """What is said within so many seconds, or None. A message that has only begun by then is not lost."""
    return await connection.read_response(timeout=seconds, disconnect_on_error=False)
