"""The alphabet of short messages: what fits one segment, and what needs twice the bytes.

A message in the GSM 7 bit default alphabet (3GPP TS 23.038 section 6.2.1) has 160 characters a segment, and is paid for
by the segment. One character beyond it makes the whole message UCS-2, with 70 a segment. What stays out: the words.
"""

from typing import Final

SEGMENT: Final = 160
_UCS2_SEGMENT: Final = 70
# 3GPP TS 23.040 section 9.2.3.24.1: the parts of a longer message carry 6 bytes that say how they belong together.
_PART: Final = 153
_UCS2_PART: Final = 67

_BASIC: Final = frozenset(
    "@\u00a3$\u00a5\u00e8\u00e9\u00f9\u00ec\u00f2\u00c7\n\u00d8\u00f8\r\u00c5\u00e5"
    "\u0394_\u03a6\u0393\u039b\u03a9\u03a0\u03a8\u03a3\u0398\u039e\u00c6\u00e6\u00df\u00c9"
    " !\"#\u00a4%&'()*+,-./0123456789:;<=>?"
    "\u00a1ABCDEFGHIJKLMNOPQRSTUVWXYZ\u00c4\u00d6\u00d1\u00dc\u00a7"
    "\u00bfabcdefghijklmnopqrstuvwxyz\u00e4\u00f6\u00f1\u00fc\u00e0"
)
# Section 6.2.1.1: reached through an escape, so they count twice.
_EXTENSION: Final = frozenset("\f^{}\\[~]|\u20ac")


def is_gsm(text: str) -> bool:
    """Whether every character is of the alphabet or its extension."""
    return _BASIC.union(_EXTENSION).issuperset(text)


def segments(text: str) -> int:
    """How many messages a text is paid for as, at least 1."""
    if is_gsm(text):
        size, whole, part = sum(2 if char in _EXTENSION else 1 for char in text), SEGMENT, _PART
    else:
        size, whole, part = len(text.encode("utf-16-le")) // 2, _UCS2_SEGMENT, _UCS2_PART
    return 1 if size <= whole else -(-size // part)
