"""serve: one gateway in this process, from its configuration until it is told to stop."""

import asyncio
import logging
import sys

import structlog
import typer

from mfa_gateway.app import Gateway, server_terms
from mfa_gateway.cli.configuration import ConfigOption, load
from mfa_gateway.cli.terminal import fail
from mfa_gateway.core.fault import Fault
from mfa_gateway.doors.server import make_server, new_event_loop
from mfa_gateway.settings import ConfigurationError, Problem, Settings


def serve(config: ConfigOption) -> None:
    """Run the gateway as a reverse proxy. Prints one line when it is ready; SIGTERM drains and stops it."""
    settings = load(config)
    if not settings.upstream:
        raise ConfigurationError((Problem("upstream", "name the server to forward to, as in http://127.0.0.1:9000"),))
    configure_log()
    try:
        with asyncio.Runner(loop_factory=new_event_loop) as runner:
            runner.run(_run(settings))
    except Fault as fault:
        fail(f"The gateway did not start: {fault}")
        raise typer.Exit(1) from fault


async def _run(settings: Settings) -> None:
    gateway = Gateway(settings)
    server = make_server(
        gateway.app,
        host=settings.listen.host,
        port=settings.listen.port,
        terms=server_terms(settings),
        announce=lambda port: typer.echo(f"mfa-gateway listens on http://{settings.listen.host}:{port}"),
    )
    # Opened here and not by the lifespan alone: what stops a start has to reach the person who started it.
    await gateway.start()
    try:
        await server.serve()
    finally:
        await gateway.stop()
    if not server.started:
        raise typer.Exit(1)


def configure_log() -> None:
    """Lines for people at a terminal, one JSON object a line for everybody else; always on standard error."""
    renderer: structlog.typing.Processor = (
        structlog.dev.ConsoleRenderer() if sys.stderr.isatty() else structlog.processors.JSONRenderer()
    )
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="%(levelname)s %(name)s %(message)s")
