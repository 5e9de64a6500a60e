"""Tracking: one connection on which the store tells whose standing has changed, and answers for having told.

RESP 3 with `CLIENT TRACKING ON BCAST` (Redis 6.0 and later): every change of a key that begins as standings do is
told, whoever makes it. Between news the store is asked, every `pulse` seconds, whether it is there; the answer comes
behind all news, so it vouches for everything that changed before the question. What stays out: what is made of the
news (near).
"""

import asyncio
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass
from typing import Any, Final

from redis.asyncio.connection import AbstractConnection, BlockingConnectionPool
from redis.exceptions import RedisError

from mfa_gateway.core.fault import StoreUnavailable
from mfa_gateway.state.keys import STANDING, account_key_of

_OK: Final = b"OK"
_PONG: Final = b"PONG"
_TRACKING: Final = ("CLIENT", "TRACKING", "ON", "BCAST", "PREFIX", STANDING)


@dataclass(frozen=True, slots=True)
class Assured:
    """Everything that changed before `moment`, by the clock given, has been told."""

    moment: float


@dataclass(frozen=True, slots=True)
class Changed:
    """These accounts changed, by their keys; None: all may have."""

    accounts: tuple[str, ...] | None


News = Assured | Changed


async def track(
    pool: BlockingConnectionPool,
    *,
    timeout: float,
    connect_timeout: float,
    pulse: float,
    clock: Callable[[], float],
) -> AsyncGenerator[News]:
    """What the store tells. The first thing is that it can be relied on from now on.

    `timeout` is for an answer, `connect_timeout` for the connection, which is none of the pool's own.

    Raises:
        StoreUnavailable: nothing more is told.
    """
    connection = _new_connection(pool)
    try:
        async with asyncio.timeout(connect_timeout):
            await connection.connect()  # type: ignore[no-untyped-call]
        await _begin(connection, timeout)
        while True:
            async for news in _pulse(connection, timeout, clock):
                yield news
            async for news in _listen(connection, pulse):
                yield news
    except (RedisError, OSError) as error:
        raise StoreUnavailable(f"changes are not told: {str(error) or type(error).__name__}") from error
    finally:
        await connection.disconnect(nowait=True)


def _new_connection(pool: BlockingConnectionPool) -> AbstractConnection:
    connection: AbstractConnection = pool.connection_class(**{**pool.connection_kwargs, "protocol": 3})
    return connection


async def _begin(connection: AbstractConnection, timeout: float) -> None:
    # Without a handler redis-py swallows them.
    connection._parser.set_invalidation_push_handler(_itself)  # type: ignore[attr-defined] # noqa: SLF001 - no other way
    await connection.send_command(*_TRACKING, check_health=False)
    reply = await _read(connection, timeout)
    if reply != _OK:
        raise RedisError(f"CLIENT TRACKING was answered with {reply!r}")


async def _itself(push: Any) -> Any:
    return push


async def _pulse(connection: AbstractConnection, timeout: float, clock: Callable[[], float]) -> AsyncGenerator[News]:
    """Ask whether the store is there. News may come before the answer."""
    asked = clock()
    await connection.send_command("PING", check_health=False)
    while (said := await _read(connection, timeout)) != _PONG:
        if said is None:
            raise TimeoutError("no answer to a ping")
        yield _changed(said)
    yield Assured(asked)


async def _listen(connection: AbstractConnection, seconds: float) -> AsyncGenerator[News]:
    loop = asyncio.get_running_loop()
    end = loop.time() + seconds
    while (left := end - loop.time()) > 0:
        said = await _read(connection, left)
        if said is None:
            return
        yield _changed(said)


async def _read(connection: AbstractConnection, seconds: float) -> Any:
    """What is said within so many seconds, or None. What has only begun by then is not lost."""
    return await connection.read_response(timeout=seconds, disconnect_on_error=False, push_request=True)


def _changed(push: Any) -> Changed:
    """What a message means. One that nobody understands, such as that of a FLUSHALL, means anything."""
    match push:
        case [b"invalidate", [*keys]] if all(isinstance(key, bytes) for key in keys):
            return Changed(tuple(account_key_of(key.decode("ascii", "replace")) for key in keys))
        case _:
            return Changed(None)
