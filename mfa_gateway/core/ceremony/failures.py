"""Failures: what each ceremony may end with that is no success, for those who have to say so beforehand.

What stays out: what refuses a request before there is a ceremony (doors, dialects).
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from mfa_gateway.core.ceremony.words import Action
from mfa_gateway.core.verdict import Reason

_ALWAYS: Final = frozenset({Reason.ACCOUNT_UNKNOWN, Reason.ACCOUNT_DISABLED, Reason.STORE_UNAVAILABLE})
_CODE: Final = frozenset({Reason.CODE_MISSING, Reason.CODE_INVALID, Reason.BANNED})
_SENDING: Final = frozenset({Reason.SEND_FAILED, Reason.SEND_LIMITED})
_NAMED: Final = frozenset({Reason.FACTOR_MISSING, Reason.FACTOR_NOT_FOUND})
FAILURES: Final[Mapping[Action, frozenset[Reason]]] = MappingProxyType(
    {
        Action.LIST: _ALWAYS,
        Action.TRIGGER: _ALWAYS | _NAMED | _SENDING,
        Action.ACTIVATE: _ALWAYS | _CODE | _NAMED | _SENDING | {Reason.ALREADY_ACTIVE},
        Action.VERIFY: _ALWAYS | _CODE | _NAMED | {Reason.ALREADY_ACTIVE},
        Action.DEACTIVATE: _ALWAYS | _CODE | _NAMED | {Reason.DEACTIVATION_FAILED},
        Action.INVENTORY: _ALWAYS,
        Action.ADD: _ALWAYS
        | _CODE
        | _NAMED
        | _SENDING
        | {Reason.LOGIN_STALE, Reason.ALREADY_ACTIVE, Reason.BODY_MALFORMED},
        Action.CONFIRM: _ALWAYS | _CODE | _NAMED,
        Action.RENAME: _ALWAYS | _CODE | _NAMED | {Reason.BODY_MALFORMED},
        Action.REMOVE: _ALWAYS | _CODE | _NAMED | {Reason.DEACTIVATION_FAILED},
        Action.BACKUP: _ALWAYS | _CODE | {Reason.FACTOR_NOT_FOUND, Reason.NOT_ENROLLED},
        Action.CHALLENGE: _ALWAYS | _SENDING | {Reason.FACTOR_NOT_FOUND, Reason.NOT_ENROLLED},
        Action.ANSWER: _ALWAYS | _CODE | {Reason.NOT_ENROLLED},
        Action.GRACE: _ALWAYS,
        Action.CLOSE: _ALWAYS,
        Action.PREFLIGHT: frozenset({Reason.STORE_UNAVAILABLE, Reason.BODY_MALFORMED}),
    }
)
