"""The configuration of a command: where the file is named, and how it is read."""

import os
from pathlib import Path
from typing import Annotated, Final

import typer

from mfa_gateway.settings import Settings, load_settings

_VARIABLE: Final = "MFA_GATEWAY_CONFIG"

ConfigOption = Annotated[
    Path, typer.Option("--config", "-c", help="The configuration file.", envvar=_VARIABLE, show_default=False)
]


def load(config: Path) -> Settings:
    """The settings of a file and of this process's environment.

    Raises:
        ConfigurationError: every problem there is.
    """
    # Names the file itself, and is no key in it.
    environ = {name: value for name, value in os.environ.items() if name != _VARIABLE}
    return load_settings(config, environ=environ)
