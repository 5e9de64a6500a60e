"""The sections about factors: which there are, how codes look and travel, how many attempts and messages there are.

What stays out: making, sending and checking codes.
"""

import re
from email.utils import parseaddr
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from mfa_gateway.settings.addresses import HttpUrl
from mfa_gateway.settings.durations import Duration, within
from mfa_gateway.settings.files import ReadPasswordFile, ReadSecretFile, SecretFile
from mfa_gateway.settings.section import Bool, Int, Section, Text, exactly_one_of

FactorName = Literal["email", "sms", "totp"]

_COUNTRY: Final = re.compile(r"[A-Z]{2}", re.ASCII)
_MAILBOX: Final = re.compile(r"[^@\s<>,;]+@[^@\s<>,;]+")


def _country(value: str) -> str:
    if _COUNTRY.fullmatch(value) is None:
        raise ValueError(f"'{value}' is not a country: write two capital letters (ISO 3166-1), as in DE")
    return value


Country = Annotated[str, AfterValidator(_country), Field(json_schema_extra={"pattern": "^[A-Z]{2}$"})]


def _mailbox(value: str) -> str:
    if _MAILBOX.fullmatch(parseaddr(value)[1]) is None:
        raise ValueError("must be a mail address, as in no-reply@example.com or Example <no-reply@example.com>")
    return value


class EmailFactor(Section):
    """Codes by e-mail."""

    enabled: Bool = True
    """Whether people can enrol it and use it."""


class SmsFactor(Section):
    """Codes by SMS."""

    enabled: Bool = False
    """Whether people can enrol it and use it."""
    countries: tuple[Country, ...] = ("DE", "AT")
    """Countries whose numbers are taken: every other one can be made expensive for you."""


class TotpFactor(Section):
    """Codes of an authenticator app (RFC 6238)."""

    enabled: Bool = True
    """Whether people can enrol it and use it."""
    issuer: Text = "Example"
    """Name that authenticator apps show above the code."""


class Factors(Section):
    """Which factors this gateway offers."""

    email: EmailFactor = EmailFactor()
    """Codes by e-mail."""
    sms: SmsFactor = SmsFactor()
    """Codes by SMS."""
    totp: TotpFactor = TotpFactor()
    """Codes of an authenticator app."""

    def enabled(self) -> frozenset[str]:
        """The names of the factors that are on."""
        every = {"email": self.email.enabled, "sms": self.sms.enabled, "totp": self.totp.enabled}
        return frozenset(name for name, is_on in every.items() if is_on)


class Smtp(Section):
    """A mail server."""

    host: Text
    """Name or address of the mail server."""
    tls: Bool = False
    """Speak TLS from the first byte (port 465)."""
    starttls: Annotated[Bool, Field(default_factory=lambda data: not data["tls"])]
    """Change to TLS before anything is said, and refuse to go on without. Default: true, unless tls is."""
    port: Annotated[Int, Field(ge=1, le=65535, default_factory=lambda data: _port(data["tls"], data["starttls"]))]
    """Port of the mail server. Default: 465 with tls, 587 with starttls, else 25."""
    username: Text | None = None
    """Name to log in with."""
    password_file: ReadPasswordFile | None = None
    """File with the password to log in with."""
    sender: Annotated[Text, AfterValidator(_mailbox), Field(alias="from")]
    """Address that the mails come from."""
    timeout: Annotated[Duration, within("100ms", "5m")] = 10.0
    """For handing one mail over, from connecting to the last answer."""


def _port(tls: bool, starttls: bool) -> int:  # noqa: FBT001 - two facts of one section
    """RFC 8314 section 7.3 (465), RFC 6409 section 3.1 (587), RFC 5321 section 4.5.4.2 (25)."""
    if tls:
        return 465
    return 587 if starttls else 25


class LogSender(Section):
    """Writes messages, codes included, to the log. For development only."""


# RFC 2104 section 3: keys shorter than the hash (SHA-256) weaken it.
_MIN_SIGNING_KEY: Final = 32


def _signing_key(file: SecretFile) -> SecretFile:
    if (size := len(file.content.get_secret_value())) < _MIN_SIGNING_KEY:
        how = "make one with `openssl rand -base64 32`"
        raise ValueError(f"holds {size} bytes, and a key that signs needs at least {_MIN_SIGNING_KEY}: {how}")
    return file


class Webhook(Section):
    """Posts messages to a URL, signed. Body and signature are described in the manual, mfa-gateway.yaml."""

    url: HttpUrl
    """Where to post to."""
    secret_file: Annotated[ReadSecretFile, AfterValidator(_signing_key)]
    """File with the secret that signs the requests, at least 32 bytes; the service has the same."""
    timeout: Annotated[Duration, within("100ms", "5m")] = 10.0
    """For handing one message over, from connecting to the answer."""


def _nothing_means_on(value: object) -> object:
    return {} if value is None else value


Logging = Annotated[LogSender | None, BeforeValidator(_nothing_means_on)]


class EmailSender(Section):
    """How mails are sent: exactly one of these."""

    model_config = exactly_one_of("smtp", "log", "webhook")

    smtp: Smtp | None = None
    """Through a mail server."""
    log: Logging = None
    """To the log, for development only: `log: {}`."""
    webhook: Webhook | None = None
    """Through an HTTP service."""


class SmsSender(Section):
    """How short messages are sent: exactly one of these."""

    model_config = exactly_one_of("webhook", "log")

    webhook: Webhook | None = None
    """Through an HTTP service."""
    log: Logging = None
    """To the log, for development only: `log: {}`."""


class Senders(Section):
    """How codes travel."""

    email: EmailSender | None = None
    """Codes by e-mail. Needed while factors.email is enabled."""
    sms: SmsSender | None = None
    """Codes by SMS. Needed while factors.sms is enabled."""


class Codes(Section):
    """The codes that are sent."""

    length: Annotated[Int, Field(ge=6, le=10)] = 6
    """Digits. Fewer than six can be guessed too easily."""
    ttl: Annotated[Duration, within("1ms", "1h")] = 600.0
    """How long an unused code can be used."""
    resend_after: Annotated[Duration, within("0s", "1h")] = 30.0
    """How long a person waits before asking for another one (else 429)."""


class Regulation(Section):
    """How many wrong codes an account may try."""

    max_retries: Annotated[Int, Field(ge=1, le=100)] = 5
    """Wrong codes within find_time that bring a ban."""
    find_time: Annotated[Duration, within("1ms", "30d")] = 600.0
    """The sliding window in which wrong codes are counted."""
    ban_time: Annotated[Duration, within("1ms", "30d")] = 900.0
    """How long the first ban lasts. Each further one doubles until a right code comes in between."""
    ban_max: Annotated[Duration, within("1ms", "365d")] = 86_400.0
    """The longest that a ban grows."""


class Window(Section):
    """So many messages in so long."""

    requests: Annotated[Int, Field(ge=1, le=1_000_000_000)]
    """Messages."""
    period: Annotated[Duration, within("1ms", "30d")]
    """In any period of this length."""


Windows = tuple[Window, ...]


class RateLimits(Section):
    """How many messages are sent at most. Every window of every list counts; an empty list is no limit."""

    send_per_account: Windows = (Window(requests=5, period=3600.0),)
    """To one account."""
    send_per_destination: Windows = (Window(requests=5, period=3600.0), Window(requests=20, period=86_400.0))
    """To one mail address or phone number, whoever's account it is."""
    send_per_prefix: Windows = ()
    """To numbers with the same beginning."""
    send_per_country: Windows = ()
    """To numbers of one country."""
    send_per_address: Windows = (Window(requests=30, period=3600.0),)
    """Asked for from one client address."""
    send_total: Windows = ()
    """By this gateway in all."""
