"""A method: how one name of the contract is read and written, and who may call it.

What stays out: the methods themselves, which stand beside those they belong with (codes, and its neighbours).
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from mfa_gateway.core.entrance import ANYBODY, Command, Kind, Outcome
from mfa_gateway.core.site import Site
from mfa_gateway.dialects.gigya.bag import Bag
from mfa_gateway.dialects.gigya.envelope import Body, Form
from mfa_gateway.dialects.gigya.errors import GigyaError
from mfa_gateway.dialects.gigya.sites import GigyaSite

# Servers of the site only.
SERVERS: Final = frozenset({Kind.SERVER})


@dataclass(frozen=True, slots=True)
class Request:
    """One call of a method, as far as it can be read.

    Attributes:
        bag: its parameters.
        form: how its answer is written.
        access: the site that it is made at, with its secrets.
        is_secure: whether it came over TLS.
        device: the id of the device that its own cookie holds, "" where it has none; `Errand.device` may be told.
        user: the same for whoever uses it.
    """

    bag: Bag
    form: Form
    access: GigyaSite = field(repr=False)
    is_secure: bool = False
    device: str = field(default="", repr=False)
    user: str = field(default="", repr=False)

    @property
    def site(self) -> Site:
        """The site that it is made at."""
        return self.access.site


@dataclass(frozen=True, slots=True)
class Method:
    """One method.

    Attributes:
        name: as in the contract; case does not count.
        read: makes a command of a request, or answers it at once, or says what is wrong with it.
        write: makes the body of an outcome; denials have one shape for all methods (errors) and never come here.
        welcome: who may call it.
    """

    name: str
    read: Callable[[Request], Command | Body | GigyaError]
    write: Callable[[Outcome, Request], Body]
    welcome: frozenset[Kind] = ANYBODY


def nothing(outcome: Outcome, request: Request) -> Body:
    """The body of an answer that is its envelope."""
    del outcome, request
    return Body()


def not_mine(outcome: Outcome) -> TypeError:
    """The programming error of a method whose exchange ends in something that it does not write."""
    return TypeError(f"no body is written for a {type(outcome).__name__} here")
