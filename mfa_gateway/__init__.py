"""mfa_gateway: put a second factor in front of APIs that you cannot, or will not, change.

    from mfa_gateway import Gateway, MFAMiddleware, load_settings, requires_mfa

The names are resolved when they are asked for (PEP 562), so that importing the core imports nothing else.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mfa_gateway.app import Gateway
    from mfa_gateway.app.library import MFAMiddleware
    from mfa_gateway.app.marking import requires_mfa
    from mfa_gateway.doors.library.facts import MFAFacts, mfa_facts
    from mfa_gateway.settings import load_settings

__version__ = "0.1.0"
__all__ = ["Gateway", "MFAFacts", "MFAMiddleware", "load_settings", "mfa_facts", "requires_mfa"]

_HOMES = {
    "Gateway": "app",
    "MFAFacts": "doors.library.facts",
    "MFAMiddleware": "app.library",
    "load_settings": "settings",
    "mfa_facts": "doors.library.facts",
    "requires_mfa": "app.marking",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
