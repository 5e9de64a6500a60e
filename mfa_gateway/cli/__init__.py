"""The command line: serve, demo, check, explain, token, accounts, schema.

Exit codes: 0 good, 1 failed, 2 bad configuration or usage. What stays out: everything that another door could need too;
a command reads its arguments, asks a room below, and prints.
"""

import sys
from typing import Final

import typer

from mfa_gateway.cli import inspection, serving, tokens
from mfa_gateway.cli.accounts import cli as accounts
from mfa_gateway.cli.demo import demo
from mfa_gateway.cli.terminal import fail
from mfa_gateway.settings import ConfigurationError

BAD_CONFIGURATION: Final = 2

cli = typer.Typer(
    name="mfa-gateway",
    help="Put a second factor in front of APIs that you cannot, or will not, change.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
cli.command("serve")(serving.serve)
cli.command("demo")(demo)
cli.command("check")(inspection.check)
cli.command("explain")(inspection.explain)
cli.command("schema")(inspection.schema)
cli.command("token")(tokens.token)
cli.add_typer(accounts, name="accounts")


def main() -> None:
    """Run the command of this process's arguments and exit."""
    try:
        cli()
    except ConfigurationError as error:
        fail(str(error))
        sys.exit(BAD_CONFIGURATION)
