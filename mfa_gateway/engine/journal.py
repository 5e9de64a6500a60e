"""The journal: what the operator reads afterwards.

One line per judged call and per ceremony, with the request id that the client saw. Codes, tokens, secrets and full
addresses are never among the fields, and no text of a stranger goes into one as it came: addresses in it are masked,
whatever could end a line or steer a terminal is escaped, and long ones are cut. What stays out: how lines are rendered
and where they go (app).
"""

import logging
import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Final, assert_never

from structlog.typing import FilteringBoundLogger

from mfa_gateway.core import entrance
from mfa_gateway.core.account import AccountId, Caller, Factor
from mfa_gateway.core.call import Call
from mfa_gateway.core.ceremony import Action, Command, Failed, Outcome
from mfa_gateway.core.entrance import Errand
from mfa_gateway.core.entrance.option_outcomes import CodeNeeded, SignedIn
from mfa_gateway.core.entrance.second_words import TellOwner
from mfa_gateway.core.fault import Fault
from mfa_gateway.core.logout import Heard
from mfa_gateway.core.quota import Stop
from mfa_gateway.core.verdict import Pass, Reason, Refuse, Verdict

Fields = Iterator[tuple[str, object]]

# A mailbox: its first letter and its domain are left. In a path the "@" may be percent-encoded. A match can begin only
# where a word does, so that the work grows with the length of a text and not with its square.
_MAILBOX: Final = re.compile(r"(?<![^\s/@<>|:=,;])([^\s/@<>|:=,;])[^\s/@<>|:=,;]*(@|%40)")
# A phone number in E.164, or one like it: the country code and the last two digits are left.
_PHONE: Final = re.compile(r"(\+|%2B)([0-9]{1,2})[0-9]{2,}([0-9]{2})")
# Nobody needs more to find a line again. The canonical path can be 8 KiB long, a subject as long as a token.
_LONGEST: Final = 512

# What a client calls a factor is its own text; only names we know are written down.
_KNOWN_FACTORS = frozenset(Factor)
# What has to be found again later: a change of factors, or windows that were closed.
_CHANGES = frozenset(
    {
        *(Action.ACTIVATE, Action.VERIFY, Action.DEACTIVATE),
        *(Action.ADD, Action.CONFIRM, Action.RENAME, Action.REMOVE, Action.BACKUP, Action.CLOSE),
    }
)


class Journal:
    """Writes decisions, ceremonies and faults to a structured log."""

    def __init__(self, log: FilteringBoundLogger) -> None:
        self._log = log
        self._bound: FilteringBoundLogger | None = None
        # A log that takes the fields of a line as they are spares most calls the packing of them.
        self._take: Callable[[str, dict[str, object]], None] | None = None

    def decided(self, call: Call, verdict: Verdict) -> None:
        """One judged call. Without anybody to read it, this costs next to nothing: it happens on every call."""
        log = self._bound or self._bound_log()
        match verdict:
            case Pass(overruled=Refuse() as refusal):
                if log.is_enabled_for(logging.WARNING):
                    log.warning("would refuse", **_call_fields(call), **dict(_refusal_fields(refusal)))
            case Pass():
                if self._take is not None:
                    self._take("passed", _pass_fields(call, verdict))
                elif log.is_enabled_for(logging.INFO):
                    log.info("passed", **_pass_fields(call, verdict))
            case Refuse():
                if log.is_enabled_for(logging.INFO):
                    log.info("refused", **_call_fields(call), **dict(_refusal_fields(verdict)))
            case _ as never:
                assert_never(never)

    def _bound_log(self) -> FilteringBoundLogger:
        """The log, bound when it is first needed: structlog may be configured after this was made."""
        if self._bound is None:
            self._bound = self._log.bind()
            self._take = getattr(self._bound, "take", None)
        return self._bound

    def concluded(self, call: Call, command: Command, outcome: Outcome) -> None:
        """One ceremony; a change of factors is an audit event, and so is a ban."""
        has_changed = not isinstance(outcome, Failed) and command.action in _CHANGES
        has_banned = isinstance(outcome, Failed) and is_new_ban(outcome.reason, outcome.retry_after_ms)
        audited = has_changed or has_banned
        self._log.info("ceremony", **_call_fields(call), **dict(_ceremony_fields(command, outcome)), audit=audited)

    def received(self, call: Call, errand: Errand, outcome: entrance.Outcome, *, is_later: bool = False) -> None:
        """One errand at the entrance, or what it left to be done after its answer; a new ban is an audit event."""
        fields = dict(_errand_fields(errand, outcome))
        audited = isinstance(outcome, entrance.Turned) and outcome.begins_ban
        self._log.info("later" if is_later else "entrance", **_call_fields(call), **fields, audit=audited)

    def factor_changed(self, call: Call, told: TellOwner) -> None:
        """A factor was added, changed or removed at the entrance: an audit event."""
        self._log.info(
            "factor changed",
            **_call_fields(call),
            **dict(_caller_fields(told.caller)),
            factor=told.factor.value,
            happening=told.happening.value,
            audit=True,
        )

    def crowded(self, call: Call) -> None:
        """So much waits to be done after its answer that this is not done at all."""
        self._log.error("not sent: too much is waiting to be sent", **_call_fields(call))

    def stopped(self, call: Call, country: str, stop: Stop) -> None:
        """A country is written to no more, for a while: an audit event that somebody should look at now."""
        self._log.error(
            "alarm: nothing is sent to this country, too few of its codes were redeemed",
            **_call_fields(call),
            country=country,
            sent=stop.sent,
            redeemed=stop.redeemed,
            left_ms=stop.left_ms,
            audit=True,
        )

    def revoked(self, call: Call, caller: Caller) -> None:
        """What was still open for a caller ends, because of a revocation: an audit event."""
        self._log.info("revoked while open", **_call_fields(call), **dict(_caller_fields(caller)), audit=True)

    def ended(self, call: Call, verdict: Pass) -> None:
        """A good answer ended what its caller had proved, as its rule says: an audit event."""
        self._log.info("ended on success", **_call_fields(call), **dict(_ending_fields(verdict)), audit=True)

    def not_ended(self, call: Call, verdict: Pass) -> None:
        """The same could not be done, although the application has acted: an audit event to look at now."""
        what = "not ended on success: the application has acted, and what its caller had proved still counts"
        self._log.error(what, **_call_fields(call), **dict(_ending_fields(verdict)), audit=True)

    def parted(self, call: Call, account: AccountId, heard: Heard) -> None:
        """An issuer told of a log-out: an audit event, and one to look at where a token came twice."""
        log = self._log.info if heard is Heard.FIRST else self._log.warning
        subject = masked_subject(account)
        log(
            "logged out by the issuer",
            **_call_fields(call),
            realm=account.realm,
            subject=subject,
            heard=heard.value,
            audit=True,
        )

    def unheard(self, fault: Fault) -> None:
        """Revocations are not told any more, so whoever could be revoked is looked at again and again."""
        self._log.warning("revocations are not heard", why=written(str(fault)))

    def broke(self, part: str, error: BaseException | None) -> None:
        """A part of ours broke, which it never should."""
        self._log.error("broken", part=part, why=type(error).__name__, exc_info=error)

    def operated(self, account: AccountId, action: Action, factor: Factor) -> None:
        """An operator changed the factors of an account: an audit event."""
        self._log.info(
            "operator",
            action=action.value,
            factor=factor.value,
            realm=account.realm,
            subject=masked_subject(account),
            audit=True,
        )

    def faulted(self, call: Call, fault: Fault) -> None:
        """Something we stand on failed during a call."""
        self._log.error("fault", **_call_fields(call), fault=type(fault).__name__, why=written(str(fault)))


def _call_fields(call: Call) -> dict[str, object]:
    return {
        "request_id": call.request_id,
        "method": call.method,
        "path": _written_path(call.path.wire),
        "host": _remembered(call.host),
    }


def _pass_fields(call: Call, verdict: Pass) -> dict[str, object]:
    fields: dict[str, object] = {
        "request_id": call.request_id,
        "method": call.method,
        "path": _written_path(call.path.wire),
        "host": _remembered(call.host),
        "rule": verdict.rule.name,
    }
    if (caller := verdict.caller) is not None:
        fields["realm"] = caller.account.realm
        fields["subject"] = masked_subject(caller.account)
    if (shown := verdict.shown) is not None:
        fields["factor"] = shown.factor.value
        fields["age_ms"] = shown.age_ms
    return fields


def _refusal_fields(refusal: Refuse) -> Fields:
    yield "reason", refusal.reason.value
    yield "rule", refusal.rule.name if refusal.rule else None
    yield from _caller_fields(refusal.caller)
    if refusal.detail:
        yield "detail", written(refusal.detail)
    if refusal.retry_after_ms:
        yield "retry_after_ms", refusal.retry_after_ms
    if is_new_ban(refusal.reason, refusal.retry_after_ms):
        yield "audit", True


def _ceremony_fields(command: Command, outcome: Outcome) -> Fields:
    yield "action", command.action.value
    if command.factor_name:
        yield "factor", command.factor_name if command.factor_name in _KNOWN_FACTORS else "other"
    yield from _caller_fields(command.caller)
    if isinstance(outcome, Failed):
        yield "reason", outcome.reason.value
        yield "detail", written(outcome.detail)
    else:
        yield "outcome", "done"


def _errand_fields(errand: Errand, outcome: entrance.Outcome) -> Fields:
    yield "action", errand.command.action
    yield "site", written(errand.site.name)
    yield "realm", errand.site.realm
    match outcome:
        case entrance.Turned(denial=denial, about=about):
            yield "reason", denial.value
            yield "detail", written(about)
        case entrance.Entered(portrait=portrait, is_new=is_new):
            yield "outcome", "new account" if is_new else "entered"
            yield "subject", masked_subject(portrait.account)
        case entrance.Incomplete(portrait=portrait):
            yield "outcome", "incomplete"
            yield "subject", masked_subject(portrait.account)
        case SignedIn(account=account):
            yield "outcome", "entered"
            yield "subject", masked_subject(account)
        case CodeNeeded():
            yield "outcome", "code needed"
        case _:
            yield "outcome", "done"


def _ending_fields(verdict: Pass) -> Fields:
    yield "rule", verdict.rule.name
    yield "on_success", verdict.on_success.value
    yield from _caller_fields(verdict.caller)


def _caller_fields(caller: Caller | None) -> Fields:
    if caller is not None:
        yield "realm", caller.account.realm
        yield "subject", masked_subject(caller.account)


def is_new_ban(reason: Reason, left_ms: int) -> bool:
    """Whether this very code brought the ban: those that come under a ban have a reason of their own."""
    return reason is Reason.CODE_INVALID and left_ms > 0


def masked_subject(account: AccountId) -> str:
    """The subject for people to read; of one that holds an address, the first letter and the domain are left."""
    return _remembered(account.subject)


def _written_path(wire: bytes) -> str:
    return _known_path(wire) if len(wire) <= _SHORT else _written_anew(wire)


def _written_anew(wire: bytes) -> str:
    return written(wire.decode("ascii"))


def _remembered(text: str) -> str:
    """The same as `written`, for texts that come again and again. What strangers have us remember is bounded."""
    return _known(text) if len(text) <= _SHORT else written(text)


def written(text: str) -> str:
    """A text as it may be written down: on one line, without full addresses, of bounded length."""
    masked = text[: 4 * _LONGEST]
    if "@" in masked or "%40" in masked:
        masked = _MAILBOX.sub(r"\1***\2", masked)
    if "+" in masked or "%2B" in masked:
        masked = _PHONE.sub(r"\1\2***\3", masked)
    short = masked if len(masked) <= _LONGEST else f"{masked[:_LONGEST]}…"
    return short if short.isprintable() else "".join(map(_escaped, short))


_SHORT: Final = 256
_known = lru_cache(maxsize=1024)(written)
_known_path = lru_cache(maxsize=1024)(_written_anew)


def _escaped(char: str) -> str:
    return char if char.isprintable() else char.encode("unicode_escape").decode("ascii")
