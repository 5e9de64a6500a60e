"""Ports of the entrance: what the porter needs of the world, beside what the clerk has already.

The rooms behind these protocols fit by shape, as those of `ports` do. What stays out: anything with a body.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol

from mfa_gateway.core import ceremony
from mfa_gateway.core.account import AccountId, Caller, Factor
from mfa_gateway.core.call import Call
from mfa_gateway.core.entrance.outcomes import Outcome
from mfa_gateway.core.entrance.second_words import TellOwner
from mfa_gateway.core.entrance.words import Address, Claim, Portrait, Registered, Use
from mfa_gateway.core.tickets import Ticket, TicketKind


class Providing(Protocol):
    """Carries out what the ceremonies of callers need; the clerk."""

    async def provide(self, need: ceremony.Need, caller: Caller, call: Call) -> ceremony.Answer:
        """Carry out one need for somebody."""
        ...

    async def carry_out(self, command: ceremony.Command, call: Call) -> ceremony.Outcome:
        """Play a whole ceremony. A fault on the way becomes a refusal."""
        ...

    async def announce(self, need: TellOwner, call: Call) -> None:
        """Tell the owner of an account what was done to a factor. It does not fail."""
        ...


class Tickets(Protocol):
    """Who seals tickets. Nothing here takes a trip."""

    def seal_ticket(self, ticket: Ticket) -> str:
        """An opaque text of a ticket, whose `id` is drawn now."""
        ...

    def open_ticket(self, text: str, *, kind: TicketKind, site: str) -> Ticket | None:
        """A ticket of this kind and site; None for everything else. Its dates are not looked at."""
        ...


class Uses(Protocol):
    """What is remembered of things that may be used once. It raises `StoreUnavailable` when it cannot be sure."""

    async def use_once(self, *names: str, keep_ms: int) -> Use:
        """Remember a use, in one atomic step: of any number at a time, one is the first."""
        ...

    async def was_used(self, *names: str) -> Use:
        """Whether a use is remembered: REPEATED where it is, and FIRST where the next one would be."""
        ...


class Accounts(Protocol):
    """What is kept of accounts for good. Raises `StoreUnavailable`."""

    async def find(self, realm: str, login: str) -> AccountId | None:
        """Whose a login id in its canonical form is, in as many trips where it is nobody's."""
        ...

    async def portrait(self, account: AccountId) -> Portrait | None:
        """What is on record of an account."""
        ...

    async def register(self, account: AccountId, address: Address, *, profile: Mapping[str, object]) -> Registered:
        """Put a new account on record that logs in with an address; or tell whose it is, if somebody was faster."""
        ...

    async def claim_address(self, account: AccountId, address: Address) -> Claim:
        """Give an account an address, verified, and the login id of it, in place of the one that it had."""
        ...

    async def drop_address(self, account: AccountId, factor: Factor) -> Claim:
        """Take an address and its login id away."""
        ...

    async def set_profile(self, portrait: Portrait, profile: Mapping[str, object]) -> Claim:
        """Replace the profile, unless it is another one by now than in this portrait."""
        ...


class Addresses(Protocol):
    """What an address means."""

    def read(self, factor: Factor, written: str) -> Address | None:
        """The address that was meant, or None where no message goes."""
        ...


class Receiving(Protocol):
    """Counts errands."""

    def received(self, action: str, outcome: Outcome) -> None:
        """One errand came to its outcome. `action` is a name of this program."""
        ...


Job = Callable[[], Awaitable[None]]


class Waiting(Protocol):
    """Where that waits which is done after an answer."""

    def put(self, job: Job) -> bool:
        """Have it done, soon; False where too much waits already."""
        ...
