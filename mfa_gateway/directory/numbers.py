"""Phone numbers as people write them, and the one form that counts, pins and sends.

`+44 7400 123456`, `0044-7400-123456` and `+447400123456` are one number: counted apart they would be three limits.
Which numbers there are, and of which kind, is known by the library phonenumbers, whose data is as old as its release.

Only mobile numbers are taken (in North America, where nothing tells them apart, mobile or fixed). Left out are

    premium, shared-cost, UAN    somebody is paid for every message, which is what messages are pumped for
    personal numbers             forwarded at the caller's cost (+44 70: dearer than most premium numbers)
    satellite, other networks    no country, so no limit of a country (+881, +882, +883)
    fixed lines, toll-free       most cannot receive a message, and it is paid for nevertheless
    VoIP, voicemail, pager       rented by the thousand within minutes, or nobody reads them
    unknown                      nobody can say what it costs

What stays out: whose number it is, and how many messages it gets.
"""

import re
from collections.abc import Collection
from typing import Final

from phonenumbers import (
    NumberParseException,
    PhoneNumberFormat,
    PhoneNumberType,
    format_number,
    is_valid_number,
    number_type,
    parse,
    region_code_for_number,
)

from mfa_gateway.core.phone import NumberFlaw, PhoneNumber

# ITU-T E.123 section 2: digits in groups, with spaces, hyphens, dots, slashes and brackets between them. The library
# takes far more: digits of other scripts, letters, extensions, several numbers.
_WRITTEN: Final = re.compile(r" *(?:\+|00)([0-9][0-9 ()./\-]{4,30})", re.ASCII)

_WRITTEN_TO: Final = frozenset({PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE_OR_MOBILE})
_COUNTRY: Final = re.compile(r"[A-Z]{2}", re.ASCII)


class NumberPlan:
    """Reads numbers of some countries."""

    def __init__(self, countries: Collection[str]) -> None:
        """`countries`: two capital letters each (ISO 3166-1)."""
        self._countries = frozenset(countries)

    def read(self, written: object) -> PhoneNumber | NumberFlaw:
        """The number that was meant, or why nothing is sent there."""
        number = read_number(written)
        if isinstance(number, PhoneNumber) and number.country not in self._countries:
            return NumberFlaw.COUNTRY
        return number


def read_number(written: object) -> PhoneNumber | NumberFlaw:
    """The number that was meant, of any country, or why nothing is sent there.

    It has to say its country, after a plus sign or the 00 that ITU-T E.164 recommends for it: no country has numbers of
    its own that begin so, and to guess one costs money.
    """
    found = _WRITTEN.fullmatch(written) if isinstance(written, str) else None
    if found is None:
        return NumberFlaw.UNREADABLE
    try:
        number = parse(f"+{found[1]}", None)
    except NumberParseException:
        return NumberFlaw.UNREADABLE
    if not is_valid_number(number):
        return NumberFlaw.INVALID
    country = region_code_for_number(number)
    if number_type(number) not in _WRITTEN_TO or country is None or not _COUNTRY.fullmatch(country):
        return NumberFlaw.KIND
    return PhoneNumber(format_number(number, PhoneNumberFormat.E164), country)
