"""Taking accounts out: `mfa-gateway accounts export`.

The same form that they are brought in with, without passwords, hashes and secrets. Nothing else of it is hidden: names
and addresses are in clear, so the file is readable by its owner alone. What stays out: the form of a line (lines).
"""

import asyncio
import os
import sys
from pathlib import Path
from typing import Annotated, BinaryIO

import typer

from mfa_gateway.cli.configuration import ConfigOption, load
from mfa_gateway.cli.people.bringing import PATIENCE
from mfa_gateway.cli.people.lines import line_of
from mfa_gateway.cli.people.seen import Seen
from mfa_gateway.cli.stores import opened_store
from mfa_gateway.cli.terminal import err, fail
from mfa_gateway.core.fault import Fault
from mfa_gateway.settings import Settings


def take(
    config: ConfigOption,
    file: Annotated[Path, typer.Argument(help="Where to write to; - is standard output.")] = Path("-"),
) -> None:
    """Write every account on record to a file, one JSON object a line, without secrets."""
    settings = load(config)
    try:
        if str(file) == "-":
            nameless = asyncio.run(_take(settings, sys.stdout.buffer))
        else:
            with _private(file) as target:
                nameless = asyncio.run(_take(settings, target))
    except (Fault, OSError) as error:
        fail(str(error))
        raise typer.Exit(1) from error
    if nameless:
        err.print(f"{nameless} accounts enrolled by themselves and are not on record: nothing tells their names.")


def _private(file: Path) -> BinaryIO:
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    return os.fdopen(descriptor, "wb")


async def _take(settings: Settings, target: BinaryIO) -> int:
    """Write the accounts; how many there are without a name."""
    nameless = 0
    seen = Seen()
    try:
        async with opened_store(settings, patience=PATIENCE) as store:
            async for some in store.ledger.walk():
                for account in some:
                    if account is None:
                        nameless += 1
                    elif seen.first(account.account.realm, account.account.subject, line=1) is None:
                        target.write(line_of(account))
    finally:
        seen.close()
    target.flush()
    return nameless
