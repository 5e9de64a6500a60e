"""Delivery: the settings about messages become senders, limits and the countries that are written to.

What stays out: everything else that settings say (translation), and the order of things (gateway).
"""

import structlog

from mfa_gateway.core.account import Factor
from mfa_gateway.core.quota import Conversion, Window
from mfa_gateway.directory.numbers import NumberPlan
from mfa_gateway.engine.alarm import Alarm, Watched
from mfa_gateway.engine.dispatch import DispatchTerms
from mfa_gateway.engine.ports import Countries
from mfa_gateway.senders.dry import DrySender
from mfa_gateway.senders.log import LogSender
from mfa_gateway.senders.post import MailSender, Sender, Senders
from mfa_gateway.senders.smtp import Security, SmtpSender, SmtpTerms
from mfa_gateway.senders.texts import Texts
from mfa_gateway.senders.twilio import TwilioSender, TwilioTerms
from mfa_gateway.senders.vonage import VonageSender, VonageTerms
from mfa_gateway.senders.webhook import WebhookSender, WebhookTerms
from mfa_gateway.settings import Settings, milliseconds
from mfa_gateway.settings.factors import EmailSender, PushSender, SmsSender, Smtp, Webhook, Windows
from mfa_gateway.settings.files import SecretFile
from mfa_gateway.settings.providers import Twilio, Vonage

_LOG = "mfa_gateway.senders"


def senders_of(settings: Settings) -> Senders:
    """How codes travel."""
    texts = Texts(settings.factors.totp.issuer, typed_at=settings.factors.sms.typed_at)
    email, sms = settings.senders.email, settings.senders.sms
    push = settings.senders.push
    configured = {Factor.EMAIL: email, Factor.SMS: sms, Factor.PUSH: push}
    if settings.senders.dry_run:
        dry = DrySender(structlog.get_logger(_LOG), texts=texts)
        return Senders({factor: dry for factor, sender in configured.items() if sender is not None}, dry)
    by_factor: dict[Factor, Sender] = {}
    mails = _email_sender(email, texts) if email is not None else None
    if mails is not None:
        by_factor[Factor.EMAIL] = mails
    if sms is not None:
        by_factor[Factor.SMS] = _sms_sender(sms, texts)
    if push is not None:
        by_factor[Factor.PUSH] = _push_sender(push, texts)
    return Senders(by_factor, mails)


def _email_sender(email: EmailSender, texts: Texts) -> MailSender:
    if email.smtp is not None:
        return SmtpSender(_smtp_terms(email.smtp), texts=texts)
    if email.webhook is not None:
        return WebhookSender(_webhook_terms(email.webhook), texts=texts)
    return LogSender(structlog.get_logger(_LOG), texts=texts)


def _sms_sender(sms: SmsSender, texts: Texts) -> Sender:
    if sms.webhook is not None:
        return WebhookSender(_webhook_terms(sms.webhook), texts=texts)
    if sms.twilio is not None:
        return TwilioSender(_twilio_terms(sms.twilio), texts=texts)
    if sms.vonage is not None:
        return VonageSender(_vonage_terms(sms.vonage), texts=texts)
    return LogSender(structlog.get_logger(_LOG), texts=texts)


def _push_sender(push: PushSender, texts: Texts) -> Sender:
    if push.webhook is not None:
        return WebhookSender(_webhook_terms(push.webhook), texts=texts)
    return LogSender(structlog.get_logger(_LOG), texts=texts)


def _smtp_terms(smtp: Smtp) -> SmtpTerms:
    security = Security.TLS if smtp.tls else Security.STARTTLS if smtp.starttls else Security.PLAIN
    return SmtpTerms(
        host=smtp.host,
        port=smtp.port,
        sender=smtp.sender,
        security=security,
        username=smtp.username,
        password=_password(smtp.password_file) if smtp.password_file else None,
        timeout=smtp.timeout,
    )


def _webhook_terms(webhook: Webhook) -> WebhookTerms:
    return WebhookTerms(webhook.url, webhook.secret_file.content.get_secret_value(), webhook.timeout)


def _twilio_terms(twilio: Twilio) -> TwilioTerms:
    return TwilioTerms(
        account_sid=twilio.account_sid,
        auth_token=_password(twilio.auth_token_file),
        sender=twilio.sender,
        messaging_service_sid=twilio.messaging_service_sid,
        base_url=str(twilio.base_url),
        timeout=twilio.timeout,
    )


def _vonage_terms(vonage: Vonage) -> VonageTerms:
    return VonageTerms(
        api_key=vonage.api_key,
        api_secret=_password(vonage.api_secret_file),
        sender=vonage.sender,
        base_url=str(vonage.base_url),
        timeout=vonage.timeout,
    )


def _password(file: SecretFile) -> str:
    """That it is text was checked when the settings were loaded."""
    return file.content.get_secret_value().decode()


def numbers_of(settings: Settings) -> NumberPlan:
    """The phone numbers that are written to."""
    return NumberPlan(settings.factors.sms.countries)


def alarm_of(settings: Settings, countries: Countries) -> Alarm:
    """Who watches whether codes by SMS come back."""
    asked = settings.rate_limits.conversion
    if not (asked.enabled and settings.factors.sms.enabled):
        return Alarm()
    conversion = Conversion(
        window_ms=milliseconds(asked.window),
        least_sent=asked.least_sent,
        least_rate=asked.least_rate,
        stop_ms=milliseconds(asked.stop),
    )
    return Alarm(Watched(countries, conversion))


def dispatch_terms(settings: Settings) -> DispatchTerms:
    """The measures of sending codes."""
    limits = settings.rate_limits
    return DispatchTerms(
        digits=settings.codes.length,
        life_ms=milliseconds(settings.codes.ttl),
        resend_after_ms=milliseconds(settings.codes.resend_after),
        per_account=windows_of(limits.send_per_account),
        per_destination=windows_of(limits.send_per_destination),
        per_client=windows_of(limits.send_per_address),
        per_prefix=windows_of(limits.send_per_prefix),
        per_country=windows_of(limits.send_per_country),
        total=windows_of(limits.send_total),
    )


def windows_of(windows: Windows) -> tuple[Window, ...]:
    """The windows of a limit."""
    return tuple(Window(window.requests, milliseconds(window.period)) for window in windows)
