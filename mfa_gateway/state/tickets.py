"""Tickets, sealed: opaque texts that only this gateway can make and read, at every replica.

A text is the base64url of what the vault sealed (AES-256-GCM), with the kind of the ticket and its site authenticated
beside it: none serves as another, and not a bit of one can be changed. New `secrets.keys` read tickets that were sealed
with older ones. What stays out: whether a ticket is still good (core.tickets).
"""

import re
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import replace
from typing import Final

from mfa_gateway.core.tickets import Ticket, TicketKind, read_ticket, ticket_bytes
from mfa_gateway.state.vault import CannotUnseal, Vault

# 128 bits: no two tickets are ever called the same.
_ID_BYTES: Final = 16
# The longest holds an address, a device and a few facts; anything longer is refused before any work is spent on it.
_LONGEST: Final = 4096
_TEXT: Final = re.compile(r"[A-Za-z0-9_-]+", re.ASCII)


class SealedTickets:
    """Seals and opens tickets."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault

    def seal_ticket(self, ticket: Ticket) -> str:
        """An opaque text of a ticket, whose `id` is drawn now."""
        named = replace(ticket, id=secrets.token_hex(_ID_BYTES))
        sealed = self._vault.seal(ticket_bytes(named), "ticket", ticket.kind.value, ticket.site)
        return _text(sealed)

    def open_ticket(self, text: str, *, kind: TicketKind, site: str) -> Ticket | None:
        """A ticket of this kind and site; None for everything else. Its dates are not looked at."""
        if len(text) > _LONGEST or _TEXT.fullmatch(text) is None:
            return None
        try:
            sealed = urlsafe_b64decode(text + "=" * (-len(text) % 4))
            # The last character has spare bits: a ticket has one spelling.
            written = self._vault.unseal(sealed, "ticket", kind.value, site) if _text(sealed) == text else None
        except (ValueError, CannotUnseal):
            return None
        return None if written is None else read_ticket(kind, site, written)


def _text(sealed: bytes) -> str:
    return urlsafe_b64encode(sealed).rstrip(b"=").decode("ascii")
