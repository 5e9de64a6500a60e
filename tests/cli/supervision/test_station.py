"""The program of a worker: what it does without."""

import subprocess
import sys

FOR_TERMINALS = ("typer", "mfa_gateway.cli.commands", "mfa_gateway.cli.demo")


def test_a_worker_holds_nothing_in_memory_that_only_a_terminal_needs() -> None:
    program = "import sys\nimport mfa_gateway.cli.supervision.station\nprint(*sys.modules)\n"
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert set(FOR_TERMINALS) & set(run.stdout.split()) == set()
