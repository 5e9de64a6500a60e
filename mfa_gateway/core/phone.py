"""Phone numbers: what the gateway needs to know of one before a message to it may cost money.

What stays out: reading what somebody wrote and knowing the numbering plans of the world (directory).
"""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

# Operators hand numbers on in blocks of ten thousand and more, so whoever is paid for traffic to a range (T01) owns
# numbers that differ in their last four digits; people who do so by chance are few.
BLOCK_DIGITS: Final = 4


class NumberFlaw(StrEnum):
    """Why nothing is sent to a number, in words for the log."""

    UNREADABLE = "it is not a number in international form, as in +49 170 1234567"
    INVALID = "no country has such a number"
    KIND = "it is no mobile number: fixed lines, premium, shared-cost and other services are not written to"
    COUNTRY = "its country is not among factors.sms.countries"


@dataclass(frozen=True, slots=True)
class PhoneNumber:
    """A number that can be written to.

    Attributes:
        e164: its one form, a plus sign and up to 15 digits (ITU-T E.164).
        country: two capital letters (ISO 3166-1).
    """

    e164: str = field(repr=False)
    country: str

    @property
    def block(self) -> str:
        """The beginning that it shares with its neighbours: everything but the last four digits."""
        return self.e164[:-BLOCK_DIGITS]
