"""Cautions: what is allowed in a configuration, and should not be overlooked by anybody who starts it.

What stays out: what must not be (checks).
"""

from collections.abc import Iterator
from typing import Final

from mfa_gateway.settings.access import GigyaDialect
from mfa_gateway.settings.root import Settings

# Six digits are the default, and what the ordinary numbers of regulation are meant for.
_GOOD_LENGTH: Final = 6


def cautions(settings: Settings) -> Iterator[str]:
    """Sentences to be told loudly, by `check` and at each start."""
    yield from _ends_for_anybody(settings)
    yield from _ends_unheard(settings)
    senders = settings.senders
    if senders.dry_run:
        yield "senders.dry_run: nothing is sent, so nobody gets a code: for trying things out only."
    for name, sender in (("email", senders.email), ("sms", senders.sms), ("push", senders.push)):
        if sender is not None and sender.log is not None:
            yield f"senders.{name}.log: codes are written to the log: for development only."
    if settings.codes.length < _GOOD_LENGTH:
        yield _guesses(settings)
    if settings.factors.sms.enabled:
        yield from _bill(settings)
    if settings.factors.push.enabled and not _opts_in(settings.dialects.gigya):
        yield "factors.push: no site of dialects.gigya lists gigyaPush, so no device can ever opt in."
    if settings.dialects.gigya.enabled:
        yield from _gigya(settings.dialects.gigya)


def _guesses(settings: Settings) -> str:
    """What whoever tries all day can hope for, and what it costs those who share the account's attempts."""
    codes = settings.codes
    return (
        f"codes.length: a code of {codes.length} digits is guessed by one try in {10**codes.length:,}. "
        f"{codes.short.tries} wrong ones void it, and {codes.short.per_day} in 24 hours stop every code that is sent "
        "to the account: write 6, unless your clients can take no more."
    )


def _ends_for_anybody(settings: Settings) -> Iterator[str]:
    """Who is asked for nothing but a token may not do more than their own session could undo."""
    for rule in settings.access_control.rules:
        if rule.policy == "open" and rule.on_success == "revoke" and rule.enforce:
            how = "for log-outs, close_window with scope: session does not"
            yield f"rule {rule.name}: whoever holds a token keeps its owner from proving anything, by revoking: {how}."


def _ends_unheard(settings: Settings) -> Iterator[str]:
    """Whoever answers the questions of a proxy never hears how a call ended."""
    if settings.ext_authz is None and (settings.upstream or not settings.trusted_proxies):
        return
    for rule in settings.access_control.rules:
        if rule.on_success != "none" and rule.enforce:
            what = f"{rule.on_success} is done as soon as the proxy is told to let a call through, whatever comes of it"
            yield f"rule {rule.name}: no answer of the API comes by here, so {what}."


def _bill(settings: Settings) -> Iterator[str]:
    """What a short message costs is paid by whoever runs this."""
    limits = settings.rate_limits
    if not (limits.send_total or limits.send_per_country):
        how = "write rate_limits.send_per_country or send_total"
        yield f"factors.sms: no limit holds for all messages together, so the bill has none either: {how}."
    if not limits.conversion.enabled:
        yield "rate_limits.conversion: nobody watches whether codes by SMS come back."


def _opts_in(gigya: GigyaDialect) -> bool:
    return gigya.enabled and any("gigyaPush" in site.tfa.providers for site in gigya.sites)


def _gigya(gigya: GigyaDialect) -> Iterator[str]:
    """What its contract allows, and what others could make of it."""
    if gigya.jsonp:
        yield "dialects.gigya.jsonp: any page can include answers as scripts; cookies never speak for those."
    for site in gigya.sites:
        if site.legacy_assertions:
            yield f"dialects.gigya: site {site.api_key} signs assertions with SHA-1, which no longer resists forgery."
        if site.code_length < _GOOD_LENGTH:
            yield (
                f"dialects.gigya: a code of {site.code_length} digits at site {site.api_key} is guessed by one try in "
                f"{10**site.code_length:,}; codes.short limits the tries."
            )
