"""The server: uvicorn with a stricter reading of HTTP/1.1.

uvicorn forgives what a gate must not: a target in several forms, trailer fields among the headers, heads without end,
an upgrade with a body. Whatever has two readings is answered with 400 and a closed connection, before a scope exists.
What stays out: the reading itself (protocol), and policy.
"""

import asyncio
from collections.abc import Callable
from functools import partial
from math import ceil
from ssl import SSLContext

import uvicorn

from mfa_gateway.doors.asgi import ASGIApp
from mfa_gateway.doors.protocol import StrictProtocol
from mfa_gateway.doors.served import ServedProtocol
from mfa_gateway.doors.service import Service
from mfa_gateway.doors.stopping import GatewayServer
from mfa_gateway.doors.terms import ServerTerms

__all__ = ["ServerTerms", "StrictProtocol", "make_server", "new_event_loop"]


def new_event_loop() -> asyncio.AbstractEventLoop:
    """The fastest event loop that this system has."""
    try:
        import uvloop  # noqa: PLC0415 - not there on Windows
    except ImportError:
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()


def _say_nothing(_port: int) -> None:
    """For those who know where they listen."""


def make_server(
    app: ASGIApp,
    *,
    host: str,
    port: int,
    terms: ServerTerms,
    tls: SSLContext | None = None,
    announce: Callable[[int], None] = _say_nothing,
) -> GatewayServer:
    """A server ready to run. Proxy headers are read by the gateway itself, never by uvicorn: it trusts 127.0.0.1."""
    service = Service(terms)
    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        http=partial(ServedProtocol, service=service),  # type: ignore[arg-type] # uvicorn only ever calls it
        ws="none",
        loop="auto",
        lifespan="on",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        date_header=False,
        timeout_graceful_shutdown=ceil(terms.drain),
        ssl_context_factory=None if tls is None else lambda *_: tls,
    )
    return GatewayServer(config, service, announce)
