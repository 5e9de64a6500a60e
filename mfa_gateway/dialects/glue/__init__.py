"""Glue: the JSON:API form of second factors, five endpoints and the errors 5900 to 5910 (spec/glue.md).

What stays out: every decision. Which code is valid where is the ceremonies' and the gate's; this room only translates.
"""

from mfa_gateway.dialects.glue.codec import Glue, StatusFormat
from mfa_gateway.dialects.glue.errors import Audience

__all__ = ["Audience", "Glue", "StatusFormat"]
