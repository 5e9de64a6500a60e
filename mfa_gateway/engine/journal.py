"""The journal: what the operator reads afterwards.

One line per judged call and per ceremony, with the request id that the client saw. Codes, tokens, secrets and full
addresses are never among the fields; a subject that looks like an address is masked. What stays out: how lines are
rendered and where they go (app).
"""

from collections.abc import Iterator

import structlog

from mfa_gateway.core.account import AccountId, Caller, Factor
from mfa_gateway.core.call import Call
from mfa_gateway.core.ceremony import Action, Command, Done, Failed, Outcome
from mfa_gateway.core.fault import Fault
from mfa_gateway.core.verdict import Pass, Refuse, Verdict

Fields = Iterator[tuple[str, object]]

# What a client calls a factor is its own text; only names we know are written down.
_KNOWN_FACTORS = frozenset(Factor)
_CHANGES = frozenset({Action.ACTIVATE, Action.VERIFY, Action.DEACTIVATE})


class Journal:
    """Writes decisions, ceremonies and faults to a structured log."""

    def __init__(self, log: structlog.typing.FilteringBoundLogger) -> None:
        self._log = log

    def decided(self, call: Call, verdict: Verdict) -> None:
        """One judged call."""
        match verdict:
            case Pass(overruled=Refuse() as refusal):
                self._log.warning("would refuse", **_call_fields(call), **dict(_refusal_fields(refusal)))
            case Pass():
                self._log.info("passed", **_call_fields(call), **dict(_pass_fields(verdict)))
            case Refuse():
                self._log.info("refused", **_call_fields(call), **dict(_refusal_fields(verdict)))

    def concluded(self, call: Call, command: Command, outcome: Outcome) -> None:
        """One ceremony; a change of factors is an audit event."""
        audited = isinstance(outcome, Done) and command.action in _CHANGES
        self._log.info("ceremony", **_call_fields(call), **dict(_ceremony_fields(command, outcome)), audit=audited)

    def faulted(self, call: Call, fault: Fault) -> None:
        """Something we stand on failed during a call."""
        self._log.error("fault", **_call_fields(call), fault=type(fault).__name__, why=str(fault))


def _call_fields(call: Call) -> dict[str, object]:
    return {"request_id": call.request_id, "method": call.method, "path": str(call.path), "host": call.host}


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
        yield "detail", refusal.detail
    if refusal.retry_after_ms:
        yield "retry_after_ms", refusal.retry_after_ms


def _ceremony_fields(command: Command, outcome: Outcome) -> Fields:
    yield "action", command.action.value
    yield "factor", command.factor_name if command.factor_name in _KNOWN_FACTORS else "other"
    yield from _caller_fields(command.caller)
    if isinstance(outcome, Failed):
        yield "reason", outcome.reason.value
        yield "detail", outcome.detail
    else:
        yield "outcome", "done"


def _caller_fields(caller: Caller | None) -> Fields:
    if caller is not None:
        yield "realm", caller.account.realm
        yield "subject", masked_subject(caller.account)


def masked_subject(account: AccountId) -> str:
    """The subject for people to read; of one that holds an address, the first letter and the domain are left."""
    name, at, domain = account.subject.rpartition("@")
    return f"{name[:1]}***@{domain}" if at else account.subject
