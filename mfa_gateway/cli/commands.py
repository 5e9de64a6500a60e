"""The commands, as one program. Apart from the package itself: a worker is a program of its own in this room, and must
not hold in memory what prints and parses for people at a terminal (some 6 MiB). What stays out: what a command does.
"""

import sys
from typing import Final

import typer

from mfa_gateway.cli import inspection, probing, serving, tokens
from mfa_gateway.cli.accounts import cli as accounts
from mfa_gateway.cli.build import version
from mfa_gateway.cli.demo import demo
from mfa_gateway.cli.factors import cli as factors
from mfa_gateway.cli.people.bringing import bring
from mfa_gateway.cli.people.login import login
from mfa_gateway.cli.people.taking import take
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
cli.command("probe")(probing.probe)
cli.command("version")(version)
accounts.command("import")(bring)
accounts.command("export")(take)
accounts.command("login")(login)
accounts.add_typer(factors, name="factors")
cli.add_typer(accounts, name="accounts")


def run() -> None:
    """Run the command of this process's arguments and exit."""
    try:
        cli()
    except ConfigurationError as error:
        fail(str(error))
        sys.exit(BAD_CONFIGURATION)
