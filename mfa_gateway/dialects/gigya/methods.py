"""The table of methods: every name of the contract that is answered here.

A new method is one `Method` in the module that it belongs with, which lists its own in `METHODS`: how its parameters
are read into a command of the entrance, how the outcome is written, and who may call it. A new module gets its line
below. Everything else has been done by then: parameters, form, site and credential; and denials are written for all
methods alike (errors). What stays out: anything about a single method.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from mfa_gateway.dialects.gigya import (
    codes,
    devices,
    logins,
    people,
    sessions,
    tfa,
    tfa_authenticators,
    tfa_codes,
    tfa_pushes,
)
from mfa_gateway.dialects.gigya.method import Method

EVERY: Final = (
    *codes.METHODS,
    *logins.METHODS,
    *people.METHODS,
    *sessions.METHODS,
    *devices.METHODS,
    *tfa.METHODS,
    *tfa_codes.METHODS,
    *tfa_authenticators.METHODS,
    *tfa_pushes.METHODS,
)

_BY_NAME: Final[Mapping[str, Method]] = MappingProxyType({method.name.lower(): method for method in EVERY})


def method_called(name: str) -> Method | None:
    """The method of a name in any spelling, or None."""
    return _BY_NAME.get(name.lower())
