"""The sections about factors: which there are, how codes look and travel, how many attempts and messages there are.

What stays out: making, sending and checking codes.
"""

import re
from email.utils import parseaddr
from typing import Annotated, Final, Literal

from phonenumbers import SUPPORTED_REGIONS
from pydantic import AfterValidator, BeforeValidator, Field, Strict

from mfa_gateway.settings.addresses import HostName, HttpUrl
from mfa_gateway.settings.durations import Duration, within
from mfa_gateway.settings.files import ReadPasswordFile, ReadSigningKeyFile
from mfa_gateway.settings.providers import Twilio, Vonage
from mfa_gateway.settings.section import Bool, Int, Section, Text, exactly_one_of

FactorName = Literal["email", "sms", "totp", "backup", "push"]

_COUNTRY: Final = re.compile(r"[A-Z]{2}", re.ASCII)
_MAILBOX: Final = re.compile(r"[^@\s<>,;]+@[^@\s<>,;]+")


def _country(value: str) -> str:
    if _COUNTRY.fullmatch(value) is None:
        raise ValueError(f"'{value}' is not a country: write two capital letters (ISO 3166-1), as in DE")
    if value not in SUPPORTED_REGIONS:
        raise ValueError(f"'{value}' is not a country with telephones: write it as in ISO 3166-1 (GB, not UK)")
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
    """Countries whose mobile numbers are taken: every other one can be made expensive for you."""
    typed_at: HostName | None = None
    """Host of the page where people type the code: it becomes the last line of each message, so that browsers offer the
    code there and on no other page (origin-bound one-time codes)."""


class TotpFactor(Section):
    """Codes of an authenticator app (RFC 6238)."""

    enabled: Bool = True
    """Whether people can enrol it and use it."""
    issuer: Text = "Example"
    """Name that authenticator apps show above the code."""
    algorithm: Literal["sha1", "sha256", "sha512"] = "sha1"
    """Hash of new authenticators; those there are keep their own. Some apps silently know sha1 alone."""
    digits: Annotated[Int, Field(ge=6, le=8)] = 6
    """Digits of the codes of new authenticators."""
    period: Literal[30, 60] = 30
    """Seconds that a code of a new authenticator is shown for."""


class BackupFactor(Section):
    """Codes on paper, each good once, for whoever lost the other factors."""

    enabled: Bool = True
    """Whether people can draw a set and use it."""
    codes: Annotated[Int, Field(ge=5, le=20)] = 10
    """Codes in a set."""


class PushFactor(Section):
    """Devices that are sent a message and answer it by themselves; they opt in through dialects.gigya."""

    enabled: Bool = False
    """Whether people can enrol it and use it."""


class Factors(Section):
    """Which factors this gateway offers."""

    email: EmailFactor = EmailFactor()
    """Codes by e-mail."""
    sms: SmsFactor = SmsFactor()
    """Codes by SMS."""
    totp: TotpFactor = TotpFactor()
    """Codes of an authenticator app."""
    backup: BackupFactor = BackupFactor()
    """Codes on paper."""
    push: PushFactor = PushFactor()
    """Devices that answer."""

    def enabled(self) -> frozenset[str]:
        """The names of the factors that are on. Backup codes stand in for another, so alone they are none."""
        every = {name: getattr(self, name).enabled for name in ("email", "sms", "totp", "push")}
        names = {name for name, is_on in every.items() if is_on}
        return frozenset(names | {"backup"} if names and self.backup.enabled else names)


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


class Webhook(Section):
    """Posts messages to a URL, signed. Body and signature are described in the manual, mfa-gateway.yaml."""

    url: HttpUrl
    """Where to post to."""
    secret_file: ReadSigningKeyFile
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

    model_config = exactly_one_of("webhook", "twilio", "vonage", "log")

    webhook: Webhook | None = None
    """Through an HTTP service."""
    twilio: Twilio | None = None
    """Through Twilio's Messages API."""
    vonage: Vonage | None = None
    """Through Vonage's SMS API."""
    log: Logging = None
    """To the log, for development only: `log: {}`."""


class PushSender(Section):
    """How messages get to devices: exactly one of these."""

    model_config = exactly_one_of("webhook", "log")

    webhook: Webhook | None = None
    """Through an HTTP service, which hands them to the push services of the platforms."""
    log: Logging = None
    """To the log, for development only: `log: {}`."""


class Senders(Section):
    """How codes travel."""

    email: EmailSender | None = None
    """Codes by e-mail. Needed while factors.email is enabled."""
    sms: SmsSender | None = None
    """Codes by SMS. Needed while factors.sms is enabled."""
    push: PushSender | None = None
    """Messages to devices. Needed while factors.push is enabled."""
    dry_run: Bool = False
    """Count, log and answer as if messages were sent, and send none. Nobody gets a code."""


class ShortCodes(Section):
    """What holds beside regulation for codes of four or five digits."""

    tries: Annotated[Int, Field(ge=1, le=5)] = 3
    """Wrong tries while a code is live, the last of which voids it: then it takes a new one."""
    per_day: Annotated[Int, Field(ge=1, le=20)] = 10
    """Wrong codes of an account in any 24 hours. Then no code that was sent is taken until the first is a day old."""


class Codes(Section):
    """The codes that are sent."""

    length: Annotated[Int, Field(ge=4, le=10)] = 6
    """Digits. Fewer than six are easily guessed: then the numbers of short hold as well."""
    short: ShortCodes = ShortCodes()
    """What holds beside regulation where length is 4 or 5."""
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
    per_day: Annotated[Int, Field(ge=1, le=10_000)] = 100
    """Wrong codes in any 24 hours, across bans. Then none is compared until the first of them is a day old."""


class Window(Section):
    """So many messages in so long."""

    requests: Annotated[Int, Field(ge=1, le=1_000_000_000)]
    """Messages."""
    period: Annotated[Duration, within("1ms", "30d")]
    """In any period of this length."""


Windows = tuple[Window, ...]


class Conversion(Section):
    """Messages to a country that nobody types in: what traffic looks like that somebody is paid for."""

    enabled: Bool = True
    """Whether countries are watched."""
    window: Annotated[Duration, within("1m", "30d")] = 3600.0
    """The codes of this long are looked at."""
    least_sent: Annotated[Int, Field(ge=1, le=1_000_000_000)] = 200
    """Fewer codes than this say nothing: more than are under way at a time, before people have typed them in."""
    least_rate: Annotated[float, Strict(), Field(ge=0, le=1)] = 0.2
    """The least part of them that has to be redeemed, from 0 to 1."""
    stop: Annotated[Duration, within("1s", "30d")] = 3600.0
    """How long nothing is sent to a country after an alarm. Then counting begins anew."""


class RateLimits(Section):
    """How many messages are sent at most. Every window of every list counts; an empty list is no limit."""

    send_per_account: Windows = (Window(requests=5, period=3600.0),)
    """To one account."""
    send_per_destination: Windows = (Window(requests=5, period=3600.0), Window(requests=20, period=86_400.0))
    """To one mail address or phone number, whoever's account it is."""
    send_per_prefix: Windows = ()
    """To numbers that differ in their last four digits only."""
    send_per_country: Windows = ()
    """To numbers of one country."""
    send_per_address: Windows = (Window(requests=30, period=3600.0),)
    """Asked for from one client address."""
    send_total: Windows = ()
    """By this gateway in all."""
    conversion: Conversion = Conversion()
    """The alarm: codes by SMS against those that come back, per country."""
