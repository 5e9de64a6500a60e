"""Login: what became of a name and a password.

A login tells who somebody is and nothing of a second factor. What stays out: how passwords are kept and compared
(directory), and how many may be tried (ceremony).
"""

from dataclasses import dataclass
from enum import StrEnum

from mfa_gateway.core.account import AccountId


@dataclass(frozen=True, slots=True)
class Known:
    """Name and password belong together, and to this account. It may be disabled all the same: its standing tells."""

    account: AccountId


@dataclass(frozen=True, slots=True)
class Wrong:
    """They do not. Which of the two was wrong, or missing, is never told: that would say who has an account."""


Login = Known | Wrong


class Renewal(StrEnum):
    """Whether a password was replaced by another."""

    MADE = "made"
    """Whatever was opened or proved with the old one is over."""
    STALE = "stale"
    """The old one is none, or not any more; nothing was done."""
    ELSEWHERE = "elsewhere"
    """Passwords are kept by another system, and are changed there."""
