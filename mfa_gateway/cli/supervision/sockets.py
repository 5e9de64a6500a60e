"""Listening sockets: bound once by the main process, and shared by every worker.

One socket with one queue: a connection that a dead worker had not taken yet is taken by another. What stays out: taking
connections.
"""

import asyncio
import errno
import os
import socket
from collections.abc import Iterator
from typing import Final

from mfa_gateway.cli.supervision.worker import StartFailed
from mfa_gateway.settings.addresses import Address

# How long to wait for a predecessor that is just going away.
_HANDOVER_SECONDS: Final = 2.0
_POLL_SECONDS: Final = 0.02


async def bound(key: str, address: Address, *, is_shared: bool = False) -> list[socket.socket]:
    """Sockets at an address, one for each form that its host has. Nobody listens yet.

    `is_shared`: workers bind the address themselves, again and again; these sockets only keep it for them. Another
    gateway, whose workers would share it as well, is found out first.

    Raises:
        StartFailed: the address cannot be had; the text names the `key` of the configuration.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + _HANDOVER_SECONDS
    while True:
        try:
            return _bound(address, is_shared=is_shared)
        except OSError as error:
            if error.errno != errno.EADDRINUSE or loop.time() > deadline:
                raise StartFailed(f"{key}: {address} cannot be listened on: {_reason(error)}.") from error
        await asyncio.sleep(_POLL_SECONDS)


def _bound(address: Address, *, is_shared: bool) -> list[socket.socket]:
    sockets: list[socket.socket] = []
    port = address.port
    try:
        for family, place in _places(address.host, port):
            if is_shared:
                _one(family, (place, port), is_shared=False).close()
            sockets.append(_one(family, (place, port), is_shared=is_shared))
            # Where the system chooses the port, it chooses once.
            port = sockets[0].getsockname()[1]
    except OSError:
        for each in sockets:
            each.close()
        raise
    return sockets


def _places(host: str, port: int) -> Iterator[tuple[socket.AddressFamily, str]]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    yield from dict.fromkeys((family, str(place[0])) for family, *_, place in found)


def _one(family: socket.AddressFamily, place: tuple[str, int], *, is_shared: bool) -> socket.socket:
    one = socket.socket(family, socket.SOCK_STREAM)
    try:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if is_shared:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if family is socket.AF_INET6:
            one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        one.bind(place)
        one.setblocking(False)
    except OSError:
        one.close()
        raise
    return one


def _reason(error: OSError) -> str:
    return os.strerror(error.errno).lower() if error.errno and error.errno > 0 else str(error.strerror or error)
