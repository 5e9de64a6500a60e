"""serve: run the gateway of a configuration until it is told to stop."""

import asyncio

import typer

from mfa_gateway.cli.configuration import ConfigOption, load
from mfa_gateway.cli.log import configure_log
from mfa_gateway.cli.supervision.supervisor import Supervisor
from mfa_gateway.cli.supervision.worker import StartFailed
from mfa_gateway.cli.terminal import fail
from mfa_gateway.core.fault import Fault
from mfa_gateway.settings import ConfigurationError, Problem, Settings


def serve(config: ConfigOption) -> None:
    """Run the gateway, as a reverse proxy or behind one. Prints one line when it is ready.

    SIGTERM drains and stops it, SIGHUP reads the configuration again.
    """
    settings = _loaded(config)
    configure_log()
    supervisor = Supervisor(settings, reload=lambda: _loaded(config), announce=typer.echo)
    try:
        asyncio.run(supervisor.run())
    except (Fault, StartFailed) as error:
        fail(f"The gateway did not start: {error}")
        raise typer.Exit(1) from error
    except asyncio.CancelledError:
        raise typer.Exit(1) from None


def _loaded(config: ConfigOption) -> Settings:
    settings = load(config)
    if not settings.upstream and not settings.trusted_proxies:
        how = "name the server to forward to, as in http://127.0.0.1:9000; or, to be asked by a proxy, trusted_proxies"
        raise ConfigurationError((Problem("upstream", how),))
    return settings
