"""Names: how enrolments are called on the wire.

An id says which factor it is of, so that whoever brings one back need not say so again, and nobody has to look it up:
two digits for the factor, then the id that the store gave. To clients it is opaque.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from mfa_gateway.core.account import UNTYPED, Factor
from mfa_gateway.dialects.describing import Schema, text

# Published with every id that was given out: a number never comes to mean another factor.
_TAGS: Final[Mapping[Factor, str]] = MappingProxyType(
    {Factor.EMAIL: "01", Factor.SMS: "02", Factor.TOTP: "03", Factor.PUSH: "04"}
)
_FACTORS: Final[Mapping[str, Factor]] = MappingProxyType({tag: factor for factor, tag in _TAGS.items()})
_TAG_LENGTH: Final = 2

# As `wire_id` writes them.
ID: Final[Schema] = text(pattern="^[0-9a-f]{3,64}$")

# What can be begun and asked for a code, by the name of its type.
TYPES: Final[Mapping[str, Factor]] = MappingProxyType(
    {factor.value: factor for factor in _TAGS if factor not in UNTYPED}
)
# The types of all that has an id; devices are enrolled elsewhere, and listed and taken away here.
LISTED: Final = tuple(factor.value for factor in _TAGS)


def wire_id(factor: Factor, enrolment: str) -> str:
    """The name of an enrolment on the wire."""
    return _TAGS[factor] + enrolment


def read_id(text: str) -> tuple[Factor, str] | None:
    """The factor and the enrolment that a name means; None where it cannot be one of ours."""
    factor, enrolment = _FACTORS.get(text[:_TAG_LENGTH]), text[_TAG_LENGTH:]
    return (factor, enrolment) if factor is not None and enrolment else None
