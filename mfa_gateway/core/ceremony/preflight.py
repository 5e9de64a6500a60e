"""Preflight: the ceremony that tells what a call would meet, and changes nothing.

It goes the way of the judge: the rule, the caller, the register, the store. What stays out: what it all means
(foresight).
"""

from typing import Final

from mfa_gateway.core.account import Standing
from mfa_gateway.core.ceremony.words import (
    Asked,
    AskPresence,
    Ceremony,
    Command,
    Consult,
    Failed,
    Foresee,
    Foretold,
    wrong_answer,
)
from mfa_gateway.core.foresight import Clear, Prospect, foresight_of, foretell
from mfa_gateway.core.gate import Terms, appoint, refuse
from mfa_gateway.core.policy import Candidates, OnSuccess
from mfa_gateway.core.presence import Presence, absence
from mfa_gateway.core.proof import Scope
from mfa_gateway.core.verdict import Pass, Reason, Refuse

_NOTHING: Final = Prospect(Standing())


def preflight(command: Command, terms: Terms) -> Ceremony:
    """Tell what the wished call would meet if this caller made it now, without a code."""
    if command.wish is None:
        return Failed(Reason.BODY_MALFORMED, detail="no call is named")
    consulted = yield Consult(command.wish)
    if isinstance(consulted, Clear):
        return Foretold(consulted)
    if not isinstance(consulted, Candidates | Pass | Refuse):
        raise wrong_answer("Consult", consulted)
    appointed = appoint(consulted, command.caller) if isinstance(consulted, Candidates) else consulted
    if not isinstance(appointed, tuple):
        if isinstance(appointed, Pass) and appointed.on_success is not OnSuccess.NONE:
            # Such a call does not go on while the store is away, so the store has to be there for the answer.
            yield from _prospect(appointed.rule.requirement.scope)
        return Foretold(foresight_of(appointed, _NOTHING, terms))
    rule, caller = appointed
    if (reason := absence((yield from _presence()))) is not None:
        return Foretold(foresight_of(refuse(rule, reason, caller=caller), _NOTHING, terms))
    prospect = yield from _prospect(rule.requirement.scope)
    return Foretold(foretell(rule, caller, prospect, terms=terms))


def _presence() -> Asked[Presence]:
    answer = yield AskPresence()
    if not isinstance(answer, Presence):
        raise wrong_answer("AskPresence", answer)
    return answer


def _prospect(scope: Scope) -> Asked[Prospect]:
    answer = yield Foresee(scope)
    if not isinstance(answer, Prospect):
        raise wrong_answer("Foresee", answer)
    return answer
