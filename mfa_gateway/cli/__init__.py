"""The command line: serve, demo, check, explain, token, accounts, probe, schema, version.

Exit codes: 0 good, 1 failed, 2 bad configuration or usage. What stays out: everything that another door could need too;
a command reads its arguments, asks a room below, and prints.
"""

import os
import signal
import sys


def main() -> None:
    """Run the command of this process's arguments and exit."""
    if os.getpid() == 1:
        # The first process of a container gets no signal that it has no handler for: being told to stop while all the
        # modules load would go unheard, and the container be killed only when its patience ends.
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: sys.exit(1))
    from mfa_gateway.cli.commands import run  # noqa: PLC0415 - workers, which are in this room too, do without it

    run()
