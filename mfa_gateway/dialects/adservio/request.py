"""A request: one call as far as it can be read, and how each item of it is spelled.

Whatever cannot be read ends the reading at once, by `Unreadable`, which the codec alone catches. What stays out: which
items a call has (endpoints).
"""

import re
from dataclasses import dataclass, field
from typing import Final

from mfa_gateway.core.account import Factor
from mfa_gateway.core.names import is_subject
from mfa_gateway.dialects.adservio.errors import AdservioError, Item, Page, invalid
from mfa_gateway.dialects.adservio.fields import Fields

# What an option or a challenge is called by; sixteen digits hold any number of 52 bits. A number has one spelling.
_NUMBER: Final = re.compile(r"0|[1-9][0-9]{0,15}", re.ASCII)
# Tokens of `tfaSave`. No code of any factor begins like this, so the two are told apart before either is looked at.
TOKEN: Final = "tfa_"  # noqa: S105 - how a token begins
# spec/adservio.md: 1 and 3. Mail is ours: accounts that other forms enrolled have it.
TYPES: Final = {Factor.SMS: "1", Factor.TOTP: "3", Factor.EMAIL: "4"}


class Unreadable(Exception):
    """A call cannot be read. `error` is its answer."""

    def __init__(self, error: AdservioError) -> None:
        super().__init__(error.message)
        self.error = error


@dataclass(frozen=True, slots=True)
class Second:
    """What was sent beside the password: a code, or a token of an earlier login; "" where there is none."""

    code: str = field(default="", repr=False)
    device: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Request:
    """One call. Every method raises `Unreadable`.

    Attributes:
        page: which one.
        fields: its parameters.
        code: that of the header `X-MFA-Code`; "" where there is none.
        has_token: whether it brings a credential of the gate.
    """

    page: Page
    fields: Fields
    code: str = field(default="", repr=False)
    has_token: bool = False

    def wrong(self, item: Item) -> Unreadable:
        """What to raise about an item."""
        return Unreadable(invalid(self.page, item))

    def need(self, name: str, item: Item) -> str:
        """A field that has to be there."""
        if not (text := self.fields.get(name)):
            raise self.wrong(item)
        return text

    def one_of(self, name: str, item: Item, values: frozenset[str]) -> str:
        """A field that has one of these values."""
        if (text := self.fields.get(name)) not in values:
            raise self.wrong(item)
        return text

    def number(self, name: str, item: Item) -> int:
        """A number that has to be there."""
        text = self.fields.get(name)
        if _NUMBER.fullmatch(text) is None:
            raise self.wrong(item)
        return int(text)

    def subject(self, name: str) -> str:
        """A user id that has to be there."""
        text = self.fields.get(name)
        if not is_subject(text):
            raise self.wrong(Item.ACCOUNT)
        return text

    def presented_code(self) -> str:
        """A code where there may be one, from the body or the header; never from both."""
        text = self.fields.get("tfaResponse")
        if text and self.code:
            raise self.wrong(Item.CODE)
        return text or self.code

    def second(self) -> Second:
        """A code or a token where there may be one, told apart by their form alone."""
        text, token = self.presented_code(), self.fields.get("tfaToken")
        is_token = text.startswith(TOKEN)
        if token and (is_token or not token.startswith(TOKEN)):
            raise self.wrong(Item.CODE)
        given = text if is_token else token
        return Second("" if is_token else text, given.removeprefix(TOKEN))
