"""Messages: what is to be told to a person, before anybody thinks about wording or transport.

What stays out: texts and languages that exist (senders), limits (engine).
"""

from dataclasses import dataclass, field
from enum import StrEnum

from mfa_gateway.core.account import Factor
from mfa_gateway.core.proof import Purpose


@dataclass(frozen=True, slots=True)
class CodeMessage:
    """A code on its way to its owner.

    Attributes:
        factor: how it travels.
        address: where it goes.
        code: the code in clear; it exists nowhere else but in the message.
        purpose: the reason that the text gives.
        life_ms: how long the code is good for.
        languages: what the reader prefers, best first.
        assertion: what a device brings back together with the code; "" for what people type.
    """

    factor: Factor
    address: str = field(repr=False)
    code: str = field(repr=False)
    purpose: Purpose
    life_ms: int
    languages: tuple[str, ...] = ()
    assertion: str = field(default="", repr=False)


class Happening(StrEnum):
    """What was done to a factor."""

    ADDED = "added"
    CHANGED = "changed"
    REMOVED = "removed"


@dataclass(frozen=True, slots=True)
class NoticeMessage:
    """What the owner of an account is told by mail, whoever did it.

    Attributes:
        address: where it goes.
        happening: what was done.
        factor: what it was done to.
        languages: what the reader prefers, best first.
    """

    address: str = field(repr=False)
    happening: Happening
    factor: Factor
    languages: tuple[str, ...] = ()
