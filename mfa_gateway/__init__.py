"""mfa_gateway: put a second factor in front of APIs that you cannot, or will not, change.

    from mfa_gateway import Gateway, MFAMiddleware, load_settings

The names are resolved when they are asked for (PEP 562), so that importing the core imports nothing else.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mfa_gateway.app import Gateway
    from mfa_gateway.doors.middleware import MFAMiddleware
    from mfa_gateway.settings import load_settings

__version__ = "0.1.0"
__all__ = ["Gateway", "MFAMiddleware", "load_settings"]

_HOMES = {"Gateway": "app", "MFAMiddleware": "doors.middleware", "load_settings": "settings"}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
