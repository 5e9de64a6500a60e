"""Facts: what the application is told of a judged call, in place of headers that it would have to read.

What stays out: the reason why a call was let through beyond these, which is in the log.
"""

from dataclasses import dataclass
from typing import Final

from starlette.requests import HTTPConnection

from mfa_gateway.core.account import AccountId
from mfa_gateway.core.verdict import Pass

# `request.state.mfa`.
STATE: Final = "mfa"


@dataclass(frozen=True, slots=True)
class MFAFacts:
    """What is known of a call that goes on.

    Attributes:
        verified: whether a factor was proved for the very rule that the call fell under.
        factor: which one, as in "totp"; None where none was.
        age: how many seconds ago.
        account: who is calling; None on open routes, where nobody is asked for.
        rule: the name of the rule.
    """

    verified: bool
    factor: str | None
    age: int | None
    account: AccountId | None
    rule: str


def facts_from(verdict: Pass) -> MFAFacts:
    """The facts of a verdict."""
    shown = verdict.shown
    return MFAFacts(
        verified=shown is not None,
        factor=None if shown is None else shown.factor.value,
        age=None if shown is None else shown.age_ms // 1000,
        account=None if verdict.caller is None else verdict.caller.account,
        rule=verdict.rule.name,
    )


def mfa_facts(connection: HTTPConnection) -> MFAFacts:
    """The facts of a request or a WebSocket; in FastAPI also a dependency: `Depends(mfa_facts)`.

    Raises:
        RuntimeError: no MFAMiddleware has judged the call.
    """
    facts = getattr(connection.state, STATE, None)
    if not isinstance(facts, MFAFacts):
        raise RuntimeError(  # noqa: TRY004 - nobody handed over a wrong type
            "no MFAMiddleware has judged this call: add it with app.add_middleware(MFAMiddleware, ...)"
        )
    return facts
