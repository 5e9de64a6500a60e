"""Outcomes of second factors at the entrance: what there is to prove with, and what is shown once.

They belong to the same closed vocabulary as the others (outcomes). What stays out: denials.
"""

from dataclasses import dataclass, field

from mfa_gateway.core.account import Enrolment, Factor


@dataclass(frozen=True, slots=True)
class FactorsTold:
    """The factors that an account can prove with, and those that it could still be given here."""

    active: tuple[Factor, ...]
    inactive: tuple[Factor, ...]


@dataclass(frozen=True, slots=True)
class EnrolmentsTold:
    """The addresses or authenticators of one factor. `is_plain`: whoever asks may change them, and sees all of each."""

    enrolments: tuple[Enrolment, ...]
    is_plain: bool = False


@dataclass(frozen=True, slots=True)
class SecretShown:
    """An authenticator waits for its first code: a ticket, and what an app scans. Shown this once."""

    ticket: str = field(repr=False)
    secret: str = field(repr=False)
    uri: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class CodesPrinted:
    """A new set of backup codes, shown this once."""

    codes: tuple[str, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class CodesLeft:
    """How many backup codes are unused. Which ones nobody knows any more: only digests are kept."""

    count: int


@dataclass(frozen=True, slots=True)
class CertificateTold:
    """The certificate of the key that signs, PEM."""

    pem: str


SecondOutcome = FactorsTold | EnrolmentsTold | SecretShown | CodesPrinted | CodesLeft | CertificateTold
