"""The terminal: how this program prints. Results go to standard output, everything else to standard error."""

from rich.console import Console

out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)


def fail(text: str) -> None:
    """Tell what went wrong."""
    err.print(text, style="red", markup=False)
