"""The terminal: how this program prints. Results go to standard output, everything else to standard error."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)

ConfigOption = Annotated[
    Path,
    typer.Option("--config", "-c", help="The configuration file.", envvar="MFA_GATEWAY_CONFIG", show_default=False),
]


def fail(text: str) -> None:
    """Tell what went wrong."""
    err.print(text, style="red", markup=False)
