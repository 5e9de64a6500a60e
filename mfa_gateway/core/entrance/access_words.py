"""Words of access: needs about what has ended, or is to end.

What stays out: needs of single sessions (words), and of second factors (second_words).
"""

from dataclasses import dataclass, field

from mfa_gateway.core.account import AccountId


@dataclass(frozen=True, slots=True)
class EndSessions:
    """End every session of an account, and whatever was proved for it: a new epoch begins. Answer: None."""

    account: AccountId


@dataclass(frozen=True, slots=True)
class WasUsed:
    """Was this used, as `UseOnce` remembers it? Asking is no use. Answer: `Use`; REPEATED where it was."""

    names: tuple[str, ...] = field(repr=False)


AccessNeed = EndSessions | WasUsed
