"""Bodies: what a JSON:API request names.

The body errors of the interface are a closed list: a media type that is not read, JSON that is not one clear value, no
`data`, no `data.type`, another `data.type`. Whatever else is odd about a body names no factor, and that "MFA type is
missing." (5902) is for the ceremony to say, at its place in the order of checks.

JSON is read strictly, because a body that two readers understand differently is not one request: no duplicate keys, no
NaN or Infinity, UTF-8 without a byte order mark. What stays out: the size limit, which is the door's.
"""

from mfa_gateway.core.ceremony import Failed
from mfa_gateway.core.verdict import Reason
from mfa_gateway.dialects.glue.media import is_readable
from mfa_gateway.dialects.wire import parsed_json


def named_factor(content_type: str, body: bytes, resource: str) -> str | Failed | None:
    """The `data.attributes.type` of a request for `resource`; None where that is missing or no string."""
    if not is_readable(content_type):
        return Failed(Reason.BODY_UNSUPPORTED)
    data = _member(parsed_json(body), "data")
    named = _member(data, "type")
    if not isinstance(named, str):
        return Failed(Reason.BODY_MALFORMED, detail="not a JSON object with data.type")
    if named != resource:
        return Failed(Reason.BODY_TYPE_INVALID)
    return _text(_member(_member(data, "attributes"), "type"))


def _text(value: object) -> str | Failed | None:
    if not isinstance(value, str):
        return None
    # JSON can escape half of a surrogate pair. That is no text (RFC 8259 section 8.2), and nothing could log it.
    if any("\ud800" <= char <= "\udfff" for char in value):
        return Failed(Reason.BODY_MALFORMED, detail="data.attributes.type is not Unicode text")
    return value


def _member(value: object, name: str) -> object:
    return value.get(name) if isinstance(value, dict) else None
