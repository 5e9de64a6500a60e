"""Presence: whether somebody is still who the directory says they are, and what it means when they are not.

The store knows what an account proved; a directory of somebody else's may know that the person has left meanwhile. What
stays out: asking, and how long an answer counts (directory).
"""

from enum import StrEnum
from typing import assert_never

from mfa_gateway.core.verdict import Reason


class Presence(StrEnum):
    """What a directory says of somebody, addresses aside."""

    KNOWN = "known"
    UNKNOWN = "unknown"
    """Nobody of this name is on record there."""
    DISABLED = "disabled"
    """On record, and allowed nothing any more."""


def absence(presence: Presence) -> Reason | None:
    """Why nothing can be done for somebody, or None.

    Nothing that was proved is touched: a person who comes back finds what has not run out.
    """
    match presence:
        case Presence.KNOWN:
            return None
        case Presence.UNKNOWN:
            return Reason.ACCOUNT_UNKNOWN
        case Presence.DISABLED:
            return Reason.ACCOUNT_DISABLED
        case _ as never:
            assert_never(never)
