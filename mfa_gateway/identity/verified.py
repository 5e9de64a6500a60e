"""Verified credentials, remembered until they expire, so that the next call with the same one costs no signature check.

What stays out: verifying, and when keys change.
"""

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Final

from mfa_gateway.core.account import Caller
from mfa_gateway.identity.keys import Keys

# Active sessions of one worker. A caller with its claims takes some 5 kB, so a full memory is about 50 MB.
MAX_REMEMBERED: Final = 10_000


@dataclass(frozen=True, slots=True)
class Verified:
    """A caller, and for how long what was verified holds.

    Attributes:
        caller: who the credential names.
        until: the first moment at which it does not count any more.
        keys: the keys of the issuer that signed it.
        edition: the edition of these keys that it was verified with.
    """

    caller: Caller
    until: float
    keys: Keys = field(repr=False)
    edition: int

    def holds(self, now: float) -> bool:
        """Whether it has not expired, and no key of its issuer was withdrawn since."""
        return now < self.until and self.edition == self.keys.edition


class VerifiedCredentials:
    """The last used verified credentials, by the credential as it was presented. The least recently used goes first."""

    def __init__(self, size: int = MAX_REMEMBERED) -> None:
        self._size = size
        self._by_credential: OrderedDict[str, Verified] = OrderedDict()

    def __len__(self) -> int:
        return len(self._by_credential)

    def recall(self, credential: str, now: float) -> Caller | None:
        """The caller of a credential that was verified before and still holds."""
        verified = self._by_credential.get(credential)
        if verified is None:
            return None
        verified.keys.freshen()
        if not verified.holds(now):
            del self._by_credential[credential]
            return None
        self._by_credential.move_to_end(credential)
        return verified.caller

    def remember(self, credential: str, verified: Verified) -> None:
        """Remember a credential that was just verified."""
        self._by_credential[credential] = verified
        if len(self._by_credential) > self._size:
            self._by_credential.popitem(last=False)
