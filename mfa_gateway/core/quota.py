"""Quotas: how many messages may go out, to whom and on whose behalf.

What stays out: counting (state) and the order in which limits are asked (engine).
"""

from dataclasses import dataclass, field
from enum import StrEnum


class QuotaKind(StrEnum):
    """What a limit is counted by."""

    ACCOUNT = "account"
    DESTINATION = "destination"
    CLIENT = "client"
    TOTAL = "total"


@dataclass(frozen=True, slots=True)
class Window:
    """At most `requests` in any `period_ms`."""

    requests: int
    period_ms: int


@dataclass(frozen=True, slots=True)
class Quota:
    """A limit and what it is counted for: an account's name, a canonical address, a client's address, or nothing."""

    kind: QuotaKind
    windows: tuple[Window, ...]
    subject: tuple[str, ...] = field(default=(), repr=False)
