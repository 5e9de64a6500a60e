"""Chance: what is drawn from the system's random source for one ceremony.

What stays out: codes that are sent (dispatch), and what is kept of any of it (state).
"""

import secrets
from dataclasses import dataclass
from typing import Final, Protocol

from mfa_gateway.core.proof import BACKUP_LENGTH

# RFC 4648 section 6.
_BASE32: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"


class Chance(Protocol):
    """Draws what nobody can guess."""

    def secret(self, size: int) -> bytes:
        """A secret of so many bytes."""
        ...

    def backup_codes(self, count: int) -> tuple[str, ...]:
        """So many different backup codes."""
        ...


@dataclass(frozen=True, slots=True)
class SystemChance:
    """Draws from the system."""

    def secret(self, size: int) -> bytes:
        """A secret of so many bytes."""
        return secrets.token_bytes(size)

    def backup_codes(self, count: int) -> tuple[str, ...]:
        """So many different backup codes, each with a letter in it: all digits would look like another factor's."""
        drawn: dict[str, None] = {}
        while len(drawn) < count:
            code = "".join(secrets.choice(_BASE32) for _ in range(BACKUP_LENGTH))
            if not code.isdigit():
                drawn[code] = None
        return tuple(drawn)


SYSTEM: Final = SystemChance()
