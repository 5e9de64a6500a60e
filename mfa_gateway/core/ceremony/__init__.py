"""Ceremonies: multi-step exchanges that change what an account can prove with.

Theory. A ceremony is a generator: it yields what it needs from the world (a `Need`) and is sent the answer, until it
returns its `Outcome`. It never waits itself, so each can be played through in a test by a dozen lines, with every
answer there is. The engine's clerk is the one loop that carries out needs for all of them.

    command --> ceremony -- Need --> clerk --> store, directory, sender
                         <- answer -
                         -- Outcome --> dialect

What stays out: wire forms, and the limits and steps of sending a code (engine).
"""

from collections.abc import Callable
from typing import Final, assert_never

from mfa_gateway.core.ceremony import enrolments, factors, preflight, windows
from mfa_gateway.core.ceremony.authority import FRESH_LOGIN_MS
from mfa_gateway.core.ceremony.enrolments import is_address
from mfa_gateway.core.ceremony.factors import DEACTIVATION_RIDE_MS
from mfa_gateway.core.ceremony.failures import FAILURES
from mfa_gateway.core.ceremony.words import (
    PENDING_TOTP_MS,
    Action,
    Answer,
    AskLogin,
    AskPresence,
    Begun,
    Ceremony,
    Challenged,
    Change,
    CloseWindow,
    Command,
    Consult,
    Deliver,
    Delivery,
    Done,
    Draw,
    Enrol,
    Failed,
    Foresee,
    Forethought,
    Foretold,
    Limited,
    Listed,
    LoggedIn,
    LookUp,
    Need,
    NotSent,
    Outcome,
    Pending,
    Print,
    Printed,
    Proven,
    Recall,
    Redeem,
    Rename,
    Resume,
    Sent,
    Stock,
    TakeStock,
    Windows,
)
from mfa_gateway.core.gate import Terms
from mfa_gateway.core.message import Happening

__all__ = [
    "DEACTIVATION_RIDE_MS", "FAILURES", "FRESH_LOGIN_MS", "PENDING_TOTP_MS", "Action", "Answer", "AskLogin",
    "AskPresence", "Begun", "Ceremony", "Challenged", "Change", "CloseWindow", "Command", "Consult", "Deliver",
    "Delivery", "Done", "Draw", "Enrol", "Failed", "Foresee", "Foretold", "Forethought", "Limited", "Listed",
    "LoggedIn", "LookUp", "Need", "NotSent", "Outcome", "Pending", "Print", "Printed", "Proven", "Recall", "Redeem",
    "Rename", "Resume", "Sent", "Stock", "TakeStock", "Windows", "happening_of", "is_address", "perform",
]  # fmt: skip

_CEREMONIES: Final[dict[Action, Callable[[Command, Terms], Ceremony]]] = {
    Action.LIST: factors.list_factors,
    Action.TRIGGER: factors.trigger,
    Action.ACTIVATE: factors.activate,
    Action.VERIFY: factors.verify,
    Action.DEACTIVATE: factors.deactivate,
    Action.INVENTORY: enrolments.inventory,
    Action.ADD: enrolments.add,
    Action.CONFIRM: enrolments.confirm,
    Action.RENAME: enrolments.rename,
    Action.REMOVE: enrolments.remove,
    Action.BACKUP: enrolments.print_backup,
    Action.CHALLENGE: windows.challenge,
    Action.ANSWER: windows.answer,
    Action.GRACE: windows.show,
    Action.CLOSE: windows.close,
    Action.PREFLIGHT: preflight.preflight,
}


def perform(command: Command, terms: Terms) -> Ceremony:
    """Begin the ceremony that a command asks for."""
    return _CEREMONIES[command.action](command, terms)


def happening_of(action: Action, outcome: Outcome) -> Happening | None:
    """What the owner of the account has to be told, whoever did it; None where nothing of theirs has changed."""
    if isinstance(outcome, Failed):
        return None
    match action:
        case Action.VERIFY | Action.CONFIRM:
            return Happening.ADDED
        case Action.RENAME | Action.BACKUP:
            return Happening.CHANGED
        case Action.DEACTIVATE | Action.REMOVE:
            return Happening.REMOVED
        case Action.LIST | Action.TRIGGER | Action.ACTIVATE | Action.INVENTORY | Action.ADD:
            return None
        case Action.CHALLENGE | Action.ANSWER | Action.GRACE | Action.CLOSE | Action.PREFLIGHT:
            return None
        case _ as never:
            assert_never(never)
