"""Verdicts: the closed vocabulary of answers, which every dialect translates.

What stays out: status codes and wire texts (dialects), and how a verdict comes about (gate, ceremony).
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final, final

from mfa_gateway.core.account import Caller, Proof
from mfa_gateway.core.policy import Access, Enforcement, OnSuccess, Rule


class Reason(StrEnum):
    """Why a call or a ceremony was refused."""

    # The request itself
    AMBIGUOUS_REQUEST = "ambiguous_request"
    METHOD_NOT_ALLOWED = "method_not_allowed"
    CREDENTIAL_IN_QUERY = "credential_in_query"
    TWO_CREDENTIALS = "two_credentials"
    MISDIRECTED = "misdirected"
    # Who is calling
    TOKEN_MISSING = "token_missing"  # noqa: S105 - the name of a reason
    TOKEN_INVALID = "token_invalid"  # noqa: S105 - the name of a reason
    NO_SUBJECT = "no_subject"
    ACCOUNT_UNKNOWN = "account_unknown"
    ACCOUNT_DISABLED = "account_disabled"
    DENIED = "denied"
    # The factor
    NOT_ENROLLED = "not_enrolled"
    CODE_MISSING = "code_missing"
    CODE_INVALID = "code_invalid"
    BANNED = "banned"
    # Ceremonies
    LOGIN_STALE = "login_stale"
    FACTOR_MISSING = "factor_missing"
    FACTOR_NOT_FOUND = "factor_not_found"
    ALREADY_ACTIVE = "already_active"
    DEACTIVATION_FAILED = "deactivation_failed"
    SEND_FAILED = "send_failed"
    SEND_LIMITED = "send_limited"
    BODY_MALFORMED = "body_malformed"
    BODY_TYPE_INVALID = "body_type_invalid"
    BODY_TOO_LARGE = "body_too_large"
    BODY_UNSUPPORTED = "body_unsupported"
    NOT_FOUND = "not_found"
    # Us
    STORE_UNAVAILABLE = "store_unavailable"
    IDENTITY_UNAVAILABLE = "identity_unavailable"
    DIRECTORY_UNAVAILABLE = "directory_unavailable"


@dataclass(frozen=True, slots=True)
class Refuse:
    """The call does not go on.

    Attributes:
        reason: why.
        rule: the rule that asked, if the call came as far as a rule.
        retry_after_ms: when it makes sense to come back; 0 where time changes nothing.
        detail: for the log and for developers; never a secret.
        caller: who called, as far as that is known.
    """

    reason: Reason
    rule: Rule | None = None
    retry_after_ms: int = 0
    detail: str = ""
    caller: Caller | None = None


@final
@dataclass(slots=True, init=False, eq=False)
class Pass:
    """The call goes on. Final and made by hand for the reason that a `Call` is.

    Attributes:
        rule: the rule that let it through.
        caller: None on open routes, where nobody is asked for.
        shown: the proof that satisfied the rule; None where nothing had to be shown.
        overruled: what would have been refused, on a rule that is not enforced (shadow).
        epoch: the account's, by which whoever keeps something open knows it again; None where the store was not asked.
    """

    rule: Final[Rule]
    caller: Final[Caller | None]
    shown: Final[Proof | None]
    overruled: Final[Refuse | None]
    epoch: Final[int | None]

    def __init__(
        self,
        rule: Rule,
        caller: Caller | None = None,
        shown: Proof | None = None,
        overruled: Refuse | None = None,
        epoch: int | None = None,
    ) -> None:
        self.rule = rule
        self.caller = caller
        self.shown = shown
        self.overruled = overruled
        self.epoch = epoch

    def __eq__(self, other: object) -> bool:
        """Whether two verdicts let through alike; in which epoch is not compared."""
        return isinstance(other, Pass) and self._said() == other._said()

    def __hash__(self) -> int:
        """The hash that goes with it."""
        return hash(self._said())

    def _said(self) -> tuple[Rule, Caller | None, Proof | None, Refuse | None]:
        return self.rule, self.caller, self.shown, self.overruled

    @property
    def is_protected(self) -> bool:
        """Whether what was let through is on a protected route; a shadow rule protects nothing."""
        requirement = self.rule.requirement
        return requirement.access is Access.MFA and requirement.enforcement is Enforcement.ENFORCED

    @property
    def on_success(self) -> OnSuccess:
        """What a good answer does to what the caller has proved: nothing where nobody is known."""
        return OnSuccess.NONE if self.caller is None else self.rule.requirement.on_success


Verdict = Pass | Refuse
