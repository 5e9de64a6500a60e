"""Description: the page that says what can be asked of this gateway, made of what its dialects say of themselves.

What stays out: every word about a single endpoint (dialects).
"""

import json
from collections.abc import Iterable

from mfa_gateway import __version__
from mfa_gateway.dialects.describing import Described
from mfa_gateway.dialects.openapi import openapi
from mfa_gateway.dialects.wire import NO_STORE, Dialect, Reply
from mfa_gateway.doors.page import OPENAPI, Page
from mfa_gateway.settings import Settings


def openapi_page(settings: Settings, served: Iterable[object], fallback: Dialect) -> Page | None:
    """The OpenAPI document of the dialects that are served and can say what they take; None where there is none."""
    descriptions = [dialect.describe() for dialect in served if isinstance(dialect, Described)]
    if not descriptions:
        return None
    server = str(settings.public_url).rstrip("/") or "/"
    document = openapi(descriptions, version=__version__, server=server)
    body = json.dumps(document, separators=(",", ":")).encode("ascii")
    return Page(OPENAPI, Reply(200, (*NO_STORE, (b"content-type", b"application/json")), body), fallback)
