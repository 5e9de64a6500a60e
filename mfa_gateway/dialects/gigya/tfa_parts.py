"""Reading and writing that more than one method of second factors does.

What stays out: the methods (tfa, tfa_codes, tfa_authenticators, tfa_pushes).
"""

from collections.abc import Callable

from mfa_gateway.core.account import Enrolment
from mfa_gateway.core.entrance import Attested, Command, Outcome
from mfa_gateway.dialects.gigya.envelope import Body, timestamp
from mfa_gateway.dialects.gigya.errors import GigyaError
from mfa_gateway.dialects.gigya.method import Request, not_mine


def by_assertion(make: Callable[[str], Command]) -> Callable[[Request], Command | GigyaError]:
    """A reader of methods that take an assertion and nothing else."""

    def read(request: Request) -> Command | GigyaError:
        assertion = request.bag.need("gigyaAssertion")
        return assertion if isinstance(assertion, GigyaError) else make(assertion)

    return read


def needed(request: Request, *names: str) -> list[str] | GigyaError:
    """Values that have to be there, all of them, in this order."""
    values = []
    for name in names:
        value = request.bag.need(name)
        if isinstance(value, GigyaError):
            return value
        values.append(value)
    return values


def provider_assertion(outcome: Outcome, request: Request) -> Body:
    """The answer of a provider."""
    del request
    return Body({"providerAssertion": token_of(outcome)})


def token_of(outcome: Outcome) -> str:
    """The signed statement that is the whole outcome."""
    if not isinstance(outcome, Attested):
        raise not_mine(outcome)
    return outcome.token


def last_verification(one: Enrolment) -> dict[str, str]:
    """When a code of it was right for the last time, as text: one SDK insists on that."""
    moment = one.used_ms or one.added_ms
    return {} if moment is None else {"lastVerification": timestamp(moment)}


def dialled(written: str) -> str:
    """A number as it is dialled from anywhere: clients leave out the plus (spec/gigya.md section 1.3)."""
    return f"+{written}" if written.isascii() and written.isdigit() else written
