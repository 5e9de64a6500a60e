"""The gRPC server of ext_authz, and the health service beside it. The only module that needs grpcio.

    listen   take calls, at an address that every worker of the gateway binds (SO_REUSEPORT)
    retire   still answer, but tell health checks to look elsewhere
    stop     no new calls; what is asked is answered, within so many seconds

Only peers in `trusted_proxies` are answered: whoever may ask here may say who is calling from where. What stays out:
what is answered (check).
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Final, Protocol, TypeVar
from urllib.parse import unquote

import grpc
import structlog
from structlog.typing import FilteringBoundLogger

from mfa_gateway.doors.ext_authz.wire import (
    AUTHORIZATION,
    HEALTH,
    Denied,
    Described,
    Granted,
    Health,
    read_check,
    read_health_request,
    write_answer,
    write_health,
)
from mfa_gateway.doors.peers import TrustedProxies
from mfa_gateway.engine.hurry import hurry

# Of the time that is left to a caller, how much an answer may take: the rest is for its way back.
_SHARE: Final = 0.75
# A header section and whatever of a body Envoy was told to send along; nobody here looks at a body.
_MESSAGE_BYTES: Final = 1024 * 1024
# What the health service answers for; "" is all of it (grpc/health/v1/health.proto).
_SERVICES: Final = frozenset({"", AUTHORIZATION})

Read = TypeVar("Read")

_log: FilteringBoundLogger = structlog.get_logger("mfa_gateway")


class Checking(Protocol):
    """Answers Checks."""

    async def check(self, described: Described) -> Granted | Denied:
        """The answer to one Check."""
        ...


class AuthorizationServer:
    """Serves Checks at one address.

    Args:
        checker: answers them.
        proxies: who may ask.
        within: seconds that an answer may take at most.
        calls: Checks at a time.
    """

    def __init__(self, checker: Checking, *, proxies: TrustedProxies, within: float, calls: int) -> None:
        self._checker = checker
        self._proxies = proxies
        self._within = within
        self._calls = calls
        self._health = Health.SERVING
        self._is_changed = asyncio.Event()
        self._server: Any = None

    async def listen(self, address: str) -> int:
        """Begin to take calls; gives the port.

        Raises:
            OSError: the address cannot be listened on.
        """
        options = (("grpc.so_reuseport", 1), ("grpc.max_receive_message_length", _MESSAGE_BYTES))
        self._server = grpc.aio.server(options=options, maximum_concurrent_rpcs=self._calls)
        self._server.add_generic_rpc_handlers(self._handlers())
        try:
            port = int(self._server.add_insecure_port(address))
        except RuntimeError as error:
            raise OSError(f"ext_authz.listen: {address} cannot be listened on: {error}") from error
        await self._server.start()
        return port

    def retire(self) -> None:
        """Tell health checks that this is about to end."""
        self._health = Health.NOT_SERVING
        self._is_changed.set()

    async def stop(self, seconds: float) -> None:
        """End, with so many seconds for what is asked already. May be called twice, and without `listen`."""
        self.retire()
        if self._server is not None:
            await self._server.stop(seconds)

    def _handlers(self) -> tuple[Any, ...]:
        check, look = _unary(self._check), _unary(self._look)
        watch = grpc.unary_stream_rpc_method_handler(self._watch)
        return (
            grpc.method_handlers_generic_handler(AUTHORIZATION, {"Check": check}),
            grpc.method_handlers_generic_handler(HEALTH, {"Check": look, "Watch": watch}),
        )

    # --- Authorization ---

    async def _check(self, message: bytes, context: Any) -> bytes:
        if not self._proxies.trust(peer := _address(context.peer())):
            _log.warning("ext_authz: a peer that is not in trusted_proxies asked", peer=peer)
            await context.abort(grpc.StatusCode.PERMISSION_DENIED, "the peer is not in trusted_proxies")
        described = await _readable(read_check, message, context)
        with hurry(self._time_for(context.time_remaining())):
            return write_answer(await self._checker.check(described))

    def _time_for(self, remaining: float | None) -> float:
        return self._within if remaining is None else min(self._within, remaining * _SHARE)

    # --- Health ---

    async def _look(self, message: bytes, context: Any) -> bytes:
        await _known_service(message, context)
        return write_health(self._health)

    async def _watch(self, message: bytes, context: Any) -> AsyncIterator[bytes]:
        await _known_service(message, context)
        yield write_health(self._health)
        await self._is_changed.wait()
        yield write_health(self._health)


def _unary(answer: Callable[[bytes, Any], Awaitable[bytes]]) -> Any:
    return grpc.unary_unary_rpc_method_handler(answer)


async def _readable(read: Callable[[bytes], Read], message: bytes, context: Any) -> Read:
    """What a message says; one that says nothing ends the call."""
    try:
        return read(message)
    except ValueError as error:
        await context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(error))
        raise


async def _known_service(message: bytes, context: Any) -> None:
    service = await _readable(read_health_request, message, context)
    if service not in _SERVICES:
        await context.abort(grpc.StatusCode.NOT_FOUND, "no such service")


def _address(peer: str) -> str:
    """The address in gRPC's name of a peer, as in `ipv4:127.0.0.1:5000` and `ipv6:%5B::1%5D:5000`; else ""."""
    kind, _, place = unquote(peer).partition(":")
    return place.rpartition(":")[0].strip("[]") if kind in ("ipv4", "ipv6") else ""
