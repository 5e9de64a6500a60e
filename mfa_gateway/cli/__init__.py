"""The command line: serve, demo, check, explain, token, accounts, schema.

Exit codes: 0 good, 1 failed, 2 bad configuration or usage. What stays out: everything that another door could need too;
a command reads its arguments, asks a room below, and prints.
"""


def main() -> None:
    """Run the command of this process's arguments and exit."""
    from mfa_gateway.cli.commands import run  # noqa: PLC0415 - workers, which are in this room too, do without it

    run()
