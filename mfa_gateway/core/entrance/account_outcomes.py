"""Outcomes about accounts and their sessions: how logins wait, what is shown of somebody, and what is signed for them.

They belong to the same closed vocabulary as the others (outcomes). What stays out: denials.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from mfa_gateway.core.account import AccountId
from mfa_gateway.core.entrance.words import Portrait


class SecondStep(StrEnum):
    """What a login still takes after its first factor."""

    VERIFY = "verify"
    """A code of a second factor that the account has."""
    REGISTER = "register"
    """A second factor, of which the account has none yet."""


@dataclass(frozen=True, slots=True)
class Pending:
    """The first factor was good, and no session is opened without a second one. `ticket` leads there, and back."""

    ticket: str = field(repr=False)
    account: AccountId
    step: SecondStep


@dataclass(frozen=True, slots=True)
class Seen:
    """Who somebody is. `login_ms`: when they logged in, in milliseconds since 1970; None where that is not known."""

    portrait: Portrait
    login_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Minted:
    """A token of a session, or of an account. `ignored`: what was to be said in it and is not known."""

    token: str = field(repr=False)
    ignored: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PublicKeys:
    """The keys that verify what is signed here, as JWKs."""

    keys: tuple[Mapping[str, str], ...]


@dataclass(frozen=True, slots=True)
class DeviceNamed:
    """The ids of a device and of whoever uses it: those that it has, or new ones."""

    device: str = field(repr=False)
    user: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class TicketGiven:
    """A ticket, which is all there is to tell."""

    ticket: str = field(repr=False)


AccountOutcome = Pending | Seen | Minted | PublicKeys | DeviceNamed | TicketGiven
