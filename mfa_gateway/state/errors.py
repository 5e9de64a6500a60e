"""Errors of this room that a person reads.

`StoreUnavailable` of the core is for what may be gone in a moment. What is here stays until somebody changes something,
so it stops the start. What stays out: errors of redis-py, which never leave the room (line).
"""

from mfa_gateway.core.fault import Fault


class StoreUnfit(Fault):
    """The store must not be used as it is configured. The text says what is wrong and what to do."""


class StoreOwned(StoreUnfit):
    """The embedded store belongs to another running gateway."""
