"""Doorplates: the addresses that people log in with, in the one form that login ids have.

A mailbox is in lower case here: a login id that differed from another by case alone would be two accounts of one
person. A phone number has to be one that is written to. What stays out: whose an address is.
"""

from typing import Protocol

from mfa_gateway.core.account import Factor
from mfa_gateway.core.entrance.words import Address
from mfa_gateway.core.names import canonical_login
from mfa_gateway.core.phone import NumberFlaw, PhoneNumber
from mfa_gateway.directory.addresses import canonical_email


class Numbers(Protocol):
    """Which phone numbers are written to."""

    def read(self, written: object) -> PhoneNumber | NumberFlaw:
        """The number that was meant, or why nothing is sent there."""
        ...


class Doorplates:
    """Reads addresses."""

    def __init__(self, numbers: Numbers) -> None:
        self._numbers = numbers

    def read(self, factor: Factor, written: str) -> Address | None:
        """The address that was meant, or None where no message goes."""
        match factor:
            case Factor.EMAIL:
                mailbox = canonical_login(canonical_email(written))
                return None if mailbox is None else Address(factor, mailbox)
            case Factor.SMS:
                number = self._numbers.read(written)
                return Address(factor, number.e164) if isinstance(number, PhoneNumber) else None
            case Factor.TOTP | Factor.BACKUP | Factor.PUSH:
                return None
