"""The bag: all parameters of a request, from query and form, under names without case.

Two spellings of a name, or a name twice, are two readers' chance to take one request for two, so neither is taken.
What stays out: which parameters a method has, and what they mean.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final
from urllib.parse import parse_qsl

from mfa_gateway.dialects.gigya.errors import GigyaError, invalid, missing
from mfa_gateway.dialects.wire import Received

# The largest real calls have some thirty parameters.
_MOST: Final = 200
_FORM: Final = "application/x-www-form-urlencoded"

# spec/gigya.md section 0.1: JavaScript, Python, and a PHP client that writes numbers.
_FLAGS: Final[Mapping[str, bool]] = MappingProxyType({"true": True, "1": True, "false": False, "0": False})


@dataclass(frozen=True, slots=True)
class Bag:
    """The parameters of one request.

    Attributes:
        sent: names and values as they were sent, for whoever checks a signature over them.
        values: by their names in lower case.
    """

    sent: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    values: Mapping[str, str] = field(default_factory=dict, repr=False)

    def get(self, name: str, default: str = "") -> str:
        """A value; one that is empty counts as missing."""
        return self.values.get(name.lower()) or default

    def need(self, name: str) -> str | GigyaError:
        """A value that has to be there."""
        return self.get(name) or missing(name)

    def flag(self, name: str, *, default: bool = False) -> bool | GigyaError:
        """A truth value in any of its spellings."""
        text = self.get(name)
        return _FLAGS.get(text.lower(), invalid(name)) if text else default


def read_bag(received: Received) -> Bag | GigyaError:
    """All parameters of a request, or what is wrong with them."""
    query = _pairs(received.query)
    form = _pairs(received.body) if _has_form(received) else ()
    if query is None or form is None:
        return GigyaError(400001, "The parameters cannot be read")
    if form == () and received.body:
        return GigyaError(400001, f"Send parameters as {_FORM}")
    sent = (*query, *form)
    values = {name.lower(): value for name, value in sent}
    if len(values) < len(sent):
        return GigyaError(400001, "A parameter is there twice")
    return Bag(sent, MappingProxyType(values))


def _has_form(received: Received) -> bool:
    return received.header(b"content-type").partition(";")[0].strip().lower() == _FORM


def _pairs(text: bytes) -> tuple[tuple[str, str], ...] | None:
    """The pairs of a query or form (WHATWG URL section 5.1); None for what is not UTF-8 text, or is too many."""
    try:
        return tuple(parse_qsl(text.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=_MOST))
    except ValueError:
        return None
