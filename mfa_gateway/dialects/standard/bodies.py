"""Bodies: what a request says, read so that no two readers could understand it differently.

A body is one JSON object of members that are known here, each a string: UTF-8 without a byte order mark, no member
twice, no NaN or Infinity, nothing below the object. Whatever is wrong is told with the place of the member. Another
media type than JSON is not read, or any web page could post a body as a plain form; that is why a POST has one, if only
`{}`. What stays out: the size limit, which is the door's, and which member means what (codec).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import quote

from mfa_gateway.core.ceremony import Failed
from mfa_gateway.core.verdict import Reason
from mfa_gateway.dialects.wire import parsed_json

# RFC 8259 section 8.1: `charset=utf-8` says what JSON is anyway. Possessive: the time to refuse is linear.
_READABLE: Final = re.compile(
    r'[ \t]*+application/json(?:[ \t]*+;[ \t]*+(?:charset=(?:utf-8|"utf-8"))?+)*+[ \t]*+', re.ASCII | re.IGNORECASE
)
# The name of a stranger's member is told back only as far as it could be a slip of the pen.
_LONGEST_TOLD: Final = 64

Members = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Shape:
    """The members that a body has to have, and those that it may have."""

    needed: frozenset[str] = field(default_factory=frozenset)
    allowed: frozenset[str] = field(default_factory=frozenset)


def read_body(content_type: str, body: bytes, shape: Shape) -> Members | Failed:
    """The members of a body, or what is wrong with it: 415 for another media type, else 400 with a place."""
    if _READABLE.fullmatch(content_type) is None:
        return Failed(Reason.BODY_UNSUPPORTED)
    document = parsed_json(body)
    if not isinstance(document, dict):
        return wrong("", "must be one JSON object, with each member once")
    for name, value in document.items():
        if name not in shape.needed | shape.allowed:
            return wrong(name, "is not a member that is known here") if _is_told(name) else wrong("", _STRANGE)
        if not isinstance(value, str) or not _is_text(value):
            return wrong(name, "must be a string of Unicode text")
    missing = sorted(shape.needed - document.keys())
    return wrong(missing[0], "is missing") if missing else document


def wrong(member: str, why: str) -> Failed:
    """The failure of a body whose `member` is wrong; "" is the body as a whole."""
    escaped = quote(member.replace("~", "~0").replace("/", "~1"), safe="~")
    return Failed(Reason.BODY_MALFORMED, detail=why, pointer=f"/{escaped}" if member else "")


_STRANGE: Final = "has a member that is not known here"


def _is_told(name: str) -> bool:
    return 0 < len(name) <= _LONGEST_TOLD and _is_text(name)


def _is_text(value: str) -> bool:
    # JSON can escape half of a surrogate pair. That is no text (RFC 8259 section 8.2), and nothing could send it on.
    return not any("\ud800" <= char <= "\udfff" for char in value)
