"""Outcomes of errands about single factors, and of logins that take one request (options, sign_ins).

What stays out: refusals, which all errands share (outcomes).
"""

from dataclasses import dataclass, field

from mfa_gateway.core.account import AccountId, Enrolment


@dataclass(frozen=True, slots=True)
class OptionsListed:
    """What an account can prove with, one by one. `is_whole`: to be shown to its owner, who has a token."""

    options: tuple[Enrolment, ...]
    is_whole: bool


@dataclass(frozen=True, slots=True)
class CodeNeeded:
    """What was shown so far was good, and a code of a factor is wanted beside it."""


@dataclass(frozen=True, slots=True)
class ChallengeBegun:
    """A code is on its way to an address that is to become a factor. `number` names this beginning."""

    number: int


@dataclass(frozen=True, slots=True)
class SecretDrawn:
    """An authenticator waits for its first code: its secret in base32, and the same for an app."""

    secret: str = field(repr=False)
    uri: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class OptionAdded:
    """A factor is active, and called by this number from now on."""

    number: int


@dataclass(frozen=True, slots=True)
class SignedIn:
    """Somebody is in.

    Attributes:
        account: who.
        token: opens the gate.
        until_ms: when it ends, in milliseconds since 1970.
        device: what the client shows next time in place of a code; "" where it did not ask for that.
    """

    account: AccountId
    token: str = field(repr=False)
    until_ms: int
    device: str = field(default="", repr=False)


OptionOutcome = OptionsListed | CodeNeeded | ChallengeBegun | SecretDrawn | OptionAdded | SignedIn
