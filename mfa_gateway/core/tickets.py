"""Tickets: opaque tokens that tie two steps of a ceremony together, for people of whom nothing else is kept meanwhile.

A ticket says what was begun: at which site, for whose account or address, on which device. It is sealed, so nobody can
read or make one, and it never serves another kind or site: both are authenticated with it. Whether it is still good is
decided here, against a given now by the *host's* clock, as for the dates of JWTs: opening a ticket takes no trip. Codes
and sessions, which a ticket alone never replaces, run by the store's clock.

A ticket by itself can be shown again until it ends. Where a step must happen once, the code behind it is spent by the
store's script, or the ticket's `id` is remembered as used (`UseOnce`). What stays out: sealing (state).
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from mfa_gateway.core.account import AccountId, Factor

# Replicas' clocks differ a little: a ticket of one may seem to be made in the future at another.
_AHEAD_MS: Final = 10_000

_NOTHING: Final[Mapping[str, str]] = MappingProxyType({})


class TicketKind(StrEnum):
    """What a ticket is good for. One kind never serves as another."""

    CODE = "code"
    """A code is on its way to an address (vToken)."""
    REGISTRATION = "registration"
    """Somebody has shown a first factor and has no session yet (regToken)."""
    IDENTIFIER = "identifier"
    """Somebody has typed in a name, which may be anybody's (aToken)."""
    PROVIDER = "provider"
    """A second factor's code is on its way (phvToken)."""
    SECRET = "secret"  # noqa: S105 - the name of a kind
    """An authenticator waits for its first code (sctToken)."""
    CONTEXT = "context"
    """What an assertion says to nobody but its issuer (ctx)."""


@dataclass(frozen=True, slots=True)
class Ticket:
    """What a ticket says.

    Attributes:
        kind: what it is good for.
        site: where it was made.
        id: names it: random, lower-case hexadecimal.
        born_ms: when it was made, in milliseconds since 1970 by the clock of the host that made it.
        life_ms: how long it lasts.
        account: whose it is; None where that is not settled yet.
        epoch: the account's, where there is one: a ticket of an older epoch is void.
        device: the device that it was made on; "" where none was told.
        factor: the factor that it is about.
        address: the address that it is about, in its canonical form.
        facts: whatever else its ceremony has to know again.
    """

    kind: TicketKind
    site: str
    id: str
    born_ms: int
    life_ms: int
    account: AccountId | None = None
    epoch: int = 0
    device: str = ""
    factor: Factor | None = None
    address: str = field(default="", repr=False)
    facts: Mapping[str, str] = field(default_factory=lambda: _NOTHING, repr=False)

    def is_alive(self, now_ms: int) -> bool:
        """Whether it has begun and not ended yet. At exactly its length it has ended."""
        return -_AHEAD_MS <= now_ms - self.born_ms < self.life_ms


def ticket_bytes(ticket: Ticket) -> bytes:
    """A ticket in writing, to be sealed."""
    account = None if ticket.account is None else [ticket.account.realm, ticket.account.subject]
    factor = None if ticket.factor is None else ticket.factor.value
    said = [
        *(ticket.id, ticket.born_ms, ticket.life_ms, account, ticket.epoch),
        *(ticket.device, factor, ticket.address, dict(ticket.facts)),
    ]
    return json.dumps(said, separators=(",", ":")).encode("ascii")


def read_ticket(kind: TicketKind, site: str, written: bytes) -> Ticket | None:
    """A ticket that was unsealed; None for one that another version wrote."""
    try:
        name, born_ms, life_ms, account, epoch, device, factor, address, facts = json.loads(written)
        return Ticket(
            *(kind, site, str(name), int(born_ms), int(life_ms)),
            account=None if account is None else AccountId(*account),
            epoch=int(epoch),
            device=str(device),
            factor=None if factor is None else Factor(factor),
            address=str(address),
            facts=MappingProxyType({str(key): str(value) for key, value in facts.items()}),
        )
    except (ValueError, TypeError, AttributeError):
        return None
