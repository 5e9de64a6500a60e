"""Log-outs: an issuer's word that somebody is not logged in any more, and what became of it.

What stays out: how an issuer says it (identity), and the wire form of the answer (doors).
"""

from dataclasses import dataclass, field
from enum import StrEnum

from mfa_gateway.core.account import AccountId


@dataclass(frozen=True, slots=True)
class Farewell:
    """A verified word of an issuer that somebody has logged out.

    Attributes:
        account: whose windows are to end.
        issuer: who says so.
        token_id: what the issuer calls this word of his: each counts once.
        life_ms: for how long, in milliseconds from now, the same word could be brought again.
    """

    account: AccountId
    issuer: str
    token_id: str = field(repr=False)
    life_ms: int


@dataclass(frozen=True, slots=True)
class Hearsay:
    """What was brought is no issuer's word. `why` is for the log; of what was brought, nothing is in it.

    `is_nameless`: it is one, but it names a session and nobody whose session it is.
    """

    why: str
    is_nameless: bool = False


class Heard(StrEnum):
    """Whether a word was heard before."""

    FIRST = "for the first time"
    AGAIN = "again"


class Parting(StrEnum):
    """What became of a log-out."""

    DONE = "done"
    REPEATED = "repeated"
    NAMELESS = "nameless"
    REFUSED = "refused"
    POSTPONED = "postponed"
