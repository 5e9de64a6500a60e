"""Cautions: what is allowed in a configuration, and should not be overlooked by anybody who starts it.

What stays out: what must not be (checks).
"""

from collections.abc import Iterator
from typing import Final

from mfa_gateway.settings.root import Settings

# Six digits are the default, and what the ordinary numbers of regulation are meant for.
_GOOD_LENGTH: Final = 6


def cautions(settings: Settings) -> Iterator[str]:
    """Sentences to be told loudly, by `check` and at each start."""
    yield from _ends_for_anybody(settings)
    senders = settings.senders
    if senders.dry_run:
        yield "senders.dry_run: nothing is sent, so nobody gets a code: for trying things out only."
    for name, sender in (("email", senders.email), ("sms", senders.sms)):
        if sender is not None and sender.log is not None:
            yield f"senders.{name}.log: codes are written to the log: for development only."
    if settings.codes.length < _GOOD_LENGTH:
        yield _guesses(settings)
    if settings.factors.sms.enabled:
        yield from _bill(settings)


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


def _bill(settings: Settings) -> Iterator[str]:
    """What a short message costs is paid by whoever runs this."""
    limits = settings.rate_limits
    if not (limits.send_total or limits.send_per_country):
        how = "write rate_limits.send_per_country or send_total"
        yield f"factors.sms: no limit holds for all messages together, so the bill has none either: {how}."
    if not limits.conversion.enabled:
        yield "rate_limits.conversion: nobody watches whether codes by SMS come back."
