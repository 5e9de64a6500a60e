"""The journal: what the operator reads afterwards.

One line per judged call and per ceremony, with the request id that the client saw. Codes, tokens, secrets and full
addresses are never among the fields, and no text of a stranger goes into one as it came: addresses in it are masked,
whatever could end a line or steer a terminal is escaped, and long ones are cut. What stays out: how lines are rendered
and where they go (app).
"""

import logging
import re
from collections.abc import Iterator
from typing import Final, assert_never

import structlog

from mfa_gateway.core.account import AccountId, Caller, Factor
from mfa_gateway.core.call import Call
from mfa_gateway.core.ceremony import Action, Command, Done, Failed, Outcome
from mfa_gateway.core.fault import Fault
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
_CHANGES = frozenset({Action.ACTIVATE, Action.VERIFY, Action.DEACTIVATE})


class Journal:
    """Writes decisions, ceremonies and faults to a structured log."""

    def __init__(self, log: structlog.typing.FilteringBoundLogger) -> None:
        self._log = log

    def decided(self, call: Call, verdict: Verdict) -> None:
        """One judged call. Without anybody to read it, this costs next to nothing: it happens on every call."""
        if not self._log.is_enabled_for(logging.WARNING if _is_overruled(verdict) else logging.INFO):
            return
        match verdict:
            case Pass(overruled=Refuse() as refusal):
                self._log.warning("would refuse", **_call_fields(call), **dict(_refusal_fields(refusal)))
            case Pass():
                self._log.info("passed", **_call_fields(call), **dict(_pass_fields(verdict)))
            case Refuse():
                self._log.info("refused", **_call_fields(call), **dict(_refusal_fields(verdict)))
            case _ as never:
                assert_never(never)

    def concluded(self, call: Call, command: Command, outcome: Outcome) -> None:
        """One ceremony; a change of factors is an audit event, and so is a ban."""
        has_changed = isinstance(outcome, Done) and command.action in _CHANGES
        has_banned = isinstance(outcome, Failed) and is_new_ban(outcome.reason, outcome.retry_after_ms)
        audited = has_changed or has_banned
        self._log.info("ceremony", **_call_fields(call), **dict(_ceremony_fields(command, outcome)), audit=audited)

    def faulted(self, call: Call, fault: Fault) -> None:
        """Something we stand on failed during a call."""
        self._log.error("fault", **_call_fields(call), fault=type(fault).__name__, why=written(str(fault)))


def _is_overruled(verdict: Verdict) -> bool:
    return isinstance(verdict, Pass) and verdict.overruled is not None


def _call_fields(call: Call) -> dict[str, object]:
    return {
        "request_id": call.request_id,
        "method": call.method,
        "path": written(str(call.path)),
        "host": written(call.host),
    }


def _pass_fields(verdict: Pass) -> Fields:
    yield "rule", verdict.rule.name
    yield from _caller_fields(verdict.caller)
    if verdict.shown is not None:
        yield "factor", verdict.shown.factor.value
        yield "age_ms", verdict.shown.age_ms


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


def _caller_fields(caller: Caller | None) -> Fields:
    if caller is not None:
        yield "realm", caller.account.realm
        yield "subject", masked_subject(caller.account)


def is_new_ban(reason: Reason, left_ms: int) -> bool:
    """Whether this very code brought the ban: those that come under a ban have a reason of their own."""
    return reason is Reason.CODE_INVALID and left_ms > 0


def masked_subject(account: AccountId) -> str:
    """The subject for people to read; of one that holds an address, the first letter and the domain are left."""
    return written(account.subject)


def written(text: str) -> str:
    """A text as it may be written down: on one line, without full addresses, of bounded length."""
    masked = text[: 4 * _LONGEST]
    if "@" in masked or "%40" in masked:
        masked = _MAILBOX.sub(r"\1***\2", masked)
    if "+" in masked or "%2B" in masked:
        masked = _PHONE.sub(r"\1\2***\3", masked)
    short = masked if len(masked) <= _LONGEST else f"{masked[:_LONGEST]}…"
    return short if short.isprintable() else "".join(map(_escaped, short))


def _escaped(char: str) -> str:
    return char if char.isprintable() else char.encode("unicode_escape").decode("ascii")
