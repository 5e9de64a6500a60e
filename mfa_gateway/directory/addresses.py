"""Addresses: the one form in which the gateway knows a mailbox, a phone number and a language.

An address decides where a code goes, so whatever might be two recipients, a header or a comment for some mail server is
no address here. What stays out: whether an address is verified, and whether anybody reads what is sent there.
"""

import re
from typing import Final

from mfa_gateway.core.phone import PhoneNumber
from mfa_gateway.directory.numbers import read_number

# RFC 5321 section 4.5.3.1: 64 octets before the @, and RFC 3696 erratum 1690: 254 in all.
MAX_EMAIL: Final = 254
_MAX_LOCAL_PART: Final = 64
# RFC 5322 section 3.2.3 (atext, dot-atom) and RFC 1123 section 2.1 (labels). Quoted local parts, address literals and
# characters beyond ASCII are left out: few servers agree about them.
_ATOM: Final = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~\-]+"
_LABEL: Final = r"[A-Za-z0-9](?:[A-Za-z0-9\-]{0,61}[A-Za-z0-9])?"
_ADDR_SPEC: Final = re.compile(rf"(?P<local>{_ATOM}(?:\.{_ATOM})*)@(?P<domain>{_LABEL}(?:\.{_LABEL})*)", re.ASCII)
# RFC 5646 section 2.1 and section 4.4.1: 35 characters hold every tag that is in use.
_MAX_LOCALE: Final = 35
_LOCALE: Final = re.compile(r"[A-Za-z]{2,8}(?:-[A-Za-z0-9]{1,8})*", re.ASCII)


def canonical_email(value: object) -> str | None:
    """One mailbox: trimmed, the domain in lower case. None for everything that is not exactly one plain addr-spec.

    The local part keeps its case: only its own server knows whether that matters (RFC 5321 section 2.4).
    """
    text = value.strip(" ") if isinstance(value, str) else ""
    found = _ADDR_SPEC.fullmatch(text) if len(text) <= MAX_EMAIL else None
    if found is None or len(found["local"]) > _MAX_LOCAL_PART:
        return None
    return f"{found['local']}@{found['domain'].lower()}"


def canonical_phone(value: object) -> str | None:
    """A mobile number in E.164, however it was written, or None for everything that no message is sent to (numbers)."""
    number = read_number(value)
    return number.e164 if isinstance(number, PhoneNumber) else None


def canonical_locale(value: object) -> str | None:
    """A language tag with hyphens (`de_AT` is a custom of OpenID Connect Core section 5.1), or None."""
    tag = value.replace("_", "-") if isinstance(value, str) and len(value) <= _MAX_LOCALE else ""
    return tag if _LOCALE.fullmatch(tag) else None
