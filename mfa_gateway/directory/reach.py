"""Reach: a directory whose phone numbers are those that messages may be sent to, in their one form.

A number that is refused here is not known at all, so it is never pinned. What stays out: where people are looked up.
"""

from dataclasses import replace
from typing import Protocol

from mfa_gateway.core.account import Caller, Person
from mfa_gateway.core.phone import PhoneNumber
from mfa_gateway.directory.numbers import NumberPlan


class Directory(Protocol):
    """Who people are."""

    async def look_up(self, caller: Caller) -> Person | None:
        """The person behind a caller, or None. Raises a `Fault` when it cannot say."""
        ...


class ReachableDirectory:
    """The people of another directory, with the numbers of one plan."""

    def __init__(self, directory: Directory, numbers: NumberPlan) -> None:
        self._directory = directory
        self._numbers = numbers

    async def look_up(self, caller: Caller) -> Person | None:
        """The person behind a caller, or None for nobody on record.

        Raises:
            Fault: the directory cannot say.
        """
        person = await self._directory.look_up(caller)
        if person is None or person.phone is None:
            return person
        number = self._numbers.read(person.phone)
        return replace(person, phone=number.e164 if isinstance(number, PhoneNumber) else None)
