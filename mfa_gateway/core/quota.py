"""Quotas: how many messages may go out, to whom and on whose behalf, and when a country is written to no more.

What stays out: counting (state) and the order in which limits are asked (engine).
"""

from dataclasses import dataclass, field
from enum import StrEnum


class QuotaKind(StrEnum):
    """What a limit is counted by."""

    ACCOUNT = "account"
    DESTINATION = "destination"
    CLIENT = "client"
    PREFIX = "prefix"
    COUNTRY = "country"
    TOTAL = "total"
    CALLS = "calls"
    """Requests of one client, whether a message comes of them or not."""


class Asker(StrEnum):
    """On whose word a message is sent. What strangers ask for is counted apart: it must not use up the owner's own."""

    OWNER = "owner"
    """A caller with a credential behind them."""
    STRANGER = "stranger"
    """Somebody who has proved nothing; the limit of their address was counted before."""
    SERVER = "server"
    """A server of the site, for somebody who has proved nothing."""
    COURIER = "courier"
    """A server of the site that carries the code itself: it is issued, and nothing is sent."""


@dataclass(frozen=True, slots=True)
class Window:
    """At most `requests` in any `period_ms`."""

    requests: int
    period_ms: int


@dataclass(frozen=True, slots=True)
class Quota:
    """A limit and what it is counted for.

    That is an account's name, a canonical address, a client's address, a block of numbers, a country, or nothing.
    """

    kind: QuotaKind
    windows: tuple[Window, ...]
    subject: tuple[str, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class Conversion:
    """How few of the codes sent to a country may be redeemed.

    People who ask for a code type it in; machines that are paid for traffic do not. Codes count in the part of the
    window in which they were sent, and a code that was superseded by another counts as one that nobody typed in.

    Attributes:
        window_ms: codes of this long are looked at, give or take a sixtieth.
        least_sent: fewer codes than this say nothing.
        least_rate: of those sent, from 0 to 1; fewer redeemed ones are an alarm.
        stop_ms: nothing is sent to the country for this long. Then counting begins anew.
    """

    window_ms: int
    least_sent: int
    least_rate: float
    stop_ms: int


@dataclass(frozen=True, slots=True)
class Stop:
    """Nothing is sent to a country now.

    Attributes:
        left_ms: until it is written to again.
        sent: codes that were sent in the window; 0 where the stop began earlier.
        redeemed: how many of them came back.
    """

    left_ms: int
    sent: int = 0
    redeemed: int = 0

    @property
    def has_begun(self) -> bool:
        """Whether this very message brought the stop: there is one such message for each."""
        return self.sent > 0
