"""The service: what every connection of one listener shares.

The numbers that hold for all, and whether the listener is about to stop. What stays out: what a connection does about
either (protocol, stopping).
"""

from typing import final

from mfa_gateway.doors.terms import ServerTerms


@final
class Service:
    """Handed to each connection as it is made. `is_winding_down`: every answer is the last one of its connection."""

    __slots__ = ("is_winding_down", "terms")

    def __init__(self, terms: ServerTerms) -> None:
        self.terms = terms
        self.is_winding_down = False
