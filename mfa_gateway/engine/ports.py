"""Ports: what the engine needs of the world, written by the one who needs it.

The rooms behind these protocols (state, identity, directory, senders) do not import them; they fit by shape, and mypy
proves the fit where `app.py` puts the parts together. What stays out: anything with a body.
"""

from collections.abc import Sequence
from typing import Protocol

from mfa_gateway.core.account import AccountId, Caller, Factor, Identification, Person, Standing
from mfa_gateway.core.call import Call
from mfa_gateway.core.ceremony import Action, Change, Delivery, Outcome
from mfa_gateway.core.message import CodeMessage
from mfa_gateway.core.proof import Purpose, Receipt, Redemption, Scope
from mfa_gateway.core.quota import Quota
from mfa_gateway.core.verdict import Verdict


class Store(Protocol):
    """Shared state. Each method is one atomic step in one trip; it raises `StoreUnavailable` when it cannot be sure."""

    async def recall(self, account: AccountId, *, scope: Scope, session: str) -> Standing:
        """What is known of an account now; proofs are those of the scope's value."""
        ...

    async def redeem(self, redemption: Redemption, standing: Standing) -> Receipt:
        """Redeem a presented code at most once: ride, spent, ban, count, compare, consume, effect."""
        ...

    async def enrol(self, account: AccountId, *, factor: Factor, address: str, epoch: int) -> Change:
        """Make a factor pending with the address to pin, unless it is active or the epoch moved."""
        ...

    async def reserve(self, account: AccountId, *, factor: Factor, purpose: Purpose, quiet_ms: int) -> int:
        """Take the right to send one code. 0: taken; else the milliseconds until it is free again."""
        ...

    async def spend(self, quotas: Sequence[Quota]) -> int:
        """Count one message against each quota in turn, one trip each, until one refuses.

        0: all agreed; else the milliseconds until the refusing one would agree. What was counted before stays counted.
        """
        ...

    async def issue(
        self, account: AccountId, *, factor: Factor, purpose: Purpose, code: str, life_ms: int, epoch: int
    ) -> Change:
        """Make `code` the only live one of this factor and purpose, superseding the old one, unless the epoch moved."""
        ...

    async def void(self, account: AccountId, *, factor: Factor, purpose: Purpose) -> None:
        """Make the live code of this factor and purpose worthless."""
        ...

    def pinned_address(self, account: AccountId, factor: Factor, standing: Standing) -> str | None:
        """The address that an active factor was activated with. No trip: it travels, sealed, in the standing."""
        ...


class Identity(Protocol):
    """Who is calling."""

    async def identify(self, call: Call) -> Identification:
        """Verify the call's credential. Raises `IdentityUnavailable` when nothing can be said now."""
        ...


class Directory(Protocol):
    """Who people are and where to reach them."""

    async def look_up(self, caller: Caller) -> Person | None:
        """The person behind a caller, or None for nobody on record. Raises a `Fault` when it cannot say."""
        ...


class Sender(Protocol):
    """How a code travels."""

    async def send(self, message: CodeMessage) -> None:
        """Hand a message over within the sender's own deadline. Raises `DeliveryFailed`."""
        ...


class Meter(Protocol):
    """What is counted. Nothing here waits, raises, or keeps what belongs to one caller or one path."""

    def judged(self, verdict: Verdict, seconds: float) -> None:
        """One call was judged, in so many seconds. On every call: it has to cost next to nothing."""
        ...

    def performed(self, action: Action, outcome: Outcome) -> None:
        """One ceremony came to its outcome."""
        ...

    def dispatched(self, factor: Factor, delivery: Delivery) -> None:
        """One code was sent, or not."""
        ...
