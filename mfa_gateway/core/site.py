"""Sites: in whose name somebody knocks, and what that site asks of people who come in.

A site is a name under which a dialect lets people log in: an API key with its own choices, or the dialect itself. Its
accounts are those of its realm. What stays out: the secrets of a site, which only its dialect's codec compares.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from mfa_gateway.core.account import Factor

# The names that providers of second factors have, and what each shows.
PROVIDERS: Final[Mapping[str, Factor]] = MappingProxyType(
    {"gigyaEmail": Factor.EMAIL, "gigyaPhone": Factor.SMS, "gigyaTotp": Factor.TOTP, "gigyaPush": Factor.PUSH}
)


class Newcomers(StrEnum):
    """What becomes of an address that nobody has."""

    WELCOME = "welcome"
    """Whoever shows that it is theirs gets an account."""
    UNHEARD = "unheard"
    """It is answered like any other, and nothing is sent there."""


class TfaDemand(StrEnum):
    """Whether a login takes a second factor."""

    ALWAYS = "always"
    IF_REGISTERED = "if_registered"
    OFF = "off"


@dataclass(frozen=True, slots=True)
class Tfa:
    """The second factors of a site: whether one is needed, by which providers, and how long a device is remembered."""

    demand: TfaDemand = TfaDemand.IF_REGISTERED
    providers: tuple[str, ...] = ()
    remember_ms: int = 30 * 24 * 3600 * 1000


@dataclass(frozen=True, slots=True)
class Site:
    """One site.

    Attributes:
        name: the API key, or the name of the dialect; `Session.site` of its sessions.
        realm: whose accounts log in here.
        issuer: the `iss` of tokens in its name.
        code_digits: how long its codes are.
        required_fields: what has to be known of somebody before a session is opened, as in `profile.firstName`.
        newcomers: what becomes of addresses that nobody has.
        returns_code: whether its servers, which have shown who they are, are told the code.
        session_ms: how long a session lasts where nobody says otherwise.
        tfa: its second factors.
        legacy_assertions: whether assertions are signed the old way.
        base_url: where its clients find it, without a final slash; "" where nobody said.
    """

    name: str
    realm: str
    issuer: str = ""
    code_digits: int = 6
    required_fields: tuple[str, ...] = ()
    newcomers: Newcomers = Newcomers.WELCOME
    returns_code: bool = False
    session_ms: int = 3_600_000
    tfa: Tfa = field(default_factory=Tfa)
    legacy_assertions: bool = False
    base_url: str = ""
