"""Which build this is: what every call passes through may be compiled in a wheel; the source is plain Python.

What stays out: how a build is made (deploy/compiling).
"""

from enum import StrEnum
from importlib.machinery import EXTENSION_SUFFIXES
from typing import Final

from mfa_gateway import __version__
from mfa_gateway.core import gate


class Build(StrEnum):
    """How the modules of the hot path are run."""

    COMPILED = "compiled"
    INTERPRETED = "interpreted"


def build() -> Build:
    """Which one this process runs, by the gate itself: all are compiled together, or none."""
    return Build.COMPILED if (gate.__file__ or "").endswith(tuple(EXTENSION_SUFFIXES)) else Build.INTERPRETED


# As people are told it.
PROGRAM: Final = f"mfa-gateway {__version__} ({build()})"


def version() -> None:
    """Say which version this is, and which build."""
    print(PROGRAM)
