"""Words of callers at the entrance: wire forms whose requests may bring the gate's own kind of credential.

Such a request is that of a caller, and what it asks for is a ceremony. What stays out: the ceremonies.
"""

from dataclasses import dataclass

from mfa_gateway.core.account import Anonymous, Caller
from mfa_gateway.core.ceremony import Command, Outcome


@dataclass(frozen=True, slots=True)
class Identify:
    """Whose credential does this request bring, by the rules of the gate? Answer: `Caller` or `Anonymous`."""


@dataclass(frozen=True, slots=True)
class Perform:
    """Play a whole ceremony, with everything that belongs to one. Answer: its outcome."""

    command: Command


CallerNeed = Identify | Perform
CallerAnswer = Caller | Anonymous | Outcome
