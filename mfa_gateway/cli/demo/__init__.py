"""The demonstration: a second factor being enforced, with every part real.

One process tree: the gateway as `mfa-gateway serve` with its embedded store, a sample API behind it, and a mail server
that shows what it catches. Nothing is kept afterwards. What stays out: shortcuts; the demonstration uses the same
configuration file, commands and wire as everybody else.
"""

import asyncio
from signal import SIGTERM
from typing import Annotated

import typer

from mfa_gateway.cli.demo.performance import perform
from mfa_gateway.cli.demo.stage import Stage, StageError
from mfa_gateway.cli.demo.welcome import welcome
from mfa_gateway.cli.terminal import fail

__all__ = ["demo"]


def demo(
    check: Annotated[bool, typer.Option("--check", help="Make the calls, print the transcript, exit 0 or 1.")] = False,  # noqa: FBT002 - a flag of the command line
) -> None:
    """Watch a second factor being enforced: a gateway, a sample API, a mail catcher and a token, ready to try."""
    try:
        is_good = asyncio.run(_run(checks=check))
    except StageError as error:
        fail(str(error))
        raise typer.Exit(1) from error
    except (KeyboardInterrupt, asyncio.CancelledError):
        return
    if not is_good:
        raise typer.Exit(1)


async def _run(*, checks: bool) -> bool:
    task = asyncio.current_task()
    if task is not None:
        # Ctrl-C arrives as KeyboardInterrupt; a polite kill has to leave as little behind.
        asyncio.get_running_loop().add_signal_handler(SIGTERM, task.cancel)
    async with Stage() as stage:
        if checks:
            return await perform(stage)
        welcome(stage)
        stage.mailbox.shows = True
        await stage.gateway_ends()
        return False
